package promname_test

import (
	"testing"

	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/promname"
)

func metric(name, unit string, set func(pmetric.Metric)) pmetric.Metric {
	m := pmetric.NewMetric()
	m.SetName(name)
	m.SetUnit(unit)
	set(m)
	return m
}

func counter(m pmetric.Metric)   { m.SetEmptySum().SetIsMonotonic(true) }
func upDown(m pmetric.Metric)    { m.SetEmptySum() }
func gauge(m pmetric.Metric)     { m.SetEmptyGauge() }
func histogram(m pmetric.Metric) { m.SetEmptyHistogram() }
func expo(m pmetric.Metric)      { m.SetEmptyExponentialHistogram() }
func summary(m pmetric.Metric)   { m.SetEmptySummary() }
func none(pmetric.Metric)        {}

func TestMetric(t *testing.T) {
	tests := []struct {
		name, metric, unit string
		kind               func(pmetric.Metric)
		want               string
	}{
		{"histogram with unit", "http.server.request.duration", "s", histogram, "http_server_request_duration_seconds"},
		{"exponential histogram", "rpc.duration", "ms", expo, "rpc_duration_milliseconds"},
		{"summary", "gc.pause", "ns", summary, "gc_pause_nanoseconds"},
		{"counter", "http.requests", "{request}", counter, "http_requests_total"},
		{"counter named total", "http.requests.total", "1", counter, "http_requests_total"},
		{"counter of bytes", "net.io", "By", counter, "net_io_bytes_total"},
		{"up-down counter", "queue.length", "{item}", upDown, "queue_length"},
		{"ratio", "cpu.utilization", "1", gauge, "cpu_utilization_ratio"},
		{"per unit", "disk.speed", "By/s", gauge, "disk_speed_bytes_per_second"},
		{"unit already in the name", "memory_bytes", "By", gauge, "memory_bytes"},
		{"a gauge may end in _bucket", "fill_bucket", "", gauge, "fill_bucket"},
		{"leading digit", "5xx.rate", "", gauge, "_5xx_rate"},
		{"no type", "mystery", "s", none, "mystery_seconds"},
		{"nothing to escape to", "温度", "", gauge, "温度"},
		{"not UTF-8", "a\xffb", "", gauge, "a_b"},
		{"empty", "", "s", gauge, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, promname.Metric(metric(tt.metric, tt.unit, tt.kind)))
		})
	}
}

func TestTargetLabels(t *testing.T) {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "checkout")
	resource.Attributes().PutStr("service.namespace", "shop")
	resource.Attributes().PutStr("service.instance.id", "pod-7")
	resource.Attributes().PutStr("host.name", "is no label")
	scope := pcommon.NewInstrumentationScope()
	scope.SetName("io.otel.http")
	scope.SetVersion("1.2")
	scope.Attributes().PutStr("short.lived", "yes")
	target := promname.NewTarget(resource, scope, "https://schema/1")

	attrs := pcommon.NewMap()
	attrs.PutStr("zone", "b")
	attrs.PutStr("job", "loses")
	attrs.PutStr("__name__", "loses too")
	attrs.PutStr("http.method", "GET")
	attrs.PutStr("http_method", "PUT")
	attrs.PutInt("status", 200)
	attrs.PutBool("ok", true)
	attrs.PutDouble("share", 0.5)
	attrs.PutStr("empty", "")
	attrs.PutStr("bad", "a\xff")
	attrs.PutStr("", "no name")
	attrs.PutStr("区", "c")
	attrs.PutStr("区域", "d")
	attrs.PutEmptySlice("list").AppendEmpty().SetInt(1)
	require.Equal(t, []promname.Label{
		{"bad", "a\uFFFD"}, {"http_method", "GET;PUT"}, {"instance", "pod-7"}, {"job", "shop/checkout"}, {"key_", "c"}, {"list", "[1]"}, {"ok", "true"},
		{"otel_scope_name", "io.otel.http"}, {"otel_scope_schema_url", "https://schema/1"}, {"otel_scope_short_lived", "yes"},
		{"otel_scope_version", "1.2"}, {"share", "0.5"}, {"status", "200"}, {"zone", "b"}, {"区域", "d"},
	}, target.Labels(attrs))
}

func TestTargetWithoutService(t *testing.T) {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.namespace", "alone")
	target := promname.NewTarget(resource, pcommon.NewInstrumentationScope(), "")
	require.Empty(t, target.Labels(pcommon.NewMap()))

	attrs := pcommon.NewMap()
	attrs.PutStr("job", "stays")
	require.Equal(t, []promname.Label{{"job", "stays"}}, target.Labels(attrs))
}

func TestLabelsAreSortedDistinctAndValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attrs := pcommon.NewMap()
		for k, v := range rapid.MapOf(rapid.StringOf(rapid.RuneFrom([]rune("ab._1é"))), rapid.String()).Draw(t, "attributes") {
			attrs.PutStr(k, v)
		}
		labels := promname.NewTarget(pcommon.NewResource(), pcommon.NewInstrumentationScope(), "").Labels(attrs)
		for i, l := range labels {
			require.NotEmpty(t, l.Value)
			if i > 0 {
				require.Less(t, labels[i-1].Name, l.Name)
			}
			again, err := (&otlptranslator.LabelNamer{UTF8Allowed: true}).Build(l.Name)
			if err == nil {
				require.Equal(t, l.Name, again)
			}
		}
	})
}

func BenchmarkLabels(b *testing.B) {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "checkout")
	resource.Attributes().PutStr("service.instance.id", "pod-7")
	target := promname.NewTarget(resource, pcommon.NewInstrumentationScope(), "")
	attrs := pcommon.NewMap()
	attrs.PutStr("http.request.method", "GET")
	attrs.PutStr("http.route", "/orders/{id}")
	attrs.PutInt("http.response.status_code", 200)
	attrs.PutStr("server.address", "shop.example")
	b.ReportAllocs()
	for b.Loop() {
		target.Labels(attrs)
	}
}
