// Package neo4jgraph is the build graph in Neo4j, for those who have one: the same graph.Store by a closed set of statements.
package neo4jgraph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/tenant"
)

// Options of a Store.
type Options struct {
	// URI is the server's, for example neo4j://graph.example.com:7687 or bolt+s://….
	URI string
	// User and Password; without a user the server is asked without authentication.
	User, Password string
	// Database is the database's name. Default "neo4j".
	Database string
	// Batch is how many rows a statement writes. Default 2000.
	Batch int
}

// Store is a graph.Store. Close ends its connections.
type Store struct {
	driver neo4j.DriverWithContext
	opts   Options
}

// Open connects, and makes the constraint that keeps nodes apart where it isn't there.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.Database, o.Batch = cmp.Or(o.Database, "neo4j"), cmp.Or(o.Batch, 2000)
	auth := neo4j.NoAuth()
	if o.User != "" {
		auth = neo4j.BasicAuth(o.User, o.Password, "")
	}
	d, err := neo4j.NewDriverWithContext(o.URI, auth)
	if err != nil {
		return nil, fmt.Errorf("uri: %w", err)
	}
	s := &Store{driver: d, opts: o}
	for _, statement := range []string{createConstraint, awaitIndexes} {
		if err := s.schema(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare Neo4j: %w", err), d.Close(ctx))
		}
	}
	return s, nil
}

// Close ends the connections.
func (s *Store) Close(ctx context.Context) error { return s.driver.Close(ctx) }

func (s *Store) schema(ctx context.Context, statement string) error {
	session := s.session(ctx)
	defer func() { _ = session.Close(ctx) }() // an error of the statement comes first
	result, err := session.Run(ctx, statement, nil)
	if err != nil {
		return err
	}
	_, err = result.Consume(ctx)
	return err
}

func (s *Store) session(ctx context.Context) neo4j.SessionWithContext {
	return s.driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: s.opts.Database})
}

// Write implements graph.Store. A statement sees its rows at once, so that of several states of one thing only the one that
// holds is sent. Rows are sorted by their keys, so that writers at the same time lock in the same order; the
// driver tries again what fails for a while, such as a deadlock or a change of leader.
func (s *Store) Write(ctx context.Context, id tenant.ID, nodes []graph.Node, edges []graph.Edge) error {
	if err := graph.Check(id); err != nil {
		return err
	}
	nodes, edges = graph.Newest(nodes, edges)
	slices.SortStableFunc(nodes, func(a, b graph.Node) int { return graph.CompareRefs(a.Ref, b.Ref) })
	slices.SortStableFunc(edges, func(a, b graph.Edge) int {
		return cmp.Or(graph.CompareRefs(a.From, b.From), graph.CompareRefs(a.To, b.To), cmp.Compare(a.Rel, b.Rel))
	})
	session := s.session(ctx)
	defer func() { _ = session.Close(ctx) }() // an error of writing comes first
	for part := range slices.Chunk(nodes, s.opts.Batch) {
		rows := make([]any, len(part))
		for i := range part {
			rows[i] = nodeRow(&part[i])
		}
		if err := write(ctx, session, writeNodes, id, rows); err != nil {
			return fmt.Errorf("write nodes: %w", err)
		}
	}
	for part := range slices.Chunk(edges, s.opts.Batch) {
		rows := make([]any, len(part))
		for i := range part {
			rows[i] = edgeRow(&part[i])
		}
		if err := write(ctx, session, writeEdges, id, rows); err != nil {
			return fmt.Errorf("write edges: %w", err)
		}
	}
	return nil
}

func write(ctx context.Context, session neo4j.SessionWithContext, statement string, id tenant.ID, rows []any) error {
	_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		result, err := tx.Run(ctx, statement, map[string]any{"tenant": id.String(), "rows": rows})
		if err != nil {
			return nil, err
		}
		return result.Consume(ctx)
	})
	return err
}

// query runs a statement and gives all of its records at once: one that is tried again must not have handed on half of them.
func (s *Store) query(ctx context.Context, statement string, id tenant.ID, params map[string]any) ([]*neo4j.Record, error) {
	params["tenant"] = id.String()
	session := s.session(ctx)
	defer func() { _ = session.Close(ctx) }() // an error of reading comes first
	return neo4j.ExecuteRead(ctx, session, func(tx neo4j.ManagedTransaction) ([]*neo4j.Record, error) {
		result, err := tx.Run(ctx, statement, params)
		if err != nil {
			return nil, err
		}
		return result.Collect(ctx)
	})
}

// Node implements graph.Store.
func (s *Store) Node(ctx context.Context, id tenant.ID, ref graph.Ref) (graph.Node, error) {
	if err := graph.Check(id); err != nil {
		return graph.Node{}, err
	}
	records, err := s.query(ctx, selectNode, id, map[string]any{"kind": ref.Kind, "id": ref.ID})
	if err != nil {
		return graph.Node{}, fmt.Errorf("read a node: %w", err)
	}
	if len(records) == 0 {
		return graph.Node{}, fmt.Errorf("%w: %s %q", graph.ErrNotFound, ref.Kind, ref.ID)
	}
	return nodeOf(records[0])
}

// Edges implements graph.Store.
func (s *Store) Edges(ctx context.Context, id tenant.ID, ref graph.Ref, d graph.Direction) ([]graph.Edge, error) {
	if _, err := s.Node(ctx, id, ref); err != nil {
		return nil, err
	}
	out := []graph.Edge{}
	for _, part := range []struct {
		statement string
		wanted    bool
	}{{edgesOut, d != graph.In}, {edgesIn, d != graph.Out}} {
		if !part.wanted {
			continue
		}
		records, err := s.query(ctx, part.statement, id, map[string]any{"kind": ref.Kind, "id": ref.ID})
		if err != nil {
			return nil, fmt.Errorf("read edges: %w", err)
		}
		for _, r := range records {
			e, err := edgeOf(r)
			if err != nil {
				return nil, err
			}
			if d == graph.Both && part.statement == edgesIn && e.From == e.To {
				continue // it is among those that go out
			}
			out = append(out, e)
		}
	}
	graph.SortEdges(out)
	return out, nil
}

// List implements graph.Store.
func (s *Store) List(ctx context.Context, id tenant.ID, kind, after string, limit int) ([]graph.Node, error) {
	if err := errors.Join(graph.CheckLimit(limit), graph.Check(id)); err != nil {
		return nil, err
	}
	records, err := s.query(ctx, selectList, id, map[string]any{"kind": kind, "after": after, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	out := make([]graph.Node, 0, len(records))
	for _, r := range records {
		n, err := nodeOf(r)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// bounds are a walk's times in milliseconds.
func bounds(w *graph.Walk) (since, until int64) {
	since, until = math.MinInt64, math.MaxInt64
	if !w.Since.IsZero() {
		since = w.Since.UnixMilli()
	}
	if !w.Until.IsZero() {
		until = w.Until.UnixMilli()
	}
	return since, until
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
