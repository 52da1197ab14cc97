package writer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/quota"
	"github.com/summitobs/summit/internal/tenant"
)

// What a sender sends again and again while the queue is full must not use up its patterns.
func TestOnlyStoredPatternsCount(t *testing.T) {
	e := New(Options{})
	day := quota.Key{Tenant: tenant.Default, Day: dayOf(e.opts.Now())}
	take := func(commit bool, bodies ...string) {
		b := e.begin()
		for _, body := range bodies {
			require.NotZero(t, b.pattern(tenant.Default, body, b.now.UnixNano()))
		}
		if commit {
			b.Committed()
		}
		b.Release()
	}
	for range 10 {
		take(false, "user logged in", "user logged out")
	}
	require.Zero(t, e.own.patterns.Used(day), "refused ones")
	one, two := e.begin(), e.begin() // at the same time
	for _, b := range []*Batch{one, two} {
		require.NotZero(t, b.pattern(tenant.Default, "user logged in", b.now.UnixNano()))
		b.Committed()
	}
	require.Equal(t, 1, e.own.patterns.Used(day))
	take(true, "user logged in", "user logged out")
	require.Equal(t, 2, e.own.patterns.Used(day))

	e.own.patterns.Count(day, maxPatterns-3)
	b := e.begin()
	require.NotZero(t, b.pattern(tenant.Default, "the last that fits", b.now.UnixNano()))
	require.Zero(t, b.pattern(tenant.Default, "one too many", b.now.UnixNano()))
}

// A batch that once had many keys must not make every later one pay for them.
func TestLargeMapsAreNotKept(t *testing.T) {
	small := map[int]int{1: 1}
	kept := emptied(small)
	kept[2] = 2
	require.Equal(t, map[int]int{2: 2}, small, "the same map")

	e := New(Options{})
	b := e.begin()
	large := b.pending
	for i := range uint64(maxKeptKeys + 1) {
		require.True(t, b.first(storedKey{lo: i}))
	}
	b.Release()
	require.Empty(t, b.pending)
	require.Len(t, large, maxKeptKeys+1, "left to the collector, not emptied")
}

func TestRecordsBeyondTheBoundHaveNoPattern(t *testing.T) {
	e := New(Options{})
	b := e.begin()
	at := b.now.UnixNano()
	known := b.pattern(tenant.Default, "user 1 logged in", at)
	require.NotZero(t, known)
	e.own.patterns.Count(quota.Key{Tenant: tenant.Default, Day: dayOf(b.now)}, maxPatterns)
	require.Zero(t, b.pattern(tenant.Default, "user 1 logged out", at))
	require.Equal(t, known, b.pattern(tenant.Default, "user 2 logged in", at), "a known pattern stays")
	require.Equal(t, 1, b.Rows())
}
