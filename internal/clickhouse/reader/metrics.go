package reader

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/envelope"
)

// Metrics reads the scope's data points as they were sent, and the metrics that came without points on its days.
func Metrics(ctx context.Context, conn driver.Conn, s Scope) (pmetric.Metrics, error) {
	a := assembler{conn: conn, Scope: s, md: pmetric.NewMetrics(), metrics: map[metricKey]pmetric.Metric{},
		scopes: map[scopeKey]pmetric.ScopeMetrics{}, origins: map[origin]pmetric.ResourceMetrics{}}
	for _, read := range []func(context.Context) error{a.loadSeries, a.loadMetas, a.loadExemplars, a.withoutPoints, a.samples, a.histograms} {
		if err := read(ctx); err != nil {
			return a.md, err
		}
	}
	return a.md, nil
}

// series is a row of metric_series_v1.
type series struct {
	origin      origin
	scope       scopeRow
	name        string
	kind        int8
	temporality int8
	monotonic   bool
	meta        uint64
	attrs       pcommon.Map
}

// noPoints tells the mark of a metric that came without points.
func (s *series) noPoints() bool {
	v, ok := s.attrs.Get(envelope.AttrNoPoints)
	return ok && s.attrs.Len() == 1 && v.Bool()
}

// meta is a row of metric_meta_v1.
type meta struct{ unit, description, metadata string }

// assembler puts points under their metrics, scopes and resources, each made once.
type assembler struct {
	Scope
	conn driver.Conn
	md   pmetric.Metrics

	series    map[uint64]*series
	metas     map[uint64]*meta
	resources map[uint64]*resource
	exemplars map[exemplarKey]*exemplarList

	origins map[origin]pmetric.ResourceMetrics
	scopes  map[scopeKey]pmetric.ScopeMetrics
	metrics map[metricKey]pmetric.Metric
}

// scopeKey is a scope of the result.
type scopeKey struct {
	origin origin
	scope  scopeRow
}

// metricKey parts metrics as meta_fp does, which is the hash of all that a metric says besides its points.
type metricKey struct {
	scope scopeKey
	meta  uint64
}

// loadSeries reads the days' series, of each the newest row, and their resources.
func (a *assembler) loadSeries(ctx context.Context) error {
	a.series = map[uint64]*series{}
	fps := map[uint64]bool{}
	err := a.each(ctx, a.conn, "series", "SELECT series_fp, "+originColumns+", "+scopeColumns+
		", metric_name, toInt8(kind), toInt8(temporality), monotonic, meta_fp, attrs_typed FROM metric_series_v1 WHERE "+inDays+
		" ORDER BY series_fp, day DESC, ingested_at DESC LIMIT 1 BY series_fp", func(rows driver.Rows) error {
		var fp uint64
		var basis int8
		var typed string
		s := &series{attrs: pcommon.NewMap()}
		dest := append(append([]any{&fp}, s.origin.dest(&basis)...), s.scope.dest()...)
		if err := rows.Scan(append(dest, &s.name, &s.kind, &s.temporality, &s.monotonic, &s.meta, &typed)...); err != nil {
			return err
		}
		s.origin.correlation.Basis = envelope.Basis(basis)
		a.series[fp], fps[s.origin.fp] = s, true
		return anyvalue.DecodeMap([]byte(typed), s.attrs)
	})
	if err != nil {
		return err
	}
	a.resources, err = a.Scope.resources(ctx, a.conn, fps)
	return err
}

func (a *assembler) loadMetas(ctx context.Context) error {
	a.metas = map[uint64]*meta{}
	return a.each(ctx, a.conn, "descriptions of metrics", "SELECT meta_fp, unit, description, metadata FROM metric_meta_v1 WHERE "+inDays+
		" LIMIT 1 BY meta_fp", func(rows driver.Rows) error {
		var fp uint64
		m := &meta{}
		err := rows.Scan(&fp, &m.unit, &m.description, &m.metadata)
		a.metas[fp] = m
		return err
	})
}

// withoutPoints makes the metrics that no point will.
func (a *assembler) withoutPoints(context.Context) error {
	for _, fp := range slices.Sorted(maps.Keys(a.series)) {
		if a.series[fp].noPoints() {
			if _, err := a.metric(fp); err != nil {
				return err
			}
		}
	}
	return nil
}

