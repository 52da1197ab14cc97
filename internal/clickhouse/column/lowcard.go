package column

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// LowCard is a column of LowCardinality(String): a dictionary and a key per row.
type LowCard struct {
	dict  []string
	index map[string]uint32
	keys  []uint32
	// next has for each value the one that followed it last: records of one source repeat their keys in one order, and a
	// comparison is cheaper than a hash.
	next []uint32

	// The value of the row before, found by address before any hashing: neighbours share their strings.
	lastPtr *byte
	lastLen int
	lastKey uint32
}

// Serialisation constants of ClickHouse's SerializationLowCardinality.
const (
	lowCardVersion       = 1
	lowCardHasKeys       = 1 << 9
	lowCardUpdateDict    = 1 << 10
	lowCardKeyWidthMask  = 0xff
	lowCardMaxDictionary = 1 << 32
)

// maxKeptIndex bounds the index that a Reset keeps: clearing costs what the index was once grown to.
const maxKeptIndex = 1 << 13

// NewLowCard makes an empty LowCardinality(String) column.
func NewLowCard() *LowCard { return &LowCard{index: make(map[string]uint32), lastLen: -1} }

// Append adds a row. The string is kept until Reset: it must not change meanwhile.
func (c *LowCard) Append(v string) { c.keys = append(c.keys, c.Key(v)) }

// AppendN adds n rows of one value.
func (c *LowCard) AppendN(v string, n int) {
	if n == 0 {
		return
	}
	k := c.Key(v)
	for range n {
		c.keys = append(c.keys, k)
	}
}

// Key gives the dictionary key of a value, for AppendKey.
func (c *LowCard) Key(v string) uint32 {
	ptr := unsafe.StringData(v)
	if ptr == c.lastPtr && len(v) == c.lastLen {
		return c.lastKey
	}
	if len(c.dict) == 0 {
		return c.learn(v)
	}
	k := c.next[c.lastKey]
	if c.dict[k] != v {
		var ok bool
		if k, ok = c.index[v]; !ok {
			return c.learn(v)
		}
		c.next[c.lastKey] = k
	}
	c.lastPtr, c.lastLen, c.lastKey = ptr, len(v), k
	return k
}

// learn adds a value to the dictionary.
func (c *LowCard) learn(v string) uint32 {
	k := uint32(len(c.dict))
	c.dict = append(c.dict, v)
	c.next = append(c.next, k)
	c.index[v] = k
	c.next[c.lastKey] = k
	c.lastPtr, c.lastLen, c.lastKey = unsafe.StringData(v), len(v), k
	return k
}

// AppendKey adds a row by a key that Key gave since the last Reset.
func (c *LowCard) AppendKey(k uint32) { c.keys = append(c.keys, k) }

// At is the row's value.
func (c *LowCard) At(row int) string { return c.dict[c.keys[row]] }

// KeyAt is the row's dictionary key.
func (c *LowCard) KeyAt(row int) uint32 { return c.keys[row] }

// Value is the value of a dictionary key.
func (c *LowCard) Value(key uint32) string { return c.dict[key] }

// Values is the dictionary, good until the next append.
func (c *LowCard) Values() []string { return c.dict }

// Distinct is the size of the dictionary.
func (c *LowCard) Distinct() int { return len(c.dict) }

// Type implements Column.
func (c *LowCard) Type() string { return "LowCardinality(String)" }

// Rows implements Column.
func (c *LowCard) Rows() int { return len(c.keys) }

// Reset implements Column.
func (c *LowCard) Reset() {
	clear(c.dict)
	c.dict, c.keys, c.next = c.dict[:0], c.keys[:0], c.next[:0]
	if len(c.index) > maxKeptIndex {
		c.index = make(map[string]uint32)
	} else {
		clear(c.index)
	}
	c.lastPtr, c.lastLen, c.lastKey = nil, -1, 0
}

// Truncate implements Column. The dictionary keeps the values of dropped rows.
func (c *LowCard) Truncate(rows int) { c.keys = c.keys[:min(rows, len(c.keys))] }

// AppendDefault implements Column.
func (c *LowCard) AppendDefault(n int) { c.AppendN("", n) }

