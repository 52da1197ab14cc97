package otlpdepth

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/internal/otlptest"
)

// nest makes a value that many levels deep, arrays and maps in turn.
func nest(v pcommon.Value, levels int) {
	for i := 1; i < levels; i++ {
		if i%2 == 0 {
			v = v.SetEmptySlice().AppendEmpty()
		} else {
			v = v.SetEmptyMap().PutEmpty("k")
		}
	}
	v.SetInt(1)
}

// places are all the places of a request that hold values; each gives the request with one value of that depth.
func places(t *testing.T) map[string]func(levels int) (Signal, []byte) {
	traces := func(fill func(ptrace.ResourceSpans) pcommon.Value) func(int) (Signal, []byte) {
		return func(levels int) (Signal, []byte) {
			td := ptrace.NewTraces()
			nest(fill(td.ResourceSpans().AppendEmpty()), levels)
			b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
			require.NoError(t, err)
			return Traces, b
		}
	}
	logs := func(fill func(plog.LogRecord) pcommon.Value) func(int) (Signal, []byte) {
		return func(levels int) (Signal, []byte) {
			ld := plog.NewLogs()
			nest(fill(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()), levels)
			b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
			require.NoError(t, err)
			return Logs, b
		}
	}
	metrics := func(fill func(pmetric.Metric) pcommon.Value) func(int) (Signal, []byte) {
		return func(levels int) (Signal, []byte) {
			md := pmetric.NewMetrics()
			nest(fill(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()), levels)
			b, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
			require.NoError(t, err)
			return Metrics, b
		}
	}
	return map[string]func(int) (Signal, []byte){
		"resource": traces(func(rs ptrace.ResourceSpans) pcommon.Value { return rs.Resource().Attributes().PutEmpty("a") }),
		"scope": traces(func(rs ptrace.ResourceSpans) pcommon.Value {
			return rs.ScopeSpans().AppendEmpty().Scope().Attributes().PutEmpty("a")
		}),
		"span": traces(func(rs ptrace.ResourceSpans) pcommon.Value {
			return rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"event": traces(func(rs ptrace.ResourceSpans) pcommon.Value {
			return rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().Events().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"link": traces(func(rs ptrace.ResourceSpans) pcommon.Value {
			return rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().Links().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"body":          logs(func(lr plog.LogRecord) pcommon.Value { return lr.Body() }),
		"log attribute": logs(func(lr plog.LogRecord) pcommon.Value { return lr.Attributes().PutEmpty("a") }),
		"metadata":      metrics(func(m pmetric.Metric) pcommon.Value { return m.Metadata().PutEmpty("a") }),
		"gauge": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"sum exemplar": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptySum().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
		}),
		"histogram": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"histogram exemplar": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptyHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
		}),
		"exponential histogram": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
		}),
		"exponential histogram exemplar": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes().PutEmpty("a")
		}),
		"summary": metrics(func(m pmetric.Metric) pcommon.Value {
			return m.SetEmptySummary().DataPoints().AppendEmpty().Attributes().PutEmpty("a")
		}),
	}
}

func TestEveryPlaceIsLookedInto(t *testing.T) {
	for name, make := range places(t) {
		t.Run(name, func(t *testing.T) {
			signal, body := make(50)
			require.NoError(t, Check(signal, body, 50))
			var deep *TooDeepError
			require.ErrorAs(t, Check(signal, body, 49), &deep)
			require.Equal(t, 49, deep.Max)
			require.ErrorContains(t, deep, "more than 49 levels")
		})
	}
}

func TestHostileDepthNeedsNoStack(t *testing.T) {
	body := otlptest.Nested(1_500_000)
	require.Greater(t, len(body), 10<<20)
	var deep *TooDeepError
	require.ErrorAs(t, Check(Traces, body, 1000), &deep)
	require.NoError(t, Check(Logs, body, 1000), "no logs: the decoder of logs doesn't descend there either")
}

// What the decoder takes and is shallow passes; nothing panics.
func FuzzCheck(f *testing.F) {
	f.Add(otlptest.Nested(20))
	f.Add([]byte{0x0a, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range []Signal{Traces, Logs, Metrics} {
			if err := Check(s, body, 1<<20); err != nil {
				t.Fatalf("%d bytes hold more than a million levels: %v", len(body), err)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	const n = 8192
	for range n {
		sp := spans.AppendEmpty()
		sp.SetName("GET /products/{id}")
		for _, k := range []string{"http.request.method", "http.route", "url.path", "client.address", "user.id", "session.id", "order.id", "a", "b", "c"} {
			sp.Attributes().PutStr(k, "some value of ordinary length")
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(Traces, body, 1000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
}
