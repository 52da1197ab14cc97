package query

import (
	"context"
	"encoding/hex"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// Correlation says which commit, build and deployment something came from, and on what evidence.
type Correlation struct {
	CommitSHA    string `json:"commit_sha"`
	BuildRunID   string `json:"build_run_id"`
	DeploymentID string `json:"deployment_id"`
	Basis        string `json:"basis" enum:"none,digest,revision,version,time" doc:"The evidence; time alone is a guess"`
}

// AttrFilter asks for an attribute of the span or of its resource.
type AttrFilter struct{ Key, Value string }

// TraceQuery asks for traces that have a matching span.
type TraceQuery struct {
	Window
	Service, Name, Status, Environment  string
	CommitSHA, BuildRunID, DeploymentID string
	MinDuration, MaxDuration            int64
	Attrs                               []AttrFilter
}

// TraceItem is a trace in a list.
type TraceItem struct {
	TraceID      string      `json:"trace_id"`
	RootService  string      `json:"root_service"`
	RootName     string      `json:"root_name"`
	Start        time.Time   `json:"start"`
	DurationNS   int64       `json:"duration_ns"`
	Spans        uint64      `json:"spans"`
	Errors       uint64      `json:"errors"`
	Services     []string    `json:"services" nullable:"false"`
	MatchedSpans uint64      `json:"matched_spans"`
	Correlation  Correlation `json:"correlation"`
}

// slices of the window that a search reads, newest first: most searches are answered by the newest minutes.
var searchSlices = []time.Duration{5 * time.Minute, 25 * time.Minute, 90 * time.Minute, 6 * time.Hour, 24 * time.Hour}

// hit is a trace that has a matching span, newest is the time of the newest one.
type hit struct {
	id     [16]byte
	newest int64
}

// SearchTraces finds traces by their spans, newest match first. Ids are found on narrow columns, slice by slice; only
// the page's traces are then read whole.
func (s *Service) SearchTraces(ctx context.Context, c access.Caller, q TraceQuery) (Page[TraceItem], error) {
	page := Page[TraceItem]{Items: []TraceItem{}}
	at, err := q.resume("traces", 1)
	if err != nil {
		return page, err
	}
	conds, err := s.spanConditions(ctx, c, q)
	if err != nil {
		return page, err
	}
	hits, err := s.traceHits(ctx, c, q, conds, at)
	if err != nil {
		return page, err
	}
	if len(hits) > q.Limit {
		hits = hits[:q.Limit]
		last := hits[q.Limit-1]
		page.Next = q.next(last.newest, hex.EncodeToString(last.id[:]))
	}
	if len(hits) == 0 {
		return page, nil
	}
	page.Items, err = s.traceItems(ctx, c, q, conds, hits)
	return page, err
}

func (s *Service) traceHits(ctx context.Context, c access.Caller, q TraceQuery, conds []sb.Expr, at *cursor) ([]hit, error) {
	var hits []hit
	end := q.To
	if at != nil {
		// Spans of the cursor's own nanosecond are read again, for traces that share it.
		end = time.Unix(0, at.At+1)
	}
	for i := 0; end.After(q.From) && len(hits) <= q.Limit; i++ {
		start := q.From
		if i < len(searchSlices) && end.Add(-searchSlices[i]).After(q.From) {
			start = end.Add(-searchSlices[i])
		}
		found, err := s.sliceHits(ctx, c, q, conds, start, end, q.Limit+1-len(hits), at)
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
		end = start
	}
	return hits, nil
}

// sliceHits reads one slice until it has enough traces that no newer slice has listed, or the slice is at its end.
func (s *Service) sliceHits(ctx context.Context, c access.Caller, q TraceQuery, conds []sb.Expr, start, end time.Time, want int, at *cursor) ([]hit, error) {
	var hits []hit
	for {
		found, err := s.hitsIn(ctx, c.Scope(start, end), conds, want, at)
		full := len(found) == want
		if full {
			last := found[want-1]
			at = &cursor{At: last.newest, Keys: []string{hex.EncodeToString(last.id[:])}}
		}
		if err == nil && end.Before(q.To) {
			found, err = s.withoutNewer(ctx, c.Scope(end, q.To), conds, found)
		}
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
		if want -= len(found); want == 0 || !full {
			return hits, nil
		}
	}
}

func (s *Service) hitsIn(ctx context.Context, scope sb.Scope, conds []sb.Expr, limit int, at *cursor) ([]hit, error) {
	newest := sb.Fn("toUnixTimestamp64Nano", sb.Fn("max", sb.Col("timestamp")))
	sel := sb.Select(scope, sb.Spans, sb.Col("trace_id"), newest.As("newest"), sb.HexID(sb.Col("trace_id"), 32).As("trace")).
		Where(conds...).GroupBy(sb.Col("trace_id")).
		OrderBy(sb.Desc(sb.Ref("newest")), sb.Desc(sb.Ref("trace"))).Limit(limit)
	if at != nil {
		sel.Having(sb.Lt(sb.Fn("tuple", sb.Ref("newest"), sb.Ref("trace")), sb.Fn("tuple", sb.Val(at.At), sb.Val(at.Keys[0]))))
	}
	var hits []hit
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var raw, text string
		var h hit
		if err := r.Scan(&raw, &h.newest, &text); err != nil {
			return err
		}
		copy(h.id[:], raw)
		hits = append(hits, h)
		return nil
	})
	return hits, err
}

