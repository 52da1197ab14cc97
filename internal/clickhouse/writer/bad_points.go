package writer

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/otlpitem"
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
	// place is where the metric was in the request, one more than that, so that none is zero.
	place [2]int
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
	if place := [2]int{w.place[0] + 1, w.place[1] + 1}; g.place != place {
		g.place = place
		g.metric = g.scope.Metrics().AppendEmpty()
		w.m.CopyTo(g.metric)
	}
	put(g.metric)
}

// all takes every point of the resource.
func (p *badPoints) all(from otlpitem.Metrics, reason, detail string) error {
	rm := p.group(reason, detail).points.ResourceMetrics().At(0)
	for i, sm := range from.Head().ScopeMetrics().All() {
		to := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().CopyTo(to.Scope())
		to.SetSchemaUrl(sm.SchemaUrl())
		for j := range from.Len(i) {
			m, err := from.Whole(i, j)
			if err != nil {
				return err
			}
			m.CopyTo(to.Metrics().AppendEmpty())
		}
	}
	return nil
}

func (b *Batch) quarantinePoints(r *resource, bad *badPoints) {
	for i := range bad.groups {
		g := &bad.groups[i]
		// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
		payload, _ := (&pmetric.ProtoMarshaler{}).MarshalMetrics(g.points)
		b.quarantine(r, SignalMetrics, g.reason, g.detail, g.points.DataPointCount(), payload)
	}
}
