package servicegraph

import (
	"cmp"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/tenant"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	shop = &Process{Tenant: tenant.Default, Service: "shop", Version: "1", Environment: "production"}
	pay1 = &Process{Tenant: tenant.Default, Service: "pay", Version: "1", Environment: "production", CommitSHA: "c1", BuildRunID: "r1"}
	pay2 = &Process{Tenant: tenant.Default, Service: "pay", Version: "2", Environment: "production", CommitSHA: "c2", BuildRunID: "r2"}
)

func span(p *Process, side Side, call uint64, edit ...func(*Span)) Span {
	s := Span{Process: p, Side: side, Start: noon, Duration: time.Millisecond, Weight: 1, Trace: [16]byte{1}}
	binary.BigEndian.PutUint64(s.Call[:], call)
	for _, e := range edit {
		e(&s)
	}
	return s
}

func flush(g *Graph, after time.Duration, all bool) []Edge {
	edges := g.Flush(noon.Add(after), all)
	slices.SortFunc(edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Src, b.Src), cmp.Compare(a.Dst, b.Dst), cmp.Compare(a.DstVersion, b.DstVersion))
	})
	return edges
}

func TestCallsArePairedByVersions(t *testing.T) {
	g := New(Options{})
	slow := func(s *Span) { s.Duration = 3 * time.Millisecond }
	failed := func(s *Span) { s.Failed = true }
	g.Add(span(shop, Client, 1, slow), noon)
	g.Add(span(pay1, Server, 1), noon)
	g.Add(span(pay2, Server, 2, failed), noon) // the server's span comes first
	g.Add(span(shop, Client, 2), noon)
	edges := flush(g, 0, false)
	require.Len(t, edges, 2)
	require.Equal(t, Edge{
		Tenant: tenant.Default, Minute: noon.Truncate(time.Minute), Src: "shop", Dst: "pay", Connection: RPC, Environment: "production",
		SrcVersion: "1", DstVersion: "1", DstCommitSHA: "c1", DstBuildRunID: "r1",
		Sums: Sums{Calls: 1, DurationSum: 3e6, DurationMax: 3e6, Histogram: map[uint8]uint64{Bucket(3 * time.Millisecond): 1}},
	}, edges[0], "the caller's time counts")
	require.Equal(t, 1.0, edges[1].Errors, "an error of either side is one")
	require.Empty(t, flush(g, 0, false), "edges are given once")
	counts, pending := g.Counts()
	require.Equal(t, Counts{Paired: 2}, counts)
	require.Zero(t, pending)
}

func TestOneSideAloneIsUnpairedAfterTheWait(t *testing.T) {
	g := New(Options{Wait: time.Second})
	g.Add(span(shop, Client, 1, func(s *Span) { s.Peer = "api.example.com" }), noon)
	g.Add(span(pay1, Server, 2), noon)
	g.Add(span(shop, Client, 3, func(s *Span) { s.Messaging, s.Peer = true, "orders" }), noon)
	g.Add(span(shop, Client, 4, func(s *Span) { s.Database = "postgresql" }), noon)
	require.Equal(t, []Edge{{
		Tenant: tenant.Default, Minute: noon.Truncate(time.Minute), Src: "shop", SrcVersion: "1", Dst: "postgresql", Connection: Database, Environment: "production",
		Sums: Sums{Calls: 1, DurationSum: 1e6, DurationMax: 1e6, Histogram: map[uint8]uint64{Bucket(time.Millisecond): 1}},
	}}, flush(g, 999*time.Millisecond, false), "a database is never waited for")
	edges := flush(g, time.Second, false)
	require.Len(t, edges, 3)
	for i, want := range []struct {
		src, dst   string
		connection Connection
	}{{"", "pay", RPC}, {"shop", "api.example.com", External}, {"shop", "orders", Messaging}} {
		require.Equal(t, want.src, edges[i].Src)
		require.Equal(t, want.dst, edges[i].Dst)
		require.Equal(t, want.connection, edges[i].Connection)
		require.Equal(t, 1.0, edges[i].Unpaired)
	}
}

func TestBounds(t *testing.T) {
	g := New(Options{MaxPending: 2, MaxEdges: 1})
	for call := range uint64(5) {
		g.Add(span(shop, Client, call), noon)
	}
	_, pending := g.Counts()
	require.Equal(t, 2, pending)
	g.Add(span(pay1, Server, 4), noon)
	counts, pending := g.Counts()
	require.Equal(t, Counts{Paired: 1, Unpaired: 3, Evicted: 3, Dropped: 1}, counts)
	require.Equal(t, 1, pending)
	edges := flush(g, 0, true)
	require.Len(t, edges, 1)
	require.Equal(t, 4.0, edges[0].Calls)
}

func TestTenantsAreNeverPaired(t *testing.T) {
	g := New(Options{})
	other := *pay1
	other.Tenant = tenant.ID{9}
	g.Add(span(shop, Client, 1), noon)
	g.Add(span(&other, Server, 1), noon)
	_, pending := g.Counts()
	require.Equal(t, 2, pending)
}

// Whatever the order of the spans, every call is counted once and its time is the caller's.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var spans []Span
		calls := rapid.IntRange(1, 30).Draw(t, "calls")
		want := map[string]float64{}
		for call := range calls {
			callee := rapid.SampledFrom([]*Process{pay1, pay2}).Draw(t, "callee")
			weight := float64(rapid.IntRange(1, 4).Draw(t, "weight"))
			heavy := func(s *Span) { s.Weight = weight }
			spans = append(spans, span(shop, Client, uint64(call), heavy), span(callee, Server, uint64(call), heavy))
			want[callee.Version] += weight
		}
		g := New(Options{})
		for _, s := range rapid.Permutation(spans).Draw(t, "order") {
			g.Add(s, noon)
		}
		got := map[string]float64{}
		for _, e := range g.Flush(noon, true) {
			got[e.DstVersion] += e.Calls
			if e.Unpaired != 0 {
				t.Fatalf("%+v is unpaired", e)
			}
		}
		require.Equal(t, want, got)
	})
}

func TestBucketIsTheStoresOwn(t *testing.T) {
	for d, want := range map[time.Duration]uint8{0: 0, time.Microsecond: 0, 1025: 0, 1218: 1, time.Millisecond: 39, time.Second: 79, 1 << 62: 208} {
		require.Equal(t, want, Bucket(d), d)
	}
}
