package otlptest

import (
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"
)

// Metrics draws a request of metrics of all kinds. Each metric has a name of its own and each point a time of its own.
func (d *Draw) Metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + d.Count(2) {
		rm := md.ResourceMetrics().AppendEmpty()
		d.Resource(rm.Resource())
		rm.SetSchemaUrl(d.SchemaURL())
		for range 1 + d.Count(1) {
			sm := rm.ScopeMetrics().AppendEmpty()
			d.Scope(sm.Scope())
			sm.SetSchemaUrl(d.SchemaURL())
			for range 1 + d.Count(2) {
				d.Metric(sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

// Metric draws one metric, sometimes without points or without a type.
func (d *Draw) Metric(m pmetric.Metric) {
	d.n++
	m.SetName(d.Text() + strconv.Itoa(d.n))
	m.SetUnit(rapid.SampledFrom([]string{"", "s", "By", "1", "{request}", "By/s", "ü"}).Draw(d.T, d.label("unit")))
	m.SetDescription(d.Text())
	d.Attributes(m.Metadata())
	switch pmetric.MetricType(d.Count(int(pmetric.MetricTypeSummary))) {
	case pmetric.MetricTypeEmpty:
	case pmetric.MetricTypeGauge:
		d.numbers(m.SetEmptyGauge().DataPoints())
	case pmetric.MetricTypeSum:
		s := m.SetEmptySum()
		s.SetIsMonotonic(d.Bool())
		s.SetAggregationTemporality(d.temporality())
		d.numbers(s.DataPoints())
	case pmetric.MetricTypeHistogram:
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(d.temporality())
		for i := range d.Count(3) {
			d.histogram(h.DataPoints().AppendEmpty(), i)
		}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(d.temporality())
		for i := range d.Count(3) {
			d.expHistogram(h.DataPoints().AppendEmpty(), i)
		}
	case pmetric.MetricTypeSummary:
		s := m.SetEmptySummary()
		for i := range d.Count(3) {
			d.summary(s.DataPoints().AppendEmpty(), i)
		}
	}
}

func (d *Draw) temporality() pmetric.AggregationTemporality {
	return pmetric.AggregationTemporality(d.Count(int(pmetric.AggregationTemporalityCumulative)))
}

// at gives the i-th point of a metric a time that no other has.
func (d *Draw) at(i int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(d.Now.Add(time.Duration(i)*10*time.Minute + time.Duration(d.Count(int(time.Minute)))))
}

func (d *Draw) start() pcommon.Timestamp {
	switch d.Count(4) {
	case 0:
		return 0
	case 1:
		return pcommon.Timestamp(d.Uint64())
	}
	return d.Time()
}

func (d *Draw) flags() pmetric.DataPointFlags { return pmetric.DataPointFlags(d.Uint32()) }

func (d *Draw) numbers(points pmetric.NumberDataPointSlice) {
	for i := range d.Count(4) {
		p := points.AppendEmpty()
		p.SetTimestamp(d.at(i))
		p.SetStartTimestamp(d.start())
		p.SetFlags(d.flags())
		switch d.Count(3) {
		case 0: // no value, as a stale marker is sent
			p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		case 1:
			p.SetIntValue(d.Int())
		default:
			p.SetDoubleValue(d.Double())
		}
		d.Attributes(p.Attributes())
		d.exemplars(p.Exemplars())
	}
}

func (d *Draw) exemplars(list pmetric.ExemplarSlice) {
	for range d.Count(2) {
		e := list.AppendEmpty()
		e.SetTimestamp(d.Time())
		switch d.Count(3) {
		case 0:
		case 1:
			e.SetIntValue(d.Int())
		default:
			e.SetDoubleValue(d.Double())
		}
		e.SetTraceID(d.TraceID())
		e.SetSpanID(d.SpanID())
		d.Attributes(e.FilteredAttributes())
	}
}

func (d *Draw) counts(limit int) (out []uint64) {
	for range d.Count(limit) {
		out = append(out, d.Uint64())
	}
	return out
}

func (d *Draw) floats(limit int) (out []float64) {
	for range d.Count(limit) {
		out = append(out, d.Double())
	}
	return out
}

func (d *Draw) histogram(p pmetric.HistogramDataPoint, i int) {
	p.SetTimestamp(d.at(i))
	p.SetStartTimestamp(d.start())
	p.SetFlags(d.flags())
	p.SetCount(d.Uint64())
	if d.Bool() {
		p.SetSum(d.Double())
	}
	if d.Bool() {
		p.SetMin(d.Double())
	}
	if d.Bool() {
		p.SetMax(d.Double())
	}
	p.ExplicitBounds().FromRaw(d.floats(4))
	p.BucketCounts().FromRaw(d.counts(5))
	d.Attributes(p.Attributes())
	d.exemplars(p.Exemplars())
}

func (d *Draw) expHistogram(p pmetric.ExponentialHistogramDataPoint, i int) {
	p.SetTimestamp(d.at(i))
	p.SetStartTimestamp(d.start())
	p.SetFlags(d.flags())
	p.SetCount(d.Uint64())
	if d.Bool() {
		p.SetSum(d.Double())
	}
	if d.Bool() {
		p.SetMin(d.Double())
	}
	if d.Bool() {
		p.SetMax(d.Double())
	}
	p.SetScale(int32(d.Count(30)) - 10)
	p.SetZeroCount(d.Uint64())
	p.SetZeroThreshold(d.Double())
	for _, b := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		if d.Bool() {
			b.SetOffset(int32(d.Uint32()))
			b.BucketCounts().FromRaw(d.counts(4))
		}
	}
	d.Attributes(p.Attributes())
	d.exemplars(p.Exemplars())
}

func (d *Draw) summary(p pmetric.SummaryDataPoint, i int) {
	p.SetTimestamp(d.at(i))
	p.SetStartTimestamp(d.start())
	p.SetFlags(d.flags())
	p.SetCount(d.Uint64())
	p.SetSum(d.Double())
	for range d.Count(3) {
		q := p.QuantileValues().AppendEmpty()
		q.SetQuantile(d.Double())
		q.SetValue(d.Double())
	}
	d.Attributes(p.Attributes())
}

// FlattenMetrics gives each point with its metric, resource and scope as protobuf bytes, and each metric without points,
// attributes and points in a fixed order, so that two requests are equal if and only if they hold the same points.
func FlattenMetrics(md pmetric.Metrics) []string {
	var out []string
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for i := range max(1, points(m)) {
					out = append(out, flatPoint(rm, sm, m, i))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func flatPoint(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics, m pmetric.Metric, keep int) string {
	one := pmetric.NewMetrics()
	r := one.ResourceMetrics().AppendEmpty()
	rm.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(rm.SchemaUrl())
	s := r.ScopeMetrics().AppendEmpty()
	sm.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(sm.SchemaUrl())
	c := s.Metrics().AppendEmpty()
	m.CopyTo(c)
	sortAttributes(r.Resource().Attributes())
	sortAttributes(s.Scope().Attributes())
	only(c, keep)
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(one)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func points(m pmetric.Metric) int {
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
	case pmetric.MetricTypeEmpty:
	}
	return 0
}

// only removes all points but one.
func only(m pmetric.Metric, keep int) {
	i := -1
	drop := func(attrs pcommon.Map) bool {
		i++
		sortAttributes(attrs)
		return i != keep
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { sortExemplars(p.Exemplars()); return drop(p.Attributes()) })
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool { sortExemplars(p.Exemplars()); return drop(p.Attributes()) })
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool { sortExemplars(p.Exemplars()); return drop(p.Attributes()) })
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			sortExemplars(p.Exemplars())
			return drop(p.Attributes())
		})
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool { return drop(p.Attributes()) })
	case pmetric.MetricTypeEmpty:
	}
}

// sortExemplars orders the attributes of exemplars; the exemplars themselves keep their order.
func sortExemplars(list pmetric.ExemplarSlice) {
	for _, e := range list.All() {
		sortAttributes(e.FilteredAttributes())
	}
}

// MetricsJSON makes one flattened point readable.
func MetricsJSON(flat string) string {
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics([]byte(flat))
	if err != nil {
		return err.Error()
	}
	b, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
