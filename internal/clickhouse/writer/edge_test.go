package writer_test

import (
	"context"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/fingerprint"
	"github.com/summitobs/summit/internal/tenant"
)

// one makes a request of one span that nothing is wrong with.
func one() (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte{1, 15: 2})
	sp.SetSpanID([8]byte{3, 7: 4})
	sp.SetName("pay")
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	return td, sp
}

// put encodes one request and stores it, and gives what was dropped.
func put(t *testing.T, s clickhouse.Store, opts writer.Options, td ptrace.Traces) []writer.Drop {
	t.Helper()
	opts.Now = fixed
	b, err := writer.New(opts).Traces(td)
	require.NoError(t, err)
	defer b.Release()
	drops := append([]writer.Drop(nil), b.Dropped()...)
	store(t, s, b.AppendRecord(nil))
	return drops
}

func get[T any](t *testing.T, s clickhouse.Store, sql string) (v T) {
	t.Helper()
	require.NoError(t, s.Conn().QueryRow(context.Background(), "SELECT "+sql).Scan(&v))
	return v
}

func TestTimesOutOfRangeAreClampedAndCounted(t *testing.T) {
	at := func(d time.Duration) pcommon.Timestamp { return pcommon.NewTimestampFromTime(start.Add(d)) }
	const day = 24 * time.Hour
	// Rows live for 30 days, counted from the beginning of theirs.
	oldest := pcommon.NewTimestampFromTime(start.Truncate(day).Add(-29 * day))
	for _, tc := range []struct {
		name       string
		start, end pcommon.Timestamp
		wantAt     time.Time
		wantNS     int64
		wantFlags  uint8
		dropped    bool
	}{
		{"in range", at(-time.Hour), at(0), start.Add(-time.Hour), int64(time.Hour), 0, false},
		{"end before start", at(0), at(-time.Minute), start, -int64(time.Minute), 0, false},
		{"oldest", oldest, oldest + 7, oldest.AsTime(), 7, 0, false},
		{"older than the retention", oldest - 1, oldest, start, 1, 4, true},
		{"newest", at(day), at(day), start.Add(day), 0, 0, false},
		{"future", at(day + 1), at(day + 6), start, 5, 4, true},
		{"no start", 0, at(time.Second), start, int64(time.Second), 1, false},
		{"no end", at(-time.Second), 0, start.Add(-time.Second), 0, 2, false},
		{"neither", 0, 0, start, 0, 3, false},
		{"end out of range", at(0), math.MaxUint64, start, 0, 4, true},
		{"both absurd", 17, math.MaxUint64, start, 0, 4, true},
		{"absurd start, no end", math.MaxInt64 + 1, 0, start, 0, 6, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := enginetest.Open(t)
			td, sp := one()
			sp.SetStartTimestamp(tc.start)
			sp.SetEndTimestamp(tc.end)
			drops := put(t, s, writer.Options{}, td)
			if tc.dropped {
				require.Equal(t, []writer.Drop{{Reason: "time_out_of_range", Signal: writer.SignalTraces, Items: 1}}, drops)
			} else {
				require.Empty(t, drops)
			}
			require.Equal(t, tc.wantAt, get[time.Time](t, s, "timestamp FROM events_trace_v1").UTC())
			require.Equal(t, tc.wantNS, get[int64](t, s, "duration_ns FROM events_trace_v1"))
			require.Equal(t, tc.wantFlags, get[uint8](t, s, "time_flags FROM events_trace_v1"))
			require.Equal(t, tc.wantAt.Truncate(5*time.Minute), get[time.Time](t, s, "ts_bucket FROM events_trace_v1").UTC())
			originals := get[map[string]int64](t, s, "attrs_int FROM events_trace_v1")
			if tc.wantFlags&4 == 0 {
				require.Empty(t, originals)
			}
			if v, ok := originals[envelope.AttrOTLPStart]; ok {
				require.Equal(t, tc.start, pcommon.Timestamp(v))
			}
		})
	}
}

