package servicegraph

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/envelope"
)

// EventName is the event name of the log records that carry edges; their tenant is their resource's. Like build events
// they are believed only from this process.
const EventName = "summit.service.edge"

// Attributes of an edge's record that the conventions name. The caller is the service, the callee its peer.
const (
	attrSrc         = "service.name"
	attrDst         = "service.peer.name"
	attrSrcVersion  = "service.version"
	attrEnvironment = "deployment.environment.name"
)

// The others, by shorter names.
const (
	attrDstVersion = envelope.AttrEdgePeerVersion
	attrConnection = envelope.AttrEdgeConnection
	attrCommit     = envelope.AttrCommitSHA
	attrRun        = envelope.AttrBuildRunID
	attrCalls      = envelope.AttrEdgeCalls
	attrErrors     = envelope.AttrEdgeErrors
	attrUnpaired   = envelope.AttrEdgeUnpaired
	attrSum        = envelope.AttrEdgeDurationSum
	attrMax        = envelope.AttrEdgeDurationMax
	attrBuckets    = envelope.AttrEdgeBuckets
	attrCounts     = envelope.AttrEdgeCounts
)

// AppendTo writes the edge into an empty log record; FromLogRecord reads the same edge back, without its tenant.
func (e *Edge) AppendTo(lr plog.LogRecord) {
	lr.SetEventName(EventName)
	lr.SetTimestamp(pcommon.NewTimestampFromTime(e.Minute))
	a := lr.Attributes()
	a.EnsureCapacity(15)
	for k, v := range map[string]string{
		attrSrc: e.Src, attrDst: e.Dst, attrSrcVersion: e.SrcVersion, attrDstVersion: e.DstVersion, attrConnection: e.Connection.String(),
		attrEnvironment: e.Environment, attrCommit: e.DstCommitSHA, attrRun: e.DstBuildRunID,
	} {
		a.PutStr(k, v)
	}
	a.PutDouble(attrCalls, e.Calls)
	a.PutDouble(attrErrors, e.Errors)
	a.PutDouble(attrUnpaired, e.Unpaired)
	a.PutDouble(attrSum, e.DurationSum)
	a.PutInt(attrMax, e.DurationMax)
	buckets, counts := a.PutEmptySlice(attrBuckets), a.PutEmptySlice(attrCounts)
	for b := range 256 {
		if n := e.Histogram[uint8(b)]; n > 0 {
			buckets.AppendEmpty().SetInt(int64(b))
			counts.AppendEmpty().SetInt(int64(n))
		}
	}
}

// FromLogRecord reads an edge. ok is false when the record is none; err names the attribute that is wrong.
func FromLogRecord(lr plog.LogRecord) (e Edge, ok bool, err error) {
	if lr.EventName() != EventName {
		return e, false, nil
	}
	r := reader{attrs: lr.Attributes()}
	e.Minute = lr.Timestamp().AsTime().Truncate(time.Minute)
	e.Src, e.Dst, e.SrcVersion, e.DstVersion = r.str(attrSrc), r.str(attrDst), r.str(attrSrcVersion), r.str(attrDstVersion)
	e.Environment, e.DstCommitSHA, e.DstBuildRunID = r.str(attrEnvironment), r.str(attrCommit), r.str(attrRun)
	name := r.str(attrConnection)
	for c := RPC; c <= External; c++ {
		if c.String() == name {
			e.Connection = c
		}
	}
	if e.Connection == 0 {
		r.fail(attrConnection, fmt.Sprintf("is %q, want rpc, messaging, database or external", name))
	}
	e.Calls, e.Errors, e.Unpaired, e.DurationSum = r.number(attrCalls), r.number(attrErrors), r.number(attrUnpaired), r.number(attrSum)
	if v, ok := r.value(attrMax, pcommon.ValueTypeInt); ok {
		e.DurationMax = v.Int()
	}
	e.Histogram = r.histogram()
	if r.err != nil {
		return e, true, fmt.Errorf("read %s: %w", EventName, r.err)
	}
	return e, true, nil
}

// reader keeps the first error.
type reader struct {
	attrs pcommon.Map
	err   error
}

func (r *reader) fail(key, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %s %s", key, why)
	}
}

func (r *reader) value(key string, want pcommon.ValueType) (pcommon.Value, bool) {
	v, ok := r.attrs.Get(key)
	if !ok || v.Type() != want {
		r.fail(key, fmt.Sprintf("is missing or no %s", want))
		return v, false
	}
	return v, true
}

func (r *reader) str(key string) string {
	if v, ok := r.value(key, pcommon.ValueTypeStr); ok {
		return v.Str()
	}
	return ""
}

// number is a sum: finite and not negative, or the table's sums would be spoilt for good.
func (r *reader) number(key string) float64 {
	v, ok := r.value(key, pcommon.ValueTypeDouble)
	if !ok {
		return 0
	}
	if f := v.Double(); f >= 0 && f < 1e18 {
		return f
	}
	r.fail(key, "must be a finite number from 0")
	return 0
}

func (r *reader) histogram() map[uint8]uint64 {
	buckets, ok := r.value(attrBuckets, pcommon.ValueTypeSlice)
	counts, both := r.value(attrCounts, pcommon.ValueTypeSlice)
	if !ok || !both {
		return nil
	}
	if buckets.Slice().Len() != counts.Slice().Len() {
		r.fail(attrBuckets, "has another length than "+attrCounts)
		return nil
	}
	out := make(map[uint8]uint64, buckets.Slice().Len())
	for i := range buckets.Slice().Len() {
		b, n := buckets.Slice().At(i), counts.Slice().At(i)
		if b.Type() != pcommon.ValueTypeInt || n.Type() != pcommon.ValueTypeInt || b.Int() < 0 || b.Int() > 255 || n.Int() < 0 {
			r.fail(attrBuckets, "must be numbers from 0 to 255, counts from 0")
			return nil
		}
		out[uint8(b.Int())] += uint64(n.Int())
	}
	return out
}
