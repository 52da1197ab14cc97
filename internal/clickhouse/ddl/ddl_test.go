package ddl_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

func TestLoadAll(t *testing.T) {
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	require.Equal(t, 1, statements[0].Number)
	require.Equal(t, ddl.Database(), statements[0].SQL)
	names := map[string]bool{}
	for i, st := range statements {
		require.False(t, names[st.Name], st.Name)
		names[st.Name] = true
		if i > 0 {
			require.Greater(t, st.Number, statements[i-1].Number)
			table, _, _ := strings.Cut(strings.TrimPrefix(st.SQL, "ALTER TABLE "), " ")
			require.True(t, strings.Contains(st.SQL, st.Name) || strings.HasPrefix(st.Name, table+"_"), "%s: a file is named after what it makes or changes", st.Name)
		}
		if !strings.HasPrefix(st.SQL, "CREATE TABLE") {
			continue
		}
		require.Contains(t, st.SQL, "\nTTL ", "%s: rows go some day", st.Name)
		require.Contains(t, st.SQL, "ORDER BY (tenant_id,", "%s: the tenant is first in the key", st.Name)
		require.Contains(t, st.SQL, "non_replicated_deduplication_window", "%s: a replayed insert is a no-op", st.Name)
	}
	for _, name := range []string{"events_trace_v1", "events_error_v1", "logs_v1", "metrics_runtime_v1", "metrics_build_v1", "session_replay_v1",
		"resources_v1", "bucket_history_v1", "quarantine_v1"} {
		require.True(t, names[name], name)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"bad name", map[string]string{"12_x.sql": "CREATE TABLE IF NOT EXISTS x"}, "want NNNN_name.sql"},
		{"same number", map[string]string{"0001_a.sql": "CREATE TABLE IF NOT EXISTS a", "0001_b.sql": "CREATE TABLE IF NOT EXISTS b"}, "same number 0001"},
		{"drop", map[string]string{"0001_a.sql": "DROP TABLE a"}, "not allowed"},
		{"create that fails the second time", map[string]string{"0001_a.sql": "CREATE TABLE a (x Int8)"}, "not allowed"},
		{"drop column", map[string]string{"0001_a.sql": "ALTER TABLE a DROP COLUMN b"}, "not allowed"},
		{"compress and drop", map[string]string{"0001_a.sql": "ALTER TABLE a MODIFY COLUMN b CODEC(ZSTD(1)), DROP PROJECTION (c)"}, "not allowed"},
		{"change a type", map[string]string{"0001_a.sql": "ALTER TABLE a MODIFY COLUMN b String CODEC(ZSTD(1))"}, "not allowed"},
		{"modify column", map[string]string{"0001_a.sql": "ALTER TABLE a MODIFY COLUMN b String"}, "not allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := ddl.Load(files)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := ddl.Load(fstest.MapFS{
		"0002_b.sql": {Data: []byte("ALTER TABLE a ADD COLUMN IF NOT EXISTS b String\n")},
		"0001_a.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS a (x Int8)")},
		"0003_c.sql": {Data: []byte("ALTER TABLE a MODIFY COLUMN x CODEC(Delta(1), ZSTD(3)) SETTINGS (max_compress_block_size = 1048576)")},
		"0004_d.sql": {Data: []byte("ALTER TABLE a MODIFY COLUMN x CODEC(NONE)")},
	})
	require.NoError(t, err)
}