func TestLongValuesAreCutMarkedAndCounted(t *testing.T) {
	s := enginetest.Open(t)
	td, sp := one()
	long := strings.Repeat("ä", 100)
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("process.command_line", long)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Attributes().PutStr("scope.long", long)
	sp.Attributes().PutStr("fits", strings.Repeat("x", 64))
	sp.Attributes().PutStr("long", long)
	sp.Attributes().PutEmptyBytes("blob").FromRaw(make([]byte, 1000))
	sp.Attributes().PutEmptyMap("map").PutStr("inner", long)
	ev := sp.Events().AppendEmpty()
	ev.Attributes().PutStr("event.long", long)
	ev.Attributes().PutEmptySlice("event.list").AppendEmpty().SetStr(long)
	sp.Links().AppendEmpty().Attributes().PutStr("link.long", long)

	drops := put(t, s, writer.Options{MaxValueBytes: 64}, td)
	require.Equal(t, []writer.Drop{{Reason: "attribute_value_cut", Signal: writer.SignalTraces, Items: 8}}, drops)
	attrs := get[map[string]string](t, s, "attrs_str FROM events_trace_v1")
	require.Equal(t, strings.Repeat("x", 64), attrs["fits"])
	require.Equal(t, strings.Repeat("ä", 32)+"…[cut, was 200 bytes]", attrs["long"])
	require.Equal(t, "long,blob,map", attrs[envelope.AttrCut])
	others := get[map[string]string](t, s, "attrs_any FROM events_trace_v1")
	require.Contains(t, others["blob"], "…[cut, was 1000 bytes]")
	require.Contains(t, others["map"], "…[cut, was 200 bytes]")
	require.Equal(t, []string{"event.long,event.list"}, get[[]string](t, s, "arrayMap(m -> m['"+envelope.AttrCut+"'], events.attrs) FROM events_trace_v1"))
	require.Equal(t, []string{"link.long"}, get[[]string](t, s, "arrayMap(m -> m['"+envelope.AttrCut+"'], links.attrs) FROM events_trace_v1"))
	require.Equal(t, "process.command_line", get[string](t, s, "attrs_str['"+envelope.AttrCut+"'] FROM resources_v1"))
	require.Contains(t, get[string](t, s, "scope_extra FROM events_trace_v1"), "…[cut, was 200 bytes]")
}

func TestInvalidSpansGoToQuarantine(t *testing.T) {
	s := enginetest.Open(t)
	td, good := one()
	rs := td.ResourceSpans().At(0)
	rs.Resource().Attributes().PutStr("host.name", "h1")
	rs.ScopeSpans().At(0).Scope().SetName("lib")
	for i := range 3 {
		bad := rs.ScopeSpans().At(0).Spans().AppendEmpty()
		good.CopyTo(bad)
		bad.SetName("bad")
		if i < 2 {
			bad.SetTraceID([16]byte{})
		} else {
			bad.SetSpanID([8]byte{})
		}
	}
	drops := put(t, s, writer.Options{}, td)
	require.ElementsMatch(t, []writer.Drop{
		{Reason: "zero_trace_id", Signal: writer.SignalTraces, Items: 2}, {Reason: "zero_span_id", Signal: writer.SignalTraces, Items: 1},
	}, drops)
	require.EqualValues(t, 1, count(t, s, "events_trace_v1"))
	require.EqualValues(t, 2, count(t, s, "quarantine_v1 WHERE signal = 'traces' AND service_name = 'shop'"))
	require.EqualValues(t, 2, get[uint32](t, s, "items FROM quarantine_v1 WHERE reason = 'zero_trace_id'"))
	kept, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces([]byte(get[string](t, s, "payload FROM quarantine_v1 WHERE reason = 'zero_span_id'")))
	require.NoError(t, err)
	require.Equal(t, 1, kept.SpanCount())
	require.Equal(t, "bad", kept.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name())
	require.Equal(t, "lib", kept.ResourceSpans().At(0).ScopeSpans().At(0).Scope().Name())
	host, _ := kept.ResourceSpans().At(0).Resource().Attributes().Get("host.name")
	require.Equal(t, "h1", host.Str())
}

func TestResourceOfNoTenantIsQuarantined(t *testing.T) {
	s := enginetest.Open(t)
	td, _ := one()
	td.ResourceSpans().At(0).Resource().Attributes().PutStr(envelope.AttrTenantID, "acme")
	require.Equal(t, []writer.Drop{{Reason: "invalid_tenant", Signal: writer.SignalTraces, Items: 1}}, put(t, s, writer.Options{}, td))
	require.Zero(t, count(t, s, "events_trace_v1"))
	require.Zero(t, count(t, s, "resources_v1"))
	require.Contains(t, get[string](t, s, "detail FROM quarantine_v1"), `tenant id "acme": want a UUID`)
}

