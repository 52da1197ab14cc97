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

// deployRow is a row of deploys_v1.
func deployRow(id, run string, at time.Time) querytest.Row {
	return querytest.Row{
		"provider": "github", "host": "github.com", "repo": "acme/shop", "deployment_id": id, "service_name": "shop", "environment": "production",
		"service_version": "1.4.0", "commit_sha": "", "build_run_id": run, "image_digests": []string{}, "correlation_basis": "digest",
		"status": "success", "created_at": at, "started_at": at, "finished_at": at.Add(time.Minute), "updated_at": at.Add(time.Minute), "version": uint64(1),
	}
}

func commitNode(sha, message string, at time.Time, stub bool) querytest.Row {
	return querytest.Row{
		"kind": "Commit", "id": "github:github.com:acme/shop:" + sha, "name": message, "first_seen": at, "last_seen": at, "version": uint64(1),
		"props": map[string]string{"author": "Ada", "url": "https://example.test/c"}, "stub": stub,
	}
}

func TestBuildWithEverythingAboutIt(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute).Truncate(time.Millisecond)
	id := querytest.RunID("4711")
	run := querytest.BuildRow("run", "4711", id, at).With(querytest.Row{"commit_sha": "abc", "status": "running", "finished_at": time.Unix(0, 0)})
	querytest.Insert(t, s, "metrics_build_v1", run)
	querytest.Insert(t, s, "metrics_build_v1",
		run.With(querytest.Row{"status": "failure", "finished_at": at.Add(62 * time.Second), "version": uint64(2)}),
		run.With(querytest.Row{"attempt": uint16(2), "entity_id": "github:github.com:acme/shop:4711:2"}),
		querytest.BuildRow("task", "4711", "99", at).With(querytest.Row{"name": "test"}),
		querytest.BuildRow("task", "4711", "99/1", at).With(querytest.Row{"name": "checkout", "parent_id": "99"}),
		querytest.BuildRow("task", "4711", "99/2", at).With(querytest.Row{"name": "go test", "parent_id": "99", "status": "failure"}),
		querytest.BuildRow("task", "4711", "100", at.Add(time.Second)).With(querytest.Row{"name": "deploy", "status": "timeout", "flaky": true}),
		querytest.BuildRow("test_case", "4711", "t1", at), querytest.BuildRow("test_case", "4711", "t2", at).With(querytest.Row{"status": "failure", "flaky": true}),
		querytest.BuildRow("artifact", "4711", "sha256:1", at).With(querytest.Row{"digest": "sha256:1", "name": "shop"}),
		querytest.BuildRow("run", "4712", querytest.RunID("4712"), at.Add(-time.Minute)), querytest.BuildRow("task", "4712", "1", at),
	)
	shop := deployRow("github:github.com:acme/shop:5", id, at)
	// The provider's row of the whole deployment says less than the service's and is left out.
	querytest.Insert(t, s, "deploys_v1", shop, shop.With(querytest.Row{"service_name": ""}))
	querytest.Insert(t, s, "graph_nodes_v1", commitNode("abc", "Fix the cart", at, false))
	fp := querytest.ID16("fp")
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, querytest.ID16("t"), 1, "shop", at.Add(time.Minute)).With(querytest.Row{"build_run_id": id}))

	b, err := svc.Build(ctx, caller, id)
	require.NoError(t, err)
	require.Equal(t, "failure", b.Status, "the row with the highest version")
	require.Equal(t, at, *b.CreatedAt)
	require.Equal(t, at.Add(62*time.Second), *b.FinishedAt)
	require.Equal(t, []int64{2_000_000_000, 0, 60_000_000_000}, []int64{b.QueuedNS, b.ApprovalNS, b.DurationNS})
	require.Equal(t, []uint64{2, 1}, []uint64{b.BuildRun.Tasks, b.FailedTasks}, "jobs, without their steps")
	var tasks []string
	for _, task := range b.Tasks {
		tasks = append(tasks, task.Kind+" "+task.ID+" "+task.Name+" "+task.Status)
	}
	require.Equal(t, []string{"job 99 test success", "step 99/1 checkout success", "step 99/2 go test failure", "job 100 deploy timeout"}, tasks)
	require.Equal(t, query.Tests{Total: 2, Failed: 1, Flaky: 1}, b.Tests)
	require.Equal(t, []query.Artifact{{ID: "sha256:1", Name: "shop", Digest: "sha256:1", CreatedAt: &at}}, b.Artifacts)
	require.Len(t, b.Deployments, 1)
	require.Equal(t, "digest", b.Deployments[0].Basis)
	require.Equal(t, []query.BuildError{{
		Fingerprint: querytest.Print(fp), Title: "TypeError: x is undefined", Events: 1, Service: "shop", Environment: "production",
	}}, b.Errors)
	require.Equal(t, "Fix the cart", b.Commit.Message)
	require.Equal(t, "Ada", b.Commit.Author)
	require.Equal(t, []string{id, "github:github.com:acme/shop:4711:2"}, b.Attempts)
	require.Equal(t, at, *b.CreatedAt)

	page, err := svc.Builds(ctx, caller, query.BuildQuery{Window: lastHour(), Status: "failure"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, b.BuildRun, page.Items[0])
	for _, q := range []query.BuildQuery{{Repo: "x"}, {Pipeline: "x"}, {Branch: "x"}, {CommitSHA: "x"}} {
		q.Window = lastHour()
		page, err := svc.Builds(ctx, caller, q)
		require.NoError(t, err)
		require.Empty(t, page.Items)
	}
	_, err = svc.Builds(ctx, caller, query.BuildQuery{Window: lastHour(), Status: "green"})
	wantProblem(t, err, runner.Invalid, "status")
	_, err = svc.Build(ctx, caller, "github:nothing")
	wantProblem(t, err, runner.Invalid, "id")
	_, err = svc.Build(ctx, caller, querytest.RunID("1"))
	wantProblem(t, err, runner.NotFound, "")
}

