package catalog

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/summitobs/summit/internal/clickhouse/column"
)

// Slots of a valueSet beside those of its values, which begin at 1.
const (
	slotNone     = -1
	slotOverflow = 0
)

// The filter that counts the values beyond the first MaxFacetValue: linear counting, good to a few thousand and a floor
// above. When it is nearly full, hashing more values tells nothing.
const (
	filterBits = 2048
	filterFull = filterBits * 7 / 8
)

// valueSet holds the first values of one tenant's key and estimates how many more there are.
type valueSet struct {
	facet  bool
	index  [2 * MaxFacetValue]uint8
	hashes [MaxFacetValue + 1]uint64
	used   int
	texts  []string
	// last is the slot of the value before: neighbouring rows often have the same.
	last   int
	filter []uint64
	set    int
}

// add notes a value and gives its slot, and its size in bytes.
func (s *valueSet) add(values column.Column, at int) (slot, size int) {
	var h uint64
	switch v := values.(type) {
	case *column.Str:
		b := v.At(at)
		size = len(b)
		if !s.facet && s.set >= filterFull {
			return slotNone, size
		}
		if s.last > 0 && string(b) == s.texts[s.last-1] {
			return s.last, size
		}
		h = xxhash.Sum64(b)
	case *column.Num[uint8]:
		h, size = hashAt(values, at), 1
	default:
		h, size = hashAt(values, at), 8
	}
	slot = s.find(h)
	switch {
	case slot > 0:
	case s.used < MaxFacetValue:
		slot = s.insert(h)
		if s.facet {
			s.texts = append(s.texts, textAt(values, at))
		}
	default:
		s.mark(h)
		slot = slotOverflow
	}
	if !s.facet {
		return slotNone, size
	}
	s.last = slot
	return slot, size
}

func (s *valueSet) find(h uint64) int {
	for i := h; ; i++ {
		slot := s.index[i%uint64(len(s.index))]
		if slot == 0 || s.hashes[slot] == h {
			return int(slot)
		}
	}
}

func (s *valueSet) insert(h uint64) int {
	i := h
	for s.index[i%uint64(len(s.index))] != 0 {
		i++
	}
	s.used++
	s.index[i%uint64(len(s.index))] = uint8(s.used)
	s.hashes[s.used] = h
	return s.used
}

func (s *valueSet) mark(h uint64) {
	if s.filter == nil {
		s.filter = make([]uint64, filterBits/64)
	}
	// The low bits chose the place in the index; these are others.
	bit := h >> 32 % filterBits
	word, mask := &s.filter[bit/64], uint64(1)<<(bit%64)
	if *word&mask == 0 {
		*word |= mask
		s.set++
	}
}

func (s *valueSet) distinct() uint32 {
	free := filterBits - min(s.set, filterBits-1)
	return uint32(s.used) + uint32(math.Round(-filterBits*math.Log(float64(free)/filterBits)))
}

func (s *valueSet) text(slot int) string { return s.texts[slot-1] }

// hashAt hashes a value of the types that attribute maps have.
func hashAt(values column.Column, at int) uint64 {
	switch v := values.(type) {
	case *column.Str:
		return xxhash.Sum64(v.At(at))
	case *column.Num[int64]:
		return mix(uint64(v.Data[at]))
	case *column.Num[float64]:
		return mix(math.Float64bits(v.Data[at]))
	case *column.Num[uint8]:
		return mix(uint64(v.Data[at]))
	}
	panic("catalog: a map with values of type " + values.Type())
}

// mix spreads a number over 64 bits, one to one.
func mix(v uint64) uint64 {
	v ^= v >> 32
	v *= 0xd6e8feb86659fd93
	v ^= v >> 32
	v *= 0xd6e8feb86659fd93
	return v ^ v>>32
}

func textAt(values column.Column, at int) string {
	switch v := values.(type) {
	case *column.Str:
		return cutValue(string(v.At(at)))
	case *column.Num[int64]:
		return strconv.FormatInt(v.Data[at], 10)
	case *column.Num[float64]:
		return strconv.FormatFloat(v.Data[at], 'g', -1, 64)
	case *column.Num[uint8]:
		return strconv.FormatBool(v.Data[at] != 0)
	}
	panic("catalog: a map with values of type " + values.Type())
}

// cutValue shortens a value to MaxValueBytes, not within a character.
func cutValue(s string) string {
	if len(s) <= MaxValueBytes {
		return s
	}
	end := MaxValueBytes
	for end > MaxValueBytes-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// anyType reads the type off an AnyValue's first field.
func anyType(b []byte) Type {
	if len(b) == 0 {
		return Empty
	}
	// The fields of opentelemetry.proto.common.v1.AnyValue in their order, from 1.
	types := [...]Type{String, Bool, Int, Double, Array, KVList, Bytes}
	field := int(b[0] >> 3)
	if field < 1 || field > len(types) {
		return Empty
	}
	return types[field-1]
}
