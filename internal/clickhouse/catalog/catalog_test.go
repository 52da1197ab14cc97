package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/tenant"
)

// item is one row of a test's table.
type item struct {
	tenant  tenant.ID
	at      time.Time
	failed  bool
	service string
	str     map[string]string
	num     map[string]int64
	anyv    map[string]string
	events  []map[string]string
}

// rowsTable builds the columns that an encoder would.
func rowsTable(items ...item) *Table {
	tenants, times := column.NewFixed("UUID", 16), column.NewNum[int64]("DateTime64(9)")
	services := column.NewLowCard()
	str, num, anyv := column.NewMap(column.NewStr()), column.NewMap(column.NewNum[int64]("Int64")), column.NewMap(column.NewStr())
	event := column.NewMap(column.NewStr())
	events := column.NewArray(event)
	for _, it := range items {
		tenants.AppendUUID(it.tenant)
		times.Append(it.at.UnixNano())
		services.Append(it.service)
		fill(str, it.str, func(v string) { str.Values.(*column.Str).Append(v) })
		fill(num, it.num, num.Values.(*column.Num[int64]).Append)
		fill(anyv, it.anyv, func(v string) { anyv.Values.(*column.Str).Append(v) })
		for _, e := range it.events {
			fill(event, e, func(v string) { event.Values.(*column.Str).Append(v) })
		}
		events.EndRow()
	}
	return &Table{
		Signal: Logs, Tenants: tenants, Times: times, Failed: func(row int) bool { return items[row].failed },
		Attributes: []Attributes{
			{Level: Record, Type: String, Map: str, Facets: true}, {Level: Record, Type: Int, Map: num, Facets: true},
			{Level: Record, Map: anyv}, {Level: Event, Type: String, Map: event, Nested: events},
		},
		Promoted: []Promoted{{Key: "service_name", Values: services}},
	}
}

func fill[V any](m *column.Map, pairs map[string]V, add func(V)) {
	for k, v := range pairs {
		m.Keys.Append(k)
		add(v)
	}
	m.EndRow()
}

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	month = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	other = tenant.ID{1, 9: 2}
)

func TestCounter(t *testing.T) {
	c := NewCounter(nil)
	c.Add(rowsTable(
		item{tenant.Default, noon, false, "shop", map[string]string{"method": "GET"}, map[string]int64{"status": 200}, nil, nil},
		item{tenant.Default, noon.Add(16 * time.Minute), true, "shop", map[string]string{"method": "GET"}, map[string]int64{"status": -1}, map[string]string{"list": "\x2a\x00", "gone": ""}, nil},
		item{tenant.Default, noon.Add(time.Minute), true, "cart", map[string]string{"method": "PUT"}, nil, map[string]string{"list": "\x3a\x01x"}, []map[string]string{{"e": "1"}, {}, {"e": "2"}}},
		item{other, noon, false, "", map[string]string{"method": "GET"}, nil, nil, nil},
	))
	c.Cut(tenant.Default, Logs, "method", 2)
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	require.Equal(t, []Attr{
		{tenant.Default, Logs, Event, "e", String, month, at(1), at(1), 2, 2, 2, 0},
		{tenant.Default, Logs, Record, "gone", Empty, month, at(16), at(16), 1, 1, 0, 0},
		{tenant.Default, Logs, Record, "list", Bytes, month, at(1), at(1), 1, 2, 3, 0},
		{tenant.Default, Logs, Record, "list", Array, month, at(16), at(16), 1, 2, 2, 0},
		{tenant.Default, Logs, Record, "method", String, month, at(0), at(16), 3, 2, 9, 2},
		{tenant.Default, Logs, Record, "status", Int, month, at(0), at(16), 2, 2, 16, 0},
		{other, Logs, Record, "method", String, month, at(0), at(0), 1, 1, 3, 0},
	}, c.Attrs())
	require.Equal(t, []Facet{
		{tenant.Default, Logs, "method", noon, "GET", false, 1, 0},
		{tenant.Default, Logs, "method", noon, "PUT", false, 1, 1},
		{tenant.Default, Logs, "method", at(15), "GET", false, 1, 1},
		{tenant.Default, Logs, "service_name", noon, "cart", false, 1, 1},
		{tenant.Default, Logs, "service_name", noon, "shop", false, 1, 0},
		{tenant.Default, Logs, "service_name", at(15), "shop", false, 1, 1},
		{tenant.Default, Logs, "status", noon, "200", false, 1, 0},
		{tenant.Default, Logs, "status", at(15), "-1", false, 1, 1},
		{other, Logs, "method", noon, "GET", false, 1, 0},
	}, c.Facets())
}

