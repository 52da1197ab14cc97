package metricid

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
)

func TestSeriesHashNeverChanges(t *testing.T) {
	m := pmetric.NewMetric()
	m.SetName("http.server.request.duration")
	m.SetUnit("s")
	m.SetDescription("is no part of a series")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	attrs := pcommon.NewMap()
	attrs.PutStr("method", "GET")
	attrs.PutInt("status", 200)
	var h Hasher
	metric := h.Metric(7, "scope", "1.0", "", item(m), ShapeOf(item(m)))
	require.Equal(t, uint64(0xd987bfd073be3eb2), metric)
	require.Equal(t, uint64(0x992978eebf14cef2), h.Point(metric, list(attrs)))
	require.Equal(t, uint64(0x207ca1bf07cca4aa), h.Meta(item(m), ShapeOf(item(m))))
}

func TestSeriesHashIgnoresTheOrderOfAttributes(t *testing.T) {
	a, b := pcommon.NewMap(), pcommon.NewMap()
	a.PutStr("x", "1")
	a.PutBool("y", true)
	a.PutDouble("z", math.Inf(1))
	b.PutDouble("z", math.Inf(1))
	b.PutStr("x", "1")
	b.PutBool("y", true)
	var h Hasher
	require.Equal(t, h.Point(1, list(a)), h.Point(1, list(b)))
	require.NotEqual(t, h.Point(1, list(a)), h.Point(2, list(a)))
}

func TestSeriesHashTellsApart(t *testing.T) {
	gauge := func(name, unit string) pmetric.Metric {
		m := pmetric.NewMetric()
		m.SetName(name)
		m.SetUnit(unit)
		m.SetEmptyGauge()
		return m
	}
	var h Hasher
	seen := map[uint64]string{}
	add := func(what string, fp uint64) {
		require.Empty(t, seen[fp], "%s has the hash of %s", what, seen[fp])
		seen[fp] = what
	}
	m := gauge("a", "b")
	add("base", h.Metric(1, "s", "v", "", item(m), ShapeOf(item(m))))
	add("resource", h.Metric(2, "s", "v", "", item(m), ShapeOf(item(m))))
	add("scope name", h.Metric(1, "sv", "", "", item(m), ShapeOf(item(m))))
	add("scope extra", h.Metric(1, "s", "v", "x", item(m), ShapeOf(item(m))))
	m = gauge("ab", "")
	add("name and unit", h.Metric(1, "s", "v", "", item(m), ShapeOf(item(m))))
	m = gauge("a", "b")
	m.SetEmptySum()
	add("sum", h.Metric(1, "s", "v", "", item(m), ShapeOf(item(m))))
	m.Sum().SetIsMonotonic(true)
	add("monotonic", h.Metric(1, "s", "v", "", item(m), ShapeOf(item(m))))
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	add("delta", h.Metric(1, "s", "v", "", item(m), ShapeOf(item(m))))

	for what, put := range map[string]func(pcommon.Map){
		"none": func(pcommon.Map) {}, "string 1": func(a pcommon.Map) { a.PutStr("k", "1") }, "int 1": func(a pcommon.Map) { a.PutInt("k", 1) },
		"double 1": func(a pcommon.Map) { a.PutDouble("k", 1) }, "true": func(a pcommon.Map) { a.PutBool("k", true) },
		"bytes": func(a pcommon.Map) { a.PutEmptyBytes("k").FromRaw([]byte("1")) }, "empty": func(a pcommon.Map) { a.PutEmpty("k") },
		"empty string": func(a pcommon.Map) { a.PutStr("k", "") }, "list": func(a pcommon.Map) { a.PutEmptySlice("k").AppendEmpty().SetInt(1) },
	} {
		attrs := pcommon.NewMap()
		put(attrs)
		add(what, h.Point(1, list(attrs)))
	}
}

func TestSeriesHashAllocatesNothing(t *testing.T) {
	attrs := pcommon.NewMap()
	attrs.PutStr("b", "1")
	attrs.PutInt("a", 2)
	var h Hasher
	h.Point(1, list(attrs))
	items := list(attrs)
	require.Zero(t, testing.AllocsPerRun(100, func() { h.Point(1, items) }))
}

func TestVersionChangesWithDescriptionAndCorrelation(t *testing.T) {
	var h Hasher
	c := envelope.Correlation{CommitSHA: "a", BuildRunID: "b"}
	base := h.Version(1, c)
	require.Equal(t, base, h.Version(1, c))
	require.NotEqual(t, base, h.Version(2, c))
	require.NotEqual(t, base, h.Version(1, envelope.Correlation{CommitSHA: "ab"}))
	c.Basis = envelope.BasisTime
	require.NotEqual(t, base, h.Version(1, c))
}

func BenchmarkPoint(b *testing.B) {
	attrs := pcommon.NewMap()
	attrs.PutStr("http.method", "GET")
	attrs.PutStr("http.route", "/orders/{id}")
	attrs.PutInt("status", 200)
	var h Hasher
	b.ReportAllocs()
	for b.Loop() {
		h.Point(1, list(attrs))
	}
}

// item and list are a metric and attributes as encoders read them.
func item(m pmetric.Metric) *otlpitem.Metric {
	out := otlpitem.MetricOf(m)
	return &out
}

func list(m pcommon.Map) []otlpitem.Attribute { return otlpitem.AppendAttributes(nil, m) }
