package catalog

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
)

// Columns finds a column of a table among gathered rows, or nil.
type Columns func(t *table.Table, name string) column.Column

// Segment counts the rows of a segment's tables. Rows of attr_catalog_v1 that are there already name wide keys: those that a
// Learner told.
func Segment(get Columns) *Counter {
	c := NewCounter(wideKeys(get))
	for _, s := range []*Source{SpanSource, LogSource, sampleSource, histogramSource} {
		if t := s.Of(get); t != nil {
			c.Add(t)
			countCuts(c, t)
		}
	}
	countBodies(c, get)
	countSeries(c, get)
	countResources(c, get)
	return c
}

func wideKeys(get Columns) (out []WideKey) {
	tenants, ok := get(table.Catalog, "tenant_id").(*column.Fixed)
	signals, ok2 := get(table.Catalog, "signal").(*column.Num[int8])
	keys, ok3 := get(table.Catalog, "key").(*column.Str)
	if !ok || !ok2 || !ok3 {
		return nil
	}
	for row := range keys.Rows() {
		out = append(out, WideKey{tenantAt(tenants, row), Signal(signals.Data[row]), string(keys.At(row))})
	}
	return out
}

// Source says what of a table is counted: the attribute maps, and the columns that are facets under their own names.
type Source struct {
	Table    *table.Table
	signal   Signal
	promoted []string
	nested   map[string]Level
	// failed names the column and its first value that count as errors.
	failed    string
	failsFrom uint8
}

// The tables that have attributes or names to count.
var (
	SpanSource = &Source{
		Table: table.Spans, signal: Spans, failed: "status", failsFrom: uint8(ptrace.StatusCodeError),
		promoted: []string{"service_name", "span_name", "environment", "service_version", "commit_sha", "build_run_id", "deployment_id", "scope_name"},
		nested:   map[string]Level{"events.attrs": Event, "links.attrs": Link},
	}
	LogSource = &Source{
		Table: table.Logs, signal: Logs, failed: "severity", failsFrom: uint8(plog.SeverityNumberError),
		promoted: []string{"service_name", "severity_text", "event_name", "environment", "service_version", "commit_sha", "build_run_id", "deployment_id",
			"scope_name"},
	}
	sampleSource    = &Source{Table: table.Samples, signal: Metrics, promoted: []string{"metric_name"}}
	histogramSource = &Source{Table: table.Histograms, signal: Metrics, promoted: []string{"metric_name"}}
)

// attributeMaps are the columns of attributes with the type of their values; attrs_any's values tell theirs.
var attributeMaps = []struct {
	name string
	typ  Type
}{
	{"attrs_str", String}, {"attrs_num", Double}, {"attrs_int", Int}, {"attrs_bool", Bool}, {"attrs_any", 0},
}

// Of gives the columns to count, or nil where there are no rows.
func (g *Source) Of(from Columns) *Table {
	get := func(name string) column.Column { return from(g.Table, name) }
	t := &Table{Signal: g.signal}
	t.Tenants, _ = get("tenant_id").(*column.Fixed)
	t.Times, _ = get("timestamp").(*column.Num[int64])
	if t.Tenants == nil || t.Times == nil {
		return nil
	}
	t.Attributes = attributesOf(get, Record, true)
	for _, name := range slices.Sorted(maps.Keys(g.nested)) {
		if a, ok := get(name).(*column.Array); ok {
			t.Attributes = append(t.Attributes, Attributes{Level: g.nested[name], Type: String, Map: a.Elem.(*column.Map), Nested: a})
		}
	}
	for _, name := range g.promoted {
		if c, ok := get(name).(*column.LowCard); ok {
			t.Promoted = append(t.Promoted, Promoted{Key: name, Values: c})
		}
	}
	switch c := get(g.failed).(type) {
	case *column.Num[uint8]:
		t.Failed = func(row int) bool { return c.Data[row] >= g.failsFrom }
	case *column.Num[int8]:
		t.Failed = func(row int) bool { return uint8(c.Data[row]) >= g.failsFrom }
	}
	return t
}

// attributesOf gives the attribute maps. Doubles are no facets: they rarely repeat.
func attributesOf(get func(name string) column.Column, level Level, facets bool) (out []Attributes) {
	for _, m := range attributeMaps {
		if c, ok := get(m.name).(*column.Map); ok {
			isFacet := facets && (m.typ == String || m.typ == Int || m.typ == Bool)
			out = append(out, Attributes{Level: level, Type: m.typ, Map: c, Facets: isFacet})
		}
	}
	return out
}

// countCuts counts the values that the encoder cut, which it lists in an attribute.
func countCuts(c *Counter, t *Table) {
	for _, a := range t.Attributes {
		if a.Level != Record || a.Type != String || !slices.Contains(a.Map.Keys.Values(), envelope.AttrCut) {
			continue
		}
		for row := range t.Times.Rows() {
			from, to := a.Map.Span(row)
			for p := from; p < to; p++ {
				if a.Map.Keys.At(p) == envelope.AttrCut {
					for key := range strings.SplitSeq(string(a.Map.Values.(*column.Str).At(p)), ",") {
						c.Cut(tenantAt(t.Tenants, row), t.Signal, key, 1)
					}
				}
			}
		}
	}
}

