// Package metricid says what a metric and a series are: the numbers that the store keeps for kind and temporality, and the
// hashes by which points find their series and series their descriptions. The encoder writes them, and what reads stored
// series by content can compute them.
package metricid

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
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
func ShapeOf(m *otlpitem.Metric) Shape {
	s := Shape{Points: m.Points, Temporality: temporalityOf(pmetric.AggregationTemporality(m.Temporality)), Monotonic: m.Monotonic}
	switch m.Type {
	case pmetric.MetricTypeGauge:
		s.Kind = Gauge
	case pmetric.MetricTypeSum:
		s.Kind = Sum
	case pmetric.MetricTypeHistogram:
		s.Kind = Histogram
	case pmetric.MetricTypeExponentialHistogram:
		s.Kind = ExpHistogram
	case pmetric.MetricTypeSummary:
		s.Kind = Summary
	case pmetric.MetricTypeEmpty:
	}
	return s
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
	sorted []otlpitem.Attribute
}

// Metric hashes what all points of a metric share.
func (h *Hasher) Metric(resourceFP uint64, scopeName, scopeVersion, scopeExtra string, m *otlpitem.Metric, s Shape) uint64 {
	h.buf = append(h.buf[:0], hashSeries)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, resourceFP)
	h.texts(scopeName, scopeVersion, scopeExtra, m.Name, m.Unit)
	h.shape(s)
	return xxhash.Sum64(h.buf)
}

// Meta hashes what metric_meta_v1 holds: meta_fp.
func (h *Hasher) Meta(m *otlpitem.Metric, s Shape) uint64 {
	h.buf = append(h.buf[:0], hashMeta)
	h.texts(m.Name, m.Unit, m.Description)
	h.shape(s)
	h.buf = envelope.AppendMap(h.buf, m.Metadata)
	return xxhash.Sum64(h.buf)
}

// Point hashes a point's attributes on top of its metric's hash: series_fp.
func (h *Hasher) Point(metric uint64, attrs []otlpitem.Attribute) uint64 {
	for i := 1; i < len(attrs); i++ {
		if attrs[i].Key < attrs[i-1].Key {
			h.sorted = append(h.sorted[:0], attrs...)
			slices.SortStableFunc(h.sorted, func(a, b otlpitem.Attribute) int { return strings.Compare(a.Key, b.Key) })
			fp := h.ordered(metric, h.sorted)
			clear(h.sorted) // they point into the request
			return fp
		}
	}
	return h.ordered(metric, attrs)
}

// ordered is Point for attributes in the order of their keys.
func (h *Hasher) ordered(metric uint64, attrs []otlpitem.Attribute) uint64 {
	buf := binary.LittleEndian.AppendUint64(h.buf[:0], metric)
	for i := range attrs {
		buf = attrs[i].AppendCanonical(appendPart(buf, attrs[i].Key))
	}
	h.buf = buf
	return xxhash.Sum64(buf)
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
