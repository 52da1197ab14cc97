package correlationprocessor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	epoch  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	digest = "sha256:" + strings.Repeat("a", 64)
	commit = strings.Repeat("c", 40)
	other  = tenant.ID{6: 0x40, 8: 0x80, 15: 9}
)

const (
	runID        = "github:github.com:acme/shop:1:1"
	deploymentID = "github:github.com:acme/shop:d1"
)

type indexExtension struct {
	component.StartFunc
	component.ShutdownFunc
	index *correlation.Index
}

func (x indexExtension) Index() *correlation.Index { return x.index }

type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func newHost() host {
	ix := correlation.New(correlation.Options{})
	ix.Observe(tenant.Default, &build.Artifact{
		RunKey: build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "1", Attempt: 1}, Digest: digest, CommitSHA: commit,
	})
	ix.Observe(tenant.Default, &build.Deployment{
		Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: "d1", Environment: "production", Digests: []string{digest},
		Status: build.DeploySuccess, StartedAt: epoch, FinishedAt: epoch.Add(time.Minute),
	})
	return host{componenttest.NewNopHost(), map[component.ID]component.Component{
		component.MustNewID("summit_buildindex"): indexExtension{index: ix},
		component.MustNewID("other"):             struct{ component.Component }{},
	}}
}

func settings(t *testing.T) (processor.Settings, *componenttest.Telemetry) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := processortest.NewNopSettings(Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	return set, tel
}

func TestStamp(t *testing.T) {
	joined := map[string]any{
		envelope.AttrCommitSHA: commit, envelope.AttrBuildRunID: runID, envelope.AttrDeploymentID: deploymentID, envelope.AttrBasis: "digest",
	}
	notDeployed := map[string]any{envelope.AttrCommitSHA: commit, envelope.AttrBuildRunID: runID, envelope.AttrBasis: "digest"}
	image := map[string]any{"container.image.repo_digests": []any{"shop@" + digest}, "deployment.environment.name": "production"}
	stamps := func(basis string) map[string]any {
		return map[string]any{
			envelope.AttrCommitSHA: "sent", envelope.AttrBuildRunID: "sent", envelope.AttrDeploymentID: "sent", envelope.AttrBasis: basis,
		}
	}
	for _, tc := range []struct {
		name     string
		resource []map[string]any
		trust    bool
		at       time.Time
		want     map[string]any
	}{
		{name: "no evidence", at: epoch},
		{name: "digest", resource: []map[string]any{image}, at: epoch.Add(time.Hour), want: joined},
		{name: "before the deployment", resource: []map[string]any{image}, at: epoch.Add(-time.Hour), want: notDeployed},
		{name: "a time in the future is now", resource: []map[string]any{image}, at: time.Now().Add(1000 * time.Hour), want: joined},
		{name: "default tenant by name", resource: []map[string]any{image, {envelope.AttrTenantID: tenant.Default.String()}}, at: epoch, want: joined},
		{name: "another tenant", resource: []map[string]any{image, {envelope.AttrTenantID: other.String()}}, at: epoch},
		{name: "a tenant that is no UUID", resource: []map[string]any{image, {envelope.AttrTenantID: "me"}}, at: epoch},
		{name: "sender isn't trusted", resource: []map[string]any{stamps("digest")}, at: epoch},
		{name: "sender isn't trusted, ours is put", resource: []map[string]any{image, stamps("digest")}, at: epoch, want: joined},
		{name: "trusted sender knows more", resource: []map[string]any{stamps("version")}, trust: true, at: epoch, want: stamps("version")},
		{name: "trusted sender knows less", resource: []map[string]any{image, stamps("revision")}, trust: true, at: epoch, want: joined},
		{
			name:     "trusted sender has better evidence",
			resource: []map[string]any{{"vcs.ref.head.revision": commit}, stamps("digest")}, trust: true, at: epoch, want: stamps("digest"),
		},
		{name: "trusted sender with an unknown basis", resource: []map[string]any{stamps("magic")}, trust: true, at: epoch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, _ := settings(t)
			cfg := createDefaultConfig().(*Config)
			cfg.TrustIncoming = tc.trust
			fill := func(r pcommon.Resource) {
				for _, m := range tc.resource {
					for k, v := range m {
						require.NoError(t, r.Attributes().PutEmpty(k).FromRaw(v))
					}
				}
			}
			check := func(r pcommon.Resource) {
				got := map[string]any{}
				for k, v := range r.Attributes().All() {
					if envelope.IsStamp(k) && k != envelope.AttrTenantID {
						got[k] = v.AsRaw()
					}
				}
				if tc.want == nil {
					tc.want = map[string]any{}
				}
				require.Equal(t, tc.want, got)
			}
			at := pcommon.NewTimestampFromTime(tc.at)

			td, traces := ptrace.NewTraces(), new(consumertest.TracesSink)
			rs := td.ResourceSpans().AppendEmpty()
			fill(rs.Resource())
			rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetStartTimestamp(at)
			pt, err := NewFactory().CreateTraces(t.Context(), set, cfg, traces)
			require.NoError(t, err)
			require.NoError(t, pt.Start(t.Context(), newHost()))
			require.NoError(t, pt.ConsumeTraces(t.Context(), td))
			require.NoError(t, pt.Shutdown(t.Context()))
			check(traces.AllTraces()[0].ResourceSpans().At(0).Resource())

			ld, logs := plog.NewLogs(), new(consumertest.LogsSink)
			rl := ld.ResourceLogs().AppendEmpty()
			fill(rl.Resource())
			rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().SetObservedTimestamp(at)
			pl, err := NewFactory().CreateLogs(t.Context(), set, cfg, logs)
			require.NoError(t, err)
			require.NoError(t, pl.Start(t.Context(), newHost()))
			require.NoError(t, pl.ConsumeLogs(t.Context(), ld))
			check(logs.AllLogs()[0].ResourceLogs().At(0).Resource())

			md, metrics := pmetric.NewMetrics(), new(consumertest.MetricsSink)
			rm := md.ResourceMetrics().AppendEmpty()
			fill(rm.Resource())
			points(rm.ScopeMetrics().AppendEmpty(), at)
			pm, err := NewFactory().CreateMetrics(t.Context(), set, cfg, metrics)
			require.NoError(t, err)
			require.NoError(t, pm.Start(t.Context(), newHost()))
			require.NoError(t, pm.ConsumeMetrics(t.Context(), md))
			check(metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource())
		})
	}
}

