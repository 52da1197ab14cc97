// Package snapshot holds one tenant's build graph in memory as compressed sparse rows: the edges of a node are a range of
// one array, forward and back, so that a walk reads memory in order and allocates next to nothing. Rows that come later go
// into small lists beside the arrays, which are made anew when those have grown.
package snapshot

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/graph"
)

// Snapshot is safe for concurrent use.
type Snapshot struct {
	mu    sync.RWMutex
	kinds names
	rels  names
	bases names
	// ids finds a node by kind and id.
	ids   []map[string]int32
	nodes []nodeRow
	edges []edgeRow
	// props of edges are rare.
	edgeProps map[int32]string
	out, in   rows
	// late edges are in no array yet.
	late int

	visits sync.Pool
}

// names numbers strings that come again and again.
type names struct {
	list  []string
	index map[string]uint16
}

func (n *names) of(s string) uint16 {
	if i, ok := n.index[s]; ok {
		return i
	}
	if n.index == nil {
		n.index = map[string]uint16{}
	}
	i := uint16(len(n.list))
	n.list, n.index[s] = append(n.list, s), i
	return i
}

// find gives the number of a name that is known.
func (n *names) find(s string) (uint16, bool) {
	i, ok := n.index[s]
	return i, ok
}

const (
	flagStub = 1 << iota
	flagDeleted
)

type nodeRow struct {
	id, name, props string
	first, last     int64
	version         uint64
	kind            uint16
	flags           uint8
}

type edgeRow struct {
	first, last int64
	version     uint64
	from, to    int32
	rel         uint16
	basis       uint16
	flags       uint8
}

// rows are the edges of each node: those in the arrays, and late ones.
type rows struct {
	start []uint32
	edges []int32
	late  map[int32][]int32
}

func (r *rows) each(node int32, f func(edge int32) bool) {
	if int(node)+1 < len(r.start) {
		for _, e := range r.edges[r.start[node]:r.start[node+1]] {
			if !f(e) {
				return
			}
		}
	}
	for _, e := range r.late[node] {
		if !f(e) {
			return
		}
	}
}

func (r *rows) degree(node int32) int {
	n := len(r.late[node])
	if int(node)+1 < len(r.start) {
		n += int(r.start[node+1] - r.start[node])
	}
	return n
}

// New makes an empty snapshot.
func New() *Snapshot {
	return &Snapshot{edgeProps: map[int32]string{}, out: rows{late: map[int32][]int32{}}, in: rows{late: map[int32][]int32{}}}
}

// Apply takes rows in the order in which they were written; those that are older than what is known change nothing.
func (s *Snapshot) Apply(nodes []graph.Node, edges []graph.Edge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range nodes {
		s.node(&nodes[i])
	}
	for i := range edges {
		s.edge(&edges[i])
	}
	if s.late > 10_000 && s.late*10 > len(s.edges) || s.late > 0 && len(s.out.start) == 0 && s.late == len(s.edges) && s.late > 1000 {
		s.compact()
	}
}

// Compact makes the arrays anew, with all edges in them.
func (s *Snapshot) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compact()
}

func (s *Snapshot) lookup(ref graph.Ref) (int32, bool) {
	kind, ok := s.kinds.find(ref.Kind)
	if !ok {
		return 0, false
	}
	i, ok := s.ids[kind][ref.ID]
	return i, ok
}

func (s *Snapshot) node(n *graph.Node) {
	row := nodeRow{
		id: n.ID, name: n.Name, props: pack(n.Props), first: ms(n.FirstSeen), last: ms(n.LastSeen), version: n.Version,
	}
	if n.Stub {
		row.flags |= flagStub
	}
	if n.Deleted {
		row.flags |= flagDeleted
	}
	if i, ok := s.lookup(n.Ref); ok {
		have := &s.nodes[i]
		described := row.flags&flagStub == 0
		if had := have.flags&flagStub == 0; had != described {
			if had {
				return
			}
		} else if row.version < have.version {
			return
		}
		row.kind, row.id = have.kind, have.id
		*have = row
		return
	}
	s.add(n.Kind, row)
}

func (s *Snapshot) add(kind string, row nodeRow) int32 {
	row.kind = s.kinds.of(kind)
	for int(row.kind) >= len(s.ids) {
		s.ids = append(s.ids, map[string]int32{})
	}
	i := int32(len(s.nodes))
	s.nodes = append(s.nodes, row)
	s.ids[row.kind][row.id] = i
	return i
}

