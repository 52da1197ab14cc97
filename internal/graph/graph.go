// Package graph is the build graph: commits, runs, artifacts, deployments, services and what joins them. Store is one
// interface with three implementations that one suite of cases checks: memory (the reference), a snapshot of the ClickHouse
// tables (package clickhousegraph), and Neo4j (package neo4jgraph). What the kinds and relations are called is in
// internal/build, which makes nodes and edges from build events.
package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/tenant"
)

// Ref names a node: its kind and its id within the tenant.
type Ref struct {
	Kind string
	ID   string
}

// Node is a thing of the build graph.
type Node struct {
	Ref
	Name      string
	FirstSeen time.Time
	LastSeen  time.Time
	Props     map[string]string
	// Stub marks an end that an edge names and that no event has described yet. A description of any version replaces it.
	Stub    bool
	Deleted bool
	// Version decides between two states of a node: the higher one holds, whichever comes last.
	Version uint64
}

// Edge joins two nodes. Its ends, with the relation, are its identity.
type Edge struct {
	From, To Ref
	Rel      string
	// Basis is the evidence for the edge by its name in package envelope, "none" where none is needed.
	Basis     string
	FirstSeen time.Time
	LastSeen  time.Time
	Props     map[string]string
	Deleted   bool
	Version   uint64
}

// Direction is how edges are followed.
type Direction uint8

// The directions.
const (
	// Out follows edges from From to To.
	Out Direction = iota
	// In follows them back.
	In
	// Both follows them either way.
	Both
)

// MaxDepth is the most edges of a walk.
const MaxDepth = 64

// MaxLimit is the most nodes of an answer.
const MaxLimit = 100_000

// Walk says which edges to follow and how far.
type Walk struct {
	Direction Direction
	// Rels are the relations to follow; none means all.
	Rels []string
	// Kinds are the kinds of node to give back; none means all. A node of another kind is walked through.
	Kinds []string
	// Depth is the most edges from the start, 1 to MaxDepth.
	Depth int
	// Limit is the most nodes, 1 to MaxLimit. The nearest come first.
	Limit int
	// Since and Until leave out edges that lived wholly before or after, by the times at which they were seen. Zero times
	// set no bound.
	Since, Until time.Time
}

// Validate names the field that is out of range.
func (w Walk) Validate() error {
	switch {
	case w.Direction > Both:
		return fmt.Errorf("direction is %d, want out (0), in (1) or both (2)", w.Direction)
	case w.Depth < 1 || w.Depth > MaxDepth:
		return fmt.Errorf("depth must be from 1 to %d, got %d", MaxDepth, w.Depth)
	case w.Limit < 1 || w.Limit > MaxLimit:
		return fmt.Errorf("limit must be from 1 to %d, got %d", MaxLimit, w.Limit)
	case !w.Since.IsZero() && !w.Until.IsZero() && w.Until.Before(w.Since):
		return errors.New("until is before since")
	default:
		return nil
	}
}

// Reached is a node of a walk and how many edges away it is by the shortest way.
type Reached struct {
	Node
	Depth int
}

// ErrNotFound is the error of a start that isn't in the graph.
var ErrNotFound = errors.New("no such node")

// ErrNoTenant is the error of a call without a tenant.
var ErrNoTenant = errors.New("a tenant is needed")

