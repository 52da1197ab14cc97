package query

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// rawErrorWindow is the longest time range that is counted from the events themselves, exactly; longer ones are counted
// from hourly rollups, whole hours at both ends.
const rawErrorWindow = 24 * time.Hour

// trendBuckets is how many points a trend has at most.
const trendBuckets = 30

// ErrorQuery asks for error groups with an event in the window.
type ErrorQuery struct {
	Window
	Service, Environment, BuildRunID, CommitSHA string
}

// TrendPoint is the number of events from Time on, up to the next point.
type TrendPoint struct {
	Time   time.Time `json:"time"`
	Events uint64    `json:"events"`
}

// ErrorItem is a group of errors with one fingerprint in one service and environment. Events, users and trend are those
// of the time range; first and last and the versions are those of the group's whole life.
type ErrorItem struct {
	Fingerprint   string       `json:"fingerprint"`
	Type          string       `json:"type"`
	Title         string       `json:"title"`
	Culprit       string       `json:"culprit"`
	Service       string       `json:"service"`
	Environment   string       `json:"environment"`
	Events        uint64       `json:"events"`
	Users         uint64       `json:"users"`
	FirstSeen     *time.Time   `json:"first_seen"`
	LastSeen      *time.Time   `json:"last_seen"`
	FirstCommit   string       `json:"first_commit"`
	FirstBuild    string       `json:"first_build"`
	LastCommit    string       `json:"last_commit"`
	LastBuild     string       `json:"last_build"`
	Versions      []string     `json:"versions" nullable:"false"`
	Trend         []TrendPoint `json:"trend" nullable:"false" doc:"Equal-width buckets over the time range"`
	SampleTraceID string       `json:"sample_trace_id"`
	Correlation   Correlation  `json:"correlation" doc:"Of the newest event"`
}

// groupKey names an item.
type groupKey struct{ fp, service, environment string }

// errorSource is a table that errors can be counted from.
type errorSource struct {
	table         *sb.Table
	at, at64      sb.Expr
	events, users sb.Expr
	from, to      time.Time
	width         time.Duration
	unit          int64 // nanoseconds in a unit of at64
	conds         []sb.Expr
	scope         sb.Scope
}

func (s *Service) errorSource(c access.Caller, q ErrorQuery) errorSource {
	src := errorSource{
		table: sb.Errors, at: sb.Col("timestamp"), events: sb.Fn("count"),
		users: sb.Fn("uniqIf", sb.Col("user_hash"), sb.Ne(sb.Col("user_hash"), sb.Empty())),
		from:  q.From, to: q.To, unit: 1,
	}
	src.at64 = sb.Fn("toUnixTimestamp64Nano", sb.Col("timestamp"))
	if q.To.Sub(q.From) > rawErrorWindow {
		src.table, src.at = sb.ErrorHours, sb.Col("hour")
		src.events = sb.Fn("sum", sb.Col("events"))
		src.users = sb.Param("uniqCombined64Merge", 12, sb.Col("users"))
		src.at64 = sb.Fn("toInt64", sb.Fn("toUnixTimestamp", sb.Col("hour")))
		src.from, src.unit = q.From.Truncate(time.Hour), int64(time.Second)
	}
	src.width = max(src.to.Sub(src.from)/trendBuckets, time.Nanosecond)
	if src.unit > 1 {
		hours := max((src.to.Sub(src.from)+time.Hour-1)/time.Hour, 1)
		src.width = time.Hour * ((hours + trendBuckets - 1) / trendBuckets)
	}
	src.scope = c.Scope(src.from, src.to)
	for _, f := range []struct{ column, value string }{
		{"service_name", q.Service}, {"environment", q.Environment}, {"build_run_id", q.BuildRunID}, {"commit_sha", q.CommitSHA},
	} {
		if f.value != "" {
			src.conds = append(src.conds, sb.Eq(sb.Col(f.column), sb.Val(f.value)))
		}
	}
	return src
}

// Errors lists the groups with events in the window, the one with the newest event first.
func (s *Service) Errors(ctx context.Context, c access.Caller, q ErrorQuery) (Page[ErrorItem], error) {
	page := Page[ErrorItem]{Items: []ErrorItem{}}
	at, err := q.resume("errors", 3)
	if err != nil {
		return page, err
	}
	src := s.errorSource(c, q)
	items, newest, err := s.groupsIn(ctx, src, q.Limit+1, at)
	if err != nil {
		return page, err
	}
	if len(items) > q.Limit {
		items = items[:q.Limit]
		last := items[q.Limit-1]
		page.Next = q.next(newest[q.Limit-1], hexOf(last.Fingerprint), last.Service, last.Environment)
	}
	if err := s.describe(ctx, c, src, items); err != nil {
		return page, err
	}
	page.Items = append(page.Items, items...)
	return page, nil
}

