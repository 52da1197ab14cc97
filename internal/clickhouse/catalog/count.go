package catalog

import (
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/tenant"
)

// count is what a facet shows of one value in one window.
type count struct{ records, errors uint64 }

func (c *count) add(failed bool) {
	c.records++
	if failed {
		c.errors++
	}
}

// owner is one tenant's part of the column that is being counted.
type owner struct {
	tenant tenant.ID
	// sets holds the values per key of the column's dictionary.
	sets   []*valueSet
	facets int
}

// place is a tenant and a window: what rows have in common that are counted together. The rows of a segment lie in few.
type place struct {
	owner  *owner
	window int64
	// stats holds what was counted here per key of the column's dictionary.
	stats []*stat
}

// stat is what is counted of one key in one place: for the catalog by type, for the facet by slot of the key's values.
type stat struct {
	first, last int64
	types       [Empty + 1]struct{ hits, bytes uint64 }
	set         *valueSet
	slots       [MaxFacetValue + 1]count
}

// places are a table's rows by place; rows that don't count have none.
type places struct {
	all   []*place
	ofRow []*place
}

// locate gives each row its place.
func locate(t *Table) places {
	type key struct {
		tenant tenant.ID
		window int64
	}
	out := places{ofRow: make([]*place, t.Times.Rows())}
	owners, known := map[tenant.ID]*owner{}, map[key]*place{}
	var last *place
	var lastRaw []byte
	for row := range out.ofRow {
		if t.Only != nil && !t.Only(row) {
			continue
		}
		window := floor(t.Times.Data[row], int64(Window)) / int64(time.Second)
		if raw := t.Tenants.At(row); last == nil || last.window != window || string(raw) != string(lastRaw) {
			id := tenantAt(t.Tenants, row)
			if owners[id] == nil {
				owners[id] = &owner{tenant: id}
			}
			k := key{id, window}
			if known[k] == nil {
				known[k] = &place{owner: owners[id], window: window}
				out.all = append(out.all, known[k])
			}
			last, lastRaw = known[k], raw
		}
		out.ofRow[row] = last
	}
	return out
}

// begin empties the places for a column whose dictionary has n keys.
func (p *places) begin(n int) {
	for _, at := range p.all {
		at.stats = make([]*stat, n)
		at.owner.sets, at.owner.facets = make([]*valueSet, n), 0
	}
}

// Add counts a table's rows.
func (c *Counter) Add(t *Table) {
	if t.Times.Rows() == 0 {
		return
	}
	where := locate(t)
	if len(where.all) == 0 {
		return
	}
	for i := range t.Attributes {
		if a := &t.Attributes[i]; a.Map.Keys.Rows() > 0 {
			c.addAttributes(t, a, &where)
		}
	}
	for _, p := range t.Promoted {
		c.addPromoted(t, p, &where)
	}
}

func (c *Counter) addAttributes(t *Table, a *Attributes, where *places) {
	where.begin(a.Map.Keys.Distinct())
	for row, p := range where.ofRow {
		from, to := a.pairs(row)
		if from == to || p == nil {
			continue
		}
		failed := t.Failed != nil && t.Failed(row)
		for pair := from; pair < to; pair++ {
			c.addPair(t, a, p, pair, t.Times.Data[row], failed)
		}
	}
	for _, p := range where.all {
		c.closeAttributes(t.Signal, a, p)
	}
}

