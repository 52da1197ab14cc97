package graphtest

import (
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/tenant"
)

// chain is a commit's way to a service: c ← r → a ← d → s.
func (b *bench) chain() {
	b.write(b.nodes(c("1"), r("1"), a("1"), d("1"), s("shop")),
		edge(r("1"), "OF_COMMIT", c("1")), edge(r("1"), "PRODUCED", a("1")), edge(d("1"), "DEPLOYS", a("1")), edge(d("1"), "DEPLOYED_TO", s("shop")))
}

// line is a row of artifacts, each depending on the next.
func (b *bench) line(n int) {
	var edges []graph.Edge
	for i := range n {
		edges = append(edges, edge(a(strconv.Itoa(i)), "DEPENDS_ON", a(strconv.Itoa(i+1))))
	}
	b.write(nil, edges...)
}

func rels(names ...string) func(*graph.Walk)  { return func(w *graph.Walk) { w.Rels = names } }
func kinds(names ...string) func(*graph.Walk) { return func(w *graph.Walk) { w.Kinds = names } }
func limit(n int) func(*graph.Walk)           { return func(w *graph.Walk) { w.Limit = n } }

func (b *bench) absent(err error) {
	b.Helper()
	require.ErrorIs(b, err, graph.ErrNotFound)
}

var cases = append(append(nodeCases, walkCases...), append(pathCases, otherCases...)...)

var nodeCases = []testCase{
	{"a node comes back whole", func(b *bench) {
		n := node(r("1"), func(n *graph.Node) { n.Props = map[string]string{"status": "success", "branch": "main"} })
		b.write([]graph.Node{n})
		got, err := b.Node(b.ctx, b.id, r("1"))
		require.NoError(b, err)
		require.Equal(b, n, got)
	}},
	{"an unknown node isn't found", func(b *bench) {
		_, err := b.Node(b.ctx, b.id, r("1"))
		b.absent(err)
	}},
	{"the same id of another kind is another node", func(b *bench) {
		b.write(b.nodes(c("1")))
		_, err := b.Node(b.ctx, b.id, r("1"))
		b.absent(err)
	}},
	{"the higher version holds", func(b *bench) {
		newer := func(v uint64, name string) graph.Node {
			return node(r("1"), func(n *graph.Node) { n.Version, n.Name = v, name })
		}
		b.write([]graph.Node{newer(2, "second")})
		b.write([]graph.Node{newer(1, "first")})
		b.named(r("1"), "second")
		b.write([]graph.Node{newer(3, "third")})
		b.named(r("1"), "third")
	}},
	{"two versions in one write", func(b *bench) {
		b.write([]graph.Node{
			node(r("1"), func(n *graph.Node) { n.Version, n.Name = 5, "newer" }), node(r("1"), func(n *graph.Node) { n.Version, n.Name = 4, "older" }),
		})
		b.named(r("1"), "newer")
	}},
	{"the same write again changes nothing", func(b *bench) {
		b.chain()
		b.chain()
		b.reach(c("1"), all(graph.Both, 9), "BuildRun:1@1", "Artifact:1@2", "Deployment:1@3", "Service:shop@4")
	}},
	{"props of the newer version replace those of the older", func(b *bench) {
		b.write([]graph.Node{node(r("1"), func(n *graph.Node) { n.Props = map[string]string{"old": "1"} })})
		b.write([]graph.Node{node(r("1"), func(n *graph.Node) { n.Version, n.Props = 2, map[string]string{"new": "1"} })})
		got, err := b.Node(b.ctx, b.id, r("1"))
		require.NoError(b, err)
		require.Equal(b, map[string]string{"new": "1"}, got.Props)
	}},
	{"an edge makes stubs of ends that nobody described", func(b *bench) {
		b.write(nil, edge(r("1"), "OF_COMMIT", c("1")))
		for _, ref := range []graph.Ref{r("1"), c("1")} {
			got, err := b.Node(b.ctx, b.id, ref)
			require.NoError(b, err)
			require.True(b, got.Stub)
		}
	}},
	{"a description replaces a stub", func(b *bench) {
		b.write(nil, edge(r("1"), "OF_COMMIT", c("1")))
		b.write(b.nodes(c("1")))
		got, err := b.Node(b.ctx, b.id, c("1"))
		require.NoError(b, err)
		require.False(b, got.Stub)
		require.Equal(b, "name of 1", got.Name)
	}},
	{"a stub never replaces a description", func(b *bench) {
		b.write(b.nodes(c("1")))
		b.write([]graph.Node{node(c("1"), func(n *graph.Node) { n.Stub, n.Name, n.Version = true, "", 0 })}, edge(r("1"), "OF_COMMIT", c("1")))
		b.named(c("1"), "name of 1")
	}},
	{"a deleted node isn't found", func(b *bench) {
		b.chain()
		b.remove(a("1"))
		_, err := b.Node(b.ctx, b.id, a("1"))
		b.absent(err)
	}},
	{"a deleted node comes back with a higher version", func(b *bench) {
		b.write(b.nodes(a("1")))
		b.remove(a("1"))
		b.write([]graph.Node{node(a("1"), func(n *graph.Node) { n.Version = 9 })})
		b.named(a("1"), "name of 1")
	}},
	{"ids of any letters", func(b *bench) {
		odd := a("sha256:ä/\\ '\"`\n{}$ –")
		b.write([]graph.Node{node(odd)}, edge(d("1"), "DEPLOYS", odd))
		b.reach(d("1"), all(graph.Out, 1), "Artifact:"+odd.ID+"@1")
	}},
	{"times to the millisecond", func(b *bench) {
		when := Start.Add(123 * time.Millisecond)
		b.write([]graph.Node{node(r("1"), func(n *graph.Node) { n.FirstSeen, n.LastSeen = when, when })})
		got, err := b.Node(b.ctx, b.id, r("1"))
		require.NoError(b, err)
		require.True(b, when.Equal(got.FirstSeen))
	}},
}

