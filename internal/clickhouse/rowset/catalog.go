package rowset

import (
	"slices"

	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

func init() { derivers["catalog"] = (*Set).deriveCatalog }

// CatalogColumns is attr_catalog_v1, of which encoders write rows, too.
type CatalogColumns struct {
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

// Add appends the row of an attribute.
func (c *CatalogColumns) Add(a *catalog.Attr) {
	c.Tenant.AppendUUID(a.Tenant)
	c.Signal.Append(int8(a.Signal))
	c.Level.Append(int8(a.Level))
	c.Key.Append(a.Key)
	c.Type.Append(int8(a.Type))
	c.Month.Append(uint16(a.Month.Unix() / 86400))
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
	overflow := uint8(0)
	if f.Overflow {
		overflow = 1
	}
	c.Tenant.AppendUUID(f.Tenant)
	c.Signal.Append(int8(f.Signal))
	c.Key.Append(f.Key)
	c.At.Append(uint32(f.At.Unix()))
	c.Value.Append(f.Value)
	c.Overflow.Append(overflow)
	c.Records.Append(f.Records)
	c.Errors.Append(f.Errors)
	c.Days.Append(days)
}

// deriveCatalog counts the attributes and values of the segment's rows.
func (s *Set) deriveCatalog() error {
	c := catalog.Segment(func(t *table.Table, name string) column.Column {
		col, ok := columnOf[column.Column](s, t, name)
		if !ok {
			return nil
		}
		return col
	})
	s.Clear(table.Catalog)
	attrs, facets := c.Attrs(), c.Facets()
	if err := derive(s, table.Catalog, func(cols *CatalogColumns) {
		for i := range attrs {
			cols.Add(&attrs[i])
		}
	}); err != nil {
		return err
	}
	days := map[catalog.Signal]uint16{
		catalog.Spans: s.longest(table.Spans, 0), catalog.Logs: s.longest(table.Logs, 0),
		catalog.Metrics: s.longest(table.Samples, s.longest(table.Histograms, 0)),
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
