// Package clickhousegraph is the build graph in the tables graph_nodes_v1 and graph_edges_v1, answered from a snapshot in
// memory. A tenant's snapshot is read once, when it is first asked for; after that only rows that came since are read, every
// PollInterval. No request scans the tables.
package clickhousegraph

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/snapshot"
	"github.com/summitobs/summit/internal/tenant"
)

// Options of a Store. Zero values take the defaults.
type Options struct {
	// PollInterval is how often new rows are read. Default 1s.
	PollInterval time.Duration
	// Overlap is how far before the newest row a read begins: rows bear the time at which their writer began to gather them
	// and come into sight later. Default 2m.
	Overlap time.Duration
	// MaxEdges is the number of edges kept in memory over all tenants, about 150 bytes each with their nodes. The tenant not
	// asked about for longest goes first; a single graph that is larger is refused. Default 20 million.
	MaxEdges int
	// RebuildAfter is when a snapshot is read anew, so that rows whose time is over leave it. Default 12h.
	RebuildAfter time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	if o.Overlap == 0 {
		o.Overlap = 2 * time.Minute
	}
	if o.MaxEdges == 0 {
		o.MaxEdges = 20_000_000
	}
	if o.RebuildAfter == 0 {
		o.RebuildAfter = 12 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// ErrTooLarge is the error of a graph that doesn't fit into MaxEdges.
var ErrTooLarge = errors.New("the graph is larger than what is kept in memory")

// Stats of a Store.
type Stats struct {
	Tenants, Nodes, Edges int
	// Behind is how long ago the snapshots were last brought up to date.
	Behind time.Duration
	// Evicted counts snapshots that were dropped for the bound.
	Evicted uint64
	// Failures counts polls that couldn't read the tables of some tenant.
	Failures uint64
}

// Store is a graph.Store. Close ends its polling.
type Store struct {
	conn driver.Conn
	opts Options

	mu      sync.Mutex
	tenants map[tenant.ID]*entry
	evicted uint64
	closed  bool

	failures atomic.Uint64

	stop    context.CancelFunc
	running sync.WaitGroup
}

// entry is a tenant's snapshot. Requests read it without waiting for a poll.
type entry struct {
	graph atomic.Pointer[snapshot.Snapshot]
	// polled is when it was last brought up to date, in nanoseconds since 1970.
	polled atomic.Int64
	// asked is guarded by the store's mu.
	asked time.Time

	// load is held while the tables are read; it guards seen, the newest ingestion time that was read, and made.
	load sync.Mutex
	seen time.Time
	made time.Time
}

// New makes a store over a connection and begins to poll for those tenants that are asked about.
func New(conn driver.Conn, o Options) *Store {
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{conn: conn, opts: o.withDefaults(), tenants: map[tenant.ID]*entry{}, stop: stop}
	s.running.Go(func() { s.poll(ctx) })
	return s
}

// Close ends the polling and forgets the snapshots.
func (s *Store) Close() {
	s.stop()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.tenants = true, map[tenant.ID]*entry{}
}

func (s *Store) poll(ctx context.Context) {
	ticker := time.NewTicker(s.opts.PollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// What can't be read now is read with the next poll; Stats tell how far behind it is.
			if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
				s.failures.Add(1)
			}
		}
	}
}

