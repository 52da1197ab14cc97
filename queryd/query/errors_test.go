package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

func TestErrorGroupsOfTheLastHour(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	a, b := querytest.ID16("a"), querytest.ID16("b")
	trace := querytest.ID16("trace")
	newest := querytest.Row{
		"commit_sha": "c2", "build_run_id": "run2", "deployment_id": "dep2", "correlation_basis": "revision", "service_version": "2", "user_hash": "u2",
	}
	querytest.Insert(t, s, "events_error_v1",
		querytest.Exception(a, trace, 1, "shop", now.Add(-50*time.Hour)).With(querytest.Row{"commit_sha": "c1", "build_run_id": "run1", "service_version": "1"}),
		querytest.Exception(a, trace, 1, "shop", now.Add(-40*time.Minute)).With(querytest.Row{"user_hash": "u1"}),
		querytest.Exception(a, trace, 2, "shop", now.Add(-5*time.Minute)).With(newest),
		querytest.Exception(a, trace, 3, "shop", now.Add(-4*time.Minute)).With(newest),
		querytest.Exception(b, trace, 4, "pay", now.Add(-30*time.Minute)).With(querytest.Row{"environment": "staging"}),
	)
	page, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: lastHour()})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	it := page.Items[0]
	require.Equal(t, querytest.Print(a), it.Fingerprint)
	require.Equal(t, "TypeError", it.Type)
	require.Equal(t, "TypeError: x is undefined", it.Title)
	require.Equal(t, "pay in cart.js", it.Culprit)
	require.Equal(t, []uint64{3, 2}, []uint64{it.Events, it.Users})
	require.WithinDuration(t, now.Add(-50*time.Hour), *it.FirstSeen, time.Microsecond)
	require.WithinDuration(t, now.Add(-4*time.Minute), *it.LastSeen, time.Microsecond)
	require.Equal(t, []string{"c1", "run1", "c2", "run2"}, []string{it.FirstCommit, it.FirstBuild, it.LastCommit, it.LastBuild})
	require.ElementsMatch(t, []string{"1", "1.4.0", "2"}, it.Versions)
	require.Equal(t, querytest.Hex(trace), it.SampleTraceID)
	require.Equal(t, query.Correlation{CommitSHA: "c2", BuildRunID: "run2", DeploymentID: "dep2", Basis: "revision"}, it.Correlation)
	require.Len(t, it.Trend, 30)
	var sum uint64
	for i, p := range it.Trend {
		sum += p.Events
		if i > 0 {
			require.Equal(t, 2*time.Minute, p.Time.Sub(it.Trend[i-1].Time))
		}
	}
	require.Equal(t, it.Events, sum)

	for _, tc := range []struct {
		name  string
		query query.ErrorQuery
		want  string
	}{
		{name: "service", query: query.ErrorQuery{Service: "pay"}, want: b},
		{name: "environment", query: query.ErrorQuery{Environment: "staging"}, want: b},
		{name: "build", query: query.ErrorQuery{BuildRunID: "run2"}, want: a},
		{name: "commit", query: query.ErrorQuery{CommitSHA: "c2"}, want: a},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.query.Window = lastHour()
			page, err := svc.Errors(ctx, caller, tc.query)
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			require.Equal(t, querytest.Print(tc.want), page.Items[0].Fingerprint)
		})
	}
}

func TestLongRangesAreCountedFromRollups(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	fp := querytest.ID16("fp")
	var rows []querytest.Row
	for i := range 40 {
		rows = append(rows, querytest.Exception(fp, "", 0, "shop", now.Add(-time.Duration(i)*time.Hour)).With(querytest.Row{"trace_id": querytest.ID16("t")}))
	}
	querytest.Insert(t, s, "events_error_v1", rows...)
	w := query.Window{From: now.Add(-48 * time.Hour), To: now.Add(time.Second)}
	page, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: w})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, uint64(40), page.Items[0].Events)
	var sum uint64
	for _, p := range page.Items[0].Trend {
		sum += p.Events
	}
	require.Equal(t, uint64(40), sum)
	require.LessOrEqual(t, len(page.Items[0].Trend), 31)
}