// Store keeps graphs of tenants apart. Writes are idempotent: the same rows again, or older ones, change nothing.
// Deleted nodes are in no answer, and no walk goes over them or over deleted edges.
type Store interface {
	// Write takes nodes and edges. An end that no node describes becomes a stub, of which only the id is known.
	Write(ctx context.Context, id tenant.ID, nodes []Node, edges []Edge) error
	// Node gives a node, or ErrNotFound.
	Node(ctx context.Context, id tenant.ID, ref Ref) (Node, error)
	// Edges gives a node's edges in a direction, ordered by relation and other end; ErrNotFound without the node.
	Edges(ctx context.Context, id tenant.ID, ref Ref, d Direction) ([]Edge, error)
	// Walk gives what is reached from a node, without itself: the nearest first, then by kind and id. ErrNotFound without the node.
	Walk(ctx context.Context, id tenant.ID, from Ref, w Walk) ([]Reached, error)
	// Path gives the nodes of a shortest way between two, both included; empty when there is none within the walk's depth.
	// Of several the one that is least by kind and id, node by node.
	Path(ctx context.Context, id tenant.ID, from, to Ref, w Walk) ([]Node, error)
	// List gives nodes of a kind by their id, after the given one, at most limit.
	List(ctx context.Context, id tenant.ID, kind, after string, limit int) ([]Node, error)
}

// CompareRefs orders by kind, then id.
func CompareRefs(a, b Ref) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) }

// SortReached puts the nearest first, then by kind and id.
func SortReached(rs []Reached) {
	slices.SortFunc(rs, func(a, b Reached) int { return cmp.Or(cmp.Compare(a.Depth, b.Depth), CompareRefs(a.Ref, b.Ref)) })
}

// SortEdges orders by relation, then by the ends.
func SortEdges(es []Edge) {
	slices.SortFunc(es, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Rel, b.Rel), CompareRefs(a.From, b.From), CompareRefs(a.To, b.To))
	})
}

// Check names what is wrong with a call that needs a tenant.
func Check(id tenant.ID) error {
	if id.IsZero() {
		return ErrNoTenant
	}
	return nil
}

// CheckLimit names a limit that is out of range.
func CheckLimit(limit int) error {
	if limit < 1 || limit > MaxLimit {
		return fmt.Errorf("limit must be from 1 to %d, got %d", MaxLimit, limit)
	}
	return nil
}

// newerNode tells whether b replaces a. A description replaces a stub of any version, a stub never a description.
func newerNode(a, b *Node) bool {
	if a.Stub != b.Stub {
		return a.Stub
	}
	return b.Version >= a.Version
}

// Newest leaves of each node and edge the state that holds.
func Newest(nodes []Node, edges []Edge) ([]Node, []Edge) {
	type edgeID struct {
		from, to Ref
		rel      string
	}
	outNodes, atNode := make([]Node, 0, len(nodes)), make(map[Ref]int, len(nodes))
	for i := range nodes {
		at, ok := atNode[nodes[i].Ref]
		switch {
		case !ok:
			atNode[nodes[i].Ref] = len(outNodes)
			outNodes = append(outNodes, nodes[i])
		case newerNode(&outNodes[at], &nodes[i]):
			outNodes[at] = nodes[i]
		}
	}
	outEdges, atEdge := make([]Edge, 0, len(edges)), make(map[edgeID]int, len(edges))
	for i := range edges {
		key := edgeID{edges[i].From, edges[i].To, edges[i].Rel}
		at, ok := atEdge[key]
		switch {
		case !ok:
			atEdge[key] = len(outEdges)
			outEdges = append(outEdges, edges[i])
		case edges[i].Version >= outEdges[at].Version:
			outEdges[at] = edges[i]
		}
	}
	return outNodes, outEdges
}

// lived tells an edge that was seen in the walk's time.
func (w *Walk) lived(first, last time.Time) bool {
	return (w.Since.IsZero() || !last.Before(w.Since)) && (w.Until.IsZero() || !first.After(w.Until))
}

// Follows tells whether a walk goes over an edge.
func (w *Walk) Follows(e *Edge) bool {
	return !e.Deleted && (len(w.Rels) == 0 || slices.Contains(w.Rels, e.Rel)) && w.lived(e.FirstSeen, e.LastSeen)
}

// Wants tells whether a walk gives a node of the kind.
func (w *Walk) Wants(kind string) bool { return len(w.Kinds) == 0 || slices.Contains(w.Kinds, kind) }
