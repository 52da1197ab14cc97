package query

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// TypedValue is an attribute's value with its OTLP type. Ints are decimal strings, bytes are base64, NaN and the
// infinities are the strings "NaN", "+Inf" and "-Inf": nothing is lost in JSON.
type TypedValue struct {
	Type  string `json:"type" enum:"string,int,double,bool,bytes,array,kvlist,empty"`
	Value any    `json:"value" doc:"int: decimal string; bytes: base64; double: number, or NaN, +Inf, -Inf as strings; array: typed values; kvlist: object of typed values"`
}

// Attributes are typed values by key.
type Attributes map[string]TypedValue

func stringValue(s string) TypedValue { return TypedValue{Type: "string", Value: s} }
func intValue(n int64) TypedValue     { return TypedValue{Type: "int", Value: strconv.FormatInt(n, 10)} }
func boolValue(b bool) TypedValue     { return TypedValue{Type: "bool", Value: b} }

func doubleValue(f float64) TypedValue {
	switch {
	case math.IsNaN(f):
		return TypedValue{Type: "double", Value: "NaN"}
	case math.IsInf(f, 1):
		return TypedValue{Type: "double", Value: "+Inf"}
	case math.IsInf(f, -1):
		return TypedValue{Type: "double", Value: "-Inf"}
	}
	return TypedValue{Type: "double", Value: f}
}

func anyValue(v *commonpb.AnyValue) TypedValue {
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return stringValue(x.StringValue)
	case *commonpb.AnyValue_IntValue:
		return intValue(x.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return doubleValue(x.DoubleValue)
	case *commonpb.AnyValue_BoolValue:
		return boolValue(x.BoolValue)
	case *commonpb.AnyValue_BytesValue:
		return TypedValue{Type: "bytes", Value: base64.StdEncoding.EncodeToString(x.BytesValue)}
	case *commonpb.AnyValue_ArrayValue:
		list := make([]TypedValue, 0, len(x.ArrayValue.GetValues()))
		for _, e := range x.ArrayValue.GetValues() {
			list = append(list, anyValue(e))
		}
		return TypedValue{Type: "array", Value: list}
	case *commonpb.AnyValue_KvlistValue:
		return TypedValue{Type: "kvlist", Value: keyValues(x.KvlistValue.GetValues())}
	}
	return TypedValue{Type: "empty"}
}

func keyValues(kvs []*commonpb.KeyValue) Attributes {
	m := make(Attributes, len(kvs))
	for _, kv := range kvs {
		m[kv.GetKey()] = anyValue(kv.GetValue())
	}
	return m
}

// attributeMaps are the five columns that hold a record's attributes.
type attributeMaps struct {
	str  map[string]string
	num  map[string]float64
	ints map[string]int64
	bool map[string]bool
	any  map[string]string
}

// merged is the one map that was sent.
func (a attributeMaps) merged() (Attributes, error) {
	m := make(Attributes, len(a.str)+len(a.num)+len(a.ints)+len(a.bool)+len(a.any))
	for k, v := range a.str {
		m[k] = stringValue(v)
	}
	for k, v := range a.num {
		m[k] = doubleValue(v)
	}
	for k, v := range a.ints {
		m[k] = intValue(v)
	}
	for k, v := range a.bool {
		m[k] = boolValue(v)
	}
	for k, v := range a.any {
		var pb commonpb.AnyValue
		if err := proto.Unmarshal([]byte(v), &pb); err != nil {
			return nil, fmt.Errorf("decode attribute %q: %w", k, err)
		}
		m[k] = anyValue(&pb)
	}
	return m, nil
}

// eventAttributes joins the string attributes of an event or link with its others, a KeyValueList.
func eventAttributes(str map[string]string, others string) (Attributes, error) {
	m := make(Attributes, len(str))
	for k, v := range str {
		m[k] = stringValue(v)
	}
	if others == "" {
		return m, nil
	}
	var list commonpb.KeyValueList
	if err := proto.Unmarshal([]byte(others), &list); err != nil {
		return nil, fmt.Errorf("decode event attributes: %w", err)
	}
	for k, v := range keyValues(list.GetValues()) {
		m[k] = v
	}
	return m, nil
}

// fingerprint gives "v1:" and 32 hex digits, or nothing where there is no error.
func fingerprint(version uint8, fp string) string {
	if version == 0 {
		return ""
	}
	return fmt.Sprintf("v%d:%s", version, hex.EncodeToString([]byte(fp)))
}

// traceID gives 32 hex digits, or nothing for the zero id.
func traceID(raw string) string {
	for i := range len(raw) {
		if raw[i] != 0 {
			return hex.EncodeToString([]byte(raw))
		}
	}
	return ""
}

// spanID gives 16 hex digits, or nothing for zero.
func spanID(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", n)
}

func parseID16(s string) (id [16]byte, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return id, false
	}
	return [16]byte(b), true
}
