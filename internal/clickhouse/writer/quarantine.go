package writer

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// quarantineColumns is quarantine_v1.
type quarantineColumns struct {
	Tenant  *column.Fixed       `col:"tenant_id"`
	Signal  *column.Num[int8]   `col:"signal"`
	Reason  *column.LowCard     `col:"reason"`
	At      *column.Num[int64]  `col:"received_at"`
	Service *column.LowCard     `col:"service_name"`
	Detail  *column.Str         `col:"detail"`
	Items   *column.Num[uint32] `col:"items"`
	Payload *column.Str         `col:"payload"`
	Days    *column.Num[uint16] `col:"retention_days"`
}

const (
	quarantineDays = 7
	// maxPayloadBytes bounds what is kept of one resource's bad items.
	maxPayloadBytes = 1 << 20
)

var signalNumbers = map[Signal]int8{SignalTraces: 1, SignalLogs: 2, SignalMetrics: 3, SignalBuilds: 4}

// quarantine keeps items that no table can hold, as OTLP, and counts them.
func (b *Batch) quarantine(r *resource, signal Signal, reason, detail string, items int, payload []byte) {
	if len(payload) > maxPayloadBytes {
		detail += "; the payload is too large to keep: " + anyvalue.Marker(len(payload))
		payload = nil
	}
	c := use[quarantineColumns](b, table.Quarantine)
	c.Tenant.AppendUUID(r.tenant)
	c.Signal.Append(signalNumbers[signal])
	c.Reason.Append(reason)
	c.At.Append(b.now.UnixMilli())
	c.Service.Append(r.service)
	c.Detail.Append(detail)
	c.Items.Append(uint32(items))
	c.Payload.AppendBytes(payload)
	c.Days.Append(quarantineDays)
	b.drop(reason, signal, items)
}

// badSpans gathers the spans of one resource that go to quarantine, by reason.
type badSpans struct {
	resource ptrace.ResourceSpans
	groups   []badGroup
}

type badGroup struct {
	reason, detail string
	spans          ptrace.Traces
	scope          ptrace.ScopeSpans
	from           ptrace.ScopeSpans
}

// add copies a span to its group, under its resource and scope.
func (s *badSpans) add(from ptrace.ScopeSpans, sp ptrace.Span, reason, detail string) {
	at := -1
	for i := range s.groups {
		if s.groups[i].reason == reason {
			at = i
		}
	}
	if at < 0 {
		g := badGroup{reason: reason, detail: detail, spans: ptrace.NewTraces()}
		rs := g.spans.ResourceSpans().AppendEmpty()
		s.resource.Resource().CopyTo(rs.Resource())
		rs.SetSchemaUrl(s.resource.SchemaUrl())
		s.groups = append(s.groups, g)
		at = len(s.groups) - 1
	}
	g := &s.groups[at]
	if g.from != from {
		g.from = from
		g.scope = g.spans.ResourceSpans().At(0).ScopeSpans().AppendEmpty()
		from.Scope().CopyTo(g.scope.Scope())
		g.scope.SetSchemaUrl(from.SchemaUrl())
	}
	sp.CopyTo(g.scope.Spans().AppendEmpty())
}

func (b *Batch) quarantineSpans(r *resource, bad *badSpans) {
	for i := range bad.groups {
		g := &bad.groups[i]
		// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
		payload, _ := (&ptrace.ProtoMarshaler{}).MarshalTraces(g.spans)
		b.quarantine(r, SignalTraces, g.reason, g.detail, g.spans.SpanCount(), payload)
	}
}

// spanNumber is a span id as the store has it.
func spanNumber(id [8]byte) uint64 { return binary.BigEndian.Uint64(id[:]) }

// cutCopy cuts a text that is kept elsewhere, too.
func cutCopy(s string, limit int) string { return anyvalue.CutString(s, limit) }