func hexOf(fingerprint string) string {
	_, hex, _ := strings.Cut(fingerprint, ":")
	return hex
}

func (s *Service) groupsIn(ctx context.Context, src errorSource, limit int, at *cursor) ([]ErrorItem, []int64, error) {
	newest := sb.Fn("max", src.at64)
	sel := sb.Select(src.scope, src.table, sb.HexID(sb.Col("error_fp"), 32).As("fp"), sb.Fn("toString", sb.Col("service_name")).As("service"),
		sb.Fn("toString", sb.Col("environment")).As("env"), sb.Fn("max", sb.Col("error_fp_version")), src.events, src.users, newest.As("newest")).
		Where(src.conds...).GroupBy(sb.Ref("fp"), sb.Ref("service"), sb.Ref("env")).
		OrderBy(sb.Desc(sb.Ref("newest")), sb.Desc(sb.Ref("fp")), sb.Desc(sb.Ref("service")), sb.Desc(sb.Ref("env"))).Limit(limit)
	if at != nil {
		sel.Having(sb.Lt(sb.Fn("tuple", sb.Ref("newest"), sb.Ref("fp"), sb.Ref("service"), sb.Ref("env")),
			sb.Fn("tuple", sb.Val(at.At), sb.Val(at.Keys[0]), sb.Val(at.Keys[1]), sb.Val(at.Keys[2]))))
	}
	var items []ErrorItem
	var times []int64
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var it ErrorItem
		var version uint8
		var hex string
		var newest int64
		err := r.Scan(&hex, &it.Service, &it.Environment, &version, &it.Events, &it.Users, &newest)
		it.Fingerprint = versioned(version, hex)
		items, times = append(items, it), append(times, newest)
		return err
	})
	return items, times, err
}

func versioned(version uint8, hex string) string {
	raw, _ := parseID16(hex)
	return fingerprint(version, string(raw[:]))
}

// describe fills in what the counting query doesn't know: the groups' lives, their newest events, their trends.
func (s *Service) describe(ctx context.Context, c access.Caller, src errorSource, items []ErrorItem) error {
	if len(items) == 0 {
		return nil
	}
	byKey := make(map[groupKey]*ErrorItem, len(items))
	var fps []sb.ID16
	for i := range items {
		it := &items[i]
		byKey[groupKey{hexOf(it.Fingerprint), it.Service, it.Environment}] = it
		raw, _ := parseID16(hexOf(it.Fingerprint))
		fps = append(fps, raw)
		it.Versions = []string{}
		it.Trend = src.emptyTrend()
	}
	first, last := s.anyTime()
	if err := s.lives(ctx, c.Scope(first, last), fps, byKey); err != nil {
		return err
	}
	if err := s.newestEvents(ctx, c.Scope(src.from, src.to), src.conds, fps, byKey); err != nil {
		return err
	}
	return s.trends(ctx, src, fps, byKey)
}

func keyColumns() []sb.Expr {
	return []sb.Expr{
		sb.HexID(sb.Col("error_fp"), 32).As("fp"), sb.Fn("toString", sb.Col("service_name")).As("service"),
		sb.Fn("toString", sb.Col("environment")).As("env"),
	}
}

func keyRefs() []sb.Expr { return []sb.Expr{sb.Ref("fp"), sb.Ref("service"), sb.Ref("env")} }

