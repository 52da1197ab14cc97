//go:build unix

package writer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

const (
	benchLogs   = 8192
	benchPoints = 8192
)

var templates = []string{
	"payment %x for order %d of customer c-%d authorised by gateway in %d ms, amount=%d.90 currency=EUR attempt=1, next step is to ship what was ordered",
	"request %x to /orders/%d from user %d answered with 200 after %d ms, %d bytes written, connection kept alive, upstream answered in time",
	"cache miss for key session:%x, loading %d rows for tenant %d took %d ms and %d allocations, entry expires in one hour unless it is touched before",
	"worker took job %x from queue %d after %d retries, waited %d ms, %d jobs are left, the next look at the queue follows after the usual pause",
}

// loadLogs makes records as services write them: bodies of about 140 bytes from few templates, six attributes.
func loadLogs(n int, seed uint64) plog.Logs {
	rnd := rand.New(rand.NewPCG(seed, 2))
	ld := plog.NewLogs()
	var scopes []plog.ScopeLogs
	for r := range 4 {
		rl := ld.ResourceLogs().AppendEmpty()
		loadResource(rl.Resource().Attributes(), r)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("com.acme.shop.PaymentService")
		scopes = append(scopes, sl)
	}
	for i := range n {
		lr := scopes[rnd.IntN(4)].LogRecords().AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(i) * 20 * time.Microsecond)))
		lr.SetObservedTimestamp(lr.Timestamp() + 1500)
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.SetSeverityText("INFO")
		lr.SetTraceID([16]byte{byte(i), byte(i >> 8), 2: byte(seed), 15: 1})
		lr.SetSpanID([8]byte{byte(i), byte(i >> 8), 7: 1})
		lr.Body().SetStr(fmt.Sprintf(templates[rnd.IntN(len(templates))], rnd.Uint64(), rnd.IntN(1e6), rnd.IntN(1e5), rnd.IntN(1000), rnd.IntN(1e4)))
		a := lr.Attributes()
		a.PutStr("thread.name", fmt.Sprintf("http-nio-8080-exec-%d", rnd.IntN(20)))
		a.PutStr("code.namespace", "com.acme.shop.checkout")
		a.PutStr("http.request.method", "POST")
		a.PutInt("http.response.status_code", 200)
		a.PutStr("user.id", fmt.Sprintf("u-%d", rnd.IntN(1e5)))
		a.PutInt("load.seq", int64(i))
	}
	return ld
}

// loadMetrics makes one scrape of n series: gauges and counters of four attributes, 100 points a metric.
func loadMetrics(n int, scrape int) pmetric.Metrics {
	rnd := rand.New(rand.NewPCG(uint64(scrape), 3))
	md := pmetric.NewMetrics()
	at := pcommon.NewTimestampFromTime(start.Add(time.Duration(scrape) * 15 * time.Second))
	rm := md.ResourceMetrics().AppendEmpty()
	loadResource(rm.Resource().Attributes(), 1)
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	for i := 0; i < n; i += 100 {
		m := metrics.AppendEmpty()
		m.SetName(fmt.Sprintf("jvm.memory.pool%d", i/100))
		m.SetUnit("By")
		points := m.SetEmptyGauge().DataPoints()
		for j := range min(100, n-i) {
			p := points.AppendEmpty()
			p.SetTimestamp(at)
			p.SetIntValue(rnd.Int64N(1 << 30))
			p.Attributes().PutStr("area", "heap")
			p.Attributes().PutStr("id", fmt.Sprintf("pool-%d", j))
			p.Attributes().PutStr("pool", "eden")
			p.Attributes().PutInt("shard", int64(j%7))
		}
	}
	return md
}

func BenchmarkLogsDecode(b *testing.B) {
	buf, err := (&plog.ProtoMarshaler{}).MarshalLogs(loadLogs(benchLogs, 1))
	require.NoError(b, err)
	measure(b, benchLogs, func() {
		if _, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(buf); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkLogsEncode(b *testing.B) {
	ld := loadLogs(benchLogs, 1)
	enc := writer.New(writer.Options{Now: fixed})
	measure(b, benchLogs, func() {
		batch, err := enc.Logs(ld)
		if err != nil {
			b.Fatal(err)
		}
		batch.Committed()
		batch.Release()
	})
}

func BenchmarkPointsDecode(b *testing.B) {
	buf, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(loadMetrics(benchPoints, 0))
	require.NoError(b, err)
	measure(b, benchPoints, func() {
		if _, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(buf); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkPointsEncode(b *testing.B) {
	md := loadMetrics(benchPoints, 0)
	enc := writer.New(writer.Options{Now: fixed})
	measure(b, benchPoints, func() {
		batch, err := enc.Metrics(md)
		if err != nil {
			b.Fatal(err)
		}
		batch.Committed()
		batch.Release()
	})
}

// logSegment is a queue segment of n records.
func logSegment(b *testing.B, n int) (records [][]byte) {
	enc := writer.New(writer.Options{Now: fixed})
	for i := 0; i < n; i += benchLogs {
		records = append(records, encodeLogs(b, enc, loadLogs(min(benchLogs, n-i), uint64(i))))
	}
	return records
}

// drain gathers a segment, with its catalogs, and hands each block to insert.
func drain(b *testing.B, records [][]byte, insert func(*writer.Set)) {
	set := writer.NewSet(start)
	defer set.Release()
	for _, r := range records {
		require.NoError(b, set.Add(r))
	}
	insert(set)
}

// BenchmarkLogsDrain is what a segment costs from the queue to sorted blocks, without the engine.
func BenchmarkLogsDrain(b *testing.B) {
	const n = 100_000
	records := logSegment(b, n)
	b.ResetTimer()
	measure(b, n, func() {
		drain(b, records, func(set *writer.Set) {
			require.NoError(b, set.Each(func(ins writer.Insert) error {
				_, err := ins.WriteTo(discard{})
				return err
			}))
		})
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkLogsInsert adds the engine's part.
func BenchmarkLogsInsert(b *testing.B) {
	const n = 100_000
	s := enginetest.Open(b)
	records := logSegment(b, n)
	b.ResetTimer()
	measure(b, n, func() { drain(b, records, func(set *writer.Set) { insertSet(b, s, set) }) })
}

// BenchmarkPointsInsert is a segment of ten scrapes, from the queue into the engine.
func BenchmarkPointsInsert(b *testing.B) {
	const scrapes = 10
	s := enginetest.Open(b)
	enc := writer.New(writer.Options{Now: fixed})
	var records [][]byte
	for i := range scrapes {
		records = append(records, encodeMetrics(b, enc, loadMetrics(benchPoints, i), true))
	}
	b.ResetTimer()
	measure(b, scrapes*benchPoints, func() { drain(b, records, func(set *writer.Set) { insertSet(b, s, set) }) })
}
