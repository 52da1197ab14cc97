package envelope

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// AppendValue writes a value in a form that is equal for equal values: a byte for the type, then the value, with lengths
// before what varies and map keys in order.
func AppendValue(dst []byte, v pcommon.Value) []byte {
	dst = append(dst, byte(v.Type()))
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendText(dst, v.Str())
	case pcommon.ValueTypeBytes:
		return appendText(dst, string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeInt:
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case pcommon.ValueTypeSlice:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.Slice().Len()))
		for _, e := range v.Slice().All() {
			dst = AppendValue(dst, e)
		}
		return dst
	case pcommon.ValueTypeMap:
		return AppendMap(dst, v.Map())
	default:
		return dst
	}
}

// AppendMap writes attributes in the order of their keys; equal keys keep the order they came in.
func AppendMap(dst []byte, m pcommon.Map) []byte {
	return appendMap(dst, m, func(string) bool { return false })
}

func appendMap(dst []byte, m pcommon.Map, without func(key string) bool) []byte {
	type pair struct {
		key   string
		value pcommon.Value
	}
	pairs := make([]pair, 0, m.Len())
	for k, v := range m.All() {
		if !without(k) {
			pairs = append(pairs, pair{k, v})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(pairs)))
	for _, p := range pairs {
		dst = AppendValue(appendText(dst, p.key), p.value)
	}
	return dst
}

// RecordEventID is LogEventID of a record; resource is its ResourceHash. A stamped id is no content, so a record that
// passes twice has the same.
func RecordEventID(tenant [16]byte, resource uint64, lr plog.LogRecord) EventID {
	return LogEventID(tenant, resource, int64(lr.Timestamp()), int64(lr.ObservedTimestamp()), lr.TraceID(), lr.SpanID(), LogContent(lr))
}

// LogContent is the content of a record for LogEventID: severity, event name, body and attributes but for AttrEventID.
func LogContent(lr plog.LogRecord) []byte {
	dst := binary.BigEndian.AppendUint32(make([]byte, 0, 256), uint32(lr.SeverityNumber()))
	dst = appendText(appendText(dst, lr.SeverityText()), lr.EventName())
	return appendMap(AppendValue(dst, lr.Body()), lr.Attributes(), func(key string) bool { return key == AttrEventID })
}

// ResourceHash is the resource's part of LogEventID: the first 8 bytes of SHA-256 over its attributes without ours, which
// depend on where the record came by.
func ResourceHash(attrs pcommon.Map) uint64 {
	h := sha256.Sum256(appendMap(nil, attrs, IsStamp))
	return binary.BigEndian.Uint64(h[:8])
}

// IsStamp tells the attributes that our processors put on resources.
func IsStamp(key string) bool {
	switch key {
	case AttrTenantID, AttrCommitSHA, AttrBuildRunID, AttrDeploymentID, AttrBasis:
		return true
	default:
		return false
	}
}

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}
