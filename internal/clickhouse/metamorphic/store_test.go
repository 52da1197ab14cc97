// Package metamorphic_test runs random sequences of operations against the embedded engine and a simple model in memory:
// inserts, repeated inserts, restarts, merges, expiry, backups and restores. After each the base table and its rollups must
// say what the model says.
package metamorphic_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/backup"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/tenant"
)

// touched are the tables that inserts of spans reach.
var touched = []string{"events_trace_v1", "trace_index_v1", "red_1m_v1"}

// store is the engine under test. It outlives the drawn sequences, because each reopening leaves descriptors and threads.
type store struct {
	test     *testing.T
	dir      string
	engine   *embedded.Engine
	restarts int
	names    int
}

func (s *store) open(t require.TestingT) {
	var err error
	s.engine, err = embedded.Open(s.test.Context(), embedded.Config{Path: s.dir, Library: enginetest.Library(s.test), MemoryLimitBytes: 2 << 30})
	require.NoError(t, err)
	_, err = migrate.Run(s.test.Context(), s.engine.Conn(), migrate.Options{})
	require.NoError(t, err)
}

func (s *store) exec(t require.TestingT, format string, args ...any) {
	statement := fmt.Sprintf(format, args...)
	require.NoError(t, s.engine.Conn().Exec(s.test.Context(), statement), statement)
}

// empty forgets rows and tokens.
func (s *store) empty(t require.TestingT) {
	for _, name := range touched {
		s.exec(t, "TRUNCATE TABLE %s", name)
	}
	s.hold(t)
}

// hold keeps the engine from dropping rows on its own, so that it is a step of the sequence that does it. A restart or a
// restore ends it.
func (s *store) hold(t require.TestingT) {
	for _, name := range touched {
		s.exec(t, "SYSTEM STOP TTL MERGES %s", name)
	}
}

func (s *store) backups() *backup.Store { return &backup.Store{Conn: s.engine.Conn()} }

func typeOf(name string) string {
	c, ok := table.Spans.Column(name)
	if !ok {
		panic("no column " + name)
	}
	return c.Type
}

// encode makes the block of an INSERT as the writer does, sorted by the table's key.
func encode(t require.TestingT, rows []span) (names []string, block []byte) {
	tenantID, traceID := column.NewFixed("UUID", 16), column.NewFixed(typeOf("trace_id"), 16)
	bucket, at, duration := column.NewNum[uint32](typeOf("ts_bucket")), column.NewNum[int64](typeOf("timestamp")), column.NewNum[int64]("Int64")
	service, name := column.NewLowCard(), column.NewLowCard()
	id, status, days := column.NewNum[uint64]("UInt64"), column.NewNum[int8](typeOf("status")), column.NewNum[uint16]("UInt16")
	for _, s := range rows {
		tenantID.AppendUUID(tenant.Default)
		traceID.Append([]byte(s.trace()))
		bucket.Append(uint32(s.at.Truncate(time.Hour).Unix()))
		at.Append(s.at.UnixNano())
		duration.Append(s.duration)
		service.Append(s.service)
		name.Append("GET /")
		id.Append(s.id)
		if s.failed {
			status.Append(2)
		} else {
			status.Append(1)
		}
		days.Append(s.class.retention)
	}
	set := segment.NewSet(time.Now(), nil)
	defer set.Release()
	require.NoError(t, set.Append(table.Spans, []column.Named{
		{Name: "tenant_id", Column: tenantID}, {Name: "trace_id", Column: traceID}, {Name: "ts_bucket", Column: bucket},
		{Name: "timestamp", Column: at}, {Name: "duration_ns", Column: duration}, {Name: "service_name", Column: service},
		{Name: "span_name", Column: name}, {Name: "span_id", Column: id}, {Name: "status", Column: status}, {Name: "retention_days", Column: days},
	}))
	var b bytes.Buffer
	require.NoError(t, set.Each(func(ins segment.Insert) error {
		names = append([]string{}, ins.Columns...)
		_, err := ins.WriteTo(&b)
		return err
	}))
	return names, b.Bytes()
}

// sent is an INSERT that may be repeated.
type sent struct {
	token string
	rows  []span
	names []string
	block []byte
}

func (s *store) insert(t require.TestingT, i sent) {
	require.NoError(t, s.engine.Insert(s.test.Context(), clickhouse.Insert{
		Table: table.Spans.Name, Columns: i.names,
		Settings: map[string]string{
			"insert_deduplication_token": i.token, "deduplicate_blocks_in_dependent_materialized_views": "1", "max_partitions_per_insert_block": "0",
		},
		Body: func(w io.Writer) error {
			_, err := w.Write(i.block)
			return err
		},
	}))
}

// merge merges all parts of the tables.
func (s *store) merge(t require.TestingT) {
	for _, name := range touched {
		s.exec(t, "OPTIMIZE TABLE %s FINAL", name)
	}
}

// expire makes the engine drop what is past its retention now, where it would within hours.
func (s *store) expire(t require.TestingT) {
	for _, name := range touched[:2] {
		s.exec(t, "SYSTEM START TTL MERGES %s", name)
		s.exec(t, "ALTER TABLE %s MATERIALIZE TTL SETTINGS mutations_sync = 2", name)
	}
	s.hold(t)
}

// check compares the engine with the model.
func (s *store) check(t require.TestingT, m *model) {
	live, maybe := m.live()
	got := map[uint64]int{}
	s.scan(t, "SELECT span_id, count() FROM events_trace_v1 GROUP BY span_id", func(row func(...any) error) error {
		var id, n uint64
		err := row(&id, &n)
		if bound, ok := maybe[id]; ok {
			require.LessOrEqual(t, int(n), bound, "span %d, which is past its retention", id)
			return err
		}
		got[id] = int(n)
		return err
	})
	require.Equal(t, live, got, "spans")

	index := map[string]indexed{}
	s.scan(t, `SELECT toString(trace_id), sum(spans), sum(errors), min(min_ts) FROM trace_index_v1
		WHERE day + retention_days >= today() GROUP BY trace_id`, func(row func(...any) error) error {
		var id string
		var x indexed
		err := row(&id, &x.Spans, &x.Errors, &x.From)
		x.From = x.From.UTC()
		index[id] = x
		return err
	})
	require.Equal(t, m.index(), index, "trace_index_v1")

	rates := map[string]red{}
	s.scan(t, "SELECT service_name, sum(calls), sum(errors), sum(duration_sum_ns) FROM red_1m_v1 GROUP BY service_name", func(row func(...any) error) error {
		var service string
		var r red
		err := row(&service, &r.Calls, &r.Errors, &r.Duration)
		rates[service] = r
		return err
	})
	require.Equal(t, m.red, rates, "red_1m_v1")
}

func (s *store) scan(t require.TestingT, query string, each func(row func(...any) error) error) {
	rows, err := s.engine.Conn().Query(s.test.Context(), query)
	require.NoError(t, err, query)
	defer rows.Close()
	for rows.Next() {
		require.NoError(t, each(rows.Scan), query)
	}
	require.NoError(t, rows.Err(), query)
}
