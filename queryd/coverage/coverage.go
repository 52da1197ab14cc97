// Package coverage tells which routes of production the tests reach: it puts the server spans of production beside those
// in traces of CI runs. It plans with internal/sqlbuild, runs with queryd/runner and is served by queryd/api.
package coverage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
)

// Bounds of one answer.
const (
	maxRoutes  = 20_000
	maxCISpans = 200_000
	maxTests   = 5
)

// attrTestCase is the attribute of a span that names the test it is of.
const attrTestCase = "test.case.name"

// production are the environments that count where none is asked for.
var production = []string{"production", "prod", "prd", "live"}

// Service compares routes and tests of one store.
type Service struct{ *history.Reader }

// New makes a service over a reader.
func New(r *history.Reader) *Service { return &Service{Reader: r} }

// Query asks about routes.
type Query struct {
	history.Window
	Service, Environment string
	// Uncovered asks for the routes without (true) or with (false) a test.
	Uncovered *bool
	Cursor    string
	Limit     int
}

// RouteList is a page of routes.
type RouteList struct {
	Items   []Route      `json:"items" nullable:"false" doc:"Most requests first"`
	Next    *string      `json:"next" doc:"Cursor of the next page; null on the last one"`
	Partial bool         `json:"partial"`
	Sampled bool         `json:"sampled"`
	Summary RouteSummary `json:"summary"`
}

// RouteSummary counts all routes of the question.
type RouteSummary struct {
	Routes          int    `json:"routes"`
	Covered         int    `json:"covered"`
	Requests        uint64 `json:"requests"`
	CoveredRequests uint64 `json:"covered_requests"`
	CITraces        int    `json:"ci_traces" doc:"Traces of CI runs with a server span"`
}

// Route is an entry of a service that production uses.
type Route struct {
	Service      string      `json:"service"`
	Route        string      `json:"route" doc:"Name of the server span, for example GET /pay"`
	Requests     uint64      `json:"requests"`
	Errors       uint64      `json:"errors"`
	ErrorRate    float64     `json:"error_rate"`
	P95NS        int64       `json:"p95_ns"`
	Covered      bool        `json:"covered"`
	Tests        []RouteTest `json:"tests" nullable:"false" doc:"At most 5"`
	CISpans      uint64      `json:"ci_spans"`
	LastTestedAt *time.Time  `json:"last_tested_at"`
}

// RouteTest is a test that reached a route.
type RouteTest struct {
	TestID  string `json:"test_id"`
	Name    string `json:"name" doc:"Empty where the spans name no test"`
	TraceID string `json:"trace_id"`
}

type routeKey struct{ service, route string }

// Routes lists the routes of production with the tests that reach them.
func (s *Service) Routes(ctx context.Context, c access.Caller, q Query) (RouteList, error) {
	list := RouteList{Items: []Route{}}
	routes, err := s.routes(ctx, c, q)
	if err != nil {
		return list, err
	}
	seen, err := s.ciSpans(ctx, c, q)
	if err != nil {
		return list, err
	}
	list.Partial, list.Summary.CITraces = len(routes) >= maxRoutes || seen.full, len(seen.traces)
	all := []Route{}
	for _, r := range routes {
		if hit := seen.routes[routeKey{r.Service, r.Route}]; hit != nil {
			r.Covered, r.Tests, r.CISpans, r.LastTestedAt = true, append(r.Tests, hit.tests...), hit.spans, history.Known(hit.last)
		}
		list.Summary.Routes++
		list.Summary.Requests += r.Requests
		if r.Covered {
			list.Summary.Covered++
			list.Summary.CoveredRequests += r.Requests
		}
		if q.Uncovered == nil || *q.Uncovered != r.Covered {
			all = append(all, r)
		}
	}
	list.Items, list.Next, err = history.Paged("route-coverage", all, q.Cursor, q.Limit)
	return list, err
}

func isServer() sb.Expr { return sb.Eq(sb.Fn("toString", sb.Col("kind")), sb.Val("server")) }

// ciTraces are the traces of CI runs.
func ciTraces(scope sb.Scope) *sb.Query {
	return sb.Select(scope, sb.Builds, sb.Col("trace_id")).Where(sb.Eq(sb.Col("entity"), sb.Val("run")), sb.Ne(sb.Col("trace_id"), sb.Val(sb.ID16{})))
}

