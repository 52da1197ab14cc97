package column

import (
	"cmp"
	"encoding/binary"
	"math"
	"unsafe"
)

func init() {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		panic("column: numbers are copied as they lie in memory, which needs a little-endian machine")
	}
}

// Number is a fixed-width number as Go has it.
type Number interface {
	~uint8 | ~int8 | ~uint16 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float32 | ~float64
}

// Num is a column of numbers: the integers, floats, Bool (0 or 1), Enum8, Date (days), DateTime (seconds) and
// DateTime64 (ticks of its scale).
type Num[T Number] struct {
	Data []T
	typ  string
}

// NewNum makes a column of the given ClickHouse type, whose width must be T's.
func NewNum[T Number](typ string) *Num[T] { return &Num[T]{typ: typ} }

// Append adds a row.
func (c *Num[T]) Append(v T) { c.Data = append(c.Data, v) }

// AppendN adds n rows of one value.
func (c *Num[T]) AppendN(v T, n int) {
	for range n {
		c.Data = append(c.Data, v)
	}
}

// Type implements Column.
func (c *Num[T]) Type() string { return c.typ }

// Rows implements Column.
func (c *Num[T]) Rows() int { return len(c.Data) }

// Reset implements Column.
func (c *Num[T]) Reset() { c.Data = c.Data[:0] }

// Truncate implements Column.
func (c *Num[T]) Truncate(rows int) { c.Data = c.Data[:min(rows, len(c.Data))] }

// AppendDefault implements Column.
func (c *Num[T]) AppendDefault(n int) { c.AppendN(0, n) }

// Gather implements Column.
func (c *Num[T]) Gather(src Column, rows []uint32) {
	from := src.(*Num[T]).Data
	at := len(c.Data)
	c.Data = grow(c.Data, len(rows))
	to := c.Data[at:]
	for i, r := range rows {
		to[i] = from[r]
	}
}

// Ordinals implements Column.
func (c *Num[T]) Ordinals(dst []uint64) []uint64 {
	dst = grow(dst[:0], len(c.Data))
	for i, v := range c.Data {
		dst[i] = ordinal(v)
	}
	return dst
}

func ordinal[T Number](v T) uint64 {
	switch x := any(v).(type) {
	case int8:
		return uint64(int64(x)) ^ 1<<63
	case int32:
		return uint64(int64(x)) ^ 1<<63
	case int64:
		return uint64(x) ^ 1<<63
	case float32:
		return floatOrdinal(float64(x))
	case float64:
		return floatOrdinal(x)
	case uint8:
		return uint64(x)
	case uint16:
		return uint64(x)
	case uint32:
		return uint64(x)
	case uint64:
		return x
	}
	panic("column: a named number type can't be a sort key")
}

func floatOrdinal(v float64) uint64 {
	if cmp.Compare(v, v) == 0 && v == 0 {
		v = 0 // -0 and 0 are equal
	}
	b := math.Float64bits(v)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

func (c *Num[T]) appendPrefix(dst []byte) []byte { return dst }

func (c *Num[T]) appendData(dst []byte) []byte { return append(dst, asBytes(c.Data)...) }

func (c *Num[T]) readPrefix(*Reader) error { return nil }

func (c *Num[T]) readData(r *Reader, n int) error {
	var zero T
	b, err := r.take(n, int(unsafe.Sizeof(zero)))
	if err != nil {
		return err
	}
	at := len(c.Data)
	c.Data = grow(c.Data, n)
	copy(asBytes(c.Data[at:]), b)
	return nil
}

// asBytes shows numbers as the bytes they occupy; the caller must not keep them over an append.
func asBytes[T Number](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// grow lengthens s by n elements whose contents are undefined.
func grow[S ~[]E, E any](s S, n int) S {
	need := len(s) + n
	if need <= cap(s) {
		return s[:need]
	}
	out := make(S, need, max(need, 2*cap(s)))
	copy(out, s)
	return out
}
