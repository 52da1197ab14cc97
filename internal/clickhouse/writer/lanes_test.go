package writer_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/otlpwire"
	"github.com/summitobs/summit/internal/tenant"
)

// message tells which fields of a message are messages.
type message map[protowire.Number]message

var (
	anyValue  = message{}
	keyValue  = message{2: anyValue}
	resource  = message{1: keyValue}
	scope     = message{3: keyValue}
	spanShape = message{9: keyValue, 11: {3: keyValue}, 13: {4: keyValue}, 15: {}}
	traceBody = message{1: {1: resource, 2: {1: scope, 2: spanShape}}}
	logBody   = message{1: {1: resource, 2: {1: scope, 2: {5: anyValue, 6: keyValue}}}}
	point     = message{7: keyValue, 5: {7: keyValue}}
	meterBody = message{1: {1: resource, 2: {1: scope, 2: {5: {1: point}, 7: {1: point}}}}}
)

// shuffled writes the same message with its fields in another order, as senders may, and with fields of later versions of
// the protocol among them. Fields of one number keep their order, which means something.
func shuffled(g *rand.Rand, body []byte, m message) []byte {
	byNumber := map[protowire.Number][][]byte{}
	var numbers []protowire.Number
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		size := n + protowire.ConsumeFieldValue(num, typ, body[n:])
		field := body[:size]
		if child, ok := m[num]; ok && typ == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(body[n:])
			field = protowire.AppendBytes(protowire.AppendTag(nil, num, typ), shuffled(g, value, child))
		}
		byNumber[num] = append(byNumber[num], field)
		numbers = append(numbers, num)
		body = body[size:]
	}
	g.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	var out []byte
	for _, num := range numbers {
		if g.IntN(8) == 0 {
			out = protowire.AppendVarint(protowire.AppendTag(out, 1900, protowire.VarintType), g.Uint64())
			out = protowire.AppendBytes(protowire.AppendTag(out, 1901, protowire.BytesType), []byte("from a later version"))
		}
		out = append(out, byNumber[num][0]...)
		byNumber[num] = byNumber[num][1:]
	}
	return out
}

func drawn(t *rapid.T) (*otlptest.Draw, *rand.Rand) {
	return &otlptest.Draw{T: t, Now: start}, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
}

// stamp puts a tenant on most resources: one without a valid one goes to quarantine.
func stampTenant(d *otlptest.Draw, r pcommon.Resource) {
	if d.Count(9) > 0 {
		r.Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
	} else {
		r.Attributes().PutStr(envelope.AttrTenantID, "nobody")
	}
	if d.Bool() {
		r.Attributes().PutStr("service.name", "shop")
	}
}

// sameRecord compares what both lanes give: the record for the queue, byte by byte, and what was dropped or changed.
func sameRecord(t *rapid.T, a *writer.Batch, errA error, b *writer.Batch, errB error) {
	require.NoError(t, errA)
	require.NoError(t, errB)
	defer a.Release()
	defer b.Release()
	require.ElementsMatch(t, a.Dropped(), b.Dropped())
	require.Equal(t, a.Rows(), b.Rows())
	require.Equal(t, a.AppendRecord(nil), b.AppendRecord(nil))
}

func encoders() (a, b *writer.Encoder) {
	o := writer.Options{Now: fixed, MaxValueBytes: 64}
	return writer.New(o), writer.New(o)
}

// Spans as bytes and spans as pdata give the same rows, whatever is in them.
func TestBothLanesGiveTheSameSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, g := drawn(t)
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(drawTraces(d))
		require.NoError(t, err)
		body = shuffled(g, body, traceBody)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(slices.Clone(body))
		require.NoError(t, err)
		req, err := otlpwire.ReadTraces(body, 1000)
		require.NoError(t, err)
		defer req.Release()
		require.Equal(t, td.SpanCount(), req.Count)
		left, right := encoders()
		a, errA := left.Traces(td)
		b, errB := right.Spans(req.From)
		sameRecord(t, a, errA, b, errB)
	})
}

func TestBothLanesGiveTheSameLogs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, g := drawn(t)
		ld := d.Logs()
		for _, rl := range ld.ResourceLogs().All() {
			stampTenant(d, rl.Resource())
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					drawException(d, lr.Attributes())
				}
			}
		}
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(t, err)
		body = shuffled(g, body, logBody)
		ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(slices.Clone(body))
		require.NoError(t, err)
		req, err := otlpwire.ReadLogs(body, 1000)
		require.NoError(t, err)
		defer req.Release()
		require.Equal(t, ld.LogRecordCount(), req.Count)
		left, right := encoders()
		a, errA := left.Logs(ld)
		b, errB := right.Records(req.From)
		sameRecord(t, a, errA, b, errB)
	})
}

func TestBothLanesGiveTheSamePoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, g := drawn(t)
		md := d.Metrics()
		for _, rm := range md.ResourceMetrics().All() {
			stampTenant(d, rm.Resource())
		}
		body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		require.NoError(t, err)
		body = shuffled(g, body, meterBody)
		md, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(slices.Clone(body))
		require.NoError(t, err)
		req, err := otlpwire.ReadMetrics(body, 1000)
		require.NoError(t, err)
		defer req.Release()
		require.Equal(t, md.DataPointCount(), req.Count)
		left, right := encoders()
		a, errA := left.Metrics(md)
		b, errB := right.Points(req.From)
		sameRecord(t, a, errA, b, errB)
	})
}

func drawTraces(d *otlptest.Draw) ptrace.Traces {
	td := ptrace.NewTraces()
	for range d.Count(3) {
		rs := td.ResourceSpans().AppendEmpty()
		d.Resource(rs.Resource())
		stampTenant(d, rs.Resource())
		rs.SetSchemaUrl(d.SchemaURL())
		for range d.Count(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			d.Scope(ss.Scope())
			ss.SetSchemaUrl(d.SchemaURL())
			for range d.Count(4) {
				drawSpan(d, ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func drawSpan(d *otlptest.Draw, sp ptrace.Span) {
	if d.Count(9) > 0 { // now and then an id is all zeros
		sp.SetTraceID(d.TraceID())
		sp.SetSpanID(d.SpanID())
	}
	if d.Bool() {
		sp.SetParentSpanID(d.SpanID())
	}
	sp.SetName(d.Text())
	sp.SetKind(ptrace.SpanKind(d.Count(9)))
	sp.TraceState().FromRaw(rapid.SampledFrom([]string{"", "ot=th:8", "a=b,ot=th:c"}).Draw(d.T, "state"))
	sp.SetFlags(d.Uint32())
	sp.SetStartTimestamp(anyTimestamp(d))
	sp.SetEndTimestamp(anyTimestamp(d))
	sp.Status().SetCode(ptrace.StatusCode(d.Count(5)))
	sp.Status().SetMessage(d.Text())
	sp.SetDroppedAttributesCount(d.Uint32())
	sp.SetDroppedEventsCount(d.Uint32())
	sp.SetDroppedLinksCount(d.Uint32())
	d.Attributes(sp.Attributes())
	drawPromoted(d, sp.Attributes())
	for range d.Count(3) {
		ev := sp.Events().AppendEmpty()
		ev.SetName(rapid.SampledFrom([]string{"exception", "log", ""}).Draw(d.T, "event"))
		ev.SetTimestamp(anyTimestamp(d))
		ev.SetDroppedAttributesCount(d.Uint32())
		d.Attributes(ev.Attributes())
		drawException(d, ev.Attributes())
	}
	for range d.Count(2) {
		l := sp.Links().AppendEmpty()
		l.SetTraceID(d.TraceID())
		l.SetSpanID(d.SpanID())
		l.TraceState().FromRaw(d.Text())
		l.SetFlags(d.Uint32())
		l.SetDroppedAttributesCount(d.Uint32())
		d.Attributes(l.Attributes())
	}
}

// anyTimestamp is mostly of now, sometimes absurd or absent.
func anyTimestamp(d *otlptest.Draw) pcommon.Timestamp {
	switch d.Count(6) {
	case 0:
		return 0
	case 1:
		return pcommon.Timestamp(d.Uint64())
	default:
		return pcommon.NewTimestampFromTime(start.Add(time.Duration(d.Count(1000)) * time.Millisecond))
	}
}

func drawPromoted(d *otlptest.Draw, m pcommon.Map) {
	for _, key := range []string{"http.request.method", "http.route", "db.system", "session.id", "user.id", "peer.service"} {
		if d.Count(3) == 0 {
			m.PutStr(key, d.Text())
		}
	}
	if d.Bool() {
		m.PutInt("http.response.status_code", d.Int())
	}
	if d.Count(3) == 0 {
		m.PutDouble(envelope.AttrSampleWeight, d.Double())
	}
}

func drawException(d *otlptest.Draw, m pcommon.Map) {
	if d.Count(2) > 0 {
		return
	}
	m.PutStr("exception.type", "java.lang.IllegalStateException")
	m.PutStr("exception.message", d.Text())
	if d.Bool() {
		m.PutStr("exception.stacktrace", stack)
	}
}
