// Package envelopeprocessor gives every event the part of the envelope that the sender can't be trusted with, the tenant,
// and takes from it what only receivers of this process may say: that it tells of a build.
// It stands before all stages that keep tenants apart. It keeps no state and holds no data.
package envelopeprocessor

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

type stamper struct {
	tenant   tenant.ID
	name     string
	eventID  bool
	trust    bool
	replaced metric.Int64Counter
	renamed  metric.Int64Counter
}

// untrusted is put before the name of a build event that nobody has checked.
const untrusted = "untrusted."

func newStamper(cfg *Config, set component.TelemetrySettings) (*stamper, error) {
	id, err := tenant.Parse(cfg.Tenant)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	meter := set.MeterProvider.Meter("github.com/summitobs/summit/processor/envelopeprocessor")
	replaced, err := meter.Int64Counter(
		"summit_envelope_tenant_replaced_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources whose sender named another tenant; the name was replaced."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of replaced tenants: %w", err)
	}
	renamed, err := meter.Int64Counter("summit_envelope_build_events_untrusted_total", metric.WithUnit("{record}"),
		metric.WithDescription("Build events that came over the wire and stay ordinary log records."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of untrusted build events: %w", err)
	}
	return &stamper{tenant: id, name: id.String(), eventID: cfg.EventID, trust: cfg.TrustBuildEvents, replaced: replaced, renamed: renamed}, nil
}

func (s *stamper) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	for _, rs := range td.ResourceSpans().All() {
		s.stamp(ctx, rs.Resource())
		if !s.eventID {
			continue
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				start, end := int64(sp.StartTimestamp()), int64(sp.EndTimestamp())
				id := envelope.SpanEventID(s.tenant, sp.TraceID(), sp.SpanID(), start, end-start)
				putEventID(sp.Attributes(), id)
			}
		}
	}
	return td, nil
}

func (s *stamper) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	if !s.trust && !build.Checked(ctx) {
		s.disarm(ctx, ld)
	}
	for _, rl := range ld.ResourceLogs().All() {
		s.stamp(ctx, rl.Resource())
		if !s.eventID {
			continue
		}
		resource := envelope.ResourceHash(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				id := envelope.RecordEventID(s.tenant, resource, lr)
				putEventID(lr.Attributes(), id)
			}
		}
	}
	return ld, nil
}

// putEventID leaves one id on a span or record: the sender may have put some there, even twice.
func putEventID(attrs pcommon.Map, id envelope.EventID) {
	attrs.RemoveIf(func(k string, _ pcommon.Value) bool { return k == envelope.AttrEventID })
	attrs.PutStr(envelope.AttrEventID, uuid.UUID(id).String())
}

// disarm makes ordinary log records of build events and of calls between services: the encoder makes rows of whatever is
// named so, and only components of this process have checked who says it.
func (s *stamper) disarm(ctx context.Context, ld plog.Logs) {
	n := int64(0)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if name := lr.EventName(); strings.HasPrefix(name, envelope.OwnEvents) {
					lr.SetEventName(untrusted + name)
					n++
				}
			}
		}
	}
	if n > 0 {
		s.renamed.Add(ctx, n)
	}
}

func (s *stamper) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	for _, rm := range md.ResourceMetrics().All() {
		s.stamp(ctx, rm.Resource())
	}
	return md, nil
}

// stamp leaves one tenant on the resource. OTLP allows a key twice, and a reader that takes the last one would see the
// sender's tenant behind ours.
func (s *stamper) stamp(ctx context.Context, r pcommon.Resource) {
	named, foreign := 0, false
	for k, v := range r.Attributes().All() {
		if k == envelope.AttrTenantID {
			named++
			foreign = foreign || v.Type() != pcommon.ValueTypeStr || v.Str() != s.name
		}
	}
	if foreign {
		s.replaced.Add(ctx, 1)
	}
	if foreign || named > 1 {
		r.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool { return k == envelope.AttrTenantID })
		named = 0
	}
	if named == 0 {
		r.Attributes().PutStr(envelope.AttrTenantID, s.name)
	}
}
