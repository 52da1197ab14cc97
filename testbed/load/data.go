package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Shape of the data: what a busy platform sends, not what compresses best.
const (
	resourceAttributes = 20
	perResource        = 128
	spansPerTrace      = 8
	linesPerSpan       = 4
	pointsPerMetric    = 10
	exceptionEvery     = 500
	eventEvery         = 5
)

var (
	routes     = []string{"/products/{id}", "/search", "/cart", "/checkout", "/v1/orders", "/v1/charges", "/v1/products/{id}", "/login", "/account", "/health"}
	methods    = []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	severities = []plog.SeverityNumber{plog.SeverityNumberInfo, plog.SeverityNumberInfo, plog.SeverityNumberInfo, plog.SeverityNumberDebug, plog.SeverityNumberWarn, plog.SeverityNumberError}
)

func resource(r *rand.Rand, a pcommon.Map) {
	service := r.IntN(24)
	a.EnsureCapacity(resourceAttributes)
	a.PutStr("service.name", fmt.Sprintf("service-%02d", service))
	a.PutStr("service.namespace", "shop")
	a.PutStr("service.version", fmt.Sprintf("1.%d.%d", service, r.IntN(3)))
	a.PutStr("deployment.environment.name", []string{"production", "production", "staging"}[r.IntN(3)])
	pod := r.IntN(8)
	a.PutStr("service.instance.id", fmt.Sprintf("00000000-0000-4000-8000-%012d", service*100+pod))
	a.PutStr("k8s.pod.name", fmt.Sprintf("service-%02d-7d9c5b6f4-%05d", service, pod))
	a.PutStr("k8s.namespace.name", "shop")
	a.PutStr("k8s.node.name", fmt.Sprintf("node-%02d", pod))
	a.PutStr("k8s.cluster.name", "eu-1")
	a.PutStr("k8s.deployment.name", fmt.Sprintf("service-%02d", service))
	a.PutStr("host.name", fmt.Sprintf("node-%02d", pod))
	a.PutStr("host.arch", "amd64")
	a.PutStr("os.type", "linux")
	a.PutStr("cloud.provider", "aws")
	a.PutStr("cloud.region", "eu-central-1")
	a.PutStr("cloud.availability_zone", "eu-central-1"+string(rune('a'+pod%3)))
	a.PutStr("telemetry.sdk.name", "opentelemetry")
	a.PutStr("telemetry.sdk.language", "go")
	a.PutStr("telemetry.sdk.version", "1.47.0")
	a.PutInt("process.pid", int64(1+pod))
}

// attributes are the ten of a span or log record.
func attributes(r *rand.Rand, a pcommon.Map) {
	a.EnsureCapacity(10)
	a.PutStr("http.request.method", methods[r.IntN(len(methods))])
	a.PutStr("http.route", routes[r.IntN(len(routes))])
	a.PutInt("http.response.status_code", []int64{200, 200, 200, 200, 201, 204, 304, 404, 500}[r.IntN(9)])
	a.PutStr("url.path", "/v1/products/"+strconv.Itoa(r.IntN(50000)))
	a.PutStr("server.address", fmt.Sprintf("service-%02d.shop.svc", r.IntN(24)))
	a.PutInt("server.port", 8080)
	a.PutStr("client.address", fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(256), r.IntN(256)))
	a.PutStr("user.id", "u-"+strconv.Itoa(r.IntN(20000)))
	a.PutBool("cache.hit", r.IntN(4) > 0)
	a.PutDouble("queue.wait_ms", float64(r.IntN(10000))/100)
}

