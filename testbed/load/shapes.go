package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Jaeger's shape, and the length of a long body.
const (
	jaegerServices   = 10
	jaegerTrace      = 10
	jaegerAttributes = 11
	jaegerKeys       = 97
	jaegerValues     = 1000
	longBodyBytes    = 300
)

// jaegerSpans are traces of one root and nine children, each trace of one service. A span's attributes are the next of
// the keys in turn, with any of the values.
func jaegerSpans(r *rand.Rand, n int) ([]byte, error) {
	td := ptrace.NewTraces()
	services := make([]ptrace.SpanSlice, jaegerServices)
	for i := range services {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%02d", i))
		sc := rs.ScopeSpans().AppendEmpty()
		sc.Scope().SetName("tracer")
		services[i] = sc.Spans()
	}
	var trace pcommon.TraceID
	var root, id pcommon.SpanID
	key := 0
	for i := range n {
		child := i % jaegerTrace
		if child == 0 {
			randomID(r, trace[:])
			root = pcommon.SpanID{}
		}
		sp := services[i/jaegerTrace%jaegerServices].AppendEmpty()
		randomID(r, id[:])
		sp.SetTraceID(trace)
		sp.SetSpanID(id)
		sp.SetParentSpanID(root)
		sp.SetKind(ptrace.SpanKindClient)
		sp.SetName(fmt.Sprintf("child-span-%d", child))
		if child == 0 {
			root = id
			sp.SetKind(ptrace.SpanKindServer)
			sp.SetName("root-span")
		}
		sp.SetStartTimestamp(1)
		sp.SetEndTimestamp(pcommon.Timestamp(2 + r.IntN(400_000_000)))
		sp.Attributes().EnsureCapacity(jaegerAttributes)
		for range jaegerAttributes {
			sp.Attributes().PutStr(fmt.Sprintf("attr_%02d", key), fmt.Sprintf("val_%03d", r.IntN(jaegerValues)))
			key = (key + 1) % jaegerKeys
		}
	}
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

var causes = []string{"the upstream closed the connection", "context deadline exceeded", "no rows in result set", "the cache was cold", "the lock was held by another worker", "a retry was scheduled"}

// longBody is the line of a service that writes what it did: a sentence with numbers of its own, as long as asked for.
func longBody(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(shortBody(r))
	for b.Len() < longBodyBytes-len(" ref=00000000") {
		fmt.Fprintf(&b, "; step %d of %s took %d us, user u-%d: %s", r.IntN(9), routes[r.IntN(len(routes))], r.IntN(90_000), r.IntN(20_000), causes[r.IntN(len(causes))])
	}
	return b.String()[:longBodyBytes-len(" ref=00000000")] + " ref=" + strconv.Itoa(10_000_000+r.IntN(89_999_999))
}
