package correlationprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/tenant"
)

// claim draws what a resource says of its code and what its sender claims of its build.
func claim(d *otlptest.Draw, attrs pcommon.Map) {
	if d.Bool() {
		attrs.PutEmptySlice("container.image.repo_digests").AppendEmpty().SetStr("shop@" + digest)
	}
	if d.Bool() {
		attrs.PutStr("deployment.environment.name", "production")
	}
	for _, key := range []string{envelope.AttrCommitSHA, envelope.AttrBuildRunID, envelope.AttrDeploymentID} {
		if d.Bool() {
			attrs.PutStr(key, "claimed")
		}
	}
	if d.Bool() {
		attrs.PutStr(envelope.AttrBasis, rapid.SampledFrom([]string{"none", "digest", "revision", "version", "time", "magic", ""}).Draw(d.T, "basis"))
	}
}

// takeStamps removes the correlation and gives it.
func takeStamps(attrs pcommon.Map) map[string]string {
	out := map[string]string{}
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		if envelope.IsStamp(k) && k != envelope.AttrTenantID {
			out[k] = v.AsString()
			return true
		}
		return false
	})
	return out
}

// honest checks what an untrusted sender can't bring about: a stamp is the index's, or there is none.
func honest(t require.TestingT, stamps map[string]string) {
	if len(stamps) == 0 {
		return
	}
	require.Equal(t, "digest", stamps[envelope.AttrBasis])
	require.Equal(t, commit, stamps[envelope.AttrCommitSHA])
	require.Equal(t, runID, stamps[envelope.AttrBuildRunID])
	require.Contains(t, []string{"", deploymentID}, stamps[envelope.AttrDeploymentID])
}

// Whatever a request of log records holds, the processor changes the correlation of its resources and nothing else, and a
// second pass changes nothing.
func TestLogsAreOtherwiseAsTheyCame(t *testing.T) {
	set, _ := settings(t)
	sink := new(consumertest.LogsSink)
	p, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), newHost()))
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: epoch}
		ld, want := d.Logs(), plog.NewLogs()
		for _, rl := range ld.ResourceLogs().All() {
			claim(d, rl.Resource().Attributes())
		}
		ld.CopyTo(want)
		for _, rl := range want.ResourceLogs().All() {
			takeStamps(rl.Resource().Attributes())
		}
		sink.Reset()
		require.NoError(rt, p.ConsumeLogs(t.Context(), ld))
		once := plog.NewLogs()
		sink.AllLogs()[0].CopyTo(once)
		require.NoError(rt, p.ConsumeLogs(t.Context(), sink.AllLogs()[0]))
		require.Equal(rt, otlptest.FlattenLogs(once), otlptest.FlattenLogs(sink.AllLogs()[1]))
		for _, rl := range once.ResourceLogs().All() {
			honest(rt, takeStamps(rl.Resource().Attributes()))
		}
		require.Equal(rt, otlptest.FlattenLogs(want), otlptest.FlattenLogs(once))
	})
}

func TestMetricsAreOtherwiseAsTheyCame(t *testing.T) {
	set, _ := settings(t)
	sink := new(consumertest.MetricsSink)
	p, err := NewFactory().CreateMetrics(t.Context(), set, createDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), newHost()))
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: epoch}
		md, want := d.Metrics(), pmetric.NewMetrics()
		for _, rm := range md.ResourceMetrics().All() {
			claim(d, rm.Resource().Attributes())
		}
		md.CopyTo(want)
		for _, rm := range want.ResourceMetrics().All() {
			takeStamps(rm.Resource().Attributes())
		}
		sink.Reset()
		require.NoError(rt, p.ConsumeMetrics(t.Context(), md))
		got := sink.AllMetrics()[0]
		for _, rm := range got.ResourceMetrics().All() {
			honest(rt, takeStamps(rm.Resource().Attributes()))
		}
		require.Equal(rt, otlptest.FlattenMetrics(want), otlptest.FlattenMetrics(got))
	})
}

// The three signals of one resource at one time have one answer.
func TestSignalsOfOneResourceAgree(t *testing.T) {
	set, _ := settings(t)
	cfg := createDefaultConfig().(*Config)
	cfg.TrustIncoming = true
	traces, logs, metrics := new(consumertest.TracesSink), new(consumertest.LogsSink), new(consumertest.MetricsSink)
	pt, err := NewFactory().CreateTraces(t.Context(), set, cfg, traces)
	require.NoError(t, err)
	pl, err := NewFactory().CreateLogs(t.Context(), set, cfg, logs)
	require.NoError(t, err)
	pm, err := NewFactory().CreateMetrics(t.Context(), set, cfg, metrics)
	require.NoError(t, err)
	for _, p := range []component.Component{pt, pl, pm} {
		require.NoError(t, p.Start(t.Context(), newHost()))
	}
	kinds := map[string]func(pmetric.Metric, pcommon.Timestamp){
		"gauge": func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(at)
		},
		"sum": func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptySum().DataPoints().AppendEmpty().SetTimestamp(at)
		},
		"histogram": func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptyHistogram().DataPoints().AppendEmpty().SetTimestamp(at)
		},
		"exp_histogram": func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().SetTimestamp(at)
		},
		"summary": func(m pmetric.Metric, at pcommon.Timestamp) {
			m.SetEmptySummary().DataPoints().AppendEmpty().SetTimestamp(at)
		},
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := &otlptest.Draw{T: rt, Now: epoch}
		r := pcommon.NewResource()
		claim(d, r.Attributes())
		r.Attributes().PutStr(envelope.AttrTenantID, rapid.SampledFrom([]string{tenant.Default.String(), other.String(), "me"}).Draw(rt, "tenant"))
		at := pcommon.NewTimestampFromTime(epoch.Add(time.Duration(rapid.IntRange(-90, 90).Draw(rt, "minutes")) * time.Minute))
		traces.Reset()
		logs.Reset()
		metrics.Reset()

		td := ptrace.NewTraces()
		r.CopyTo(td.ResourceSpans().AppendEmpty().Resource())
		td.ResourceSpans().At(0).ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetStartTimestamp(at)
		require.NoError(rt, pt.ConsumeTraces(t.Context(), td))
		want := takeStamps(traces.AllTraces()[0].ResourceSpans().At(0).Resource().Attributes())

		ld := plog.NewLogs()
		r.CopyTo(ld.ResourceLogs().AppendEmpty().Resource())
		ld.ResourceLogs().At(0).ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetTimestamp(at)
		require.NoError(rt, pl.ConsumeLogs(t.Context(), ld))
		require.Equal(rt, want, takeStamps(logs.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes()))

		for kind, fill := range kinds {
			metrics.Reset()
			md := pmetric.NewMetrics()
			r.CopyTo(md.ResourceMetrics().AppendEmpty().Resource())
			fill(md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty().Metrics().AppendEmpty(), at)
			require.NoError(rt, pm.ConsumeMetrics(t.Context(), md))
			require.Equal(rt, want, takeStamps(metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes()), kind)
		}
	})
}