// withoutNewer drops the traces that have a match in a slice read before: they stand higher up in the list.
func (s *Service) withoutNewer(ctx context.Context, scope sb.Scope, conds []sb.Expr, hits []hit) ([]hit, error) {
	if len(hits) == 0 {
		return hits, nil
	}
	sel := sb.Select(scope, sb.Spans, sb.Col("trace_id")).Where(sb.In(sb.Col("trace_id"), ids(hits))).Where(conds...).GroupBy(sb.Col("trace_id"))
	newer := map[string]bool{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var id string
		err := r.Scan(&id)
		newer[id] = true
		return err
	})
	return slices.DeleteFunc(hits, func(h hit) bool { return newer[string(h.id[:])] }), err
}

func ids(hits []hit) []sb.ID16 {
	out := make([]sb.ID16, len(hits))
	for i, h := range hits {
		out[i] = h.id
	}
	return out
}

// spanConditions are the predicates of a search on one span.
func (s *Service) spanConditions(ctx context.Context, c access.Caller, q TraceQuery) ([]sb.Expr, error) {
	var conds []sb.Expr
	for _, f := range []struct{ column, value string }{
		{"service_name", q.Service}, {"span_name", q.Name}, {"environment", q.Environment}, {"status", q.Status},
		{"commit_sha", q.CommitSHA}, {"build_run_id", q.BuildRunID}, {"deployment_id", q.DeploymentID},
	} {
		if f.value != "" {
			conds = append(conds, sb.Eq(sb.Col(f.column), sb.Val(f.value)))
		}
	}
	if q.MinDuration > 0 {
		conds = append(conds, sb.Ge(sb.Col("duration_ns"), sb.Val(q.MinDuration)))
	}
	if q.MaxDuration > 0 {
		conds = append(conds, sb.Le(sb.Col("duration_ns"), sb.Val(q.MaxDuration)))
	}
	for _, a := range q.Attrs {
		resources, err := s.resourcesWith(ctx, c.Scope(q.From, q.To), a)
		if err != nil {
			return nil, err
		}
		conds = append(conds, attrCondition(a, resources))
	}
	return conds, nil
}

// resourcesWith finds the resources that hold the attribute. They are few, and asking first keeps the spans' own
// attribute filter usable when there are none.
func (s *Service) resourcesWith(ctx context.Context, scope sb.Scope, a AttrFilter) ([]uint64, error) {
	cond := sb.Fn("has", sb.Col("attr_items"), sb.Val(a.Key+"="+a.Value))
	cond = sb.Or(append([]sb.Expr{cond}, numberConditions(a)...)...)
	var fps []uint64
	err := s.Each(ctx, sb.Select(scope, sb.Resources, sb.Col("resource_fp")).Where(cond).GroupBy(sb.Col("resource_fp")).Limit(10_000),
		func(r driver.Rows) error {
			var fp uint64
			err := r.Scan(&fp)
			fps = append(fps, fp)
			return err
		})
	return fps, err
}

func attrCondition(a AttrFilter, resources []uint64) sb.Expr {
	eq := sb.Eq(sb.MapGet("attrs_str", a.Key), sb.Val(a.Value))
	if a.Value == "" { // a key that is absent reads as empty
		eq = sb.And(eq, sb.Fn("mapContains", sb.Col("attrs_str"), sb.Val(a.Key)))
	}
	any := append([]sb.Expr{eq}, numberConditions(a)...)
	if len(resources) > 0 {
		any = append(any, sb.In(sb.Col("resource_fp"), resources))
	}
	return sb.Or(any...)
}

// numberConditions read the value as the types whose text it may be.
func numberConditions(a AttrFilter) []sb.Expr {
	var es []sb.Expr
	has := func(column string) sb.Expr { return sb.Fn("mapContains", sb.Col(column), sb.Val(a.Key)) }
	if n, err := strconv.ParseInt(a.Value, 10, 64); err == nil {
		es = append(es, sb.And(has("attrs_int"), sb.Eq(sb.MapGet("attrs_int", a.Key), sb.Val(n))))
	}
	if f, err := strconv.ParseFloat(a.Value, 64); err == nil {
		es = append(es, sb.And(has("attrs_num"), sb.Eq(sb.MapGet("attrs_num", a.Key), sb.Val(f))))
	}
	if a.Value == "true" || a.Value == "false" {
		es = append(es, sb.And(has("attrs_bool"), sb.Eq(sb.MapGet("attrs_bool", a.Key), sb.Val(a.Value == "true"))))
	}
	return es
}

