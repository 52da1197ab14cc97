package writer

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/bind"
	"github.com/summitobs/summit/internal/clickhouse/buildrows"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// The columns that encoders fill are the table's, in its order; what is left out has a default that is right.
func TestStructsAreTheirTables(t *testing.T) {
	for _, tc := range []struct {
		table *table.Table
		cols  any
		left  []string
	}{
		{table.Resources, &resourceColumns{}, nil},
		{table.Spans, &spanColumns{}, []string{segment.IngestedAt}},
		{table.Errors, &errorColumns{}, []string{
			"breadcrumbs.ts", "breadcrumbs.category", "breadcrumbs.level", "breadcrumbs.message", "breadcrumbs.data", "contexts", segment.IngestedAt,
		}},
		{table.BucketHistory, &bucketColumns{}, nil},
		{table.Quarantine, &quarantineColumns{}, []string{segment.IngestedAt}},
		{table.Builds, &buildrows.Builds{}, []string{segment.IngestedAt}},
		{table.Deploys, &buildrows.Deploys{}, []string{segment.IngestedAt}},
		{table.GraphNodes, &buildrows.Nodes{}, []string{"deleted", segment.IngestedAt}},
		{table.GraphEdges, &buildrows.Edges{}, []string{"deleted", segment.IngestedAt}},
	} {
		t.Run(tc.table.Name, func(t *testing.T) {
			named := bind.Columns(tc.table, tc.cols)
			var want, got []string
			for _, c := range tc.table.Columns {
				if !slices.Contains(tc.left, c.Name) {
					want = append(want, c.Name+" "+c.Type)
				}
			}
			for _, n := range named {
				got = append(got, n.Name+" "+n.Column.Type())
			}
			require.Equal(t, want, got)
		})
	}
}

func TestStoredForgetsTheOldest(t *testing.T) {
	var s stored
	s.init()
	key := func(n int) storedKey { return storedKey{kind: storedSeries, lo: uint64(n)} }
	for n := range maxStored + 2 {
		s.add(map[storedKey]struct{}{key(n): {}}, func(storedKey) {})
	}
	require.True(t, s.has(key(0)), "the last generation is still known")
	require.True(t, s.has(key(maxStored+1)))
	require.False(t, s.has(key(maxStored+2)))
	for n := range maxStored {
		s.add(map[storedKey]struct{}{key(n + maxStored + 2): {}}, func(storedKey) {})
	}
	require.False(t, s.has(key(0)))
}

func TestBucketsAreRoundedDown(t *testing.T) {
	require.EqualValues(t, 1_700_000_100, bucketOf(1_700_000_399_999_999_999, spanBucket))
	require.EqualValues(t, 1_700_000_400, bucketOf(1_700_000_400_000_000_000, spanBucket))
	require.EqualValues(t, 0, bucketOf(-5, spanBucket))
}