// metric gives the metric of a series, made if this is its first point.
func (a *assembler) metric(fp uint64) (m pmetric.Metric, err error) {
	se, ok := a.series[fp]
	if !ok {
		return m, fmt.Errorf("a point refers to series %d, which is not there", fp)
	}
	key := metricKey{scopeKey{se.origin, se.scope}, se.meta}
	if m, ok := a.metrics[key]; ok {
		return m, nil
	}
	sm, err := a.scopeOf(key.scope)
	if err != nil {
		return m, err
	}
	me, ok := a.metas[se.meta]
	if !ok {
		return m, fmt.Errorf("series %d refers to description %d, which is not there", fp, se.meta)
	}
	m = sm.Metrics().AppendEmpty()
	a.metrics[key] = m
	m.SetName(se.name)
	m.SetUnit(me.unit)
	m.SetDescription(me.description)
	se.shape(m)
	return m, anyvalue.DecodeMap([]byte(me.metadata), m.Metadata())
}

func (a *assembler) scopeOf(key scopeKey) (sm pmetric.ScopeMetrics, err error) {
	if sm, ok := a.scopes[key]; ok {
		return sm, nil
	}
	rm, ok := a.origins[key.origin]
	if !ok {
		res := a.resources[key.origin.fp]
		rm = a.md.ResourceMetrics().AppendEmpty()
		a.origins[key.origin] = rm
		rm.SetSchemaUrl(res.schemaURL)
		if err := res.into(rm.Resource(), key.origin.correlation); err != nil {
			return sm, err
		}
	}
	sm = rm.ScopeMetrics().AppendEmpty()
	a.scopes[key] = sm
	url, err := key.scope.into(sm.Scope())
	sm.SetSchemaUrl(url)
	return sm, err
}

// Values of metric_series_v1.kind.
const (
	kindGauge = iota + 1
	kindSum
	kindHistogram
	kindExpHistogram
	kindSummary
)

// shape gives the metric its type.
func (s *series) shape(m pmetric.Metric) {
	temporality := pmetric.AggregationTemporality(s.temporality)
	switch s.kind {
	case kindGauge:
		m.SetEmptyGauge()
	case kindSum:
		m.SetEmptySum().SetIsMonotonic(s.monotonic)
		m.Sum().SetAggregationTemporality(temporality)
	case kindHistogram:
		m.SetEmptyHistogram().SetAggregationTemporality(temporality)
	case kindExpHistogram:
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
	case kindSummary:
		m.SetEmptySummary()
	}
}

// number is an exact value: a double, or an int64 as the nearest double and the rest.
type number struct {
	value float64
	rest  int64
	typ   int8
}

const (
	valueDouble = 1
	valueInt    = 2
)

func (n number) int() int64 {
	whole := int64(math.MinInt64) // what becomes of 2^63 in the encoder and the engine
	if n.value < 1<<63 {
		whole = int64(n.value)
	}
	return whole + n.rest
}

func (n number) into(v interface {
	SetIntValue(int64)
	SetDoubleValue(float64)
}) {
	switch n.typ {
	case valueDouble:
		v.SetDoubleValue(n.value)
	case valueInt:
		v.SetIntValue(n.int())
	}
}

// samples reads metrics_runtime_v1.
func (a *assembler) samples(ctx context.Context) error {
	return a.each(ctx, a.conn, "samples", "SELECT series_fp, toUnixTimestamp64Nano(timestamp), value, int_rest, toInt8(value_type), flags, "+
		"toUnixTimestamp64Nano(start_ts) FROM metrics_runtime_v1 WHERE "+inTime(maxBucket)+
		" ORDER BY tenant_id, metric_name, ts_bucket, series_fp, timestamp", func(rows driver.Rows) error {
		var fp uint64
		var at, start int64
		var n number
		var flags uint32
		if err := rows.Scan(&fp, &at, &n.value, &n.rest, &n.typ, &flags, &start); err != nil {
			return err
		}
		m, err := a.metric(fp)
		if err != nil {
			return err
		}
		var p pmetric.NumberDataPoint
		if m.Type() == pmetric.MetricTypeSum {
			p = m.Sum().DataPoints().AppendEmpty()
		} else {
			p = m.Gauge().DataPoints().AppendEmpty()
		}
		n.into(p)
		a.point(p, fp, at, start, flags)
		return a.putExemplars(p.Exemplars(), fp, at)
	})
}

// dataPoint is what all points have in common.
type dataPoint interface {
	SetTimestamp(pcommon.Timestamp)
	SetStartTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
	Attributes() pcommon.Map
}

func (a *assembler) point(p dataPoint, fp uint64, at, start int64, flags uint32) {
	p.SetTimestamp(pcommon.Timestamp(at))
	p.SetStartTimestamp(pcommon.Timestamp(start))
	p.SetFlags(pmetric.DataPointFlags(flags))
	a.series[fp].attrs.CopyTo(p.Attributes())
}
