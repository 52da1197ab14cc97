package coverage_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/coverage"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestRoutesOfProductionAndTheirTests(t *testing.T) {
	s := enginetest.Open(t)
	at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	ci, live := querytest.ID16("ci"), querytest.ID16("live")
	querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", "1", querytest.RunID("1"), at).With(querytest.Row{"trace_id": ci}))
	span := func(trace string, id, parent uint64, service, name, kind, environment string, attrs map[string]string) querytest.Row {
		return querytest.Span(trace, id, parent, service, name, at.Add(time.Duration(id)*time.Second), 10*time.Millisecond).With(querytest.Row{
			"kind": kind, "environment": environment, "attrs_str": attrs,
		})
	}
	none := map[string]string{}
	querytest.Insert(t, s, "events_trace_v1",
		span(ci, 1, 0, "runner", "RUN ci", "server", "ci", none),
		span(ci, 2, 1, "go", "TestPay", "internal", "ci", map[string]string{"test.case.name": "TestPay", "summit.test.id": "ab"}),
		span(ci, 3, 2, "go", "POST", "client", "ci", none),
		span(ci, 4, 3, "shop", "POST /pay", "server", "ci", none),
		span(ci, 5, 1, "shop", "GET /cart", "server", "production", none), // a smoke test in production is no traffic of it
		span(live, 6, 0, "shop", "POST /pay", "server", "production", none),
		span(live, 7, 0, "shop", "POST /pay", "server", "production", none).With(querytest.Row{"status": "error"}),
		span(live, 8, 0, "shop", "GET /refund", "server", "production", none),
		span(live, 9, 0, "shop", "SELECT", "client", "production", none),
		span(live, 10, 0, "shop", "GET /beta", "server", "staging", none),
	)
	svc := coverage.New(history.New(runner.New(s, runner.DefaultLimits())))
	q := coverage.Query{Window: history.Window{From: at.Add(-time.Hour), To: at.Add(time.Hour)}, Limit: 10}
	list, err := svc.Routes(t.Context(), querytest.Caller, q)
	require.NoError(t, err)
	require.Equal(t, coverage.RouteSummary{Routes: 2, Covered: 1, Requests: 3, CoveredRequests: 2, CITraces: 1}, list.Summary)
	pay, refund := list.Items[0], list.Items[1]
	last := at.Add(4 * time.Second)
	require.Equal(t, coverage.Route{
		Service: "shop", Route: "POST /pay", Requests: 2, Errors: 1, ErrorRate: 0.5, P95NS: 10_000_000, Covered: true, CISpans: 1, LastTestedAt: &last,
		Tests: []coverage.RouteTest{{TestID: "ab", Name: "TestPay", TraceID: querytest.Hex(ci)}},
	}, pay)
	require.Equal(t, "GET /refund", refund.Route)
	require.False(t, refund.Covered)
	require.Empty(t, refund.Tests)

	yes := true
	q.Uncovered = &yes
	list, err = svc.Routes(t.Context(), querytest.Caller, q)
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, 2, list.Summary.Routes, "the summary is of all")

	q.Uncovered, q.Environment, q.Limit = nil, "staging", 1
	list, err = svc.Routes(t.Context(), querytest.Caller, q)
	require.NoError(t, err)
	require.Equal(t, "GET /beta", list.Items[0].Route)
}
