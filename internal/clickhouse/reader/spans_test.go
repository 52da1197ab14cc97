package reader_test

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

func TestSpansRoundTrip(t *testing.T) {
	store := enginetest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrip(rt, store)
		var want []string
		var batches []*writer.Batch
		for range 1 + tr.Count(4) {
			td := tr.traces()
			if tr.Bool() {
				td = forwardTraces(rt, td)
			}
			b, err := tr.enc.Traces(td)
			require.NoError(rt, err)
			for _, d := range b.Dropped() {
				require.Equal(rt, "time_out_of_range", d.Reason)
			}
			batches = append(batches, b)
			for _, rs := range td.ResourceSpans().All() {
				unstamp(rs.Resource())
			}
			want = append(want, flattenTraces(td)...)
		}
		tr.insert(batches...)
		got, err := reader.Spans(context.Background(), store.Conn(), tr.scope())
		require.NoError(rt, err)
		same(rt, sorted(want), sorted(flattenTraces(got)), tracesJSON)
	})
}

func (tr *trip) traces() ptrace.Traces {
	td := ptrace.NewTraces()
	for range 1 + tr.Count(2) {
		rs := td.ResourceSpans().AppendEmpty()
		tr.Resource(rs.Resource())
		tr.stamp(rs.Resource())
		rs.SetSchemaUrl(tr.SchemaURL())
		for range tr.Count(1) {
			ref := entity.ResourceEntityRefs(rs.Resource()).AppendEmpty()
			ref.SetType(tr.Text())
			ref.SetSchemaUrl(tr.SchemaURL())
			ref.IdKeys().Append("service.name", tr.Text())
			ref.DescriptionKeys().Append(tr.Text())
		}
		for range 1 + tr.Count(1) {
			ss := rs.ScopeSpans().AppendEmpty()
			tr.Scope(ss.Scope())
			ss.SetSchemaUrl(tr.SchemaURL())
			for range 1 + tr.Count(3) {
				tr.span(ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

// span draws every field. Ids of the span itself are never zero: OTLP has no such spans.
func (tr *trip) span(sp ptrace.Span) {
	trace, id := tr.TraceID(), tr.SpanID()
	trace[15] |= 1
	id[7] |= 1
	sp.SetTraceID(trace)
	sp.SetSpanID(id)
	sp.SetParentSpanID(tr.SpanID())
	sp.TraceState().FromRaw(tr.Text())
	sp.SetName(tr.Text())
	sp.SetFlags(tr.Uint32())
	sp.SetKind(rapid.SampledFrom([]ptrace.SpanKind{0, 1, 2, 3, 4, 5, 6, -1, math.MaxInt32, math.MinInt32}).Draw(tr.T, "kind"))
	sp.Status().SetCode(rapid.SampledFrom([]ptrace.StatusCode{0, 1, 2, 3, -1, math.MaxInt32}).Draw(tr.T, "status"))
	sp.Status().SetMessage(tr.Text())
	sp.SetStartTimestamp(tr.anyTime())
	sp.SetEndTimestamp(tr.anyTime())
	sp.SetDroppedAttributesCount(tr.Uint32())
	sp.SetDroppedEventsCount(tr.Uint32())
	sp.SetDroppedLinksCount(tr.Uint32())
	tr.attributes(sp.Attributes())
	for range tr.Count(2) {
		ev := sp.Events().AppendEmpty()
		ev.SetName(rapid.SampledFrom([]string{"", "exception", "message", "caf\xe9"}).Draw(tr.T, "event"))
		ev.SetTimestamp(pcommon.Timestamp(tr.Uint64()))
		ev.SetDroppedAttributesCount(tr.Uint32())
		tr.attributes(ev.Attributes())
	}
	for range tr.Count(2) {
		l := sp.Links().AppendEmpty()
		l.SetTraceID(tr.TraceID())
		l.SetSpanID(tr.SpanID())
		l.TraceState().FromRaw(tr.Text())
		l.SetFlags(tr.Uint32())
		l.SetDroppedAttributesCount(tr.Uint32())
		tr.attributes(l.Attributes())
	}
}

// anyTime is sometimes missing and sometimes absurd.
func (tr *trip) anyTime() pcommon.Timestamp {
	switch tr.Count(5) {
	case 0:
		return 0
	case 1:
		return pcommon.Timestamp(tr.Uint64())
	}
	return tr.Time()
}

// attributes draws pairs with keys that have a meaning, that come twice, or that are the writer's own.
func (tr *trip) attributes(m pcommon.Map) {
	var mb xpdata.MapBuilder
	keys := []string{"", "a", "http.request.method", "http.status_code", "session.id", "exception.type", "exception.stacktrace", envelope.AttrOTLPStart,
		envelope.AttrOTLPEnd, envelope.AttrOTLPKind, envelope.AttrOTLPStatus, envelope.AttrCut, envelope.AttrSampleWeight, "caf\xe9"}
	for range tr.Count(6) {
		tr.Value(mb.AppendEmpty(rapid.SampledFrom(keys).Draw(tr.T, "key")))
	}
	mb.UnsafeIntoMap(m)
}

// forwardTraces sends the spans as a collector does, which writes the fields of each message from the last to the first.
func forwardTraces(t require.TestingT, td ptrace.Traces) ptrace.Traces {
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(b))
	return req.Traces()
}

// flattenTraces gives each span with its resource and scope as protobuf bytes, attributes by key and type.
func flattenTraces(td ptrace.Traces) []string {
	var out []string
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				one := ptrace.NewTraces()
				r := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(r.Resource())
				r.SetSchemaUrl(rs.SchemaUrl())
				s := r.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(s.Scope())
				s.SetSchemaUrl(ss.SchemaUrl())
				to := s.Spans().AppendEmpty()
				sp.CopyTo(to)
				byType(r.Resource().Attributes())
				byType(s.Scope().Attributes())
				byType(to.Attributes())
				for i := range to.Events().Len() {
					byType(to.Events().At(i).Attributes())
				}
				for i := range to.Links().Len() {
					byType(to.Links().At(i).Attributes())
				}
				b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(one)
				if err != nil {
					panic(err)
				}
				out = append(out, string(b))
			}
		}
	}
	return out
}

// byType orders pairs by key, those of equal keys by type: the order within a type must have been kept.
func byType(m pcommon.Map) {
	type pair struct {
		key   string
		value pcommon.Value
	}
	class := func(t pcommon.ValueType) int {
		switch t {
		case pcommon.ValueTypeStr, pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
			return int(t)
		default:
			return math.MaxInt
		}
	}
	var pairs []pair
	for k, v := range m.All() {
		copied := pcommon.NewValueEmpty()
		v.CopyTo(copied)
		pairs = append(pairs, pair{k, copied})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(class(a.value.Type()), class(b.value.Type())))
	})
	var mb xpdata.MapBuilder
	for _, p := range pairs {
		p.value.MoveTo(mb.AppendEmpty(p.key))
	}
	mb.UnsafeIntoMap(m)
}