// end finds an end of an edge, or makes its stub.
func (s *Snapshot) end(ref graph.Ref) int32 {
	if i, ok := s.lookup(ref); ok {
		return i
	}
	return s.add(ref.Kind, nodeRow{id: ref.ID, flags: flagStub})
}

func (s *Snapshot) edge(e *graph.Edge) {
	row := edgeRow{
		first: ms(e.FirstSeen), last: ms(e.LastSeen), version: e.Version, from: s.end(e.From), to: s.end(e.To),
		rel: s.rels.of(e.Rel), basis: s.bases.of(e.Basis),
	}
	if e.Deleted {
		row.flags |= flagDeleted
	}
	at := s.find(&row)
	switch {
	case at < 0:
		at = int32(len(s.edges))
		s.edges = append(s.edges, row)
		s.out.late[row.from] = append(s.out.late[row.from], at)
		s.in.late[row.to] = append(s.in.late[row.to], at)
		s.late++
	case row.version < s.edges[at].version:
		return
	default:
		s.edges[at] = row
	}
	if props := pack(e.Props); props != "" {
		s.edgeProps[at] = props
	} else {
		delete(s.edgeProps, at)
	}
}

// find gives the place of an edge with the same ends and relation, or -1. It looks at the end with fewer edges.
func (s *Snapshot) find(row *edgeRow) int32 {
	at := int32(-1)
	same := func(e int32) bool {
		if have := &s.edges[e]; have.from == row.from && have.to == row.to && have.rel == row.rel {
			at = e
			return false
		}
		return true
	}
	if s.out.degree(row.from) <= s.in.degree(row.to) {
		s.out.each(row.from, same)
	} else {
		s.in.each(row.to, same)
	}
	return at
}

func (s *Snapshot) compact() {
	s.out = rowsOf(len(s.nodes), s.edges, func(e *edgeRow) int32 { return e.from })
	s.in = rowsOf(len(s.nodes), s.edges, func(e *edgeRow) int32 { return e.to })
	s.late = 0
}

// rowsOf sorts edges by an end, by counting.
func rowsOf(nodes int, edges []edgeRow, end func(*edgeRow) int32) rows {
	start := make([]uint32, nodes+1)
	for i := range edges {
		start[end(&edges[i])+1]++
	}
	for i := range nodes {
		start[i+1] += start[i]
	}
	at := slices.Clone(start)
	list := make([]int32, len(edges))
	for i := range edges {
		n := end(&edges[i])
		list[at[n]] = int32(i)
		at[n]++
	}
	return rows{start, list, map[int32][]int32{}}
}

// Size tells how many nodes and edges there are, deleted ones included.
func (s *Snapshot) Size() (nodes, edges int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.nodes), len(s.edges)
}

// pack writes a map as one string, which costs a tenth of a map's memory.
func pack(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		writeString(&b, k)
		writeString(&b, m[k])
	}
	return b.String()
}

func writeString(b *strings.Builder, s string) {
	n := len(s)
	for n >= 0x80 {
		b.WriteByte(byte(n) | 0x80)
		n >>= 7
	}
	b.WriteByte(byte(n))
	b.WriteString(s)
}

func unpack(packed string) map[string]string {
	out := map[string]string{}
	next := func() string {
		n, shift := 0, 0
		for {
			c := packed[0]
			packed = packed[1:]
			n |= int(c&0x7f) << shift
			if shift += 7; c < 0x80 {
				break
			}
		}
		s := packed[:n]
		packed = packed[n:]
		return s
	}
	for packed != "" {
		k := next()
		out[k] = next()
	}
	return out
}

func (s *Snapshot) ref(i int32) graph.Ref {
	n := &s.nodes[i]
	return graph.Ref{Kind: s.kinds.list[n.kind], ID: n.id}
}

func (s *Snapshot) public(i int32) graph.Node {
	n := &s.nodes[i]
	return graph.Node{
		Ref: s.ref(i), Name: n.name, FirstSeen: millis(n.first), LastSeen: millis(n.last), Props: unpack(n.props),
		Stub: n.flags&flagStub != 0, Deleted: n.flags&flagDeleted != 0, Version: n.version,
	}
}

func (s *Snapshot) publicEdge(i int32) graph.Edge {
	e := &s.edges[i]
	return graph.Edge{
		From: s.ref(e.from), To: s.ref(e.to), Rel: s.rels.list[e.rel], Basis: s.bases.list[e.basis], FirstSeen: millis(e.first), LastSeen: millis(e.last),
		Props: unpack(s.edgeProps[i]), Version: e.version,
	}
}

// ms is a time in milliseconds; 0 is a time that isn't known.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
