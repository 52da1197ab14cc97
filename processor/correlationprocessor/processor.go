// Package correlationprocessor joins telemetry to builds as it passes: each resource is looked up in the build index and
// stamped with commit, build run, deployment and the evidence for them, which the encoder lifts into columns. It only
// annotates: it never waits for a build that isn't known yet and holds no data.
package correlationprocessor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// indexed is what the processor needs of the build index extension.
type indexed interface{ Index() *correlation.Index }

type correlator struct {
	cfg       *Config
	index     *correlation.Index
	resources metric.Int64Counter
	untrusted metric.Int64Counter
}

func newCorrelator(cfg *Config, set processor.Settings) (*correlator, error) {
	meter := set.MeterProvider.Meter("github.com/summitobs/summit/processor/correlationprocessor")
	resources, err := meter.Int64Counter("summit_correlation_resources_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources that were looked up, by the basis of the answer."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of resources: %w", err)
	}
	untrusted, err := meter.Int64Counter("summit_correlation_untrusted_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources from which correlation attributes of the sender were removed."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of untrusted attributes: %w", err)
	}
	return &correlator{cfg: cfg, resources: resources, untrusted: untrusted}, nil
}

func (c *correlator) start(_ context.Context, host component.Host) error {
	ext, ok := host.GetExtensions()[c.cfg.BuildIndex]
	if !ok {
		return fmt.Errorf("build_index: there is no extension %q; add it to service::extensions", c.cfg.BuildIndex)
	}
	x, ok := ext.(indexed)
	if !ok {
		return fmt.Errorf("build_index: extension %q is no build index; want one like summit_buildindex", c.cfg.BuildIndex)
	}
	c.index = x.Index()
	return nil
}

func (c *correlator) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	b := c.batch(ctx)
	for _, rs := range td.ResourceSpans().All() {
		b.stamp(rs.Resource(), func() (newest pcommon.Timestamp) {
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

func (c *correlator) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	b := c.batch(ctx)
	for _, rl := range ld.ResourceLogs().All() {
		b.stamp(rl.Resource(), func() (newest pcommon.Timestamp) {
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

func (c *correlator) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	b := c.batch(ctx)
	for _, rm := range md.ResourceMetrics().All() {
		b.stamp(rm.Resource(), func() (newest pcommon.Timestamp) {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					newest = max(newest, newestPoint(m))
				}
			}
			return newest
		})
	}
	return md, nil
}

// newestPoint is the time of a metric's last point: the points of a batch come in the order of their time.
func newestPoint(m pmetric.Metric) pcommon.Timestamp {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return last(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return last(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		return last(m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		return last(m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		return last(m.Summary().DataPoints())
	default:
		return 0
	}
}

func last[P interface{ Timestamp() pcommon.Timestamp }](points interface {
	Len() int
	At(int) P
}) pcommon.Timestamp {
	if points.Len() == 0 {
		return 0
	}
	return points.At(points.Len() - 1).Timestamp()
}

// batch remembers what was resolved in one batch: agents and gateways send many resources that say the same of their code.
type batch struct {
	*correlator
	ctx      context.Context
	now      time.Time
	resolved map[string]envelope.Correlation
}

func (c *correlator) batch(ctx context.Context) *batch {
	return &batch{correlator: c, ctx: ctx, now: time.Now(), resolved: make(map[string]envelope.Correlation)}
}

// stamp resolves a resource and writes the answer on it. newest gives the time of its newest item, which is asked for only
// when there is something to look up.
func (b *batch) stamp(r pcommon.Resource, newest func() pcommon.Timestamp) {
	incoming := b.takeIncoming(r.Attributes())
	found := envelope.Correlation{}
	if ev := correlation.EvidenceOf(r.Attributes()); !ev.Empty() {
		found = b.resolve(tenantOf(r.Attributes()), ev, newest())
	}
	if incoming.Basis != envelope.BasisNone && (found.Basis == envelope.BasisNone || incoming.Basis < found.Basis) {
		found = incoming
	}
	b.resources.Add(b.ctx, 1, basisOptions[found.Basis])
	if found.Basis == envelope.BasisNone {
		return
	}
	put(r.Attributes(), envelope.AttrCommitSHA, found.CommitSHA)
	put(r.Attributes(), envelope.AttrBuildRunID, found.BuildRunID)
	put(r.Attributes(), envelope.AttrDeploymentID, found.DeploymentID)
	put(r.Attributes(), envelope.AttrBasis, found.Basis.String())
}

// resolve asks the index once per batch for the same evidence in the same second.
func (b *batch) resolve(id tenant.ID, ev correlation.Evidence, newest pcommon.Timestamp) envelope.Correlation {
	at := b.now
	if t := newest.AsTime(); newest != 0 && t.Before(at) {
		at = t
	}
	at = at.Truncate(time.Second)
	key := strings.Join(append(ev.Digests, string(id[:]), ev.BuildRunID, ev.Revision, ev.Service, ev.Version, ev.Environment, at.String()), "\x00")
	c, ok := b.resolved[key]
	if !ok {
		c = b.index.Resolve(id, ev, at)
		b.resolved[key] = c
	}
	return c
}

// takeIncoming removes correlation attributes that the sender set and gives them back if senders are trusted.
func (b *batch) takeIncoming(attrs pcommon.Map) envelope.Correlation {
	var c envelope.Correlation
	removed := false
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		switch k {
		case envelope.AttrCommitSHA:
			c.CommitSHA = v.AsString()
		case envelope.AttrBuildRunID:
			c.BuildRunID = v.AsString()
		case envelope.AttrDeploymentID:
			c.DeploymentID = v.AsString()
		case envelope.AttrBasis:
			// An unknown basis is none: the attributes go.
			c.Basis, _ = envelope.ParseBasis(v.AsString())
		default:
			return false
		}
		removed = true
		return true
	})
	if b.cfg.TrustIncoming {
		return c
	}
	if removed {
		b.untrusted.Add(b.ctx, 1)
	}
	return envelope.Correlation{}
}

// tenantOf reads the stamp of the envelope processor; without one it is the default tenant.
func tenantOf(attrs pcommon.Map) tenant.ID {
	v, ok := attrs.Get(envelope.AttrTenantID)
	if !ok {
		return tenant.Default
	}
	id, err := tenant.Parse(v.AsString())
	if err != nil {
		// Nobody's index: the zero tenant has no builds.
		return tenant.ID{}
	}
	return id
}

var basisOptions = func() (o [envelope.BasisTime + 1]metric.MeasurementOption) {
	for b := range o {
		o[b] = metric.WithAttributeSet(attribute.NewSet(attribute.String("basis", envelope.Basis(b).String())))
	}
	return o
}()

func put(attrs pcommon.Map, key, value string) {
	if value != "" {
		attrs.PutStr(key, value)
	}
}
