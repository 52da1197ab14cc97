package reader

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/envelope"
)

// Bits of present.
const (
	presentSum = 1 << iota
	presentMin
	presentMax
)

// histRow is a row of metrics_hist_v1.
type histRow struct {
	fp            uint64
	at, start     int64
	present       uint8
	flags         uint32
	count         uint64
	sum, min, max float64
	bounds        []float64
	counts        []uint64
	values        []float64
	scale         int8
	zero          uint64
	zeroThreshold float64
	posOffset     int32
	pos           []uint64
	negOffset     int32
	neg           []uint64
}

// histograms reads metrics_hist_v1.
func (a *assembler) histograms(ctx context.Context) error {
	return a.each(ctx, a.conn, "histograms", "SELECT series_fp, toUnixTimestamp64Nano(timestamp), toUnixTimestamp64Nano(start_ts), present, flags, count, sum, "+
		"min, max, bounds, counts, summary_values, scale, zero_count, zero_threshold, pos_offset, pos_counts, neg_offset, neg_counts FROM metrics_hist_v1 WHERE "+
		inTime(maxBucket)+" ORDER BY tenant_id, metric_name, ts_bucket, series_fp, timestamp", func(rows driver.Rows) error {
		var r histRow
		if err := rows.Scan(&r.fp, &r.at, &r.start, &r.present, &r.flags, &r.count, &r.sum, &r.min, &r.max, &r.bounds, &r.counts, &r.values, &r.scale,
			&r.zero, &r.zeroThreshold, &r.posOffset, &r.pos, &r.negOffset, &r.neg); err != nil {
			return err
		}
		return a.histogram(&r)
	})
}

func (a *assembler) histogram(r *histRow) error {
	m, err := a.metric(r.fp)
	if err != nil {
		return err
	}
	switch m.Type() {
	case pmetric.MetricTypeHistogram:
		p := m.Histogram().DataPoints().AppendEmpty()
		r.optional(p)
		p.SetCount(r.count)
		p.ExplicitBounds().FromRaw(r.bounds)
		p.BucketCounts().FromRaw(r.counts)
		a.point(p, r.fp, r.at, r.start, r.flags)
		return a.putExemplars(p.Exemplars(), r.fp, r.at)
	case pmetric.MetricTypeExponentialHistogram:
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		r.optional(p)
		r.exponential(p)
		a.point(p, r.fp, r.at, r.start, r.flags)
		return a.putExemplars(p.Exemplars(), r.fp, r.at)
	case pmetric.MetricTypeSummary:
		p := m.Summary().DataPoints().AppendEmpty()
		p.SetCount(r.count)
		p.SetSum(r.sum)
		for i, quantile := range r.bounds {
			q := p.QuantileValues().AppendEmpty()
			q.SetQuantile(quantile)
			q.SetValue(r.values[i])
		}
		a.point(p, r.fp, r.at, r.start, r.flags)
		return nil
	default:
		return fmt.Errorf("series %d has points of a histogram, but is a %s", r.fp, m.Type())
	}
}

func (r *histRow) optional(p interface {
	SetSum(float64)
	SetMin(float64)
	SetMax(float64)
}) {
	if r.present&presentSum != 0 {
		p.SetSum(r.sum)
	}
	if r.present&presentMin != 0 {
		p.SetMin(r.min)
	}
	if r.present&presentMax != 0 {
		p.SetMax(r.max)
	}
}

func (r *histRow) exponential(p pmetric.ExponentialHistogramDataPoint) {
	p.SetCount(r.count)
	p.SetScale(int32(r.scale))
	p.SetZeroCount(r.zero)
	p.SetZeroThreshold(r.zeroThreshold)
	p.Positive().SetOffset(r.posOffset)
	p.Positive().BucketCounts().FromRaw(r.pos)
	p.Negative().SetOffset(r.negOffset)
	p.Negative().BucketCounts().FromRaw(r.neg)
}

// exemplarKey is the point that carried an exemplar.
type exemplarKey struct {
	series uint64
	at     int64
}

// exemplarList holds a point's exemplars by their place in it. A request that was sent twice has two of each place.
type exemplarList struct {
	places [][]exemplar
	given  int
}

type exemplar struct {
	at     int64
	number number
	trace  string
	span   uint64
	keys   []string
	texts  []string
	typed  string
}

// loadExemplars reads metric_exemplars_v1 by the times of the points.
func (a *assembler) loadExemplars(ctx context.Context) error {
	a.exemplars = map[exemplarKey]*exemplarList{}
	return a.each(ctx, a.conn, "exemplars", "SELECT series_fp, toUnixTimestamp64Nano(point_ts), ordinal, toUnixTimestamp64Nano(timestamp), value, int_rest, "+
		"toInt8(value_type), toString(trace_id), span_id, mapKeys(attrs), mapValues(attrs), attrs_typed FROM metric_exemplars_v1"+
		" WHERE tenant_id = {tenant:UUID} AND point_ts >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')"+
		" AND point_ts < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')", func(rows driver.Rows) error {
		var key exemplarKey
		var ordinal uint16
		var e exemplar
		if err := rows.Scan(&key.series, &key.at, &ordinal, &e.at, &e.number.value, &e.number.rest, &e.number.typ, &e.trace, &e.span, &e.keys, &e.texts,
			&e.typed); err != nil {
			return err
		}
		list := a.exemplars[key]
		if list == nil {
			list = &exemplarList{}
			a.exemplars[key] = list
		}
		for len(list.places) <= int(ordinal) {
			list.places = append(list.places, nil)
		}
		list.places[ordinal] = append(list.places[ordinal], e)
		return nil
	})
}

// putExemplars gives the point its exemplars; the next point of the same series and time gets the next ones.
func (a *assembler) putExemplars(to pmetric.ExemplarSlice, fp uint64, at int64) error {
	list := a.exemplars[exemplarKey{fp, at}]
	if list == nil {
		return nil
	}
	for _, place := range list.places {
		if list.given < len(place) {
			if err := place[list.given].into(to.AppendEmpty()); err != nil {
				return err
			}
		}
	}
	list.given++
	return nil
}

func (e *exemplar) into(to pmetric.Exemplar) error {
	to.SetTimestamp(pcommon.Timestamp(e.at))
	e.number.into(to)
	to.SetTraceID(traceID(e.trace))
	to.SetSpanID(spanID(e.span))
	if e.typed == "" {
		for i, k := range e.keys {
			to.FilteredAttributes().PutStr(k, e.texts[i])
		}
		return nil
	}
	m := to.FilteredAttributes()
	if err := anyvalue.DecodeMap([]byte(e.typed), m); err != nil {
		return err
	}
	// A time that no partition may be made for stands first.
	for k, v := range m.All() {
		if k == envelope.AttrOTLPTime && v.Type() == pcommon.ValueTypeInt {
			to.SetTimestamp(pcommon.Timestamp(v.Int()))
			m.Remove(k)
		}
		break
	}
	return nil
}
