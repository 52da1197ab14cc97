package backup_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/root"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// run gives exit code, standard output and standard error of a command line.
func run(t *testing.T, line string) (code int, out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	code = root.Run(t.Context(), "1.2.3", strings.Fields(line), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestCreateListRestore(t *testing.T) {
	e := enginetest.Engine(t)
	srv := httptest.NewServer(e.Handler())
	t.Cleanup(srv.Close)
	t.Setenv("SUMMIT_STORE", strings.TrimPrefix(srv.URL, "http://"))

	code, out, talk := run(t, "backup list -o json")
	require.Equal(t, exit.OK, code, talk)
	require.JSONEq(t, `{"items": [], "next": null, "partial": false}`, out)

	require.NoError(t, e.Conn().Exec(t.Context(), `INSERT INTO events_trace_v1 (tenant_id, ts_bucket, timestamp, trace_id, span_id)
		SELECT generateUUIDv4(), now(), now64(9), toFixedString(leftPad(toString(number), 16, '0'), 16), number FROM numbers(123)`))
	code, out, talk = run(t, "backup create --name before-upgrade -o json")
	require.Equal(t, exit.OK, code, talk)
	require.Contains(t, talk, "backup before-upgrade: ")
	var made struct {
		Name          string
		Bytes         uint64
		Tables        map[string]uint64
		SchemaVersion int `json:"schema_version"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	require.Equal(t, "before-upgrade", made.Name)
	require.EqualValues(t, 123, made.Tables["events_trace_v1"])
	require.EqualValues(t, 123, made.Tables["trace_index_v1"])
	require.NotZero(t, made.Bytes)
	require.GreaterOrEqual(t, made.SchemaVersion, 730)

	code, out, talk = run(t, "backup list")
	require.Equal(t, exit.OK, code, talk)
	require.Regexp(t, `(?m)^NAME +CREATED +SIZE +ROWS +SCHEMA +PROBLEM\nbefore-upgrade +\d{4}-\S+Z +[0-9.]+ [KM]iB +369 +0\d{3} +-$`, out)

	for _, tc := range []struct {
		name, line string
		code       int
		talk       string
	}{
		{"twice", "backup create --name before-upgrade", exit.Failed, "choose another --name"},
		{"escape", "backup create --name ../x", exit.Usage, "letters, digits"},
		{"no name", "backup restore", exit.Usage, "accepts 1 arg"},
		{"escape in restore", "backup restore ../../etc", exit.Usage, "letters, digits"},
		{"unknown", "backup restore after-upgrade", exit.NotFound, "backup list"},
		{"not empty", "backup restore before-upgrade", exit.Failed, "events_trace_v1 123"},
		{"engine's database", "backup restore before-upgrade --into system", exit.Usage, "can't take a backup"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, talk := run(t, tc.line)
			require.Equal(t, tc.code, code, talk)
			require.Contains(t, talk, tc.talk)
			require.Empty(t, out)
		})
	}

	code, out, talk = run(t, "backup restore before-upgrade --into look")
	require.Equal(t, exit.OK, code, talk)
	require.Regexp(t, `(?m)^events_trace_v1  123$`, out)
	require.Contains(t, talk, "database look has the")
	var n uint64
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT count() FROM look.events_trace_v1").Scan(&n))
	require.EqualValues(t, 123, n)

	code, _, talk = run(t, "backup restore before-upgrade --onto-rows")
	require.Equal(t, exit.OK, code, talk)
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT count() FROM events_trace_v1").Scan(&n))
	require.EqualValues(t, 246, n)

	require.NoError(t, os.WriteFile(filepath.Join(e.Path(), "backups", "torn.json"), []byte("{"), 0o600))
	code, out, talk = run(t, "backup list")
	require.Equal(t, exit.OK, code, talk)
	require.Regexp(t, `(?m)^torn +- +- +- +- +the manifest is damaged`, out)
}

func TestStoreThatIsNotThere(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	t.Setenv("SUMMIT_STORE", strings.TrimPrefix(srv.URL, "http://"))
	code, out, talk := run(t, "backup list")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Contains(t, talk, "is the store up at")
}
