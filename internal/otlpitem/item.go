package otlpitem

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is a span. Its slices are filled again by the next Read.
type Span struct {
	TraceID                                   [16]byte
	SpanID, Parent                            [8]byte
	Name, TraceState, Message                 string
	Kind, Status                              int32
	Start, End                                uint64
	Flags                                     uint32
	DroppedAttrs, DroppedEvents, DroppedLinks uint32
	Attrs                                     []Attribute
	Events                                    []Event
	Links                                     []Link
	// Room holds the attributes of events and links.
	Room []Attribute
}

// Event is an event of a span; From and To are the places of its attributes in the span's Room.
type Event struct {
	At       uint64
	Name     string
	Dropped  uint32
	From, To int
}

// Link is a link of a span; From and To are the places of its attributes in the span's Room.
type Link struct {
	TraceID        [16]byte
	SpanID         [8]byte
	TraceState     string
	Flags, Dropped uint32
	From, To       int
}

// Reset empties the span and keeps its memory.
func (s *Span) Reset() {
	*s = Span{Attrs: s.Attrs[:0], Events: s.Events[:0], Links: s.Links[:0], Room: s.Room[:0]}
}

func (s *Span) read(sp ptrace.Span) {
	s.Reset()
	s.TraceID, s.SpanID, s.Parent = sp.TraceID(), sp.SpanID(), sp.ParentSpanID()
	s.Name, s.TraceState, s.Message = sp.Name(), sp.TraceState().AsRaw(), sp.Status().Message()
	s.Kind, s.Status = int32(sp.Kind()), int32(sp.Status().Code())
	s.Start, s.End, s.Flags = uint64(sp.StartTimestamp()), uint64(sp.EndTimestamp()), sp.Flags()
	s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks = sp.DroppedAttributesCount(), sp.DroppedEventsCount(), sp.DroppedLinksCount()
	s.Attrs = AppendAttributes(s.Attrs, sp.Attributes())
	for _, e := range sp.Events().All() {
		from := len(s.Room)
		s.Room = AppendAttributes(s.Room, e.Attributes())
		s.Events = append(s.Events, Event{uint64(e.Timestamp()), e.Name(), e.DroppedAttributesCount(), from, len(s.Room)})
	}
	for _, l := range sp.Links().All() {
		from := len(s.Room)
		s.Room = AppendAttributes(s.Room, l.Attributes())
		s.Links = append(s.Links, Link{
			TraceID: l.TraceID(), SpanID: l.SpanID(), TraceState: l.TraceState().AsRaw(),
			Flags: l.Flags(), Dropped: l.DroppedAttributesCount(), From: from, To: len(s.Room),
		})
	}
}

// Record is a log record.
type Record struct {
	At, Observed            uint64
	Severity                int32
	SeverityText, EventName string
	Body                    Value
	Flags, Dropped          uint32
	TraceID                 [16]byte
	SpanID                  [8]byte
	Attrs                   []Attribute
}

// Reset empties the record and keeps its memory.
func (r *Record) Reset() { *r = Record{Attrs: r.Attrs[:0]} }

func (r *Record) read(lr plog.LogRecord) {
	*r = Record{
		At: uint64(lr.Timestamp()), Observed: uint64(lr.ObservedTimestamp()), Severity: int32(lr.SeverityNumber()),
		SeverityText: lr.SeverityText(), EventName: lr.EventName(), Body: ValueOf(lr.Body()), Flags: uint32(lr.Flags()),
		Dropped: lr.DroppedAttributesCount(), TraceID: lr.TraceID(), SpanID: lr.SpanID(),
		Attrs: AppendAttributes(r.Attrs[:0], lr.Attributes()),
	}
}

// Metric is what the number points of a gauge or sum have in common, and all that is read of a metric of another kind.
type Metric struct {
	Name, Unit, Description string
	Metadata                pcommon.Map
	// Type is empty for a metric without data. Temporality is the sender's number.
	Type        pmetric.MetricType
	Temporality int32
	Monotonic   bool
	// Points is the number of data points of any kind.
	Points int
}

