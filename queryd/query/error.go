package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// occurrences is how many of the newest events of a group are shown.
const occurrences = 20

// ErrorGroup is a group with its newest events and the builds it was seen on.
type ErrorGroup struct {
	ErrorItem
	Occurrences []Occurrence `json:"occurrences" nullable:"false" doc:"The newest events, at most 20"`
	Builds      []BuildCount `json:"builds" nullable:"false"`
}

// Occurrence is one error event.
type Occurrence struct {
	EventID        string      `json:"event_id"`
	Timestamp      time.Time   `json:"timestamp"`
	Type           string      `json:"type"`
	Message        string      `json:"message"`
	Service        string      `json:"service"`
	Environment    string      `json:"environment"`
	ServiceVersion string      `json:"service_version"`
	TraceID        string      `json:"trace_id"`
	SpanID         string      `json:"span_id"`
	Level          string      `json:"level"`
	Handled        *bool       `json:"handled" doc:"Null where the source doesn't tell"`
	Source         string      `json:"source" enum:"span_event,log,sentry,otlp_event,build"`
	Correlation    Correlation `json:"correlation"`
	Frames         []Frame     `json:"frames" nullable:"false"`
	RawStack       string      `json:"raw_stack"`

	resource uint64
	session  string
}

// Frame is one frame of a stack, innermost first.
type Frame struct {
	Module   string `json:"module"`
	Function string `json:"function"`
	File     string `json:"file"`
	Line     uint32 `json:"line"`
	Col      uint32 `json:"col"`
	InApp    bool   `json:"in_app"`
}

// BuildCount is how often an error was seen on a build.
type BuildCount struct {
	BuildRunID string `json:"build_run_id"`
	CommitSHA  string `json:"commit_sha"`
	Events     uint64 `json:"events"`
}

// ParseFingerprint reads "v1:" and 32 hex digits.
func ParseFingerprint(s string) (version uint8, fp [16]byte, err error) {
	hex, ok := strings.CutPrefix(s, "v1:")
	if ok {
		fp, ok = parseID16(hex)
	}
	if !ok {
		return 0, fp, runner.Wrong("fingerprint", "a fingerprint is v1: and 32 hex digits")
	}
	return 1, fp, nil
}

// Error reads one group. A zero window means the group's whole life, as far back as events are kept.
func (s *Service) Error(ctx context.Context, c access.Caller, print string, q ErrorQuery) (ErrorGroup, error) {
	var g ErrorGroup
	version, fp, err := ParseFingerprint(print)
	if err != nil {
		return g, err
	}
	if q.From.IsZero() || q.To.IsZero() {
		if q.From, q.To, err = s.life(ctx, c, fp, q); err != nil {
			return g, err
		}
	}
	if q.From.IsZero() {
		return g, runner.Missing("error", print)
	}
	src := s.errorSource(c, q)
	src.conds = append(src.conds, sb.Eq(sb.Col("error_fp"), sb.Val(sb.ID16(fp))))
	items, _, err := s.groupsIn(ctx, src, 1000, nil)
	if err != nil {
		return g, err
	}
	if len(items) == 0 {
		if items, err = s.quietGroups(ctx, c, version, fp, q); err != nil {
			return g, err
		}
	}
	if len(items) == 0 {
		return g, runner.Missing("error", print)
	}
	if err := s.describe(ctx, c, src, items); err != nil {
		return g, err
	}
	g.ErrorItem = joined(items)
	if g.Occurrences, err = s.occurrences(ctx, src.scope, src.conds, occurrences); err != nil {
		return g, err
	}
	g.Builds, err = s.buildsOfError(ctx, src)
	return g, err
}

// life finds when the group was seen first and last; zero times mean never.
func (s *Service) life(ctx context.Context, c access.Caller, fp sb.ID16, q ErrorQuery) (from, to time.Time, err error) {
	first, last := s.anyTime()
	sel := sb.Select(c.Scope(first, last), sb.ErrorGroups, sb.Fn("min", sb.Col("first_seen")), sb.Fn("max", sb.Col("last_seen"))).
		Where(groupConditions(fp, q)...).GroupBy(sb.Col("error_fp"))
	err = s.Each(ctx, sel, func(r driver.Rows) error { return r.Scan(&from, &to) })
	if from.IsZero() || err != nil {
		return time.Time{}, time.Time{}, err
	}
	return from.UTC(), to.Add(time.Nanosecond).UTC(), nil
}

func groupConditions(fp sb.ID16, q ErrorQuery) []sb.Expr {
	conds := []sb.Expr{sb.Eq(sb.Col("error_fp"), sb.Val(fp))}
	if q.Service != "" {
		conds = append(conds, sb.Eq(sb.Col("service_name"), sb.Val(q.Service)))
	}
	if q.Environment != "" {
		conds = append(conds, sb.Eq(sb.Col("environment"), sb.Val(q.Environment)))
	}
	return conds
}