func (s *Service) routes(ctx context.Context, c access.Caller, q Query) ([]Route, error) {
	environments := production
	if q.Environment != "" {
		environments = []string{q.Environment}
	}
	scope := c.Scope(q.From, q.To)
	sel := sb.Select(scope, sb.Spans, sb.Fn("toString", sb.Col("service_name")).As("service"), sb.Fn("toString", sb.Col("span_name")).As("route"),
		sb.Fn("count").As("requests"), sb.Fn("countIf", sb.Eq(sb.Col("status"), sb.Val("error"))), sb.Quantile(0.95, sb.Fn("toInt64", sb.Col("duration_ns")))).
		Where(isServer(), sb.In(sb.Col("environment"), environments), sb.Not(sb.InQuery(sb.Col("trace_id"), ciTraces(scope)))).
		GroupBy(sb.Ref("service"), sb.Ref("route")).OrderBy(sb.Desc(sb.Ref("requests")), sb.Asc(sb.Ref("service")), sb.Asc(sb.Ref("route"))).Limit(maxRoutes)
	if q.Service != "" {
		sel.Where(sb.Eq(sb.Col("service_name"), sb.Val(q.Service)))
	}
	var out []Route
	err := s.Each(ctx, sel, func(rows driver.Rows) error {
		r := Route{Tests: []RouteTest{}}
		err := rows.Scan(&r.Service, &r.Route, &r.Requests, &r.Errors, &r.P95NS)
		r.ErrorRate = float64(r.Errors) / float64(max(r.Requests, 1))
		out = append(out, r)
		return err
	})
	return out, err
}

// ciSpan is a span of a CI run's trace.
type ciSpan struct {
	trace          string
	parent         uint64
	service, name  string
	server         bool
	test, testCode string
	at             time.Time
}

// reached is what the CI spans say of one route.
type reached struct {
	tests []RouteTest
	spans uint64
	last  time.Time
}

// seenInCI is what tests reached.
type seenInCI struct {
	routes map[routeKey]*reached
	traces map[string]bool
	full   bool
}

type spanKey struct {
	trace string
	id    uint64
}

// ciSpans reads the traces of CI runs and hangs each server span on the test it was called from.
func (s *Service) ciSpans(ctx context.Context, c access.Caller, q Query) (*seenInCI, error) {
	scope := c.Scope(q.From, q.To)
	sel := sb.Select(scope, sb.Spans, sb.HexID(sb.Col("trace_id"), 32), sb.Col("span_id"), sb.Col("parent_span_id"), sb.Fn("toString", sb.Col("service_name")),
		sb.Fn("toString", sb.Col("span_name")), isServer(), sb.MapGet("attrs_str", attrTestCase), sb.MapGet("attrs_str", "summit.test.id"), sb.Col("timestamp")).
		Where(sb.InQuery(sb.Col("trace_id"), ciTraces(scope))).OrderBy(sb.Desc(sb.Col("timestamp"))).Limit(maxCISpans)
	spans := map[spanKey]*ciSpan{}
	var servers []*ciSpan
	err := s.Each(ctx, sel, func(rows driver.Rows) error {
		sp := new(ciSpan)
		var id uint64
		var server uint8
		if err := rows.Scan(&sp.trace, &id, &sp.parent, &sp.service, &sp.name, &server, &sp.test, &sp.testCode, &sp.at); err != nil {
			return fmt.Errorf("read a span of a CI run: %w", err)
		}
		spans[spanKey{sp.trace, id}] = sp
		if server == 1 {
			servers = append(servers, sp)
		}
		return nil
	})
	out := &seenInCI{routes: map[routeKey]*reached{}, traces: map[string]bool{}, full: len(spans) >= maxCISpans}
	for _, sp := range servers {
		out.add(sp, spans)
	}
	for _, r := range out.routes {
		slices.SortFunc(r.tests, func(a, b RouteTest) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.TraceID, b.TraceID))
		})
		r.tests = r.tests[:min(len(r.tests), maxTests)]
	}
	return out, err
}

func (o *seenInCI) add(sp *ciSpan, spans map[spanKey]*ciSpan) {
	k := routeKey{sp.service, sp.name}
	r := o.routes[k]
	if r == nil {
		r = &reached{}
		o.routes[k] = r
	}
	o.traces[sp.trace] = true
	r.spans++
	if sp.at.After(r.last) {
		r.last = sp.at.UTC()
	}
	t := RouteTest{TraceID: sp.trace}
	for up, depth := sp, 0; up != nil && depth < 100; up, depth = spans[spanKey{up.trace, up.parent}], depth+1 {
		if up.test != "" {
			t.Name, t.TestID = up.test, up.testCode
			break
		}
	}
	for i, have := range r.tests {
		if have.Name == t.Name && (t.Name != "" || have.TraceID == t.TraceID) {
			return
		}
		if have.Name == "" && have.TraceID == t.TraceID { // a name says more
			r.tests[i] = t
			return
		}
	}
	r.tests = append(r.tests, t)
}
