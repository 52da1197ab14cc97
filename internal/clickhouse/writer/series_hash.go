package writer

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/envelope"
)

// metricKind and temporality are the numbers of the Enum8 columns of the metric tables; both follow pmetric's.
type metricKind = int8

const (
	kindUnknown metricKind = iota
	kindGauge
	kindSum
	kindHistogram
	kindExpHistogram
	kindSummary
)

// metricShape is what a metric says of all its points.
type metricShape struct {
	kind        metricKind
	temporality int8
	monotonic   bool
	points      int
}

func shapeOf(m pmetric.Metric) metricShape {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return metricShape{kind: kindGauge, points: m.Gauge().DataPoints().Len()}
	case pmetric.MetricTypeSum:
		s := m.Sum()
		return metricShape{kindSum, temporalityOf(s.AggregationTemporality()), s.IsMonotonic(), s.DataPoints().Len()}
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		return metricShape{kindHistogram, temporalityOf(h.AggregationTemporality()), false, h.DataPoints().Len()}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		return metricShape{kindExpHistogram, temporalityOf(h.AggregationTemporality()), false, h.DataPoints().Len()}
	case pmetric.MetricTypeSummary:
		return metricShape{kind: kindSummary, points: m.Summary().DataPoints().Len()}
	case pmetric.MetricTypeEmpty:
	}
	return metricShape{kind: kindUnknown}
}

// temporalityOf keeps the numbers that OTLP names; others mean nothing and become unspecified.
func temporalityOf(t pmetric.AggregationTemporality) int8 {
	if t != pmetric.AggregationTemporalityDelta && t != pmetric.AggregationTemporalityCumulative {
		return int8(pmetric.AggregationTemporalityUnspecified)
	}
	return int8(t)
}

// hashSpace parts the hashes of a series from those of its metric's descriptions.
const (
	hashSeries = 1
	hashMeta   = 2
)

// seriesHasher gives series_fp: the hash of resource, scope, name, unit, kind, temporality, monotonic and the point's
// typed attributes in the order of their keys. The bytes that it hashes never change, or a series would get a second
// number. It reuses its memory and must not be used by two goroutines at once.
type seriesHasher struct {
	buf    []byte
	sorted []attribute
}

// metric hashes what all points of a metric share.
func (h *seriesHasher) metric(resourceFP uint64, scopeName, scopeVersion, scopeExtra string, m pmetric.Metric, s metricShape) uint64 {
	h.buf = append(h.buf[:0], hashSeries)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, resourceFP)
	h.texts(scopeName, scopeVersion, scopeExtra, m.Name(), m.Unit())
	h.shape(s)
	return xxhash.Sum64(h.buf)
}

// meta hashes what metric_meta_v1 holds: meta_fp.
func (h *seriesHasher) meta(m pmetric.Metric, s metricShape) uint64 {
	h.buf = append(h.buf[:0], hashMeta)
	h.texts(m.Name(), m.Unit(), m.Description())
	h.shape(s)
	h.buf = envelope.AppendMap(h.buf, m.Metadata())
	return xxhash.Sum64(h.buf)
}

// point hashes a point's attributes on top of its metric's hash.
func (h *seriesHasher) point(metric uint64, attrs pcommon.Map) uint64 {
	h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], metric)
	last := ""
	for k, v := range attrs.All() {
		if k < last {
			return h.unordered(metric, attrs)
		}
		last = k
		h.buf = envelope.AppendValue(appendPart(h.buf, k), v)
	}
	return xxhash.Sum64(h.buf)
}

// unordered is point for attributes that don't come in the order of their keys.
func (h *seriesHasher) unordered(metric uint64, attrs pcommon.Map) uint64 {
	h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], metric)
	h.sorted = h.sorted[:0]
	for k, v := range attrs.All() {
		h.sorted = append(h.sorted, attribute{k, v})
	}
	slices.SortStableFunc(h.sorted, func(a, b attribute) int { return strings.Compare(a.key, b.key) })
	for _, a := range h.sorted {
		h.buf = envelope.AppendValue(appendPart(h.buf, a.key), a.value)
	}
	clear(h.sorted)
	return xxhash.Sum64(h.buf)
}

func (h *seriesHasher) texts(values ...string) {
	for _, s := range values {
		h.buf = appendPart(h.buf, s)
	}
}

func (h *seriesHasher) shape(s metricShape) {
	monotonic := byte(0)
	if s.monotonic {
		monotonic = 1
	}
	h.buf = append(h.buf, byte(s.kind), byte(s.temporality), monotonic)
}
