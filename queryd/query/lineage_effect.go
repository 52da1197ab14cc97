package query

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// effect counts what came of a build, or of the subject itself.
type effect struct {
	items, failed uint64
	newest        string
	at            time.Time
	basis         uint8
}

var basisByRank = [...]string{"none", "digest", "revision", "version", "time"}

// name is the weakest evidence among the counted rows: one guess among them makes the number a guess.
func (e effect) name() string { return basisByRank[min(int(e.basis), len(basisByRank)-1)] }

// conditions selects the rows that belong to the chain in a table of events; ok is false when nothing ties them to it.
func (ch *chain) conditions() (conds []sb.Expr, ok bool) {
	switch {
	case ch.fp != nil:
		conds = append(conds, sb.Eq(sb.Col("error_fp"), sb.Val(sb.ID16(*ch.fp))))
		if ch.askedService != "" {
			conds = append(conds, sb.Eq(sb.Col("service_name"), sb.Val(ch.askedService)))
		}
		if ch.askedEnvironment != "" {
			conds = append(conds, sb.Eq(sb.Col("environment"), sb.Val(ch.askedEnvironment)))
		}
		return conds, true
	case ch.trace != nil:
		return []sb.Expr{sb.Eq(sb.Col("trace_id"), sb.Val(sb.ID16(*ch.trace)))}, true
	case ch.kind == "deployment":
		return []sb.Expr{sb.Eq(sb.Col("deployment_id"), sb.Val(ch.deployment.id))}, true
	case ch.kind == "commit":
		return []sb.Expr{sb.Eq(sb.Col("commit_sha"), sb.Val(ch.commit.id))}, true
	case ch.build.id != "":
		return []sb.Expr{sb.Eq(sb.Col("build_run_id"), sb.Val(ch.build.id))}, true
	}
	return nil, false
}

func (s *Service) effects(ctx context.Context, scope sb.Scope, table *sb.Table, item, newest, failed sb.Expr, conds []sb.Expr) (effect, error) {
	var e effect
	var raw string
	sel := sb.Select(scope, table, sb.Fn("uniqExact", item), sb.Fn("countIf", failed), sb.Fn("argMax", newest, sb.Col("timestamp")),
		sb.Fn("max", sb.Col("timestamp")), sb.Fn("max", sb.Fn("toInt64", sb.Col("correlation_basis")))).Where(conds...)
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var basis int64
		err := r.Scan(&e.items, &e.failed, &raw, &e.at, &basis)
		e.basis = uint8(basis)
		return err
	})
	e.newest = traceID(raw)
	return e, err
}

func (ch *chain) scope(c access.Caller) sb.Scope { return c.Scope(ch.from, ch.to) }

// origin is the link of what the chain's events are counted by.
func (ch *chain) origin() string {
	switch {
	case ch.fp != nil, ch.trace != nil:
		return "none"
	case ch.kind == "deployment", ch.kind == "commit":
		return "none"
	}
	return ch.build.basis
}

func (s *Service) tracesHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "traces", State: "unknown", Evidence: ch.why}
	conds, ok := ch.conditions()
	if !ok {
		return h, nil
	}
	table, failed := sb.Spans, sb.Eq(sb.Col("status"), sb.Val("error"))
	scope := ch.scope(c)
	switch {
	case ch.fp != nil:
		table, failed = sb.Errors, sb.Int(1)
		conds = append(conds, sb.Ne(sb.Col("trace_id"), sb.Val(sb.ID16{})))
	case ch.trace != nil:
		scope = c.Scope(ch.since.Add(-24*time.Hour), ch.since.Add(24*time.Hour))
	}
	e, err := s.effects(ctx, scope, table, sb.Col("trace_id"), sb.Col("trace_id"), failed, conds)
	if err != nil {
		return h, err
	}
	if e.items == 0 {
		h.State, h.Evidence = "none", "No trace of this has been received in the time range."
		return h, nil
	}
	h.known(link{e.newest, weakest(ch.origin(), e.name()), effectWords(ch, "traces", e)})
	h.Count, h.At, h.Status = e.items, known(e.at), "ok"
	h.Title, h.Href = plural(e.items, "trace"), "/traces/"+e.newest
	if e.failed > 0 {
		h.Status = "failed"
		h.Detail = plural(e.failed, "failed span")
		if ch.fp != nil {
			h.Detail = plural(e.failed, "error event")
		}
	}
	if ch.fp != nil || ch.trace != nil {
		h.Basis = "none"
	} else if e.items > 1 {
		h.Href = "/traces?" + ch.filter()
	}
	return h, nil
}

