package column

import (
	"encoding/binary"
	"fmt"
)

// Array is a column of Array(T). Append the elements to Elem, then call EndRow.
type Array struct {
	Elem Column
	ends []uint64
}

// NewArray makes an empty column of arrays of elem's type.
func NewArray(elem Column) *Array { return &Array{Elem: elem} }

// EndRow closes the row: all elements appended since the last call belong to it.
func (c *Array) EndRow() { c.ends = append(c.ends, uint64(c.Elem.Rows())) }

// Span gives the places of the row's elements in Elem.
func (c *Array) Span(row int) (from, to int) {
	if row > 0 {
		from = int(c.ends[row-1])
	}
	return from, int(c.ends[row])
}

// Type implements Column.
func (c *Array) Type() string { return "Array(" + c.Elem.Type() + ")" }

// Rows implements Column.
func (c *Array) Rows() int { return len(c.ends) }

// Reset implements Column.
func (c *Array) Reset() {
	c.Elem.Reset()
	c.ends = c.ends[:0]
}

// Truncate implements Column. It drops elements of a row that was not ended, too.
func (c *Array) Truncate(rows int) {
	c.ends = c.ends[:min(rows, len(c.ends))]
	c.Elem.Truncate(lastEnd(c.ends))
}

// AppendDefault implements Column.
func (c *Array) AppendDefault(n int) {
	for range n {
		c.EndRow()
	}
}

// Gather implements Column.
func (c *Array) Gather(src Column, rows []uint32) {
	from := src.(*Array)
	elems := make([]uint32, 0, len(rows))
	end := uint64(c.Elem.Rows())
	for _, r := range rows {
		a, b := from.Span(int(r))
		for e := a; e < b; e++ {
			elems = append(elems, uint32(e))
		}
		end += uint64(b - a)
		c.ends = append(c.ends, end)
	}
	c.Elem.Gather(from.Elem, elems)
}

// Ordinals implements Column: arrays are no sort key in the schema.
func (c *Array) Ordinals([]uint64) []uint64 { panic("column: an array can't be a sort key") }

func (c *Array) appendPrefix(dst []byte) []byte { return c.Elem.appendPrefix(dst) }

func (c *Array) appendData(dst []byte) []byte {
	dst = append(dst, asBytes(c.ends)...)
	return c.Elem.appendData(dst)
}

func (c *Array) readPrefix(r *Reader) error { return c.Elem.readPrefix(r) }

func (c *Array) readData(r *Reader, n int) error {
	added, err := readEnds(r, n, c.Elem.Rows(), &c.ends)
	if err != nil {
		return err
	}
	return c.Elem.readData(r, added)
}

// readEnds reads n row ends that count from zero and appends them as ends that count from base.
func readEnds(r *Reader, n, base int, ends *[]uint64) (elems int, err error) {
	b, err := r.take(n, 8)
	if err != nil {
		return 0, err
	}
	last := uint64(0)
	at := len(*ends)
	*ends = grow(*ends, n)
	added := (*ends)[at:]
	for i := range added {
		end := binary.LittleEndian.Uint64(b[8*i:])
		if end < last || end-last > uint64(r.remaining()) {
			*ends = (*ends)[:at]
			return 0, fmt.Errorf("array end %d after %d in a block with %d bytes left", end, last, r.remaining())
		}
		last = end
		added[i] = uint64(base) + end
	}
	return int(last), nil
}

// Map is a column of Map(LowCardinality(String), V). Append pairs to Keys and Values, then call EndRow.
type Map struct {
	Keys   *LowCard
	Values Column
	ends   []uint64
}

// NewMap makes an empty map column with values of the given column's type.
func NewMap(values Column) *Map { return &Map{Keys: NewLowCard(), Values: values} }

// EndRow closes the row: all pairs appended since the last call belong to it.
func (c *Map) EndRow() { c.ends = append(c.ends, uint64(c.Keys.Rows())) }

// Span gives the places of the row's pairs in Keys and Values.
func (c *Map) Span(row int) (from, to int) {
	if row > 0 {
		from = int(c.ends[row-1])
	}
	return from, int(c.ends[row])
}

// Type implements Column.
func (c *Map) Type() string { return "Map(LowCardinality(String), " + c.Values.Type() + ")" }

// Rows implements Column.
func (c *Map) Rows() int { return len(c.ends) }

// Reset implements Column.
func (c *Map) Reset() {
	c.Keys.Reset()
	c.Values.Reset()
	c.ends = c.ends[:0]
}

// Truncate implements Column. It drops pairs of a row that was not ended, too.
func (c *Map) Truncate(rows int) {
	c.ends = c.ends[:min(rows, len(c.ends))]
	c.Keys.Truncate(lastEnd(c.ends))
	c.Values.Truncate(lastEnd(c.ends))
}

// AppendDefault implements Column.
func (c *Map) AppendDefault(n int) {
	for range n {
		c.EndRow()
	}
}

// Gather implements Column.
func (c *Map) Gather(src Column, rows []uint32) {
	from := src.(*Map)
	pairs := make([]uint32, 0, len(rows))
	end := uint64(c.Keys.Rows())
	for _, r := range rows {
		a, b := from.Span(int(r))
		for e := a; e < b; e++ {
			pairs = append(pairs, uint32(e))
		}
		end += uint64(b - a)
		c.ends = append(c.ends, end)
	}
	c.Keys.Gather(from.Keys, pairs)
	c.Values.Gather(from.Values, pairs)
}

// Ordinals implements Column: maps are no sort key in the schema.
func (c *Map) Ordinals([]uint64) []uint64 { panic("column: a map can't be a sort key") }

func (c *Map) appendPrefix(dst []byte) []byte {
	return c.Values.appendPrefix(c.Keys.appendPrefix(dst))
}

func (c *Map) appendData(dst []byte) []byte {
	dst = append(dst, asBytes(c.ends)...)
	return c.Values.appendData(c.Keys.appendData(dst))
}

func (c *Map) readPrefix(r *Reader) error {
	if err := c.Keys.readPrefix(r); err != nil {
		return err
	}
	return c.Values.readPrefix(r)
}

func (c *Map) readData(r *Reader, n int) error {
	added, err := readEnds(r, n, c.Keys.Rows(), &c.ends)
	if err != nil {
		return err
	}
	if err := c.Keys.readData(r, added); err != nil {
		return err
	}
	return c.Values.readData(r, added)
}
