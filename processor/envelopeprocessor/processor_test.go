package envelopeprocessor

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

const other = "11111111-2222-4333-8444-555555555555"

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "default"},
		{name: "uuid", conf: map[string]any{"tenant": other, "event_id": true}},
		{name: "no uuid", conf: map[string]any{"tenant": "acme"}, err: `tenant: tenant id "acme": want a UUID of 36 characters or "default"`},
		{name: "empty", conf: map[string]any{"tenant": ""}, err: "want a UUID"},
		{name: "unknown key", conf: map[string]any{"tennant": other}, err: "tennant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			err := confmap.NewFromStringMap(tc.conf).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
}

func TestTenantIsStampedOnEveryResource(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	cfg := &Config{Tenant: other}
	next := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	require.True(t, p.Capabilities().MutatesData)

	td := ptrace.NewTraces()
	for _, edit := range []func(ptrace.ResourceSpans){
		func(ptrace.ResourceSpans) {},
		func(r ptrace.ResourceSpans) { r.Resource().Attributes().PutStr(envelope.AttrTenantID, other) },
		func(r ptrace.ResourceSpans) {
			r.Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
		},
		func(r ptrace.ResourceSpans) { r.Resource().Attributes().PutInt(envelope.AttrTenantID, 7) },
	} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("s")
		edit(rs)
	}
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	got := next.AllTraces()[0]
	require.Equal(t, 4, got.ResourceSpans().Len())
	for _, rs := range got.ResourceSpans().All() {
		require.Equal(t, map[string]any{envelope.AttrTenantID: other}, rs.Resource().Attributes().AsRaw())
		require.Zero(t, rs.ScopeSpans().At(0).Spans().At(0).Attributes().Len(), "no event id unless asked for")
	}
	m, err := tel.GetMetric("summit_envelope_tenant_replaced_total")
	require.NoError(t, err)
	require.Equal(t, int64(2), m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
}

// TestTenantThatIsNamedTwice: a map reads the first, the encoder the last; both must be ours.
func TestTenantThatIsNamedTwice(t *testing.T) {
	const spoofed = "99999999-2222-4333-8444-555555555555"
	for _, first := range []string{tenant.Default.String(), spoofed} {
		for _, second := range []string{tenant.Default.String(), spoofed} {
			ld := plogotlp.NewExportRequest()
			require.NoError(t, ld.UnmarshalJSON([]byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"summit.tenant.id","value":{"stringValue":"`+first+
				`"}},{"key":"a","value":{"stringValue":"b"}},{"key":"summit.tenant.id","value":{"stringValue":"`+second+`"}}]},"scopeLogs":[{"logRecords":[{}]}]}]}`)))
			logs := new(consumertest.LogsSink)
			l, _ := create(t, &Config{Tenant: "default"}, logs, new(consumertest.MetricsSink))
			require.NoError(t, l.ConsumeLogs(t.Context(), ld.Logs()))
			var tenants []string
			for k, v := range logs.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes().All() {
				if k == envelope.AttrTenantID {
					tenants = append(tenants, v.Str())
				}
			}
			require.Equal(t, []string{tenant.Default.String()}, tenants)
		}
	}
}

// TestBuildEventsOfAnySenderAreNotBelieved: a webhook's signature would be worth nothing if OTLP were a way around it.
func TestBuildEventsOfAnySenderAreNotBelieved(t *testing.T) {
	for _, tc := range []struct {
		name, event, want string
		trust, checked    bool
	}{
		{name: "over the wire", event: build.EventDeployment, want: "untrusted.summit.build.deployment"},
		{name: "calls between services", event: "summit.service.edge", want: "untrusted.summit.service.edge"},
		{name: "of a kind that comes later", event: "summit.build.new", want: "untrusted.summit.build.new"},
		{name: "of a receiver", event: build.EventRun, want: build.EventRun, checked: true},
		{name: "of our own agents", event: build.EventRun, want: build.EventRun, trust: true},
		{name: "any other event", event: "browser.summit.build.", want: "browser.summit.build."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			logs := new(consumertest.LogsSink)
			l, _ := create(t, &Config{Tenant: "default", TrustBuildEvents: tc.trust}, logs, new(consumertest.MetricsSink))
			ld := plog.NewLogs()
			ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetEventName(tc.event)
			ctx := t.Context()
			if tc.checked {
				ctx = build.WithChecked(ctx)
			}
			require.NoError(t, l.ConsumeLogs(ctx, ld))
			require.Equal(t, tc.want, logs.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).EventName())
		})
	}
}

