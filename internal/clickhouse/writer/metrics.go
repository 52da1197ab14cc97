package writer

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/otlpitem"
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
	from := make([]otlpitem.Metrics, 0, md.ResourceMetrics().Len())
	for _, rm := range md.ResourceMetrics().All() {
		from = append(from, otlpitem.PDataMetrics{ResourceMetrics: rm})
	}
	return e.Points(from)
}

// Points encodes data points of any source, as Metrics does. An error says what is malformed in it.
func (e *Encoder) Points(from []otlpitem.Metrics) (*Batch, error) {
	b := e.begin()
	w := metricWriter{b: b, clock: b.clock(e.opts.Retention.Metrics), item: &b.own.point}
	for _, rm := range from {
		if err := w.resource(rm); err != nil {
			b.Release()
			return nil, err
		}
	}
	return b, nil
}

// metricWriter is one request's way through its metrics.
type metricWriter struct {
	b     *Batch
	clock clock
	bad   badPoints
	item  *otlpitem.Point

	res        resource
	from       otlpitem.Metrics
	scope      pmetric.ScopeMetrics
	scopeExtra string
	m          otlpitem.Metric
	metric     metricIdentity
	samples    *sampleColumns
	hist       *histColumns
	// place is the present metric's: its scope and index.
	place [2]int
}

func (w *metricWriter) resource(from otlpitem.Metrics) error {
	head := from.Head()
	res, invalid := w.b.resource(head.Resource(), head.SchemaUrl(), SignalMetrics)
	w.res, w.from, w.bad = res, from, badPoints{resource: head}
	if invalid != nil {
		if err := w.bad.all(from, reasonTenant, invalid.Error()); err != nil {
			return err
		}
		w.b.quarantinePoints(&w.res, &w.bad)
		return nil
	}
	w.samples, w.hist = use[sampleColumns](w.b, table.Samples), use[histColumns](w.b, table.Histograms)
	samples, hist := w.samples.Point.At.Rows(), w.hist.Point.At.Rows()
	for i, sm := range head.ScopeMetrics().All() {
		w.scope, w.scopeExtra = sm, w.b.scopeExtra(sm.Scope(), sm.SchemaUrl(), SignalMetrics)
		w.metric.target = nil
		for j := range from.Len(i) {
			w.place = [2]int{i, j}
			if err := w.next(); err != nil {
				return err
			}
		}
	}
	if w.samples.Point.At.Rows() > samples {
		w.b.recordWidth(w.res.tenant, table.Samples, metricBucket)
	}
	if w.hist.Point.At.Rows() > hist {
		w.b.recordWidth(w.res.tenant, table.Histograms, metricBucket)
	}
	w.b.quarantinePoints(&w.res, &w.bad)
	return nil
}

// next reads a metric and writes its points.
func (w *metricWriter) next() error {
	if err := w.from.Read(w.place[0], w.place[1], &w.m); err != nil {
		return err
	}
	w.begin()
	if err := w.points(); err != nil {
		return err
	}
	w.samples.Point.endMetric(&w.res, w.m.Name, w.b.enc.opts.Retention.Metrics)
	w.hist.Point.endMetric(&w.res, w.m.Name, w.b.enc.opts.Retention.Metrics)
	return nil
}

func (w *metricWriter) points() error {
	if w.m.Points == 0 {
		w.withoutPoints()
		return nil
	}
	if w.m.Type == pmetric.MetricTypeGauge || w.m.Type == pmetric.MetricTypeSum {
		return w.numbers()
	}
	m, err := w.from.Whole(w.place[0], w.place[1])
	if err != nil {
		return err
	}
	switch w.m.Type {
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
	case pmetric.MetricTypeEmpty, pmetric.MetricTypeGauge, pmetric.MetricTypeSum:
	}
	return nil
}

// at gives the point's time, if a partition may be made for it.
func (w *metricWriter) at(ts pcommon.Timestamp) (int64, bool) {
	return int64(ts), ts != 0 && w.clock.holds(uint64(ts))
}

const timeDetail = "a data point's time_unix_nano must be set and within the retention"

func (w *metricWriter) numbers() error {
	c, p := w.samples, w.item
	for i := range w.m.Points {
		if err := w.from.Point(w.place[0], w.place[1], i, p); err != nil {
			return err
		}
		at, ok := w.at(pcommon.Timestamp(p.At))
		if !ok {
			if err := w.badNumber(i); err != nil {
				return err
			}
			continue
		}
		fp := w.series(at, p.Attrs)
		c.Point.append(fp, at, pmetric.DataPointFlags(p.Flags), pcommon.Timestamp(p.Start))
		switch p.Type {
		case pmetric.NumberDataPointValueTypeInt:
			c.Number.int(int64(p.Num))
		case pmetric.NumberDataPointValueTypeDouble:
			c.Number.double(math.Float64frombits(p.Num))
		case pmetric.NumberDataPointValueTypeEmpty:
			c.Number.none()
		}
		if p.HasExemplars {
			w.exemplars(p.Exemplars, fp, at)
		}
	}
	return nil
}

// badNumber keeps a number point for the quarantine.
func (w *metricWriter) badNumber(i int) error {
	p, err := w.from.WholePoint(w.place[0], w.place[1], i)
	if err != nil {
		return err
	}
	w.bad.add(w, reasonClamped, timeDetail, func(m pmetric.Metric) { p.CopyTo(otlpitem.NumbersOf(m).AppendEmpty()) })
	return nil
}

func (w *metricWriter) histogram(p pmetric.HistogramDataPoint) {
	at, ok := w.at(p.Timestamp())
	if !ok {
		w.bad.add(w, reasonClamped, timeDetail, func(m pmetric.Metric) { p.CopyTo(m.Histogram().DataPoints().AppendEmpty()) })
		return
	}
	c, fp := w.hist, w.series(at, w.attrs(p.Attributes()))
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
	c, fp, pos, neg := w.hist, w.series(at, w.attrs(p.Attributes())), p.Positive(), p.Negative()
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
	c, fp := w.hist, w.series(at, w.attrs(p.Attributes()))
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

// attrs reads the attributes of a point, good until the next call.
func (w *metricWriter) attrs(m pcommon.Map) []otlpitem.Attribute {
	w.item.Attrs = otlpitem.AppendAttributes(w.item.Attrs[:0], m)
	return w.item.Attrs
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
