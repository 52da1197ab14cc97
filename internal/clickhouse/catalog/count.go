package catalog

import (
	"maps"
	"slices"
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
	sets   map[uint32]*valueSet
	facets int
}

// Bounds of what counting may take in memory, whatever a segment holds. A segment of live traffic has a place per tenant or
// two; one of old data has 96 per day.
const (
	// maxPlaces is the number of places up to which rows are counted by window. Rows beyond share a place per tenant and
	// month, which has no facets.
	maxPlaces = 4096
	// maxStats bounds the keys that are counted apart, over all places; those beyond are counted under OverflowKey.
	maxStats = 1 << 18
	// maxFacets bounds the rows of facets; keys beyond have one row per window, of all their values.
	maxFacets = 1 << 18
	// maxDense is the number of places times keys up to which a place holds its counts by key; beyond, in a map.
	maxDense = 1 << 20
)

// place is a tenant and a window: what rows have in common that are counted together. The rows of a segment lie in few.
type place struct {
	owner  *owner
	window int64
	// coarse tells that the place stands for a month.
	coarse bool
	// dense or sparse holds what was counted here per key of the column's dictionary, rest what has no stat of its own.
	dense  []*stat
	sparse map[uint32]*stat
	rest   *stat
}

func (p *place) stat(key uint32) *stat {
	if p.sparse == nil {
		return p.dense[key]
	}
	return p.sparse[key]
}

func (p *place) put(key uint32, s *stat) {
	if p.sparse == nil {
		p.dense[key] = s
		return
	}
	p.sparse[key] = s
}

// each visits the stats in the order of their keys.
func (p *place) each(visit func(key uint32, s *stat)) {
	for _, key := range slices.Sorted(maps.Keys(p.sparse)) {
		visit(key, p.sparse[key])
	}
	for key, s := range p.dense {
		if s != nil {
			visit(uint32(key), s)
		}
	}
}

// stat is what is counted of one key in one place: for the catalog by type, for the facet by slot of the key's values.
type stat struct {
	first, last int64
	types       [Empty + 1]struct{ hits, bytes uint64 }
	set         *valueSet
	slots       [MaxFacetValue/slotPage + 1]*[slotPage]count
}

// slotPage is how many slots are made at once: most keys have few values in a window.
const slotPage = 8

func (s *stat) addTo(slot int, failed bool) {
	page := &s.slots[slot/slotPage]
	if *page == nil {
		*page = new([slotPage]count)
	}
	(*page)[slot%slotPage].add(failed)
}

// places are a table's rows by place; rows that don't count have none.
type places struct {
	all   []*place
	ofRow []*place
	// stats is the number of stats that were made for the present column.
	stats int
}

// locate gives each row its place.
func locate(t *Table) places {
	type key struct {
		tenant tenant.ID
		window int64
		coarse bool
	}
	out := places{ofRow: make([]*place, t.Times.Rows())}
	owners, known := map[tenant.ID]*owner{}, map[key]*place{}
	var last *place
	var lastWindow int64
	var lastRaw []byte
	for row := range out.ofRow {
		if t.Only != nil && !t.Only(row) {
			continue
		}
		window := floor(t.Times.Data[row], int64(Window)) / int64(time.Second)
		if raw := t.Tenants.At(row); last == nil || lastWindow != window || string(raw) != string(lastRaw) {
			id := tenantAt(t.Tenants, row)
			if owners[id] == nil {
				owners[id] = &owner{tenant: id}
			}
			k := key{id, window, false}
			if known[k] == nil && len(out.all) >= maxPlaces {
				k = key{id, monthOf(window), true}
			}
			if known[k] == nil {
				known[k] = &place{owner: owners[id], window: k.window, coarse: k.coarse}
				out.all = append(out.all, known[k])
			}
			last, lastWindow, lastRaw = known[k], window, raw
		}
		out.ofRow[row] = last
	}
	return out
}

// begin empties the places for a column whose dictionary has n keys.
func (p *places) begin(n int) {
	p.stats = 0
	for _, at := range p.all {
		at.dense, at.sparse, at.rest = nil, nil, nil
		if len(p.all)*n > maxDense {
			at.sparse = map[uint32]*stat{}
		} else {
			at.dense = make([]*stat, n)
		}
		at.owner.sets, at.owner.facets = map[uint32]*valueSet{}, 0
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
			c.addPair(t, a, where, p, pair, t.Times.Data[row], failed)
		}
	}
	for _, p := range where.all {
		p.each(func(key uint32, s *stat) { c.closeStat(t.Signal, a, p, a.Map.Keys.Value(key), s) })
		if p.rest != nil {
			c.closeStat(t.Signal, a, p, OverflowKey, p.rest)
		}
	}
}