func tracesJSON(flat string) string {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces([]byte(flat))
	if err != nil {
		return err.Error()
	}
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// An SDK writes the fields of OTLP in ascending order, a collector in descending order: both must give the same spans.
func TestSpansOfAnSDKAndOfACollector(t *testing.T) {
	store := enginetest.Open(t)
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	sent := &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: text("shop")}}},
		SchemaUrl: "https://opentelemetry.io/schemas/1.37.0",
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "lib", Version: "1"},
			Spans: []*tracepb.Span{{
				TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"), Name: "pay", Kind: tracepb.Span_SPAN_KIND_SERVER,
				StartTimeUnixNano: uint64(now.UnixNano()), EndTimeUnixNano: uint64(now.Add(time.Second).UnixNano()),
				Attributes: []*commonpb.KeyValue{
					{Key: "big", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 1<<53 + 1}}},
					{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{text("x"), {}}}}}},
				},
				Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no"},
			}},
		}},
	}}}
	raw, err := proto.Marshal(sent)
	require.NoError(t, err)
	fromSDK := ptraceotlp.NewExportRequest()
	require.NoError(t, fromSDK.UnmarshalProto(raw))
	forwarded := forwardTraces(t, fromSDK.Traces())
	descending, err := ptraceotlp.NewExportRequestFromTraces(forwarded).MarshalProto()
	require.NoError(t, err)
	require.NotEqual(t, raw, descending)

	for _, td := range []ptrace.Traces{fromSDK.Traces(), forwarded} {
		store = enginetest.Open(t)
		td.ResourceSpans().At(0).Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
		b, err := writer.New(writer.Options{Now: func() time.Time { return now }}).Traces(td)
		require.NoError(t, err)
		set := writer.NewSet(now)
		require.NoError(t, set.Add(b.AppendRecord(nil)))
		insertSet(t, store, set)
		scope := reader.Scope{Tenant: tenant.Default, From: now, To: now.Add(time.Second)}
		got, err := reader.Trace(context.Background(), store.Conn(), scope, [16]byte([]byte("0123456789abcdef")))
		require.NoError(t, err)
		gotRaw, err := ptraceotlp.NewExportRequestFromTraces(got).MarshalProto()
		require.NoError(t, err)
		var back collectorpb.ExportTraceServiceRequest
		require.NoError(t, proto.Unmarshal(gotRaw, &back))
		require.True(t, proto.Equal(sent, &back), "sent %v, got %v", sent, &back)
	}
}

func TestScopeOfAReadIsBounded(t *testing.T) {
	store := enginetest.Open(t)
	ctx := context.Background()
	_, err := reader.Spans(ctx, store.Conn(), reader.Scope{From: now, To: now.Add(1)})
	require.ErrorContains(t, err, "read spans: no tenant")
	_, err = reader.Spans(ctx, store.Conn(), reader.Scope{Tenant: [16]byte{1}, From: now, To: now})
	require.ErrorContains(t, err, "not before its end")

	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
	for i := range 4 {
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID([16]byte{1})
		sp.SetSpanID([8]byte{byte(i + 1)})
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Minute)))
		sp.SetEndTimestamp(sp.StartTimestamp())
	}
	b, err := writer.New(writer.Options{Now: func() time.Time { return now }}).Traces(td)
	require.NoError(t, err)
	set := writer.NewSet(now)
	require.NoError(t, set.Add(b.AppendRecord(nil)))
	insertSet(t, store, set)
	scope := reader.Scope{Tenant: tenant.Default, From: now.Add(time.Minute), To: now.Add(3 * time.Minute)}
	got, err := reader.Spans(ctx, store.Conn(), scope)
	require.NoError(t, err)
	require.Equal(t, 2, got.SpanCount(), "from is in, to is out")
	got, err = reader.Trace(ctx, store.Conn(), scope, [16]byte{2})
	require.NoError(t, err)
	require.Zero(t, got.SpanCount())
	scope.Tenant = [16]byte{9}
	got, err = reader.Spans(ctx, store.Conn(), scope)
	require.NoError(t, err)
	require.Zero(t, got.SpanCount())
}
