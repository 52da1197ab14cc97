package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

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
	var began time.Duration
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
		started := start(r, child == 0, &began)
		sp.SetStartTimestamp(started)
		sp.SetEndTimestamp(started + pcommon.Timestamp(2_000_000+r.IntN(400_000_000)))
		sp.Attributes().EnsureCapacity(jaegerAttributes)
		for range jaegerAttributes {
			sp.Attributes().PutStr(fmt.Sprintf("attr_%02d", key), fmt.Sprintf("val_%03d", r.IntN(jaegerValues)))
			key = (key + 1) % jaegerKeys
		}
	}
	return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
}

// callSites is how many different sentences a platform's code has for its log; a program writes the same ones again and
// again and only the numbers in them are new.
const callSites = 240

// words are what the sentences are made of.
var words = strings.Fields(`account accepted after allocated another answered attempt balance basket batch because before
	broker budget cache cancelled carrier cart charge checkout client closed cluster cold commit connection consumer context
	cursor customer deadline decoded delayed delivery discount dispatched document dropped empty encoded endpoint entry exceeded
	expired fetched flushed folder gateway handler header held host idle index ingested inventory invoice item job journal kept
	ledger limit loaded lock lookup merged message missing moved network notified offset opened order packet page partition
	payment pending picked pool posted price processed product published query queue quota read rebuilt received record refund
	region rejected released replica request reserved resolved result retry returned role rolled route row saved scheduled
	search segment sent session shard shipped signed skipped slow snapshot stale started stock stored stream sync table tenant
	throttled timed token topic tracked transfer upload user validated voucher waited warehouse webhook window without worker written`)

// sentence is the text of a call site; each # stands for a digit. It depends on nothing but the site.
func sentence(site int) string {
	r := rand.New(rand.NewPCG(2, uint64(site)))
	numbers := []string{" order ######", " took ##.### ms", " after # of ## attempts", " user u-#####", " ####### bytes", " offset ########"}
	var b strings.Builder
	for b.Len() < longBodyBytes {
		if n := len(numbers); n > 0 && r.IntN(5) == 0 {
			b.WriteString(numbers[n-1])
			numbers = numbers[:n-1]
			continue
		}
		b.WriteString(" " + words[r.IntN(len(words))])
	}
	const reference = " ref=########"
	return b.String()[1:longBodyBytes-len(reference)+1] + reference
}

var sentences = sync.OnceValue(func() []string {
	out := make([]string, callSites)
	for i := range out {
		out[i] = sentence(i)
	}
	return out
})

// longBody is the line of a service that writes what it did.
func longBody(r *rand.Rand) string {
	b := []byte(sentences()[r.IntN(callSites)])
	for i, c := range b {
		if c == '#' {
			b[i] = '0' + byte(r.IntN(10))
		}
	}
	return string(b)
}
