package writer

import (
	"maps"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// ingestedAt is the column that no encoder fills: it has one value in all rows of a segment.
const ingestedAt = segment.IngestedAt

// Set gathers the records of one queue segment, and adds the rows that are computed per segment: catalogs and counts.
// It is used by one goroutine.
type Set struct{ *segment.Set }

// Insert is one table's rows as one INSERT.
type Insert = segment.Insert

// NewSet makes the set of a segment that was opened at the given time, which becomes the rows' ingested_at.
func NewSet(openedAt time.Time) *Set {
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
	named := bind(t, cols)
	fill(cols)
	return s.Append(t, named)
}
