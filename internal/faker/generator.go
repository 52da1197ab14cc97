package faker

import (
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Strides of the generator.
const (
	// historyStride is how much time one batch of history covers.
	historyStride = time.Minute
	// metricsStride is how often metrics are exported.
	metricsStride = time.Minute
)

// Generator makes the telemetry of a world in the order of time. It keeps the cumulative state of metrics, so one
// generator makes one continuous stream. Not for concurrent use.
type Generator struct {
	w       *World
	at      time.Time
	index   uint64
	metered time.Time
	meters  meters
}

// Generator starts at the beginning of the history.
func (w *World) Generator() *Generator {
	return &Generator{w: w, at: w.start, metered: w.start, meters: newMeters(w.start)}
}

// SkipTo moves the generator without making anything, for live traffic without a history. Its cumulative metrics start
// at the time that it skips to.
func (g *Generator) SkipTo(at time.Time) {
	g.at, g.metered, g.meters = at, at, newMeters(at)
}

// History makes all batches up to the world's base time.
func (g *Generator) History() iter.Seq[Batch] {
	w := g.w
	total := 0.0
	for t := w.start; t.Before(w.settings.Base); t = t.Add(historyStride) {
		total += w.traffic(t)
	}
	return func(yield func(Batch) bool) {
		for g.at.Before(w.settings.Base) {
			to := g.at.Add(historyStride)
			if to.After(w.settings.Base) {
				to = w.settings.Base
			}
			if !yield(g.Next(to, float64(w.settings.Traces)*w.traffic(g.at)/total)) {
				return
			}
		}
	}
}

// traffic is the relative amount of visits at a time: a day's wave, and the last eighth of the history denser than the
// rest, because that is where people look.
func (w *World) traffic(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	wave := 1 + 0.55*math.Sin((hour-9)/24*2*math.Pi)
	if w.settings.Base.Sub(at) < w.settings.History/8 {
		wave *= 3
	}
	return wave
}

// Next makes the telemetry from where the generator stands to a later time, with a number of traces that is traces on
// average.
func (g *Generator) Next(to time.Time, traces float64) Batch {
	from := g.at
	g.at = to
	g.index++
	r := g.w.random(streamTraces, g.index, uint64(from.UnixNano()))
	c := newCollector(g.w, from, to)
	n := int(traces)
	if r.Float64() < traces-float64(n) {
		n++
	}
	for range n {
		g.visit(c, r, from.Add(time.Duration(r.Int64N(max(1, int64(to.Sub(from)))))))
	}
	if to.Sub(g.metered) >= metricsStride || to.Equal(g.w.settings.Base) {
		g.metered = to
		g.export(c, to)
	}
	return c.batch
}

// visit makes one trace.
func (g *Generator) visit(c *collector, r *rand.Rand, at time.Time) {
	total := 0.0
	for i := range journeys {
		total += journeys[i].weight
	}
	x := r.Float64() * total
	root := &journeys[0].root
	for i := range journeys {
		if x -= journeys[i].weight; x < 0 {
			root = &journeys[i].root
			break
		}
	}
	v := &visit{g: g, c: c, r: r, environment: production, product: 1000 + r.IntN(400)}
	if r.Float64() < 0.12 {
		v.environment = staging
	}
	fill(r, v.id[:])
	user := r.IntN(700)
	v.user = "u-" + strconv.Itoa(user)
	v.session = "s-" + strconv.FormatUint(mix(uint64(user)<<32|uint64(at.Unix()/1800))>>20, 16)
	v.serve(root, [8]byte{}, at)
}
