package query_test

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/queryd/otlpattr"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
)

// write stores traces as the exporter does.
func write(t *testing.T, s clickhouse.Store, td ptrace.Traces) {
	t.Helper()
	batch, err := writer.New(writer.Options{}).Traces(td)
	require.NoError(t, err)
	defer batch.Release()
	set := writer.NewSet(time.Now())
	require.NoError(t, set.Add(batch.AppendRecord(nil)))
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		return s.Insert(ctx, clickhouse.Insert{Table: ins.Table, Columns: ins.Columns, Body: func(w io.Writer) error {
			_, err := ins.WriteTo(w)
			return err
		}})
	}))
}

// TestWhatTheWriterWritesIsRead follows a span with an exception from OTLP to the answers.
func TestWhatTheWriterWritesIsRead(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-7 * time.Minute)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	res.PutStr(envelope.AttrTenantID, querytest.Caller.Tenant.String())
	res.PutStr("service.name", "shop")
	res.PutStr("deployment.environment.name", "production")
	res.PutStr(envelope.AttrCommitSHA, commit)
	res.PutStr(envelope.AttrBuildRunID, runID)
	res.PutStr(envelope.AttrDeploymentID, deploymentID)
	res.PutStr(envelope.AttrBasis, "digest")
	res.PutEmptySlice("container.image.repo_digests").AppendEmpty().SetStr("registry.test/shop@" + digest)
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte([]byte(querytest.ID16("written"))))
	sp.SetSpanID([8]byte{0, 1, 2, 3, 4, 5, 6, 7})
	sp.SetName("GET /cart")
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	sp.Status().SetCode(ptrace.StatusCodeError)
	sp.Attributes().PutInt("n", 1<<62+1)
	sp.Attributes().PutEmptyMap("m").PutBool("b", true)
	sp.Events().AppendEmpty().SetName("retry")
	ev := sp.Events().AppendEmpty()
	ev.SetName("exception")
	ev.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
	ev.Attributes().PutStr("exception.type", "TypeError")
	ev.Attributes().PutStr("exception.message", "x is undefined")
	ev.Attributes().PutBool("exception.escaped", true)
	link := sp.Links().AppendEmpty()
	link.SetSpanID([8]byte{9})
	link.SetTraceID([16]byte{8})
	link.Attributes().PutInt("i", 3)
	write(t, s, td)

	want := query.Correlation{CommitSHA: commit, BuildRunID: runID, DeploymentID: deploymentID, Basis: "digest"}
	page, err := svc.SearchTraces(ctx, caller, query.TraceQuery{
		Window: lastHour(), Service: "shop", Environment: "production", BuildRunID: runID, Attrs: []query.AttrFilter{{Key: "n", Value: "4611686018427387905"}},
	})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, want, page.Items[0].Correlation)

	trace, err := svc.Trace(ctx, caller, page.Items[0].TraceID, time.Time{}, time.Time{})
	require.NoError(t, err)
	require.False(t, trace.Partial)
	span := trace.Spans[0]
	require.Equal(t, "0001020304050607", span.SpanID)
	require.Equal(t, "server", span.Kind)
	require.True(t, at.Equal(span.Start))
	require.Equal(t, otlpattr.Attributes{"n": {Type: "int", Value: "4611686018427387905"}, "m": {Type: "kvlist", Value: otlpattr.Attributes{"b": {Type: "bool", Value: true}}}}, span.Attributes)
	require.Equal(t, "array", span.Resource["container.image.repo_digests"].Type)
	require.NotContains(t, span.Resource, envelope.AttrCommitSHA)
	require.Equal(t, []string{"", span.ErrorFingerprint}, []string{span.Events[0].Fingerprint, span.Events[1].Fingerprint})
	require.Equal(t, otlpattr.TypedValue{Type: "bool", Value: true}, span.Events[1].Attributes["exception.escaped"])
	require.Equal(t, otlpattr.Attributes{"i": {Type: "int", Value: "3"}}, span.Links[0].Attributes)

	groups, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: lastHour(), BuildRunID: runID})
	require.NoError(t, err)
	require.Len(t, groups.Items, 1)
	require.Equal(t, span.ErrorFingerprint, groups.Items[0].Fingerprint)
	require.Equal(t, want, groups.Items[0].Correlation)
	h := hops(t, svc, "error", span.ErrorFingerprint)
	require.Equal(t, []string{digest, "digest"}, []string{h["artifact"].ID, h["artifact"].Basis})
	require.Contains(t, h["build"].Evidence, "has not been received")
}

// TestDeploymentsAreFoundByBothFormsOfTheirID: rows may hold the provider's own id, answers hold the global one.
func TestDeploymentsAreFoundByBothFormsOfTheirID(t *testing.T) {
	for _, stored := range []string{deploymentID, "5"} {
		s, svc := open(t)
		querytest.Insert(t, s, "deploys_v1", deployRow(stored, runID, time.Now().UTC().Add(-time.Minute)),
			deployRow(stored, runID, time.Now().UTC().Add(-time.Minute)).With(querytest.Row{"repo": "acme/other"}))
		h := hops(t, svc, "deployment", deploymentID)
		require.Equal(t, deploymentID, h["deploy"].ID, stored)
		require.Equal(t, runID, h["build"].ID)
	}
}
