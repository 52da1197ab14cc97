package chhttp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestSplitInsert(t *testing.T) {
	tests := []struct {
		name, sql string
		want      *insertStatement
	}{
		{"select", "SELECT 1", nil},
		{"empty", "", nil},
		{"native", "INSERT INTO t (a, b) FORMAT Native", &insertStatement{text: "INSERT INTO t (a, b)", format: "Native"}},
		{"settings", "insert into t settings a = 'FORMAT x' format JSONEachRow", &insertStatement{text: "insert into t settings a = 'FORMAT x'", format: "JSONEachRow"}},
		{"inline", "INSERT INTO t FORMAT CSV\n1,2\n3,4", &insertStatement{text: "INSERT INTO t", format: "CSV", inline: "1,2\n3,4"}},
		{"inline with carriage return", "INSERT INTO t FORMAT CSV \r\n1", &insertStatement{text: "INSERT INTO t", format: "CSV", inline: "1"}},
		{"data that starts with a line end", "INSERT INTO t FORMAT CSV\n\n1", &insertStatement{text: "INSERT INTO t", format: "CSV", inline: "\n1"}},
		{"values", "INSERT INTO t VALUES (1)", &insertStatement{text: "INSERT INTO t ", format: "Values", inline: " (1)"}},
		{"select source", "INSERT INTO t SELECT 1 FORMAT Native", &insertStatement{text: "INSERT INTO t SELECT 1 FORMAT Native"}},
		{"with source", "INSERT INTO t WITH 1 AS x SELECT x", &insertStatement{text: "INSERT INTO t WITH 1 AS x SELECT x"}},
		{"column named format", "INSERT INTO t (`format`, values, \"select\") FORMAT TSV", &insertStatement{text: "INSERT INTO t (`format`, values, \"select\")", format: "TSV"}},
		{"comments", "-- FORMAT x\n/* FORMAT y */ # z\nINSERT INTO t FORMAT TSV", &insertStatement{text: "-- FORMAT x\n/* FORMAT y */ # z\nINSERT INTO t", format: "TSV"}},
		{"heredoc", "INSERT INTO t SETTINGS c = $x$ FORMAT y $x$ FORMAT TSV", &insertStatement{text: "INSERT INTO t SETTINGS c = $x$ FORMAT y $x$", format: "TSV"}},
		{"format without a name", "INSERT INTO t FORMAT", &insertStatement{text: "INSERT INTO t FORMAT"}},
		{"nothing", "INSERT INTO t", &insertStatement{text: "INSERT INTO t"}},
		{"open quote", "INSERT INTO t VALUES ('a\\'", &insertStatement{text: "INSERT INTO t ", format: "Values", inline: " ('a\\'"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Empty(t, cmp.Diff(tt.want, splitInsert(tt.sql), cmp.AllowUnexported(insertStatement{})))
		})
	}
}

func FuzzSplitInsert(f *testing.F) {
	for _, seed := range []string{"INSERT INTO t FORMAT Native", "INSERT INTO t VALUES ('", "$a$ $", "/*", "INSERT `", "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if ins := splitInsert(sql); ins != nil && len(ins.text)+len(ins.inline) > len(sql) {
			t.Errorf("%q grew to %q and %q", sql, ins.text, ins.inline)
		}
		outputFormat(sql)
	})
}

func TestOutputFormat(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1":                          "",
		"SELECT 1 FORMAT JSON":              "JSON",
		"SELECT 1 format Native SETTINGS a": "Native",
		"SELECT 'FORMAT x'":                 "",
		"SELECT * FROM (SELECT 1 FORMAT x)": "",
	} {
		require.Equal(t, want, outputFormat(sql), sql)
	}
}

func TestKillStatements(t *testing.T) {
	id, ok := killTarget(" KILL QUERY WHERE query_id = 'abc' SYNC")
	require.True(t, ok)
	require.Equal(t, "abc", id)
	_, ok = killTarget("SELECT 'KILL QUERY WHERE query_id = ''x'''")
	require.False(t, ok)
	require.Equal(t, "KILL QUERY WHERE user = 'x' ASYNC", asyncKill("KILL QUERY WHERE user = 'x' SYNC;"))
	require.Equal(t, "SELECT 1 AS SYNC", asyncKill("SELECT 1 AS SYNC"))
}

func TestCheckEndpoint(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9:0"} {
		require.NoError(t, CheckEndpoint(endpoint, "", ""))
	}
	for _, endpoint := range []string{"0.0.0.0:1", ":1", "[::]:1", "10.0.0.1:1", "example.org:1"} {
		require.ErrorContains(t, CheckEndpoint(endpoint, "", ""), "can be reached from other machines", endpoint)
		require.ErrorContains(t, CheckEndpoint(endpoint, "user", ""), "set user and password", endpoint)
		require.NoError(t, CheckEndpoint(endpoint, "user", "secret"))
	}
	require.ErrorContains(t, CheckEndpoint("127.0.0.1", "", ""), "want host:port")
}

func TestQuote(t *testing.T) {
	require.Equal(t, `'a\'b\\c\0'`, quoteString("a'b\\c\x00"))
	require.Equal(t, "`a\\`b`", quoteName("a`b"))
}

func TestAccepts(t *testing.T) {
	require.True(t, accepts("br, gzip;q=0.5", "gzip"))
	require.False(t, accepts("gzip; q=0", "gzip"))
	require.False(t, accepts("", "gzip"))
}
