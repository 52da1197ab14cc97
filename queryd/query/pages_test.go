package query_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
)

// draws is how often a property of pages is tried: each try inserts rows and asks for several pages.
const draws = "8"

// sep parts the fields of a key; it sorts before what they hold, as the end of a field does.
const sep = "\x00"

// placed is an item of a list as the model of the order knows it.
type placed struct {
	at  int64
	key string
}

func newestFirst(items []placed) []string {
	slices.SortFunc(items, func(a, b placed) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.key, a.key)) })
	keys := []string{}
	for _, it := range items {
		keys = append(keys, it.key)
	}
	return keys
}

// walk asks for page after page. Every page but the last is full, and the last one has no next.
func walk[T any](t require.TestingT, w query.Window, ask func(w query.Window) (query.Page[T], error), key func(T) string) []string {
	keys := []string{}
	for pages := 0; ; pages++ {
		require.Less(t, pages, 60, "pages without an end: %v", keys)
		page, err := ask(w)
		require.NoError(t, err)
		for _, it := range page.Items {
			keys = append(keys, key(it))
		}
		if page.Next == nil {
			require.LessOrEqual(t, len(page.Items), w.Limit)
			return keys
		}
		require.Len(t, page.Items, w.Limit)
		w.Cursor = *page.Next
	}
}

// checkPages runs a property on a store in which each try has a tenant of its own.
func checkPages(t *testing.T, try func(t *rapid.T, caller access.Caller)) {
	t.Helper()
	const name = "rapid.checks"
	before := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, draws))
	defer func() { require.NoError(t, flag.Set(name, before)) }()
	rapid.Check(t, func(rt *rapid.T) { try(rt, access.Caller{Tenant: tenant.ID(uuid.New()), Rows: sqlbuild.AllRows()}) })
}

func of(c access.Caller, rows []querytest.Row) []querytest.Row {
	for i := range rows {
		rows[i] = rows[i].With(querytest.Row{"tenant_id": uuid.UUID(c.Tenant)})
	}
	return rows
}

// Walking a list of runs gives each run once, the newest first, whatever times they share and however long a page is.
func TestPagesOfBuildsWithEqualTimes(t *testing.T) {
	s, svc := open(t)
	base := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	checkPages(t, func(rt *rapid.T, c access.Caller) {
		var rows []querytest.Row
		var want []placed
		for i := range rapid.IntRange(1, 25).Draw(rt, "runs") {
			at := base.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "at")) * time.Millisecond)
			row := querytest.BuildRow("run", fmt.Sprint(i), querytest.RunID(fmt.Sprint(i)), at)
			if rapid.Bool().Draw(rt, "unknown creation") {
				row["created_at"], row["started_at"], row["updated_at"] = time.Unix(0, 0), time.Unix(0, 0), at
			}
			rows = append(rows, row)
			want = append(want, placed{at.UnixMilli(), querytest.RunID(fmt.Sprint(i))})
		}
		querytest.Insert(t, s, "metrics_build_v1", of(c, rows)...)
		w := query.Window{From: base, To: base.Add(time.Second), Limit: rapid.IntRange(1, 7).Draw(rt, "limit")}
		got := walk(rt, w, func(w query.Window) (query.Page[query.BuildRun], error) {
			return svc.Builds(ctx, c, query.BuildQuery{Window: w})
		}, func(b query.BuildRun) string { return b.ID })
		require.Equal(rt, newestFirst(want), got)
	})
}

