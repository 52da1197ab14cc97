package neo4jgraph

import (
	"context"
	"fmt"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/tenant"
)

// step gives the nodes one step from any of the given ones.
func (s *Store) step(ctx context.Context, id tenant.ID, from []graph.Ref, w *graph.Walk) ([]graph.Node, error) {
	refs := make([]any, len(from))
	for i, ref := range from {
		refs[i] = map[string]any{"kind": ref.Kind, "id": ref.ID}
	}
	rels := make([]any, len(w.Rels))
	for i, r := range w.Rels {
		rels[i] = r
	}
	since, until := bounds(w)
	var out []graph.Node
	for _, part := range []struct {
		statement string
		wanted    bool
	}{{stepOut, w.Direction != graph.In}, {stepIn, w.Direction != graph.Out}} {
		if !part.wanted {
			continue
		}
		records, err := s.query(ctx, part.statement, id, map[string]any{"refs": refs, "rels": rels, "since": since, "until": until})
		if err != nil {
			return nil, fmt.Errorf("take a step: %w", err)
		}
		for _, r := range records {
			n, err := nodeOf(r)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// Walk implements graph.Store: level by level, a statement for each.
func (s *Store) Walk(ctx context.Context, id tenant.ID, from graph.Ref, w graph.Walk) ([]graph.Reached, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if _, err := s.Node(ctx, id, from); err != nil {
		return nil, err
	}
	out := []graph.Reached{}
	seen := map[graph.Ref]bool{from: true}
	here := []graph.Ref{from}
	for depth := 1; depth <= w.Depth && len(here) > 0 && len(out) < w.Limit; depth++ {
		nodes, err := s.step(ctx, id, here, &w)
		if err != nil {
			return nil, err
		}
		here = here[:0:0]
		for _, n := range nodes {
			if seen[n.Ref] {
				continue
			}
			seen[n.Ref] = true
			here = append(here, n.Ref)
			if w.Wants(n.Kind) {
				out = append(out, graph.Reached{Node: n, Depth: depth})
			}
		}
	}
	graph.SortReached(out)
	return out[:min(len(out), w.Limit)], nil
}

// Path implements graph.Store: distances from the end, then the least node that is nearer at each step.
func (s *Store) Path(ctx context.Context, id tenant.ID, from, to graph.Ref, w graph.Walk) ([]graph.Node, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	start, err := s.Node(ctx, id, from)
	if err != nil {
		return nil, err
	}
	if _, err := s.Node(ctx, id, to); err != nil {
		return nil, err
	}
	left, err := s.distances(ctx, id, to, from, w)
	if err != nil {
		return nil, err
	}
	steps, ok := left[from]
	if !ok {
		return []graph.Node{}, nil
	}
	out := []graph.Node{start}
	for at := from; steps > 0; steps-- {
		nodes, err := s.step(ctx, id, []graph.Ref{at}, &w)
		if err != nil {
			return nil, err
		}
		var best *graph.Node
		for i, n := range nodes {
			if d, ok := left[n.Ref]; ok && d == steps-1 && (best == nil || graph.CompareRefs(n.Ref, best.Ref) < 0) {
				best = &nodes[i]
			}
		}
		if best == nil {
			return []graph.Node{}, nil // the graph has changed between two statements
		}
		at = best.Ref
		out = append(out, *best)
	}
	return out, nil
}

func (s *Store) distances(ctx context.Context, id tenant.ID, from, goal graph.Ref, w graph.Walk) (map[graph.Ref]int, error) {
	switch w.Direction {
	case graph.Out:
		w.Direction = graph.In
	case graph.In:
		w.Direction = graph.Out
	}
	out := map[graph.Ref]int{from: 0}
	here := []graph.Ref{from}
	for depth := 1; depth <= w.Depth && len(here) > 0; depth++ {
		if _, ok := out[goal]; ok {
			break
		}
		nodes, err := s.step(ctx, id, here, &w)
		if err != nil {
			return nil, err
		}
		here = here[:0:0]
		for _, n := range nodes {
			if _, ok := out[n.Ref]; !ok {
				out[n.Ref] = depth
				here = append(here, n.Ref)
			}
		}
	}
	return out, nil
}