func (b *bench) named(ref graph.Ref, name string) {
	b.Helper()
	got, err := b.Node(b.ctx, b.id, ref)
	require.NoError(b, err)
	require.Equal(b, name, got.Name)
}

func (b *bench) remove(ref graph.Ref) {
	b.write([]graph.Node{node(ref, func(n *graph.Node) { n.Deleted, n.Version = true, 5 })})
}

var walkCases = []testCase{
	{"out follows edges forward", func(b *bench) {
		b.chain()
		b.reach(r("1"), all(graph.Out, 9), "Artifact:1@1", "Commit:1@1")
	}},
	{"in follows them back", func(b *bench) {
		b.chain()
		b.reach(a("1"), all(graph.In, 9), "BuildRun:1@1", "Deployment:1@1")
	}},
	{"both follows them either way", func(b *bench) {
		b.chain()
		b.reach(s("shop"), all(graph.Both, 9), "Deployment:1@1", "Artifact:1@2", "BuildRun:1@3", "Commit:1@4")
	}},
	{"depth ends the walk", func(b *bench) {
		b.line(9)
		b.reach(a("0"), all(graph.Out, 3), "Artifact:1@1", "Artifact:2@2", "Artifact:3@3")
	}},
	{"depth of one", func(b *bench) {
		b.line(3)
		b.reach(a("0"), all(graph.Out, 1), "Artifact:1@1")
	}},
	{"relations are chosen", func(b *bench) {
		b.chain()
		b.reach(d("1"), all(graph.Out, 9, rels("DEPLOYED_TO")), "Service:shop@1")
	}},
	{"several relations", func(b *bench) {
		b.chain()
		b.reach(c("1"), all(graph.Both, 9, rels("OF_COMMIT", "PRODUCED")), "BuildRun:1@1", "Artifact:1@2")
	}},
	{"an unknown relation leads nowhere", func(b *bench) {
		b.chain()
		b.reach(c("1"), all(graph.Both, 9, rels("NOTHING")))
	}},
	{"kinds are given, others walked through", func(b *bench) {
		b.chain()
		b.reach(c("1"), all(graph.Both, 9, kinds("Service")), "Service:shop@4")
	}},
	{"several kinds", func(b *bench) {
		b.chain()
		b.reach(c("1"), all(graph.Both, 9, kinds("Service", "BuildRun")), "BuildRun:1@1", "Service:shop@4")
	}},
	{"the limit keeps the nearest", func(b *bench) {
		b.line(9)
		b.reach(a("0"), all(graph.Out, 9, limit(2)), "Artifact:1@1", "Artifact:2@2")
	}},
	{"of equally near ones the least are kept", func(b *bench) {
		b.write(nil, edge(d("1"), "DEPLOYS", a("3")), edge(d("1"), "DEPLOYS", a("1")), edge(d("1"), "DEPLOYS", a("2")))
		b.reach(d("1"), all(graph.Out, 1, limit(2)), "Artifact:1@1", "Artifact:2@1")
	}},
	{"a ring ends", func(b *bench) {
		b.write(nil, edge(a("1"), "DEPENDS_ON", a("2")), edge(a("2"), "DEPENDS_ON", a("3")), edge(a("3"), "DEPENDS_ON", a("1")))
		b.reach(a("1"), all(graph.Out, 64), "Artifact:2@1", "Artifact:3@2")
	}},
	{"an edge to itself", func(b *bench) {
		b.write(nil, edge(a("1"), "DEPENDS_ON", a("1")))
		b.reach(a("1"), all(graph.Both, 5))
	}},
	{"the shorter of two ways counts", func(b *bench) {
		b.line(3)
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("3")))
		b.reach(a("0"), all(graph.Out, 9), "Artifact:1@1", "Artifact:3@1", "Artifact:2@2")
	}},
	{"two relations between two nodes are one step", func(b *bench) {
		b.write(nil, edge(d("1"), "DEPLOYS", a("1")), edge(d("1"), "VERIFIED", a("1")))
		b.reach(d("1"), all(graph.Out, 9), "Artifact:1@1")
	}},
	{"a deleted edge isn't followed", func(b *bench) {
		b.line(2)
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("1"), func(e *graph.Edge) { e.Deleted, e.Version = true, 2 }))
		b.reach(a("0"), all(graph.Out, 9))
	}},
	{"an older deletion of an edge changes nothing", func(b *bench) {
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("1"), func(e *graph.Edge) { e.Version = 7 }))
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("1"), func(e *graph.Edge) { e.Deleted, e.Version = true, 6 }))
		b.reach(a("0"), all(graph.Out, 9), "Artifact:1@1")
	}},
	{"a deleted node isn't walked over", func(b *bench) {
		b.line(3)
		b.remove(a("1"))
		b.reach(a("0"), all(graph.Out, 9))
	}},
	{"a walk from a deleted node isn't", func(b *bench) {
		b.line(3)
		b.remove(a("0"))
		_, err := b.Walk(b.ctx, b.id, a("0"), all(graph.Out, 9))
		b.absent(err)
	}},
	{"a walk from nowhere", func(b *bench) {
		b.chain()
		_, err := b.Walk(b.ctx, b.id, c("none"), all(graph.Out, 9))
		b.absent(err)
	}},
	{"a node without edges reaches nothing", func(b *bench) {
		b.write(b.nodes(c("1")))
		b.reach(c("1"), all(graph.Both, 9))
	}},
	{"edges of another time are left out", func(b *bench) {
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("1")), edge(a("0"), "DEPENDS_ON", a("2"), func(e *graph.Edge) { e.FirstSeen, e.LastSeen = at(10), at(11) }))
		since := func(w *graph.Walk) { w.Since = at(5) }
		until := func(w *graph.Walk) { w.Until = at(5) }
		b.reach(a("0"), all(graph.Out, 9, since), "Artifact:2@1")
		b.reach(a("0"), all(graph.Out, 9, until), "Artifact:1@1")
	}},
	{"an edge that reaches into the time is in", func(b *bench) {
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("1"), func(e *graph.Edge) { e.FirstSeen, e.LastSeen = at(0), at(10) }))
		b.reach(a("0"), all(graph.Out, 9, func(w *graph.Walk) { w.Since, w.Until = at(4), at(5) }), "Artifact:1@1")
	}},
	{"a hub", func(b *bench) {
		var edges []graph.Edge
		for i := range 300 {
			edges = append(edges, edge(a(strconv.Itoa(1000+i)), "DEPENDS_ON", a("hub")))
		}
		b.write(nil, edges...)
		got, err := b.Walk(b.ctx, b.id, a("hub"), all(graph.In, 3))
		require.NoError(b, err)
		require.Len(b, got, 300)
	}},
}

