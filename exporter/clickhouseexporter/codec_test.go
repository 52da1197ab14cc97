package clickhouseexporter

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

// plainCodec is the smallest codec that feeds the real tables: a row of events_trace_v1 per item, JSON in the queue. It
// serves the tests that are about the queue and the inserts, and can be told to misbehave by an item's name.
func plainCodec(*Config) codec {
	return codec{encoder: plainEncoder{}, newSet: func(at time.Time) rowSet { return &plainSet{openedAt: at} }}
}

// Names that make the plain codec misbehave.
const (
	nameEncodeError = "encode error"
	nameEncodePanic = "encode panic"
	nameBadRecord   = "bad record"
	nameBrokenBlock = "broken block"
	nameWrongColumn = "wrong column"
	nameWrongType   = "wrong type"
	nameSetPanic    = "set panic"
)

type plainRow struct {
	Trace [16]byte
	Span  uint64
	Name  string
	Start int64
}

type plainBatch struct{ rows []plainRow }

func (b *plainBatch) Rows() int              { return len(b.rows) }
func (b *plainBatch) RawBytes() int          { return 100 * len(b.rows) }
func (b *plainBatch) Committed()             {}
func (b *plainBatch) Dropped() []writer.Drop { return nil }
func (b *plainBatch) Release()               {}
func (b *plainBatch) AppendRecord(dst []byte) []byte {
	if len(b.rows) > 0 && b.rows[0].Name == nameBadRecord {
		return append(dst, "not json"...)
	}
	text, err := json.Marshal(b.rows)
	if err != nil {
		panic(err)
	}
	return append(dst, text...)
}

type plainEncoder struct{}

func (plainEncoder) batch(rows []plainRow) (batch, error) {
	for _, r := range rows {
		switch r.Name {
		case nameEncodeError:
			return nil, errors.New("no such thing")
		case nameEncodePanic:
			panic("boom")
		}
	}
	return &plainBatch{rows}, nil
}

func (e plainEncoder) Traces(td ptrace.Traces) (batch, error) {
	var rows []plainRow
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				id := sp.SpanID()
				rows = append(rows, plainRow{sp.TraceID(), binary.BigEndian.Uint64(id[:]), sp.Name(), int64(sp.StartTimestamp())})
			}
		}
	}
	return e.batch(rows)
}

func (e plainEncoder) Logs(ld plog.Logs) (batch, error) {
	var rows []plainRow
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				rows = append(rows, plainRow{lr.TraceID(), 1, "log", int64(lr.Timestamp())})
			}
		}
	}
	return e.batch(rows)
}

func (e plainEncoder) Metrics(md pmetric.Metrics) (batch, error) {
	rows := make([]plainRow, md.DataPointCount())
	for i := range rows {
		rows[i] = plainRow{[16]byte{9}, uint64(i), "point", int64(pcommon.NewTimestampFromTime(time.Now()))}
	}
	return e.batch(rows)
}

type plainSet struct {
	openedAt time.Time
	rows     []plainRow
}

func (s *plainSet) Add(record []byte) error {
	var rows []plainRow
	if err := json.Unmarshal(record, &rows); err != nil {
		return err
	}
	s.rows = append(s.rows, rows...)
	return nil
}

func (s *plainSet) Release() {}

func (s *plainSet) Failure() error { return nil }

func (s *plainSet) SampleWindows() []int64 { return nil }

// Each gives the trace table's block, and in front of it a block of the error table that misbehaves when a row asks for it.
func (s *plainSet) Each(visit func(tableBlock) error) error {
	for _, r := range s.rows {
		var bad tableBlock
		switch r.Name {
		case nameBrokenBlock:
			bad = tableBlock{write: func(io.Writer) error { return errors.New("columns disagree") }, columns: []string{"service_name"}}
		case nameWrongColumn:
			bad = stringBlock("no_such_column", "x")
		case nameWrongType:
			bad = stringBlock("timestamp", "not a time")
		case nameSetPanic:
			panic("columns disagree")
		default:
			continue
		}
		bad.table, bad.rows = "events_error_v1", 1
		if err := visit(bad); err != nil {
			return err
		}
	}
	return visit(s.traceBlock())
}

func stringBlock(name, value string) tableBlock {
	c := column.NewStr()
	c.Append(value)
	return tableBlock{columns: []string{name}, write: func(w io.Writer) error {
		_, err := w.Write(column.AppendBlock(nil, []column.Named{{Name: name, Column: c}}))
		return err
	}}
}

func (s *plainSet) traceBlock() tableBlock {
	tenant, trace := column.NewFixed("UUID", 16), column.NewFixed("FixedString(16)", 16)
	span, name := column.NewNum[uint64]("UInt64"), column.NewLowCard()
	start, bucket := column.NewNum[int64]("DateTime64(9, 'UTC')"), column.NewNum[uint32]("DateTime('UTC')")
	ingested := column.NewNum[int64]("DateTime64(3, 'UTC')")
	for _, r := range s.rows {
		tenant.AppendUUID([16]byte{1})
		trace.Append(r.Trace[:])
		span.Append(r.Span)
		name.Append(r.Name)
		start.Append(r.Start)
		bucket.Append(uint32(r.Start / 1e9 / 3600 * 3600))
		ingested.Append(s.openedAt.UnixMilli())
	}
	cols := []column.Named{
		{Name: "tenant_id", Column: tenant},
		{Name: "trace_id", Column: trace},
		{Name: "span_id", Column: span},
		{Name: "span_name", Column: name},
		{Name: "timestamp", Column: start},
		{Name: "ts_bucket", Column: bucket},
		{Name: "ingested_at", Column: ingested},
	}
	order := column.SortOrder([]column.Column{bucket, name, start}, len(s.rows))
	b := tableBlock{table: "events_trace_v1", rows: len(s.rows), write: func(w io.Writer) error { return column.WriteSorted(w, cols, order) }}
	for _, c := range cols {
		b.columns = append(b.columns, c.Name)
	}
	return b
}
