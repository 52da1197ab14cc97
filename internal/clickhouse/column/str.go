package column

import (
	"encoding/binary"
	"io"
	"slices"
)

// Str is a column of String: any bytes.
type Str struct {
	buf  []byte
	ends []uint64
}

// NewStr makes an empty String column.
func NewStr() *Str { return &Str{} }

// Append adds a row.
func (c *Str) Append(v string) {
	at := len(c.buf)
	c.buf = grow(c.buf, len(v))
	copy(c.buf[at:], v)
	c.ends = append(c.ends, uint64(len(c.buf)))
}

// AppendBytes adds a row.
func (c *Str) AppendBytes(v []byte) {
	at := len(c.buf)
	c.buf = grow(c.buf, len(v))
	copy(c.buf[at:], v)
	c.ends = append(c.ends, uint64(len(c.buf)))
}

// AppendFunc adds a row whose bytes fill appends to the buffer it is given.
func (c *Str) AppendFunc(fill func(dst []byte) []byte) {
	c.buf = fill(c.buf)
	c.ends = append(c.ends, uint64(len(c.buf)))
}

// At is the row's value, valid until the next append.
func (c *Str) At(row int) []byte {
	start := uint64(0)
	if row > 0 {
		start = c.ends[row-1]
	}
	return c.buf[start:c.ends[row]]
}

// Type implements Column.
func (c *Str) Type() string { return "String" }

// Rows implements Column.
func (c *Str) Rows() int { return len(c.ends) }

// Reset implements Column.
func (c *Str) Reset() { c.buf, c.ends = c.buf[:0], c.ends[:0] }

// Truncate implements Column.
func (c *Str) Truncate(rows int) {
	if rows >= len(c.ends) {
		return
	}
	c.ends = c.ends[:rows]
	c.buf = c.buf[:lastEnd(c.ends)]
}

// lastEnd is the number of elements that the rows hold.
func lastEnd(ends []uint64) int {
	if len(ends) == 0 {
		return 0
	}
	return int(ends[len(ends)-1])
}

// AppendDefault implements Column.
func (c *Str) AppendDefault(n int) {
	for range n {
		c.ends = append(c.ends, uint64(len(c.buf)))
	}
}

// Gather implements Column.
func (c *Str) Gather(src Column, rows []uint32) {
	from := src.(*Str)
	for _, r := range rows {
		c.AppendBytes(from.At(int(r)))
	}
}

// Ordinals implements Column: the rank among the distinct values.
func (c *Str) Ordinals(dst []uint64) []uint64 {
	values := make(map[string]uint64)
	for i := range c.ends {
		if _, ok := values[string(c.At(i))]; !ok {
			values[string(c.At(i))] = 0
		}
	}
	rank(values)
	dst = grow(dst[:0], len(c.ends))
	for i := range c.ends {
		dst[i] = values[string(c.At(i))]
	}
	return dst
}

func rank(values map[string]uint64) {
	order := make([]string, 0, len(values))
	for v := range values {
		order = append(order, v)
	}
	slices.Sort(order)
	for i, v := range order {
		values[v] = uint64(i)
	}
}

func (c *Str) appendPrefix(dst []byte) []byte { return dst }

func (c *Str) appendData(dst []byte) []byte {
	start := uint64(0)
	for _, end := range c.ends {
		dst = binary.AppendUvarint(dst, end-start)
		dst = append(dst, c.buf[start:end]...)
		start = end
	}
	return dst
}

func (c *Str) readPrefix(*Reader) error { return nil }

func (c *Str) readData(r *Reader, n int) error {
	if n > r.remaining() {
		return io.ErrUnexpectedEOF
	}
	at := len(c.ends)
	c.ends = grow(c.ends, n)
	for i := range n {
		b, err := r.bytes()
		if err != nil {
			c.ends = c.ends[:at+i]
			return err
		}
		end := len(c.buf)
		c.buf = grow(c.buf, len(b))
		copy(c.buf[end:], b)
		c.ends[at+i] = uint64(len(c.buf))
	}
	return nil
}
