package writer_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const stack = `java.lang.IllegalStateException: cart 8817 is closed
	at com.acme.shop.Cart.add(Cart.java:71)
	at com.acme.shop.CheckoutController.pay(CheckoutController.java:133)
	at org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:897)
	at java.base/java.lang.Thread.run(Thread.java:840)`

// load makes spans as services send them: four resources of 20 attributes, 13 attributes per span, ten spans per trace,
// 3 % of them with an exception.
func load(spans int, seed uint64) ptrace.Traces {
	rnd := rand.New(rand.NewPCG(seed, 1))
	td := ptrace.NewTraces()
	var scopes []ptrace.ScopeSpans
	for r := range 4 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.34.0")
		loadResource(rs.Resource().Attributes(), r)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("io.opentelemetry.spring-webmvc-6.0")
		ss.Scope().SetVersion("2.19.0-alpha")
		ss.Spans().EnsureCapacity(spans/4 + 1)
		scopes = append(scopes, ss)
	}
	var trace pcommon.TraceID
	for i := range spans {
		if i%10 == 0 {
			binary.BigEndian.PutUint64(trace[:8], rnd.Uint64())
			binary.BigEndian.PutUint64(trace[8:], rnd.Uint64())
		}
		loadSpan(scopes[rnd.IntN(4)].Spans().AppendEmpty(), rnd, trace, i)
	}
	return td
}

func loadResource(a pcommon.Map, r int) {
	a.PutStr("service.name", []string{"checkout", "cart", "payment", "catalog"}[r])
	a.PutStr("service.version", "1.4.0")
	a.PutStr("deployment.environment.name", "production")
	a.PutStr("telemetry.sdk.language", "java")
	a.PutStr("service.instance.id", fmt.Sprintf("pod-%d", r))
	a.PutInt("process.pid", int64(4000+r))
	for i := range 14 {
		a.PutStr(fmt.Sprintf("k8s.label.%d", i), fmt.Sprintf("value-%d-%d", i, r))
	}
}

func loadSpan(sp ptrace.Span, rnd *rand.Rand, trace pcommon.TraceID, i int) {
	var id pcommon.SpanID
	binary.BigEndian.PutUint64(id[:], rnd.Uint64()|1)
	sp.SetTraceID(trace)
	sp.SetSpanID(id)
	if i%10 > 0 {
		binary.BigEndian.PutUint64(id[:], rnd.Uint64()|1)
		sp.SetParentSpanID(id)
	}
	op := rnd.IntN(24)
	sp.SetName(fmt.Sprintf("GET /api/v1/resource/%d", op))
	sp.SetKind(ptrace.SpanKindServer)
	at := start.Add(-time.Duration(rnd.Int64N(int64(10 * time.Second))))
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(rnd.Int64N(int64(time.Second))))))
	a := sp.Attributes()
	a.EnsureCapacity(13)
	a.PutStr("http.request.method", "GET")
	a.PutStr("http.route", fmt.Sprintf("/api/v1/resource/{id}/%d", op))
	a.PutInt("http.response.status_code", 200)
	a.PutStr("url.path", fmt.Sprintf("/api/v1/resource/%d", rnd.IntN(10000)))
	a.PutStr("server.address", "shop.example.com")
	a.PutInt("server.port", 443)
	a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("client.address", fmt.Sprintf("10.0.%d.%d", rnd.IntN(256), rnd.IntN(256)))
	a.PutStr("request.id", fmt.Sprintf("%016x", rnd.Uint64()))
	a.PutDouble("db.duration", rnd.Float64())
	a.PutInt("load.seq", int64(i))
	a.PutBool("cache.hit", rnd.IntN(2) == 0)
	if i%100 >= 97 {
		sp.Status().SetCode(ptrace.StatusCodeError)
		ev := sp.Events().AppendEmpty()
		ev.SetName("exception")
		ev.SetTimestamp(sp.EndTimestamp())
		ev.Attributes().PutStr("exception.type", "java.lang.IllegalStateException")
		ev.Attributes().PutStr("exception.message", fmt.Sprintf("cart %d is closed", i))
		ev.Attributes().PutStr("exception.stacktrace", stack)
	}
}
