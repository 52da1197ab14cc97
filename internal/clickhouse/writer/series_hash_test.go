package writer

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
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
	var h seriesHasher
	metric := h.metric(7, "scope", "1.0", "", m, shapeOf(m))
	require.Equal(t, uint64(0xd987bfd073be3eb2), metric)
	require.Equal(t, uint64(0x992978eebf14cef2), h.point(metric, attrs))
	require.Equal(t, uint64(0x207ca1bf07cca4aa), h.meta(m, shapeOf(m)))
}

func TestSeriesHashIgnoresTheOrderOfAttributes(t *testing.T) {
	a, b := pcommon.NewMap(), pcommon.NewMap()
	a.PutStr("x", "1")
	a.PutBool("y", true)
	a.PutDouble("z", math.Inf(1))
	b.PutDouble("z", math.Inf(1))
	b.PutStr("x", "1")
	b.PutBool("y", true)
	var h seriesHasher
	require.Equal(t, h.point(1, a), h.point(1, b))
	require.NotEqual(t, h.point(1, a), h.point(2, a))
}

func TestSeriesHashTellsApart(t *testing.T) {
	gauge := func(name, unit string) pmetric.Metric {
		m := pmetric.NewMetric()
		m.SetName(name)
		m.SetUnit(unit)
		m.SetEmptyGauge()
		return m
	}
	var h seriesHasher
	seen := map[uint64]string{}
	add := func(what string, fp uint64) {
		require.Empty(t, seen[fp], "%s has the hash of %s", what, seen[fp])
		seen[fp] = what
	}
	m := gauge("a", "b")
	add("base", h.metric(1, "s", "v", "", m, shapeOf(m)))
	add("resource", h.metric(2, "s", "v", "", m, shapeOf(m)))
	add("scope name", h.metric(1, "sv", "", "", m, shapeOf(m)))
	add("scope extra", h.metric(1, "s", "v", "x", m, shapeOf(m)))
	m = gauge("ab", "")
	add("name and unit", h.metric(1, "s", "v", "", m, shapeOf(m)))
	m = gauge("a", "b")
	m.SetEmptySum()
	add("sum", h.metric(1, "s", "v", "", m, shapeOf(m)))
	m.Sum().SetIsMonotonic(true)
	add("monotonic", h.metric(1, "s", "v", "", m, shapeOf(m)))
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	add("delta", h.metric(1, "s", "v", "", m, shapeOf(m)))

	for what, put := range map[string]func(pcommon.Map){
		"none": func(pcommon.Map) {}, "string 1": func(a pcommon.Map) { a.PutStr("k", "1") }, "int 1": func(a pcommon.Map) { a.PutInt("k", 1) },
		"double 1": func(a pcommon.Map) { a.PutDouble("k", 1) }, "true": func(a pcommon.Map) { a.PutBool("k", true) },
		"bytes": func(a pcommon.Map) { a.PutEmptyBytes("k").FromRaw([]byte("1")) }, "empty": func(a pcommon.Map) { a.PutEmpty("k") },
		"empty string": func(a pcommon.Map) { a.PutStr("k", "") }, "list": func(a pcommon.Map) { a.PutEmptySlice("k").AppendEmpty().SetInt(1) },
	} {
		attrs := pcommon.NewMap()
		put(attrs)
		add(what, h.point(1, attrs))
	}
}

func TestSeriesHashAllocatesNothing(t *testing.T) {
	attrs := pcommon.NewMap()
	attrs.PutStr("b", "1")
	attrs.PutInt("a", 2)
	var h seriesHasher
	h.point(1, attrs)
	require.Zero(t, testing.AllocsPerRun(100, func() { h.point(1, attrs) }))
}
