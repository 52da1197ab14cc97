package snapshot

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/summitobs/summit/internal/graph"
)

// walker is a walk's choice, in the snapshot's own numbers.
type walker struct {
	s            *Snapshot
	direction    graph.Direction
	rels         []uint16
	anyRel       bool
	kinds        []uint16
	anyKind      bool
	since, until int64
}

func (s *Snapshot) walker(w *graph.Walk) walker {
	out := walker{s: s, direction: w.Direction, anyRel: len(w.Rels) == 0, anyKind: len(w.Kinds) == 0, since: math.MinInt64, until: math.MaxInt64}
	for _, r := range w.Rels {
		if i, ok := s.rels.find(r); ok {
			out.rels = append(out.rels, i)
		}
	}
	for _, k := range w.Kinds {
		if i, ok := s.kinds.find(k); ok {
			out.kinds = append(out.kinds, i)
		}
	}
	if !w.Since.IsZero() {
		out.since = w.Since.UnixMilli()
	}
	if !w.Until.IsZero() {
		out.until = w.Until.UnixMilli()
	}
	return out
}

func (w *walker) follows(e *edgeRow) bool {
	return e.flags&flagDeleted == 0 && (w.anyRel || slices.Contains(w.rels, e.rel)) && e.last >= w.since && e.first <= w.until
}

func (w *walker) wants(node int32) bool {
	return w.anyKind || slices.Contains(w.kinds, w.s.nodes[node].kind)
}

func (s *Snapshot) live(node int32) bool { return s.nodes[node].flags&flagDeleted == 0 }

// each calls f with the nodes one step further.
func (w *walker) each(node int32, f func(next int32)) {
	s := w.s
	if w.direction != graph.In {
		s.out.each(node, func(e int32) bool {
			if row := &s.edges[e]; w.follows(row) && s.live(row.to) {
				f(row.to)
			}
			return true
		})
	}
	if w.direction != graph.Out {
		s.in.each(node, func(e int32) bool {
			if row := &s.edges[e]; w.follows(row) && s.live(row.from) {
				f(row.from)
			}
			return true
		})
	}
}

// visit marks nodes by the number of the walk, so that nothing has to be cleared.
type visit struct {
	marks []uint32
	walk  uint32
}

func (s *Snapshot) visit() *visit {
	v, _ := s.visits.Get().(*visit)
	if v == nil {
		v = &visit{}
	}
	if len(v.marks) < len(s.nodes) {
		v.marks, v.walk = make([]uint32, len(s.nodes)+len(s.nodes)/8), 0
	}
	if v.walk++; v.walk == math.MaxUint32 {
		clear(v.marks)
		v.walk = 1
	}
	return v
}

// first marks a node and tells whether it wasn't.
func (v *visit) first(node int32) bool {
	if v.marks[node] == v.walk {
		return false
	}
	v.marks[node] = v.walk
	return true
}

func (s *Snapshot) start(refs ...graph.Ref) ([]int32, error) {
	out := make([]int32, len(refs))
	for i, ref := range refs {
		n, ok := s.lookup(ref)
		if !ok || !s.live(n) {
			return nil, fmt.Errorf("%w: %s %q", graph.ErrNotFound, ref.Kind, ref.ID)
		}
		out[i] = n
	}
	return out, nil
}

// Node is graph.Store's.
func (s *Snapshot) Node(ref graph.Ref) (graph.Node, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, err := s.start(ref)
	if err != nil {
		return graph.Node{}, err
	}
	return s.public(at[0]), nil
}

// Edges is graph.Store's.
func (s *Snapshot) Edges(ref graph.Ref, d graph.Direction) ([]graph.Edge, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, err := s.start(ref)
	if err != nil {
		return nil, err
	}
	out := []graph.Edge{}
	take := func(e int32) bool {
		if row := &s.edges[e]; row.flags&flagDeleted == 0 && s.live(row.from) && s.live(row.to) {
			out = append(out, s.publicEdge(e))
		}
		return true
	}
	if d != graph.In {
		s.out.each(at[0], take)
	}
	if d != graph.Out {
		s.in.each(at[0], func(e int32) bool {
			if d == graph.Both && s.edges[e].from == s.edges[e].to {
				return true // it is among those that go out
			}
			return take(e)
		})
	}
	graph.SortEdges(out)
	return out, nil
}

