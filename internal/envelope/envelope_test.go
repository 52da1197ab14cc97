package envelope

import (
	"encoding/hex"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

func TestBasisNames(t *testing.T) {
	for _, b := range []Basis{BasisNone, BasisDigest, BasisRevision, BasisVersion, BasisTime} {
		got, err := ParseBasis(b.String())
		require.NoError(t, err)
		require.Equal(t, b, got)
	}
	require.Equal(t, "none", Basis(77).String())
	_, err := ParseBasis("hash")
	require.ErrorContains(t, err, `correlation basis "hash": want one of none, digest`)
	require.True(t, Correlation{}.IsZero())
	require.False(t, Correlation{Basis: BasisDigest}.IsZero())
}

// The wanted values were computed by another program from the published formulas.
func TestEventIDsFollowTheirFormulas(t *testing.T) {
	tenant := [16]byte{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1}
	trace, span := [16]byte{15: 7}, [8]byte{7: 9}
	id := SpanEventID(tenant, trace, span, 1_700_000_000_000_000_001, -5)
	require.Equal(t, "19ce3a51eddf41f737ae374620ab2188", hex.EncodeToString(id[:]))
	id = LogEventID(tenant, 0x0102030405060708, 10, 11, trace, span, []byte("content"))
	require.Equal(t, "45f772000664a01b94e0907c54e6ea62", hex.EncodeToString(id[:]))
	id = ErrorEventID(id, 2)
	require.Equal(t, "b627a933e4ad450d510411d8e0ae0b54", hex.EncodeToString(id[:]))
}

func TestCanonicalFormIgnoresOrderAndTellsTypesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.Int64()).Draw(t, "m")
		a, b := pcommon.NewMap(), pcommon.NewMap()
		keys := rapid.Permutation(keysOf(m)).Draw(t, "order")
		for k, v := range m {
			a.PutInt(k, v)
		}
		for _, k := range keys {
			b.PutInt(k, m[k])
		}
		require.Equal(t, AppendMap(nil, a), AppendMap(nil, b))
		b.PutInt("another key that is longer than any of those", 1)
		require.NotEqual(t, AppendMap(nil, a), AppendMap(nil, b))
	})
	seen := map[string]any{}
	for _, raw := range []any{nil, "", "1", int64(1), 1.0, true, false, []byte("1"), []any{}, []any{"1"}, map[string]any{}, map[string]any{"1": nil}, []any{"1", "1"}, "11"} {
		v := pcommon.NewValueEmpty()
		require.NoError(t, v.FromRaw(raw))
		key := string(AppendValue(nil, v))
		require.NotContains(t, seen, key, "%v", raw)
		seen[key] = raw
	}
}

func keysOf(m map[string]int64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestLogContentAndResourceHash(t *testing.T) {
	lr := plog.NewLogRecord()
	lr.Body().SetStr("x")
	before := LogContent(lr)
	lr.SetEventName("e")
	require.NotEqual(t, before, LogContent(lr))

	attrs := pcommon.NewMap()
	attrs.PutStr("service.name", "shop")
	hash := ResourceHash(attrs)
	attrs.PutStr(AttrTenantID, "t")
	attrs.PutStr(AttrCommitSHA, "c")
	attrs.PutStr(AttrBuildRunID, "b")
	attrs.PutStr(AttrDeploymentID, "d")
	attrs.PutStr(AttrBasis, "digest")
	require.Equal(t, hash, ResourceHash(attrs))
	require.Equal(t, 6, attrs.Len(), "the resource itself is left alone")
	attrs.PutStr("service.name", "cart")
	require.NotEqual(t, hash, ResourceHash(attrs))
}

func TestAttributeNamesAreOursAndUnique(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "attributes.go", nil, 0)
	require.NoError(t, err)
	seen := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok {
			return true
		}
		name, err := strconv.Unquote(lit.Value)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(name, "summit."), name)
		require.False(t, seen[name], name)
		seen[name] = true
		return true
	})
	require.Greater(t, len(seen), 40)
}
