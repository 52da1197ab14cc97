package writer

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/promoted"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
)

// spanColumns is events_trace_v1.
type spanColumns struct {
	Origin     originColumns
	Scope      scopeColumns
	Attrs      attrColumns
	Events     eventColumns
	Links      linkColumns
	Bucket     *column.Num[uint32]  `col:"ts_bucket"`
	Name       *column.LowCard      `col:"span_name"`
	At         *column.Num[int64]   `col:"timestamp"`
	Duration   *column.Num[int64]   `col:"duration_ns"`
	TimeFlags  *column.Num[uint8]   `col:"time_flags"`
	TraceID    *column.Fixed        `col:"trace_id"`
	SpanID     *column.Num[uint64]  `col:"span_id"`
	Parent     *column.Num[uint64]  `col:"parent_span_id"`
	Kind       *column.Num[int8]    `col:"kind"`
	Status     *column.Num[int8]    `col:"status"`
	Message    *column.Str          `col:"status_message"`
	TraceState *column.Str          `col:"trace_state"`
	Flags      *column.Num[uint32]  `col:"flags"`
	DropAttrs  *column.Num[uint32]  `col:"dropped_attributes"`
	DropEvents *column.Num[uint32]  `col:"dropped_events"`
	DropLinks  *column.Num[uint32]  `col:"dropped_links"`
	Session    *column.Str          `col:"session_id"`
	ErrorFP    *column.Fixed        `col:"error_fp"`
	ErrorFPV   *column.Num[uint8]   `col:"error_fp_version"`
	Weight     *column.Num[float32] `col:"sample_weight"`
	Method     *column.LowCard      `col:"http_method"`
	Route      *column.LowCard      `col:"http_route"`
	HTTPStatus *column.Num[uint16]  `col:"http_status"`
	DB         *column.LowCard      `col:"db_system"`
	RPC        *column.LowCard      `col:"rpc_method"`
	MsgSystem  *column.LowCard      `col:"messaging_system"`
	MsgDest    *column.LowCard      `col:"messaging_destination"`
	Peer       *column.LowCard      `col:"peer_service"`
}

// eventColumns are the arrays of a span's events. Elements go into the inner columns; a row ends in all arrays at once.
type eventColumns struct {
	Ts      *column.Array `col:"events.ts"`
	Name    *column.Array `col:"events.name"`
	Attrs   *column.Array `col:"events.attrs"`
	Other   *column.Array `col:"events.attrs_any"`
	Dropped *column.Array `col:"events.dropped"`

	ts      *column.Num[int64]
	name    *column.LowCard
	attrs   pairColumns
	dropped *column.Num[uint32]
}

func (c *eventColumns) Bound() {
	c.ts, c.name = c.Ts.Elem.(*column.Num[int64]), c.Name.Elem.(*column.LowCard)
	c.attrs, c.dropped = newPairs(c.Attrs, c.Other), c.Dropped.Elem.(*column.Num[uint32])
}

func (c *eventColumns) endRow() {
	c.Ts.EndRow()
	c.Name.EndRow()
	c.Attrs.EndRow()
	c.Other.EndRow()
	c.Dropped.EndRow()
}

// linkColumns are the arrays of a span's links.
type linkColumns struct {
	TraceID    *column.Array `col:"links.trace_id"`
	SpanID     *column.Array `col:"links.span_id"`
	TraceState *column.Array `col:"links.trace_state"`
	Flags      *column.Array `col:"links.flags"`
	Attrs      *column.Array `col:"links.attrs"`
	Other      *column.Array `col:"links.attrs_any"`
	Dropped    *column.Array `col:"links.dropped"`

	traceID        *column.Fixed
	spanID         *column.Num[uint64]
	traceState     *column.Str
	flags, dropped *column.Num[uint32]
	attrs          pairColumns
}

func (c *linkColumns) Bound() {
	c.traceID, c.spanID = c.TraceID.Elem.(*column.Fixed), c.SpanID.Elem.(*column.Num[uint64])
	c.traceState, c.flags = c.TraceState.Elem.(*column.Str), c.Flags.Elem.(*column.Num[uint32])
	c.attrs, c.dropped = newPairs(c.Attrs, c.Other), c.Dropped.Elem.(*column.Num[uint32])
}

func (c *linkColumns) endRow() {
	c.TraceID.EndRow()
	c.SpanID.EndRow()
	c.TraceState.EndRow()
	c.Flags.EndRow()
	c.Attrs.EndRow()
	c.Other.EndRow()
	c.Dropped.EndRow()
}

// pairColumns are the attributes of events or links: strings in a map, all others in one KeyValueList.
type pairColumns struct {
	maps   *column.Map
	values *column.Str
	others *column.Str
}

func newPairs(maps, others *column.Array) pairColumns {
	m := maps.Elem.(*column.Map)
	return pairColumns{m, m.Values.(*column.Str), others.Elem.(*column.Str)}
}

