// Package catalog counts which attributes and which of their values the rows of a queue segment hold: the rows of
// attr_catalog_v1 and facet_15m_v1, from which searches suggest keys, values and counts without a scan. The drain hands it
// the gathered columns of a segment; the same columns give the same rows, so a replayed segment repeats its insert. What a
// process has learned about keys with too many values enters through the segment itself (Learner).
package catalog

import (
	"cmp"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/tenant"
)

// The bounds of one tenant's part of a segment.
const (
	MaxKeys       = 2000
	MaxFacetKeys  = 200
	MaxFacetValue = 64
	MaxValueBytes = 256
	// OverflowKey stands in the catalog for all keys beyond MaxKeys.
	OverflowKey = "…"
	// Window is the width of a facet's counts.
	Window = 15 * time.Minute
)

// Signal, Level and Type are the numbers of the Enum8 columns.
type (
	Signal int8
	Level  int8
	Type   int8
)

// The signals that have a catalog.
const (
	Spans   Signal = 1
	Logs    Signal = 2
	Metrics Signal = 3
)

// The places where an attribute can stand.
const (
	Resource Level = 1
	Scope    Level = 2
	Record   Level = 3
	Event    Level = 4
	Link     Level = 5
	Body     Level = 6
)

// The types of a value.
const (
	String Type = 1
	Double Type = 2
	Int    Type = 3
	Bool   Type = 4
	Bytes  Type = 5
	Array  Type = 6
	KVList Type = 7
	Empty  Type = 8
)

// Table is the part of a table's columns that is counted. All columns have one row per item.
type Table struct {
	Signal  Signal
	Tenants *column.Fixed
	// Times are in nanoseconds.
	Times *column.Num[int64]
	// Only tells the rows that count; nil for all.
	Only func(row int) bool
	// Failed tells the rows that count as errors in facets; nil for none.
	Failed func(row int) bool
	// Attributes are the maps.
	Attributes []Attributes
	// Promoted columns are facets of their own under their names.
	Promoted []Promoted
}

// Attributes is one map column, or an array of maps, as of span events.
type Attributes struct {
	Level Level
	// Type is the type of all values; 0 tells values that are an AnyValue as protobuf.
	Type Type
	Map  *column.Map
	// Nested, if set, is the array whose elements are Map's rows.
	Nested *column.Array
	// Facets asks for counts per value.
	Facets bool
}

// Promoted is a column with few values.
type Promoted struct {
	Key    string
	Values *column.LowCard
}

// pairs gives the places of a row's pairs.
func (a *Attributes) pairs(row int) (from, to int) {
	if a.Nested == nil {
		return a.Map.Span(row)
	}
	first, end := a.Nested.Span(row)
	if first == end {
		return 0, 0
	}
	from, _ = a.Map.Span(first)
	_, to = a.Map.Span(end - 1)
	return from, to
}

// Attr is a row of attr_catalog_v1.
type Attr struct {
	Tenant      tenant.ID
	Signal      Signal
	Level       Level
	Key         string
	Type        Type
	Month       time.Time
	First, Last time.Time
	Hits        uint64
	Distinct    uint32
	Bytes       uint64
	Cut         uint64
}

// Facet is a row of facet_15m_v1.
type Facet struct {
	Tenant   tenant.ID
	Signal   Signal
	Key      string
	At       time.Time
	Value    string
	Overflow bool
	Records  uint64
	Errors   uint64
}

// Counter gathers the tables of one segment.
type Counter struct {
	attrs map[attrKey]*Attr
	// keys is the number of a tenant's rows in attrs.
	keys   map[tenant.ID]int
	facets []Facet
	wide   map[WideKey]struct{}
	cut    map[WideKey]uint64
}

type attrKey struct {
	tenant tenant.ID
	signal Signal
	level  Level
	key    string
	typ    Type
	month  int64
}

// NewCounter makes an empty counter. The keys of wide get no facet.
func NewCounter(wide []WideKey) *Counter {
	c := &Counter{attrs: map[attrKey]*Attr{}, keys: map[tenant.ID]int{}, wide: make(map[WideKey]struct{}, len(wide)), cut: map[WideKey]uint64{}}
	for _, k := range wide {
		c.wide[k] = struct{}{}
	}
	return c
}

// Cut adds values that were shortened when they were encoded.
func (c *Counter) Cut(tenantID tenant.ID, signal Signal, key string, n uint64) {
	c.cut[WideKey{tenantID, signal, key}] += n
}

// Attrs gives the rows of the catalog in a fixed order.
func (c *Counter) Attrs() []Attr {
	out := make([]Attr, 0, len(c.attrs))
	for _, a := range c.attrs {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b Attr) int {
		return cmp.Or(slices.Compare(a.Tenant[:], b.Tenant[:]), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Level, b.Level), cmp.Compare(a.Type, b.Type), a.Month.Compare(b.Month))
	})
	told := map[WideKey]bool{}
	for i := range out {
		a := &out[i]
		if k := (WideKey{a.Tenant, a.Signal, a.Key}); a.Level == Record && !told[k] {
			a.Cut = c.cut[k]
			told[k] = true // in the first row, if the key has several types or months
		}
	}
	return out
}

// Facets gives the rows of the facets in a fixed order.
func (c *Counter) Facets() []Facet {
	slices.SortFunc(c.facets, func(a, b Facet) int {
		return cmp.Or(slices.Compare(a.Tenant[:], b.Tenant[:]), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Key, b.Key),
			a.At.Compare(b.At), cmp.Compare(a.Value, b.Value), boolCompare(a.Overflow, b.Overflow))
	})
	return c.facets
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