var pathCases = []testCase{
	{"the shortest way", func(b *bench) {
		b.line(3)
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("2")))
		b.path(a("0"), a("3"), all(graph.Out, 9), "0", "2", "3")
	}},
	{"a way to itself is one node", func(b *bench) {
		b.line(1)
		b.path(a("0"), a("0"), all(graph.Out, 9), "0")
	}},
	{"no way in this direction", func(b *bench) {
		b.line(3)
		b.path(a("3"), a("0"), all(graph.Out, 9))
		b.path(a("3"), a("0"), all(graph.In, 9), "3", "2", "1", "0")
	}},
	{"a way that is too long", func(b *bench) {
		b.line(5)
		b.path(a("0"), a("5"), all(graph.Out, 4))
		b.path(a("0"), a("5"), all(graph.Out, 5), "0", "1", "2", "3", "4", "5")
	}},
	{"of equal ways the least", func(b *bench) {
		b.write(nil, edge(a("0"), "DEPENDS_ON", a("x")), edge(a("0"), "DEPENDS_ON", a("b")), edge(a("x"), "DEPENDS_ON", a("9")), edge(a("b"), "DEPENDS_ON", a("9")))
		b.path(a("0"), a("9"), all(graph.Out, 9), "0", "b", "9")
	}},
	{"a way either way", func(b *bench) {
		b.chain()
		b.path(c("1"), s("shop"), all(graph.Both, 9), "1", "1", "1", "1", "shop")
	}},
	{"a way by chosen relations", func(b *bench) {
		b.line(2)
		b.write(nil, edge(a("0"), "OTHER", a("2")))
		b.path(a("0"), a("2"), all(graph.Out, 9, rels("DEPENDS_ON")), "0", "1", "2")
	}},
	{"a way from or to nowhere", func(b *bench) {
		b.line(1)
		_, err := b.Path(b.ctx, b.id, a("0"), a("none"), all(graph.Out, 9))
		b.absent(err)
		_, err = b.Path(b.ctx, b.id, a("none"), a("0"), all(graph.Out, 9))
		b.absent(err)
	}},
}

