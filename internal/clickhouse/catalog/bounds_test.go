package catalog

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/tenant"
)

// oldTable has one row per window, each with all of the keys, every key with another value in every window.
func oldTable(windows, keys int) *Table {
	tenants, times := column.NewFixed("UUID", 16), column.NewNum[int64]("DateTime64(9)")
	names, attrs := column.NewLowCard(), column.NewMap(column.NewStr())
	for w := range windows {
		tenants.AppendUUID(tenant.Default)
		times.Append(noon.Add(-time.Duration(w) * Window).UnixNano())
		names.Append("name " + strconv.Itoa(w))
		for k := range keys {
			attrs.Keys.Append("key " + strconv.Itoa(k))
			attrs.Values.(*column.Str).Append(strconv.Itoa(w))
		}
		attrs.EndRow()
	}
	return &Table{Signal: Logs, Tenants: tenants, Times: times,
		Attributes: []Attributes{{Level: Record, Type: String, Map: attrs, Facets: true}},
		Promoted:   []Promoted{{Key: "name", Values: names}}}
}

// counted gives a counter of the table and the bytes that counting took.
func counted(t *Table) (c *Counter, bytes uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c = NewCounter(nil)
	c.Add(t)
	runtime.ReadMemStats(&after)
	return c, after.TotalAlloc - before.TotalAlloc
}

func hits(c *Counter) (sum, rest uint64) {
	for _, a := range c.Attrs() {
		sum += a.Hits
		if a.Key == OverflowKey {
			rest += a.Hits
		}
	}
	return sum, rest
}

// TestOldDataIsCountedInLittleMemory counts a month that is sent at once: windows by the thousand, each with all keys.
func TestOldDataIsCountedInLittleMemory(t *testing.T) {
	const windows, keys = 2880, 80
	c, bytes := counted(oldTable(windows, keys))
	require.Less(t, bytes, uint64(300<<20), "bytes allocated")
	sum, rest := hits(c)
	require.EqualValues(t, windows*keys, sum)
	require.Zero(t, rest)
	records := map[string]uint64{}
	for _, f := range c.Facets() {
		records[f.Key] += f.Records
	}
	require.Len(t, records, keys+1)
	for key, n := range records {
		require.EqualValues(t, windows, n, key)
	}
}

func TestWindowsBeyondTheBoundAreCountedByMonth(t *testing.T) {
	const windows, keys = maxPlaces + 3000, 2
	c, _ := counted(oldTable(windows, keys))
	sum, rest := hits(c)
	require.EqualValues(t, windows*keys, sum, "the catalog counts every row")
	require.Zero(t, rest)
	at := map[int64]bool{}
	for _, f := range c.Facets() {
		at[f.At.Unix()] = true
	}
	require.Equal(t, maxPlaces, len(at), "the oldest windows have no facets")
}

func TestKeysBeyondTheBoundAreCountedTogether(t *testing.T) {
	const windows, keys = 1000, 600
	c, bytes := counted(oldTable(windows, keys))
	require.Less(t, bytes, uint64(500<<20))
	sum, rest := hits(c)
	require.EqualValues(t, windows*keys, sum)
	require.EqualValues(t, windows*keys-maxStats, rest)
	require.LessOrEqual(t, len(c.Facets()), maxFacets+windows)
	again, _ := counted(oldTable(windows, keys))
	require.True(t, slices.Equal(c.Attrs(), again.Attrs()))
	require.True(t, slices.Equal(c.Facets(), again.Facets()))
}
