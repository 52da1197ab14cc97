package writer

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// badPoints gathers the data points of one resource that go to quarantine, by reason.
type badPoints struct {
	resource pmetric.ResourceMetrics
	groups   []badPointGroup
}

type badPointGroup struct {
	reason, detail string
	points         pmetric.Metrics
	scope          pmetric.ScopeMetrics
	fromScope      pmetric.ScopeMetrics
	metric         pmetric.Metric
	fromMetric     pmetric.Metric
}

func (p *badPoints) group(reason, detail string) *badPointGroup {
	for i := range p.groups {
		if p.groups[i].reason == reason {
			return &p.groups[i]
		}
	}
	g := badPointGroup{reason: reason, detail: detail, points: pmetric.NewMetrics()}
	rm := g.points.ResourceMetrics().AppendEmpty()
	p.resource.Resource().CopyTo(rm.Resource())
	rm.SetSchemaUrl(p.resource.SchemaUrl())
	p.groups = append(p.groups, g)
	return &p.groups[len(p.groups)-1]
}

// add copies the writer's present point to its group, under its resource, scope and metric; put writes the point itself.
func (p *badPoints) add(w *metricWriter, reason, detail string, put func(pmetric.Metric)) {
	g := p.group(reason, detail)
	if g.fromScope != w.scope {
		g.fromScope = w.scope
		g.scope = g.points.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty()
		w.scope.Scope().CopyTo(g.scope.Scope())
		g.scope.SetSchemaUrl(w.scope.SchemaUrl())
	}
	if g.fromMetric != w.m {
		g.fromMetric = w.m
		g.metric = g.scope.Metrics().AppendEmpty()
		copyHead(w.m, g.metric)
	}
	put(g.metric)
}

// copyHead copies a metric without its points.
func copyHead(from, to pmetric.Metric) {
	to.SetName(from.Name())
	to.SetUnit(from.Unit())
	to.SetDescription(from.Description())
	from.Metadata().CopyTo(to.Metadata())
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		to.SetEmptyGauge()
	case pmetric.MetricTypeSum:
		to.SetEmptySum().SetIsMonotonic(from.Sum().IsMonotonic())
		to.Sum().SetAggregationTemporality(from.Sum().AggregationTemporality())
	case pmetric.MetricTypeHistogram:
		to.SetEmptyHistogram().SetAggregationTemporality(from.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(from.ExponentialHistogram().AggregationTemporality())
	case pmetric.MetricTypeSummary:
		to.SetEmptySummary()
	case pmetric.MetricTypeEmpty:
	}
}

// all takes every point of the resource.
func (p *badPoints) all(reason, detail string) {
	g := p.group(reason, detail)
	p.resource.CopyTo(g.points.ResourceMetrics().At(0))
}

func (b *Batch) quarantinePoints(r *resource, bad *badPoints) {
	for i := range bad.groups {
		g := &bad.groups[i]
		// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
		payload, _ := (&pmetric.ProtoMarshaler{}).MarshalMetrics(g.points)
		b.quarantine(r, SignalMetrics, g.reason, g.detail, g.points.DataPointCount(), payload)
	}
}
