package faker

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// bounds are the bucket bounds of request durations, those that the semantic conventions recommend.
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// meterKey is one process's series of one operation.
type meterKey struct {
	service, environment, route, method string
	status                              int
}

// meter is a cumulative histogram of durations.
type meter struct {
	count    uint64
	sum      float64
	buckets  []uint64
	min, max float64
	trace    pcommon.TraceID
	span     pcommon.SpanID
	slowest  float64
	at       pcommon.Timestamp
}

type meters struct {
	start    time.Time
	requests map[meterKey]*meter
	orders   map[string]uint64
	gateway  map[string][]float64
}

func newMeters(start time.Time) meters {
	return meters{start: start, requests: map[meterKey]*meter{}, orders: map[string]uint64{}, gateway: map[string][]float64{}}
}

// observe counts a request that was served, so that metrics and traces tell the same.
func (g *Generator) observe(src source, o *op, out outcome, sp ptrace.Span) {
	took := out.end.Sub(sp.StartTimestamp().AsTime()).Seconds()
	if o.kind == httpOp {
		key := meterKey{src.service, src.environment, o.name, o.method, out.status}
		m := g.meters.requests[key]
		if m == nil {
			m = &meter{buckets: make([]uint64, len(bounds)+1), min: math.Inf(1)}
			g.meters.requests[key] = m
		}
		m.count++
		m.sum += took
		m.min, m.max = min(m.min, took), max(m.max, took)
		i, _ := slices.BinarySearch(bounds, took)
		m.buckets[i]++
		if took > m.slowest {
			m.slowest, m.trace, m.span, m.at = took, sp.TraceID(), sp.SpanID(), sp.EndTimestamp()
		}
	}
	switch {
	case o.name == "/v1/orders" && !out.failed:
		g.meters.orders[src.environment]++
	case o.name == "/v1/charges":
		g.meters.gateway[src.environment] = append(g.meters.gateway[src.environment], took)
	}
}

// export writes the state of all meters, as a periodic reader does.
func (g *Generator) export(c *collector, at time.Time) {
	start, now := pcommon.NewTimestampFromTime(g.meters.start), pcommon.NewTimestampFromTime(at)
	keys := make([]meterKey, 0, len(g.meters.requests))
	for k := range g.meters.requests {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b meterKey) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.environment, b.environment), cmp.Compare(a.route, b.route), cmp.Compare(a.method, b.method), cmp.Compare(a.status, b.status))
	})
	var current source
	var points pmetric.HistogramDataPointSlice
	for _, k := range keys {
		src := g.w.source(k.service, k.environment, 0, at)
		if src != current {
			current = src
			h := c.metric(src, "http.server.request.duration", "s", "Duration of HTTP server requests.").SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			points = h.DataPoints()
		}
		g.meters.requests[k].write(points.AppendEmpty(), k, start, now)
	}
	for _, environment := range []string{production, staging} {
		for i := range shop {
			g.runtime(c, g.w.source(shop[i].name, environment, 0, at), start, now, at)
		}
		g.business(c, environment, start, now, at)
	}
}

func (m *meter) write(p pmetric.HistogramDataPoint, k meterKey, start, now pcommon.Timestamp) {
	p.SetStartTimestamp(start)
	p.SetTimestamp(now)
	p.SetCount(m.count)
	p.SetSum(m.sum)
	p.SetMin(m.min)
	p.SetMax(m.max)
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(m.buckets)
	a := p.Attributes()
	a.PutStr("http.request.method", k.method)
	a.PutStr("http.route", k.route)
	a.PutInt("http.response.status_code", int64(k.status))
	if m.slowest > 0 {
		ex := p.Exemplars().AppendEmpty()
		ex.SetDoubleValue(m.slowest)
		ex.SetTraceID(m.trace)
		ex.SetSpanID(m.span)
		ex.SetTimestamp(m.at)
		m.slowest = 0
	}
}

// runtime writes what every process reports of itself.
func (g *Generator) runtime(c *collector, src source, start, now pcommon.Timestamp, at time.Time) {
	r := g.w.random(streamMetrics, uint64(at.UnixNano()), uint64(g.w.services[src.service].repoID), uint64(len(src.environment)))
	load := g.w.traffic(at)

	memory := c.metric(src, "process.memory.usage", "By", "Physical memory in use.").SetEmptySum()
	memory.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	number(memory.DataPoints().AppendEmpty(), start, now).SetIntValue(int64((180 + 40*load + 12*r.Float64()) * (1 << 20)))

	cpu := c.metric(src, "process.cpu.time", "s", "Processor time by mode.").SetEmptySum()
	cpu.SetIsMonotonic(true)
	cpu.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, mode := range []struct {
		name  string
		share float64
	}{{"user", 0.11}, {"system", 0.03}} {
		p := number(cpu.DataPoints().AppendEmpty(), start, now)
		p.SetDoubleValue(mode.share * at.Sub(g.meters.start).Seconds())
		p.Attributes().PutStr("cpu.mode", mode.name)
	}

	pool := c.metric(src, "db.client.connection.count", "{connection}", "Connections of the pool by state.").SetEmptyGauge()
	busy := int64(load*2) + int64(r.IntN(3))
	for _, state := range []struct {
		name string
		n    int64
	}{{"used", busy}, {"idle", 10 - min(10, busy)}} {
		p := number(pool.DataPoints().AppendEmpty(), 0, now)
		p.SetIntValue(state.n)
		p.Attributes().PutStr("db.client.connection.state", state.name)
	}
}

// business writes what the shop's owners look at: orders, and the time of the payment gateway as an exponential
// histogram of the time since the last export.
func (g *Generator) business(c *collector, environment string, start, now pcommon.Timestamp, at time.Time) {
	orders := c.metric(g.w.source("checkout", environment, 0, at), "shop.orders", "{order}", "Orders placed.").SetEmptySum()
	orders.SetIsMonotonic(true)
	orders.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := number(orders.DataPoints().AppendEmpty(), start, now)
	p.SetIntValue(int64(g.meters.orders[environment]))
	p.Attributes().PutStr("shop.currency", "EUR")

	values := g.meters.gateway[environment]
	if len(values) == 0 {
		return
	}
	g.meters.gateway[environment] = nil
	h := c.metric(g.w.source("payments", environment, 0, at), "payments.gateway.duration", "s", "Time to the gateway's answer.").SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	exponential(h.DataPoints().AppendEmpty(), values, pcommon.NewTimestampFromTime(at.Add(-metricsStride)), now)
}

func number(p pmetric.NumberDataPoint, start, now pcommon.Timestamp) pmetric.NumberDataPoint {
	p.SetStartTimestamp(start)
	p.SetTimestamp(now)
	return p
}

// exponential writes values as a base-2 histogram of scale 3, eight buckets per doubling.
func exponential(p pmetric.ExponentialHistogramDataPoint, values []float64, start, now pcommon.Timestamp) {
	const scale = 3
	p.SetStartTimestamp(start)
	p.SetTimestamp(now)
	p.SetScale(scale)
	p.SetCount(uint64(len(values)))
	index := func(v float64) int { return int(math.Ceil(math.Log2(v)*math.Exp2(scale))) - 1 }
	lowest, highest, sum := index(slices.Min(values)), index(slices.Max(values)), 0.0
	counts := make([]uint64, highest-lowest+1)
	for _, v := range values {
		sum += v
		counts[index(v)-lowest]++
	}
	p.SetSum(sum)
	p.SetMin(slices.Min(values))
	p.SetMax(slices.Max(values))
	p.Positive().SetOffset(int32(lowest))
	p.Positive().BucketCounts().FromRaw(counts)
}
