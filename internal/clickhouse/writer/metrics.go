package writer

import (
	"maps"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// Values of value_type.
const (
	valueNone   = 0
	valueDouble = 1
	valueInt    = 2
)

// staleNaN is Prometheus' stale marker: the value of a point that has none.
var staleNaN = math.Float64frombits(0x7ff0000000000002)

// pointColumns are what samples and histograms have in common.
type pointColumns struct {
	Tenant *column.Fixed       `col:"tenant_id"`
	Name   *column.LowCard     `col:"metric_name"`
	Bucket *column.Num[uint32] `col:"ts_bucket"`
	Series *column.Num[uint64] `col:"series_fp"`
	At     *column.Num[int64]  `col:"timestamp"`
	Flags  *column.Num[uint32] `col:"flags"`
	Start  *column.Num[int64]  `col:"start_ts"`
	Days   *column.Num[uint16] `col:"retention_days"`
}

// append adds what a point has of its own; the metric's part follows with endMetric.
func (c *pointColumns) append(series uint64, at int64, flags pmetric.DataPointFlags, start pcommon.Timestamp) {
	c.Bucket.Append(bucketOf(at, metricBucket))
	c.Series.Append(series)
	c.At.Append(at)
	c.Flags.Append(uint32(flags))
	c.Start.Append(int64(start))
}

// endMetric adds what the points of one metric share.
func (c *pointColumns) endMetric(r *resource, name string, days uint16) {
	n := c.At.Rows() - c.Name.Rows()
	c.Tenant.AppendUUIDN(r.tenant, n)
	c.Name.AppendN(name, n)
	c.Days.AppendN(days, n)
}

// numberColumns hold a double or an int64, exactly.
type numberColumns struct {
	Value *column.Num[float64] `col:"value"`
	Rest  *column.Num[int64]   `col:"int_rest"`
	Type  *column.Num[int8]    `col:"value_type"`
}

func (c *numberColumns) double(v float64) {
	c.Value.Append(v)
	c.Rest.Append(0)
	c.Type.Append(valueDouble)
}

// int keeps the nearest double, which is what queries calculate with, and what is left to the exact number.
func (c *numberColumns) int(v int64) {
	f := float64(v)
	whole := int64(math.MinInt64) // what becomes of 2^63, here as in the engine
	if f < 1<<63 {
		whole = int64(f)
	}
	c.Value.Append(f)
	c.Rest.Append(v - whole)
	c.Type.Append(valueInt)
}

func (c *numberColumns) none() {
	c.Value.Append(staleNaN)
	c.Rest.Append(0)
	c.Type.Append(valueNone)
}

// sampleColumns is metrics_runtime_v1.
type sampleColumns struct {
	Point  pointColumns
	Number numberColumns
}

// Bits of present: optional fields of a histogram that were set.
const (
	presentSum = 1 << iota
	presentMin
	presentMax
	presentPositive
	presentNegative
)

// histColumns is metrics_hist_v1.
type histColumns struct {
	Point         pointColumns
	Kind          *column.Num[int8]    `col:"kind"`
	Present       *column.Num[uint8]   `col:"present"`
	Count         *column.Num[uint64]  `col:"count"`
	Sum           *column.Num[float64] `col:"sum"`
	Min           *column.Num[float64] `col:"min"`
	Max           *column.Num[float64] `col:"max"`
	Bounds        *column.Array        `col:"bounds"`
	Counts        *column.Array        `col:"counts"`
	Values        *column.Array        `col:"summary_values"`
	Scale         *column.Num[int8]    `col:"scale"`
	Zero          *column.Num[uint64]  `col:"zero_count"`
	ZeroThreshold *column.Num[float64] `col:"zero_threshold"`
	PosOffset     *column.Num[int32]   `col:"pos_offset"`
	Pos           *column.Array        `col:"pos_counts"`
	NegOffset     *column.Num[int32]   `col:"neg_offset"`
	Neg           *column.Array        `col:"neg_counts"`
}

// Values of metrics_hist_v1.kind.
const (
	histExplicit    = 1
	histExponential = 2
	histSummary     = 3
)

// Metrics encodes data points of all kinds. Release the batch in any case.
func (e *Encoder) Metrics(md pmetric.Metrics) (*Batch, error) {
	b := e.begin()
	w := metricWriter{b: b, clock: b.clock(e.opts.Retention.Metrics)}
	for _, rm := range md.ResourceMetrics().All() {
		w.resource(rm)
	}
	return b, nil
}

// metricWriter is one request's way through its metrics.
type metricWriter struct {
	b     *Batch
	clock clock
	bad   badPoints

	res        resource
	from       pmetric.ResourceMetrics
	scope      pmetric.ScopeMetrics
	scopeExtra string
	m          pmetric.Metric
	metric     metricIdentity
	samples    *sampleColumns
	hist       *histColumns
}

func (w *metricWriter) resource(rm pmetric.ResourceMetrics) {
	res, err := w.b.resource(rm.Resource(), rm.SchemaUrl(), SignalMetrics)
	w.res, w.from, w.bad = res, rm, badPoints{resource: rm}
	if err != nil {
		w.bad.all(reasonTenant, err.Error())
		w.b.quarantinePoints(&w.res, &w.bad)
		return
	}
	w.samples, w.hist = use[sampleColumns](w.b, table.Samples), use[histColumns](w.b, table.Histograms)
	samples, hist := w.samples.Point.At.Rows(), w.hist.Point.At.Rows()
	for _, sm := range rm.ScopeMetrics().All() {
		w.scope, w.scopeExtra = sm, w.b.scopeExtra(sm.Scope(), sm.SchemaUrl(), SignalMetrics)
		w.metric.target = nil
		for _, m := range sm.Metrics().All() {
			w.begin(m)
			w.points()
			w.samples.Point.endMetric(&w.res, m.Name(), w.b.enc.opts.Retention.Metrics)
			w.hist.Point.endMetric(&w.res, m.Name(), w.b.enc.opts.Retention.Metrics)
		}
	}
	if w.samples.Point.At.Rows() > samples {
		w.b.recordWidth(w.res.tenant, table.Samples, metricBucket)
	}
	if w.hist.Point.At.Rows() > hist {
		w.b.recordWidth(w.res.tenant, table.Histograms, metricBucket)
	}
	w.b.quarantinePoints(&w.res, &w.bad)
}

func (w *metricWriter) points() {
	m := w.m
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		w.numbers(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		w.numbers(m.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			w.histogram(p)
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			w.expHistogram(p)
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			w.summary(p)
		}
	case pmetric.MetricTypeEmpty:
	}
	if w.metric.shape.Points == 0 {
		w.withoutPoints()
	}
}

// at gives the point's time, if a partition may be made for it.
func (w *metricWriter) at(ts pcommon.Timestamp) (int64, bool) {
	return int64(ts), ts != 0 && w.clock.holds(uint64(ts))
}

const timeDetail = "a data point's time_unix_nano must be set and within the retention"

func (w *metricWriter) numbers(points pmetric.NumberDataPointSlice) {
	c := w.samples
	for _, p := range points.All() {
		at, ok := w.at(p.Timestamp())
		if !ok {
			w.bad.add(w, reasonClamped, timeDetail, func(m pmetric.Metric) {
				if w.m.Type() == pmetric.MetricTypeSum {
					p.CopyTo(m.Sum().DataPoints().AppendEmpty())
				} else {
					p.CopyTo(m.Gauge().DataPoints().AppendEmpty())
				}
			})
			continue
		}
		fp := w.series(at, p.Attributes())
		c.Point.append(fp, at, p.Flags(), p.StartTimestamp())
		switch p.ValueType() {
		case pmetric.NumberDataPointValueTypeInt:
			c.Number.int(p.IntValue())
		case pmetric.NumberDataPointValueTypeDouble:
			c.Number.double(p.DoubleValue())
		case pmetric.NumberDataPointValueTypeEmpty:
			c.Number.none()
		}
		w.exemplars(p.Exemplars(), fp, at)
	}
}

func (w *metricWriter) histogram(p pmetric.HistogramDataPoint) {
	at, ok := w.at(p.Timestamp())
	if !ok {
		w.bad.add(w, reasonClamped, timeDetail, func(m pmetric.Metric) { p.CopyTo(m.Histogram().DataPoints().AppendEmpty()) })
		return
	}
	c, fp := w.hist, w.series(at, p.Attributes())
	c.Point.append(fp, at, p.Flags(), p.StartTimestamp())
	c.Kind.Append(histExplicit)
	c.Count.Append(p.Count())
	c.optional(p.HasSum(), p.Sum(), p.HasMin(), p.Min(), p.HasMax(), p.Max(), 0)
	appendDoubles(c.Bounds, p.ExplicitBounds())
	appendCounts(c.Counts, p.BucketCounts())
	c.Scale.Append(0)
	c.Zero.Append(0)
	c.ZeroThreshold.Append(0)
	c.PosOffset.Append(0)
	c.NegOffset.Append(0)
	c.endArrays()
	w.exemplars(p.Exemplars(), fp, at)
}

func (w *metricWriter) expHistogram(p pmetric.ExponentialHistogramDataPoint) {
	reject := func(reason, detail string) {
		w.bad.add(w, reason, detail, func(m pmetric.Metric) { p.CopyTo(m.ExponentialHistogram().DataPoints().AppendEmpty()) })
	}
	at, ok := w.at(p.Timestamp())
	if !ok {
		reject(reasonClamped, timeDetail)
		return
	}
	if p.Scale() < math.MinInt8 || p.Scale() > math.MaxInt8 {
		reject("scale_out_of_range", "an exponential histogram's scale must be from -128 to 127; the convention is -10 to 20")
		return
	}
	c, fp, pos, neg := w.hist, w.series(at, p.Attributes()), p.Positive(), p.Negative()
	present := uint8(0)
	if pos.Offset() != 0 || pos.BucketCounts().Len() > 0 {
		present |= presentPositive
	}
	if neg.Offset() != 0 || neg.BucketCounts().Len() > 0 {
		present |= presentNegative
	}
	c.Point.append(fp, at, p.Flags(), p.StartTimestamp())
	c.Kind.Append(histExponential)
	c.Count.Append(p.Count())
	c.optional(p.HasSum(), p.Sum(), p.HasMin(), p.Min(), p.HasMax(), p.Max(), present)
	c.Scale.Append(int8(p.Scale()))
	c.Zero.Append(p.ZeroCount())
	c.ZeroThreshold.Append(p.ZeroThreshold())
	c.PosOffset.Append(pos.Offset())
	appendCounts(c.Pos, pos.BucketCounts())
	c.NegOffset.Append(neg.Offset())
	appendCounts(c.Neg, neg.BucketCounts())
	c.endArrays()
	w.exemplars(p.Exemplars(), fp, at)
}

func (w *metricWriter) summary(p pmetric.SummaryDataPoint) {
	at, ok := w.at(p.Timestamp())
	if !ok {
		w.bad.add(w, reasonClamped, timeDetail, func(m pmetric.Metric) { p.CopyTo(m.Summary().DataPoints().AppendEmpty()) })
		return
	}
	c, fp := w.hist, w.series(at, p.Attributes())
	c.Point.append(fp, at, p.Flags(), p.StartTimestamp())
	c.Kind.Append(histSummary)
	c.Count.Append(p.Count())
	c.optional(true, p.Sum(), false, 0, false, 0, 0)
	for _, q := range p.QuantileValues().All() {
		c.Bounds.Elem.(*column.Num[float64]).Append(q.Quantile())
		c.Values.Elem.(*column.Num[float64]).Append(q.Value())
	}
	c.Scale.Append(0)
	c.Zero.Append(0)
	c.ZeroThreshold.Append(0)
	c.PosOffset.Append(0)
	c.NegOffset.Append(0)
	c.endArrays()
}

// optional writes the fields that a point may lack, and which it has.
func (c *histColumns) optional(hasSum bool, sum float64, hasMin bool, minimum float64, hasMax bool, maximum float64, present uint8) {
	put := func(to *column.Num[float64], has bool, v float64, bit uint8) {
		if !has {
			v = 0
		} else {
			present |= bit
		}
		to.Append(v)
	}
	put(c.Sum, hasSum, sum, presentSum)
	put(c.Min, hasMin, minimum, presentMin)
	put(c.Max, hasMax, maximum, presentMax)
	c.Present.Append(present)
}

func (c *histColumns) endArrays() {
	for _, a := range [...]*column.Array{c.Bounds, c.Counts, c.Values, c.Pos, c.Neg} {
		a.EndRow()
	}
}

func appendDoubles(to *column.Array, values pcommon.Float64Slice) {
	elems := to.Elem.(*column.Num[float64])
	for _, v := range values.All() {
		elems.Append(v)
	}
}

func appendCounts(to *column.Array, values pcommon.UInt64Slice) {
	elems := to.Elem.(*column.Num[uint64])
	for _, v := range values.All() {
		elems.Append(v)
	}
}

// sampleWindow is the width of the windows that SampleWindows tells, those of metrics_runtime_5m_v1.
const sampleWindow = 300

// SampleWindows gives the starts, in unix seconds, of the five-minute windows that the segment's samples lie in: what the
// rollup of samples must compute once the segment is in the store.
func (s *Set) SampleWindows() []int64 {
	times, ok := columnOf[*column.Num[int64]](s, table.Samples, "timestamp")
	if !ok {
		return nil
	}
	seen := map[int64]struct{}{}
	last := int64(-1)
	for _, at := range times.Data {
		if w := int64(bucketOf(at, sampleWindow)); w != last {
			seen[w] = struct{}{}
			last = w
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
