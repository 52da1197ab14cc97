// Package otlpitem holds spans, log records and number points in the form that the column encoders read: plain fields
// and slices that are filled again for every item. It stands between what a request came as (pdata, or the bytes of the
// wire) and the columns, so that one writer serves both. Sources fill the items, package writer reads them.
package otlpitem

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/summitobs/summit/internal/envelope"
)

// Value is an attribute's value or a log's body. Its strings are good as long as the request that they came from.
type Value struct {
	Type pcommon.ValueType
	// Str is a string's text.
	Str string
	// Num holds an int, the bits of a double, or a bool as 0 and 1.
	Num uint64
	// Other holds the value where it is bytes, an array or a map.
	Other pcommon.Value
}

// ValueOf reads a pdata value.
func ValueOf(v pcommon.Value) (out Value) {
	out.Type = v.Type()
	switch out.Type {
	case pcommon.ValueTypeStr:
		out.Str = v.Str()
	case pcommon.ValueTypeInt:
		out.Num = uint64(v.Int())
	case pcommon.ValueTypeDouble:
		out.Num = math.Float64bits(v.Double())
	case pcommon.ValueTypeBool:
		if v.Bool() {
			out.Num = 1
		}
	case pcommon.ValueTypeBytes, pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		out.Other = v
	case pcommon.ValueTypeEmpty:
	}
	return out
}

// Int is the value of an int.
func (v *Value) Int() int64 { return int64(v.Num) }

// Double is the value of a double.
func (v *Value) Double() float64 { return math.Float64frombits(v.Num) }

// Bool is the value of a bool.
func (v *Value) Bool() bool { return v.Num != 0 }

// Text gives a string value, of any other type the empty string.
func (v *Value) Text() string { return v.Str }

// PData gives the value as pdata.
func (v *Value) PData() pcommon.Value {
	switch v.Type {
	case pcommon.ValueTypeStr:
		return pcommon.NewValueStr(v.Str)
	case pcommon.ValueTypeInt:
		return pcommon.NewValueInt(v.Int())
	case pcommon.ValueTypeDouble:
		return pcommon.NewValueDouble(v.Double())
	case pcommon.ValueTypeBool:
		return pcommon.NewValueBool(v.Bool())
	case pcommon.ValueTypeEmpty:
		return pcommon.NewValueEmpty()
	default:
		return v.Other
	}
}

// AppendCanonical is envelope.AppendValue for this value.
func (v *Value) AppendCanonical(dst []byte) []byte {
	switch v.Type {
	case pcommon.ValueTypeStr:
		dst = binary.BigEndian.AppendUint32(append(dst, byte(v.Type)), uint32(len(v.Str)))
		return append(dst, v.Str...)
	case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
		return binary.BigEndian.AppendUint64(append(dst, byte(v.Type)), v.Num)
	case pcommon.ValueTypeBool:
		return append(dst, byte(v.Type), byte(v.Num))
	case pcommon.ValueTypeEmpty:
		return append(dst, byte(v.Type))
	default:
		return envelope.AppendValue(dst, v.Other)
	}
}

// Attribute is a key and its value.
type Attribute struct {
	Key string
	Value
}

// AppendAttributes reads a pdata map, in its order.
func AppendAttributes(dst []Attribute, m pcommon.Map) []Attribute {
	for k, v := range m.All() {
		dst = append(dst, Attribute{k, ValueOf(v)})
	}
	return dst
}

// Map gives attributes as pdata, in their order; equal keys stay apart.
func Map(attrs []Attribute) pcommon.Map {
	var mb xpdata.MapBuilder
	mb.EnsureCapacity(len(attrs))
	for i := range attrs {
		attrs[i].PData().CopyTo(mb.AppendEmpty(attrs[i].Key))
	}
	m := pcommon.NewMap()
	mb.UnsafeIntoMap(m)
	return m
}