// bodyKVList is the body_type of a map.
const bodyKVList = 7

// countBodies counts the keys of bodies that are maps.
func countBodies(c *Counter, get Columns) {
	types, ok := get(table.Logs, "body_type").(*column.Num[int8])
	bodies, ok2 := get(table.Logs, "body_any").(*column.Str)
	if !ok || !ok2 || !slices.Contains(types.Data, bodyKVList) {
		return
	}
	w := newPairTable(Logs, Body, get(table.Logs, "tenant_id").(*column.Fixed), get(table.Logs, "timestamp").(*column.Num[int64]))
	v := pcommon.NewValueEmpty()
	for row := range types.Data {
		if types.Data[row] == bodyKVList && anyvalue.Decode(bodies.At(row), v) == nil && v.Type() == pcommon.ValueTypeMap {
			w.put(v.Map())
		}
		w.endRow()
	}
	c.Add(w.table)
}

// countSeries counts the attributes of the segment's new series, once each.
func countSeries(c *Counter, get Columns) {
	days, ok := get(table.Series, "day").(*column.Num[uint16])
	attrs, ok2 := get(table.Series, "attrs_typed").(*column.Str)
	tenants, ok3 := get(table.Series, "tenant_id").(*column.Fixed)
	if !ok || !ok2 || !ok3 {
		return
	}
	times := column.NewNum[int64]("DateTime64(9)")
	for _, day := range days.Data {
		times.Append(int64(day) * int64(24*time.Hour))
	}
	w := newPairTable(Metrics, Record, tenants, times)
	m := pcommon.NewMap()
	for row := range days.Data {
		if anyvalue.DecodeMap(attrs.At(row), m) == nil {
			w.put(m)
		}
		w.endRow()
	}
	c.Add(w.table)
}

// countResources counts the attributes of the segment's new resources, for each signal that has rows of them here.
func countResources(c *Counter, get Columns) {
	of := func(name string) column.Column { return get(table.Resources, name) }
	tenants, ok := of("tenant_id").(*column.Fixed)
	seen, ok2 := of("last_seen").(*column.Num[uint32])
	fps, ok3 := of("resource_fp").(*column.Num[uint64])
	if !ok || !ok2 || !ok3 {
		return
	}
	times := column.NewNum[int64]("DateTime64(9)")
	for _, at := range seen.Data {
		times.Append(int64(at) * int64(time.Second))
	}
	for _, from := range []struct {
		signal Signal
		table  *table.Table
	}{{Spans, table.Spans}, {Logs, table.Logs}, {Metrics, table.Series}} {
		used, ok := get(from.table, "resource_fp").(*column.Num[uint64])
		if !ok {
			continue
		}
		there := map[uint64]struct{}{}
		last := uint64(0)
		for row, fp := range used.Data {
			if row == 0 || fp != last {
				there[fp] = struct{}{}
				last = fp
			}
		}
		c.Add(&Table{
			Signal: from.signal, Tenants: tenants, Times: times, Attributes: attributesOf(of, Resource, false),
			Only: func(row int) bool { _, ok := there[fps.Data[row]]; return ok },
		})
	}
}

// pairTable makes maps of attributes that are stored as one message.
type pairTable struct {
	table *Table
	maps  map[string]*column.Map
}

func newPairTable(signal Signal, level Level, tenants *column.Fixed, times *column.Num[int64]) *pairTable {
	p := &pairTable{maps: make(map[string]*column.Map, len(attributeMaps))}
	for _, m := range attributeMaps {
		t, _ := table.Logs.Column(m.name)
		p.maps[m.name] = column.MustNew(t.Type).(*column.Map)
	}
	p.table = &Table{Signal: signal, Tenants: tenants, Times: times,
		Attributes: attributesOf(func(name string) column.Column { return p.maps[name] }, level, false)}
	return p
}

func (p *pairTable) put(m pcommon.Map) {
	for k, v := range m.All() {
		to := p.maps["attrs_any"]
		switch v.Type() {
		case pcommon.ValueTypeStr:
			to = p.maps["attrs_str"]
			to.Values.(*column.Str).Append(v.Str())
		case pcommon.ValueTypeInt:
			to = p.maps["attrs_int"]
			to.Values.(*column.Num[int64]).Append(v.Int())
		case pcommon.ValueTypeDouble:
			to = p.maps["attrs_num"]
			to.Values.(*column.Num[float64]).Append(v.Double())
		case pcommon.ValueTypeBool:
			to = p.maps["attrs_bool"]
			n := uint8(0)
			if v.Bool() {
				n = 1
			}
			to.Values.(*column.Num[uint8]).Append(n)
		default:
			to.Values.(*column.Str).AppendBytes(anyvalue.Append(nil, v))
		}
		to.Keys.Append(k)
	}
}

func (p *pairTable) endRow() {
	for _, m := range p.maps {
		m.EndRow()
	}
}