func create(t *testing.T, cfg *Config, logs consumer.Logs, metrics consumer.Metrics) (processor.Logs, processor.Metrics) {
	t.Helper()
	set := processortest.NewNopSettings(Type)
	l, err := NewFactory().CreateLogs(t.Context(), set, cfg, logs)
	require.NoError(t, err)
	m, err := NewFactory().CreateMetrics(t.Context(), set, cfg, metrics)
	require.NoError(t, err)
	return l, m
}

func TestLogsAndMetrics(t *testing.T) {
	logs, metrics := new(consumertest.LogsSink), new(consumertest.MetricsSink)
	l, m := create(t, &Config{Tenant: "default"}, logs, metrics)
	ld, md := plog.NewLogs(), pmetric.NewMetrics()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	require.NoError(t, l.ConsumeLogs(t.Context(), ld))
	require.NoError(t, m.ConsumeMetrics(t.Context(), md))
	want := map[string]any{envelope.AttrTenantID: tenant.Default.String()}
	require.Equal(t, want, logs.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes().AsRaw())
	require.Equal(t, want, metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())
}

func TestSpanEventID(t *testing.T) {
	next := new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(Type), &Config{Tenant: "default", EventID: true}, next)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte{1})
	sp.SetSpanID([8]byte{2})
	sp.SetStartTimestamp(100)
	sp.SetEndTimestamp(160)
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	got, ok := next.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(envelope.AttrEventID)
	require.True(t, ok)
	want := envelope.SpanEventID(tenant.Default, [16]byte{1}, [8]byte{2}, 100, 60)
	require.Equal(t, uuid.UUID(want).String(), got.Str())
}

func TestLogEventIDIsOfTheContent(t *testing.T) {
	logs := new(consumertest.LogsSink)
	l, _ := create(t, &Config{Tenant: "default", EventID: true}, logs, new(consumertest.MetricsSink))
	send := func(edit func(plog.ResourceLogs, plog.LogRecord)) string {
		ld := plog.NewLogs()
		rl := ld.ResourceLogs().AppendEmpty()
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.Body().SetStr("hello")
		lr.SetTimestamp(5)
		edit(rl, lr)
		logs.Reset()
		require.NoError(t, l.ConsumeLogs(t.Context(), ld))
		v, ok := logs.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get(envelope.AttrEventID)
		require.True(t, ok)
		return v.Str()
	}
	same := func(plog.ResourceLogs, plog.LogRecord) {}
	id := send(same)
	require.Equal(t, id, send(same), "a resend is the same event")
	require.Equal(t, id, send(func(rl plog.ResourceLogs, lr plog.LogRecord) {
		rl.Resource().Attributes().PutStr(envelope.AttrTenantID, other)
		lr.Attributes().PutStr(envelope.AttrEventID, "from an earlier pass")
	}))
	for name, edit := range map[string]func(plog.ResourceLogs, plog.LogRecord){
		"body":     func(_ plog.ResourceLogs, lr plog.LogRecord) { lr.Body().SetStr("hellp") },
		"time":     func(_ plog.ResourceLogs, lr plog.LogRecord) { lr.SetTimestamp(6) },
		"observed": func(_ plog.ResourceLogs, lr plog.LogRecord) { lr.SetObservedTimestamp(6) },
		"severity": func(_ plog.ResourceLogs, lr plog.LogRecord) { lr.SetSeverityNumber(9) },
		"resource": func(rl plog.ResourceLogs, _ plog.LogRecord) { rl.Resource().Attributes().PutStr("service.name", "x") },
		"attrs":    func(_ plog.ResourceLogs, lr plog.LogRecord) { lr.Attributes().PutBool("x", true) },
	} {
		require.NotEqual(t, id, send(edit), name)
	}
}
