package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/summitobs/summit/internal/tenant"
)

// Memory is the reference: maps, and walks written down as they are defined.
type Memory struct {
	mu      sync.RWMutex
	tenants map[tenant.ID]*memoryGraph
}

type memoryGraph struct {
	nodes map[Ref]*Node
	edges map[edgeID]*Edge
	// at are the edges at a node, in and out.
	at map[Ref][]*Edge
}

type edgeID struct {
	from, to Ref
	rel      string
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{tenants: map[tenant.ID]*memoryGraph{}} }

// Write implements Store.
func (m *Memory) Write(_ context.Context, id tenant.ID, nodes []Node, edges []Edge) error {
	if err := Check(id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.tenants[id]
	if g == nil {
		g = &memoryGraph{map[Ref]*Node{}, map[edgeID]*Edge{}, map[Ref][]*Edge{}}
		m.tenants[id] = g
	}
	for _, n := range nodes {
		if have := g.nodes[n.Ref]; have == nil || newerNode(have, &n) {
			g.nodes[n.Ref] = &n
		}
	}
	for _, e := range edges {
		g.write(e)
	}
	return nil
}

func (g *memoryGraph) write(e Edge) {
	for _, end := range []Ref{e.From, e.To} {
		if g.nodes[end] == nil {
			g.nodes[end] = &Node{Ref: end, Props: map[string]string{}, Stub: true}
		}
	}
	key := edgeID{e.From, e.To, e.Rel}
	have := g.edges[key]
	if have == nil {
		g.edges[key] = &e
		g.at[e.From] = append(g.at[e.From], &e)
		if e.From != e.To {
			g.at[e.To] = append(g.at[e.To], &e)
		}
		return
	}
	if e.Version >= have.Version {
		*have = e
	}
}

func (m *Memory) graph(id tenant.ID, refs ...Ref) (*memoryGraph, error) {
	if err := Check(id); err != nil {
		return nil, err
	}
	g := m.tenants[id]
	for _, ref := range refs {
		if g == nil || g.live(ref) == nil {
			return nil, fmt.Errorf("%w: %s %q", ErrNotFound, ref.Kind, ref.ID)
		}
	}
	return g, nil
}

func (g *memoryGraph) live(ref Ref) *Node {
	if n := g.nodes[ref]; n != nil && !n.Deleted {
		return n
	}
	return nil
}

// Node implements Store.
func (m *Memory) Node(_ context.Context, id tenant.ID, ref Ref) (Node, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, err := m.graph(id, ref)
	if err != nil {
		return Node{}, err
	}
	return *g.nodes[ref], nil
}

// Edges implements Store.
func (m *Memory) Edges(_ context.Context, id tenant.ID, ref Ref, d Direction) ([]Edge, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, err := m.graph(id, ref)
	if err != nil {
		return nil, err
	}
	out := []Edge{}
	for _, e := range g.at[ref] {
		goes := d == Both || d == Out && e.From == ref || d == In && e.To == ref
		if goes && !e.Deleted && g.live(e.From) != nil && g.live(e.To) != nil {
			out = append(out, *e)
		}
	}
	SortEdges(out)
	return out, nil
}

// next gives the nodes one step further in a walk.
func (g *memoryGraph) next(ref Ref, w *Walk) []Ref {
	var out []Ref
	for _, e := range g.at[ref] {
		if !w.Follows(e) {
			continue
		}
		if w.Direction != In && e.From == ref && g.live(e.To) != nil {
			out = append(out, e.To)
		}
		if w.Direction != Out && e.To == ref && g.live(e.From) != nil {
			out = append(out, e.From)
		}
	}
	return out
}

// Walk implements Store.
func (m *Memory) Walk(_ context.Context, id tenant.ID, from Ref, w Walk) ([]Reached, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, err := m.graph(id, from)
	if err != nil {
		return nil, err
	}
	seen := map[Ref]bool{from: true}
	out := []Reached{}
	here := []Ref{from}
	for depth := 1; depth <= w.Depth && len(here) > 0; depth++ {
		var further []Ref
		for _, ref := range here {
			for _, n := range g.next(ref, &w) {
				if seen[n] {
					continue
				}
				seen[n] = true
				further = append(further, n)
				if w.Wants(n.Kind) {
					out = append(out, Reached{*g.nodes[n], depth})
				}
			}
		}
		here = further
	}
	SortReached(out)
	return out[:min(len(out), w.Limit)], nil
}

// Path implements Store.
func (m *Memory) Path(_ context.Context, id tenant.ID, from, to Ref, w Walk) ([]Node, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, err := m.graph(id, from, to)
	if err != nil {
		return nil, err
	}
	// Distances to the end decide which nodes are on a shortest way; of those the least is taken at each step.
	back := w
	switch w.Direction {
	case Out:
		back.Direction = In
	case In:
		back.Direction = Out
	}
	left := g.distances(to, &back)
	steps, ok := left[from]
	if !ok {
		return []Node{}, nil
	}
	out := []Node{*g.nodes[from]}
	for at := from; steps > 0; steps-- {
		var best *Ref
		for _, n := range g.next(at, &w) {
			if d, ok := left[n]; ok && d == steps-1 && (best == nil || CompareRefs(n, *best) < 0) {
				best = &n
			}
		}
		at = *best
		out = append(out, *g.nodes[at])
	}
	return out, nil
}

func (g *memoryGraph) distances(from Ref, w *Walk) map[Ref]int {
	out := map[Ref]int{from: 0}
	here := []Ref{from}
	for depth := 1; depth <= w.Depth && len(here) > 0; depth++ {
		var further []Ref
		for _, ref := range here {
			for _, n := range g.next(ref, w) {
				if _, ok := out[n]; !ok {
					out[n] = depth
					further = append(further, n)
				}
			}
		}
		here = further
	}
	return out
}

// List implements Store.
func (m *Memory) List(_ context.Context, id tenant.ID, kind, after string, limit int) ([]Node, error) {
	if err := CheckLimit(limit); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, err := m.graph(id)
	out := []Node{}
	if err != nil || g == nil {
		return out, err
	}
	for ref, n := range g.nodes {
		if ref.Kind == kind && ref.ID > after && !n.Deleted {
			out = append(out, *n)
		}
	}
	slices.SortFunc(out, func(a, b Node) int { return CompareRefs(a.Ref, b.Ref) })
	return out[:min(len(out), limit)], nil
}
