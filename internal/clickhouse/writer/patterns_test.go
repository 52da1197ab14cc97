package writer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/tenant"
)

func TestPatternsAreBoundedPerTenantAndDay(t *testing.T) {
	var q patternQuota
	for range maxPatterns {
		require.True(t, q.admit(tenant.Default, 1))
	}
	require.False(t, q.admit(tenant.Default, 1))
	require.True(t, q.admit(tenant.Default, 2), "another day")
	require.True(t, q.admit(tenant.ID{1}, 1), "another tenant")
}

func TestRecordsBeyondTheBoundHaveNoPattern(t *testing.T) {
	e := New(Options{})
	b := e.begin()
	at := b.now.UnixNano()
	known := b.pattern(tenant.Default, "user 1 logged in", at)
	require.NotZero(t, known)
	e.own.patterns.used[tenantDay{tenant.Default, dayOf(b.now)}] = maxPatterns
	require.Zero(t, b.pattern(tenant.Default, "user 1 logged out", at))
	require.Equal(t, known, b.pattern(tenant.Default, "user 2 logged in", at), "a known pattern stays")
	require.Equal(t, 1, b.Rows())
}