// Refresh brings the snapshots up to date now.
func (s *Store) Refresh(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]tenant.ID, 0, len(s.tenants))
	for id := range s.tenants {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	var errs []error
	for _, id := range ids {
		if err := s.refresh(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Store) refresh(ctx context.Context, id tenant.ID) error {
	s.mu.Lock()
	e := s.tenants[id]
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	e.load.Lock()
	defer e.load.Unlock()
	g := e.graph.Load()
	if g == nil {
		return nil
	}
	now := s.opts.Now()
	if now.Sub(e.made) > s.opts.RebuildAfter {
		return s.read(ctx, id, e)
	}
	seen, err := s.rows(ctx, id, g, e.seen.Add(-s.opts.Overlap))
	if err != nil {
		return fmt.Errorf("read what is new of the graph: %w", err)
	}
	if seen.After(e.seen) {
		e.seen = seen
	}
	e.polled.Store(now.UnixNano())
	return nil
}

// read makes a snapshot of all that there is.
func (s *Store) read(ctx context.Context, id tenant.ID, e *entry) error {
	if err := s.fits(ctx, id); err != nil {
		return err
	}
	g, now := snapshot.New(), s.opts.Now()
	seen, err := s.rows(ctx, id, g, time.Time{})
	if err != nil {
		return fmt.Errorf("read the graph: %w", err)
	}
	g.Compact()
	e.seen, e.made = seen, now
	e.polled.Store(now.UnixNano())
	e.graph.Store(g)
	return nil
}

// fits counts before anything is read.
func (s *Store) fits(ctx context.Context, id tenant.ID) error {
	var n uint64
	if err := s.conn.QueryRow(ctx, `SELECT count() FROM graph_edges_v1 WHERE tenant_id = $1`, uuid.UUID(id)).Scan(&n); err != nil {
		return fmt.Errorf("count the graph's edges: %w", err)
	}
	if n > uint64(s.opts.MaxEdges) {
		return fmt.Errorf("%w: %d edges, at most %d are kept", ErrTooLarge, n, s.opts.MaxEdges)
	}
	return nil
}

// of gives a tenant's snapshot, read if it has to be.
func (s *Store) of(ctx context.Context, id tenant.ID) (*snapshot.Snapshot, error) {
	if err := graph.Check(id); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errors.New("the graph is closed")
	}
	e := s.tenants[id]
	if e == nil {
		e = &entry{}
		s.tenants[id] = e
	}
	e.asked = s.opts.Now()
	s.mu.Unlock()

	if g := e.graph.Load(); g != nil {
		return g, nil
	}
	e.load.Lock()
	defer e.load.Unlock()
	if e.graph.Load() == nil {
		if err := s.read(ctx, id, e); err != nil {
			return nil, err
		}
		s.shrink(id)
	}
	return e.graph.Load(), nil
}

// shrink drops the snapshots not asked about for longest until the others fit.
func (s *Store) shrink(keep tenant.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		total, oldest := 0, tenant.ID{}
		for id, e := range s.tenants {
			g := e.graph.Load()
			if g == nil {
				continue
			}
			_, edges := g.Size()
			total += edges
			if id != keep && (oldest.IsZero() || e.asked.Before(s.tenants[oldest].asked)) {
				oldest = id
			}
		}
		if total <= s.opts.MaxEdges || oldest.IsZero() {
			return
		}
		delete(s.tenants, oldest)
		s.evicted++
	}
}

// Stats tells how much is in memory and how far behind it is.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Tenants: len(s.tenants), Evicted: s.evicted, Failures: s.failures.Load()}
	for _, e := range s.tenants {
		g := e.graph.Load()
		if g == nil {
			continue
		}
		nodes, edges := g.Size()
		st.Nodes, st.Edges = st.Nodes+nodes, st.Edges+edges
		st.Behind = max(st.Behind, s.opts.Now().Sub(time.Unix(0, e.polled.Load())))
	}
	return st
}

// Node implements graph.Store.
func (s *Store) Node(ctx context.Context, id tenant.ID, ref graph.Ref) (graph.Node, error) {
	g, err := s.of(ctx, id)
	if err != nil {
		return graph.Node{}, err
	}
	return g.Node(ref)
}

// Edges implements graph.Store.
func (s *Store) Edges(ctx context.Context, id tenant.ID, ref graph.Ref, d graph.Direction) ([]graph.Edge, error) {
	g, err := s.of(ctx, id)
	if err != nil {
		return nil, err
	}
	return g.Edges(ref, d)
}

// Walk implements graph.Store.
func (s *Store) Walk(ctx context.Context, id tenant.ID, from graph.Ref, w graph.Walk) ([]graph.Reached, error) {
	g, err := s.of(ctx, id)
	if err != nil {
		return nil, err
	}
	return g.Walk(from, w)
}

// Path implements graph.Store.
func (s *Store) Path(ctx context.Context, id tenant.ID, from, to graph.Ref, w graph.Walk) ([]graph.Node, error) {
	g, err := s.of(ctx, id)
	if err != nil {
		return nil, err
	}
	return g.Path(from, to, w)
}

// List implements graph.Store.
func (s *Store) List(ctx context.Context, id tenant.ID, kind, after string, limit int) ([]graph.Node, error) {
	g, err := s.of(ctx, id)
	if err != nil {
		return nil, err
	}
	return g.List(kind, after, limit)
}
