// Package envelopeprocessor gives every event the part of the envelope that the sender can't be trusted with, the tenant,
// and takes from it what only receivers of this process may say: that it tells of a build.
// It stands before all stages that keep tenants apart. It keeps no state and holds no data.
package envelopeprocessor

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/stamp"
)

type stamper struct {
	*stamp.Envelope
	eventID bool
}

func newStamper(cfg *Config, set component.TelemetrySettings) (*stamper, error) {
	e, err := stamp.NewEnvelope(cfg, set)
	if err != nil {
		return nil, err
	}
	return &stamper{e, cfg.EventID}, nil
}

func (s *stamper) traces(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	for _, rs := range td.ResourceSpans().All() {
		s.Resource(ctx, rs.Resource())
		if !s.eventID {
			continue
		}
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				start, end := int64(sp.StartTimestamp()), int64(sp.EndTimestamp())
				id := envelope.SpanEventID(s.Tenant, sp.TraceID(), sp.SpanID(), start, end-start)
				putEventID(sp.Attributes(), id)
			}
		}
	}
	return td, nil
}

func (s *stamper) logs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	if !s.Believes(ctx) {
		s.Disarm(ctx, ld)
	}
	for _, rl := range ld.ResourceLogs().All() {
		s.Resource(ctx, rl.Resource())
		if !s.eventID {
			continue
		}
		resource := envelope.ResourceHash(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				id := envelope.RecordEventID(s.Tenant, resource, lr)
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

func (s *stamper) metrics(ctx context.Context, md pmetric.Metrics) (pmetric.Metrics, error) {
	for _, rm := range md.ResourceMetrics().All() {
		s.Resource(ctx, rm.Resource())
	}
	return md, nil
}