var otherCases = []testCase{
	{"edges of a node in their order", func(b *bench) {
		b.chain()
		got, err := b.Edges(b.ctx, b.id, d("1"), graph.Out)
		require.NoError(b, err)
		require.Equal(b, []graph.Edge{edge(d("1"), "DEPLOYED_TO", s("shop")), edge(d("1"), "DEPLOYS", a("1"))}, got)
		got, err = b.Edges(b.ctx, b.id, a("1"), graph.Both)
		require.NoError(b, err)
		require.Len(b, got, 2)
		got, err = b.Edges(b.ctx, b.id, a("1"), graph.Out)
		require.NoError(b, err)
		require.Empty(b, got)
	}},
	{"an edge keeps its basis and props", func(b *bench) {
		e := edge(d("1"), "FROM_RUN", r("1"), func(e *graph.Edge) { e.Basis, e.Props = "digest", map[string]string{"k": "v"} })
		b.write(nil, e)
		got, err := b.Edges(b.ctx, b.id, d("1"), graph.Out)
		require.NoError(b, err)
		require.Equal(b, []graph.Edge{e}, got)
	}},
	{"edges of nowhere", func(b *bench) {
		_, err := b.Edges(b.ctx, b.id, d("1"), graph.Out)
		b.absent(err)
	}},
	{"nodes of a kind are listed in pages", func(b *bench) {
		b.write(b.nodes(a("1"), a("2"), a("3"), c("1")))
		b.listed("Artifact", "", 2, "1", "2")
		b.listed("Artifact", "2", 2, "3")
		b.listed("Artifact", "3", 2)
		b.listed("Nothing", "", 2)
	}},
	{"deleted nodes aren't listed, stubs are", func(b *bench) {
		b.write(b.nodes(a("1")), edge(d("1"), "DEPLOYS", a("2")))
		b.remove(a("1"))
		b.listed("Artifact", "", 9, "2")
	}},
	{"tenants don't see each other", func(b *bench) {
		b.chain()
		other := tenant.ID(uuid.New())
		_, err := b.Node(b.ctx, other, c("1"))
		b.absent(err)
		_, err = b.Walk(b.ctx, other, c("1"), all(graph.Both, 9))
		b.absent(err)
		got, err := b.List(b.ctx, other, "Commit", "", 9)
		require.NoError(b, err)
		require.Empty(b, got)
	}},
	{"the same ids of two tenants are two graphs", func(b *bench) {
		b.chain()
		other := &bench{b.T, b.Subject, b.ctx, tenant.ID(uuid.New())}
		other.write(other.nodes(c("1")))
		other.reach(c("1"), all(graph.Both, 9))
	}},
	{"nothing without a tenant", func(b *bench) {
		var none tenant.ID
		_, err := b.Node(b.ctx, none, c("1"))
		require.ErrorIs(b, err, graph.ErrNoTenant)
		_, err = b.Walk(b.ctx, none, c("1"), all(graph.Out, 1))
		require.ErrorIs(b, err, graph.ErrNoTenant)
		require.ErrorIs(b, b.Write(b.ctx, none, b.nodes(c("1")), nil), graph.ErrNoTenant)
		_, err = b.List(b.ctx, none, "Commit", "", 1)
		require.ErrorIs(b, err, graph.ErrNoTenant)
	}},
	{"bounds are named", func(b *bench) {
		b.chain()
		for want, w := range map[string]graph.Walk{
			"depth must be from 1 to 64, got 0":     {Limit: 1},
			"depth must be from 1 to 64, got 65":    {Depth: 65, Limit: 1},
			"limit must be from 1 to 100000, got 0": {Depth: 1},
			"direction is 7":                        {Depth: 1, Limit: 1, Direction: 7},
			"until is before since":                 {Depth: 1, Limit: 1, Since: at(2), Until: at(1)},
		} {
			_, err := b.Walk(b.ctx, b.id, c("1"), w)
			require.ErrorContains(b, err, want)
			_, err = b.Path(b.ctx, b.id, c("1"), c("1"), w)
			require.ErrorContains(b, err, want)
		}
		_, err := b.List(b.ctx, b.id, "Commit", "", 0)
		require.ErrorContains(b, err, "limit must be from 1")
		require.False(b, errors.Is(err, graph.ErrNotFound))
	}},
}

func (b *bench) listed(kind, after string, limit int, want ...string) {
	b.Helper()
	got, err := b.List(b.ctx, b.id, kind, after, limit)
	require.NoError(b, err)
	ids := []string{}
	for _, n := range got {
		ids = append(ids, n.ID)
	}
	if want == nil {
		want = []string{}
	}
	require.Equal(b, want, ids)
}
