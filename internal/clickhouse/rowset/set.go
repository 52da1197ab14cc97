// Package rowset is the way out of the durable queue: a Set gathers the records that package writer made, and gives one
// sorted block per table, with the rows that are computed per segment: catalogs, facets and counts.
package rowset

import (
	"maps"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/bind"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// Set gathers the records of one queue segment, and adds the rows that are computed per segment. It is used by one goroutine.
type Set struct{ *segment.Set }

// New makes the set of a segment that was opened at the given time, which becomes the rows' ingested_at.
func New(openedAt time.Time) *Set {
	s := &Set{}
	run := make([]segment.Deriver, 0, len(derivers))
	for _, name := range slices.Sorted(maps.Keys(derivers)) {
		run = append(run, segment.Deriver{Name: name, Run: func() error { return derivers[name](s) }})
	}
	s.Set = segment.NewSet(openedAt, run)
	return s
}

// derivers compute rows from the gathered columns of a segment, in the order of their names. They must give the same rows
// for the same columns, so that a replayed segment is the same INSERT.
var derivers = map[string]func(*Set) error{}

// columnOf gives a gathered column, for derivers; ok is false where no record had it.
func columnOf[C column.Column](s *Set, t *table.Table, name string) (c C, ok bool) {
	c, ok = s.Column(t, name).(C)
	return c, ok
}

// derive appends rows to a table, whose columns fill writes through the struct T as an encoder does.
func derive[T any](s *Set, t *table.Table, fill func(cols *T)) error {
	cols := new(T)
	named := bind.Columns(t, cols)
	fill(cols)
	return s.Append(t, named)
}

// sampleWindow is the width of the windows that SampleWindows tells, those of metrics_runtime_5m_v1.
const sampleWindow = 300

// SampleWindows gives the starts, in unix seconds, of the five-minute windows that the segment's samples lie in: what the
// rollup of samples must compute once the segment is in the store.
func (s *Set) SampleWindows() []int64 {
	times, ok := columnOf[*column.Num[int64]](s, table.Samples, "timestamp")
	if !ok {
		return nil
	}
	seen := map[int64]struct{}{}
	last := int64(-1)
	for _, at := range times.Data {
		if w := int64(bucketOf(at, sampleWindow)); w != last {
			seen[w] = struct{}{}
			last = w
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// bucketOf rounds a time in ns down to the width, in seconds. Times before 1970 are in the bucket of 1970.
func bucketOf(ns int64, width uint32) uint32 {
	s := uint32(max(ns, 0) / int64(time.Second))
	return s - s%width
}
