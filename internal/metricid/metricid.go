// Package metricid says what a metric and a series are: the numbers that the store keeps for kind and temporality, and the
// hashes by which points find their series and series their descriptions. The encoder writes them, and what reads stored
// series by content can compute them.
package metricid

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/envelope"
)

// Kind is the Enum8 kind of the metric tables.
type Kind = int8

// The kinds.
const (
	Unknown Kind = iota
	Gauge
	Sum
	Histogram
	ExpHistogram
	Summary
)

// Shape is what a metric says of all its points. Temporality is the Enum8 temporality, which follows pmetric.
type Shape struct {
	Kind        Kind
	Temporality int8
	Monotonic   bool
	Points      int
}

// ShapeOf reads a metric's shape.
func ShapeOf(m pmetric.Metric) Shape {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return Shape{Kind: Gauge, Points: m.Gauge().DataPoints().Len()}
	case pmetric.MetricTypeSum:
		s := m.Sum()
		return Shape{Sum, temporalityOf(s.AggregationTemporality()), s.IsMonotonic(), s.DataPoints().Len()}
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		return Shape{Histogram, temporalityOf(h.AggregationTemporality()), false, h.DataPoints().Len()}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		return Shape{ExpHistogram, temporalityOf(h.AggregationTemporality()), false, h.DataPoints().Len()}
	case pmetric.MetricTypeSummary:
		return Shape{Kind: Summary, Points: m.Summary().DataPoints().Len()}
	case pmetric.MetricTypeEmpty:
	}
	return Shape{Kind: Unknown}
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

// Hasher gives series_fp: the hash of resource, scope, name, unit, kind, temporality, monotonic and the point's
// typed attributes in the order of their keys. The bytes that it hashes never change, or a series would get a second
// number. It reuses its memory and must not be used by two goroutines at once.
type Hasher struct {
	buf    []byte
	sorted []attribute
}

// Metric hashes what all points of a metric share.
func (h *Hasher) Metric(resourceFP uint64, scopeName, scopeVersion, scopeExtra string, m pmetric.Metric, s Shape) uint64 {
	h.buf = append(h.buf[:0], hashSeries)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, resourceFP)
	h.texts(scopeName, scopeVersion, scopeExtra, m.Name(), m.Unit())
	h.shape(s)
	return xxhash.Sum64(h.buf)
}

// Meta hashes what metric_meta_v1 holds: meta_fp.
func (h *Hasher) Meta(m pmetric.Metric, s Shape) uint64 {
	h.buf = append(h.buf[:0], hashMeta)
	h.texts(m.Name(), m.Unit(), m.Description())
	h.shape(s)
	h.buf = envelope.AppendMap(h.buf, m.Metadata())
	return xxhash.Sum64(h.buf)
}

// Point hashes a point's attributes on top of its metric's hash: series_fp.
func (h *Hasher) Point(metric uint64, attrs pcommon.Map) uint64 {
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

// unordered is Point for attributes that don't come in the order of their keys.
func (h *Hasher) unordered(metric uint64, attrs pcommon.Map) uint64 {
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

func (h *Hasher) texts(values ...string) {
	for _, s := range values {
		h.buf = appendPart(h.buf, s)
	}
}

func (h *Hasher) shape(s Shape) {
	monotonic := byte(0)
	if s.Monotonic {
		monotonic = 1
	}
	h.buf = append(h.buf, byte(s.Kind), byte(s.Temporality), monotonic)
}

// Version hashes what a series' row says beyond its series_fp, and what may change within a day: the metric's description
// and the resource's correlation.
func (h *Hasher) Version(meta uint64, c envelope.Correlation) uint64 {
	h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], meta)
	h.texts(c.CommitSHA, c.BuildRunID, c.DeploymentID)
	h.buf = append(h.buf, byte(c.Basis))
	return xxhash.Sum64(h.buf)
}

func appendPart(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

type attribute struct {
	key   string
	value pcommon.Value
}