func (c *Counter) addPair(t *Table, a *Attributes, p *place, pair int, at int64, failed bool) {
	k := a.Map.Keys.KeyAt(pair)
	s := p.stats[k]
	if s == nil {
		if p.owner.sets[k] == nil {
			p.owner.sets[k] = c.newSet(t.Signal, a, p.owner, a.Map.Keys.Value(k))
		}
		s = &stat{first: at, last: at, set: p.owner.sets[k]}
		p.stats[k] = s
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
	typ := a.Type
	if typ == 0 {
		typ = anyType(a.Map.Values.(*column.Str).At(pair))
	}
	slot, size := s.set.add(a.Map.Values, pair)
	n := &s.types[typ]
	n.hits++
	n.bytes += uint64(size)
	if slot != slotNone {
		s.slots[slot].add(failed)
	}
}

// newSet decides whether a key has a facet in this segment.
func (c *Counter) newSet(signal Signal, a *Attributes, o *owner, key string) *valueSet {
	_, wide := c.wide[WideKey{o.tenant, signal, key}]
	facet := a.Facets && !wide && o.facets < MaxFacetKeys
	if facet {
		o.facets++
	}
	return &valueSet{facet: facet}
}

func (c *Counter) closeAttributes(signal Signal, a *Attributes, p *place) {
	for k, s := range p.stats {
		if s == nil {
			continue
		}
		key := a.Map.Keys.Value(uint32(k))
		for typ := String; typ <= Empty; typ++ {
			if s.types[typ].hits > 0 {
				c.note(attrKey{p.owner.tenant, signal, a.Level, key, typ, monthOf(p.window)}, s, s.set.distinct())
			}
		}
		c.closeFacet(p, signal, key, s)
	}
}

// note adds to a row of the catalog. A new key beyond the tenant's bound goes into the row of the rest.
func (c *Counter) note(at attrKey, s *stat, distinct uint32) {
	row := c.attrs[at]
	if row == nil && c.keys[at.tenant] >= MaxKeys {
		at.key = OverflowKey
		row = c.attrs[at]
	}
	first, last := time.Unix(0, s.first).UTC(), time.Unix(0, s.last).UTC()
	if row == nil {
		row = &Attr{Tenant: at.tenant, Signal: at.signal, Level: at.level, Key: at.key, Type: at.typ,
			Month: time.Unix(at.month, 0).UTC(), First: first, Last: last}
		c.attrs[at] = row
		c.keys[at.tenant]++
	}
	if first.Before(row.First) {
		row.First = first
	}
	if last.After(row.Last) {
		row.Last = last
	}
	row.Hits += s.types[at.typ].hits
	row.Bytes += s.types[at.typ].bytes
	row.Distinct = max(row.Distinct, distinct)
}

func (c *Counter) closeFacet(p *place, signal Signal, key string, s *stat) {
	for slot, n := range s.slots {
		if n.records == 0 {
			continue
		}
		f := c.facet(p, signal, key, n)
		if slot == slotOverflow {
			f.Overflow = true
		} else {
			f.Value = s.set.text(slot)
		}
		c.facets = append(c.facets, f)
	}
}

func (c *Counter) facet(p *place, signal Signal, key string, n count) Facet {
	return Facet{Tenant: p.owner.tenant, Signal: signal, Key: key, At: time.Unix(p.window, 0).UTC(), Records: n.records, Errors: n.errors}
}

func (c *Counter) addPromoted(t *Table, promoted Promoted, where *places) {
	dict := promoted.Values
	counts := make(map[*place][]count, len(where.all))
	for _, p := range where.all {
		counts[p] = make([]count, dict.Distinct())
	}
	var last *place
	var here []count
	for row, p := range where.ofRow {
		if p == nil {
			continue
		}
		if p != last {
			last, here = p, counts[p]
		}
		here[dict.KeyAt(row)].add(t.Failed != nil && t.Failed(row))
	}
	taken := map[*owner]map[int]bool{}
	for _, p := range where.all {
		if taken[p.owner] == nil {
			taken[p.owner] = map[int]bool{}
		}
		c.closePromoted(t.Signal, promoted, p, counts[p], taken[p.owner])
	}
}

// closePromoted gives rows of their own to the tenant's first values, in the order of the dictionary; taken are those that
// had one in another window.
func (c *Counter) closePromoted(signal Signal, promoted Promoted, p *place, counts []count, taken map[int]bool) {
	var rest count
	for k, n := range counts {
		value := promoted.Values.Value(uint32(k))
		switch {
		case n.records == 0 || value == "":
		case taken[k] || len(taken) < MaxFacetValue:
			taken[k] = true
			f := c.facet(p, signal, promoted.Key, n)
			f.Value = cutValue(value)
			c.facets = append(c.facets, f)
		default:
			rest.records, rest.errors = rest.records+n.records, rest.errors+n.errors
		}
	}
	if rest.records > 0 {
		f := c.facet(p, signal, promoted.Key, rest)
		f.Overflow = true
		c.facets = append(c.facets, f)
	}
}

// monthOf is the first second of a time's month.
func monthOf(seconds int64) int64 {
	y, m, _ := time.Unix(seconds, 0).UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).Unix()
}

func floor(v, width int64) int64 {
	r := v % width
	if r < 0 {
		r += width
	}
	return v - r
}
