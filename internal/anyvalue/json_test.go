package anyvalue

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
)

func TestJSON(t *testing.T) {
	v := pcommon.NewValueMap()
	m := v.Map()
	m.PutStr("msg", "a \"quoted\"\n\ttext\x01 é \xff")
	m.PutInt("big", math.MaxInt64)
	m.PutDouble("share", 0.25)
	m.PutDouble("nan", math.NaN())
	m.PutDouble("inf", math.Inf(-1))
	m.PutBool("ok", true)
	m.PutEmptyBytes("raw").FromRaw([]byte{1, 2, 255})
	m.PutEmpty("none")
	list := m.PutEmptySlice("list")
	list.AppendEmpty().SetInt(1)
	list.AppendEmpty().SetStr("two")
	list.AppendEmpty().SetEmptyMap()
	got := string(AppendJSON(nil, v, 1<<20))
	require.Equal(t, `{"msg":"a \"quoted\"\n\ttext\u0001 é �","big":9223372036854775807,"share":0.25,"nan":"NaN","inf":"-Inf","ok":true,`+
		`"raw":"AQL/","none":null,"list":[1,"two",{}]}`, got)
	require.True(t, json.Valid([]byte(got)))
}

func TestJSONIsBounded(t *testing.T) {
	v := pcommon.NewValueEmpty()
	inner := v
	for range 1000 {
		inner = inner.SetEmptySlice().AppendEmpty()
	}
	require.Equal(t, strings.Repeat("[", maxJSONDepth)+"null"+strings.Repeat("]", maxJSONDepth), string(AppendJSON(nil, v, 1<<20)))

	wide := pcommon.NewValueSlice()
	for range 1000 {
		wide.Slice().AppendEmpty().SetInt(7)
	}
	require.Equal(t, "[7,7,7]", string(AppendJSON(nil, wide, 5)))
}

func TestJSONStringsAgreeWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var back string
		require.NoError(t, json.Unmarshal(appendJSONString(nil, s), &back))
		std, err := json.Marshal(s)
		require.NoError(t, err)
		var want string
		require.NoError(t, json.Unmarshal(std, &want))
		require.Equal(t, want, back)
	})
}
