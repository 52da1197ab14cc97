package otlptest

import (
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Logs draws a request of log records.
func (d *Draw) Logs() plog.Logs {
	ld := plog.NewLogs()
	for range 1 + d.Count(2) {
		rl := ld.ResourceLogs().AppendEmpty()
		d.Resource(rl.Resource())
		rl.SetSchemaUrl(d.SchemaURL())
		for range 1 + d.Count(1) {
			sl := rl.ScopeLogs().AppendEmpty()
			d.Scope(sl.Scope())
			sl.SetSchemaUrl(d.SchemaURL())
			for range 1 + d.Count(3) {
				d.LogRecord(sl.LogRecords().AppendEmpty())
			}
		}
	}
	return ld
}

// LogRecord draws one record. Its time is sometimes missing and sometimes absurd.
func (d *Draw) LogRecord(lr plog.LogRecord) {
	switch d.Count(5) {
	case 0:
	case 1:
		lr.SetTimestamp(pcommon.Timestamp(d.Uint64()))
	default:
		lr.SetTimestamp(d.Time())
	}
	switch d.Count(5) {
	case 0:
	case 1:
		lr.SetObservedTimestamp(pcommon.Timestamp(d.Uint64()))
	default:
		lr.SetObservedTimestamp(d.Time())
	}
	severities := []plog.SeverityNumber{0, plog.SeverityNumberInfo, plog.SeverityNumberFatal4, 25, 255, 256, -1, math.MaxInt32}
	lr.SetSeverityNumber(severities[d.Count(len(severities)-1)])
	lr.SetSeverityText(d.Text())
	lr.SetEventName(d.Text())
	d.Value(lr.Body())
	d.Attributes(lr.Attributes())
	lr.SetDroppedAttributesCount(d.Uint32())
	lr.SetFlags(plog.LogRecordFlags(d.Uint32()))
	lr.SetTraceID(d.TraceID())
	lr.SetSpanID(d.SpanID())
}

// FlattenLogs gives each record with its resource and scope as protobuf bytes, attributes and records in a fixed order, so
// that two requests are equal if and only if they hold the same records.
func FlattenLogs(ld plog.Logs) []string {
	var out []string
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				one := plog.NewLogs()
				r := one.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rl.SchemaUrl())
				s := r.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(s.Scope())
				s.SetSchemaUrl(sl.SchemaUrl())
				lr.CopyTo(s.LogRecords().AppendEmpty())
				sortAttributes(r.Resource().Attributes())
				sortAttributes(s.Scope().Attributes())
				sortAttributes(s.LogRecords().At(0).Attributes())
				b, err := (&plog.ProtoMarshaler{}).MarshalLogs(one)
				if err != nil {
					panic(err)
				}
				out = append(out, string(b))
			}
		}
	}
	slices.Sort(out)
	return out
}

// LogsJSON makes one flattened record readable.
func LogsJSON(flat string) string {
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs([]byte(flat))
	if err != nil {
		return err.Error()
	}
	b, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// sortAttributes orders the pairs of one map by key: their order among each other is no part of OTLP's data model.
func sortAttributes(m pcommon.Map) {
	type pair struct {
		key   string
		value pcommon.Value
	}
	var pairs []pair
	for k, v := range m.All() {
		copied := pcommon.NewValueEmpty()
		v.CopyTo(copied)
		pairs = append(pairs, pair{k, copied})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	m.Clear()
	for _, p := range pairs {
		p.value.MoveTo(m.PutEmpty(p.key))
	}
}