// Gather implements Column.
func (c *LowCard) Gather(src Column, rows []uint32) {
	from := src.(*LowCard)
	remap := make([]uint32, len(from.dict))
	for i := range remap {
		remap[i] = lowCardMaxDictionary - 1
	}
	at := len(c.keys)
	c.keys = grow(c.keys, len(rows))
	to := c.keys[at:]
	for i, r := range rows {
		k := from.keys[r]
		if remap[k] == lowCardMaxDictionary-1 {
			remap[k] = c.Key(from.dict[k])
		}
		to[i] = remap[k]
	}
}

// Ordinals implements Column: the rank among the dictionary's values.
func (c *LowCard) Ordinals(dst []uint64) []uint64 {
	ranks := make(map[string]uint64, len(c.dict))
	for _, v := range c.dict {
		ranks[v] = 0
	}
	rank(ranks)
	byKey := make([]uint64, len(c.dict))
	for k, v := range c.dict {
		byKey[k] = ranks[v]
	}
	dst = grow(dst[:0], len(c.keys))
	for i, k := range c.keys {
		dst[i] = byKey[k]
	}
	return dst
}

func (c *LowCard) appendPrefix(dst []byte) []byte {
	return binary.LittleEndian.AppendUint64(dst, lowCardVersion)
}

func (c *LowCard) appendData(dst []byte) []byte {
	if len(c.keys) == 0 {
		return dst
	}
	width := keyWidth(len(c.dict))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(width)|lowCardHasKeys|lowCardUpdateDict)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(c.dict)))
	for _, v := range c.dict {
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		dst = append(dst, v...)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(c.keys)))
	for _, k := range c.keys {
		dst = appendKey(dst, k, width)
	}
	return dst
}

// keyWidth is ClickHouse's code for the smallest key type: 0 UInt8, 1 UInt16, 2 UInt32.
func keyWidth(dictionary int) int {
	switch {
	case dictionary <= 1<<8:
		return 0
	case dictionary <= 1<<16:
		return 1
	default:
		return 2
	}
}

func (c *LowCard) readPrefix(r *Reader) error {
	v, err := r.uint64()
	if err != nil {
		return err
	}
	if v != lowCardVersion {
		return fmt.Errorf("low cardinality version %d: want %d", v, lowCardVersion)
	}
	return nil
}

func (c *LowCard) readData(r *Reader, n int) error {
	if n == 0 {
		return nil
	}
	flags, err := r.uint64()
	if err != nil {
		return err
	}
	width := int(flags & lowCardKeyWidthMask)
	if width > 2 || flags&lowCardHasKeys == 0 {
		return fmt.Errorf("low cardinality flags %#x are not known", flags)
	}
	remap, err := c.readDictionary(r)
	if err != nil {
		return err
	}
	rows, err := r.uint64()
	if err != nil {
		return err
	}
	if rows != uint64(n) {
		return fmt.Errorf("low cardinality column has %d keys for %d rows", rows, n)
	}
	b, err := r.take(n, 1<<width)
	if err != nil {
		return err
	}
	at := len(c.keys)
	c.keys = grow(c.keys, n)
	for i := range n {
		var k uint32
		switch width {
		case 0:
			k = uint32(b[i])
		case 1:
			k = uint32(binary.LittleEndian.Uint16(b[2*i:]))
		default:
			k = binary.LittleEndian.Uint32(b[4*i:])
		}
		if int(k) >= len(remap) {
			c.keys = c.keys[:at]
			return fmt.Errorf("low cardinality key %d outside a dictionary of %d", k, len(remap))
		}
		c.keys[at+i] = remap[k]
	}
	return nil
}

func (c *LowCard) readDictionary(r *Reader) ([]uint32, error) {
	size, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if size > uint64(r.remaining()) {
		return nil, fmt.Errorf("low cardinality dictionary of %d values in %d bytes", size, r.remaining())
	}
	remap := make([]uint32, size)
	for i := range remap {
		b, err := r.bytes()
		if err != nil {
			return nil, err
		}
		if k, ok := c.index[string(b)]; ok {
			remap[i] = k
			continue
		}
		remap[i] = c.Key(string(b))
	}
	return remap, nil
}
