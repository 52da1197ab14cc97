package promapi

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	sb "github.com/summitobs/summit/internal/sqlbuild"
)

// sample is one sample of a series.
type sample struct {
	t, st int64
	f     float64
	fh    *histogram.FloatHistogram
}

func (s sample) T() int64                { return s.t }
func (s sample) ST() int64               { return s.st }
func (s sample) F() float64              { return s.f }
func (s sample) H() *histogram.Histogram { return nil }
func (s sample) Copy() chunks.Sample     { s.fh = s.FH(); return s }

// FH gives a copy: the engine calculates in the histogram that it gets, and reads a sample for several steps.
func (s sample) FH() *histogram.FloatHistogram {
	if s.fh == nil {
		return nil
	}
	return s.fh.Copy()
}

func (s sample) Type() chunkenc.ValueType {
	if s.fh != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

var staleNaN = math.Float64frombits(value.StaleNaN)

// noRecordedValue is bit 0 of OTLP's DataPointFlags: the series ended here, which Prometheus marks as stale.
const noRecordedValue = 1

func (c *collector) add(s *builtSeries, p sample) error {
	if s == nil {
		return nil
	}
	if c.samples++; c.samples > maxSamples {
		return promql.ErrTooManySamples("query execution")
	}
	s.samples = append(s.samples, p)
	return nil
}

// numberKinds have one value per point.
var numberKinds = []string{"unknown", "gauge", "sum"}

// readNumbers reads gauges and sums. Points of delta temporality are added up from the start of the time range, with a
// zero where the first one began, so that rate and increase see a counter.
func (q *querier) readNumbers(ctx context.Context, scope sb.Scope, sel selection, out *collector) error {
	if !sel.has(numberKinds...) {
		return nil
	}
	stmt := sb.Select(scope, sb.Samples, sb.Col("series_fp"), sb.Fn("toUnixTimestamp64Milli", sb.Col("timestamp")).As("ms"), sb.Col("value"),
		sb.Col("flags"), sb.Fn("toUnixTimestamp64Milli", sb.Col("start_ts")).As("start_ms")).
		Where(sel.series(scope, numberKinds...)...).OrderBy(sb.Asc(sb.Col("series_fp")), sb.Asc(sb.Col("timestamp")))
	var at *family
	var series *builtSeries
	var total float64
	var last int64
	return q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var fp uint64
		var p sample
		var flags uint32
		if err := r.Scan(&fp, &p.t, &p.f, &flags, &p.st); err != nil {
			return err
		}
		f := sel.families[fp]
		if f == nil {
			return nil
		}
		first := f != at
		if first {
			at, series, total, last = f, out.touch(f, f.promName, "", ""), 0, math.MinInt64
		}
		stale := flags&noRecordedValue != 0
		if stale {
			p.f = staleNaN
		}
		if f.delta && !stale {
			if p.t == last { // a resent point must not be added twice
				return nil
			}
			if first && p.st > 0 && p.st < p.t {
				if err := out.add(series, sample{t: p.st}); err != nil {
					return err
				}
			}
			total += p.f
			p.f, p.st = total, 0
		}
		last = p.t
		return out.add(series, p)
	})
}

// point is a row of metrics_hist_v1.
type point struct {
	fp            uint64
	ms, start     int64
	kind          string
	present       uint8
	flags         uint32
	count         uint64
	sum           float64
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

func (p *point) stale() bool { return p.flags&noRecordedValue != 0 }

func (q *querier) readHistograms(ctx context.Context, scope sb.Scope, sel selection, out *collector) error {
	kinds := []string{kindHistogram, kindExpHistogram, kindSummary}
	if !sel.has(kinds...) {
		return nil
	}
	stmt := sb.Select(scope, sb.Histograms, sb.Col("series_fp"), sb.Fn("toUnixTimestamp64Milli", sb.Col("timestamp")).As("ms"),
		sb.Fn("toUnixTimestamp64Milli", sb.Col("start_ts")).As("start_ms"), sb.Col("kind"), sb.Col("present"), sb.Col("flags"), sb.Col("count"),
		sb.Col("sum"), sb.Col("bounds"), sb.Col("counts"), sb.Col("summary_values"), sb.Col("scale"), sb.Col("zero_count"), sb.Col("zero_threshold"),
		sb.Col("pos_offset"), sb.Col("pos_counts"), sb.Col("neg_offset"), sb.Col("neg_counts")).
		Where(sel.series(scope, kinds...)...).OrderBy(sb.Asc(sb.Col("series_fp")), sb.Asc(sb.Col("timestamp")))
	var at *family
	var sum running
	return q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var p point
		if err := r.Scan(&p.fp, &p.ms, &p.start, &p.kind, &p.present, &p.flags, &p.count, &p.sum, &p.bounds, &p.counts, &p.values, &p.scale, &p.zero,
			&p.zeroThreshold, &p.posOffset, &p.pos, &p.negOffset, &p.neg); err != nil {
			return err
		}
		f := sel.families[p.fp]
		if f == nil {
			return nil
		}
		if f != at {
			at, sum = f, running{last: math.MinInt64}
		}
		return out.point(f, &p, &sum)
	})
}

// running adds up points of delta temporality.
type running struct {
	last   int64
	count  float64
	sum    float64
	bucket map[float64]float64
	native *histogram.FloatHistogram
}

