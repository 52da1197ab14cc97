package quota

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/tenant"
)

func TestRowsAreBoundedPerTenantAndDay(t *testing.T) {
	q, k := New(3), Key{tenant.Default, 1}
	require.True(t, q.Admits(k, 2))
	require.False(t, q.Admits(k, 3), "the batch has them all")
	require.Zero(t, q.Used(k), "asking counts nothing")
	q.Count(k, 2)
	require.True(t, q.Admits(k, 0))
	require.False(t, q.Admits(k, 1))
	q.Count(k, 1)
	require.False(t, q.Admits(k, 0))
	require.True(t, q.Admits(Key{tenant.Default, 2}, 0), "another day")
	require.True(t, q.Admits(Key{tenant.ID{1}, 1}, 0), "another tenant")
}

func TestCountingBeginsAnewWhenThereAreTooManyKeys(t *testing.T) {
	q, k := New(1), Key{tenant.Default, 0}
	for day := range int32(maxKeys) {
		q.Count(Key{tenant.Default, day}, 1)
	}
	q.Count(k, 1)
	require.Equal(t, 2, q.Used(k), "a known key needs no room")
	q.Count(Key{tenant.Default, maxKeys}, 1)
	require.Zero(t, q.Used(k))
	require.Len(t, q.used, 1)
}
