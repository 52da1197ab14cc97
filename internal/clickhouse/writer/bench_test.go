package writer_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

const benchSpans = 8192

// perSpan reports the time of one span where each iteration worked on n.
func perSpan(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
}

func wire(tb testing.TB, spans int) []byte {
	buf, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(load(spans, 1))
	require.NoError(tb, err)
	return buf
}

func BenchmarkSpansDecode(b *testing.B) {
	buf := wire(b, benchSpans)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(buf); err != nil {
			b.Fatal(err)
		}
	}
	perSpan(b, benchSpans)
}

func BenchmarkSpansEncode(b *testing.B) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire(b, benchSpans))
	require.NoError(b, err)
	enc := writer.New(writer.Options{Now: fixed})
	b.ReportAllocs()
	for b.Loop() {
		batch, err := enc.Traces(td)
		if err != nil {
			b.Fatal(err)
		}
		batch.Committed()
		batch.Release()
	}
	perSpan(b, benchSpans)
}

func BenchmarkSpansEncodeAndRecord(b *testing.B) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire(b, benchSpans))
	require.NoError(b, err)
	enc := writer.New(writer.Options{Now: fixed})
	var record []byte
	raw := 0
	b.ReportAllocs()
	for b.Loop() {
		batch, err := enc.Traces(td)
		if err != nil {
			b.Fatal(err)
		}
		record = batch.AppendRecord(record[:0])
		raw = batch.RawBytes()
		batch.Committed()
		batch.Release()
	}
	perSpan(b, benchSpans)
	b.ReportMetric(float64(len(record))/benchSpans, "B/span")
	b.ReportMetric(float64(raw)/benchSpans, "rawB/span")
}

// segment gives the records of a segment of the given number of spans.
func segment(b *testing.B, spans int) [][]byte {
	enc := writer.New(writer.Options{Now: fixed})
	var records [][]byte
	for i := range spans / benchSpans {
		batch, err := enc.Traces(load(benchSpans, uint64(i)))
		require.NoError(b, err)
		records = append(records, batch.AppendRecord(nil))
		batch.Committed()
		batch.Release()
	}
	return records
}

func gather(b *testing.B, records [][]byte) *writer.Set {
	set := writer.NewSet(start)
	for _, r := range records {
		if err := set.Add(r); err != nil {
			b.Fatal(err)
		}
	}
	return set
}

func BenchmarkSetGather(b *testing.B) {
	records := segment(b, 20*benchSpans)
	b.ReportAllocs()
	for b.Loop() {
		gather(b, records)
	}
	perSpan(b, 20*benchSpans)
}

func BenchmarkSetGatherSortWrite(b *testing.B) {
	records := segment(b, 20*benchSpans)
	b.ReportAllocs()
	for b.Loop() {
		err := gather(b, records).Each(func(ins writer.Insert) error {
			_, err := ins.WriteTo(io.Discard)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	perSpan(b, 20*benchSpans)
}

func BenchmarkSetInsert(b *testing.B) {
	s := enginetest.Open(b)
	records := segment(b, 20*benchSpans)
	for b.Loop() {
		insertSet(b, s, gather(b, records))
	}
	perSpan(b, 20*benchSpans)
}