func (s *Service) lives(ctx context.Context, scope sb.Scope, fps []sb.ID16, byKey map[groupKey]*ErrorItem) error {
	sel := sb.Select(scope, sb.ErrorGroups, keyColumns()...).Columns(
		sb.Fn("min", sb.Col("first_seen")), sb.Fn("max", sb.Col("last_seen")),
		sb.Fn("argMinMerge", sb.Col("first_commit")), sb.Fn("argMinMerge", sb.Col("first_build")),
		sb.Fn("argMaxMerge", sb.Col("last_commit")), sb.Fn("argMaxMerge", sb.Col("last_build")),
		sb.Fn("argMaxMerge", sb.Col("sample_trace")), sb.Fn("anyLast", sb.Col("title")), sb.Fn("anyLast", sb.Col("culprit")),
		sb.Fn("groupUniqArrayArray", sb.Col("versions"))).
		Where(sb.In(sb.Col("error_fp"), fps)).GroupBy(keyRefs()...)
	return s.Each(ctx, sel, func(r driver.Rows) error {
		var k groupKey
		var first, last time.Time
		var trace string
		var it ErrorItem
		if err := r.Scan(&k.fp, &k.service, &k.environment, &first, &last, &it.FirstCommit, &it.FirstBuild, &it.LastCommit, &it.LastBuild,
			&trace, &it.Title, &it.Culprit, &it.Versions); err != nil {
			return err
		}
		dst := byKey[k]
		if dst == nil { // the same fingerprint elsewhere
			return nil
		}
		dst.FirstSeen, dst.LastSeen = known(first), known(last)
		dst.FirstCommit, dst.FirstBuild, dst.LastCommit, dst.LastBuild = it.FirstCommit, it.FirstBuild, it.LastCommit, it.LastBuild
		dst.SampleTraceID, dst.Title, dst.Culprit = traceID(trace), strings.TrimSuffix(it.Title, ": "), it.Culprit
		dst.Versions = nonEmpty(it.Versions)
		return nil
	})
}

func nonEmpty(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func newestOf(column string) sb.Expr { return sb.Fn("argMax", sb.Col(column), sb.Col("timestamp")) }

func (s *Service) newestEvents(ctx context.Context, scope sb.Scope, conds []sb.Expr, fps []sb.ID16, byKey map[groupKey]*ErrorItem) error {
	sel := sb.Select(scope, sb.Errors, keyColumns()...).Columns(
		newestOf("exception_type"), newestOf("commit_sha"), newestOf("build_run_id"), newestOf("deployment_id"),
		sb.Fn("toString", newestOf("correlation_basis")), newestOf("trace_id"), newestOf("exception_message"), newestOf("culprit"),
		sb.Fn("min", sb.Col("timestamp")), sb.Fn("max", sb.Col("timestamp"))).
		Where(sb.In(sb.Col("error_fp"), fps)).Where(conds...).GroupBy(keyRefs()...)
	return s.Each(ctx, sel, func(r driver.Rows) error {
		var k groupKey
		var typ, trace, message, culprit string
		var first, last time.Time
		var cor Correlation
		if err := r.Scan(&k.fp, &k.service, &k.environment, &typ, &cor.CommitSHA, &cor.BuildRunID, &cor.DeploymentID, &cor.Basis, &trace,
			&message, &culprit, &first, &last); err != nil {
			return err
		}
		if dst := byKey[k]; dst != nil {
			dst.Type, dst.Correlation = typ, cor
			if dst.LastSeen == nil { // the views follow the events by a moment
				dst.Title, dst.Culprit, dst.FirstSeen, dst.LastSeen = strings.TrimSuffix(typ+": "+message, ": "), culprit, known(first), known(last)
				dst.FirstCommit, dst.FirstBuild, dst.LastCommit, dst.LastBuild = cor.CommitSHA, cor.BuildRunID, cor.CommitSHA, cor.BuildRunID
			}
			if id := traceID(trace); id != "" {
				dst.SampleTraceID = id
			}
		}
		return nil
	})
}

func (src errorSource) emptyTrend() []TrendPoint {
	points := make([]TrendPoint, 0, trendBuckets+1)
	for at := src.from; at.Before(src.to) && len(points) < trendBuckets+1; at = at.Add(src.width) {
		points = append(points, TrendPoint{Time: at.UTC()})
	}
	return points
}

func (s *Service) trends(ctx context.Context, src errorSource, fps []sb.ID16, byKey map[groupKey]*ErrorItem) error {
	bucket := sb.Fn("intDiv", sb.Minus(src.at64, sb.Val(src.from.UnixNano()/src.unit)), sb.Val(int64(src.width)/src.unit))
	sel := sb.Select(src.scope, src.table, keyColumns()...).Columns(sb.Fn("toInt64", bucket).As("bucket"), src.events).
		Where(sb.In(sb.Col("error_fp"), fps)).Where(src.conds...).GroupBy(append(keyRefs(), sb.Ref("bucket"))...)
	return s.Each(ctx, sel, func(r driver.Rows) error {
		var k groupKey
		var bucket int64
		var events uint64
		if err := r.Scan(&k.fp, &k.service, &k.environment, &bucket, &events); err != nil {
			return err
		}
		if dst := byKey[k]; dst != nil && len(dst.Trend) > 0 {
			dst.Trend[min(max(bucket, 0), int64(len(dst.Trend)-1))].Events += events
		}
		return nil
	})
}