func TestRowsThatDontCount(t *testing.T) {
	in := rowsTable(
		item{tenant.Default, noon, false, "shop", map[string]string{"k": "in"}, nil, nil, nil},
		item{other, noon, false, "cart", map[string]string{"k": "out"}, nil, nil, nil},
	)
	in.Only = func(row int) bool { return row == 0 }
	c := NewCounter(nil)
	c.Add(in)
	require.Equal(t, []Facet{{tenant.Default, Logs, "k", noon, "in", false, 1, 0}, {tenant.Default, Logs, "service_name", noon, "shop", false, 1, 0}}, c.Facets())
	require.Len(t, c.Attrs(), 1)
	in.Only = func(int) bool { return false }
	c = NewCounter(nil)
	c.Add(in)
	require.Empty(t, c.Attrs())
	require.Empty(t, c.Facets())
}

func TestFacetsAreBounded(t *testing.T) {
	var items []item
	for i := range 3 * MaxFacetValue {
		items = append(items, item{tenant.Default, noon, i%2 == 0, fmt.Sprint("s", i), map[string]string{"id": fmt.Sprint(i)}, nil, nil, nil})
	}
	c := NewCounter(nil)
	c.Add(rowsTable(items...))
	counts, overflow := map[string]int{}, map[string]Facet{}
	for _, f := range c.Facets() {
		if f.Overflow {
			overflow[f.Key] = f
			continue
		}
		counts[f.Key]++
		require.EqualValues(t, 1, f.Records)
	}
	require.Equal(t, map[string]int{"id": MaxFacetValue, "service_name": MaxFacetValue}, counts)
	for _, key := range []string{"id", "service_name"} {
		require.Equal(t, Facet{tenant.Default, Logs, key, noon, "", true, 2 * MaxFacetValue, MaxFacetValue}, overflow[key])
	}
	require.InDelta(t, 3*MaxFacetValue, c.Attrs()[0].Distinct, 12)
}

func TestKeysAreBounded(t *testing.T) {
	pairs := map[string]string{}
	for i := range MaxKeys + 500 {
		pairs[fmt.Sprint("key", i)] = "v"
	}
	c := NewCounter(nil)
	c.Add(rowsTable(item{tenant.Default, noon, false, "", pairs, nil, nil, nil}))
	attrs := c.Attrs()
	require.Len(t, attrs, MaxKeys+1)
	require.Equal(t, OverflowKey, attrs[MaxKeys].Key)
	require.EqualValues(t, 500, attrs[MaxKeys].Hits)
	require.Len(t, c.Facets(), MaxFacetKeys)
}

// TestCutsAreInTheSameRowEachTime counts a key of two types and two months again and again: a segment that is repeated
// after only one of its partitions came in must not count its cuts twice.
func TestCutsAreInTheSameRowEachTime(t *testing.T) {
	for range 20 {
		c := NewCounter(nil)
		for _, at := range []time.Time{noon, noon.AddDate(0, 1, 0)} {
			c.Add(rowsTable(item{tenant.Default, at, false, "", map[string]string{"k": "text"}, map[string]int64{"k": 1}, nil, nil}))
		}
		c.Cut(tenant.Default, Logs, "k", 3)
		for range 2 {
			var cuts []uint64
			for _, a := range c.Attrs() {
				cuts = append(cuts, a.Cut)
			}
			require.Equal(t, []uint64{3, 0, 0, 0}, cuts)
		}
	}
}

