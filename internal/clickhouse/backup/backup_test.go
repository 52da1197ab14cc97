package backup_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/backup"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// open starts an engine with the whole schema. One engine runs at a time.
func open(t *testing.T, dir string) *embedded.Engine {
	t.Helper()
	e, err := embedded.Open(t.Context(), embedded.Config{Path: dir, Library: enginetest.Library(t), MemoryLimitBytes: 2 << 30})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	_, err = migrate.Run(t.Context(), e.Conn(), migrate.Options{})
	require.NoError(t, err)
	return e
}

func exec(t *testing.T, conn driver.Conn, statement string, args ...any) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), statement, args...), statement)
}

// insertSpans writes spans numbered from first on in one part, and so the rollups of the views.
func insertSpans(ctx context.Context, conn driver.Conn, first, n uint64) error {
	return conn.Exec(ctx, `INSERT INTO events_trace_v1 (tenant_id, ts_bucket, timestamp, service_name, span_name, trace_id, span_id, duration_ns, status, attrs_str)
		SETTINGS async_insert = 0
		SELECT toUUID('00000000-0000-4000-8000-000000000001'), toStartOfHour(now()), now64(9), concat('service-', toString(number % 3)), 'GET /',
			toFixedString(leftPad(toString(intDiv(number, 5)), 16, '0'), 16), number, number * 1000, if(number % 7 = 0, 'error', 'ok'), map('n', toString(number))
		FROM numbers({first:UInt64}, {n:UInt64})`, clickhouse.Named("first", first), clickhouse.Named("n", n))
}

// fill puts rows into tables of each kind of engine.
func fill(t *testing.T, conn driver.Conn) {
	t.Helper()
	for batch := range uint64(4) {
		require.NoError(t, insertSpans(t.Context(), conn, batch*500, 500))
	}
	exec(t, conn, `INSERT INTO logs_v1 (tenant_id, ts_bucket, timestamp, service_name, body, body_type)
		SELECT generateUUIDv4(), toStartOfHour(now()), now64(9) - number, 'cart', concat('body ', toString(number)), 'string' FROM numbers(300)`)
	for version := range 3 { // replacing: three versions of the same keys
		exec(t, conn, `INSERT INTO graph_nodes_v1 (tenant_id, kind, id, name, last_seen, version)
			SELECT toUUID('00000000-0000-4000-8000-000000000001'), 'Commit', toString(number), 'n', now(), {version:UInt64} FROM numbers(40)`,
			clickhouse.Named("version", uint64(version)))
	}
}

// sums gives count and checksum of what each table says once its parts are merged, so that merges make no difference.
func sums(t *testing.T, conn driver.Conn, database string) map[string]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT name, engine FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree' AND name != {own:String}",
		clickhouse.Named("database", database), clickhouse.Named("own", migrate.Table))
	require.NoError(t, err)
	defer rows.Close()
	engines := map[string]string{}
	for rows.Next() {
		var name, engine string
		require.NoError(t, rows.Scan(&name, &engine))
		engines[name] = engine
	}
	require.NoError(t, rows.Err())
	out := map[string]string{}
	for name, engine := range engines {
		final := " FINAL"
		if engine == "MergeTree" {
			final = ""
		}
		var n, sum uint64
		query := fmt.Sprintf("SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM `%s`.`%s`%s", database, name, final)
		require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n, &sum), query)
		if n > 0 {
			out[name] = fmt.Sprintf("%d rows, checksum %x", n, sum)
		}
	}
	return out
}

func TestARestoredStoreIsTheSame(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	e := open(t, first)
	fill(t, e.Conn())
	want := sums(t, e.Conn(), clickhouse.Database)
	for _, name := range []string{"events_trace_v1", "trace_index_v1", "red_1m_v1", "logs_v1", "graph_nodes_v1"} {
		require.Contains(t, want, name)
	}

	var looks []backup.Progress
	store := &backup.Store{Conn: e.Conn(), OnProgress: func(p backup.Progress) { looks = append(looks, p) }}
	m, err := store.Create(t.Context(), "nightly")
	require.NoError(t, err)
	require.EqualValues(t, 2000, m.Tables["events_trace_v1"])
	require.EqualValues(t, 300, m.Tables["logs_v1"])
	require.NotZero(t, m.Bytes)
	require.NotEmpty(t, looks)
	require.Equal(t, m.Bytes, looks[len(looks)-1].Bytes)
	require.EqualValues(t, 730, m.SchemaVersion)
	require.Equal(t, e.Version(), m.EngineVersion)
	require.NoError(t, insertSpans(t.Context(), e.Conn(), 5000, 10), "what comes later isn't in it")

	_, err = store.Create(t.Context(), "nightly")
	require.ErrorIs(t, err, backup.ErrExists)
	_, err = store.Restore(t.Context(), "nightly", backup.RestoreOptions{})
	require.ErrorIs(t, err, backup.ErrNotEmpty)
	require.ErrorContains(t, err, "events_trace_v1 2010")
	_, err = store.Restore(t.Context(), "weekly", backup.RestoreOptions{})
	require.ErrorIs(t, err, backup.ErrNotFound)

	t.Run("into another database", func(t *testing.T) {
		r, err := store.Restore(t.Context(), "nightly", backup.RestoreOptions{Into: "look"})
		require.NoError(t, err)
		require.Equal(t, "look", r.Database)
		require.Equal(t, want, sums(t, e.Conn(), "look"))
		_, err = store.Restore(t.Context(), "nightly", backup.RestoreOptions{Into: "look"})
		require.ErrorIs(t, err, backup.ErrNotEmpty)
	})
	require.NoError(t, e.Close())

	// The backup is a folder and a file: they go to another machine.
	for _, name := range []string{"nightly", "nightly.json"} {
		require.NoError(t, os.MkdirAll(filepath.Join(second, clickhouse.BackupDisk), 0o750))
		require.NoError(t, os.Rename(filepath.Join(first, clickhouse.BackupDisk, name), filepath.Join(second, clickhouse.BackupDisk, name)))
	}
	e = open(t, second)
	store = &backup.Store{Conn: e.Conn()}
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []*backup.Manifest{m}, list)
	r, err := store.Restore(t.Context(), "nightly", backup.RestoreOptions{})
	require.NoError(t, err)
	require.Equal(t, want, sums(t, e.Conn(), clickhouse.Database), "no view has fired and no row is lost")
	require.EqualValues(t, 2000, r.Tables["events_trace_v1"])

	// The store works on: views fire for new rows, merges are on again.
	require.NoError(t, insertSpans(t.Context(), e.Conn(), 9000, 10))
	exec(t, e.Conn(), "OPTIMIZE TABLE graph_nodes_v1 FINAL")
	var spans, indexed, nodes uint64
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT (SELECT count() FROM events_trace_v1), (SELECT sum(spans) FROM trace_index_v1), (SELECT count() FROM graph_nodes_v1)").
		Scan(&spans, &indexed, &nodes))
	require.Equal(t, []uint64{2010, 2010, 40}, []uint64{spans, indexed, nodes})

	_, err = store.Restore(t.Context(), "nightly", backup.RestoreOptions{OntoRows: true})
	require.NoError(t, err)
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT (SELECT count() FROM events_trace_v1), (SELECT sum(spans) FROM trace_index_v1)").Scan(&spans, &indexed))
	require.Equal(t, []uint64{4010, 4010}, []uint64{spans, indexed})
}

