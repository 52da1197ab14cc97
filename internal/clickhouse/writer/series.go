package writer

import (
	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/metricid"
	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/promname"
)

// seriesColumns is metric_series_v1: a row per series and day, which says what its points leave out.
type seriesColumns struct {
	Origin      originColumns
	Scope       scopeColumns
	Day         *column.Num[uint16] `col:"day"`
	PromName    *column.LowCard     `col:"prom_name"`
	Series      *column.Num[uint64] `col:"series_fp"`
	Name        *column.LowCard     `col:"metric_name"`
	Kind        *column.Num[int8]   `col:"kind"`
	Temporality *column.Num[int8]   `col:"temporality"`
	Monotonic   *column.Num[uint8]  `col:"monotonic"`
	Meta        *column.Num[uint64] `col:"meta_fp"`
	Labels      *column.Map         `col:"labels"`
	Attrs       *column.Str         `col:"attrs_typed"`
}

// metaColumns is metric_meta_v1.
type metaColumns struct {
	Tenant      *column.Fixed       `col:"tenant_id"`
	PromName    *column.LowCard     `col:"prom_name"`
	FP          *column.Num[uint64] `col:"meta_fp"`
	Day         *column.Num[uint16] `col:"day"`
	Name        *column.LowCard     `col:"metric_name"`
	Kind        *column.Num[int8]   `col:"kind"`
	Temporality *column.Num[int8]   `col:"temporality"`
	Monotonic   *column.Num[uint8]  `col:"monotonic"`
	Unit        *column.LowCard     `col:"unit"`
	Description *column.Str         `col:"description"`
	Metadata    *column.Str         `col:"metadata"`
	Days        *column.Num[uint16] `col:"retention_days"`
}

// labelColumns is metric_labels_v1.
type labelColumns struct {
	Tenant *column.Fixed       `col:"tenant_id"`
	Day    *column.Num[uint16] `col:"day"`
	Label  *column.LowCard     `col:"label"`
	Value  *column.Str         `col:"value"`
	Days   *column.Num[uint16] `col:"retention_days"`
}

// metricIdentity is what is known of the present metric before its points.
type metricIdentity struct {
	shape metricid.Shape
	// fp is the part of series_fp that all points share, meta is meta_fp.
	fp, meta uint64
	// version changes with what a series row says beyond its series_fp: description and correlation.
	version uint64
	// target and prom are made when the first new series asks for them.
	target *promname.Target
	prom   string
	named  bool
}

func (w *metricWriter) begin() {
	h, scope := &w.b.own.hasher, w.scope.Scope()
	id := &w.metric
	id.shape, id.named = metricid.ShapeOf(&w.m), false
	id.fp = h.Metric(w.res.fp, scope.Name(), scope.Version(), w.scopeExtra, &w.m, id.shape)
	id.meta = h.Meta(&w.m, id.shape)
	id.version = h.Version(id.meta, w.res.correlation)
}

// series gives a point's series_fp and writes the series' row if it is the first of the point's day.
func (w *metricWriter) series(at int64, attrs []otlpitem.Attribute) uint64 {
	fp := w.b.own.hasher.Point(w.metric.fp, attrs)
	day := int32(at / nanosPerDay)
	if w.b.first(storedKey{tenant: w.res.tenant, kind: storedSeries, day: day, hi: fp, lo: w.metric.version}) {
		pairs := otlpitem.Map(attrs)
		labels := w.target().Labels(pairs)
		w.addSeries(fp, day, w.promName(), labels, pairs)
		w.addLabels(day, labels)
	}
	return fp
}

const nanosPerDay = 86400 * 1e9

// withoutPoints keeps a metric that came without points: as a series without a Prometheus name, whose only attribute says
// why it has no points.
func (w *metricWriter) withoutPoints() {
	attrs := pcommon.NewMap()
	attrs.PutBool(envelope.AttrNoPoints, true)
	fp, day := w.b.own.hasher.Point(w.metric.fp, w.attrs(attrs)), dayOf(w.b.now)
	if w.b.first(storedKey{tenant: w.res.tenant, kind: storedSeries, day: day, hi: fp, lo: w.metric.version}) {
		w.addSeries(fp, day, "", nil, attrs)
	}
}