// MetricOf reads a pdata metric.
func MetricOf(m pmetric.Metric) Metric {
	out := Metric{Name: m.Name(), Unit: m.Unit(), Description: m.Description(), Metadata: m.Metadata(), Type: m.Type(), Points: pointsOf(m)}
	switch out.Type {
	case pmetric.MetricTypeSum:
		out.Temporality, out.Monotonic = int32(m.Sum().AggregationTemporality()), m.Sum().IsMonotonic()
	case pmetric.MetricTypeHistogram:
		out.Temporality = int32(m.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		out.Temporality = int32(m.ExponentialHistogram().AggregationTemporality())
	case pmetric.MetricTypeEmpty, pmetric.MetricTypeGauge, pmetric.MetricTypeSummary:
	}
	return out
}

func pointsOf(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	default:
		return 0
	}
}

// CopyTo writes the metric without its points.
func (m *Metric) CopyTo(to pmetric.Metric) {
	to.SetName(m.Name)
	to.SetUnit(m.Unit)
	to.SetDescription(m.Description)
	m.Metadata.CopyTo(to.Metadata())
	temporality := pmetric.AggregationTemporality(m.Temporality)
	switch m.Type {
	case pmetric.MetricTypeGauge:
		to.SetEmptyGauge()
	case pmetric.MetricTypeSum:
		to.SetEmptySum().SetIsMonotonic(m.Monotonic)
		to.Sum().SetAggregationTemporality(temporality)
	case pmetric.MetricTypeHistogram:
		to.SetEmptyHistogram().SetAggregationTemporality(temporality)
	case pmetric.MetricTypeExponentialHistogram:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
	case pmetric.MetricTypeSummary:
		to.SetEmptySummary()
	case pmetric.MetricTypeEmpty:
	}
}

// Point is a number point.
type Point struct {
	At, Start uint64
	Flags     uint32
	Type      pmetric.NumberDataPointValueType
	// Num holds an int, or the bits of a double.
	Num   uint64
	Attrs []Attribute
	// Exemplars are there if HasExemplars says so.
	HasExemplars bool
	Exemplars    pmetric.ExemplarSlice
}

// Reset empties the point and keeps its memory.
func (p *Point) Reset() { *p = Point{Attrs: p.Attrs[:0]} }

// Set reads a pdata point.
func (p *Point) Set(dp pmetric.NumberDataPoint) {
	*p = Point{
		At: uint64(dp.Timestamp()), Start: uint64(dp.StartTimestamp()), Flags: uint32(dp.Flags()), Type: dp.ValueType(),
		Attrs: AppendAttributes(p.Attrs[:0], dp.Attributes()), HasExemplars: dp.Exemplars().Len() > 0, Exemplars: dp.Exemplars(),
	}
	switch p.Type {
	case pmetric.NumberDataPointValueTypeInt:
		p.Num = uint64(dp.IntValue())
	case pmetric.NumberDataPointValueTypeDouble:
		p.Num = math.Float64bits(dp.DoubleValue())
	case pmetric.NumberDataPointValueTypeEmpty:
	}
}

// LastPoint is the time of a metric's last point: the points of a batch come in the order of their time.
func LastPoint(m pmetric.Metric) pcommon.Timestamp {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return last(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		return last(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		return last(m.Histogram().DataPoints())
	case pmetric.MetricTypeExponentialHistogram:
		return last(m.ExponentialHistogram().DataPoints())
	case pmetric.MetricTypeSummary:
		return last(m.Summary().DataPoints())
	default:
		return 0
	}
}

func last[P interface{ Timestamp() pcommon.Timestamp }](points interface {
	Len() int
	At(int) P
}) pcommon.Timestamp {
	if points.Len() == 0 {
		return 0
	}
	return points.At(points.Len() - 1).Timestamp()
}