func randomID(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

func spans(r *rand.Rand, n int) ([]byte, error) {
	td := ptrace.NewTraces()
	var ss ptrace.SpanSlice
	var trace pcommon.TraceID
	var parent pcommon.SpanID
	var began time.Duration
	for i := range n {
		if i%perResource == 0 {
			rs := td.ResourceSpans().AppendEmpty()
			resource(r, rs.Resource().Attributes())
			sc := rs.ScopeSpans().AppendEmpty()
			sc.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
			sc.Scope().SetVersion("0.71.0")
			ss = sc.Spans()
		}
		root := i%spansPerTrace == 0
		if root {
			randomID(r, trace[:])
			parent = pcommon.SpanID{}
		}
		sp := ss.AppendEmpty()
		sp.SetTraceID(trace)
		var id pcommon.SpanID
		randomID(r, id[:])
		sp.SetSpanID(id)
		sp.SetParentSpanID(parent)
		parent = id
		sp.SetKind(ptrace.SpanKind(1 + r.IntN(5)))
		attributes(r, sp.Attributes())
		sp.SetName(methods[r.IntN(len(methods))] + " " + routes[r.IntN(len(routes))])
		started := start(r, root, &began)
		sp.SetStartTimestamp(started)
		sp.SetEndTimestamp(started + pcommon.Timestamp(2_000_000+r.IntN(400_000_000)))
		if i%eventEvery == 0 {
			ev := sp.Events().AppendEmpty()
			ev.SetName("retry")
			ev.SetTimestamp(1)
			ev.Attributes().PutInt("attempt", int64(r.IntN(4)))
		}
		if i%exceptionEvery == exceptionEvery-1 {
			sp.Status().SetCode(ptrace.StatusCodeError)
			sp.Status().SetMessage("connection refused")
			exception(r, sp.Events().AppendEmpty())
		}
	}
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

// start is the time at which a span starts, as an offset from the time of sending, which is negative: a timestamp wraps
// around. A trace starts some time in the second before, each of its spans a while after the one before it.
func start(r *rand.Rand, root bool, began *time.Duration) pcommon.Timestamp {
	if root {
		*began = -time.Second - time.Duration(r.Int64N(int64(time.Second)))
	}
	*began += time.Duration(r.Int64N(int64(20 * time.Millisecond)))
	return pcommon.Timestamp(*began)
}

func exception(r *rand.Rand, ev ptrace.SpanEvent) {
	kind := r.IntN(20)
	ev.SetName("exception")
	ev.SetTimestamp(1)
	ev.Attributes().PutStr("exception.type", fmt.Sprintf("*net.OpError%d", kind))
	ev.Attributes().PutStr("exception.message", fmt.Sprintf("dial tcp 10.0.0.%d:5432: connect: connection refused", r.IntN(250)))
	ev.Attributes().PutStr("exception.stacktrace", fmt.Sprintf(
		"goroutine 1 [running]:\nacme.io/shop/store.(*DB).Query%d(0xc000)\n\t/src/store/db.go:%d +0x1\nmain.main()\n\t/src/main.go:9 +0x1\n", kind, 10+r.IntN(90)))
}

func logs(r *rand.Rand, n int) ([]byte, error) { return logRecords(r, n, shortBody) }

func longLogs(r *rand.Rand, n int) ([]byte, error) { return logRecords(r, n, longBody) }

func shortBody(r *rand.Rand) string {
	return fmt.Sprintf("%s %s answered %d in %d.%dms for order %d", methods[r.IntN(len(methods))], routes[r.IntN(len(routes))], 200+r.IntN(4)*100, r.IntN(400), r.IntN(10), r.IntN(1_000_000))
}

func logRecords(r *rand.Rand, n int, body func(*rand.Rand) string) ([]byte, error) {
	ld := plog.NewLogs()
	var records plog.LogRecordSlice
	var trace pcommon.TraceID
	var span pcommon.SpanID
	for i := range n {
		if i%perResource == 0 {
			rl := ld.ResourceLogs().AppendEmpty()
			resource(r, rl.Resource().Attributes())
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName("slog")
			records = sl.LogRecords()
		}
		lr := records.AppendEmpty()
		at := pcommon.Timestamp(-time.Duration(r.Int64N(int64(time.Second))) - 3*time.Millisecond)
		lr.SetTimestamp(at)
		lr.SetObservedTimestamp(at + pcommon.Timestamp(time.Millisecond))
		lr.SetSeverityNumber(severities[r.IntN(len(severities))])
		lr.SetSeverityText(lr.SeverityNumber().String())
		lr.Body().SetStr(body(r))
		if i%linesPerSpan == 0 {
			randomID(r, trace[:])
			randomID(r, span[:])
		}
		lr.SetTraceID(trace)
		lr.SetSpanID(span)
		attributes(r, lr.Attributes())
	}
	return (&plog.ProtoMarshaler{}).MarshalLogs(ld)
}

// points are samples of counters and gauges; a template is a fixed set of series, which each request moves on in time.
func points(r *rand.Rand, n int) ([]byte, error) {
	md := pmetric.NewMetrics()
	var metrics pmetric.MetricSlice
	var dps pmetric.NumberDataPointSlice
	for i := range n {
		if i%perResource == 0 {
			rm := md.ResourceMetrics().AppendEmpty()
			resource(r, rm.Resource().Attributes())
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName("runtime")
			metrics = sm.Metrics()
		}
		if i%perResource%pointsPerMetric == 0 {
			m := metrics.AppendEmpty()
			m.SetName(fmt.Sprintf("shop.metric_%02d", i/pointsPerMetric%40))
			m.SetUnit("1")
			if i/pointsPerMetric%2 == 0 {
				dps = m.SetEmptyGauge().DataPoints()
			} else {
				sum := m.SetEmptySum()
				sum.SetIsMonotonic(true)
				sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				dps = sum.DataPoints()
			}
		}
		p := dps.AppendEmpty()
		p.SetStartTimestamp(1)
		p.SetTimestamp(2)
		p.SetDoubleValue(float64(r.IntN(1_000_000)) / 8)
		series(r, i, p.Attributes())
	}
	return (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
}

func series(r *rand.Rand, i int, a pcommon.Map) {
	a.EnsureCapacity(10)
	a.PutStr("shard", strconv.Itoa(i))
	a.PutStr("http.route", routes[r.IntN(len(routes))])
	a.PutStr("http.request.method", methods[r.IntN(len(methods))])
	a.PutInt("http.response.status_code", 200)
	a.PutStr("pool", "p"+strconv.Itoa(r.IntN(4)))
	a.PutStr("state", []string{"idle", "used"}[i%2])
	a.PutStr("device", "sd"+string(rune('a'+i%4)))
	a.PutStr("cpu", strconv.Itoa(i%8))
	a.PutStr("mode", []string{"user", "system", "idle"}[i%3])
	a.PutBool("remote", i%2 == 0)
}
