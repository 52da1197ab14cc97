package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// TestClusterStatementsParse gives every statement's cluster form to the engine's parser; no cluster is there to run them.
func TestClusterStatementsParse(t *testing.T) {
	conn := enginetest.Open(t).Conn()
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	for _, st := range statements {
		forms, err := migrate.Cluster{Name: "main"}.Statements(st)
		require.NoError(t, err)
		require.NotEmpty(t, forms)
		for _, form := range forms {
			var formatted string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT formatQuery({sql:String})", named("sql", form)).Scan(&formatted), form)
			require.Contains(t, formatted, "ON CLUSTER main")
			require.NotContains(t, formatted, "non_replicated")
			if strings.HasPrefix(st.SQL, "CREATE TABLE") && strings.Contains(form, "MergeTree") {
				require.Regexp(t, `ENGINE = Replicated\w*MergeTree\('/clickhouse/tables/\{shard\}/summit/`+st.Name+`', '\{replica\}'`, formatted)
			}
		}
	}
}

func TestClusterStatements(t *testing.T) {
	tests := []struct {
		name, sql string
		want      []string
	}{
		{"database", "CREATE DATABASE IF NOT EXISTS summit ENGINE = Atomic", []string{"CREATE DATABASE IF NOT EXISTS summit ON CLUSTER '{cluster}' ENGINE = Atomic"}},
		{
			"replacing table",
			"CREATE TABLE IF NOT EXISTS r\n(\n  a UUID,\n  v UInt64\n)\nENGINE = ReplacingMergeTree(v)\nORDER BY (a)\nSETTINGS non_replicated_deduplication_window = 10",
			[]string{
				"CREATE TABLE IF NOT EXISTS r_local ON CLUSTER '{cluster}'\n(\n  a UUID,\n  v UInt64\n)\nENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/summit/r', '{replica}', v)\nORDER BY (a)\n" +
					"SETTINGS replicated_deduplication_window_seconds = 604800, replicated_deduplication_window = 10",
				"CREATE TABLE IF NOT EXISTS r ON CLUSTER '{cluster}' AS r_local ENGINE = Distributed('{cluster}', currentDatabase(), 'r_local', cityHash64(a))",
			},
		},
		{
			"view", "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO r AS\nSELECT a FROM s AS x",
			[]string{"CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER '{cluster}' TO r_local AS\nSELECT a FROM s_local AS x"},
		},
		{
			"column", "ALTER TABLE r ADD COLUMN IF NOT EXISTS b String",
			[]string{"ALTER TABLE r_local ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS b String", "ALTER TABLE r ON CLUSTER '{cluster}' ADD COLUMN IF NOT EXISTS b String"},
		},
		{"codec", "ALTER TABLE r MODIFY COLUMN a CODEC(ZSTD(3))", []string{"ALTER TABLE r_local ON CLUSTER '{cluster}' MODIFY COLUMN a CODEC(ZSTD(3))"}},
		{"index", "ALTER TABLE r ADD INDEX IF NOT EXISTS i a TYPE minmax", []string{"ALTER TABLE r_local ON CLUSTER '{cluster}' ADD INDEX IF NOT EXISTS i a TYPE minmax"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := migrate.Cluster{}.Statements(ddl.Statement{SQL: tt.sql})
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, sql := range []string{
		"CREATE FUNCTION IF NOT EXISTS f AS x -> x", "CREATE TABLE IF NOT EXISTS m (a Int8)\nENGINE = Memory",
		"CREATE TABLE IF NOT EXISTS m (a Int8)\nENGINE = MergeTree\nORDER BY a",
	} {
		_, err := migrate.Cluster{}.Statements(ddl.Statement{SQL: sql})
		require.Error(t, err, sql)
	}
}