// put adds an attribute of the present element; others gathers the KeyValueList.
func (c *pairColumns) put(b *Batch, others []byte, key string, v *otlpitem.Value) []byte {
	if v.Type == pcommon.ValueTypeStr {
		c.maps.Keys.Append(key)
		c.values.Append(b.text(key, v.Str))
		return others
	}
	others, cut := anyvalue.AppendPair(others, key, v.PData(), b.enc.opts.MaxValueBytes)
	if cut {
		b.cut(key)
	}
	return others
}

func (c *pairColumns) end(b *Batch, others []byte) {
	if b.cuts > 0 {
		c.maps.Keys.Append(envelope.AttrCut)
		c.values.Append(b.takeCut(SignalTraces))
	}
	c.maps.EndRow()
	c.others.AppendBytes(others)
}

// Traces encodes spans. Release the batch in any case.
func (e *Encoder) Traces(td ptrace.Traces) (*Batch, error) {
	from := make([]otlpitem.Spans, 0, td.ResourceSpans().Len())
	for _, rs := range td.ResourceSpans().All() {
		from = append(from, otlpitem.PDataSpans{ResourceSpans: rs})
	}
	return e.Spans(from)
}

// Spans encodes spans of any source. An error says what is malformed in it.
func (e *Encoder) Spans(from []otlpitem.Spans) (*Batch, error) {
	b := e.begin()
	w := spanWriter{b: b, clock: b.clock(e.opts.Retention.Traces), item: &b.own.span}
	for _, rs := range from {
		if err := w.resource(rs); err != nil {
			b.Release()
			return nil, err
		}
	}
	b.learn(catalog.SpanSource)
	return b, nil
}

// spanWriter is one request's way through its spans.
type spanWriter struct {
	b     *Batch
	c     *spanColumns
	clock clock
	res   resource
	from  otlpitem.Spans
	item  *otlpitem.Span
	bad   badSpans
	seen  promoted.Span
}

func (w *spanWriter) resource(from otlpitem.Spans) error {
	head := from.Head()
	res, invalid := w.b.resource(head.Resource(), head.SchemaUrl(), SignalTraces)
	w.res, w.from, w.bad = res, from, badSpans{resource: head}
	w.c = use[spanColumns](w.b, table.Spans)
	before := w.c.At.Rows()
	for i, ss := range head.ScopeSpans().All() {
		inScope := w.c.At.Rows()
		for j := range from.Len(i) {
			if err := w.next(ss, i, j, invalid); err != nil {
				return err
			}
		}
		w.c.Scope.appendN(w.b, ss.Scope(), ss.SchemaUrl(), SignalTraces, w.c.At.Rows()-inScope)
	}
	n := w.c.At.Rows() - before
	w.c.Origin.appendN(&w.res, w.b.enc.opts.Retention.Traces, n)
	if n > 0 {
		w.b.recordWidth(w.res.tenant, table.Spans, spanBucket)
	}
	w.b.quarantineSpans(&w.res, &w.bad)
	return nil
}

// next reads a span and writes its row, or keeps it for the quarantine: with all of a resource whose tenant is invalid.
func (w *spanWriter) next(ss ptrace.ScopeSpans, scope, i int, invalid error) error {
	if err := w.from.Read(scope, i, w.item); err != nil {
		return err
	}
	reason, detail := invalidSpan(w.item)
	if invalid != nil {
		reason, detail = reasonTenant, invalid.Error()
	}
	if reason == "" {
		w.span(w.item)
		return nil
	}
	sp, err := w.from.Whole(scope, i)
	if err != nil {
		return err
	}
	w.bad.add(ss, sp, reason, detail)
	return nil
}

// invalidSpan gives a reason for spans that OTLP says must be ignored.
func invalidSpan(sp *otlpitem.Span) (reason, detail string) {
	switch {
	case sp.TraceID == [16]byte{}:
		return "zero_trace_id", "a span's trace id must not be all zeros"
	case sp.SpanID == [8]byte{}:
		return "zero_span_id", "a span's span id must not be all zeros"
	default:
		return "", ""
	}
}

func (w *spanWriter) span(sp *otlpitem.Span) {
	c := w.c
	c.TraceID.Append(sp.TraceID[:])
	c.SpanID.Append(spanNumber(sp.SpanID))
	c.Parent.Append(spanNumber(sp.Parent))
	c.Name.Append(sp.Name)
	c.Message.Append(sp.Message)
	c.TraceState.Append(sp.TraceState)
	c.Flags.Append(sp.Flags)
	c.DropAttrs.Append(sp.DroppedAttrs)
	c.DropEvents.Append(sp.DroppedEvents)
	c.DropLinks.Append(sp.DroppedLinks)

	flags := w.times(sp.Start, sp.End)
	flags |= w.number(c.Kind, sp.Kind, int32(ptrace.SpanKindConsumer), envelope.AttrOTLPKind, flagKind)
	flags |= w.number(c.Status, sp.Status, int32(ptrace.StatusCodeError), envelope.AttrOTLPStatus, flagStatus)
	c.TimeFlags.Append(flags)

	w.seen = promoted.Span{Session: w.res.session}
	for i := range sp.Attrs {
		a := &sp.Attrs[i]
		w.seen.Look(a.Key, &a.Value)
		c.Attrs.put(w.b, a.Key, &a.Value)
	}
	c.Attrs.endRow(w.b, SignalTraces)
	w.promote(sp.TraceState)
	w.events(sp)
	w.links(sp)
}

