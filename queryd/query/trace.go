package query

import (
	"context"
	"sort"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/otlpattr"
	"github.com/summitobs/summit/queryd/runner"
)

// Trace is a trace with all its spans.
type Trace struct {
	TraceID string    `json:"trace_id"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Spans   []Span    `json:"spans" nullable:"false"`
	Partial bool      `json:"partial" doc:"Spans were received that are not in the answer"`
}

// Span is one span as it was sent.
type Span struct {
	SpanID           string              `json:"span_id"`
	ParentSpanID     string              `json:"parent_span_id" doc:"Empty for a root"`
	Service          string              `json:"service"`
	Name             string              `json:"name"`
	Kind             string              `json:"kind" enum:"unspecified,internal,server,client,producer,consumer"`
	Start            time.Time           `json:"start"`
	DurationNS       int64               `json:"duration_ns"`
	Status           SpanStatus          `json:"status"`
	Attributes       otlpattr.Attributes `json:"attributes"`
	Resource         otlpattr.Attributes `json:"resource"`
	Scope            Scope               `json:"scope"`
	Events           []SpanEvent         `json:"events" nullable:"false"`
	Links            []SpanLink          `json:"links" nullable:"false"`
	Correlation      Correlation         `json:"correlation"`
	ErrorFingerprint string              `json:"error_fingerprint" doc:"Empty where the span has no error"`
}

// SpanStatus is how the span ended.
type SpanStatus struct {
	Code    string `json:"code" enum:"unset,ok,error"`
	Message string `json:"message"`
}

// Scope is the instrumentation that made the span.
type Scope struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// SpanEvent is something that happened in a span.
type SpanEvent struct {
	Time        time.Time           `json:"time"`
	Name        string              `json:"name"`
	Attributes  otlpattr.Attributes `json:"attributes"`
	Fingerprint string              `json:"fingerprint" doc:"Of the error group; empty where the event is no exception"`
}

// SpanLink points to another span.
type SpanLink struct {
	TraceID    string              `json:"trace_id"`
	SpanID     string              `json:"span_id"`
	Attributes otlpattr.Attributes `json:"attributes"`
}

// epochs bound a search by id alone: retention never reaches back further.
const longestRetention = 800 * 24 * time.Hour

// anyTime is the window for things asked for by their id.
func (s *Service) anyTime() (from, to time.Time) {
	now := s.now().UTC()
	return now.Add(-longestRetention), now.Add(25 * time.Hour)
}

// span as it lies in the store.
type storedSpan struct {
	Span
	id, parent, resource uint64
	fp                   string
	fpVersion            uint8
	attrs                otlpattr.Columns
	eventTimes           []time.Time
	eventNames           []string
	eventAttrs           []map[string]string
	eventOthers          []string
	linkTraces           []string
	linkSpans            []uint64
	linkAttrs            []map[string]string
	linkOthers           []string
}

// Trace reads all spans of a trace. From and to may be zero; they only narrow the search.
func (s *Service) Trace(ctx context.Context, c access.Caller, id string, from, to time.Time) (Trace, error) {
	raw, ok := parseID16(id)
	if !ok {
		return Trace{}, runner.Wrong("trace_id", "a trace id has 32 hex digits")
	}
	named := !from.IsZero() && !to.IsZero()
	if !named {
		from, to = s.anyTime()
	}
	b, err := s.traceBounds(ctx, c.Scope(from, to), []sb.ID16{raw})
	if err != nil {
		return Trace{}, err
	}
	unindexed := b.spans == 0
	if unindexed {
		b.from, b.to = s.withoutIndex(from, to, named)
	}
	spans, err := s.spansOf(ctx, c.Scope(b.from, b.to), raw)
	if err != nil {
		return Trace{}, err
	}
	if len(spans) == 0 {
		return Trace{}, runner.Missing("trace", id)
	}
	t := Trace{TraceID: id, Partial: unindexed || c.Rows.IsAll() && uint64(len(spans)) < b.spans || len(spans) > s.traceSpans}
	if len(spans) > s.traceSpans {
		spans = spans[:s.traceSpans]
	}
	resources, err := s.resources(ctx, c.Scope(b.from, b.to), spans)
	if err != nil {
		return Trace{}, err
	}
	prints, err := s.eventFingerprints(ctx, c.Scope(b.from, b.to), raw)
	if err != nil {
		return Trace{}, err
	}
	return t, t.fill(spans, resources, prints)
}

// unindexedTime is how much time is searched for a trace that the index doesn't have.
const unindexedTime = 24 * time.Hour

// withoutIndex is where a trace is looked for that isn't in the index, whose rows come into sight after the spans and may
// go before them: the end of the window that was named, else the last hour.
func (s *Service) withoutIndex(from, to time.Time, named bool) (time.Time, time.Time) {
	if !named {
		now := s.now().UTC()
		return now.Add(-time.Hour), now.Add(time.Hour)
	}
	if start := to.Add(-unindexedTime); start.After(from) {
		from = start
	}
	return from, to
}

// eventKey names an event of a span.
type eventKey struct {
	span  uint64
	index int
}

func (t *Trace) fill(spans []storedSpan, resources map[uint64]otlpattr.Attributes, prints map[eventKey]string) error {
	type identity struct {
		id         uint64
		start, dur int64
	}
	seen := make(map[identity]bool, len(spans))
	t.Spans = make([]Span, 0, len(spans))
	for i := range spans {
		sp := &spans[i]
		key := identity{sp.id, sp.Start.UnixNano(), sp.DurationNS}
		if seen[key] { // a resend: the same event id
			continue
		}
		seen[key] = true
		if err := sp.finish(resources, prints); err != nil {
			return err
		}
		end := sp.Start.Add(time.Duration(sp.DurationNS))
		if t.From.IsZero() || sp.Start.Before(t.From) {
			t.From = sp.Start
		}
		if end.After(t.To) {
			t.To = end
		}
		t.Spans = append(t.Spans, sp.Span)
	}
	return nil
}

func (sp *storedSpan) finish(resources map[uint64]otlpattr.Attributes, prints map[eventKey]string) (err error) {
	sp.SpanID, sp.ParentSpanID = spanID(sp.id), spanID(sp.parent)
	sp.Start = sp.Start.UTC()
	sp.ErrorFingerprint = fingerprint(sp.fpVersion, sp.fp)
	if sp.Attributes, err = sp.attrs.Merged(); err != nil {
		return err
	}
	if sp.Resource = resources[sp.resource]; sp.Resource == nil {
		sp.Resource = otlpattr.Attributes{}
	}
	sp.Events = make([]SpanEvent, len(sp.eventTimes))
	for i := range sp.Events {
		attrs, err := otlpattr.WithOthers(sp.eventAttrs[i], sp.eventOthers[i])
		if err != nil {
			return err
		}
		sp.Events[i] = SpanEvent{
			Time: sp.eventTimes[i].UTC(), Name: sp.eventNames[i], Attributes: attrs, Fingerprint: prints[eventKey{sp.id, i}],
		}
	}
	sp.Links = make([]SpanLink, len(sp.linkTraces))
	for i := range sp.Links {
		attrs, err := otlpattr.WithOthers(sp.linkAttrs[i], sp.linkOthers[i])
		if err != nil {
			return err
		}
		sp.Links[i] = SpanLink{TraceID: traceID(sp.linkTraces[i]), SpanID: spanID(sp.linkSpans[i]), Attributes: attrs}
	}
	return nil
}

func cols(names ...string) []sb.Expr {
	es := make([]sb.Expr, len(names))
	for i, n := range names {
		es[i] = sb.Col(n)
	}
	return es
}

func (s *Service) spansOf(ctx context.Context, scope sb.Scope, trace sb.ID16) ([]storedSpan, error) {
	sel := sb.Select(scope, sb.Spans, cols("span_id", "parent_span_id", "service_name", "span_name", "kind", "timestamp", "duration_ns",
		"status", "status_message", "scope_name", "scope_version", "commit_sha", "build_run_id", "deployment_id", "correlation_basis",
		"error_fp", "error_fp_version", "resource_fp", "attrs_str", "attrs_num", "attrs_int", "attrs_bool", "attrs_any",
		"events.ts", "events.name", "events.attrs", "events.attrs_any",
		"links.trace_id", "links.span_id", "links.attrs", "links.attrs_any")...).
		Where(sb.Eq(sb.Col("trace_id"), sb.Val(trace))).
		OrderBy(sb.Asc(sb.Col("timestamp")), sb.Asc(sb.Col("span_id"))).Limit(s.traceSpans + 1)
	var spans []storedSpan
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var sp storedSpan
		err := r.Scan(&sp.id, &sp.parent, &sp.Service, &sp.Name, &sp.Kind, &sp.Start, &sp.DurationNS,
			&sp.Status.Code, &sp.Status.Message, &sp.Scope.Name, &sp.Scope.Version,
			&sp.Correlation.CommitSHA, &sp.Correlation.BuildRunID, &sp.Correlation.DeploymentID, &sp.Correlation.Basis,
			&sp.fp, &sp.fpVersion, &sp.resource, &sp.attrs.Str, &sp.attrs.Num, &sp.attrs.Int, &sp.attrs.Bool, &sp.attrs.Any,
			&sp.eventTimes, &sp.eventNames, &sp.eventAttrs, &sp.eventOthers,
			&sp.linkTraces, &sp.linkSpans, &sp.linkAttrs, &sp.linkOthers)
		spans = append(spans, sp)
		return err
	})
	return spans, err
}

// resources reads the attributes of the spans' resources, each once.
func (s *Service) resources(ctx context.Context, scope sb.Scope, spans []storedSpan) (map[uint64]otlpattr.Attributes, error) {
	set := map[uint64]bool{}
	for i := range spans {
		set[spans[i].resource] = true
	}
	fps := make([]uint64, 0, len(set))
	for fp := range set {
		fps = append(fps, fp)
	}
	sort.Slice(fps, func(i, j int) bool { return fps[i] < fps[j] })
	out := make(map[uint64]otlpattr.Attributes, len(fps))
	sel := sb.Select(scope, sb.Resources, cols("resource_fp", "attrs_str", "attrs_num", "attrs_int", "attrs_bool", "attrs_any")...).
		Where(sb.In(sb.Col("resource_fp"), fps)).OnePer(sb.Col("resource_fp"))
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var fp uint64
		var a otlpattr.Columns
		if err := r.Scan(&fp, &a.Str, &a.Num, &a.Int, &a.Bool, &a.Any); err != nil {
			return err
		}
		m, err := a.Merged()
		out[fp] = m
		return err
	})
	return out, err
}

// eventFingerprints reads which events of the trace's spans are exceptions, and of which group.
func (s *Service) eventFingerprints(ctx context.Context, scope sb.Scope, trace sb.ID16) (map[eventKey]string, error) {
	// An exception has the time of its event, which a span may stamp outside its own bounds.
	scope = scope.Window(scope.From.Add(-time.Hour), scope.To.Add(time.Hour))
	out := map[eventKey]string{}
	sel := sb.Select(scope, sb.Errors, cols("span_id", "source_index", "error_fp", "error_fp_version")...).
		Where(sb.Eq(sb.Col("trace_id"), sb.Val(trace)), sb.Eq(sb.Col("source"), sb.Val("span_event")))
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var span uint64
		var index uint16
		var fp string
		var version uint8
		err := r.Scan(&span, &index, &fp, &version)
		out[eventKey{span, int(index)}] = fingerprint(version, fp)
		return err
	})
	return out, err
}
