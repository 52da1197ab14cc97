// Package graphtest is the suite of cases that every implementation of graph.Store has to pass, and random graphs on which
// each is compared with the reference. It is imported by tests only.
package graphtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/tenant"
)

// Start is when the graphs of the cases begin.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Subject is a store under test. Settle is called after writes, for stores that see them a while later.
type Subject struct {
	graph.Store
	Settle func(t testing.TB, id tenant.ID)
}

// bench is a case's place: a tenant of its own, so that cases can share a store.
type bench struct {
	*testing.T
	Subject
	ctx context.Context
	id  tenant.ID
}

func at(hours int) time.Time { return Start.Add(time.Duration(hours) * time.Hour) }

func ref(kind, id string) graph.Ref { return graph.Ref{Kind: kind, ID: id} }

// c, r, a, d and s are refs of the kinds that the cases use.
func c(id string) graph.Ref { return ref("Commit", id) }
func r(id string) graph.Ref { return ref("BuildRun", id) }
func a(id string) graph.Ref { return ref("Artifact", id) }
func d(id string) graph.Ref { return ref("Deployment", id) }
func s(id string) graph.Ref { return ref("Service", id) }

func node(of graph.Ref, edit ...func(*graph.Node)) graph.Node {
	n := graph.Node{Ref: of, Name: "name of " + of.ID, FirstSeen: at(0), LastSeen: at(1), Props: map[string]string{}, Version: 1}
	for _, e := range edit {
		e(&n)
	}
	return n
}

func edge(from graph.Ref, rel string, to graph.Ref, edit ...func(*graph.Edge)) graph.Edge {
	e := graph.Edge{From: from, To: to, Rel: rel, Basis: "none", FirstSeen: at(0), LastSeen: at(1), Props: map[string]string{}, Version: 1}
	for _, f := range edit {
		f(&e)
	}
	return e
}

func (b *bench) write(nodes []graph.Node, edges ...graph.Edge) {
	b.Helper()
	require.NoError(b, b.Write(b.ctx, b.id, nodes, edges))
	b.Settle(b, b.id)
}

func (b *bench) nodes(refs ...graph.Ref) []graph.Node {
	out := make([]graph.Node, len(refs))
	for i, ref := range refs {
		out[i] = node(ref)
	}
	return out
}

func all(direction graph.Direction, depth int, edit ...func(*graph.Walk)) graph.Walk {
	w := graph.Walk{Direction: direction, Depth: depth, Limit: 1000}
	for _, e := range edit {
		e(&w)
	}
	return w
}

// reach checks what a walk gives, as "kind:id@depth".
func (b *bench) reach(from graph.Ref, w graph.Walk, want ...string) {
	b.Helper()
	got, err := b.Walk(b.ctx, b.id, from, w)
	require.NoError(b, err)
	names := []string{}
	for _, n := range got {
		names = append(names, fmt.Sprintf("%s:%s@%d", n.Kind, n.ID, n.Depth))
	}
	if want == nil {
		want = []string{}
	}
	require.Equal(b, want, names)
}

func (b *bench) path(from, to graph.Ref, w graph.Walk, want ...string) {
	b.Helper()
	got, err := b.Path(b.ctx, b.id, from, to, w)
	require.NoError(b, err)
	names := []string{}
	for _, n := range got {
		names = append(names, n.ID)
	}
	if want == nil {
		want = []string{}
	}
	require.Equal(b, want, names)
}

// Run runs all cases.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	subject := open(t)
	if subject.Settle == nil {
		subject.Settle = func(testing.TB, tenant.ID) {}
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.run(&bench{t, subject, t.Context(), tenant.ID(uuid.New())})
		})
	}
}

// Cases is how many there are.
func Cases() int { return len(cases) }

type testCase struct {
	name string
	run  func(b *bench)
}
