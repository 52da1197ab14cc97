package writer

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

func init() { derivers["catalog"] = (*Set).deriveCatalog }

// cataloged says what of a table is counted: the attribute maps, and the columns that are facets under their own names.
type cataloged struct {
	table    *table.Table
	signal   catalog.Signal
	promoted []string
	nested   map[string]catalog.Level
	// failed names the column and its first value that count as errors.
	failed    string
	failsFrom uint8
}

var (
	spanCatalog = &cataloged{
		table: table.Spans, signal: catalog.Spans, failed: "status", failsFrom: uint8(ptrace.StatusCodeError),
		promoted: []string{"service_name", "span_name", "environment", "service_version", "commit_sha", "build_run_id", "deployment_id", "scope_name"},
		nested:   map[string]catalog.Level{"events.attrs": catalog.Event, "links.attrs": catalog.Link},
	}
	logCatalog = &cataloged{
		table: table.Logs, signal: catalog.Logs, failed: "severity", failsFrom: uint8(plog.SeverityNumberError),
		promoted: []string{"service_name", "severity_text", "event_name", "environment", "service_version", "commit_sha", "build_run_id", "deployment_id",
			"scope_name"},
	}
	sampleCatalog = &cataloged{table: table.Samples, signal: catalog.Metrics, promoted: []string{"metric_name"}}
	histCatalog   = &cataloged{table: table.Histograms, signal: catalog.Metrics, promoted: []string{"metric_name"}}
)

// attributeMaps are the columns of attributes with the type of their values; attrs_any's values tell theirs.
var attributeMaps = []struct {
	name string
	typ  catalog.Type
}{
	{"attrs_str", catalog.String}, {"attrs_num", catalog.Double}, {"attrs_int", catalog.Int}, {"attrs_bool", catalog.Bool}, {"attrs_any", 0},
}