func TestRunningBuildHasNoEnd(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-3 * time.Hour)
	querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", "1", querytest.RunID("1"), at).With(querytest.Row{
		"status": "running", "finished_at": time.Unix(0, 0), "updated_at": time.Now().UTC().Add(-time.Minute),
	}))
	page, err := svc.Builds(ctx, caller, query.BuildQuery{Window: lastHour()})
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "it began before the range and changed in it")
	require.Nil(t, page.Items[0].FinishedAt)
}

func TestBuildPagesHoldEveryRunOnce(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	var rows []querytest.Row
	for i := range 9 {
		id := fmt.Sprint(100 + i)
		rows = append(rows, querytest.BuildRow("run", id, querytest.RunID(id), at.Add(-time.Duration(i/4)*time.Second)))
	}
	querytest.Insert(t, s, "metrics_build_v1", rows...)
	q := query.BuildQuery{Window: lastHour()}
	q.Limit = 4
	got := map[string]int{}
	for pages := 0; ; pages++ {
		require.Less(t, pages, 4)
		page, err := svc.Builds(ctx, caller, q)
		require.NoError(t, err)
		for _, b := range page.Items {
			got[b.RunID]++
		}
		if page.Next == nil {
			break
		}
		q.Cursor = *page.Next
	}
	require.Len(t, got, 9)
	for id, n := range got {
		require.Equal(t, 1, n, id)
	}
}

// TestThingsWithoutACreationAreNotTheOldest: a sender that tells only of the end knows none.
func TestThingsWithoutACreationAreNotTheOldest(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute).Truncate(time.Millisecond)
	epoch := time.Unix(0, 0)
	ended := func(run string, at time.Time) querytest.Row {
		return querytest.BuildRow("run", run, querytest.RunID(run), at).With(querytest.Row{"created_at": epoch, "started_at": epoch, "finished_at": at, "updated_at": at})
	}
	querytest.Insert(t, s, "metrics_build_v1", ended("1", at.Add(3*time.Minute)), ended("2", at.Add(time.Minute)),
		querytest.BuildRow("run", "3", querytest.RunID("3"), at.Add(2*time.Minute)), querytest.BuildRow("run", "4", querytest.RunID("4"), at))
	var ids []string
	q := query.BuildQuery{Window: lastHour()}
	for q.Limit = 1; ; {
		page, err := svc.Builds(ctx, caller, q)
		require.NoError(t, err)
		ids = append(ids, page.Items[0].RunID)
		if page.Next == nil {
			break
		}
		q.Cursor = *page.Next
	}
	require.Equal(t, []string{"1", "3", "2", "4"}, ids)

	run := querytest.RunID("3")
	old := deployRow("a", run, at).With(querytest.Row{"created_at": epoch, "environment": "staging"})
	newer := deployRow("b", run, at.Add(5*time.Minute)).With(querytest.Row{"created_at": epoch, "environment": "production"})
	querytest.Insert(t, s, "deploys_v1", old, newer)
	l, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: "build", ID: run})
	require.NoError(t, err)
	require.Equal(t, "production", l.Hops[4].Title, "the newest deployment of the build")
	l, err = svc.Lineage(ctx, caller, query.LineageQuery{Kind: "deployment", ID: "github:github.com:acme/shop:b"})
	require.NoError(t, err)
	require.False(t, l.Partial, "it is half an hour old")
}

// TestReplacedDeploymentIsFoundAtReadTime: inactive now, it served when the trace ran.
func TestReplacedDeploymentIsFoundAtReadTime(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute)
	querytest.Insert(t, s, "deploys_v1", deployRow("5", runID, at).With(querytest.Row{
		"image_digests": []string{digest}, "status": "inactive", "attrs": map[string]string{"succeeded_at": at.Format(time.RFC3339)},
	}))
	trace := querytest.ID16("trace")
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(trace, 1, 0, "shop", "root", at.Add(10*time.Minute), time.Second).With(querytest.Row{"service_version": ""}))
	querytest.Insert(t, s, "resources_v1", querytest.Row{"resource_fp": uint64(7), "last_seen": at, "image_digest": digest})
	h := hops(t, svc, "trace", querytest.Hex(trace))
	require.Equal(t, []string{"known", deploymentID}, []string{h["deploy"].State, h["deploy"].ID})
}
