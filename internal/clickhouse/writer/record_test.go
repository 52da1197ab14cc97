package writer_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

func record(t testing.TB, spans int, seed uint64) []byte {
	b, err := writer.New(writer.Options{Now: fixed}).Traces(load(spans, seed))
	require.NoError(t, err)
	defer b.Release()
	return b.AppendRecord(nil)
}

// inserts gives what a set would send, by table.
func inserts(t testing.TB, set *writer.Set) map[string][]byte {
	out := map[string][]byte{}
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		var buf bytes.Buffer
		n, err := ins.WriteTo(&buf)
		require.Equal(t, int64(buf.Len()), n)
		out[ins.Table] = append([]byte(fmt.Sprintln(ins.Rows, ins.Columns)), buf.Bytes()...)
		return err
	}))
	return out
}

func TestSetIsTheSameForTheSameRecords(t *testing.T) {
	records := [][]byte{record(t, 300, 1), record(t, 20, 2), record(t, 1, 3)}
	var want map[string][]byte
	for range 3 { // a used set is as good as a new one
		set := writer.NewSet(start)
		for _, r := range records {
			require.NoError(t, set.Add(r))
		}
		got := inserts(t, set)
		set.Release()
		if want == nil {
			want = got
		}
		require.Equal(t, want, got)
	}
	require.Contains(t, want, "events_trace_v1")
	require.Contains(t, want, "events_error_v1")
}

func TestSetRefusesDamageAndStaysWhole(t *testing.T) {
	good, other := record(t, 50, 1), record(t, 30, 2)
	alone := writer.NewSet(start)
	require.NoError(t, alone.Add(good))
	want := inserts(t, alone)

	set := writer.NewSet(start)
	require.NoError(t, set.Add(good))
	for cut := 0; cut < len(other); cut += 97 {
		require.Error(t, set.Add(other[:cut]), "%d bytes of a record", cut)
	}
	for at := 1; at < len(other); at += 61 {
		bad := bytes.Clone(other)
		bad[at] ^= 0x55
		if set.Add(bad) == nil { // a flipped bit inside a value is another value: the queue's checksum is what finds it
			set = writer.NewSet(start)
			require.NoError(t, set.Add(good))
		}
	}
	require.ErrorContains(t, set.Add([]byte{9, 1}), "record has version 9, this build reads 1")
	require.Equal(t, want, inserts(t, set))
}

// pack makes a record of tables that the test wrote itself.
func pack(tables ...any) []byte {
	var raw []byte
	for i := 0; i < len(tables); i += 2 {
		name, block := tables[i].(string), tables[i+1].([]byte)
		raw = append(append(raw, byte(len(name))), name...)
		raw = append(raw, byte(len(block)), byte(len(block)>>8), byte(len(block)>>16), 0)
		raw = append(raw, block...)
	}
	frame := s2.Encode(nil, raw)
	out := []byte{1}
	for _, n := range []int{len(frame), len(raw)} {
		out = append(out, byte(n)|0x80, byte(n>>7))
	}
	return append(out, frame...)
}

func lowCard(values ...string) *column.LowCard {
	c := column.NewLowCard()
	for _, v := range values {
		c.Append(v)
	}
	return c
}

func TestOlderRecordsTakeDefaults(t *testing.T) {
	s := enginetest.Open(t)
	tenants, at := column.NewFixed("UUID", 16), column.NewNum[int64]("DateTime64(9, 'UTC')")
	tenants.AppendUUIDN([16]byte{1}, 2)
	at.AppendN(start.UnixNano(), 2)
	bucket := column.NewNum[uint32]("DateTime('UTC')")
	bucket.AppendN(uint32(start.Unix()), 2)
	old := column.AppendBlock(nil, []column.Named{
		{Name: "tenant_id", Column: tenants}, {Name: "ts_bucket", Column: bucket}, {Name: "service_name", Column: lowCard("old", "old")},
		{Name: "span_name", Column: lowCard("a", "b")}, {Name: "timestamp", Column: at},
	})
	for _, records := range [][][]byte{{pack("events_trace_v1", old)}, {record(t, 10, 1), pack("events_trace_v1", old)}, {pack("events_trace_v1", old), record(t, 10, 1)}} {
		s = enginetest.Open(t)
		store(t, s, records...)
		require.EqualValues(t, 2, count(t, s, "events_trace_v1 WHERE service_name = 'old' AND retention_days = 30 AND sample_weight = 1 AND empty(attrs_str)"))
		require.EqualValues(t, 10*(len(records)-1), count(t, s, "events_trace_v1 WHERE service_name != 'old'"))
	}
}

func TestSetRefusesWhatItDoesNotKnow(t *testing.T) {
	block := column.AppendBlock(nil, []column.Named{{Name: "service_name", Column: lowCard("x")}})
	number := column.NewNum[uint64]("UInt64")
	number.Append(1)
	for _, tc := range []struct {
		name, want string
		record     []byte
	}{
		{"table", `record has rows of table "no_such_table", which this build doesn't know`, pack("no_such_table", block)},
		{"column", `column "no_such" is not in the table`, pack("events_trace_v1", column.AppendBlock(nil, []column.Named{{Name: "no_such", Column: number}}))},
		{"type", `column "service_name" is UInt64 in the record, LowCardinality(String) in the table`,
			pack("events_trace_v1", column.AppendBlock(nil, []column.Named{{Name: "service_name", Column: number}}))},
		{"twice", `column "service_name" comes twice`, pack("events_trace_v1", column.AppendBlock(nil, []column.Named{
			{Name: "service_name", Column: lowCard("x")}, {Name: "service_name", Column: lowCard("x")},
		}))},
		{"rest", "bytes after the last column", pack("events_trace_v1", append(bytes.Clone(block), 0))},
		{"frame", "claims", []byte{1, 5, 5, 0}},
		{"empty", "it is empty", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := writer.NewSet(start)
			require.ErrorContains(t, set.Add(tc.record), tc.want)
			require.Empty(t, inserts(t, set))
		})
	}
	set := writer.NewSet(start)
	require.NoError(t, set.Add(pack("events_trace_v1", block)))
	require.ErrorContains(t, set.Each(func(writer.Insert) error { return nil }), "which the table is sorted by")
}

func TestInsertIsSortedAndErrorsStop(t *testing.T) {
	set := writer.NewSet(start)
	require.NoError(t, set.Add(record(t, 500, 4)))
	seen := 0
	require.ErrorIs(t, set.Each(func(ins writer.Insert) error {
		seen++
		return io.ErrClosedPipe
	}), io.ErrClosedPipe)
	require.Equal(t, 1, seen)
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		if ins.Table != table.Spans.Name {
			return nil
		}
		var buf bytes.Buffer
		_, err := ins.WriteTo(&buf)
		require.NoError(t, err)
		cols := map[string]column.Column{}
		rows, err := column.ReadBlock(column.NewReader(buf.Bytes()), func(name, typ string) (column.Column, error) {
			cols[name] = column.MustNew(typ)
			return cols[name], nil
		})
		require.NoError(t, err)
		require.Equal(t, 500, rows)
		var keys []column.Column
		for _, name := range table.Spans.RowOrder {
			keys = append(keys, cols[name])
		}
		order := column.SortOrder(keys, rows)
		for i := range order {
			require.EqualValues(t, i, order[i], "rows lie in the order of the key")
		}
		return nil
	}))
}

func FuzzSetAdd(f *testing.F) {
	f.Add(record(f, 5, 1))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		set := writer.NewSet(start)
		if err := set.Add(b); err != nil {
			require.Empty(t, inserts(t, set))
		}
	})
}
