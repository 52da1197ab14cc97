package envelope

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// MaxDepth is the number of arrays and maps that may lie in each other, as in the store.
const MaxDepth = 64

// Value is an attribute's value or a body: String, Int, Double, Bool, Bytes, Array or KVList; nil is OTLP's empty value.
type Value interface{ typeName() string }

// The types of values.
type (
	String string
	Int    int64
	Double float64
	Bool   bool
	Bytes  []byte
	Array  []Value
	KVList Attributes
)

// Attributes are keys and values in the order of the record. A key that a sender wrote twice is there twice.
type Attributes []Attribute

// Attribute is one of Attributes.
type Attribute struct {
	Key   string
	Value Value
}

// Get finds the first value of a key.
func (a Attributes) Get(key string) (Value, bool) {
	i := slices.IndexFunc(a, func(kv Attribute) bool { return kv.Key == key })
	if i < 0 {
		return nil, false
	}
	return a[i].Value, true
}

const emptyName = "empty"

func (String) typeName() string { return "string" }
func (Int) typeName() string    { return "int" }
func (Double) typeName() string { return "double" }
func (Bool) typeName() string   { return "bool" }
func (Bytes) typeName() string  { return "bytes" }
func (Array) typeName() string  { return "array" }
func (KVList) typeName() string { return "kvlist" }

// valueTypes are the names of the types in JSON.
func valueTypes() []string {
	names := []string{emptyName}
	for _, v := range []Value{String(""), Int(0), Double(0), Bool(false), Bytes(nil), Array(nil), KVList(nil)} {
		names = append(names, v.typeName())
	}
	slices.Sort(names)
	return names
}

func tooDeep(path string) error {
	return &FieldError{Field: path, Detail: fmt.Sprintf("is nested deeper than %d arrays and maps", MaxDepth)}
}

func valueOf(path string, v pcommon.Value, depth int) (Value, error) {
	if depth > MaxDepth {
		return nil, tooDeep(path)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return String(v.Str()), nil
	case pcommon.ValueTypeInt:
		return Int(v.Int()), nil
	case pcommon.ValueTypeDouble:
		return Double(v.Double()), nil
	case pcommon.ValueTypeBool:
		return Bool(v.Bool()), nil
	case pcommon.ValueTypeBytes:
		return append(Bytes(nil), v.Bytes().AsRaw()...), nil
	case pcommon.ValueTypeSlice:
		var list Array
		for i, e := range v.Slice().All() {
			x, err := valueOf(at(path, i), e, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case pcommon.ValueTypeMap:
		m, err := attributesOf(path, v.Map(), depth+1)
		return KVList(m), err
	default:
		return nil, nil
	}
}

func attributesOf(path string, m pcommon.Map, depth int) (Attributes, error) {
	var out Attributes
	for k, v := range m.All() {
		x, err := valueOf(join(path, k), v, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, Attribute{k, x})
	}
	return out, nil
}

func setValue(dst pcommon.Value, v Value) {
	switch x := v.(type) {
	case String:
		dst.SetStr(string(x))
	case Int:
		dst.SetInt(int64(x))
	case Double:
		dst.SetDouble(float64(x))
	case Bool:
		dst.SetBool(bool(x))
	case Bytes:
		dst.SetEmptyBytes().FromRaw(x)
	case Array:
		list := dst.SetEmptySlice()
		list.EnsureCapacity(len(x))
		for _, e := range x {
			setValue(list.AppendEmpty(), e)
		}
	case KVList:
		setAttributes(dst.SetEmptyMap(), Attributes(x))
	}
}

// setAttributes keeps equal keys apart, which the methods of a map don't.
func setAttributes(dst pcommon.Map, attrs Attributes) {
	var b xpdata.MapBuilder
	b.EnsureCapacity(len(attrs))
	for _, a := range attrs {
		setValue(b.AppendEmpty(a.Key), a.Value)
	}
	b.UnsafeIntoMap(dst)
}