// of gives the columns to count; get finds a column by its name, or nil.
func (g *cataloged) of(get func(name string) column.Column) *catalog.Table {
	t := &catalog.Table{Signal: g.signal}
	t.Tenants, _ = get("tenant_id").(*column.Fixed)
	t.Times, _ = get("timestamp").(*column.Num[int64])
	if t.Tenants == nil || t.Times == nil {
		return nil
	}
	t.Attributes = attributesOf(get, catalog.Record, true)
	for _, name := range slices.Sorted(maps.Keys(g.nested)) {
		if a, ok := get(name).(*column.Array); ok {
			t.Attributes = append(t.Attributes, catalog.Attributes{Level: g.nested[name], Type: catalog.String, Map: a.Elem.(*column.Map), Nested: a})
		}
	}
	for _, name := range g.promoted {
		if c, ok := get(name).(*column.LowCard); ok {
			t.Promoted = append(t.Promoted, catalog.Promoted{Key: name, Values: c})
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
func attributesOf(get func(name string) column.Column, level catalog.Level, facets bool) (out []catalog.Attributes) {
	for _, m := range attributeMaps {
		if c, ok := get(m.name).(*column.Map); ok {
			isFacet := facets && (m.typ == catalog.String || m.typ == catalog.Int || m.typ == catalog.Bool)
			out = append(out, catalog.Attributes{Level: level, Type: m.typ, Map: c, Facets: isFacet})
		}
	}
	return out
}

// catalogColumns is attr_catalog_v1.
type catalogColumns struct {
	Tenant   *column.Fixed       `col:"tenant_id"`
	Signal   *column.Num[int8]   `col:"signal"`
	Level    *column.Num[int8]   `col:"level"`
	Key      *column.Str         `col:"key"`
	Type     *column.Num[int8]   `col:"type"`
	Month    *column.Num[uint16] `col:"month"`
	First    *column.Num[uint32] `col:"first_seen"`
	Last     *column.Num[uint32] `col:"last_seen"`
	Hits     *column.Num[uint64] `col:"hits"`
	Distinct *column.Num[uint32] `col:"distinct_max"`
	Bytes    *column.Num[uint64] `col:"value_bytes"`
	Cut      *column.Num[uint64] `col:"cut"`
}

func (c *catalogColumns) add(a *catalog.Attr) {
	c.Tenant.AppendUUID(a.Tenant)
	c.Signal.Append(int8(a.Signal))
	c.Level.Append(int8(a.Level))
	c.Key.Append(a.Key)
	c.Type.Append(int8(a.Type))
	c.Month.Append(uint16(dayOf(a.Month)))
	c.First.Append(uint32(a.First.Unix()))
	c.Last.Append(uint32(a.Last.Unix()))
	c.Hits.Append(a.Hits)
	c.Distinct.Append(a.Distinct)
	c.Bytes.Append(a.Bytes)
	c.Cut.Append(a.Cut)
}

// facetColumns is facet_15m_v1.
type facetColumns struct {
	Tenant   *column.Fixed       `col:"tenant_id"`
	Signal   *column.Num[int8]   `col:"signal"`
	Key      *column.LowCard     `col:"key"`
	At       *column.Num[uint32] `col:"ts"`
	Value    *column.Str         `col:"value"`
	Overflow *column.Num[uint8]  `col:"overflow"`
	Records  *column.Num[uint64] `col:"records"`
	Errors   *column.Num[uint64] `col:"errors"`
	Days     *column.Num[uint16] `col:"retention_days"`
}

func (c *facetColumns) add(f *catalog.Facet, days uint16) {
	c.Tenant.AppendUUID(f.Tenant)
	c.Signal.Append(int8(f.Signal))
	c.Key.Append(f.Key)
	c.At.Append(uint32(f.At.Unix()))
	c.Value.Append(f.Value)
	c.Overflow.Append(boolByte(f.Overflow))
	c.Records.Append(f.Records)
	c.Errors.Append(f.Errors)
	c.Days.Append(days)
}

// learn writes what the process knows of the batch's attributes with many values: rows of the catalog without hits, which
// add nothing to it but tell the drain, at any time, that these keys have no facet.
func (b *Batch) learn(g *cataloged) {
	bl := &b.blocks[g.table.Index]
	if bl.rows() == 0 {
		return
	}
	t := g.of(func(name string) column.Column {
		for _, c := range bl.named {
			if c.Name == name {
				return c.Column
			}
		}
		return nil
	})
	for _, w := range b.enc.own.learner.Observe(t) {
		y, m, _ := b.now.UTC().Date()
		use[catalogColumns](b, table.Catalog).add(&catalog.Attr{
			Tenant: w.Tenant, Signal: w.Signal, Level: catalog.Record, Key: w.Key, Type: w.Type, Distinct: catalog.MaxFacetValue + 1,
			Month: time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), First: b.now, Last: b.now,
		})
	}
}

// deriveCatalog counts the attributes and values of the segment's rows.
func (s *Set) deriveCatalog() error {
	c := catalog.NewCounter(s.wideKeys())
	days := map[catalog.Signal]uint16{}
	for _, g := range []*cataloged{spanCatalog, logCatalog, sampleCatalog, histCatalog} {
		days[g.signal] = s.longest(g.table, days[g.signal])
		if t := g.of(s.columns(g.table)); t != nil {
			c.Add(t)
			countCuts(c, t)
		}
	}
	s.countBodies(c)
	s.countSeries(c)
	s.countResources(c)
	s.blocks[table.Catalog.Index].truncate(0)
	attrs, facets := c.Attrs(), c.Facets()
	if err := derive(s, table.Catalog, func(cols *catalogColumns) {
		for i := range attrs {
			cols.add(&attrs[i])
		}
	}); err != nil {
		return err
	}
	return derive(s, table.Facets, func(cols *facetColumns) {
		for i := range facets {
			cols.add(&facets[i], days[facets[i].Signal])
		}
	})
}

// longest is the longest retention among a table's rows, at least the given: rows that count others outlive them.
func (s *Set) longest(t *table.Table, least uint16) uint16 {
	if days, ok := columnOf[*column.Num[uint16]](s, t, "retention_days"); ok {
		return max(least, slices.Max(days.Data))
	}
	return least
}

// columns finds the gathered columns of a table by their names.
func (s *Set) columns(t *table.Table) func(name string) column.Column {
	b := &s.blocks[t.Index]
	return func(name string) column.Column {
		place := slices.IndexFunc(t.Columns, func(c table.Column) bool { return c.Name == name })
		if b.rows == 0 || place < 0 || b.cols[place] == nil {
			return nil
		}
		return b.cols[place]
	}
}

// wideKeys are the keys that learn told about.
func (s *Set) wideKeys() (out []catalog.WideKey) {
	tenants, ok := columnOf[*column.Fixed](s, table.Catalog, "tenant_id")
	signals, ok2 := columnOf[*column.Num[int8]](s, table.Catalog, "signal")
	keys, ok3 := columnOf[*column.Str](s, table.Catalog, "key")
	if !ok || !ok2 || !ok3 {
		return nil
	}
	for row := range s.rowsOf(table.Catalog) {
		out = append(out, catalog.WideKey{Tenant: tenantOf(tenants, row), Signal: catalog.Signal(signals.Data[row]), Key: string(keys.At(row))})
	}
	return out
}

// tenantOf reads a tenant's id back.
func tenantOf(c *column.Fixed, row int) tenant.ID {
	id := tenant.ID(c.At(row))
	slices.Reverse(id[:8])
	slices.Reverse(id[8:])
	return id
}

// countCuts counts the values that the encoder cut, which it lists in an attribute.
func countCuts(c *catalog.Counter, t *catalog.Table) {
	for _, a := range t.Attributes {
		if a.Level != catalog.Record || a.Type != catalog.String || !slices.Contains(a.Map.Keys.Values(), envelope.AttrCut) {
			continue
		}
		for row := range t.Times.Rows() {
			from, to := a.Map.Span(row)
			for p := from; p < to; p++ {
				if a.Map.Keys.At(p) == envelope.AttrCut {
					for key := range strings.SplitSeq(string(a.Map.Values.(*column.Str).At(p)), ",") {
						c.Cut(tenantOf(t.Tenants, row), t.Signal, key, 1)
					}
				}
			}
		}
	}
}

// countBodies counts the keys of bodies that are maps.
func (s *Set) countBodies(c *catalog.Counter) {
	types, ok := columnOf[*column.Num[int8]](s, table.Logs, "body_type")
	bodies, ok2 := columnOf[*column.Str](s, table.Logs, "body_any")
	if !ok || !ok2 || !slices.Contains(types.Data, bodyTypes[pcommon.ValueTypeMap]) {
		return
	}
	get := s.columns(table.Logs)
	w := newPairTable(catalog.Logs, catalog.Body, get("tenant_id").(*column.Fixed), get("timestamp").(*column.Num[int64]))
	v := pcommon.NewValueEmpty()
	for row := range types.Data {
		if types.Data[row] == bodyTypes[pcommon.ValueTypeMap] && anyvalue.Decode(bodies.At(row), v) == nil && v.Type() == pcommon.ValueTypeMap {
			w.put(v.Map())
		}
		w.endRow()
	}
	c.Add(w.table)
}

// countSeries counts the attributes of the segment's new series, once each.
func (s *Set) countSeries(c *catalog.Counter) {
	days, ok := columnOf[*column.Num[uint16]](s, table.Series, "day")
	attrs, ok2 := columnOf[*column.Str](s, table.Series, "attrs_typed")
	tenants, ok3 := columnOf[*column.Fixed](s, table.Series, "tenant_id")
	if !ok || !ok2 || !ok3 {
		return
	}
	times := column.NewNum[int64]("DateTime64(9)")
	for _, day := range days.Data {
		times.Append(int64(day) * int64(24*time.Hour))
	}
	w := newPairTable(catalog.Metrics, catalog.Record, tenants, times)
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
func (s *Set) countResources(c *catalog.Counter) {
	get := s.columns(table.Resources)
	tenants, ok := get("tenant_id").(*column.Fixed)
	seen, ok2 := get("last_seen").(*column.Num[uint32])
	fps, ok3 := get("resource_fp").(*column.Num[uint64])
	if !ok || !ok2 || !ok3 {
		return
	}
	times := column.NewNum[int64]("DateTime64(9)")
	for _, at := range seen.Data {
		times.Append(int64(at) * int64(time.Second))
	}
	for _, from := range []struct {
		signal catalog.Signal
		table  *table.Table
	}{{catalog.Spans, table.Spans}, {catalog.Logs, table.Logs}, {catalog.Metrics, table.Series}} {
		used, ok := columnOf[*column.Num[uint64]](s, from.table, "resource_fp")
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
		c.Add(&catalog.Table{
			Signal: from.signal, Tenants: tenants, Times: times, Attributes: attributesOf(get, catalog.Resource, false),
			Only: func(row int) bool { _, ok := there[fps.Data[row]]; return ok },
		})
	}
}

// pairTable makes maps of attributes that are stored as one message.
type pairTable struct {
	table *catalog.Table
	attrs attrColumns
}

func newPairTable(signal catalog.Signal, level catalog.Level, tenants *column.Fixed, times *column.Num[int64]) *pairTable {
	var cols struct{ Attrs attrColumns }
	named := bind(table.Logs, &cols)
	get := func(name string) column.Column {
		return named[slices.IndexFunc(named, func(c column.Named) bool { return c.Name == name })].Column
	}
	return &pairTable{
		table: &catalog.Table{Signal: signal, Tenants: tenants, Times: times, Attributes: attributesOf(get, level, false)},
		attrs: cols.Attrs,
	}
}

func (p *pairTable) put(m pcommon.Map) {
	for k, v := range m.All() {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			p.attrs.putStr(k, v.Str())
		case pcommon.ValueTypeInt:
			p.attrs.putInt(k, v.Int())
		case pcommon.ValueTypeDouble:
			p.attrs.Num.Keys.Append(k)
			p.attrs.num.Append(v.Double())
		case pcommon.ValueTypeBool:
			p.attrs.Bool.Keys.Append(k)
			p.attrs.bools.Append(boolByte(v.Bool()))
		default:
			p.attrs.Any.Keys.Append(k)
			p.attrs.other.AppendBytes(anyvalue.Append(nil, v))
		}
	}
}

func (p *pairTable) endRow() {
	for _, m := range []*column.Map{p.attrs.Str, p.attrs.Num, p.attrs.Int, p.attrs.Bool, p.attrs.Any} {
		m.EndRow()
	}
}
