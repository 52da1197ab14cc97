// Package otlptest draws OTLP data for property tests, every field and every type of value, and takes it apart for
// comparison. Only tests import it.
package otlptest

import (
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
)

// Draw is one property test's source of data.
type Draw struct {
	*rapid.T
	// Now is the time that all drawn times lie around.
	Now time.Time
	n   int
}

// label names a drawn value; the names only help to read a failure.
func (d *Draw) label(kind string) string {
	d.n++
	return kind + strconv.Itoa(d.n)
}

// Bool draws true or false.
func (d *Draw) Bool() bool { return rapid.Bool().Draw(d.T, d.label("bool")) }

// Count draws a number from 0 to limit, small ones more often.
func (d *Draw) Count(limit int) int { return rapid.IntRange(0, limit).Draw(d.T, d.label("count")) }

var texts = []string{"", "a", "GET", "checkout", "user 42 logged in", "zwölf Boxkämpfer", "\x00", "caf\xe9 not UTF-8", "line\nbreak\t\"quoted\"",
	"https://example.org/orders/1?x=y", "'; DROP TABLE logs_v1; --", "\\N", "{\"json\": [1, 2]}", "…", "日本語"}

// Text draws a string, now and then one that isn't text.
func (d *Draw) Text() string {
	if d.Bool() {
		return rapid.SampledFrom(texts).Draw(d.T, d.label("text"))
	}
	return rapid.StringN(0, 12, 40).Draw(d.T, d.label("text"))
}

var ints = []int64{0, 1, -1, 200, 1<<53 + 1, -(1<<53 + 1), math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}

// Int draws an integer, often at an edge.
func (d *Draw) Int() int64 {
	if d.Bool() {
		return rapid.SampledFrom(ints).Draw(d.T, d.label("int"))
	}
	return rapid.Int64().Draw(d.T, d.label("int"))
}

// Uint64 draws an unsigned integer, often at an edge.
func (d *Draw) Uint64() uint64 { return uint64(d.Int()) }

// Uint32 draws an unsigned integer of 32 bits.
func (d *Draw) Uint32() uint32 { return rapid.Uint32().Draw(d.T, d.label("uint32")) }

var doubles = []float64{0, math.Copysign(0, -1), 0.1, 1e300, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64,
	math.Float64frombits(0x7ff0000000000002), math.Float64frombits(0x7ff8000000000001), math.Float64frombits(0xfff4deadbeef0001), 1 << 53}

// Double draws a double, often an infinity or a NaN with a payload.
func (d *Draw) Double() float64 {
	if d.Bool() {
		return rapid.SampledFrom(doubles).Draw(d.T, d.label("double"))
	}
	return rapid.Float64().Draw(d.T, d.label("double"))
}

// Time draws a time within an hour of Now, to the nanosecond.
func (d *Draw) Time() pcommon.Timestamp {
	at := d.Now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(d.T, d.label("time"))))
	return pcommon.NewTimestampFromTime(at)
}

// TraceID draws an id, zero now and then.
func (d *Draw) TraceID() (id pcommon.TraceID) {
	if d.Count(3) > 0 {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(d.T, d.label("trace")))
	}
	return id
}

// SpanID draws an id, zero now and then.
func (d *Draw) SpanID() (id pcommon.SpanID) {
	if d.Count(3) > 0 {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(d.T, d.label("span")))
	}
	return id
}

// maxDepth is how deep drawn values lie in each other.
const maxDepth = 3

// Value draws a value of any type into v.
func (d *Draw) Value(v pcommon.Value) { d.value(v, 0) }

func (d *Draw) value(v pcommon.Value, depth int) {
	kinds := int(pcommon.ValueTypeBytes)
	switch pcommon.ValueType(d.Count(kinds)) {
	case pcommon.ValueTypeStr:
		v.SetStr(d.Text())
	case pcommon.ValueTypeInt:
		v.SetInt(d.Int())
	case pcommon.ValueTypeDouble:
		v.SetDouble(d.Double())
	case pcommon.ValueTypeBool:
		v.SetBool(d.Bool())
	case pcommon.ValueTypeMap:
		m := v.SetEmptyMap()
		if depth < maxDepth {
			d.pairs(m, depth+1)
		}
	case pcommon.ValueTypeSlice:
		s := v.SetEmptySlice()
		if depth < maxDepth {
			for range d.Count(3) {
				d.value(s.AppendEmpty(), depth+1)
			}
		}
	case pcommon.ValueTypeBytes:
		v.SetEmptyBytes().FromRaw(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(d.T, d.label("bytes")))
	case pcommon.ValueTypeEmpty:
	}
}

// Attributes draws pairs with distinct keys into m.
func (d *Draw) Attributes(m pcommon.Map) { d.pairs(m, 0) }

func (d *Draw) pairs(m pcommon.Map, depth int) {
	for range d.Count(5) {
		d.value(m.PutEmpty(d.Text()), depth)
	}
}

// Resource draws a resource. Its tenant and correlation are left to the caller.
func (d *Draw) Resource(r pcommon.Resource) {
	d.Attributes(r.Attributes())
	r.SetDroppedAttributesCount(d.Uint32())
	for _, key := range []string{"service.name", "service.namespace", "service.instance.id", "service.version", "deployment.environment.name"} {
		if d.Bool() {
			r.Attributes().PutStr(key, d.Text())
		}
	}
}

// Scope draws an instrumentation scope.
func (d *Draw) Scope(s pcommon.InstrumentationScope) {
	s.SetName(d.Text())
	s.SetVersion(d.Text())
	if d.Bool() {
		d.Attributes(s.Attributes())
		s.SetDroppedAttributesCount(d.Uint32())
	}
}

// SchemaURL draws a schema's address, often none.
func (d *Draw) SchemaURL() string {
	return rapid.SampledFrom([]string{"", "", "https://opentelemetry.io/schemas/1.37.0", "https://example.org/s"}).Draw(d.T, d.label("schema"))
}
