package metamorphic_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A changed retention holds for the rows that come after it, and what goes goes by whole parts.
func TestRetentionHoldsForNewRowsAndDropsWholeParts(t *testing.T) {
	s := &store{test: t, dir: t.TempDir()}
	s.open(t)
	t.Cleanup(func() { require.NoError(t, s.engine.Close()) })
	s.hold(t)
	m := newModel()
	// The same day, before and after the tenant's retention was cut from 30 days to 7, and back.
	s.send(t, m, "0", someSpans(0, 30, class{20, 30}))
	s.send(t, m, "1", someSpans(30, 30, class{20, 7}))
	s.send(t, m, "2", append(someSpans(60, 10, class{20, 30}), someSpans(70, 10, class{20, 7})...))
	s.send(t, m, "3", someSpans(80, 10, class{0, 7}))
	s.check(t, m)
	s.merge(t)
	s.check(t, m)
	before := s.partitions(t)
	require.Len(t, before, 6, "one for each day and class, in both tables")
	for _, name := range touched[:2] {
		s.exec(t, "SYSTEM START TTL MERGES %s", name)
		s.exec(t, "OPTIMIZE TABLE %s FINAL", name)
	}
	m.expire()
	require.Len(t, m.copies, 50, "of 90 spans the 40 of the old day's short class go")
	s.check(t, m)
	gone := someDay().AddDate(0, 0, -20).Format("('2006-01-02',7)")
	want := map[string]uint64{}
	for name, rows := range before {
		if !strings.HasSuffix(name, gone) {
			want[name] = rows
		}
	}
	require.Len(t, want, 4)
	require.Equal(t, want, s.partitions(t), "what goes goes whole, and nothing else changes")
}

// partitions gives the rows of each partition of the tables whose rows have the spans' retention.
func (s *store) partitions(t *testing.T) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	s.scan(t, `SELECT concat(table, ' ', partition), sum(rows) FROM system.parts
		WHERE database = currentDatabase() AND active AND rows > 0 AND table IN ('events_trace_v1', 'trace_index_v1') GROUP BY ALL`,
		func(row func(...any) error) error {
			var name string
			var n uint64
			err := row(&name, &n)
			out[name] = n
			return err
		})
	return out
}
