package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/summitobs/summit/testbed/figure"
)

// series gives the values of one property after the warm-up.
func (s *soak) series(of func(sample) float64) (hours, values []float64) {
	for _, n := range s.samples {
		if n.at >= s.warm {
			hours = append(hours, n.at.Hours())
			values = append(values, of(n))
		}
	}
	return hours, values
}

// maxPoints bounds the pairs that a slope is made of: a day has 8640 samples.
const maxPoints = 1000

// slope is the median of the slopes between all pairs of points (Theil and Sen's): a few outliers, such as those of a
// merge, don't move it.
func slope(x, y []float64) float64 {
	if step := (len(x) + maxPoints - 1) / maxPoints; step > 1 {
		x, y = every(x, step), every(y, step)
	}
	var all []float64
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			if x[j] != x[i] {
				all = append(all, (y[j]-y[i])/(x[j]-x[i]))
			}
		}
	}
	return median(all)
}

func every(v []float64, step int) (out []float64) {
	for i := 0; i < len(v); i += step {
		out = append(out, v[i])
	}
	return out
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

// verdict gives the figures, and the errors of what isn't as it should be.
func (s *soak) verdict() (figures []figure.Figure, faults []error) {
	add := func(name string, value float64, unit, note string) {
		figures = append(figures, figure.Figure{Name: name, Value: value, Unit: unit, Note: note})
	}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	for _, p := range []struct {
		name, unit string
		of         func(sample) float64
		limit      float64
	}{
		{"rss", "MB", func(n sample) float64 { return n.rss }, s.limits.rss},
		{"fd", "", func(n sample) float64 { return n.descriptors }, s.limits.descriptors},
		{"threads", "", func(n sample) float64 { return n.threads }, s.limits.threads},
		{"goroutines", "", func(n sample) float64 { return n.goroutines }, s.limits.goroutines},
	} {
		hours, values := s.series(p.of)
		rate := slope(hours, values)
		add("soak."+p.name+".slope", rate, p.unit+"/h", fmt.Sprintf("median %.4g, from %.4g to %.4g; at most %g", median(values), slices.Min(values), slices.Max(values), p.limit))
		if !(rate <= p.limit) { // of no number too
			fault("%s grows by %.4g %s/h, at most %g is flat", p.name, rate, p.unit, p.limit)
		}
	}
	s.bound(add, fault)

	items, runs := int64(0), len(s.sent.runs)
	for _, n := range s.sent.items {
		items += n
	}
	add("soak.rows.lost", float64(s.lost), "rows", fmt.Sprintf("of %d acknowledged; %d build runs delivered, %d of them missing; %d rows too many; %d refusals", items, runs, len(s.missing), s.doubled, s.sent.refusals))
	if items == 0 || runs == 0 || s.asked == 0 {
		fault("nothing was acknowledged: %d items, %d build runs, %d queries", items, runs, s.asked)
	}
	if s.lost+s.doubled > 0 || len(s.missing) > 0 {
		fault("acknowledged isn't stored: %d rows are lost, %d are there too many, build runs %v are missing", s.lost, s.doubled, s.missing)
	}
	return figures, faults
}

// bound judges what may go up and down but not beyond a bound.
func (s *soak) bound(add func(string, float64, string, string), fault func(string, ...any)) {
	_, most := s.series(func(n sample) float64 { return n.most })
	_, all := s.series(func(n sample) float64 { return n.parts })
	_, queue := s.series(func(n sample) float64 { return n.queue })
	_, cpu := s.series(func(n sample) float64 { return n.cpu })
	add("soak.parts.max", slices.Max(most), "parts", fmt.Sprintf("of one table; of all together %.0f; at most %g", slices.Max(all), s.limits.parts))
	add("soak.queue.max", slices.Max(queue), "MB", fmt.Sprintf("waiting for the store; at most %g", s.limits.queue))
	add("soak.cpu", median(cpu), "of one core", fmt.Sprintf("median over %s", (s.length-s.warm).Round(time.Second)))
	if slices.Max(most) > s.limits.parts {
		fault("a table has %.0f parts, at most %g may be", slices.Max(most), s.limits.parts)
	}
	if slices.Max(queue) > s.limits.queue {
		fault("%.1f MB waited in the queue, at most %g may", slices.Max(queue), s.limits.queue)
	}
}