func TestResourceIsWrittenOnceADayAfterItsRecordIsSafe(t *testing.T) {
	clock := start
	enc := writer.New(writer.Options{Now: func() time.Time { return clock }})
	rows := func(commit bool, change func(pcommon.Resource)) int {
		td, _ := one()
		change(td.ResourceSpans().At(0).Resource())
		b, err := enc.Traces(td)
		require.NoError(t, err)
		defer b.Release()
		if commit {
			defer b.Committed()
		}
		set := writer.NewSet(start)
		require.NoError(t, set.Add(b.AppendRecord(nil)))
		n := 0
		require.NoError(t, set.Each(func(ins writer.Insert) error {
			if ins.Table == "resources_v1" {
				n = ins.Rows
			}
			return nil
		}))
		return n
	}
	same := func(pcommon.Resource) {}
	require.Equal(t, 1, rows(false, same))
	require.Equal(t, 1, rows(true, same), "the record before may have been lost")
	require.Equal(t, 0, rows(true, same))
	require.Equal(t, 0, rows(true, func(r pcommon.Resource) { r.Attributes().PutStr(envelope.AttrCommitSHA, "abc") }), "stamps are no part of it")
	require.Equal(t, 1, rows(true, func(r pcommon.Resource) { r.Attributes().PutStr("host.name", "h") }))
	require.Equal(t, 1, rows(true, func(r pcommon.Resource) { r.SetDroppedAttributesCount(1) }))
	require.Equal(t, 1, rows(true, func(r pcommon.Resource) { r.Attributes().PutInt("service.name", 1) }))
	require.Equal(t, 1, rows(true, func(r pcommon.Resource) { r.Attributes().PutStr(envelope.AttrTenantID, uuid.NewString()) }))
	clock = clock.Add(24 * time.Hour)
	require.Equal(t, 1, rows(true, same), "so that its month lives on")
}

func TestPromotedColumnsAreCopies(t *testing.T) {
	s := enginetest.Open(t)
	td, sp := one()
	res := td.ResourceSpans().At(0).Resource().Attributes()
	for k, v := range map[string]string{
		"service.version": "1.2", "deployment.environment": "prod", "session.id": "of the resource", envelope.AttrCommitSHA: "c0ffee",
		envelope.AttrBuildRunID: "github:h:r:1:1", envelope.AttrDeploymentID: "d1", envelope.AttrBasis: "digest", "service.namespace": "ns",
		"service.instance.id": "i1", "host.name": "h1", "k8s.cluster.name": "k1", "k8s.namespace.name": "kn", "k8s.pod.name": "p1",
		"telemetry.sdk.language": "go", "oci.manifest.digest": "sha256:" + strings.Repeat("ab", 32),
	} {
		res.PutStr(k, v)
	}
	for k, v := range map[string]string{
		"http.method": "OLD", "http.request.method": "GET", "http.route": "/x", "db.system": "mysql", "rpc.method": "Do", "messaging.system": "kafka",
		"messaging.destination.name": "orders", "peer.service": "cart", "session.id": "s1",
	} {
		sp.Attributes().PutStr(k, v)
	}
	sp.Attributes().PutInt("http.response.status_code", 503)
	sp.TraceState().FromRaw("vendor=1,ot=rv:1;th:c")
	require.Empty(t, put(t, s, writer.Options{}, td))
	require.Equal(t, []string{"shop", "1.2", "prod", "c0ffee", "github:h:r:1:1", "d1", "digest", "GET", "/x", "503", "mysql", "Do", "kafka", "orders", "cart", "s1", "4", "30"},
		get[[]string](t, s, `arrayMap(x -> toString(x), [service_name, service_version, environment, commit_sha, build_run_id, deployment_id,
			toString(correlation_basis), http_method, http_route, toString(http_status), db_system, rpc_method, messaging_system, messaging_destination,
			peer_service, session_id, toString(sample_weight), toString(retention_days)]) FROM events_trace_v1`))
	require.Equal(t, "GET", get[string](t, s, "attrs_str['http.request.method'] FROM events_trace_v1"))
	require.Equal(t, "OLD", get[string](t, s, "attrs_str['http.method'] FROM events_trace_v1"))
	require.Equal(t, []string{"ns", "i1", "1.2", "prod", "h1", "k1", "kn", "p1", "sha256:" + strings.Repeat("ab", 32), "go"},
		get[[]string](t, s, `[service_namespace, service_instance_id, service_version, environment, host_name, k8s_cluster, k8s_namespace, k8s_pod,
			image_digest, sdk_language] FROM resources_v1`))
	require.Zero(t, count(t, s, "resources_v1 ARRAY JOIN mapKeys(attrs_str) AS k WHERE startsWith(k, 'summit.')"))
}

