package query_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/otlpattr"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

var (
	ctx    = context.Background()
	caller = querytest.Caller
)

func open(t *testing.T) (clickhouse.Store, *query.Service) {
	t.Helper()
	s := enginetest.Open(t)
	return s, query.New(runner.New(s, runner.DefaultLimits()), "test")
}

func lastHour() query.Window {
	now := time.Now().UTC()
	return query.Window{From: now.Add(-time.Hour), To: now}
}

func wantProblem(t *testing.T, err error, kind runner.Kind, field string) {
	t.Helper()
	var p *runner.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, kind, p.Kind, p)
	require.Equal(t, field, p.Field, p)
}

func TestTraceSearchFindsByEachFilter(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	slow, other := querytest.ID16("slow"), querytest.ID16("other")
	querytest.Insert(t, s, "events_trace_v1",
		querytest.Span(slow, 1, 0, "shop", "GET /cart", at, 2*time.Second),
		querytest.Span(slow, 2, 1, "pay", "charge", at.Add(time.Millisecond), time.Second).With(querytest.Row{
			"status": "error", "commit_sha": "abc", "build_run_id": "b1", "deployment_id": "d1", "correlation_basis": "digest",
			"environment": "staging", "attrs_str": map[string]string{"user.id": "it's 1\t\\"},
		}),
		querytest.Span(other, 3, 0, "mail", "send", at.Add(time.Second), time.Millisecond).With(querytest.Row{"resource_fp": uint64(8)}),
	)
	querytest.Insert(t, s, "events_trace_v1", querytest.Row{
		"ts_bucket": at.Truncate(time.Minute), "timestamp": at.Add(2 * time.Millisecond), "duration_ns": int64(5), "trace_id": slow, "span_id": uint64(9),
		"parent_span_id": uint64(1), "service_name": "shop", "span_name": "typed", "attrs_int": map[string]int64{"n": 9007199254740993},
		"attrs_num": map[string]float64{"f": 0.5}, "attrs_bool": map[string]bool{"b": true}, "attrs_str": map[string]string{"empty": ""},
	})
	querytest.Insert(t, s, "resources_v1", querytest.Row{
		"resource_fp": uint64(8), "last_seen": at, "service_name": "mail", "attrs_str": map[string]string{"host.name": "h8"},
	})
	for _, tc := range []struct {
		name  string
		query query.TraceQuery
		want  string
	}{
		{name: "service", query: query.TraceQuery{Service: "pay"}, want: slow},
		{name: "name", query: query.TraceQuery{Name: "send"}, want: other},
		{name: "status", query: query.TraceQuery{Status: "error"}, want: slow},
		{name: "environment", query: query.TraceQuery{Environment: "staging"}, want: slow},
		{name: "commit", query: query.TraceQuery{CommitSHA: "abc"}, want: slow},
		{name: "build", query: query.TraceQuery{BuildRunID: "b1"}, want: slow},
		{name: "deployment", query: query.TraceQuery{DeploymentID: "d1"}, want: slow},
		{name: "longer than", query: query.TraceQuery{MinDuration: int64(1500 * time.Millisecond)}, want: slow},
		{name: "between durations", query: query.TraceQuery{MinDuration: 10, MaxDuration: int64(10 * time.Millisecond)}, want: other},
		{name: "text attribute", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "user.id", Value: "it's 1\t\\"}}}, want: slow},
		{name: "int attribute beyond doubles", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "n", Value: "9007199254740993"}}}, want: slow},
		{name: "double attribute", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "f", Value: "0.5"}}}, want: slow},
		{name: "bool attribute", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "b", Value: "true"}}}, want: slow},
		{name: "empty attribute", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "empty", Value: ""}}}, want: slow},
		{name: "resource attribute", query: query.TraceQuery{Attrs: []query.AttrFilter{{Key: "host.name", Value: "h8"}}}, want: other},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.query.Window = lastHour()
			page, err := svc.SearchTraces(ctx, caller, tc.query)
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			require.Equal(t, querytest.Hex(tc.want), page.Items[0].TraceID)
			require.Nil(t, page.Next)
		})
	}
	page, err := svc.SearchTraces(ctx, caller, query.TraceQuery{Window: lastHour(), Service: "pay"})
	require.NoError(t, err)
	it := page.Items[0]
	require.Equal(t, "shop", it.RootService)
	require.Equal(t, "GET /cart", it.RootName)
	require.True(t, at.Equal(it.Start))
	require.Equal(t, int64(2*time.Second), it.DurationNS)
	require.Equal(t, []uint64{3, 1, 1}, []uint64{it.Spans, it.Errors, it.MatchedSpans})
	require.Equal(t, []string{"pay", "shop"}, it.Services)
	require.Equal(t, query.Correlation{Basis: "none"}, it.Correlation, "the root's own")

	page, err = svc.SearchTraces(ctx, caller, query.TraceQuery{Window: lastHour(), Attrs: []query.AttrFilter{{Key: "absent", Value: ""}}})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