// Walk is graph.Store's. Levels are gone through one by one; of the level at which the limit is reached the least nodes are
// taken.
func (s *Snapshot) Walk(from graph.Ref, w graph.Walk) ([]graph.Reached, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, err := s.start(from)
	if err != nil {
		return nil, err
	}
	v := s.visit()
	defer s.visits.Put(v)
	walk := s.walker(&w)
	out := []graph.Reached{}
	v.first(at[0])
	here := at
	var further, wanted []int32
	for depth := 1; depth <= w.Depth && len(here) > 0 && len(out) < w.Limit; depth++ {
		further, wanted = further[:0:0], wanted[:0]
		for _, n := range here {
			walk.each(n, func(next int32) {
				if !v.first(next) {
					return
				}
				further = append(further, next)
				if walk.wants(next) {
					wanted = append(wanted, next)
				}
			})
		}
		for _, n := range s.least(wanted, w.Limit-len(out)) {
			out = append(out, graph.Reached{Node: s.public(n), Depth: depth})
		}
		here = further
	}
	return out, nil
}

func (s *Snapshot) compare(a, b int32) int {
	x, y := &s.nodes[a], &s.nodes[b]
	if x.kind == y.kind {
		return cmp.Compare(x.id, y.id)
	}
	return cmp.Compare(s.kinds.list[x.kind], s.kinds.list[y.kind])
}

// least gives the n least nodes in their order. Where many are more than are asked for, only those that may be among the
// least are sorted.
func (s *Snapshot) least(nodes []int32, n int) []int32 {
	if len(nodes) > 2*n {
		batch := slices.Clone(nodes[:2*n])
		slices.SortFunc(batch, s.compare)
		batch = batch[:n]
		for rest := nodes[2*n:]; len(rest) > 0; {
			bound := batch[n-1]
			for len(rest) > 0 && len(batch) < 2*n {
				if s.compare(rest[0], bound) < 0 {
					batch = append(batch, rest[0])
				}
				rest = rest[1:]
			}
			slices.SortFunc(batch, s.compare)
			batch = batch[:n]
		}
		return batch
	}
	slices.SortFunc(nodes, s.compare)
	return nodes[:min(len(nodes), n)]
}

// Path is graph.Store's.
func (s *Snapshot) Path(from, to graph.Ref, w graph.Walk) ([]graph.Node, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	ends, err := s.start(from, to)
	if err != nil {
		return nil, err
	}
	back := w
	switch w.Direction {
	case graph.Out:
		back.Direction = graph.In
	case graph.In:
		back.Direction = graph.Out
	}
	left := s.distances(ends[1], ends[0], back)
	steps, ok := left[ends[0]]
	if !ok {
		return []graph.Node{}, nil
	}
	walk := s.walker(&w)
	out := []graph.Node{s.public(ends[0])}
	for at := ends[0]; steps > 0; steps-- {
		best := int32(-1)
		walk.each(at, func(next int32) {
			if d, ok := left[next]; ok && d == steps-1 && (best < 0 || s.compare(next, best) < 0) {
				best = next
			}
		})
		at = best
		out = append(out, s.public(at))
	}
	return out, nil
}

// distances are the steps from a node to all that are nearer than the goal, and to the goal.
func (s *Snapshot) distances(from, goal int32, w graph.Walk) map[int32]int {
	walk := s.walker(&w)
	out := map[int32]int{from: 0}
	here := []int32{from}
	for depth := 1; depth <= w.Depth && len(here) > 0; depth++ {
		if _, ok := out[goal]; ok {
			return out
		}
		var further []int32
		for _, n := range here {
			walk.each(n, func(next int32) {
				if _, ok := out[next]; !ok {
					out[next] = depth
					further = append(further, next)
				}
			})
		}
		here = further
	}
	return out
}

// List is graph.Store's.
func (s *Snapshot) List(kind, after string, limit int) ([]graph.Node, error) {
	if err := graph.CheckLimit(limit); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []graph.Node{}
	k, ok := s.kinds.find(kind)
	if !ok {
		return out, nil
	}
	var found []int32
	for id, i := range s.ids[k] {
		if id > after && s.live(i) {
			found = append(found, i)
		}
	}
	for _, i := range s.least(found, limit) {
		out = append(out, s.public(i))
	}
	return out, nil
}