// points adds a metric of every type of which only the histogram has a point.
func points(sm pmetric.ScopeMetrics, at pcommon.Timestamp) {
	sm.Metrics().AppendEmpty()
	sm.Metrics().AppendEmpty().SetEmptyGauge()
	sm.Metrics().AppendEmpty().SetEmptySum()
	sm.Metrics().AppendEmpty().SetEmptyExponentialHistogram()
	sm.Metrics().AppendEmpty().SetEmptySummary()
	sm.Metrics().AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty().SetTimestamp(at)
}

func TestCounters(t *testing.T) {
	set, tel := settings(t)
	p, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), new(consumertest.LogsSink))
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), newHost()))
	ld := plog.NewLogs()
	for range 3 {
		ld.ResourceLogs().AppendEmpty().Resource().Attributes().PutStr("artifact.hash", digest)
	}
	ld.ResourceLogs().AppendEmpty().Resource().Attributes().PutStr(envelope.AttrCommitSHA, "forged")
	require.NoError(t, p.ConsumeLogs(t.Context(), ld))
	m, err := tel.GetMetric("summit_correlation_resources_total")
	require.NoError(t, err)
	got := map[string]int64{}
	for _, dp := range m.Data.(metricdata.Sum[int64]).DataPoints {
		basis, _ := dp.Attributes.Value("basis")
		got[basis.AsString()] = dp.Value
	}
	require.Equal(t, map[string]int64{"digest": 3, "none": 1}, got)
	m, err = tel.GetMetric("summit_correlation_untrusted_total")
	require.NoError(t, err)
	require.Equal(t, int64(1), m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
}

func TestStartRefuses(t *testing.T) {
	for _, tc := range []struct{ name, index, err string }{
		{"missing", "summit_buildindex/x", `build_index: there is no extension "summit_buildindex/x"`},
		{"no index", "other", `build_index: extension "other" is no build index`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, confmap.NewFromStringMap(map[string]any{"build_index": tc.index}).Unmarshal(cfg))
			p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(Type), cfg, consumertest.NewNop())
			require.NoError(t, err)
			require.ErrorContains(t, p.Start(t.Context(), newHost()), tc.err)
		})
	}
	require.ErrorContains(t, (&Config{}).Validate(), "build_index must name an extension")
}

func BenchmarkStamp(b *testing.B) {
	c, err := newCorrelator(createDefaultConfig().(*Config), processortest.NewNopSettings(Type))
	require.NoError(b, err)
	require.NoError(b, c.Start(b.Context(), newHost()))
	ld := plog.NewLogs()
	for range 100 {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("artifact.hash", digest)
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	}
	for b.Loop() {
		_, _ = c.logs(b.Context(), ld)
	}
}
