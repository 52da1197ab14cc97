//go:build unix

package writer_test

import (
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

const benchSpans = 8192

// measure reports what one span costs where each iteration works on n: the wall clock's time and, since the machine may
// do other things, the process's CPU time.
func measure(b *testing.B, n int, iteration func()) {
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		iteration()
	}
	spans := float64(b.N) * float64(n)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/spans, "ns/span")
	b.ReportMetric(float64(cpuTime(b)-before)/spans, "cpu-ns/span")
}

func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

func wire(tb testing.TB, spans int) []byte {
	buf, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(load(spans, 1))
	require.NoError(tb, err)
	return buf
}

func BenchmarkSpansDecode(b *testing.B) {
	buf := wire(b, benchSpans)
	measure(b, benchSpans, func() {
		if _, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(buf); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkSpansEncode(b *testing.B) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire(b, benchSpans))
	require.NoError(b, err)
	enc := writer.New(writer.Options{Now: fixed})
	measure(b, benchSpans, func() {
		batch, err := enc.Traces(td)
		if err != nil {
			b.Fatal(err)
		}
		batch.Committed()
		batch.Release()
	})
}

func BenchmarkSpansEncodeAndRecord(b *testing.B) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(wire(b, benchSpans))
	require.NoError(b, err)
	enc := writer.New(writer.Options{Now: fixed})
	var record []byte
	raw := 0
	measure(b, benchSpans, func() {
		batch, err := enc.Traces(td)
		if err != nil {
			b.Fatal(err)
		}
		record = batch.AppendRecord(record[:0])
		raw = batch.RawBytes()
		batch.Committed()
		batch.Release()
	})
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
	measure(b, 20*benchSpans, func() {
		gather(b, records).Release()
	})
}

func BenchmarkSetGatherSortWrite(b *testing.B) {
	records := segment(b, 20*benchSpans)
	measure(b, 20*benchSpans, func() {
		set := gather(b, records)
		err := set.Each(func(ins writer.Insert) error {
			_, err := ins.WriteTo(io.Discard)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		set.Release()
	})
}

func BenchmarkSetInsert(b *testing.B) {
	s := enginetest.Open(b)
	records := segment(b, 20*benchSpans)
	measure(b, 20*benchSpans, func() {
		insertSet(b, s, gather(b, records))
	})
}