// times writes the span's times, and into attrs_int what they can't hold.
func (w *spanWriter) times(start, end uint64) (flags uint8) {
	at, duration := int64(start), int64(end-start)
	clamp := func(attr string, original uint64) {
		flags |= flagClamped
		w.c.Attrs.putInt(attr, int64(original))
	}
	switch {
	case start == 0:
		flags |= flagNoStart
		at = w.clock.now
		duration = int64(end - uint64(at))
	case !w.clock.holds(start):
		clamp(envelope.AttrOTLPStart, start)
		at = w.clock.now
		if end != 0 {
			clamp(envelope.AttrOTLPEnd, end)
		}
		if duration < 0 || duration > int64(w.clock.high-w.clock.low) {
			duration = 0
		}
	}
	switch {
	case end == 0:
		flags |= flagNoEnd
		duration = 0
	case flags&flagClamped == 0 && !w.clock.holds(end):
		clamp(envelope.AttrOTLPEnd, end)
		duration = 0
	}
	if flags&flagClamped != 0 {
		w.b.drop(reasonClamped, SignalTraces, 1)
	}
	w.c.At.Append(at)
	w.c.Duration.Append(duration)
	w.c.Bucket.Append(bucketOf(at, spanBucket))
	return flags
}

// number writes a number of an enumeration up to last, and any other into attrs_int.
func (w *spanWriter) number(c *column.Num[int8], v, last int32, attr string, flag uint8) uint8 {
	if v < 0 || v > last {
		w.c.Attrs.putInt(attr, int64(v))
		c.Append(0)
		return flag
	}
	c.Append(int8(v))
	return 0
}

// promote writes the columns that are copies of attributes.
func (w *spanWriter) promote(state string) {
	c, p := w.c, &w.seen
	c.Session.Append(p.Session)
	c.Method.Append(p.Method)
	c.Route.Append(p.Route)
	status := uint16(0)
	if p.Status > 0 && p.Status <= math.MaxUint16 {
		status = uint16(p.Status)
	}
	c.HTTPStatus.Append(status)
	c.DB.Append(p.DB)
	c.RPC.Append(p.RPC)
	c.MsgSystem.Append(p.MsgSystem)
	c.MsgDest.Append(p.MsgDest)
	c.Peer.Append(p.Peer)
	if p.Weight == 0 {
		p.Weight = 1
		if state != "" {
			p.Weight = promoted.Weight(state)
		}
	}
	c.Weight.Append(float32(p.Weight))
}

func (w *spanWriter) events(sp *otlpitem.Span) {
	c := &w.c.Events
	var fp [16]byte
	version := uint8(0)
	for i := range sp.Events {
		ev := &sp.Events[i]
		c.ts.Append(int64(ev.At))
		c.name.Append(ev.Name)
		c.dropped.Append(ev.Dropped)
		x := exception{named: ev.Name == exceptionEvent}
		others := w.b.canon[:0]
		for j := range sp.Room[ev.From:ev.To] {
			a := &sp.Room[ev.From+j]
			x.look(a.Key, &a.Value)
			others = c.attrs.put(w.b, others, a.Key, &a.Value)
		}
		c.attrs.end(w.b, others)
		w.b.canon = others
		if x.is() {
			fp, version = w.exception(&x, ev.At, i)
		}
	}
	c.endRow()
	w.c.ErrorFP.Append(fp[:])
	w.c.ErrorFPV.Append(version)
}

// exception writes the error row of a span's event.
func (w *spanWriter) exception(x *exception, ts uint64, index int) ([16]byte, uint8) {
	row := w.c.At.Rows() - 1
	at := w.c.At.Data[row]
	if ts != 0 && w.clock.holds(ts) {
		at = int64(ts)
	}
	x.at, x.index, x.source, x.level = at, index, sourceSpanEvent, levelError
	x.trace, x.span = w.item.TraceID, w.item.SpanID
	x.event = envelope.SpanEventID(w.res.tenant, x.trace, x.span, w.c.At.Data[row], w.c.Duration.Data[row])
	x.session, x.weight = w.seen.Session, w.c.Weight.Data[row]
	if x.user == (promoted.User{}) {
		x.user = w.seen.User
	}
	x.kept = true
	return w.b.addError(&w.res, x)
}

func (w *spanWriter) links(sp *otlpitem.Span) {
	c := &w.c.Links
	for i := range sp.Links {
		l := &sp.Links[i]
		c.traceID.Append(l.TraceID[:])
		c.spanID.Append(spanNumber(l.SpanID))
		c.traceState.Append(l.TraceState)
		c.flags.Append(l.Flags)
		c.dropped.Append(l.Dropped)
		others := w.b.canon[:0]
		for j := range sp.Room[l.From:l.To] {
			a := &sp.Room[l.From+j]
			others = c.attrs.put(w.b, others, a.Key, &a.Value)
		}
		c.attrs.end(w.b, others)
		w.b.canon = others
	}
	c.endRow()
}
