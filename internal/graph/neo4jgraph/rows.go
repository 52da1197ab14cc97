package neo4jgraph

import (
	"fmt"
	"maps"
	"slices"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/summitobs/summit/internal/graph"
)

// flat writes a map as a list of keys and values, since Neo4j's properties hold no maps.
func flat(m map[string]string) []any {
	out := make([]any, 0, 2*len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k, m[k])
	}
	return out
}

func nodeRow(n *graph.Node) map[string]any {
	return map[string]any{
		"kind": n.Kind, "id": n.ID, "name": n.Name, "first_seen": millis(n.FirstSeen), "last_seen": millis(n.LastSeen), "props": flat(n.Props),
		"stub": n.Stub, "deleted": n.Deleted, "version": int64(n.Version),
	}
}

func edgeRow(e *graph.Edge) map[string]any {
	return map[string]any{
		"from_kind": e.From.Kind, "from_id": e.From.ID, "to_kind": e.To.Kind, "to_id": e.To.ID, "rel": e.Rel, "basis": e.Basis,
		"first_seen": millis(e.FirstSeen), "last_seen": millis(e.LastSeen), "props": flat(e.Props), "deleted": e.Deleted, "version": int64(e.Version),
	}
}

// fields reads properties and keeps the first that is missing or of another type.
type fields struct {
	of  map[string]any
	err error
}

func get[T any](f *fields, key string) (v T) {
	v, ok := f.of[key].(T)
	if !ok && f.err == nil {
		f.err = fmt.Errorf("property %s is %T, want %T", key, f.of[key], v)
	}
	return v
}

func (f *fields) props() map[string]string {
	list := get[[]any](f, "props")
	out := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		k, _ := list[i].(string)
		v, _ := list[i+1].(string)
		out[k] = v
	}
	return out
}

func nodeOf(r *neo4j.Record) (graph.Node, error) {
	f := fields{of: r.AsMap()}
	f.of = get[map[string]any](&f, "n")
	n := graph.Node{
		Ref: graph.Ref{Kind: get[string](&f, "kind"), ID: get[string](&f, "id")}, Name: get[string](&f, "name"), FirstSeen: timeOf(get[int64](&f, "first_seen")),
		LastSeen: timeOf(get[int64](&f, "last_seen")), Props: f.props(), Stub: get[bool](&f, "stub"), Deleted: get[bool](&f, "deleted"), Version: uint64(get[int64](&f, "version")),
	}
	if f.err != nil {
		return n, fmt.Errorf("read a node: %w", f.err)
	}
	return n, nil
}

func edgeOf(r *neo4j.Record) (graph.Edge, error) {
	f := fields{of: r.AsMap()}
	e := graph.Edge{
		From: graph.Ref{Kind: get[string](&f, "from_kind"), ID: get[string](&f, "from_id")}, To: graph.Ref{Kind: get[string](&f, "to_kind"), ID: get[string](&f, "to_id")},
		Rel: get[string](&f, "rel"),
	}
	f.of = get[map[string]any](&f, "e")
	e.Basis, e.FirstSeen, e.LastSeen = get[string](&f, "basis"), timeOf(get[int64](&f, "first_seen")), timeOf(get[int64](&f, "last_seen"))
	e.Props, e.Version = f.props(), uint64(get[int64](&f, "version"))
	if f.err != nil {
		return e, fmt.Errorf("read an edge: %w", f.err)
	}
	return e, nil
}
