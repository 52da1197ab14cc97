package neo4jgraph

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/graphtest"
	"github.com/summitobs/summit/internal/graph/neo4jtest"
	"github.com/summitobs/summit/internal/tenant"
)

func open(t *testing.T, server *neo4jtest.Server) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URI: server.URI(), User: "neo4j", Password: neo4jtest.Password})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) }) // the server may be gone
	return s
}

// One server for all: it takes seconds to start.
func TestNeo4j(t *testing.T) {
	server := neo4jtest.Start(t)
	s := open(t, server)
	subject := func(*testing.T) graphtest.Subject { return graphtest.Subject{Store: s} }
	t.Run("cases", func(t *testing.T) { graphtest.Run(t, subject) })
	t.Run("random", func(t *testing.T) { graphtest.Random(t, subject, 200) })
	t.Run("the server explains each statement", func(t *testing.T) { explain(t, s) })
	t.Run("writers at once", func(t *testing.T) { writersAtOnce(t, s) })
	t.Run("what was written outlasts kill -9", func(t *testing.T) { killed(t, server, s) })
}

// explain finds words that the server doesn't know and parameters that nobody gives, without running anything.
func explain(t *testing.T, s *Store) {
	params := map[string]any{
		"tenant": "t", "rows": []any{}, "kind": "k", "id": "i", "after": "", "limit": 1, "refs": []any{}, "rels": []any{}, "since": 0, "until": 1,
	}
	for name, statement := range statements {
		session := s.session(t.Context())
		result, err := session.Run(t.Context(), "EXPLAIN "+statement, params)
		require.NoError(t, err, name)
		summary, err := result.Consume(t.Context())
		require.NoError(t, err, name)
		for _, n := range summary.Notifications() {
			require.False(t, strings.Contains(n.Code(), "Deprecation") || strings.Contains(n.Title(), "does not exist"), "%s: %s %s", name, n.Code(), n.Description())
		}
		require.NoError(t, session.Close(t.Context()))
	}
}

// Writers of the same nodes wait for each other or are tried again; none is lost.
func writersAtOnce(t *testing.T, s *Store) {
	id := tenant.ID(uuid.New())
	errs := make(chan error, 4)
	for writer := range 4 {
		go func() {
			var edges []graph.Edge
			for i := range 200 {
				edges = append(edges, graph.Edge{
					From: graph.Ref{Kind: "Artifact", ID: fmt.Sprint((i * (writer + 1)) % 50)}, To: graph.Ref{Kind: "Service", ID: fmt.Sprint(i % 20)}, Rel: "R",
					Basis: "none", FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: uint64(i),
				})
			}
			errs <- s.Write(context.Background(), id, nil, edges)
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
	got, err := s.List(t.Context(), id, "Service", "", 100)
	require.NoError(t, err)
	require.Len(t, got, 20)
}

func killed(t *testing.T, server *neo4jtest.Server, s *Store) {
	id := tenant.ID(uuid.New())
	var nodes []graph.Node
	for i := range 500 {
		nodes = append(nodes, graph.Node{Ref: graph.Ref{Kind: "Commit", ID: fmt.Sprintf("%04d", i)}, FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: 1})
	}
	require.NoError(t, s.Write(t.Context(), id, nodes, nil))
	server.Kill()
	_, err := s.Node(t.Context(), id, nodes[0].Ref)
	require.Error(t, err)
	require.NotErrorIs(t, err, graph.ErrNotFound, "a server that is away isn't an empty graph")
	server.Restart(t)
	again := open(t, server)
	got, err := again.List(t.Context(), id, "Commit", "", 1000)
	require.NoError(t, err)
	require.Len(t, got, 500)
	require.NoError(t, again.Write(t.Context(), id, nodes, nil), "the same rows again change nothing")
	got, err = again.List(t.Context(), id, "Commit", "", 1000)
	require.NoError(t, err)
	require.Len(t, got, 500)
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open(t.Context(), Options{URI: "nonsense"})
	require.ErrorContains(t, err, "uri:")
}