func (c *collector) point(f *family, p *point, sum *running) error {
	if f.delta && p.ms == sum.last {
		return nil
	}
	sum.last = p.ms
	switch f.kind {
	case kindHistogram:
		return c.classic(f, p, sum)
	case kindSummary:
		return c.summary(f, p)
	}
	return c.native(f, p, sum)
}

// classic gives the _bucket, _count and _sum series of an explicit histogram.
func (c *collector) classic(f *family, p *point, sum *running) error {
	count, total := float64(p.count), p.sum
	if f.delta {
		sum.count, sum.sum = sum.count+count, sum.sum+total
		count, total = sum.count, sum.sum
		if sum.bucket == nil {
			sum.bucket = map[float64]float64{}
		}
	}
	cumulative := 0.0
	for i, bound := range p.bounds {
		if i < len(p.counts) {
			cumulative += float64(p.counts[i])
		}
		v := cumulative
		if f.delta {
			sum.bucket[bound] += cumulative
			v = sum.bucket[bound]
		}
		if err := c.addFloat(f, p, f.promName+"_bucket", labels.BucketLabel, formatBound(bound), v); err != nil {
			return err
		}
	}
	if err := c.addFloat(f, p, f.promName+"_bucket", labels.BucketLabel, "+Inf", count); err != nil {
		return err
	}
	return c.totals(f, p, count, total)
}

const sumPresent = 1

func (c *collector) totals(f *family, p *point, count, sum float64) error {
	if err := c.addFloat(f, p, f.promName+"_count", "", "", count); err != nil {
		return err
	}
	if p.present&sumPresent == 0 && f.kind != kindSummary && !p.stale() {
		return nil
	}
	return c.addFloat(f, p, f.promName+"_sum", "", "", sum)
}

func (c *collector) summary(f *family, p *point) error {
	for i, quantile := range p.bounds {
		if i < len(p.values) {
			if err := c.addFloat(f, p, f.promName, "quantile", formatBound(quantile), p.values[i]); err != nil {
				return err
			}
		}
	}
	return c.totals(f, p, float64(p.count), p.sum)
}

func (c *collector) addFloat(f *family, p *point, name, label, labelValue string, v float64) error {
	if p.stale() {
		v = staleNaN
	}
	return c.add(c.touch(f, name, label, labelValue), sample{t: p.ms, st: p.start, f: v})
}

// Native histograms have schemas from -4 to 8; finer exponential histograms are merged down.
const (
	minSchema = -4
	maxSchema = 8
	// zeroThreshold is what a native histogram takes for zero when the sender names no width.
	zeroThreshold = 1e-128
)

func (c *collector) native(f *family, p *point, sum *running) error {
	if p.scale < minSchema {
		c.notes.Add(fmt.Errorf("exponential histogram %s has scale %d; below %d there is no native histogram", f.promName, p.scale, minSchema))
		return nil
	}
	h := &histogram.FloatHistogram{
		Schema: int32(p.scale), ZeroThreshold: p.zeroThreshold, ZeroCount: float64(p.zero), Count: float64(p.count), Sum: p.sum,
	}
	if h.ZeroThreshold == 0 && h.ZeroCount > 0 {
		h.ZeroThreshold = zeroThreshold
	}
	down := max(int32(p.scale)-maxSchema, 0)
	h.Schema -= down
	var posOK, negOK bool
	h.PositiveSpans, h.PositiveBuckets, posOK = nativeBuckets(p.posOffset, p.pos, down)
	h.NegativeSpans, h.NegativeBuckets, negOK = nativeBuckets(p.negOffset, p.neg, down)
	if !posOK || !negOK {
		c.notes.Add(fmt.Errorf("exponential histogram %s has points with buckets beyond any number; they are left out", f.promName))
		return nil
	}
	h.Compact(0)
	if f.delta && !p.stale() {
		if sum.native != nil {
			merged, _, _, err := sum.native.Copy().Add(h)
			if err != nil {
				return fmt.Errorf("add up delta histogram %s: %w", f.promName, err)
			}
			h = merged
		}
		sum.native = h
		h = h.Copy()
	}
	if p.stale() {
		h = &histogram.FloatHistogram{Sum: staleNaN}
	}
	return c.add(c.touch(f, f.promName, "", ""), sample{t: p.ms, st: p.start, fh: h})
}

// nativeBuckets puts OTLP's buckets into one span. OTLP counts (base^i, base^(i+1)] as i, Prometheus as i+1. The offset is
// the sender's: ok is false where the buckets leave the range of indexes.
func nativeBuckets(offset int32, counts []uint64, down int32) (spans []histogram.Span, buckets []float64, ok bool) {
	if len(counts) == 0 {
		return nil, nil, true
	}
	first := int64(offset) >> down
	last := (int64(offset) + int64(len(counts)) - 1) >> down
	if last >= math.MaxInt32 {
		return nil, nil, false
	}
	out := make([]float64, last-first+1)
	for i, n := range counts {
		out[(int64(offset)+int64(i))>>down-first] += float64(n)
	}
	return []histogram.Span{{Offset: int32(first) + 1, Length: uint32(len(out))}}, out, true
}

// engineOptions are those of a Prometheus server.
func engineOptions(timeout time.Duration) promql.EngineOpts {
	return promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: timeout, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	}
}
