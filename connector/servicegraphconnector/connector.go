// Package servicegraphconnector finds which version of which service calls which, from the spans of both sides, and sends
// the calls of each minute on as log records that the exporter writes into service_edges_1m_v1. It annotates and holds
// back nothing: spans go their own way through the other exporters of the pipeline.
package servicegraphconnector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/servicegraph"
	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/tenant"
)

type edgeConnector struct {
	cfg   *Config
	log   *zap.Logger
	graph *servicegraph.Graph
	next  consumer.Logs

	lost         metric.Int64Counter
	registration metric.Registration
	throttle     *telemetry.Throttle

	// unsent are edges that the pipeline refused; only flush touches them, which one goroutine calls at a time.
	unsent  []servicegraph.Edge
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newConnector(cfg *Config, set component.TelemetrySettings, next consumer.Logs) (*edgeConnector, error) {
	c := &edgeConnector{
		cfg: cfg, log: set.Logger, graph: servicegraph.New(cfg.options()), next: next, throttle: telemetry.NewThrottle(time.Minute), cancel: func() {},
	}
	if err := c.instruments(set.MeterProvider.Meter("github.com/summitobs/summit/connector/servicegraphconnector")); err != nil {
		return nil, fmt.Errorf("make the connector's metrics: %w", err)
	}
	return c, nil
}

func (c *edgeConnector) instruments(meter metric.Meter) error {
	spans, err := meter.Int64ObservableCounter("summit_servicegraph_calls_total", metric.WithUnit("{call}"),
		metric.WithDescription("Calls by what became of them: paired, unpaired, evicted (taken for unpaired early, because max_pending was reached) or dropped (in no edge, because max_edges was reached)."))
	if err != nil {
		return err
	}
	pending, err := meter.Int64ObservableGauge("summit_servicegraph_pending", metric.WithUnit("{span}"),
		metric.WithDescription("Spans that wait for the other side of their call."))
	if err != nil {
		return err
	}
	if c.lost, err = meter.Int64Counter("summit_servicegraph_edges_lost_total", metric.WithUnit("{edge}"),
		metric.WithDescription("Edges that the pipeline refused for good or for too long.")); err != nil {
		return err
	}
	outcome := func(name string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", name)))
	}
	paired, unpaired, evicted, dropped := outcome("paired"), outcome("unpaired"), outcome("evicted"), outcome("dropped")
	c.registration, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts, waiting := c.graph.Counts()
		o.ObserveInt64(spans, int64(counts.Paired), paired)
		o.ObserveInt64(spans, int64(counts.Unpaired-counts.Evicted), unpaired)
		o.ObserveInt64(spans, int64(counts.Evicted), evicted)
		o.ObserveInt64(spans, int64(counts.Dropped), dropped)
		o.ObserveInt64(pending, int64(waiting))
		return nil
	}, spans, pending)
	return err
}

// Capabilities: spans are only read.
func (c *edgeConnector) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start begins to send edges on.
func (c *edgeConnector) Start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.running.Go(func() {
		ticker := time.NewTicker(c.cfg.FlushInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				c.flush(ctx, now, false)
			}
		}
	})
	return nil
}

// Shutdown sends on what there is: spans that wait are taken for unpaired.
func (c *edgeConnector) Shutdown(ctx context.Context) error {
	c.cancel()
	c.running.Wait()
	c.flush(ctx, time.Now(), true)
	if n := len(c.unsent); n > 0 {
		c.lost.Add(ctx, int64(n))
		c.log.Warn("edges of the service graph were not taken before the end", zap.Int("edges", n))
	}
	if err := c.registration.Unregister(); err != nil {
		return fmt.Errorf("unregister the connector's metrics: %w", err)
	}
	return nil
}

// ConsumeTraces takes the ends of calls. It never refuses: the spans' own way doesn't depend on it.
func (c *edgeConnector) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	now := time.Now()
	for _, rs := range td.ResourceSpans().All() {
		var p *servicegraph.Process
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				s, ok := endOf(sp)
				if !ok {
					continue
				}
				if p == nil {
					if p = processOf(rs.Resource().Attributes()); p == nil {
						break
					}
				}
				s.Process = p
				c.graph.Add(s, now)
			}
		}
	}
	return nil
}

// flush sends the edges on. What is refused for a while waits for the next time, in a bounded number.
func (c *edgeConnector) flush(ctx context.Context, now time.Time, all bool) {
	edges := append(c.unsent, c.graph.Flush(now, all)...)
	c.unsent = nil
	if len(edges) == 0 {
		return
	}
	err := c.next.ConsumeLogs(build.WithChecked(ctx), records(edges))
	switch {
	case err == nil:
	case consumererror.IsPermanent(err) || len(edges) > 2*c.cfg.MaxEdges:
		c.lost.Add(ctx, int64(len(edges)))
		c.warn("edges of the service graph are lost", err)
	default:
		c.unsent = edges
		if !errors.Is(err, context.Canceled) {
			c.warn("edges of the service graph wait: the pipeline doesn't take them", err)
		}
	}
}

func (c *edgeConnector) warn(what string, err error) {
	if silent, ok := c.throttle.Allow("edges"); ok {
		c.log.Warn(what, zap.Error(err), zap.Int("not_logged_before", silent))
	}
}

// records gives a log record per edge, below a resource per tenant.
func records(edges []servicegraph.Edge) plog.Logs {
	ld := plog.NewLogs()
	of := map[tenant.ID]plog.LogRecordSlice{}
	for i := range edges {
		e := &edges[i]
		lrs, ok := of[e.Tenant]
		if !ok {
			rl := ld.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutStr(envelope.AttrTenantID, e.Tenant.String())
			lrs = rl.ScopeLogs().AppendEmpty().LogRecords()
			of[e.Tenant] = lrs
		}
		e.AppendTo(lrs.AppendEmpty())
	}
	return ld
}
