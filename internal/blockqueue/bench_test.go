package blockqueue

import (
	"context"
	"fmt"
	"syscall"
	"testing"
)

// BenchmarkAppend appends records the size of one request of 512 spans (100 B each, encoded) and reports the CPU of the
// whole process per record, the consumer's reading included, and how many records share an fsync.
func BenchmarkAppend(b *testing.B) {
	for _, appenders := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("appenders=%d", appenders), func(b *testing.B) {
			q, err := Open(b.TempDir(), Options{Consume: func(context.Context, *Segment) error { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 51_200)
			b.SetBytes(int64(len(payload)))
			b.SetParallelism((appenders + 1) / 2)
			before := cpuSeconds(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := q.Append(context.Background(), Record{Payload: payload, Rows: 512, RawBytes: 256_000}); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			if err := q.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpuSeconds(b)-before)*1e6/float64(b.N), "cpu-µs/record")
			b.ReportMetric(float64(b.N)/float64(max(1, q.Stats().Syncs)), "records/fsync")
		})
	}
}

func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}
