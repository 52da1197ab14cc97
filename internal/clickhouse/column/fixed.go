package column

import (
	"bytes"
	"slices"
)

// Fixed is a column of values of one width: FixedString(N) and UUID.
type Fixed struct {
	Data  []byte
	width int
	typ   string
}

// NewFixed makes a column of FixedString(width) or UUID (width 16).
func NewFixed(typ string, width int) *Fixed { return &Fixed{typ: typ, width: width} }

// Append adds a row; v must have the column's width.
func (c *Fixed) Append(v []byte) {
	if len(v) != c.width {
		panic("column: value of the wrong width for " + c.typ)
	}
	c.Data = append(c.Data, v...)
}

// AppendUUID adds a UUID given in network order; ClickHouse keeps its halves as two little-endian numbers.
func (c *Fixed) AppendUUID(v [16]byte) {
	slices.Reverse(v[:8])
	slices.Reverse(v[8:])
	c.Data = append(c.Data, v[:]...)
}

// AppendUUIDN adds n rows of one UUID.
func (c *Fixed) AppendUUIDN(v [16]byte, n int) {
	for range n {
		c.AppendUUID(v)
	}
}

// At is the row's value, valid until the next append.
func (c *Fixed) At(row int) []byte { return c.Data[row*c.width : (row+1)*c.width] }

// Type implements Column.
func (c *Fixed) Type() string { return c.typ }

// Rows implements Column.
func (c *Fixed) Rows() int { return len(c.Data) / c.width }

// Reset implements Column.
func (c *Fixed) Reset() { c.Data = c.Data[:0] }

// Truncate implements Column.
func (c *Fixed) Truncate(rows int) { c.Data = c.Data[:min(rows*c.width, len(c.Data))] }

// AppendDefault implements Column.
func (c *Fixed) AppendDefault(n int) {
	at := len(c.Data)
	c.Data = grow(c.Data, n*c.width)
	clear(c.Data[at:])
}

// Gather implements Column.
func (c *Fixed) Gather(src Column, rows []uint32) {
	from := src.(*Fixed)
	for _, r := range rows {
		c.Data = append(c.Data, from.At(int(r))...)
	}
}

// Ordinals implements Column: the rank among the distinct values. ClickHouse compares UUIDs by the second half of their
// text first, then by the first half.
func (c *Fixed) Ordinals(dst []uint64) []uint64 {
	n := c.Rows()
	seen := make(map[string]uint64)
	for i := range n {
		if _, ok := seen[string(c.At(i))]; !ok {
			seen[string(c.At(i))] = 0
		}
	}
	values := make([]string, 0, len(seen))
	for v := range seen {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int { return bytes.Compare(c.sortable(a), c.sortable(b)) })
	for i, v := range values {
		seen[v] = uint64(i)
	}
	dst = grow(dst[:0], n)
	for i := range n {
		dst[i] = seen[string(c.At(i))]
	}
	return dst
}

func (c *Fixed) sortable(v string) []byte {
	b := []byte(v)
	if c.typ == "UUID" {
		slices.Reverse(b) // both halves to network order, and the second before the first
	}
	return b
}

func (c *Fixed) appendPrefix(dst []byte) []byte { return dst }

func (c *Fixed) appendData(dst []byte) []byte { return append(dst, c.Data...) }

func (c *Fixed) readPrefix(*Reader) error { return nil }

func (c *Fixed) readData(r *Reader, n int) error {
	b, err := r.take(n, c.width)
	if err != nil {
		return err
	}
	at := len(c.Data)
	c.Data = grow(c.Data, len(b))
	copy(c.Data[at:], b)
	return nil
}
