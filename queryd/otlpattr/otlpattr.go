// Package otlpattr puts attributes into the form that the APIs show: each value with its OTLP type, so that nothing is lost
// in JSON. queryd/query reads the store's columns through it.
package otlpattr

import (
	"encoding/base64"
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

// Columns are the five columns that hold a record's attributes.
type Columns struct {
	Str  map[string]string
	Num  map[string]float64
	Int  map[string]int64
	Bool map[string]bool
	// Any holds all other values as protobuf AnyValue.
	Any map[string]string
}

// Merged is the one map that was sent.
func (a Columns) Merged() (Attributes, error) {
	m := make(Attributes, len(a.Str)+len(a.Num)+len(a.Int)+len(a.Bool)+len(a.Any))
	for k, v := range a.Str {
		m[k] = stringValue(v)
	}
	for k, v := range a.Num {
		m[k] = doubleValue(v)
	}
	for k, v := range a.Int {
		m[k] = intValue(v)
	}
	for k, v := range a.Bool {
		m[k] = boolValue(v)
	}
	for k, v := range a.Any {
		var pb commonpb.AnyValue
		if err := proto.Unmarshal([]byte(v), &pb); err != nil {
			return nil, fmt.Errorf("decode attribute %q: %w", k, err)
		}
		m[k] = anyValue(&pb)
	}
	return m, nil
}

// WithOthers joins the string attributes of an event or link with its others, a KeyValueList.
func WithOthers(str map[string]string, others string) (Attributes, error) {
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
