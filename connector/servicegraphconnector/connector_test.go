package servicegraphconnector

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/servicegraph"
	"github.com/summitobs/summit/internal/tenant"
)

var noon = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

type spanOf struct {
	service, version string
	kind             ptrace.SpanKind
	id, parent       byte
	attrs            map[string]any
	link             byte
	failed           bool
}

func request(t *testing.T, spans ...spanOf) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	for _, s := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		require.NoError(t, rs.Resource().Attributes().FromRaw(map[string]any{
			"service.name": s.service, "service.version": s.version, "deployment.environment.name": "production",
			envelope.AttrTenantID: tenant.Default.String(), envelope.AttrCommitSHA: "commit of " + s.service, envelope.AttrBuildRunID: "run of " + s.service,
		}))
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID([16]byte{1})
		sp.SetSpanID([8]byte{s.id})
		sp.SetParentSpanID([8]byte{s.parent})
		sp.SetKind(s.kind)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(noon))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Millisecond)))
		if s.failed {
			sp.Status().SetCode(ptrace.StatusCodeError)
		}
		require.NoError(t, sp.Attributes().FromRaw(s.attrs))
		if s.link != 0 {
			l := sp.Links().AppendEmpty()
			l.SetTraceID([16]byte{1})
			l.SetSpanID([8]byte{s.link})
		}
	}
	return td
}

// pipeline is the logs pipeline behind the connector.
type pipeline struct {
	consumertest.LogsSink
	err     error
	checked bool
}

func (p *pipeline) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	p.checked = build.Checked(ctx)
	if p.err != nil {
		return p.err
	}
	return p.LogsSink.ConsumeLogs(ctx, ld)
}

func (p *pipeline) edges(t *testing.T) map[string]servicegraph.Edge {
	t.Helper()
	out := map[string]servicegraph.Edge{}
	for _, ld := range p.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			id, ok := rl.Resource().Attributes().Get(envelope.AttrTenantID)
			require.True(t, ok)
			require.Equal(t, tenant.Default.String(), id.Str())
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				e, ok, err := servicegraph.FromLogRecord(lr)
				require.NoError(t, err)
				require.True(t, ok)
				out[e.Src+" → "+e.Dst] = e
			}
		}
	}
	return out
}

func start(t *testing.T, next consumer.Logs) *edgeConnector {
	t.Helper()
	f := NewFactory()
	c, err := f.CreateTracesToLogs(t.Context(), connectortest.NewNopSettings(Type), f.CreateDefaultConfig(), next)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	return c.(*edgeConnector)
}

func TestEdges(t *testing.T) {
	next := &pipeline{}
	c := start(t, next)
	require.NoError(t, c.ConsumeTraces(t.Context(), request(t,
		spanOf{service: "edge", version: "1", kind: ptrace.SpanKindServer, id: 1},
		spanOf{service: "edge", version: "1", kind: ptrace.SpanKindClient, id: 2, parent: 1},
		spanOf{service: "shop", version: "2", kind: ptrace.SpanKindServer, id: 3, parent: 2, failed: true},
		spanOf{service: "shop", version: "2", kind: ptrace.SpanKindInternal, id: 4, parent: 3},
		spanOf{service: "shop", version: "2", kind: ptrace.SpanKindClient, id: 5, parent: 3, attrs: map[string]any{"db.system.name": "postgresql", "server.address": "db"}},
		spanOf{service: "shop", version: "2", kind: ptrace.SpanKindProducer, id: 6, parent: 3, attrs: map[string]any{"messaging.destination.name": "orders"}},
		spanOf{service: "mail", version: "3", kind: ptrace.SpanKindConsumer, id: 7, parent: 9, link: 6},
		spanOf{service: "shop", version: "2", kind: ptrace.SpanKindClient, id: 8, parent: 3, attrs: map[string]any{"server.address": "api.example.com", envelope.AttrSampleWeight: 4.0}},
	)))
	require.NoError(t, c.Shutdown(t.Context()))
	require.True(t, next.checked, "the envelope processor believes the records")
	edges := next.edges(t)
	require.Len(t, edges, 4)
	call := edges["edge → shop"]
	require.Equal(t, []any{servicegraph.RPC, "1", "2", "commit of shop", "run of shop", 1.0, 1.0, 0.0},
		[]any{call.Connection, call.SrcVersion, call.DstVersion, call.DstCommitSHA, call.DstBuildRunID, call.Calls, call.Errors, call.Unpaired})
	require.Equal(t, servicegraph.Database, edges["shop → postgresql"].Connection)
	require.Equal(t, servicegraph.Messaging, edges["shop → mail"].Connection)
	out := edges["shop → api.example.com"]
	require.Equal(t, []any{servicegraph.External, 4.0, 4.0}, []any{out.Connection, out.Calls, out.Unpaired})
}

func TestForeignTenantsAndNamelessServicesAreLeftOut(t *testing.T) {
	next := &pipeline{}
	c := start(t, next)
	td := request(t, spanOf{service: "shop", kind: ptrace.SpanKindClient, id: 2, parent: 1}, spanOf{service: "shop", kind: ptrace.SpanKindClient, id: 2, parent: 1})
	td.ResourceSpans().At(0).Resource().Attributes().PutStr(envelope.AttrTenantID, "not a tenant")
	td.ResourceSpans().At(1).Resource().Attributes().Remove("service.name")
	require.NoError(t, c.ConsumeTraces(t.Context(), td))
	require.NoError(t, c.Shutdown(t.Context()))
	require.Empty(t, next.AllLogs())
}

// What the pipeline refuses for a while is sent with the next flush; what it refuses for good is counted.
func TestRefusedEdgesWait(t *testing.T) {
	next := &pipeline{err: errors.New("queue is full")}
	c := start(t, next)
	one := request(t, spanOf{service: "shop", kind: ptrace.SpanKindClient, id: 2, parent: 1, attrs: map[string]any{"db.system": "redis"}})
	require.NoError(t, c.ConsumeTraces(t.Context(), one), "spans go their own way")
	c.flush(t.Context(), noon, false)
	require.Len(t, c.unsent, 1)
	next.err = nil
	c.flush(t.Context(), noon, false)
	require.Equal(t, 1.0, next.edges(t)["shop → redis"].Calls)
	require.Empty(t, c.unsent)

	next.err = consumererror.NewPermanent(errors.New("broken"))
	require.NoError(t, c.ConsumeTraces(t.Context(), one))
	c.flush(t.Context(), noon, false)
	require.Empty(t, c.unsent)
	require.NoError(t, c.Shutdown(t.Context()))
	require.Len(t, next.AllLogs(), 1)
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		conf map[string]any
		err  string
	}{
		{conf: map[string]any{"wait": "30s", "max_pending": 10}},
		{conf: map[string]any{"wait": "1ms"}, err: "wait must be from 100ms to 10m, got 1ms"},
		{conf: map[string]any{"flush_interval": "1h"}, err: "flush_interval must be from 100ms to 10m, got 1h0m0s"},
		{conf: map[string]any{"max_pending": 0}, err: "max_pending must be at least 1, got 0"},
		{conf: map[string]any{"max_edges": -1}, err: "max_edges must be at least 1, got -1"},
	} {
		cfg := NewFactory().CreateDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(tc.conf).Unmarshal(cfg))
		err := confmap.Validate(cfg)
		if tc.err == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.err)
	}
}

func TestLifecycle(t *testing.T) {
	require.Equal(t, Type, NewFactory().Type())
	var _ connector.Traces = (*edgeConnector)(nil)
	require.NoError(t, componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()))
}