// The same for groups of errors, counted from events in a short range and from hours in a long one.
func TestPagesOfErrorsWithEqualTimes(t *testing.T) {
	s, svc := open(t)
	base := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	checkPages(t, func(rt *rapid.T, c access.Caller) {
		var rows []querytest.Row
		newest, newestHour := map[string]int64{}, map[string]int64{}
		for i := range rapid.IntRange(1, 30).Draw(rt, "events") {
			fp := querytest.ID16(fmt.Sprint("e", rapid.IntRange(0, 5).Draw(rt, "fp")))
			service, environment := rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "service"), rapid.SampledFrom([]string{"", "x"}).Draw(rt, "environment")
			at := base.Add(time.Duration(rapid.IntRange(0, 2).Draw(rt, "at")) * 30 * time.Minute)
			rows = append(rows, querytest.Exception(fp, querytest.ID16(fmt.Sprint(i)), 1, service, at).With(querytest.Row{"environment": environment}))
			key := querytest.Hex(fp) + sep + service + sep + environment
			newest[key] = max(newest[key], at.UnixNano())
			newestHour[key] = max(newestHour[key], at.Truncate(time.Hour).Unix())
		}
		querytest.Insert(t, s, "events_error_v1", of(c, rows)...)
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		for _, tc := range []struct {
			name  string
			from  time.Time
			times map[string]int64
		}{{"events", base, newest}, {"hours", base.Add(-48 * time.Hour), newestHour}} {
			var want []placed
			for _, key := range slices.Sorted(maps.Keys(tc.times)) {
				want = append(want, placed{tc.times[key], key})
			}
			w := query.Window{From: tc.from, To: base.Add(2 * time.Hour), Limit: limit}
			got := walk(rt, w, func(w query.Window) (query.Page[query.ErrorItem], error) {
				return svc.Errors(ctx, c, query.ErrorQuery{Window: w})
			}, func(e query.ErrorItem) string {
				return e.Fingerprint[len("v1:"):] + sep + e.Service + sep + e.Environment
			})
			require.Equal(rt, newestFirst(want), got, tc.name)
		}
	})
}

// The same for traces, whose place is that of their newest span that matches; spans lie in slices that a search reads one by one.
func TestPagesOfTracesWithEqualTimes(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	// Both sides of the first slice's end, which is 5 minutes before the range's, are times that spans share.
	ages := []time.Duration{
		time.Nanosecond, time.Minute, 5*time.Minute - 1, 5 * time.Minute, 5*time.Minute + 1, 30 * time.Minute, 30*time.Minute + 1, 2 * time.Hour, 3 * time.Hour,
	}
	checkPages(t, func(rt *rapid.T, c access.Caller) {
		var rows []querytest.Row
		newest := map[string]int64{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "spans") {
			id := querytest.ID16(fmt.Sprint("t", rapid.IntRange(0, 11).Draw(rt, "trace")))
			at := now.Add(-rapid.SampledFrom(ages).Draw(rt, "age"))
			service := rapid.SampledFrom([]string{"shop", "shop", "other"}).Draw(rt, "service")
			rows = append(rows, querytest.Span(id, uint64(i+1), 0, service, "x", at, 0))
			if service == "shop" {
				newest[querytest.Hex(id)] = max(newest[querytest.Hex(id)], at.UnixNano())
			}
		}
		querytest.Insert(t, s, "events_trace_v1", of(c, rows)...)
		var want []placed
		for id, at := range newest {
			want = append(want, placed{at, id})
		}
		w := query.Window{From: now.Add(-4 * time.Hour), To: now, Limit: rapid.IntRange(1, 6).Draw(rt, "limit")}
		got := walk(rt, w, func(w query.Window) (query.Page[query.TraceItem], error) {
			return svc.SearchTraces(ctx, c, query.TraceQuery{Window: w, Service: "shop"})
		}, func(it query.TraceItem) string { return it.TraceID })
		require.Equal(rt, newestFirst(want), got)
	})
}

// A row that comes while someone turns pages moves nothing that is still to come.
func TestNewRowsLeaveTheFollowingPagesAsTheyWere(t *testing.T) {
	s, svc := open(t)
	base := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	run := func(id string, at time.Time) querytest.Row {
		return querytest.BuildRow("run", id, querytest.RunID(id), at)
	}
	querytest.Insert(t, s, "metrics_build_v1", run("1", base.Add(1*time.Minute)), run("2", base.Add(2*time.Minute)), run("3", base.Add(3*time.Minute)))
	q := query.BuildQuery{Window: query.Window{From: base, To: base.Add(time.Hour), Limit: 2}}
	first, err := svc.Builds(ctx, caller, q)
	require.NoError(t, err)
	require.NotNil(t, first.Next)
	querytest.Insert(t, s, "metrics_build_v1", run("4", base.Add(4*time.Minute)), run("0", base.Add(150*time.Second)))
	q.Cursor = *first.Next
	second, err := svc.Builds(ctx, caller, q)
	require.NoError(t, err)
	require.Len(t, second.Items, 1)
	require.Equal(t, querytest.RunID("1"), second.Items[0].ID)
	require.Nil(t, second.Next)
}