func (c *Counter) addPair(t *Table, a *Attributes, where *places, p *place, pair int, at int64, failed bool) {
	k := a.Map.Keys.KeyAt(pair)
	s := p.stat(k)
	if s == nil {
		s = c.newStat(t, a, where, p, k, at)
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
	if slot != slotNone && !p.coarse {
		s.addTo(slot, failed)
	}
}

// newStat makes the stat of a key in a place, or gives that of the rest.
func (c *Counter) newStat(t *Table, a *Attributes, where *places, p *place, k uint32, at int64) *stat {
	if where.stats >= maxStats {
		if p.rest == nil {
			p.rest = &stat{first: at, last: at, set: &valueSet{}}
		}
		return p.rest
	}
	where.stats++
	if p.owner.sets[k] == nil {
		p.owner.sets[k] = c.newSet(t.Signal, a, p.owner, a.Map.Keys.Value(k))
	}
	s := &stat{first: at, last: at, set: p.owner.sets[k]}
	p.put(k, s)
	return s
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

func (c *Counter) closeStat(signal Signal, a *Attributes, p *place, key string, s *stat) {
	for typ := String; typ <= Empty; typ++ {
		if s.types[typ].hits > 0 {
			c.note(attrKey{p.owner.tenant, signal, a.Level, key, typ, monthOf(p.window)}, s, s.set.distinct())
		}
	}
	c.closeFacet(p, signal, key, s)
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
	var rest count
	full := len(c.facets) >= maxFacets
	for i, page := range s.slots {
		if page == nil {
			continue
		}
		for j, n := range page {
			slot := i*slotPage + j
			switch {
			case n.records == 0:
			case full || slot == slotOverflow:
				rest.records, rest.errors = rest.records+n.records, rest.errors+n.errors
			default:
				f := c.facet(p, signal, key, n)
				f.Value = s.set.text(slot)
				c.facets = append(c.facets, f)
			}
		}
	}
	c.closeRest(p, signal, key, rest)
}

// closeRest gives the row of the values that have none of their own.
func (c *Counter) closeRest(p *place, signal Signal, key string, n count) {
	if n.records > 0 {
		f := c.facet(p, signal, key, n)
		f.Overflow = true
		c.facets = append(c.facets, f)
	}
}

func (c *Counter) facet(p *place, signal Signal, key string, n count) Facet {
	return Facet{Tenant: p.owner.tenant, Signal: signal, Key: key, At: time.Unix(p.window, 0).UTC(), Records: n.records, Errors: n.errors}
}

// tally counts the values of a promoted column in one place, by key of the dictionary.
type tally struct {
	dense  []count
	sparse map[uint32]*count
}

func (t *tally) add(key uint32, failed bool) {
	if t.sparse == nil {
		t.dense[key].add(failed)
		return
	}
	if t.sparse[key] == nil {
		t.sparse[key] = new(count)
	}
	t.sparse[key].add(failed)
}

// each visits the counts in the order of their keys.
func (t *tally) each(visit func(key uint32, n count)) {
	for _, key := range slices.Sorted(maps.Keys(t.sparse)) {
		visit(key, *t.sparse[key])
	}
	for key, n := range t.dense {
		if n.records > 0 {
			visit(uint32(key), n)
		}
	}
}

func (c *Counter) addPromoted(t *Table, promoted Promoted, where *places) {
	dict := promoted.Values
	tallies := make(map[*place]*tally, len(where.all))
	for _, p := range where.all {
		tallies[p] = &tally{}
		if len(where.all)*dict.Distinct() > maxDense {
			tallies[p].sparse = map[uint32]*count{}
		} else {
			tallies[p].dense = make([]count, dict.Distinct())
		}
	}
	var last *place
	var here *tally
	for row, p := range where.ofRow {
		if p == nil || p.coarse {
			continue
		}
		if p != last {
			last, here = p, tallies[p]
		}
		here.add(dict.KeyAt(row), t.Failed != nil && t.Failed(row))
	}
	taken := map[*owner]map[uint32]bool{}
	for _, p := range where.all {
		if taken[p.owner] == nil {
			taken[p.owner] = map[uint32]bool{}
		}
		c.closePromoted(t.Signal, promoted, p, tallies[p], taken[p.owner])
	}
}

// closePromoted gives rows of their own to the tenant's first values, in the order of the dictionary; taken are those that
// had one in another window.
func (c *Counter) closePromoted(signal Signal, promoted Promoted, p *place, values *tally, taken map[uint32]bool) {
	var rest count
	values.each(func(key uint32, n count) {
		value := promoted.Values.Value(key)
		switch {
		case value == "":
		case len(c.facets) < maxFacets && (taken[key] || len(taken) < MaxFacetValue):
			taken[key] = true
			f := c.facet(p, signal, promoted.Key, n)
			f.Value = cutValue(value)
			c.facets = append(c.facets, f)
		default:
			rest.records, rest.errors = rest.records+n.records, rest.errors+n.errors
		}
	})
	c.closeRest(p, signal, promoted.Key, rest)
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