func TestErrorPagesHoldEveryGroupOnce(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	var rows []querytest.Row
	want := map[string]int{}
	for i := range 11 {
		fp := querytest.ID16(fmt.Sprint(i / 2))
		service := fmt.Sprint("service", i%2)
		rows = append(rows, querytest.Exception(fp, querytest.ID16("t"), 1, service, now.Add(-time.Minute))) // one time for all
		want[querytest.Print(fp)+service]++
	}
	querytest.Insert(t, s, "events_error_v1", rows...)
	for _, w := range []query.Window{lastHour(), {From: now.Add(-72 * time.Hour), To: now}} {
		w.Limit = 4
		got := map[string]int{}
		for pages := 0; ; pages++ {
			require.Less(t, pages, 4)
			page, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: w})
			require.NoError(t, err)
			for _, it := range page.Items {
				got[it.Fingerprint+it.Service]++
			}
			if page.Next == nil {
				break
			}
			w.Cursor = *page.Next
		}
		require.Equal(t, want, got)
	}
}

func TestErrorGroupHasItsEventsAndBuilds(t *testing.T) {
	s, svc := open(t)
	now := time.Now().UTC()
	fp, trace := querytest.ID16("fp"), querytest.ID16("trace")
	old := querytest.Exception(fp, trace, 1, "shop", now.Add(-3*time.Hour))
	rows := []querytest.Row{
		old, old.With(nil), // a resend
		querytest.Exception(fp, trace, 2, "pay", now.Add(-2*time.Hour)).With(querytest.Row{"build_run_id": "run2", "commit_sha": "c2", "handled": "unknown"}),
	}
	for i := range 30 {
		rows = append(rows, querytest.Exception(fp, trace, 3, "shop", now.Add(-4*time.Hour-time.Duration(i)*time.Second)).
			With(querytest.Row{"build_run_id": "run1", "commit_sha": "c1"}))
	}
	querytest.Insert(t, s, "events_error_v1", rows...)
	g, err := svc.Error(ctx, caller, querytest.Print(fp), query.ErrorQuery{})
	require.NoError(t, err)
	require.Equal(t, "pay", g.Service, "the newest event's")
	require.Equal(t, uint64(33), g.Events)
	require.Equal(t, []query.BuildCount{{BuildRunID: "run1", CommitSHA: "c1", Events: 30}, {BuildRunID: "run2", CommitSHA: "c2", Events: 1}}, g.Builds)
	require.Len(t, g.Occurrences, 20)
	require.Nil(t, g.Occurrences[0].Handled)
	require.Equal(t, "0000000000000002", g.Occurrences[0].SpanID)
	require.False(t, *g.Occurrences[1].Handled)
	require.NotEqual(t, g.Occurrences[1].EventID, g.Occurrences[2].EventID, "a resend is shown once")
	require.Equal(t, []query.Frame{{Module: "cart", Function: "pay", File: "cart.js", Line: 12, Col: 3, InApp: true}}, g.Occurrences[0].Frames)

	g, err = svc.Error(ctx, caller, querytest.Print(fp), query.ErrorQuery{Service: "shop"})
	require.NoError(t, err)
	require.Equal(t, "shop", g.Service)
	require.Equal(t, uint64(32), g.Events)

	g, err = svc.Error(ctx, caller, querytest.Print(fp), query.ErrorQuery{Window: lastHour()})
	require.NoError(t, err, "a group that lives but is quiet in the range is still known")
	require.Zero(t, g.Events)
	require.Empty(t, g.Occurrences)
	require.NotNil(t, g.LastSeen)

	_, err = svc.Error(ctx, caller, querytest.Print(querytest.ID16("nobody")), query.ErrorQuery{})
	wantProblem(t, err, runner.NotFound, "")
	_, err = svc.Error(ctx, caller, "v2:00", query.ErrorQuery{})
	wantProblem(t, err, runner.Invalid, "fingerprint")
}

// The views of a group are committed a moment after its events: what is shown meanwhile comes from the events.
func TestErrorGroupWhoseViewsAreBehind(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
	fp := querytest.ID16("fp")
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, querytest.ID16("t"), 1, "shop", at).With(querytest.Row{
		"exception_type": "ValueError", "exception_message": "no such order", "culprit": "orders.find", "commit_sha": "abc", "build_run_id": "run1",
	}))
	whole, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: lastHour()})
	require.NoError(t, err)
	require.Equal(t, "ValueError: no such order", whole.Items[0].Title)
	require.NoError(t, s.Conn().Exec(ctx, "TRUNCATE TABLE error_groups_v1"))
	behind, err := svc.Errors(ctx, caller, query.ErrorQuery{Window: lastHour()})
	require.NoError(t, err)
	require.Len(t, behind.Items, 1)
	got := behind.Items[0]
	require.Equal(t, []string{"ValueError: no such order", "orders.find", "abc", "run1"}, []string{got.Title, got.Culprit, got.FirstCommit, got.LastBuild})
	require.Equal(t, at, got.LastSeen.UTC())
}
