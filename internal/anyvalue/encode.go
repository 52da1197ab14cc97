// Package anyvalue turns OTLP attribute values into protobuf bytes and back. The column encoders store what no typed
// column can hold (bytes, arrays, maps, empty values, attributes of scopes and entities) in this form, readers give it
// back as pdata. The bytes are those of opentelemetry.proto.common.v1, so any OTLP library reads them.
package anyvalue

import (
	"encoding/binary"
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// MaxDepth is the number of arrays and maps that may lie in each other. Append cuts what is deeper, Decode refuses it.
const MaxDepth = 64

// Tags of the messages' fields: number and wire type.
const (
	wireVarint = 0
	wireFixed  = 1
	wireBytes  = 2

	tagString = 1<<3 | wireBytes
	tagBool   = 2<<3 | wireVarint
	tagInt    = 3<<3 | wireVarint
	tagDouble = 4<<3 | wireFixed
	tagArray  = 5<<3 | wireBytes
	tagKVList = 6<<3 | wireBytes
	tagBytes  = 7<<3 | wireBytes

	tagElement = 1<<3 | wireBytes // ArrayValue.values and KeyValueList.values
	tagKey     = 1<<3 | wireBytes
	tagValue   = 2<<3 | wireBytes
)

// NoLimit is a limit that no value reaches.
const NoLimit = math.MaxInt

// Append appends the value as an AnyValue message; an empty value is the empty message.
func Append(dst []byte, v pcommon.Value) []byte {
	dst, _ = AppendCut(dst, v, NoLimit)
	return dst
}

// AppendCut is Append for a value that may be larger than limit bytes: strings and bytes keep their beginning, arrays
// and maps their first elements, each with a Marker at the end. cut tells that this happened, or that the value was
// nested deeper than MaxDepth.
func AppendCut(dst []byte, v pcommon.Value, limit int) (out []byte, cut bool) {
	e := encoder{}
	dst = e.value(dst, v, limit, 0)
	return dst, e.cut
}

// AppendMap appends the attributes as a KeyValueList message.
func AppendMap(dst []byte, m pcommon.Map) []byte {
	for k, v := range m.All() {
		dst, _ = AppendPair(dst, k, v, NoLimit)
	}
	return dst
}

// AppendPair appends one element of a KeyValueList, cutting its value as AppendCut does.
func AppendPair(dst []byte, key string, v pcommon.Value, limit int) (out []byte, cut bool) {
	e := encoder{}
	dst = e.pair(dst, tagElement, key, v, limit, 0)
	return dst, e.cut
}

// AppendKeyValue appends a KeyValue as field number of the message that dst belongs to.
func AppendKeyValue(dst []byte, number int, key string, v pcommon.Value, limit int) (out []byte, cut bool) {
	e := encoder{}
	dst = e.pair(binary.AppendUvarint(dst, uint64(number)<<3|wireBytes), 0, key, v, limit, 0)
	return dst, e.cut
}

// encoder remembers whether anything was cut.
type encoder struct{ cut bool }

func (e *encoder) value(dst []byte, v pcommon.Value, limit, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		if len(s) > limit {
			e.cut = true
			s = CutString(s, limit)
		}
		return appendText(append(dst, tagString), s)
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(dst, tagBool, 1)
		}
		return append(dst, tagBool, 0)
	case pcommon.ValueTypeInt:
		return binary.AppendUvarint(append(dst, tagInt), uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return binary.LittleEndian.AppendUint64(append(dst, tagDouble), math.Float64bits(v.Double()))
	case pcommon.ValueTypeBytes:
		b := v.Bytes().AsRaw()
		if len(b) > limit {
			e.cut = true
			b = append(b[:limit:limit], Marker(len(b))...)
		}
		return appendText(append(dst, tagBytes), string(b))
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		if depth == MaxDepth {
			e.cut = true
			return appendText(append(dst, tagString), Marker(size(v)))
		}
		return e.list(dst, v, limit, depth)
	default:
		return dst
	}
}

// list writes an array or a map: the content first, then its length before it.
func (e *encoder) list(dst []byte, v pcommon.Value, limit, depth int) []byte {
	tag := byte(tagArray)
	if v.Type() == pcommon.ValueTypeMap {
		tag = tagKVList
	}
	dst = append(dst, tag)
	start := len(dst)
	full := false
	// room tells how much of the limit is left, and keeps the list from growing on once it is used up.
	room := func() int { return max(limit-(len(dst)-start), 0) }
	if tag == tagArray {
		for i := range v.Slice().Len() {
			if full = room() == 0; full {
				dst = e.element(dst, tagElement, marker(v), NoLimit, depth+1)
				break
			}
			dst = e.element(dst, tagElement, v.Slice().At(i), room(), depth+1)
		}
	} else {
		for k, elem := range v.Map().All() {
			if full = room() == 0; full {
				dst = e.pair(dst, tagElement, MarkerKey, marker(v), NoLimit, depth+1)
				break
			}
			dst = e.pair(dst, tagElement, k, elem, room(), depth+1)
		}
	}
	e.cut = e.cut || full
	return insertLength(dst, start)
}

// element writes a value as a field with the given tag.
func (e *encoder) element(dst []byte, tag byte, v pcommon.Value, limit, depth int) []byte {
	dst = append(dst, tag)
	start := len(dst)
	return insertLength(e.value(dst, v, limit, depth), start)
}

// pair writes a KeyValue as a field with the given tag; tag 0 means that the tag is there already.
func (e *encoder) pair(dst []byte, tag byte, key string, v pcommon.Value, limit, depth int) []byte {
	if tag != 0 {
		dst = append(dst, tag)
	}
	start := len(dst)
	if key != "" {
		dst = appendText(append(dst, tagKey), key)
	}
	dst = e.element(dst, tagValue, v, limit, depth)
	return insertLength(dst, start)
}

// insertLength puts the length of what was appended since start before it.
func insertLength(dst []byte, start int) []byte {
	n := len(dst) - start
	var prefix [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(prefix[:], uint64(n))
	dst = append(dst, prefix[:w]...)
	copy(dst[start+w:], dst[start:start+n])
	copy(dst[start:], prefix[:w])
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// size is the length of the value's message, in linear time and without a limit of depth.
func size(v pcommon.Value) int {
	field := func(n int) int { return 1 + uvarintLen(n) + n }
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return field(len(v.Str()))
	case pcommon.ValueTypeBytes:
		return field(v.Bytes().Len())
	case pcommon.ValueTypeBool:
		return 2
	case pcommon.ValueTypeInt:
		return 1 + (bits.Len64(uint64(v.Int())|1)+6)/7
	case pcommon.ValueTypeDouble:
		return 9
	case pcommon.ValueTypeSlice:
		n := 0
		for i := range v.Slice().Len() {
			n += field(size(v.Slice().At(i)))
		}
		return field(n)
	case pcommon.ValueTypeMap:
		n := 0
		for k, elem := range v.Map().All() {
			pair := field(size(elem))
			if k != "" {
				pair += field(len(k))
			}
			n += field(pair)
		}
		return field(n)
	default:
		return 0
	}
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
