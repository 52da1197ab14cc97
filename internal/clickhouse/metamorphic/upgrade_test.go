package metamorphic_test

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/backup"
	"github.com/summitobs/summit/internal/clickhouse/ddl"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// firstVersion holds statements as the first version of the schema had them. They never change: a statement of package ddl
// that differs is refused by stores that exist.
const firstVersion = "testdata/first"

// someDay is noon of the day before: no row is near midnight, and none is in the future.
func someDay() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour) }

func someSpans(first uint64, n int, c class) []span {
	rows := make([]span, n)
	for i := range rows {
		rows[i] = span{
			id: first + uint64(i), class: c, service: "cart", at: someDay().AddDate(0, 0, -c.daysAgo).Add(time.Duration(i) * time.Second),
			duration: int64(1000 * i), failed: i%3 == 0,
		}
	}
	return rows
}

func (s *store) send(t *testing.T, m *model, token string, rows []span) {
	t.Helper()
	i := sent{token: token, rows: rows}
	i.names, i.block = encode(t, rows)
	s.insert(t, i)
	m.insert(token, rows)
}

// later gives the present statements and some that a later version may add.
func later(t *testing.T) fs.FS {
	t.Helper()
	out := fstest.MapFS{
		"9000_span_colour.sql": {Data: []byte("ALTER TABLE events_trace_v1 ADD COLUMN IF NOT EXISTS colour LowCardinality(String) DEFAULT 'grey' CODEC(ZSTD(1))")},
		"9001_span_colour.sql": {Data: []byte("ALTER TABLE events_trace_v1 ADD INDEX IF NOT EXISTS ix_colour colour TYPE set(16) GRANULARITY 4")},
		"9002_red_bytes.sql":   {Data: []byte("ALTER TABLE red_1m_v1 ADD COLUMN IF NOT EXISTS bytes SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))")},
	}
	names, err := fs.Glob(ddl.FS, "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(ddl.FS, name)
		require.NoError(t, err)
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}

// A store that the first version has written is read, written and merged after later migrations, and so is a backup of it.
func TestAStoreOfTheFirstVersionIsRead(t *testing.T) {
	s := &store{test: t, dir: t.TempDir()}
	open := func(files fs.FS) migrate.Result {
		var err error
		s.engine, err = embedded.Open(t.Context(), embedded.Config{Path: s.dir, Library: enginetest.Library(t), MemoryLimitBytes: 2 << 30})
		require.NoError(t, err)
		r, err := migrate.Run(t.Context(), s.engine.Conn(), migrate.Options{Files: files})
		require.NoError(t, err)
		return r
	}
	first := os.DirFS(firstVersion)
	statements, err := ddl.Load(first)
	require.NoError(t, err)
	require.Equal(t, len(statements), open(first).Applied)
	t.Cleanup(func() { require.NoError(t, s.engine.Close()) })
	m := newModel()
	live := class{0, 30}
	s.send(t, m, "first-0", someSpans(0, 40, live))
	s.send(t, m, "first-1", someSpans(40, 40, live))
	_, err = s.backups().Create(t.Context(), "first")
	require.NoError(t, err)
	saved := m.snapshot()
	require.NoError(t, s.engine.Close())

	r := open(later(t))
	require.Equal(t, len(statements), r.Present, "the first version's statements are as they were")
	require.Greater(t, r.Applied, 20)
	s.check(t, m)
	var grey uint64
	require.NoError(t, s.engine.Conn().QueryRow(t.Context(), "SELECT countIf(colour = 'grey') FROM events_trace_v1").Scan(&grey))
	require.EqualValues(t, 80, grey, "rows of the first version have the new column's default")
	s.send(t, m, "first-1", someSpans(40, 40, live)) // a queue that was filled before the upgrade
	s.send(t, m, "later-0", someSpans(80, 40, live))
	s.check(t, m)
	s.merge(t)
	s.check(t, m)
	_, err = s.backups().Create(t.Context(), "later")
	require.NoError(t, err)

	s.empty(t)
	restored, err := s.backups().Restore(t.Context(), "first", backup.RestoreOptions{})
	require.NoError(t, err)
	require.Less(t, restored.SchemaVersion, restored.StoreSchemaVersion)
	s.check(t, saved)
	s.send(t, saved, "later-1", someSpans(120, 40, live))
	s.merge(t)
	s.check(t, saved)

	// The present version doesn't know the later one's statements, and works on beside them.
	require.NoError(t, s.engine.Close())
	require.Equal(t, 3, open(nil).Unknown)
	s.send(t, saved, "again-0", someSpans(160, 40, live))
	s.check(t, saved)
}
