package reader

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/envelope"
)

// Bits of events_trace_v1.time_flags besides those of logs.
const (
	flagKind   = 8
	flagStatus = 16
)

const spanSelect = `span_name, toUnixTimestamp64Nano(timestamp), duration_ns, time_flags, toString(trace_id), span_id, parent_span_id,
	toInt8(kind), toInt8(status), status_message, trace_state, flags, dropped_attributes, dropped_events, dropped_links,
	arrayMap(t -> toUnixTimestamp64Nano(t), events.ts), events.name, arrayMap(m -> mapKeys(m), events.attrs),
	arrayMap(m -> mapValues(m), events.attrs), events.attrs_any, events.dropped,
	arrayMap(t -> toString(t), links.trace_id), links.span_id, links.trace_state, links.flags, arrayMap(m -> mapKeys(m), links.attrs),
	arrayMap(m -> mapValues(m), links.attrs), links.attrs_any, links.dropped`

// spanRow is a row of events_trace_v1.
type spanRow struct {
	origin origin
	scope  scopeRow
	attrs  attrs

	name, trace, message, state string
	at, duration                int64
	timeFlags                   uint8
	id, parent                  uint64
	kind, status                int8
	flags                       uint32
	dropAttrs                   uint32
	dropEvents, dropLinks       uint32
	events                      elements
	eventAt                     []int64
	eventName                   []string
	links                       elements
	linkTrace, linkState        []string
	linkID                      []uint64
	linkFlags                   []uint32
}

// elements are the attributes of events or links.
type elements struct {
	keys, values [][]string
	others       []string
	dropped      []uint32
}

func (r *spanRow) scan(rows driver.Rows) error {
	var basis int8
	dest := append(append(r.origin.dest(&basis), r.scope.dest()...), r.attrs.dest()...)
	dest = append(dest, &r.name, &r.at, &r.duration, &r.timeFlags, &r.trace, &r.id, &r.parent, &r.kind, &r.status, &r.message, &r.state,
		&r.flags, &r.dropAttrs, &r.dropEvents, &r.dropLinks,
		&r.eventAt, &r.eventName, &r.events.keys, &r.events.values, &r.events.others, &r.events.dropped,
		&r.linkTrace, &r.linkID, &r.linkState, &r.linkFlags, &r.links.keys, &r.links.values, &r.links.others, &r.links.dropped)
	err := rows.Scan(dest...)
	r.origin.correlation.Basis = envelope.Basis(basis)
	return err
}

// Spans reads the scope's spans, each resource's in the order of their times.
func Spans(ctx context.Context, conn driver.Conn, s Scope) (ptrace.Traces, error) {
	return spans(ctx, conn, s, "")
}

// Trace reads the scope's spans of one trace.
func Trace(ctx context.Context, conn driver.Conn, s Scope, id pcommon.TraceID) (ptrace.Traces, error) {
	return spans(ctx, conn, s, " AND trace_id = unhex({trace:String})", clickhouse.Named("trace", id.String()))
}

func spans(ctx context.Context, conn driver.Conn, s Scope, condition string, args ...any) (ptrace.Traces, error) {
	var list []spanRow
	fps := map[uint64]bool{}
	err := s.each(ctx, conn, "spans", "SELECT "+originColumns+", "+scopeColumns+", "+attrColumns+", "+spanSelect+
		" FROM events_trace_v1 WHERE "+inTime(maxBucket)+condition+
		" ORDER BY resource_fp, commit_sha, build_run_id, deployment_id, correlation_basis, scope_name, scope_version, scope_extra, timestamp, span_id",
		func(rows driver.Rows) error {
			var r spanRow
			err := r.scan(rows)
			fps[r.origin.fp] = true
			list = append(list, r)
			return err
		}, args...)
	if err != nil {
		return ptrace.Traces{}, err
	}
	resources, err := s.resources(ctx, conn, fps)
	if err != nil {
		return ptrace.Traces{}, err
	}
	return assembleSpans(list, resources)
}

