package otlpattr

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestDoublesKeepWhatJSONHasNot(t *testing.T) {
	for _, tc := range []struct {
		in   float64
		want any
	}{{1.5, 1.5}, {math.NaN(), "NaN"}, {math.Inf(1), "+Inf"}, {math.Inf(-1), "-Inf"}, {math.MaxFloat64, math.MaxFloat64}} {
		require.Equal(t, TypedValue{Type: "double", Value: tc.want}, doubleValue(tc.in))
	}
}

func TestBrokenProtobufIsAnError(t *testing.T) {
	_, err := Columns{Any: map[string]string{"k": "\xff"}}.Merged()
	require.ErrorContains(t, err, `decode attribute "k"`)
	_, err = WithOthers(nil, "\xff")
	require.ErrorContains(t, err, "decode event attributes")
}

func TestNestedValuesOfAnyDepthComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 20).Draw(t, "depth")
		v := &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: rapid.Int64().Draw(t, "n")}}
		want := intValue(v.GetIntValue())
		for range depth {
			if rapid.Bool().Draw(t, "list") {
				v = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{v}}}}
				want = TypedValue{Type: "array", Value: []TypedValue{want}}
				continue
			}
			v = &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{{Key: "k", Value: v}}}}}
			want = TypedValue{Type: "kvlist", Value: Attributes{"k": want}}
		}
		b, err := proto.Marshal(v)
		require.NoError(t, err)
		got, err := Columns{Any: map[string]string{"x": string(b)}}.Merged()
		require.NoError(t, err)
		require.Equal(t, Attributes{"x": want}, got)
	})
}
