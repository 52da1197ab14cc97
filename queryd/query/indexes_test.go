package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/querytest"
)

// TestQueriesUseTheIndexes asks the engine how it would read: a parameter in a form that no index takes costs a scan.
func TestQueriesUseTheIndexes(t *testing.T) {
	s, _ := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(querytest.ID16("a"), 1, 0, "shop", "root", at, time.Second))
	require.NoError(t, s.Conn().Exec(ctx, "OPTIMIZE TABLE events_trace_v1 FINAL")) // the merge builds the skip indexes
	querytest.Insert(t, s, "metric_series_v1", querytest.Row{
		"day": at.Truncate(24 * time.Hour), "prom_name": "x", "series_fp": uint64(1), "metric_name": "x", "kind": "gauge", "labels": map[string]string{"job": "api"},
	})
	scope := caller.Scope(at.Add(-time.Minute), at.Add(time.Minute))
	one, both := sb.ID16{1}, []sb.ID16{{1}, {2}}
	for _, tc := range []struct {
		name  string
		query *sb.Query
		want  []string
	}{
		{name: "trace", query: sb.Select(scope, sb.Spans, sb.Col("span_id")).Where(sb.Eq(sb.Col("trace_id"), sb.Val(one))), want: []string{"ts_bucket", "Name: ix_trace"}},
		{name: "traces", query: sb.Select(scope, sb.Spans, sb.Col("span_id")).Where(sb.In(sb.Col("trace_id"), both)), want: []string{"ts_bucket", "Name: ix_trace"}},
		{name: "bounds of traces", query: sb.Select(scope, sb.TraceIndex, sb.Col("min_ts")).Where(sb.In(sb.Col("trace_id"), both)), want: []string{"trace_id in 2-element set"}},
		{
			name: "attribute", query: sb.Select(scope, sb.Spans, sb.Col("span_id")).Where(sb.Eq(sb.MapGet("attrs_str", "k"), sb.Val("v"))),
			want: []string{"Name: ix_keys", "Name: ix_vals"},
		},
		{
			name: "label", query: sb.Select(scope, sb.Series, sb.Col("series_fp")).Where(sb.Eq(sb.Col("prom_name"), sb.Val("x")), sb.Fn("has", sb.Col("label_items"), sb.Val("job=api"))),
			want: []string{"prom_name in ['x', 'x']", `tokens: ["job=api"]`},
		},
		{
			name: "labels", query: sb.Select(scope, sb.Series, sb.Col("series_fp")).Where(sb.In(sb.Col("prom_name"), []string{"x", "y"}), sb.Fn("hasAny", sb.Col("label_items"), sb.Val([]string{"job=api"}))),
			want: []string{"prom_name in 2-element set", "mode: Any"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, err := tc.query.Build()
			require.NoError(t, err)
			rows, err := s.Conn().Query(clickhouse.Context(ctx, clickhouse.WithParameters(st.Params)), "EXPLAIN indexes = 1 "+st.SQL)
			require.NoError(t, err)
			var plan strings.Builder
			for rows.Next() {
				var line string
				require.NoError(t, rows.Scan(&line))
				plan.WriteString(line + "\n")
			}
			require.NoError(t, rows.Err())
			for _, want := range tc.want {
				require.Contains(t, plan.String(), want)
			}
		})
	}
}
