package clickhousegraph

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/snapshot"
	"github.com/summitobs/summit/internal/tenant"
)

// Rows of all versions are read, in the order in which they came: the snapshot knows which holds. That spares the FINAL.
const (
	selectNodes = `SELECT kind, id, name, first_seen, last_seen, props, stub, deleted, version, ingested_at FROM graph_nodes_v1
WHERE tenant_id = $1 AND ingested_at >= fromUnixTimestamp64Milli(toInt64($2)) ORDER BY ingested_at`
	selectEdges = `SELECT src_kind, src_id, rel, dst_kind, dst_id, toString(correlation_basis), first_seen, last_seen, props, deleted, version, ingested_at
FROM graph_edges_v1 WHERE tenant_id = $1 AND ingested_at >= fromUnixTimestamp64Milli(toInt64($2)) ORDER BY ingested_at`
	insertNodes = `INSERT INTO graph_nodes_v1 (tenant_id, kind, id, name, first_seen, last_seen, props, stub, deleted, version)`
	insertEdges = `INSERT INTO graph_edges_v1 (tenant_id, src_kind, src_id, rel, dst_kind, dst_id, correlation_basis, first_seen, last_seen, props, deleted, version)`
	// applied at once, so that readers don't wait long
	batchRows = 10_000
)

// rows reads what came since a time into the snapshot and gives the newest ingestion time.
func (s *Store) rows(ctx context.Context, id tenant.ID, into *snapshot.Snapshot, since time.Time) (time.Time, error) {
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMilli()
	}
	newest, err := s.readNodes(ctx, id, into, from)
	if err != nil {
		return newest, err
	}
	edges, err := s.readEdges(ctx, id, into, from)
	if edges.After(newest) {
		newest = edges
	}
	return newest, err
}

func (s *Store) readNodes(ctx context.Context, id tenant.ID, into *snapshot.Snapshot, from int64) (newest time.Time, err error) {
	rows, err := s.conn.Query(ctx, selectNodes, uuid.UUID(id), from)
	if err != nil {
		return newest, fmt.Errorf("query nodes: %w", err)
	}
	defer func() { _ = rows.Close() }() // an error of reading is given by Err
	var batch []graph.Node
	for rows.Next() {
		var n graph.Node
		if err := rows.Scan(&n.Kind, &n.ID, &n.Name, &n.FirstSeen, &n.LastSeen, &n.Props, &n.Stub, &n.Deleted, &n.Version, &newest); err != nil {
			return newest, fmt.Errorf("scan a node: %w", err)
		}
		if n.Stub {
			n = graph.Node{Ref: n.Ref, Name: n.Name, Stub: true, Deleted: n.Deleted, Version: n.Version}
		}
		if batch = append(batch, n); len(batch) == batchRows {
			into.Apply(batch, nil)
			batch = batch[:0]
		}
	}
	into.Apply(batch, nil)
	return newest, rows.Err()
}

func (s *Store) readEdges(ctx context.Context, id tenant.ID, into *snapshot.Snapshot, from int64) (newest time.Time, err error) {
	rows, err := s.conn.Query(ctx, selectEdges, uuid.UUID(id), from)
	if err != nil {
		return newest, fmt.Errorf("query edges: %w", err)
	}
	defer func() { _ = rows.Close() }() // an error of reading is given by Err
	var batch []graph.Edge
	for rows.Next() {
		var e graph.Edge
		err := rows.Scan(&e.From.Kind, &e.From.ID, &e.Rel, &e.To.Kind, &e.To.ID, &e.Basis, &e.FirstSeen, &e.LastSeen, &e.Props, &e.Deleted, &e.Version, &newest)
		if err != nil {
			return newest, fmt.Errorf("scan an edge: %w", err)
		}
		if batch = append(batch, e); len(batch) == batchRows {
			into.Apply(nil, batch)
			batch = batch[:0]
		}
	}
	into.Apply(nil, batch)
	return newest, rows.Err()
}

// Write implements graph.Store. The pipeline's exporter writes the same rows with its own blocks; this is for what doesn't
// come through a pipeline. Edges go first: of a write that ends between the two, ends are stubs until it is repeated.
func (s *Store) Write(ctx context.Context, id tenant.ID, nodes []graph.Node, edges []graph.Edge) error {
	if err := graph.Check(id); err != nil {
		return err
	}
	if len(edges) > 0 {
		batch, err := s.conn.PrepareBatch(ctx, insertEdges)
		if err != nil {
			return fmt.Errorf("begin to write edges: %w", err)
		}
		for _, e := range edges {
			err := batch.Append(uuid.UUID(id), e.From.Kind, e.From.ID, e.Rel, e.To.Kind, e.To.ID, e.Basis, e.FirstSeen, e.LastSeen, texts(e.Props), e.Deleted, e.Version)
			if err != nil {
				return fmt.Errorf("write an edge: %w", err)
			}
		}
		if err := batch.Send(); err != nil {
			return fmt.Errorf("write edges: %w", err)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	batch, err := s.conn.PrepareBatch(ctx, insertNodes)
	if err != nil {
		return fmt.Errorf("begin to write nodes: %w", err)
	}
	for _, n := range nodes {
		if err := batch.Append(uuid.UUID(id), n.Kind, n.ID, n.Name, n.FirstSeen, n.LastSeen, texts(n.Props), n.Stub, n.Deleted, n.Version); err != nil {
			return fmt.Errorf("write a node: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write nodes: %w", err)
	}
	return nil
}

func texts(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
