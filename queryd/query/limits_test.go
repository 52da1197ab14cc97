package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
)

func TestATraceWithoutItsOldSpansIsPartial(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Minute)
	id := querytest.ID16("cut")
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(id, 1, 0, "shop", "root", at, time.Second))
	querytest.Insert(t, s, "trace_index_v1", querytest.Row{
		"trace_id": id, "day": at.Truncate(24 * time.Hour), "retention_days": uint16(30), "min_ts": at.Add(-time.Hour), "max_ts": at, "spans": uint64(4),
	})
	trace, err := svc.Trace(ctx, caller, querytest.Hex(id), time.Time{}, time.Time{})
	require.NoError(t, err)
	require.True(t, trace.Partial)
	require.Len(t, trace.Spans, 1)
}

// TestTracesOutsideTheIndexAreFound: the index is written after the spans, and its rows may go before theirs.
func TestTracesOutsideTheIndexAreFound(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	missing, known := querytest.ID16("missing"), querytest.ID16("known")
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(missing, 1, 0, "shop", "root", at, time.Second))
	require.NoError(t, s.Conn().Exec(ctx, "TRUNCATE TABLE trace_index_v1"))
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(known, 1, 0, "shop", "root", at.Add(5*time.Minute), time.Second))
	page, err := svc.SearchTraces(ctx, caller, query.TraceQuery{Window: lastHour()})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Equal(t, querytest.Hex(missing), page.Items[1].TraceID)

	window := lastHour()
	for _, from := range []time.Time{{}, window.From} {
		trace, err := svc.Trace(ctx, caller, querytest.Hex(missing), from, window.To)
		require.NoError(t, err)
		require.Len(t, trace.Spans, 1)
		require.True(t, trace.Partial, "nothing tells how many spans there are")
	}
}

func TestTraceTimesCoverEverySpan(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	id := querytest.ID16("wide")
	querytest.Insert(t, s, "events_trace_v1",
		querytest.Span(id, 1, 0, "shop", "root", at, time.Second),
		querytest.Span(id, 2, 1, "shop", "before", at.Add(-20*time.Minute), time.Second),
		querytest.Span(id, 3, 1, "shop", "after", at.Add(20*time.Minute), 2*time.Second),
		querytest.Span(id, 4, 1, "shop", "backwards", at, -time.Second))
	trace, err := svc.Trace(ctx, caller, querytest.Hex(id), time.Time{}, time.Time{})
	require.NoError(t, err)
	require.Len(t, trace.Spans, 4)
	require.True(t, trace.From.Equal(at.Add(-20*time.Minute)), trace.From)
	require.True(t, trace.To.Equal(at.Add(20*time.Minute+2*time.Second)), trace.To)
	require.Equal(t, "before", trace.Spans[0].Name, "by start")
	require.False(t, trace.Partial)
}

func TestServicesAreCountedByMinute(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	var rows []querytest.Row
	for i := range 6 {
		row := querytest.Span(querytest.ID16(fmt.Sprint(i)), uint64(i+1), 0, fmt.Sprint("service", i%2), "root", at, time.Second)
		if i == 5 {
			row["status"] = "error"
		}
		rows = append(rows, row)
	}
	querytest.Insert(t, s, "events_trace_v1", rows...)
	page, err := svc.Services(ctx, caller, lastHour())
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.Equal(t, query.ServiceItem{Service: "service1", Environment: "production", Spans: 3, Errors: 1, LastSeen: page.Items[1].LastSeen}, page.Items[1])
	require.True(t, at.Truncate(time.Minute).Equal(*page.Items[1].LastSeen))
	old := query.Window{From: at.Add(-2 * time.Hour), To: at.Add(-time.Hour)}
	page, err = svc.Services(ctx, caller, old)
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func TestUnknownCommitOfABuildIsItsHash(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Minute)
	querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", "1", querytest.RunID("1"), at).With(querytest.Row{"commit_sha": commit}),
		querytest.BuildRow("run", "2", querytest.RunID("2"), at))
	querytest.Insert(t, s, "graph_nodes_v1", commitNode(commit, commit, at, true))
	b, err := svc.Build(ctx, caller, querytest.RunID("1"))
	require.NoError(t, err)
	require.Equal(t, query.Commit{SHA: commit, Repo: "acme/shop"}, b.Commit, "a stub's name is no message")
	b, err = svc.Build(ctx, caller, querytest.RunID("2"))
	require.NoError(t, err)
	require.Empty(t, b.Commit.SHA)
	require.Empty(t, b.Tasks)

	h := hops(t, svc, "build", querytest.RunID("2"))
	require.Equal(t, "unknown", h["commit"].State)
	require.Contains(t, h["commit"].Evidence, "does not say which commit")
	for _, kind := range []string{"tests", "artifact", "deploy", "traces", "errors", "sessions"} {
		require.Equal(t, "none", h[kind].State, kind)
	}
}
