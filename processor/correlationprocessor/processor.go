// Package correlationprocessor joins telemetry to builds as it passes: each resource is looked up in the build index and
// stamped with commit, build run, deployment and the evidence for them, which the encoder lifts into columns. It only
// annotates: it never waits for a build that isn't known yet and holds no data. Package stamp does the work.
package correlationprocessor

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"

	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/stamp"
)

// correlator gives the stamp the resources of each signal, with the time of their newest item.
type correlator struct{ *stamp.Correlator }

func newCorrelator(cfg *Config, set processor.Settings) (correlator, error) {
	c, err := stamp.NewCorrelator(cfg, set.TelemetrySettings)
	return correlator{c}, err
}

func (c correlator) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	b := c.Batch(ctx)
	for _, rs := range td.ResourceSpans().All() {
		b.Resource(rs.Resource(), func() (newest pcommon.Timestamp) {
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					newest = max(newest, sp.StartTimestamp())
				}
			}
			return newest
		})
	}
	return td, nil
}

func (c correlator) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	b := c.Batch(ctx)
	for _, rl := range ld.ResourceLogs().All() {
		b.Resource(rl.Resource(), func() (newest pcommon.Timestamp) {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					at := lr.Timestamp()
					if at == 0 {
						at = lr.ObservedTimestamp()
					}
					newest = max(newest, at)
				}
			}
			return newest
		})
	}
	return ld, nil
}

func (c correlator) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	b := c.Batch(ctx)
	for _, rm := range md.ResourceMetrics().All() {
		b.Resource(rm.Resource(), func() (newest pcommon.Timestamp) {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					newest = max(newest, otlpitem.LastPoint(m))
				}
			}
			return newest
		})
	}
	return md, nil
}
