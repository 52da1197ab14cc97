package anyvalue_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/anyvalue"
)

var (
	texts   = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", "\x00", "caf\xe9 is not UTF-8", strings.Repeat("x", 200)}))
	doubles = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{
		math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.Float64frombits(0x7ff0000000000002), math.Float64frombits(0xfff4deadbeef0001),
	}))
	ints = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, 1<<53 + 1, math.MaxInt64, math.MinInt64}))
)

// drawValue fills v; valid leaves out what protobuf's own library refuses.
func drawValue(t *rapid.T, v pcommon.Value, depth int, valid bool) {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "type") {
	case 0:
	case 1:
		v.SetStr(drawText(t, valid))
	case 2:
		v.SetInt(ints.Draw(t, "int"))
	case 3:
		v.SetDouble(doubles.Draw(t, "double"))
	case 4:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case 5:
		v.SetEmptyBytes().FromRaw(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"))
	case 6:
		s := v.SetEmptySlice()
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			drawValue(t, s.AppendEmpty(), depth-1, valid)
		}
	case 7:
		drawMap(t, v.SetEmptyMap(), depth-1, valid)
	}
}

func drawText(t *rapid.T, valid bool) string {
	s := texts.Draw(t, "text")
	if valid {
		s = strings.ToValidUTF8(s, "?")
	}
	return s
}

// drawMap draws equal keys, too.
func drawMap(t *rapid.T, m pcommon.Map, depth int, valid bool) {
	var mb xpdata.MapBuilder
	for range rapid.IntRange(0, 3).Draw(t, "len") {
		key := rapid.SampledFrom([]string{"", "a", "b", "key"}).Draw(t, "key")
		drawValue(t, mb.AppendEmpty(key), depth, valid)
	}
	mb.UnsafeIntoMap(m)
}

// wire gives a value as pdata's own marshaler writes it, which tells NaNs and types apart.
func wire(t require.TestingT, v pcommon.Value) []byte {
	td := ptrace.NewTraces()
	var mb xpdata.MapBuilder
	v.CopyTo(mb.AppendEmpty("v"))
	mb.UnsafeIntoMap(td.ResourceSpans().AppendEmpty().Resource().Attributes())
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return b
}

func TestValueRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, got := pcommon.NewValueEmpty(), pcommon.NewValueEmpty()
		drawValue(t, v, 3, false)
		raw := anyvalue.Append([]byte("before"), v)
		require.Equal(t, "before", string(raw[:6]))
		require.NoError(t, anyvalue.Decode(raw[6:], got))
		require.Equal(t, wire(t, v), wire(t, got))
	})
}

func TestMapRoundTripKeepsOrderAndEqualKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, got := pcommon.NewValueMap(), pcommon.NewValueMap()
		drawMap(t, v.Map(), 2, false)
		raw := anyvalue.AppendMap(nil, v.Map())
		require.NoError(t, anyvalue.DecodeMap(raw, got.Map()))
		require.Equal(t, wire(t, v), wire(t, got))
		var mb xpdata.MapBuilder
		require.NoError(t, anyvalue.DecodePairs(raw, &mb))
		mb.UnsafeIntoMap(got.Map())
		require.Equal(t, wire(t, v), wire(t, got))
	})
}

// Protobuf's own library reads what Append wrote, and the other way round.
func TestBytesAreOTLP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, got := pcommon.NewValueEmpty(), pcommon.NewValueEmpty()
		drawValue(t, v, 3, true)
		raw := anyvalue.Append(nil, v)
		var pb commonpb.AnyValue
		require.NoError(t, proto.Unmarshal(raw, &pb))
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb)
		require.NoError(t, err)
		require.NoError(t, anyvalue.Decode(again, got))
		require.Equal(t, wire(t, v), wire(t, got))

		m := pcommon.NewValueMap()
		drawMap(t, m.Map(), 2, true)
		var list commonpb.KeyValueList
		require.NoError(t, proto.Unmarshal(anyvalue.AppendMap(nil, m.Map()), &list))
		require.Len(t, list.Values, m.Map().Len())
	})
}

func TestScopeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, got := pcommon.NewInstrumentationScope(), pcommon.NewInstrumentationScope()
		s.SetName(drawText(t, true))
		s.SetVersion(drawText(t, true))
		s.SetDroppedAttributesCount(rapid.Uint32().Draw(t, "dropped"))
		drawMap(t, s.Attributes(), 2, true)
		raw, cut := anyvalue.AppendScope(nil, s, anyvalue.NoLimit)
		require.Zero(t, cut)
		require.NoError(t, anyvalue.DecodeScope(raw, got))
		again, _ := anyvalue.AppendScope(nil, got, anyvalue.NoLimit)
		require.Equal(t, raw, again)
		require.Equal(t, s.Name()+s.Version(), got.Name()+got.Version())

		var pb commonpb.InstrumentationScope
		require.NoError(t, proto.Unmarshal(raw, &pb))
		require.Equal(t, s.Name(), pb.Name)
		require.Equal(t, s.DroppedAttributesCount(), pb.DroppedAttributesCount)
		require.Len(t, pb.Attributes, s.Attributes().Len())

		extra, _ := anyvalue.AppendScopeExtra(nil, s, anyvalue.NoLimit)
		bare := pcommon.NewInstrumentationScope()
		require.NoError(t, anyvalue.DecodeScope(extra, bare))
		require.Empty(t, bare.Name())
		require.Equal(t, s.DroppedAttributesCount(), bare.DroppedAttributesCount())
	})
}

func TestEntityRefsRoundTrip(t *testing.T) {
	res, got := pcommon.NewResource(), pcommon.NewResource()
	require.Empty(t, anyvalue.AppendEntityRefs(nil, 3, res))
	for _, typ := range []string{"service", ""} {
		ref := entity.ResourceEntityRefs(res).AppendEmpty()
		ref.SetType(typ)
		ref.SetSchemaUrl("https://example.org")
		ref.IdKeys().Append("service.name", "")
		ref.DescriptionKeys().Append("service.version")
	}
	raw := anyvalue.AppendEntityRefs(nil, 3, res)
	require.NoError(t, anyvalue.DecodeEntityRefs(raw, 3, got))
	require.Equal(t, 2, entity.ResourceEntityRefs(got).Len())
	require.Equal(t, raw, anyvalue.AppendEntityRefs(nil, 3, got))
	var list struct{ commonpb.EntityRef }
	first, err := anyvalue.Field(raw, 3)
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(first, &list.EntityRef))
	require.Equal(t, []string{"service.name", ""}, list.IdKeys)
}

func TestCutKeepsTheBeginningAndTellsTheLength(t *testing.T) {
	limit := 16
	cut := func(v pcommon.Value) (pcommon.Value, bool) {
		raw, cut := anyvalue.AppendCut(nil, v, limit)
		got := pcommon.NewValueEmpty()
		require.NoError(t, anyvalue.Decode(raw, got))
		return got, cut
	}
	got, was := cut(pcommon.NewValueStr(strings.Repeat("a", 16)))
	require.False(t, was, "the limit itself is allowed")
	require.Equal(t, strings.Repeat("a", 16), got.Str())
	got, was = cut(pcommon.NewValueStr(strings.Repeat("a", 17)))
	require.True(t, was)
	require.Equal(t, strings.Repeat("a", 16)+"…[cut, was 17 bytes]", got.Str())

	v := pcommon.NewValueBytes()
	v.Bytes().FromRaw(make([]byte, 100))
	got, was = cut(v)
	require.True(t, was)
	require.Equal(t, strings.Repeat("\x00", 16)+"…[cut, was 100 bytes]", string(got.Bytes().AsRaw()))

	v = pcommon.NewValueSlice()
	for range 100 {
		v.Slice().AppendEmpty().SetInt(7)
	}
	got, was = cut(v)
	require.True(t, was)
	require.Equal(t, 5, got.Slice().Len(), "four elements of four bytes, and the marker")
	require.Equal(t, int64(7), got.Slice().At(3).Int())
	require.Contains(t, got.Slice().At(4).Str(), "…[cut, was 40")

	v = pcommon.NewValueMap()
	v.Map().PutStr("a", strings.Repeat("b", 1000))
	v.Map().PutStr("c", "d")
	got, was = cut(v)
	require.True(t, was)
	require.Equal(t, 2, got.Map().Len())
	first, _ := got.Map().Get("a")
	require.Equal(t, strings.Repeat("b", 16)+"…[cut, was 1000 bytes]", first.Str())
	_, marked := got.Map().Get(anyvalue.MarkerKey)
	require.True(t, marked)
}

func TestCutStaysNearTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := pcommon.NewValueEmpty()
		drawValue(t, v, 4, false)
		limit := rapid.IntRange(0, 100).Draw(t, "limit")
		whole := anyvalue.Append(nil, v)
		raw, cut := anyvalue.AppendCut(nil, v, limit)
		if !cut {
			require.Equal(t, whole, raw)
		}
		if len(whole) <= limit {
			require.False(t, cut)
		}
		require.Less(t, len(raw), limit+300, "a marker and a length per level")
		require.NoError(t, anyvalue.Decode(raw, pcommon.NewValueEmpty()))
	})
}

func TestCutStringDoesNotPartARune(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(1, 40, -1).Draw(t, "s")
		limit := rapid.IntRange(0, len(s)-1).Draw(t, "limit")
		got := anyvalue.CutString(s, limit)
		kept, ok := strings.CutSuffix(got, anyvalue.Marker(len(s)))
		require.True(t, ok)
		require.True(t, strings.HasPrefix(s, kept))
		require.LessOrEqual(t, len(kept), limit)
		require.Greater(t, len(kept), limit-utf8.UTFMax)
		require.True(t, utf8.ValidString(kept))
	})
}

func nested(depth int) pcommon.Value {
	v := pcommon.NewValueEmpty()
	at := v
	for range depth {
		at = at.SetEmptySlice().AppendEmpty()
	}
	at.SetStr("innermost")
	return v
}

func TestDepthIsBounded(t *testing.T) {
	raw, cut := anyvalue.AppendCut(nil, nested(anyvalue.MaxDepth), anyvalue.NoLimit)
	require.False(t, cut)
	require.NoError(t, anyvalue.Decode(raw, pcommon.NewValueEmpty()))

	for _, depth := range []int{anyvalue.MaxDepth + 1, 20000} {
		raw, cut = anyvalue.AppendCut(nil, nested(depth), anyvalue.NoLimit)
		require.True(t, cut)
		got := pcommon.NewValueEmpty()
		require.NoError(t, anyvalue.Decode(raw, got))
		require.Contains(t, string(raw), "…[cut, was ")
	}
	deep, err := proto.Marshal(nestedProto(anyvalue.MaxDepth + 1))
	require.NoError(t, err)
	require.ErrorContains(t, anyvalue.Decode(deep, pcommon.NewValueEmpty()), "nested deeper than 64")
}

func nestedProto(depth int) *commonpb.AnyValue {
	v := &commonpb.AnyValue{}
	for range depth {
		v = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{v}}}}
	}
	return v
}

func TestDecodeRefusesDamage(t *testing.T) {
	for name, raw := range map[string]string{
		"truncated tag": "\x80", "truncated string": "\x0a\x05ab", "string as varint": "\x08\x01", "wrong type of double": "\x22\x00",
		"truncated element": "\x2a\x03\x0a\x05a", "key as varint": "\x32\x04\x0a\x02\x08\x01",
	} {
		require.Error(t, anyvalue.Decode([]byte(raw), pcommon.NewValueEmpty()), name)
	}
	require.NoError(t, anyvalue.Decode([]byte("\x42\x01x"), pcommon.NewValueEmpty()), "a field that isn't known is passed over")
	require.ErrorContains(t, anyvalue.DecodeMap([]byte("\x0a\x7f"), pcommon.NewMap()), "decode attributes")
	require.ErrorContains(t, anyvalue.DecodeScope([]byte("\x0a\x7f"), pcommon.NewInstrumentationScope()), "decode scope")
	require.ErrorContains(t, anyvalue.DecodeEntityRefs([]byte("\x1a\x7f"), 3, pcommon.NewResource()), "decode entity references")
	_, err := anyvalue.Field([]byte("\x0a\x7f"), 1)
	require.ErrorContains(t, err, "find field 1")
}

func FuzzDecode(f *testing.F) {
	f.Add(anyvalue.Append(nil, nested(3)))
	f.Add([]byte("\x0a\x01a\x18\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, again := pcommon.NewValueEmpty(), pcommon.NewValueEmpty()
		if anyvalue.Decode(b, v) != nil {
			return
		}
		raw, cut := anyvalue.AppendCut(nil, v, anyvalue.NoLimit)
		require.False(t, cut, "what Decode takes isn't too deep")
		require.NoError(t, anyvalue.Decode(raw, again))
		require.Equal(t, raw, anyvalue.Append(nil, again))
	})
}
