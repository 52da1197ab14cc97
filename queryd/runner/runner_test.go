package runner_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

// labels fills the label table with a cross of values, so that queries have work to do.
func labels(t *testing.T, n int) (clickhouse.Store, sb.Scope) {
	t.Helper()
	s := enginetest.Open(t)
	rows := make([]querytest.Row, n)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range rows {
		rows[i] = querytest.Row{"day": today, "label": "id", "value": uuid.NewString()}
	}
	querytest.Insert(t, s, "metric_labels_v1", rows...)
	return s, querytest.Caller.Scope(today, today.Add(time.Hour))
}

// TestValuesReachTheEngineUnchanged: whatever a caller writes arrives as that value, and as nothing else.
func TestValuesReachTheEngineUnchanged(t *testing.T) {
	s, scope := labels(t, 1)
	r := runner.New(s, runner.DefaultLimits())
	check := func(t require.TestingT, text string, n int64, f float64, at time.Time) {
		var gotText string
		var gotList []string
		var gotN, gotAt int64
		var gotF float64
		q := sb.Select(scope, sb.MetricLabels, sb.Val(text).As("a"), sb.Val([]string{text, "'", text}).As("b"), sb.Val(n).As("c"), sb.Val(f).As("d"),
			sb.Fn("toUnixTimestamp64Nano", sb.Val(at)).As("e"))
		err := r.Each(context.Background(), q, func(rows driver.Rows) error { return rows.Scan(&gotText, &gotList, &gotN, &gotF, &gotAt) })
		require.NoError(t, err, "%q", text)
		require.Equal(t, text, gotText)
		require.Equal(t, []string{text, "'", text}, gotList)
		require.Equal(t, []any{n, f, at.UnixNano()}, []any{gotN, gotF, gotAt})
	}
	for _, text := range []string{"", "'", `\`, `\'`, "a\tb\nc\rd\x00e", "{p1:String}", "'; DROP TABLE x --", "é\u2028😀", `\N`, "NULL", "%27", "+&=#", "[1]"} {
		check(t, text, -1<<63, 0.1, time.Unix(1, 1))
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.String().Draw(t, "text"), rapid.Int64().Draw(t, "n"), rapid.Float64().Draw(t, "f"),
			time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "at")))
	})
}

// slow is a query that looks for every value in the list of all.
func slow(scope sb.Scope) *sb.Query {
	all := sb.Select(scope, sb.MetricLabels, sb.Param("groupUniqArray", 1_000_000, sb.Col("value")).As("list"))
	values := sb.SelectFrom(all, sb.Fn("arrayJoin", sb.Ref("list")).As("x"), sb.Ref("list").As("ys"))
	return sb.SelectFrom(values, sb.Fn("count").As("n")).Where(sb.Fn("has", sb.Ref("ys"), sb.Fn("lower", sb.Fn("hex", sb.Ref("x")))))
}

// busy is a query that takes long: it compares every value with some hundred others.
func busy(scope sb.Scope) *sb.Query {
	lists := sb.Select(scope, sb.MetricLabels, sb.Param("groupUniqArray", 1_000_000, sb.Col("value")).As("list"),
		sb.Param("groupUniqArray", 400, sb.Col("value")).As("few"))
	values := sb.SelectFrom(lists, sb.Fn("arrayJoin", sb.Ref("list")).As("x"), sb.Ref("few").As("few"))
	pairs := sb.SelectFrom(values, sb.Ref("x").As("x"), sb.Fn("arrayJoin", sb.Ref("few")).As("y"))
	return sb.SelectFrom(pairs, sb.Fn("count").As("n")).Where(sb.Fn("match", sb.Fn("lower", sb.Fn("hex", sb.Ref("x"))), sb.Ref("y")))
}

func wantKind(t *testing.T, err error, kind runner.Kind, words string) {
	t.Helper()
	var p *runner.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, kind, p.Kind, p)
	require.ErrorContains(t, err, words)
}

func TestLimitsEndAQueryWithWords(t *testing.T) {
	s, scope := labels(t, 40_000)
	limits := runner.DefaultLimits()
	limits.MemoryBytes = 4 << 20
	wantKind(t, runner.New(s, limits).Each(t.Context(), slow(scope), func(driver.Rows) error { return nil }), runner.TooExpensive, "memory limit")

	limits = runner.DefaultLimits()
	limits.Timeout, limits.MemoryBytes = time.Millisecond, 8<<30
	wantKind(t, runner.New(s, limits).Each(t.Context(), busy(scope), func(driver.Rows) error { return nil }), runner.TooExpensive, "time limit")
}

func TestAQueryEndsWithItsCaller(t *testing.T) {
	s, scope := labels(t, 40_000)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, context.Canceled)
	defer cancel()
	began := time.Now()
	err := runner.New(s, runner.DefaultLimits()).Each(ctx, slow(scope), func(driver.Rows) error { return nil })
	require.Error(t, err)
	require.Less(t, time.Since(began), 15*time.Second)
}

func TestNothingIsAskedForCallersWhoSeeNothing(t *testing.T) {
	none := querytest.Caller
	none.Rows = sb.NoRows()
	now := time.Now()
	err := runner.New(nil, runner.DefaultLimits()).Each(t.Context(), sb.Select(none.Scope(now, now.Add(1)), sb.Spans, sb.Col("trace_id")),
		func(driver.Rows) error { return errors.New("a row") })
	require.NoError(t, err, "without a store there is nobody to ask")
}

func TestProblemsAreSortedByWhatHelps(t *testing.T) {
	s, scope := labels(t, 1)
	r := runner.New(s, runner.DefaultLimits())
	scoped := scope
	scoped.Rows = sb.RowsWhere("service_name", "x")
	wantKind(t, r.Each(t.Context(), sb.Select(scoped, sb.MetricLabels, sb.Col("value")), nil), runner.Forbidden, "access is limited")
	wantKind(t, r.Each(t.Context(), sb.Select(sb.Scope{}, sb.MetricLabels, sb.Col("value")), nil), runner.Invalid, "unbounded")
	err := r.Each(t.Context(), sb.Select(scope, sb.MetricLabels, sb.Col("value")), func(driver.Rows) error { return errors.New("bad row") })
	require.ErrorContains(t, err, "bad row")
	err = r.Each(t.Context(), sb.Select(scope, sb.MetricLabels, sb.Fn("toInt64", sb.Col("value"))), func(driver.Rows) error { return nil })
	var p *runner.Problem
	require.Error(t, err)
	require.False(t, errors.As(err, &p), "a fault of ours is no problem of the caller's: %v", err)
}