// assembleSpans puts rows that are sorted by origin and scope under their resources.
func assembleSpans(list []spanRow, resources map[uint64]*resource) (ptrace.Traces, error) {
	td := ptrace.NewTraces()
	var rs ptrace.ResourceSpans
	var ss ptrace.ScopeSpans
	for i := range list {
		r := &list[i]
		newOrigin := i == 0 || r.origin != list[i-1].origin
		if newOrigin {
			rs = td.ResourceSpans().AppendEmpty()
			res := resources[r.origin.fp]
			rs.SetSchemaUrl(res.schemaURL)
			if err := res.into(rs.Resource(), r.origin.correlation); err != nil {
				return td, err
			}
		}
		if newOrigin || r.scope != list[i-1].scope {
			ss = rs.ScopeSpans().AppendEmpty()
			url, err := r.scope.into(ss.Scope())
			if err != nil {
				return td, err
			}
			ss.SetSchemaUrl(url)
		}
		if err := r.fill(ss.Spans().AppendEmpty()); err != nil {
			return td, fmt.Errorf("span %016x of trace %x: %w", r.id, r.trace, err)
		}
	}
	return td, nil
}

func (r *spanRow) fill(sp ptrace.Span) error {
	sp.SetTraceID(traceID(r.trace))
	sp.SetSpanID(spanID(r.id))
	sp.SetParentSpanID(spanID(r.parent))
	sp.SetName(r.name)
	sp.TraceState().FromRaw(r.state)
	sp.SetFlags(r.flags)
	sp.SetDroppedAttributesCount(r.dropAttrs)
	sp.SetDroppedEventsCount(r.dropEvents)
	sp.SetDroppedLinksCount(r.dropLinks)
	sp.Status().SetMessage(r.message)
	if err := r.originals(sp); err != nil {
		return err
	}
	if err := r.attrs.into(sp.Attributes()); err != nil {
		return err
	}
	for i := range r.eventAt {
		ev := sp.Events().AppendEmpty()
		ev.SetTimestamp(pcommon.Timestamp(r.eventAt[i]))
		ev.SetName(r.eventName[i])
		ev.SetDroppedAttributesCount(r.events.dropped[i])
		if err := r.events.fill(i, ev.Attributes()); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	for i := range r.linkID {
		l := sp.Links().AppendEmpty()
		l.SetTraceID(traceID(r.linkTrace[i]))
		l.SetSpanID(spanID(r.linkID[i]))
		l.TraceState().FromRaw(r.linkState[i])
		l.SetFlags(r.linkFlags[i])
		l.SetDroppedAttributesCount(r.links.dropped[i])
		if err := r.links.fill(i, l.Attributes()); err != nil {
			return fmt.Errorf("link %d: %w", i, err)
		}
	}
	return nil
}

// originals gives times, kind and status as they were sent, also where a column couldn't hold them: then they are the first
// of the integer attributes, in this order.
func (r *spanRow) originals(sp ptrace.Span) error {
	start, end := r.at, r.at+r.duration
	if r.timeFlags&flagNoStart != 0 {
		start = 0
	}
	if r.timeFlags&flagNoEnd != 0 {
		end = 0
	}
	kind, status := int64(r.kind), int64(r.status)
	ended := r.timeFlags&flagNoEnd == 0
	for _, o := range []struct {
		promised bool
		key      string
		to       *int64
	}{
		{r.timeFlags&flagClamped != 0 && r.attrs.firstInt(envelope.AttrOTLPStart), envelope.AttrOTLPStart, &start},
		{r.timeFlags&flagClamped != 0 && ended, envelope.AttrOTLPEnd, &end},
		{r.timeFlags&flagKind != 0, envelope.AttrOTLPKind, &kind},
		{r.timeFlags&flagStatus != 0, envelope.AttrOTLPStatus, &status},
	} {
		if !o.promised {
			continue
		}
		v, err := r.attrs.takeInt(o.key)
		if err != nil {
			return err
		}
		*o.to = v
	}
	sp.SetStartTimestamp(pcommon.Timestamp(start))
	sp.SetEndTimestamp(pcommon.Timestamp(end))
	sp.SetKind(ptrace.SpanKind(kind))
	sp.Status().SetCode(ptrace.StatusCode(status))
	return nil
}

// fill puts the attributes of one element into an empty map.
func (e *elements) fill(i int, m pcommon.Map) error {
	var mb xpdata.MapBuilder
	for j, k := range e.keys[i] {
		mb.AppendEmpty(k).SetStr(e.values[i][j])
	}
	err := anyvalue.DecodePairs([]byte(e.others[i]), &mb)
	mb.UnsafeIntoMap(m)
	return err
}

func traceID(raw string) (id pcommon.TraceID) {
	copy(id[:], raw)
	return id
}
