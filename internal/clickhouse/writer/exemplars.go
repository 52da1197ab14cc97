package writer

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
)

// exemplarColumns is metric_exemplars_v1.
type exemplarColumns struct {
	Tenant  *column.Fixed       `col:"tenant_id"`
	Name    *column.LowCard     `col:"metric_name"`
	Series  *column.Num[uint64] `col:"series_fp"`
	At      *column.Num[int64]  `col:"timestamp"`
	PointAt *column.Num[int64]  `col:"point_ts"`
	Ordinal *column.Num[uint16] `col:"ordinal"`
	Number  numberColumns
	TraceID *column.Fixed       `col:"trace_id"`
	SpanID  *column.Num[uint64] `col:"span_id"`
	Attrs   *column.Map         `col:"attrs"`
	Typed   *column.Str         `col:"attrs_typed"`
	Days    *column.Num[uint16] `col:"retention_days"`
}

const reasonExemplars = "too_many_exemplars"

func (w *metricWriter) exemplars(list pmetric.ExemplarSlice, series uint64, pointAt int64) {
	for i, e := range list.All() {
		if i > math.MaxUint16 {
			w.b.drop(reasonExemplars, SignalMetrics, list.Len()-i)
			return
		}
		w.exemplar(e, series, pointAt, uint16(i))
	}
}

func (w *metricWriter) exemplar(e pmetric.Exemplar, series uint64, pointAt int64, ordinal uint16) {
	c := use[exemplarColumns](w.b, table.Exemplars)
	trace, span := e.TraceID(), e.SpanID()
	at := uint64(e.Timestamp())
	inRange := w.clock.holds(at)
	if !inRange {
		at = uint64(pointAt)
	}
	c.Tenant.AppendUUID(w.res.tenant)
	c.Name.Append(w.m.Name)
	c.Series.Append(series)
	c.At.Append(int64(at))
	c.PointAt.Append(pointAt)
	c.Ordinal.Append(ordinal)
	switch e.ValueType() {
	case pmetric.ExemplarValueTypeInt:
		c.Number.int(e.IntValue())
	case pmetric.ExemplarValueTypeDouble:
		c.Number.double(e.DoubleValue())
	case pmetric.ExemplarValueTypeEmpty:
		c.Number.none()
	}
	c.TraceID.Append(trace[:])
	c.SpanID.Append(spanNumber(span))
	c.Days.Append(w.b.enc.opts.Retention.Metrics)

	typed := !inRange
	for k, v := range e.FilteredAttributes().All() {
		typed = typed || v.Type() != pcommon.ValueTypeStr
		c.Attrs.Keys.Append(k)
		c.Attrs.Values.(*column.Str).Append(w.b.bounded(v.AsString()))
	}
	c.Attrs.EndRow()
	c.Typed.AppendBytes(w.typedAttrs(e, typed, inRange))
}

// typedAttrs gives the exact attributes where the map of texts isn't them. Before them stands the exemplar's own time, if
// it has none that a partition may be made for.
func (w *metricWriter) typedAttrs(e pmetric.Exemplar, typed, inRange bool) []byte {
	if !typed {
		return nil
	}
	pairs := w.b.pairsOf(e.FilteredAttributes())
	if inRange {
		return pairs
	}
	w.b.canon, _ = anyvalue.AppendPair(w.b.canon[:0], envelope.AttrOTLPTime, pcommon.NewValueInt(int64(e.Timestamp())), anyvalue.NoLimit)
	w.b.canon = append(w.b.canon, pairs...)
	return w.b.canon
}
