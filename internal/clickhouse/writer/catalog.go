package writer

import (
	"time"

	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/rowset"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// Set and Insert are the way out of the queue; they stand here for those who write and read a record in one place.
type (
	Set    = rowset.Set
	Insert = segment.Insert
)

// NewSet is rowset.New.
func NewSet(openedAt time.Time) *Set { return rowset.New(openedAt) }

// learn writes what the process knows of the batch's attributes with many values: rows of the catalog without hits, which
// add nothing to it but tell the drain, at any time, that these keys have no facet.
func (b *Batch) learn(from *catalog.Source) {
	t := from.Of(func(t *table.Table, name string) column.Column {
		bl := &b.blocks[t.Index]
		if bl.rows() > 0 {
			for _, c := range bl.named {
				if c.Name == name {
					return c.Column
				}
			}
		}
		return nil
	})
	if t == nil {
		return
	}
	y, m, _ := b.now.UTC().Date()
	for _, w := range b.enc.own.learner.Observe(t) {
		use[rowset.CatalogColumns](b, table.Catalog).Add(&catalog.Attr{
			Tenant: w.Tenant, Signal: w.Signal, Level: catalog.Record, Key: w.Key, Type: w.Type, Distinct: catalog.MaxFacetValue + 1,
			Month: time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), First: b.now, Last: b.now,
		})
	}
}
