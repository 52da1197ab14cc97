package clickhouseexporter

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// BenchmarkTraces stores requests of 1,000 spans in the real engine, from pdata to committed parts, and reports the CPU
// of the whole process per span. Merges that run after the last insert are not in it.
func BenchmarkTraces(b *testing.B) {
	store := enginetest.Open(b)
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig().(*Config)
	cfg.Store, cfg.Queue.Path, cfg.ShutdownTimeout = &storeID, b.TempDir(), time.Hour
	exp, err := factory.CreateTraces(b.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	require.NoError(b, err)
	host := &testHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storeID: storeExtension{store: store}}}
	require.NoError(b, exp.Start(b.Context(), host))

	const perRequest = 1000
	td := benchSpans(perRequest)
	before := cpuSeconds(b)
	b.ResetTimer()
	for n := range b.N {
		shiftSpans(td, n)
		require.NoError(b, exp.ConsumeTraces(b.Context(), td))
	}
	queued := cpuSeconds(b)
	require.NoError(b, exp.Shutdown(context.Background()))
	b.StopTimer()
	items := float64(b.N * perRequest)
	b.ReportMetric((queued-before)*1e6/items, "cpu-µs/span-until-ack")
	b.ReportMetric((cpuSeconds(b)-before)*1e6/items, "cpu-µs/span-in-all")
}

func benchSpans(n int) ptrace.Traces {
	td := shop(n / 2)
	for _, rs := range td.ResourceSpans().All() {
		for i, sp := range rs.ScopeSpans().At(0).Spans().All() {
			for j := range 8 {
				sp.Attributes().PutStr(fmt.Sprintf("attribute.%d", j), fmt.Sprintf("value-%d", (i+j)%17))
			}
			sp.Attributes().PutDouble("ratio", float64(i)/7)
		}
	}
	return td
}

// shiftSpans makes other spans of the same, so that no two requests are equal.
func shiftSpans(td ptrace.Traces, n int) {
	at := pcommon.NewTimestampFromTime(time.Now())
	for i, rs := range td.ResourceSpans().All() {
		for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
			sp.SetTraceID(pcommon.TraceID{byte(n >> 16), byte(n >> 8), byte(n), byte(i >> 8), byte(i), 1})
			sp.SetStartTimestamp(at + pcommon.Timestamp(i*1000))
			sp.SetEndTimestamp(at + pcommon.Timestamp(i*1000+500_000))
		}
	}
}

func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var ru syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &ru))
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}
