package writer

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
)

// Reasons of a Drop that several signals share.
const (
	reasonCut     = "attribute_value_cut"
	reasonClamped = "time_out_of_range"
	reasonTenant  = "invalid_tenant"
)

// attrColumns are the five maps of a record's attributes.
type attrColumns struct {
	Str  *column.Map `col:"attrs_str"`
	Num  *column.Map `col:"attrs_num"`
	Int  *column.Map `col:"attrs_int"`
	Bool *column.Map `col:"attrs_bool"`
	Any  *column.Map `col:"attrs_any"`

	str, other *column.Str
	num        *column.Num[float64]
	ints       *column.Num[int64]
	bools      *column.Num[uint8]
}

// Bound is called by package bind: it keeps the values' own types, so that rows need no assertion.
func (a *attrColumns) Bound() {
	a.str, a.other = a.Str.Values.(*column.Str), a.Any.Values.(*column.Str)
	a.num = a.Num.Values.(*column.Num[float64])
	a.ints = a.Int.Values.(*column.Num[int64])
	a.bools = a.Bool.Values.(*column.Num[uint8])
}

// put adds an attribute to the present row.
func (a *attrColumns) put(b *Batch, key string, v *otlpitem.Value) {
	switch v.Type {
	case pcommon.ValueTypeStr:
		a.putStr(key, b.text(key, v.Str))
	case pcommon.ValueTypeInt:
		a.putInt(key, v.Int())
	case pcommon.ValueTypeDouble:
		a.Num.Keys.Append(key)
		a.num.Append(v.Double())
	case pcommon.ValueTypeBool:
		a.Bool.Keys.Append(key)
		a.bools.Append(boolByte(v.Bool()))
	default:
		a.Any.Keys.Append(key)
		a.other.AppendBytes(b.encode(key, v.PData()))
	}
}

func (a *attrColumns) putStr(key, v string) {
	a.Str.Keys.Append(key)
	a.str.Append(v)
}

func (a *attrColumns) putInt(key string, v int64) {
	a.Int.Keys.Append(key)
	a.ints.Append(v)
}

// endRow closes the row, with the list of keys that were cut since the last one.
func (a *attrColumns) endRow(b *Batch, signal Signal) {
	if b.cuts > 0 {
		a.putStr(envelope.AttrCut, b.takeCut(signal))
	}
	a.Str.EndRow()
	a.Num.EndRow()
	a.Int.EndRow()
	a.Bool.EndRow()
	a.Any.EndRow()
}

// text gives the value, cut if it is too long.
func (b *Batch) text(key, v string) string {
	if len(v) <= b.enc.opts.MaxValueBytes {
		return v
	}
	b.cut(key)
	return anyvalue.CutString(v, b.enc.opts.MaxValueBytes)
}

// encode gives the value as an AnyValue message, cut if it is too long, good until the next call.
func (b *Batch) encode(key string, v pcommon.Value) []byte {
	var cut bool
	b.value, cut = anyvalue.AppendCut(b.value[:0], v, b.enc.opts.MaxValueBytes)
	if cut {
		b.cut(key)
	}
	return b.value
}

func (b *Batch) cut(key string) {
	if b.cuts++; b.cuts > 1 {
		b.cutKeys = append(b.cutKeys, ',')
	}
	b.cutKeys = append(b.cutKeys, key...)
}

// takeCut gives the keys that were cut since the last call, separated by commas, and counts them.
func (b *Batch) takeCut(signal Signal) string {
	keys := string(b.cutKeys)
	b.drop(reasonCut, signal, b.cuts)
	b.cutKeys, b.cuts = b.cutKeys[:0], 0
	return keys
}

func boolByte(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

// scopeColumns are those of the instrumentation scope.
type scopeColumns struct {
	Name    *column.LowCard `col:"scope_name"`
	Version *column.LowCard `col:"scope_version"`
	Extra   *column.LowCard `col:"scope_extra"`
}

// Field numbers of scope_extra: those of ScopeSpans, ScopeLogs and ScopeMetrics.
const (
	extraScope     = 1
	extraSchemaURL = 3
)

// scopeExtra is the scope's attributes and dropped count, and the schema URL, as a message with the fields of ScopeSpans;
// empty for most scopes.
func (b *Batch) scopeExtra(s pcommon.InstrumentationScope, schemaURL string, signal Signal) string {
	if s.Attributes().Len() == 0 && s.DroppedAttributesCount() == 0 && schemaURL == "" {
		return ""
	}
	inner, cuts := anyvalue.AppendScopeExtra(nil, s, b.enc.opts.MaxValueBytes)
	if cuts > 0 {
		b.drop(reasonCut, signal, cuts)
	}
	b.value = anyvalue.AppendText(b.value[:0], extraScope, string(inner))
	b.value = anyvalue.AppendText(b.value, extraSchemaURL, schemaURL)
	return string(b.value)
}

// appendN adds the scope to n rows.
func (c *scopeColumns) appendN(b *Batch, s pcommon.InstrumentationScope, schemaURL string, signal Signal, n int) {
	if n == 0 {
		return
	}
	c.Name.AppendN(s.Name(), n)
	c.Version.AppendN(s.Version(), n)
	c.Extra.AppendN(b.scopeExtra(s, schemaURL, signal), n)
}