// TestTracePagesHoldEveryTraceOnce reads pages over traces that stretch across the slices of the search.
func TestTracePagesHoldEveryTraceOnce(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	var rows []querytest.Row
	for i := range 12 {
		at := now.Add(-time.Duration(i*13) * time.Minute)
		id := querytest.ID16(fmt.Sprint("trace", i))
		rows = append(rows, querytest.Span(id, 1, 0, "shop", "root", at.Add(-20*time.Minute), time.Minute),
			querytest.Span(id, 2, 1, "shop", "late", at.Add(-time.Second), time.Second))
	}
	querytest.Insert(t, s, "events_trace_v1", rows...)
	q := query.TraceQuery{Window: query.Window{From: now.Add(-4 * time.Hour), To: now, Limit: 5}, Service: "shop"}
	var got []string
	for pages := 0; ; pages++ {
		require.Less(t, pages, 5)
		page, err := svc.SearchTraces(ctx, caller, q)
		require.NoError(t, err)
		for _, it := range page.Items {
			got = append(got, it.TraceID)
			require.Equal(t, uint64(2), it.MatchedSpans)
		}
		if page.Next == nil {
			break
		}
		q.Cursor = *page.Next
	}
	var want []string
	for i := range 12 {
		want = append(want, querytest.Hex(querytest.ID16(fmt.Sprint("trace", i))))
	}
	require.Equal(t, want, got)
}

func TestOnlyTheCallersRowsAreSeen(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Minute)
	id := querytest.ID16("t")
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(id, 1, 0, "shop", "a", at, 1),
		querytest.Span(id, 2, 1, "pay", "b", at, 1), querytest.Span(querytest.ID16("u"), 3, 0, "pay", "c", at, 1))
	search := func(c access.Caller) []query.TraceItem {
		page, err := svc.SearchTraces(ctx, c, query.TraceQuery{Window: lastHour()})
		require.NoError(t, err)
		return page.Items
	}
	require.Len(t, search(caller), 2)

	shop := access.Caller{Tenant: caller.Tenant, Rows: sqlbuild.RowsWhere("service_name", "shop")}
	items := search(shop)
	require.Len(t, items, 1)
	require.Equal(t, []string{"shop"}, items[0].Services)
	trace, err := svc.Trace(ctx, shop, querytest.Hex(id), time.Time{}, time.Time{})
	require.NoError(t, err)
	require.Len(t, trace.Spans, 1)

	require.Empty(t, search(access.Caller{Tenant: caller.Tenant, Rows: sqlbuild.NoRows()}))
	require.Empty(t, search(access.Caller{Tenant: [16]byte{1}, Rows: sqlbuild.AllRows()}), "another tenant")
	_, err = svc.SearchTraces(ctx, access.Caller{}, query.TraceQuery{Window: lastHour()})
	require.ErrorIs(t, err, sqlbuild.ErrScope)
	_, err = svc.Builds(ctx, shop, query.BuildQuery{Window: lastHour()})
	wantProblem(t, err, runner.Forbidden, "")
}

