package graphtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	randomKinds = []string{"Commit", "BuildRun", "Artifact", "Service"}
	randomRels  = []string{"OF_COMMIT", "PRODUCED", "DEPENDS_ON"}
)

// Random compares a store with the reference on random graphs: each is written in several parts with repeated, older and
// deleted rows among them, and asked for random walks, ways and edges.
func Random(t *testing.T, open func(t *testing.T) Subject, graphs int) {
	subject := open(t)
	if subject.Settle == nil {
		subject.Settle = func(testing.TB, tenant.ID) {}
	}
	for seed := range graphs {
		g := rand.New(rand.NewPCG(uint64(seed), 11))
		id := tenant.ID(uuid.New())
		want := graph.NewMemory()
		n := 2 + g.IntN(30)
		for range 1 + g.IntN(3) {
			nodes, edges := part(g, n)
			require.NoError(t, want.Write(t.Context(), id, nodes, edges))
			require.NoError(t, subject.Write(t.Context(), id, nodes, edges))
		}
		subject.Settle(t, id)
		for question := range 12 {
			ask(t, g, id, want, subject, n, fmt.Sprintf("graph %d question %d", seed, question))
		}
		if t.Failed() {
			return
		}
	}
}

func someRef(g *rand.Rand, n int) graph.Ref {
	return graph.Ref{Kind: randomKinds[g.IntN(len(randomKinds))], ID: fmt.Sprint(g.IntN(n))}
}

// part makes rows whose versions differ, so that what holds doesn't depend on the order of equals.
func part(g *rand.Rand, n int) (nodes []graph.Node, edges []graph.Edge) {
	for range g.IntN(n) {
		nodes = append(nodes, node(someRef(g, n), func(x *graph.Node) {
			x.Version = g.Uint64N(1 << 40)
			x.Name = fmt.Sprint("v", x.Version)
			x.Deleted = g.IntN(10) == 0
		}))
	}
	for range g.IntN(3 * n) {
		edges = append(edges, edge(someRef(g, n), randomRels[g.IntN(len(randomRels))], someRef(g, n), func(e *graph.Edge) {
			e.Version = g.Uint64N(1 << 40)
			e.Deleted = g.IntN(10) == 0
			e.FirstSeen = at(g.IntN(5))
			e.LastSeen = e.FirstSeen.Add(1e9)
		}))
	}
	return nodes, edges
}

func ask(t *testing.T, g *rand.Rand, id tenant.ID, want, got graph.Store, n int, what string) {
	t.Helper()
	ctx, from, to := t.Context(), someRef(g, n), someRef(g, n)
	w := graph.Walk{Direction: graph.Direction(g.IntN(3)), Depth: 1 + g.IntN(8), Limit: 1 + g.IntN(40)}
	if g.IntN(2) == 0 {
		w.Rels = randomRels[:1+g.IntN(2)]
	}
	if g.IntN(3) == 0 {
		w.Kinds = randomKinds[:1+g.IntN(3)]
	}
	if g.IntN(3) == 0 {
		w.Since = at(g.IntN(5))
	}
	same := func(a, b any, errA, errB error) {
		t.Helper()
		if errA != nil {
			require.ErrorIs(t, errB, graph.ErrNotFound, "%s: %+v from %v", what, w, from)
			return
		}
		require.NoError(t, errB, what)
		require.Equal(t, a, b, "%s: %+v from %v to %v", what, w, from, to)
	}
	a, errA := want.Walk(ctx, id, from, w)
	b, errB := got.Walk(ctx, id, from, w)
	same(a, b, errA, errB)
	p, errA := want.Path(ctx, id, from, to, w)
	q, errB := got.Path(ctx, id, from, to, w)
	same(p, q, errA, errB)
	e, errA := want.Edges(ctx, id, from, w.Direction)
	f, errB := got.Edges(ctx, id, from, w.Direction)
	same(e, f, errA, errB)
}