// quietGroups are the group's services and environments when it lives but has no event in the window.
func (s *Service) quietGroups(ctx context.Context, c access.Caller, version uint8, fp sb.ID16, q ErrorQuery) ([]ErrorItem, error) {
	first, last := s.anyTime()
	sel := sb.Select(c.Scope(first, last), sb.ErrorGroups, keyColumns()...).Where(groupConditions(fp, q)...).GroupBy(keyRefs()...)
	var items []ErrorItem
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		it := ErrorItem{Fingerprint: fingerprint(version, string(fp[:]))}
		var hex string
		err := r.Scan(&hex, &it.Service, &it.Environment)
		items = append(items, it)
		return err
	})
	return items, err
}

// joined makes one item of a group that was seen in several services or environments: the first has the newest event and
// gives the names; counts add up. Users are those of the largest part, since one user may be in several.
func joined(items []ErrorItem) ErrorItem {
	g := items[0]
	for _, it := range items[1:] {
		g.Events += it.Events
		g.Users = max(g.Users, it.Users)
		for i := range g.Trend {
			g.Trend[i].Events += it.Trend[i].Events
		}
		if earlier(it.FirstSeen, g.FirstSeen) {
			g.FirstSeen, g.FirstCommit, g.FirstBuild = it.FirstSeen, it.FirstCommit, it.FirstBuild
		}
		if earlier(g.LastSeen, it.LastSeen) {
			g.LastSeen, g.LastCommit, g.LastBuild = it.LastSeen, it.LastCommit, it.LastBuild
		}
		g.Versions = append(g.Versions, it.Versions...)
	}
	slices.Sort(g.Versions)
	g.Versions = slices.Compact(g.Versions)
	return g
}

func earlier(a, b *time.Time) bool { return a != nil && (b == nil || a.Before(*b)) }

func (s *Service) occurrences(ctx context.Context, scope sb.Scope, conds []sb.Expr, limit int) ([]Occurrence, error) {
	sel := sb.Select(scope, sb.Errors, cols("event_id", "timestamp", "exception_type", "exception_message", "service_name", "environment",
		"service_version", "trace_id", "span_id", "level", "handled", "source", "commit_sha", "build_run_id", "deployment_id", "correlation_basis",
		"frames.module", "frames.function", "frames.file", "frames.line", "frames.col", "frames.in_app", "raw_stack", "resource_fp", "session_id")...).
		Where(conds...).OrderBy(sb.Desc(sb.Col("timestamp")), sb.Desc(sb.Col("event_id"))).OnePer(sb.Col("event_id")).Limit(limit)
	out := []Occurrence{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var o Occurrence
		var id uuid.UUID
		var trace string
		var span uint64
		var modules, functions, files []string
		var lines, columns []uint32
		var inApp []bool
		var handled string
		if err := r.Scan(&id, &o.Timestamp, &o.Type, &o.Message, &o.Service, &o.Environment, &o.ServiceVersion, &trace, &span, &o.Level, &handled,
			&o.Source, &o.Correlation.CommitSHA, &o.Correlation.BuildRunID, &o.Correlation.DeploymentID, &o.Correlation.Basis,
			&modules, &functions, &files, &lines, &columns, &inApp, &o.RawStack, &o.resource, &o.session); err != nil {
			return err
		}
		if handled != "unknown" {
			yes := handled == "handled"
			o.Handled = &yes
		}
		o.EventID, o.TraceID, o.SpanID, o.Timestamp = id.String(), traceID(trace), spanID(span), o.Timestamp.UTC()
		o.Frames = make([]Frame, len(functions))
		for i := range o.Frames {
			o.Frames[i] = Frame{
				Module: modules[i], Function: functions[i], File: files[i], Line: lines[i], Col: columns[i], InApp: inApp[i],
			}
		}
		out = append(out, o)
		return nil
	})
	return out, err
}

func (s *Service) buildsOfError(ctx context.Context, src errorSource) ([]BuildCount, error) {
	sel := sb.Select(src.scope, src.table, sb.Fn("toString", sb.Col("build_run_id")).As("build"), sb.Fn("toString", sb.Col("commit_sha")).As("commit"),
		src.events.As("n")).
		Where(src.conds...).Where(sb.Ne(sb.Col("build_run_id"), sb.Empty())).GroupBy(sb.Ref("build"), sb.Ref("commit")).
		OrderBy(sb.Desc(sb.Ref("n")), sb.Asc(sb.Ref("build"))).Limit(MaxLimit)
	out := []BuildCount{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var b BuildCount
		err := r.Scan(&b.BuildRunID, &b.CommitSHA, &b.Events)
		out = append(out, b)
		return err
	})
	return out, err
}