func anyBytes(t *testing.T, v *commonpb.AnyValue) string {
	t.Helper()
	b, err := proto.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestTraceGivesEveryValueType(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Minute)
	id, linked, fp := querytest.ID16("typed"), querytest.ID16("linked"), querytest.ID16("fp")
	str := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	num := &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 7}}
	list := &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{str("a"), num}}}}
	kv := &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{
		Values: []*commonpb.KeyValue{{Key: "k", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}}},
	}}}
	others, err := proto.Marshal(&commonpb.KeyValueList{Values: []*commonpb.KeyValue{{Key: "n", Value: num}}})
	require.NoError(t, err)
	row := querytest.Span(id, 1, 0, "shop", "root", at, time.Second).With(querytest.Row{
		"status": "error", "status_message": "no", "error_fp": fp, "error_fp_version": uint8(1), "scope_name": "lib", "scope_version": "2",
		"attrs_str": map[string]string{"s": "x", "": "empty key"}, "attrs_int": map[string]int64{"i": -1 << 63},
		"attrs_num": map[string]float64{"d": 0.25}, "attrs_bool": map[string]bool{"b": false},
		"attrs_any": map[string]string{
			"list": anyBytes(t, list), "kv": anyBytes(t, kv), "none": "",
			"bytes": anyBytes(t, &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{0, 255}}}),
		},
		"events.ts": []time.Time{at.Add(time.Millisecond)}, "events.name": []string{"exception"}, "events.attrs": []map[string]string{{"m": "boom"}},
		"events.attrs_any": []string{string(others)}, "events.dropped": []uint32{0},
		"links.trace_id": []string{linked}, "links.span_id": []uint64{255}, "links.trace_state": []string{""}, "links.flags": []uint32{0},
		"links.attrs": []map[string]string{{"l": "1"}}, "links.attrs_any": []string{""}, "links.dropped": []uint32{0},
	})
	querytest.Insert(t, s, "events_trace_v1", row)
	querytest.Insert(t, s, "events_trace_v1", row) // a resend
	querytest.Insert(t, s, "resources_v1", querytest.Row{
		"resource_fp": uint64(7), "last_seen": at, "attrs_str": map[string]string{"service.name": "shop"}, "attrs_int": map[string]int64{"process.pid": 4},
	})
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, id, 1, "shop", at.Add(time.Millisecond)))

	trace, err := svc.Trace(ctx, caller, querytest.Hex(id), time.Time{}, time.Time{})
	require.NoError(t, err)
	require.False(t, trace.Partial)
	require.Len(t, trace.Spans, 1, "the resend is the same event")
	sp := trace.Spans[0]
	require.Equal(t, "0000000000000001", sp.SpanID)
	require.Empty(t, sp.ParentSpanID)
	require.Equal(t, query.SpanStatus{Code: "error", Message: "no"}, sp.Status)
	require.Equal(t, query.Scope{Name: "lib", Version: "2"}, sp.Scope)
	require.Equal(t, querytest.Print(fp), sp.ErrorFingerprint)
	require.Equal(t, otlpattr.Attributes{
		"s": {Type: "string", Value: "x"}, "": {Type: "string", Value: "empty key"}, "i": {Type: "int", Value: "-9223372036854775808"},
		"d": {Type: "double", Value: 0.25}, "b": {Type: "bool", Value: false}, "none": {Type: "empty"},
		"list":  {Type: "array", Value: []otlpattr.TypedValue{{Type: "string", Value: "a"}, {Type: "int", Value: "7"}}},
		"kv":    {Type: "kvlist", Value: otlpattr.Attributes{"k": {Type: "bool", Value: true}}},
		"bytes": {Type: "bytes", Value: "AP8="},
	}, sp.Attributes)
	require.Equal(t, otlpattr.Attributes{"service.name": {Type: "string", Value: "shop"}, "process.pid": {Type: "int", Value: "4"}}, sp.Resource)
	require.Equal(t, []query.SpanEvent{{
		Time: at.Add(time.Millisecond), Name: "exception", Fingerprint: querytest.Print(fp),
		Attributes: otlpattr.Attributes{"m": {Type: "string", Value: "boom"}, "n": {Type: "int", Value: "7"}},
	}}, sp.Events)
	require.Equal(t, []query.SpanLink{{
		TraceID: querytest.Hex(linked), SpanID: "00000000000000ff", Attributes: otlpattr.Attributes{"l": {Type: "string", Value: "1"}},
	}}, sp.Links)
}

func TestUnknownAndWrongTraceIDs(t *testing.T) {
	_, svc := open(t)
	_, err := svc.Trace(ctx, caller, querytest.Hex(querytest.ID16("nobody")), time.Time{}, time.Time{})
	wantProblem(t, err, runner.NotFound, "")
	_, err = svc.Trace(ctx, caller, "xyz", time.Time{}, time.Time{})
	wantProblem(t, err, runner.Invalid, "trace_id")
	w := lastHour()
	w.Cursor = "bm9uc2Vuc2U"
	_, err = svc.SearchTraces(ctx, caller, query.TraceQuery{Window: w})
	wantProblem(t, err, runner.Invalid, "cursor")
	w = lastHour()
	w.Limit = 501
	_, err = svc.SearchTraces(ctx, caller, query.TraceQuery{Window: w})
	wantProblem(t, err, runner.Invalid, "limit")
}
