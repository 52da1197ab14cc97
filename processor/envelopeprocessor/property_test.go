package envelopeprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/tenant"
)

// name draws what a sender may say of its tenant.
func name(d *otlptest.Draw, attrs pcommon.Map) {
	switch d.Count(3) {
	case 1:
		attrs.PutStr(envelope.AttrTenantID, other)
	case 2:
		attrs.PutStr(envelope.AttrTenantID, tenant.Default.String())
	case 3:
		attrs.PutEmptySlice(envelope.AttrTenantID).AppendEmpty().SetStr(other)
	}
}

// takeTenant removes the stamp and checks that it is the only one and the pipeline's own.
func takeTenant(t require.TestingT, attrs pcommon.Map) {
	var found []string
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		if k == envelope.AttrTenantID {
			found = append(found, v.AsString())
		}
		return k == envelope.AttrTenantID
	})
	require.Equal(t, []string{tenant.Default.String()}, found)
}

func without(attrs pcommon.Map, key string) {
	attrs.RemoveIf(func(k string, _ pcommon.Value) bool { return k == key })
}

// A log request goes through as it came: the tenant is ours, and nothing else of it has changed.
func TestLogsAreOtherwiseAsTheyCame(t *testing.T) {
	sink := new(consumertest.LogsSink)
	p, _ := create(t, &Config{Tenant: "default"}, sink, new(consumertest.MetricsSink))
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: time.Now()}
		ld, want := d.Logs(), plog.NewLogs()
		for _, rl := range ld.ResourceLogs().All() {
			name(d, rl.Resource().Attributes())
		}
		ld.CopyTo(want)
		for _, rl := range want.ResourceLogs().All() {
			without(rl.Resource().Attributes(), envelope.AttrTenantID)
		}
		sink.Reset()
		require.NoError(rt, p.ConsumeLogs(t.Context(), ld))
		require.NoError(rt, p.ConsumeLogs(t.Context(), sink.AllLogs()[0]), "a second pass")
		got := sink.AllLogs()[1]
		for _, rl := range got.ResourceLogs().All() {
			takeTenant(rt, rl.Resource().Attributes())
		}
		require.Equal(rt, otlptest.FlattenLogs(want), otlptest.FlattenLogs(got))
	})
}

func TestMetricsAreOtherwiseAsTheyCame(t *testing.T) {
	sink := new(consumertest.MetricsSink)
	_, p := create(t, &Config{Tenant: "default", EventID: true}, new(consumertest.LogsSink), sink)
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: time.Now()}
		md, want := d.Metrics(), pmetric.NewMetrics()
		for _, rm := range md.ResourceMetrics().All() {
			name(d, rm.Resource().Attributes())
		}
		md.CopyTo(want)
		for _, rm := range want.ResourceMetrics().All() {
			without(rm.Resource().Attributes(), envelope.AttrTenantID)
		}
		sink.Reset()
		require.NoError(rt, p.ConsumeMetrics(t.Context(), md))
		got := sink.AllMetrics()[0]
		for _, rm := range got.ResourceMetrics().All() {
			takeTenant(rt, rm.Resource().Attributes())
		}
		require.Equal(rt, otlptest.FlattenMetrics(want), otlptest.FlattenMetrics(got))
	})
}

