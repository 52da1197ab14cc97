package rollup

import (
	"slices"
	"time"
)

// Window is the width of a rollup row.
const Window = 5 * time.Minute

// span is a run of neighbouring windows inside one hour: one statement computes it.
type span struct{ from, to int64 }

// hour is the ts_bucket that holds the span.
func (s span) hour() int64 { return s.from - s.from%int64(time.Hour/time.Second) }

// dirty holds the starts of windows that have samples not yet in the rollup, with the time when each was touched last.
type dirty map[int64]time.Time

func (d dirty) touch(windows []int64, now time.Time) {
	for _, w := range windows {
		d[w-w%int64(Window/time.Second)] = now
	}
}

// take removes the windows that ended at least delay ago and were not touched for as long, and gives them as spans. Late
// samples come in many inserts: the wait lets one computation serve them all.
func (d dirty) take(now time.Time, delay time.Duration) []span {
	var ready []int64
	for w, touched := range d {
		end := time.Unix(w, 0).Add(Window)
		if !now.Before(end.Add(delay)) && !now.Before(touched.Add(delay)) {
			ready = append(ready, w)
			delete(d, w)
		}
	}
	return join(ready)
}

// join makes spans of window starts.
func join(starts []int64) []span {
	slices.Sort(starts)
	const width = int64(Window / time.Second)
	var out []span
	for _, w := range starts {
		next := span{w, w + width}
		if n := len(out); n > 0 && out[n-1].to == w && out[n-1].hour() == next.hour() {
			out[n-1].to = next.to
			continue
		}
		out = append(out, next)
	}
	return out
}

// starts gives a span's windows back.
func (s span) starts() []int64 {
	var out []int64
	for w := s.from; w < s.to; w += int64(Window / time.Second) {
		out = append(out, w)
	}
	return out
}