func (w *metricWriter) target() *promname.Target {
	if w.metric.target == nil {
		w.metric.target = promname.NewTarget(w.from.Head().Resource(), w.scope.Scope(), w.scope.SchemaUrl())
	}
	return w.metric.target
}

func (w *metricWriter) promName() string {
	if !w.metric.named {
		m := pmetric.NewMetric()
		w.m.CopyTo(m)
		w.metric.prom, w.metric.named = promname.Metric(m), true
	}
	return w.metric.prom
}

func (w *metricWriter) addSeries(fp uint64, day int32, prom string, labels []promname.Label, attrs pcommon.Map) {
	b, c, id := w.b, use[seriesColumns](w.b, table.Series), &w.metric
	c.Origin.appendN(&w.res, b.enc.opts.Retention.rollups(), 1)
	c.Scope.Name.Append(w.scope.Scope().Name())
	c.Scope.Version.Append(w.scope.Scope().Version())
	c.Scope.Extra.Append(w.scopeExtra)
	c.Day.Append(uint16(day))
	c.PromName.Append(prom)
	c.Series.Append(fp)
	c.Name.Append(w.m.Name)
	c.Kind.Append(id.shape.Kind)
	c.Temporality.Append(id.shape.Temporality)
	c.Monotonic.Append(boolByte(id.shape.Monotonic))
	c.Meta.Append(id.meta)
	for _, l := range labels {
		c.Labels.Keys.Append(l.Name)
		c.Labels.Values.(*column.Str).Append(b.bounded(l.Value))
	}
	c.Labels.EndRow()
	c.Attrs.AppendBytes(b.pairsOf(attrs))
	if b.first(storedKey{tenant: w.res.tenant, kind: storedMeta, day: day, hi: id.meta, lo: xxhash.Sum64String(prom)}) {
		w.addMeta(day, prom)
	}
}

// pairsOf gives attributes as a KeyValueList message, good until the next call; values that are too long are cut and
// counted.
func (b *Batch) pairsOf(attrs pcommon.Map) []byte {
	b.value = b.value[:0]
	for k, v := range attrs.All() {
		var cut bool
		if b.value, cut = anyvalue.AppendPair(b.value, k, v, b.enc.opts.MaxValueBytes); cut {
			b.drop(reasonCut, SignalMetrics, 1)
		}
	}
	return b.value
}

func (w *metricWriter) addMeta(day int32, prom string) {
	c, id := use[metaColumns](w.b, table.MetricMeta), &w.metric
	c.Tenant.AppendUUID(w.res.tenant)
	c.PromName.Append(prom)
	c.FP.Append(id.meta)
	c.Day.Append(uint16(day))
	c.Name.Append(w.m.Name)
	c.Kind.Append(id.shape.Kind)
	c.Temporality.Append(id.shape.Temporality)
	c.Monotonic.Append(boolByte(id.shape.Monotonic))
	c.Unit.Append(w.m.Unit)
	c.Description.Append(w.b.bounded(w.m.Description))
	c.Metadata.AppendBytes(w.b.pairsOf(w.m.Metadata))
	c.Days.Append(w.b.enc.opts.Retention.rollups())
}

// addLabels writes the labels' values, each once a day.
func (w *metricWriter) addLabels(day int32, labels []promname.Label) {
	w.addLabel(day, "__name__", w.promName())
	for _, l := range labels {
		w.addLabel(day, l.Name, w.b.bounded(l.Value))
	}
}

func (w *metricWriter) addLabel(day int32, name, value string) {
	key := storedKey{tenant: w.res.tenant, kind: storedLabel, day: day, hi: xxhash.Sum64String(name), lo: xxhash.Sum64String(value)}
	if value == "" || !w.b.first(key) {
		return
	}
	c := use[labelColumns](w.b, table.MetricLabels)
	c.Tenant.AppendUUID(w.res.tenant)
	c.Day.Append(uint16(day))
	c.Label.Append(name)
	c.Value.Append(value)
	c.Days.Append(w.b.enc.opts.Retention.rollups())
}