// once counts what a span is counted by: a resent span is one span.
func once() sb.Expr {
	return sb.Fn("tuple", sb.Col("span_id"), sb.Col("timestamp"), sb.Col("duration_ns"))
}

func endNanos() sb.Expr {
	return sb.Fn("toUnixTimestamp64Nano", sb.Fn("max", sb.Fn("addNanoseconds", sb.Col("timestamp"), sb.Col("duration_ns"))))
}

func fromRoot(column string) sb.Expr {
	return sb.Fn("argMin", sb.Col(column), sb.Fn("tuple", sb.Ne(sb.Col("parent_span_id"), sb.Int(0)), sb.Col("timestamp")))
}

func (s *Service) traceItems(ctx context.Context, c access.Caller, q TraceQuery, conds []sb.Expr, hits []hit) ([]TraceItem, error) {
	b, err := s.traceBounds(ctx, c.Scope(q.From.Add(-24*time.Hour), q.To.Add(24*time.Hour)), ids(hits))
	if err != nil {
		return nil, err
	}
	b.cover(hits)
	matched := append([]sb.Expr{sb.Ge(sb.Col("timestamp"), sb.Val(q.From)), sb.Lt(sb.Col("timestamp"), sb.Val(q.To))}, conds...)
	sel := sb.Select(c.Scope(b.from, b.to), sb.Spans,
		sb.Col("trace_id"), fromRoot("service_name"), fromRoot("span_name"),
		sb.Fn("toUnixTimestamp64Nano", sb.Fn("min", sb.Col("timestamp"))), endNanos(),
		sb.Fn("uniqExact", once()), sb.Fn("uniqExactIf", once(), sb.Eq(sb.Col("status"), sb.Val("error"))),
		sb.Param("groupUniqArray", 100, sb.Fn("toString", sb.Col("service_name"))), sb.Fn("uniqExactIf", once(), sb.And(matched...)),
		fromRoot("commit_sha"), fromRoot("build_run_id"), fromRoot("deployment_id"), sb.Fn("toString", fromRoot("correlation_basis"))).
		Where(sb.In(sb.Col("trace_id"), ids(hits))).GroupBy(sb.Col("trace_id"))
	byID := map[string]TraceItem{}
	err = s.Each(ctx, sel, func(r driver.Rows) error {
		var raw string
		var start, end int64
		var it TraceItem
		err := r.Scan(&raw, &it.RootService, &it.RootName, &start, &end, &it.Spans, &it.Errors, &it.Services, &it.MatchedSpans,
			&it.Correlation.CommitSHA, &it.Correlation.BuildRunID, &it.Correlation.DeploymentID, &it.Correlation.Basis)
		it.TraceID, it.Start, it.DurationNS = traceID(raw), time.Unix(0, start).UTC(), end-start
		sort.Strings(it.Services)
		byID[raw] = it
		return err
	})
	if err != nil {
		return nil, err
	}
	items := make([]TraceItem, 0, len(hits))
	for _, h := range hits {
		if it, ok := byID[string(h.id[:])]; ok { // else retention took it in between
			items = append(items, it)
		}
	}
	return items, nil
}

// bounds is the time that traces take, and how many spans came.
type bounds struct {
	from, to time.Time
	spans    uint64
}

// cover widens the bounds by the matches themselves: the index may not know a trace yet, its rows come into sight after the
// spans, or not any more.
func (b *bounds) cover(hits []hit) {
	for _, h := range hits {
		at := time.Unix(0, h.newest).UTC()
		if b.spans == 0 {
			*b = bounds{from: at, to: at, spans: 1}
		}
		if at.Before(b.from) {
			b.from = at
		}
		if !at.Before(b.to) {
			b.to = at.Add(time.Nanosecond)
		}
	}
}

func (s *Service) traceBounds(ctx context.Context, scope sb.Scope, traces []sb.ID16) (bounds, error) {
	var b bounds
	sel := sb.Select(scope, sb.TraceIndex, sb.Fn("min", sb.Col("min_ts")), sb.Fn("max", sb.Col("max_ts")), sb.Fn("sum", sb.Col("spans"))).
		Where(sb.In(sb.Col("trace_id"), traces))
	err := s.Each(ctx, sel, func(r driver.Rows) error { return r.Scan(&b.from, &b.to, &b.spans) })
	b.to = b.to.Add(time.Millisecond) // the index has milliseconds, and the window's end is not in it
	return b, err
}