func TestSampleWeight(t *testing.T) {
	for _, tc := range []struct {
		name, state string
		attr        func(pcommon.Map)
		want        float32
	}{
		{"none", "", nil, 1},
		{"attribute", "ot=th:c", func(m pcommon.Map) { m.PutDouble(envelope.AttrSampleWeight, 2.5) }, 2.5},
		{"whole number", "", func(m pcommon.Map) { m.PutInt(envelope.AttrSampleWeight, 10) }, 10},
		{"below one", "", func(m pcommon.Map) { m.PutDouble(envelope.AttrSampleWeight, 0.5) }, 1},
		{"not a number", "", func(m pcommon.Map) { m.PutDouble(envelope.AttrSampleWeight, math.NaN()) }, 1},
		{"threshold", "a=b, ot=rv:123;th:8", nil, 2},
		{"all sampled", "ot=th:0", nil, 1},
		{"one in 2^56", "ot=th:ffffffffffffff", nil, 1 << 56},
		{"no hexadecimal", "ot=th:xyz", nil, 1},
		{"too long", "ot=th:fffffffffffffff", nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := enginetest.Open(t)
			td, sp := one()
			sp.TraceState().FromRaw(tc.state)
			if tc.attr != nil {
				tc.attr(sp.Attributes())
			}
			put(t, s, writer.Options{}, td)
			require.InDelta(t, tc.want, get[float32](t, s, "sample_weight FROM events_trace_v1"), 0)
		})
	}
}

func TestEventIDOfTheStoreIsTheEnvelopes(t *testing.T) {
	s := enginetest.Open(t)
	td, sp := one()
	put(t, s, writer.Options{}, td)
	want := envelope.SpanEventID(tenant.Default, sp.TraceID(), sp.SpanID(), int64(sp.StartTimestamp()), int64(time.Second))
	require.Equal(t, uuid.UUID(want), get[uuid.UUID](t, s, "event_id FROM events_trace_v1"))
}

func TestExceptionsBecomeErrorRows(t *testing.T) {
	s := enginetest.Open(t)
	td, sp := one()
	res := td.ResourceSpans().At(0).Resource().Attributes()
	res.PutStr("telemetry.sdk.language", "java")
	res.PutStr(envelope.AttrBuildRunID, "run")
	res.PutStr(envelope.AttrBasis, "digest")
	sp.Attributes().PutStr("session.id", "s1")
	sp.Attributes().PutStr("enduser.id", "anna")
	sp.Events().AppendEmpty().SetName("not an exception")
	first := sp.Events().AppendEmpty()
	first.SetName("exception")
	first.SetTimestamp(sp.StartTimestamp() + 5)
	first.Attributes().PutStr("exception.type", "java.lang.IllegalStateException")
	first.Attributes().PutStr("exception.message", "cart 1 is closed")
	first.Attributes().PutStr("exception.stacktrace", stack)
	first.Attributes().PutBool("exception.escaped", true)
	last := sp.Events().AppendEmpty()
	last.SetName("exception")
	last.Attributes().PutStr("exception.message", "no stack here")

	require.Empty(t, put(t, s, writer.Options{}, td))
	parsed := fingerprint.Exception("java", "java.lang.IllegalStateException", "cart 2 is closed", stack)
	require.True(t, parsed.Parsed)
	require.EqualValues(t, 2, count(t, s, "events_error_v1"))
	row := " FROM events_error_v1 WHERE source_index = 1"
	require.Equal(t, hex.EncodeToString(parsed.FP[:]), strings.ToLower(get[string](t, s, "hex(error_fp)"+row)))
	require.Equal(t, []string{"span_event", "error", "unhandled", "java", "java.lang.IllegalStateException", "cart 1 is closed", parsed.Culprit, "", "s1", "run", "digest", "shop"},
		get[[]string](t, s, `[toString(source), toString(level), toString(handled), platform, toString(exception_type), exception_message, culprit, raw_stack,
			session_id, toString(build_run_id), toString(correlation_basis), toString(service_name)]`+row))
	require.Equal(t, start.Add(5), get[time.Time](t, s, "timestamp"+row).UTC())
	require.Equal(t, start.Truncate(time.Hour), get[time.Time](t, s, "ts_bucket"+row).UTC())
	require.Len(t, get[[]string](t, s, "frames.function"+row), len(parsed.Frames))
	require.Len(t, get[string](t, s, "user_hash"+row), 32)
	id := envelope.SpanEventID(tenant.Default, sp.TraceID(), sp.SpanID(), int64(sp.StartTimestamp()), int64(time.Second))
	require.Equal(t, uuid.UUID(envelope.ErrorEventID(id, 1)), get[uuid.UUID](t, s, "event_id"+row))

	second := fingerprint.Exception("java", "", "no stack here", "")
	require.Equal(t, hex.EncodeToString(second.FP[:]), strings.ToLower(get[string](t, s, "hex(error_fp) FROM events_trace_v1")), "the span has its last error's")
	require.Equal(t, start, get[time.Time](t, s, "timestamp FROM events_error_v1 WHERE source_index = 2").UTC(), "without a time it has the span's")
	require.EqualValues(t, 2, count(t, s, "error_groups_v1"))
}

