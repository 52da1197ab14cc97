package snapshot_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/graphtest"
	"github.com/summitobs/summit/internal/graph/snapshot"
	"github.com/summitobs/summit/internal/tenant"
)

// store is a snapshot per tenant, without anything behind it. compacted makes the arrays anew after each write.
type store struct {
	mu        sync.Mutex
	tenants   map[tenant.ID]*snapshot.Snapshot
	compacted bool
}

func (s *store) of(id tenant.ID) (*snapshot.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[id] == nil {
		s.tenants[id] = snapshot.New()
	}
	return s.tenants[id], graph.Check(id)
}

func (s *store) Write(_ context.Context, id tenant.ID, nodes []graph.Node, edges []graph.Edge) error {
	g, err := s.of(id)
	if err != nil {
		return err
	}
	g.Apply(nodes, edges)
	if s.compacted {
		g.Compact()
	}
	return nil
}

func (s *store) Node(_ context.Context, id tenant.ID, ref graph.Ref) (graph.Node, error) {
	g, err := s.of(id)
	if err != nil {
		return graph.Node{}, err
	}
	return g.Node(ref)
}

func (s *store) Edges(_ context.Context, id tenant.ID, ref graph.Ref, d graph.Direction) ([]graph.Edge, error) {
	g, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return g.Edges(ref, d)
}

func (s *store) Walk(_ context.Context, id tenant.ID, from graph.Ref, w graph.Walk) ([]graph.Reached, error) {
	g, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return g.Walk(from, w)
}

func (s *store) Path(_ context.Context, id tenant.ID, from, to graph.Ref, w graph.Walk) ([]graph.Node, error) {
	g, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return g.Path(from, to, w)
}

func (s *store) List(_ context.Context, id tenant.ID, kind, after string, limit int) ([]graph.Node, error) {
	g, err := s.of(id)
	if err != nil {
		return nil, err
	}
	return g.List(kind, after, limit)
}

func TestSnapshot(t *testing.T) {
	for name, compacted := range map[string]bool{"arrays": true, "late edges": false} {
		open := func(*testing.T) graphtest.Subject {
			return graphtest.Subject{Store: &store{tenants: map[tenant.ID]*snapshot.Snapshot{}, compacted: compacted}}
		}
		t.Run(name, func(t *testing.T) {
			graphtest.Run(t, open)
			graphtest.Random(t, open, 500)
		})
	}
}

func TestReadersAndAWriterAtOnce(t *testing.T) {
	s := snapshot.New()
	ref := func(i int) graph.Ref { return graph.Ref{Kind: "Artifact", ID: string(rune('a' + i%26))} }
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 2000 {
			s.Apply([]graph.Node{{Ref: ref(i), Version: 1}}, []graph.Edge{{From: ref(i), To: ref(i * 7), Rel: "R", Version: uint64(i)}})
			if i%100 == 0 {
				s.Compact()
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				_, err := s.Walk(ref(i), graph.Walk{Depth: 5, Limit: 10})
				if err != nil {
					require.ErrorIs(t, err, graph.ErrNotFound)
				}
			}
		})
	}
	wg.Wait()
	nodes, edges := s.Size()
	require.Equal(t, 26, nodes)
	require.Positive(t, edges)
}