func TestLongValuesAreCut(t *testing.T) {
	long := strings.Repeat("ü", MaxValueBytes)
	c := NewCounter(nil)
	c.Add(rowsTable(item{tenant.Default, noon, false, "", map[string]string{"k": "a" + long}, nil, nil, nil}))
	require.Equal(t, "a"+strings.Repeat("ü", MaxValueBytes/2-1), c.Facets()[0].Value)
	require.EqualValues(t, 1+len(long), c.Attrs()[0].Bytes)
}

func TestLearnerFindsWideKeysOverManyBatches(t *testing.T) {
	l := NewLearner()
	batch := func(i int) *Table {
		return rowsTable(item{tenant.Default, noon, false, "", map[string]string{"id": fmt.Sprint(i), "method": "GET"}, map[string]int64{"n": int64(i % 10)}, nil, nil})
	}
	for i := range MaxFacetValue {
		require.Empty(t, l.Observe(batch(i)), "batch %d", i)
	}
	wide := l.Observe(batch(MaxFacetValue))
	require.Equal(t, []Wide{{WideKey{tenant.Default, Logs, "id"}, String}}, wide)
	require.Empty(t, l.Observe(rowsTable(item{other, noon, false, "", map[string]string{"id": "1"}, nil, nil, nil})), "another tenant's key is another key")
	require.Empty(t, l.Observe(rowsTable(item{tenant.Default, noon, false, "", nil, nil, nil, nil})), "only keys of the batch are told")

	c := NewCounter([]WideKey{wide[0].WideKey})
	c.Add(batch(1))
	for _, f := range c.Facets() {
		require.NotEqual(t, "id", f.Key)
	}
	require.Len(t, c.Facets(), 2)
}

func TestCountsAreExact(t *testing.T) {
	keys, values := rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"", "x", "y", "zz"})
	one := rapid.Custom(func(t *rapid.T) item {
		return item{
			tenant: rapid.SampledFrom([]tenant.ID{tenant.Default, other}).Draw(t, "tenant"),
			at:     noon.Add(time.Duration(rapid.IntRange(-3000, 3000).Draw(t, "s")) * time.Second),
			failed: rapid.Bool().Draw(t, "failed"),
			str:    rapid.MapOf(keys, values).Draw(t, "str"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(one, 1, 40).Draw(t, "items")
		c := NewCounter(nil)
		c.Add(rowsTable(items...))
		type cell struct {
			tenant     tenant.ID
			key, value string
			at         time.Time
		}
		want, got := map[cell]count{}, map[cell]count{}
		for _, it := range items {
			for k, v := range it.str {
				at := cell{it.tenant, k, v, it.at.Truncate(Window)}
				n := want[at]
				n.add(it.failed)
				want[at] = n
			}
		}
		for _, f := range c.Facets() {
			got[cell{f.Tenant, f.Key, f.Value, f.At}] = count{f.Records, f.Errors}
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkCounter(b *testing.B) {
	const rows = 20_000
	items := make([]item, rows)
	for i := range items {
		items[i] = item{tenant.Default, noon.Add(time.Duration(i) * time.Millisecond), i%30 == 0, "checkout", map[string]string{
			"http.request.method": "GET", "http.route": fmt.Sprint("/orders/", i%20), "server.address": fmt.Sprint("host-", i%5),
			"request.id": fmt.Sprint("8c3f0a", i), "url.scheme": "https", "network.protocol.version": "1.1",
		}, map[string]int64{"http.response.status_code": int64(200 + i%3)}, nil, nil}
	}
	t := rowsTable(items...)
	b.ReportAllocs()
	for b.Loop() {
		NewCounter(nil).Add(t)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