func TestErrorsThatASenderGroups(t *testing.T) {
	fp := fingerprint.Exception("go", "X", "y", "").FP
	for _, tc := range []struct{ name, attr, want string }{
		{"ours in text form", fingerprint.String(fp), hex.EncodeToString(fp[:])},
		{"words", "checkout-timeout", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := enginetest.Open(t)
			td, sp := one()
			for _, message := range []string{"a", "totally different"} {
				ev := sp.Events().AppendEmpty()
				ev.SetName("exception")
				ev.Attributes().PutStr("exception.message", message)
				ev.Attributes().PutStr("exception.stacktrace", "no frames in this text")
				ev.Attributes().PutStr(envelope.AttrErrorFingerprint, tc.attr)
			}
			put(t, s, writer.Options{}, td)
			require.EqualValues(t, 1, get[uint64](t, s, "uniqExact(error_fp) FROM events_error_v1"))
			require.EqualValues(t, 2, count(t, s, "events_error_v1 WHERE raw_stack = 'no frames in this text'"))
			if tc.want != "" {
				require.Equal(t, tc.want, strings.ToLower(get[string](t, s, "hex(any(error_fp)) FROM events_error_v1")))
			}
		})
	}
}

func TestRetentionIsTheOptions(t *testing.T) {
	s := enginetest.Open(t)
	td, sp := one()
	sp.Events().AppendEmpty().SetName("exception")
	put(t, s, writer.Options{Retention: writer.Retention{Traces: 7, Errors: 14, Builds: 900}}, td)
	require.EqualValues(t, 7, get[uint16](t, s, "retention_days FROM events_trace_v1"))
	require.EqualValues(t, 14, get[uint16](t, s, "retention_days FROM events_error_v1"))
	require.EqualValues(t, 900, get[uint16](t, s, "retention_days FROM resources_v1"), "a resource outlives all that points to it")
}

func TestEncoderIsSafeForConcurrentUse(t *testing.T) {
	enc := writer.New(writer.Options{Now: fixed})
	records := make(chan []byte)
	for i := range 4 {
		go func() {
			b, err := enc.Traces(load(200, uint64(i)))
			if err != nil {
				records <- nil
				return
			}
			out := b.AppendRecord(nil)
			b.Committed()
			b.Release()
			records <- out
		}()
	}
	s := enginetest.Open(t)
	set := writer.NewSet(start)
	for range 4 {
		require.NoError(t, set.Add(<-records))
	}
	insertSet(t, s, set)
	require.EqualValues(t, 800, count(t, s, "events_trace_v1"))
	require.EqualValues(t, 4, get[uint64](t, s, "uniqExact(resource_fp) FROM resources_v1"))
}
