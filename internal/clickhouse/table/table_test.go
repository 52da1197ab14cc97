package table_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestTablesAreTheEngines(t *testing.T) {
	conn := enginetest.Open(t).Conn()
	for i, want := range table.All() {
		t.Run(want.Name, func(t *testing.T) {
			require.Equal(t, i, want.Index)
			var key string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT sorting_key FROM system.tables WHERE database = {db:String} AND name = {name:String}",
				clickhouse.Named("db", clickhouse.Database), clickhouse.Named("name", want.Name)).Scan(&key))
			require.Equal(t, strings.Split(key, ", "), want.SortKey)
			require.Equal(t, want.SortKey, want.RowOrder[:len(want.SortKey)])

			rows, err := conn.Query(t.Context(), `SELECT name, type, default_expression FROM system.columns
				WHERE database = {db:String} AND table = {name:String} AND default_kind != 'ALIAS' ORDER BY position`,
				clickhouse.Named("db", clickhouse.Database), clickhouse.Named("name", want.Name))
			require.NoError(t, err)
			defer rows.Close()
			var got []table.Column
			for rows.Next() {
				var c table.Column
				require.NoError(t, rows.Scan(&c.Name, &c.Type, &c.Default))
				if inner, ok := strings.CutPrefix(c.Type, "SimpleAggregateFunction("); ok {
					_, inner, _ = strings.Cut(inner, ", ")
					c.Type = strings.TrimSuffix(inner, ")")
				}
				got = append(got, c)
			}
			require.NoError(t, rows.Err())
			require.Equal(t, got, want.Columns)
			for _, c := range want.Columns {
				_, err := column.New(c.Type)
				require.NoError(t, err, c.Name)
			}
		})
	}
}

func TestRowOrderEndsWithTheTime(t *testing.T) {
	for _, tab := range []*table.Table{table.Spans, table.Errors, table.Logs, table.Samples} {
		require.Equal(t, "timestamp", tab.RowOrder[len(tab.RowOrder)-1], tab.Name)
	}
	require.Equal(t, []string{"tenant_id", "resource_fp"}, table.Resources.RowOrder)
}

func TestLookups(t *testing.T) {
	got, ok := table.Of("events_trace_v1")
	require.True(t, ok)
	require.Same(t, table.Spans, got)
	_, ok = table.Of("no_such_table")
	require.False(t, ok)
	c, ok := table.Spans.Column("sample_weight")
	require.True(t, ok)
	require.Equal(t, table.Column{Name: "sample_weight", Type: "Float32", Default: "1"}, c)
	_, ok = table.Spans.Column("event_id")
	require.False(t, ok, "an alias takes no value")
}
