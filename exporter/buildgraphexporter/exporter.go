// Package buildgraphexporter writes the build graph into Neo4j, for those who ask it there: it takes the log records of
// build events and writes the nodes and edges that they stand for. Other log records are none of its business.
package buildgraphexporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/neo4jgraph"
	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/tenant"
)

type graphExporter struct {
	cfg      *Config
	log      *zap.Logger
	written  metric.Int64Counter
	dropped  metric.Int64Counter
	throttle *telemetry.Throttle

	// mu guards store, which is opened when it is first needed: a server that is away mustn't keep a collector from starting.
	mu    sync.Mutex
	store *neo4jgraph.Store
}

func newExporter(cfg *Config, set component.TelemetrySettings) (*graphExporter, error) {
	meter := set.MeterProvider.Meter("github.com/summitobs/summit/exporter/buildgraphexporter")
	written, err := meter.Int64Counter("summit_buildgraph_written_total", metric.WithUnit("{row}"), metric.WithDescription("Nodes and edges written, by kind of row."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of rows: %w", err)
	}
	dropped, err := meter.Int64Counter("summit_dropped_total", metric.WithUnit("{record}"), metric.WithDescription("Records that are not kept, by reason."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of dropped records: %w", err)
	}
	return &graphExporter{cfg: cfg, log: set.Logger, written: written, dropped: dropped, throttle: telemetry.NewThrottle(time.Minute)}, nil
}

func (x *graphExporter) start(context.Context, component.Host) error { return nil }

func (x *graphExporter) shutdown(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.store == nil {
		return nil
	}
	if err := x.store.Close(ctx); err != nil {
		return fmt.Errorf("close the connections to Neo4j: %w", err)
	}
	return nil
}

func (x *graphExporter) open(ctx context.Context) (*neo4jgraph.Store, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.store != nil {
		return x.store, nil
	}
	s, err := neo4jgraph.Open(ctx, neo4jgraph.Options{
		URI: x.cfg.URI, User: x.cfg.Username, Password: string(x.cfg.Password), Database: x.cfg.Database, Batch: x.cfg.Batch,
	})
	if err != nil {
		return nil, err
	}
	x.store = s
	return s, nil
}

// part is what a request has of one tenant.
type part struct {
	nodes []graph.Node
	edges []graph.Edge
}

// write takes a request. What fails is tried again by the helper in front of it: writes are idempotent.
func (x *graphExporter) write(ctx context.Context, ld plog.Logs) error {
	parts := x.parts(ctx, ld)
	if len(parts) == 0 {
		return nil
	}
	store, err := x.open(ctx)
	if err != nil {
		return err
	}
	for id, p := range parts {
		if err := store.Write(ctx, id, p.nodes, p.edges); err != nil {
			return err
		}
		x.written.Add(ctx, int64(len(p.nodes)), metric.WithAttributes(attribute.String("row", "node")))
		x.written.Add(ctx, int64(len(p.edges)), metric.WithAttributes(attribute.String("row", "edge")))
	}
	return nil
}

func (x *graphExporter) parts(ctx context.Context, ld plog.Logs) map[tenant.ID]*part {
	out := map[tenant.ID]*part{}
	for _, rl := range ld.ResourceLogs().All() {
		id, ok := tenantOf(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				ev, event, err := build.FromLogRecord(lr)
				switch {
				case !event:
				case !ok:
					x.drop(ctx, "tenant", fmt.Errorf("the resource's %s is no tenant", envelope.AttrTenantID))
				case err != nil:
					x.drop(ctx, "invalid_build_event", err)
				default:
					if out[id] == nil {
						out[id] = &part{}
					}
					out[id].add(ev)
				}
			}
		}
	}
	return out
}

func (x *graphExporter) drop(ctx context.Context, reason string, err error) {
	x.dropped.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
	if silent, ok := x.throttle.Allow(reason); ok {
		x.log.Warn("a build event isn't written to the graph", zap.String("reason", reason), zap.Error(err), zap.Int("not_logged_before", silent))
	}
}

func (p *part) add(ev build.Event) {
	nodes, edges := build.Graph(ev)
	for _, n := range nodes {
		p.nodes = append(p.nodes, graph.Node{
			Ref: graph.Ref{Kind: n.Kind, ID: n.ID}, Name: n.Name, FirstSeen: n.FirstSeen, LastSeen: n.LastSeen, Props: n.Props, Stub: n.Stub, Version: n.Version,
		})
	}
	for _, e := range edges {
		p.edges = append(p.edges, graph.Edge{
			From: graph.Ref{Kind: e.SrcKind, ID: e.SrcID}, To: graph.Ref{Kind: e.DstKind, ID: e.DstID}, Rel: e.Rel, Basis: e.Basis.String(),
			FirstSeen: e.FirstSeen, LastSeen: e.LastSeen, Props: e.Props, Version: e.Version,
		})
	}
}

// tenantOf reads the stamp of the envelope processor; without one it is the default tenant.
func tenantOf(attrs pcommon.Map) (tenant.ID, bool) {
	v, ok := attrs.Get(envelope.AttrTenantID)
	if !ok {
		return tenant.Default, true
	}
	id, err := tenant.Parse(v.AsString())
	return id, err == nil
}