func TestSpansAreOtherwiseAsTheyCame(t *testing.T) {
	sink := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), &Config{Tenant: "default", EventID: true}, sink)
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: time.Now()}
		td, want := ptrace.NewTraces(), ptrace.NewTraces()
		for range 1 + d.Count(2) {
			rs := td.ResourceSpans().AppendEmpty()
			d.Resource(rs.Resource())
			name(d, rs.Resource().Attributes())
			for range d.Count(3) {
				sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
				sp.SetTraceID(d.TraceID())
				sp.SetSpanID(d.SpanID())
				sp.SetStartTimestamp(d.Time())
				sp.SetEndTimestamp(d.Time())
				d.Attributes(sp.Attributes())
			}
		}
		td.CopyTo(want)
		sink.Reset()
		require.NoError(rt, p.ConsumeTraces(t.Context(), td))
		got := sink.AllTraces()[0]
		ids := map[string]bool{}
		for _, rs := range got.ResourceSpans().All() {
			takeTenant(rt, rs.Resource().Attributes())
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					id, ok := sp.Attributes().Get(envelope.AttrEventID)
					require.True(rt, ok)
					ids[id.Str()] = true
					without(sp.Attributes(), envelope.AttrEventID)
				}
			}
		}
		for _, rs := range want.ResourceSpans().All() {
			without(rs.Resource().Attributes(), envelope.AttrTenantID)
		}
		require.LessOrEqual(rt, len(ids), want.SpanCount())
		require.Equal(rt, marshal(rt, want), marshal(rt, got))
	})
}

func marshal(t require.TestingT, td ptrace.Traces) string {
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return string(b)
}

// OTLP allows a key twice. An event id that a sender put there, once or twice, is gone in either signal.
func TestEventIDThatIsThereAlready(t *testing.T) {
	const attributes = `"attributes":[{"key":"summit.event.id","value":{"stringValue":"a"}},{"key":"summit.event.id","value":{"intValue":"1"}}]`
	events := func(m pcommon.Map) (out []string) {
		for k, v := range m.All() {
			if k == envelope.AttrEventID {
				out = append(out, v.AsString())
			}
		}
		return out
	}
	cfg := &Config{Tenant: "default", EventID: true}

	traces := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), cfg, traces)
	require.NoError(t, err)
	spans := ptraceotlp.NewExportRequest()
	require.NoError(t, spans.UnmarshalJSON([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x",`+attributes+`}]}]}]}`)))
	require.NoError(t, p.ConsumeTraces(t.Context(), spans.Traces()))
	got := events(traces.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes())
	require.Len(t, got, 1)
	require.Len(t, got[0], 36)

	logs := new(consumertest.LogsSink)
	l, _ := create(t, cfg, logs, new(consumertest.MetricsSink))
	records := plogotlp.NewExportRequest()
	require.NoError(t, records.UnmarshalJSON([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{`+attributes+`}]}]}]}`)))
	require.NoError(t, l.ConsumeLogs(t.Context(), records.Logs()))
	got = events(logs.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes())
	require.Len(t, got, 1)
	require.Len(t, got[0], 36)
}

// Two spans have one event id if and only if they are the same span of the same tenant.
func TestSpanEventIDsTellSpansApart(t *testing.T) {
	type key struct {
		tenant, trace, span byte
		start, end          int
	}
	rapid.Check(t, func(rt *rapid.T) {
		seen := map[string]key{}
		var order []key
		for range rapid.IntRange(2, 20).Draw(rt, "spans") {
			small := func(name string) int { return rapid.IntRange(1, 2).Draw(rt, name) }
			order = append(order, key{byte(small("tenant")), byte(small("trace")), byte(small("span")), small("start"), 1 + small("end")})
		}
		for _, k := range order {
			id := tenant.Default.String()
			if k.tenant == 2 {
				id = other
			}
			sink := new(consumertest.TracesSink)
			p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), &Config{Tenant: id, EventID: true}, sink)
			require.NoError(rt, err)
			td := ptrace.NewTraces()
			sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			sp.SetTraceID([16]byte{k.trace})
			sp.SetSpanID([8]byte{k.span})
			sp.SetStartTimestamp(pcommon.Timestamp(k.start))
			sp.SetEndTimestamp(pcommon.Timestamp(k.end))
			require.NoError(rt, p.ConsumeTraces(t.Context(), td))
			v, _ := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(envelope.AttrEventID)
			before, known := seen[v.Str()]
			require.True(rt, !known || before == k, "%v and %v", before, k)
			seen[v.Str()] = k
		}
		distinct := map[key]bool{}
		for _, k := range order {
			distinct[k] = true
		}
		require.Len(rt, seen, len(distinct))
	})
}