// filter is the query of a list page that shows what the hop counts.
func (ch *chain) filter() string {
	v := url.Values{}
	switch ch.kind {
	case "deployment":
		v.Set("deployment_id", ch.deployment.id)
	case "commit":
		v.Set("commit_sha", ch.commit.id)
	default:
		v.Set("build_run_id", ch.build.id)
	}
	return v.Encode()
}

func effectWords(ch *chain, what string, e effect) string {
	if ch.fp != nil {
		return "The error's events name these " + what + "."
	}
	if ch.trace != nil {
		return "They belong to this trace."
	}
	switch e.name() {
	case "time":
		return "They carry the id of this build; for some of them only the time fits, which is a guess."
	case "none":
		return "They carry the id of this build."
	}
	return "They carry the id of this build, found by the " + e.name() + " that the process reported."
}

func (s *Service) errorsHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "errors", State: "unknown", Evidence: ch.why}
	conds, ok := ch.conditions()
	if !ok {
		return h, nil
	}
	scope := ch.scope(c)
	if ch.trace != nil {
		scope = c.Scope(ch.since.Add(-24*time.Hour), ch.since.Add(24*time.Hour))
	}
	e, err := s.effects(ctx, scope, sb.Errors, sb.Col("event_id"), sb.Col("error_fp"), sb.Int(1), conds)
	if err != nil {
		return h, err
	}
	if e.items == 0 {
		h.State, h.Evidence = "none", "No error of this has been received in the time range."
		if ch.fp != nil {
			h.known(link{ch.print, "none", "This is the error that was asked for; it has no event in the time range."})
			h.Title, h.Href = "no events in the time range", "/errors/"+ch.print
		}
		return h, nil
	}
	print := "v1:" + e.newest
	words := effectWords(ch, "errors", e)
	if ch.fp != nil {
		words = "This is the error that was asked for."
	}
	h.known(link{print, weakest(ch.origin(), e.name()), words})
	h.Title, h.Count, h.At, h.Status, h.Href = plural(e.items, "error event"), e.items, known(e.at), "failed", "/errors/"+print
	if ch.fp != nil || ch.trace != nil {
		h.Basis = "none"
	}
	return h, nil
}

func (s *Service) sessionsHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "sessions", State: "unknown", Evidence: ch.why}
	conds, ok := ch.conditions()
	if !ok {
		return h, nil
	}
	table, scope := sb.Spans, ch.scope(c)
	if ch.fp != nil {
		table = sb.Errors
	}
	if ch.trace != nil {
		scope = c.Scope(ch.since.Add(-24*time.Hour), ch.since.Add(24*time.Hour))
	}
	var n uint64
	var newest string
	sel := sb.Select(scope, table, sb.Fn("uniqExact", sb.Col("session_id")), sb.Fn("argMax", sb.Col("session_id"), sb.Col("timestamp"))).
		Where(conds...).Where(sb.Ne(sb.Col("session_id"), sb.Empty()))
	if err := s.Each(ctx, sel, func(r driver.Rows) error { return r.Scan(&n, &newest) }); err != nil {
		return h, err
	}
	if n == 0 {
		h.State, h.Evidence = "none", "Nothing here carries the id of a user session."
		return h, nil
	}
	h.known(link{newest, ch.origin(), "The events carry the ids of these user sessions."})
	h.Title, h.Count = plural(n, "session"), n
	return h, nil
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
