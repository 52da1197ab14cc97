package catalog

import (
	"sync"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/tenant"
)

// WideKey names an attribute of a tenant's signal that has more values than a facet shows, as ids and URLs do.
type WideKey struct {
	Tenant tenant.ID
	Signal Signal
	Key    string
}

// Wide is a wide key with the type under which it was noticed.
type Wide struct {
	WideKey
	Type Type
}

// The bounds of a Learner.
const (
	maxLearned  = 20_000
	sampledRows = 64
)

// Learner notices wide keys over all requests of a process. A small segment can't tell an id from a status code: each may
// have few values in it. So the encoder asks the Learner about each batch and writes the wide keys into the record, where
// the drain finds them, now or after a restart. It is safe for concurrent use.
type Learner struct {
	mu   sync.Mutex
	keys map[WideKey]*learned
}

// learned holds the hashes of the values seen, until there are too many.
type learned struct {
	values map[uint64]struct{}
	wide   bool
}

// NewLearner makes a Learner that knows nothing.
func NewLearner() *Learner { return &Learner{keys: map[WideKey]*learned{}} }

// Observe looks at a sample of a batch's rows and gives the keys in it that are wide by now.
func (l *Learner) Observe(t *Table) []Wide {
	rows := t.Times.Rows()
	if rows == 0 {
		return nil
	}
	stride := max(1, rows/sampledRows)
	l.mu.Lock()
	defer l.mu.Unlock()
	var wide []Wide
	for i := range t.Attributes {
		a := &t.Attributes[i]
		if !a.Facets {
			continue
		}
		told := map[uint32]bool{}
		for row := 0; row < rows; row += stride {
			from, to := a.pairs(row)
			for p := from; p < to; p++ {
				k := a.Map.Keys.KeyAt(p)
				key := WideKey{tenantAt(t.Tenants, row), t.Signal, a.Map.Keys.Value(k)}
				if l.see(key, hashAt(a.Map.Values, p)) && !told[k] {
					told[k] = true
					wide = append(wide, Wide{key, a.Type})
				}
			}
		}
	}
	return wide
}

// see notes a value and tells whether its key is wide.
func (l *Learner) see(key WideKey, value uint64) bool {
	k := l.keys[key]
	if k == nil {
		if len(l.keys) >= maxLearned {
			clear(l.keys)
		}
		k = &learned{values: map[uint64]struct{}{}}
		l.keys[key] = k
	}
	if k.wide {
		return true
	}
	k.values[value] = struct{}{}
	if len(k.values) > MaxFacetValue {
		k.wide, k.values = true, nil
	}
	return k.wide
}

func tenantAt(c *column.Fixed, row int) tenant.ID {
	b := c.At(row)
	var id tenant.ID
	for i := range 8 {
		id[i], id[8+i] = b[7-i], b[15-i]
	}
	return id
}