// A backup that is made while rows come in holds whole inserts: all that were acknowledged before it began, and none that
// began after its end.
func TestBackupWhileInserting(t *testing.T) {
	e := open(t, t.TempDir())
	const batch = 50
	acked := make(chan uint64, 1<<16)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for i := uint64(0); ctx.Err() == nil; i++ {
			if err := insertSpans(t.Context(), e.Conn(), i*batch, batch); err != nil {
				ended <- err
				return
			}
			acked <- (i + 1) * batch
		}
		ended <- nil
	}()
	var before uint64
	for before < 5*batch {
		before = <-acked
	}
	store := &backup.Store{Conn: e.Conn()}
	m, err := store.Create(t.Context(), "busy")
	require.NoError(t, err)
	select {
	case after := <-acked:
		require.Greater(t, after, before, "rows came in meanwhile")
	case <-time.After(time.Minute):
		t.Fatal("inserts stand still after a backup")
	}
	stop()
	require.NoError(t, <-ended)

	_, err = store.Restore(t.Context(), "busy", backup.RestoreOptions{Into: "copy"})
	require.NoError(t, err)
	var rows, distinct, last uint64
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT count(), uniqExact(span_id), max(span_id) FROM copy.events_trace_v1").Scan(&rows, &distinct, &last))
	require.Equal(t, m.Tables["events_trace_v1"], rows)
	require.Equal(t, rows, distinct)
	require.Equal(t, rows, last+1, "a prefix of what was inserted, with no hole")
	require.GreaterOrEqual(t, rows, before)
	require.Zero(t, rows%batch, "whole inserts")
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	store := &backup.Store{Conn: e.Conn()}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/etc", "a b", "a'b", "a*", "{a,b}", "ü", "-x", ".hidden", strings.Repeat("x", 101)} {
		_, err := store.Create(t.Context(), name)
		require.ErrorIs(t, err, backup.ErrName, name)
		_, err = store.Restore(t.Context(), name, backup.RestoreOptions{})
		require.ErrorIs(t, err, backup.ErrName, name)
	}
	for _, into := range []string{"system", "default", "information_schema", "A", "a.b", "a`b", "1a"} {
		_, err := store.Restore(t.Context(), "x", backup.RestoreOptions{Into: into})
		require.ErrorIs(t, err, backup.ErrName, into)
	}
	require.NoError(t, insertSpans(t.Context(), e.Conn(), 0, 10))
	_, err := store.Create(t.Context(), "one")
	require.NoError(t, err)
	file := filepath.Join(dir, clickhouse.BackupDisk, "one.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)

	for _, tc := range []struct {
		name, old, new, want string
		is                   error
	}{
		{"later schema", `{"number":730,`, `{"number":9730,`, "later version", backup.ErrSchema},
		{"other schema", `"name":"quarantine_v1","sha256":"`, `"name":"quarantine_v1","sha256":"00`, "statement 0730", backup.ErrSchema},
		{"rows", `"events_trace_v1":10`, `"events_trace_v1":11`, "events_trace_v1 has 10, want 11", backup.ErrRows},
		{"torn", `}]`, "", "damaged", nil},
		{"table that is none", `"events_trace_v1":10`, "\"x`; DROP\":10", "no table of summit", nil},
		{"empty", string(text), "{}", "lacks the schema", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(string(text), tc.old, tc.new, 1)
			require.NotEqual(t, string(text), changed)
			require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
			_, err := store.Restore(t.Context(), "one", backup.RestoreOptions{Into: "refused_" + strings.ReplaceAll(tc.name, " ", "_")})
			require.ErrorContains(t, err, tc.want)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
				return
			}
			list, err := store.List(t.Context())
			require.NoError(t, err)
			require.Len(t, list, 1)
			require.Contains(t, list[0].Problem, tc.want)
		})
	}
	require.NoError(t, os.Remove(file))
	_, err = store.Create(t.Context(), "one")
	require.ErrorIs(t, err, backup.ErrExists)
	require.ErrorContains(t, err, "has no manifest")
	list, err := store.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
