package impact_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/impact"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

var (
	ctx = context.Background()
	now = time.Now().UTC().Truncate(time.Millisecond)
	win = history.Window{From: now.Add(-24 * time.Hour), To: now.Add(time.Minute)}
	sha = strings.Repeat("a", 40)
	run = querytest.RunID("7")
)

func open(t *testing.T) (clickhouse.Store, *impact.Reader) {
	t.Helper()
	s := enginetest.Open(t)
	r := runner.New(s, runner.DefaultLimits())
	return s, impact.New(history.New(r), query.New(r, "test"))
}

// shipped is a commit that was built, deployed, and made a service fail more than before.
func shipped(t *testing.T, s clickhouse.Store) {
	t.Helper()
	at := now.Add(-2 * time.Hour)
	querytest.Insert(t, s, "metrics_build_v1",
		querytest.BuildRow("run", "7", run, at).With(querytest.Row{"commit_sha": sha}),
		querytest.BuildRow("artifact", "7", "sha256:cafe", at).With(querytest.Row{"commit_sha": sha, "digest": "sha256:cafe", "name": "shop"}),
		querytest.BuildRow("artifact", "8", "sha256:beef", at).With(querytest.Row{"commit_sha": strings.Repeat("b", 40), "digest": "sha256:beef", "name": "shop"}))
	querytest.Insert(t, s, "deploys_v1", querytest.Row{
		"provider": "github", "host": "github.com", "repo": "acme/shop", "deployment_id": "70", "service_name": "shop", "environment": "production",
		"commit_sha": sha, "build_run_id": run, "status": "success", "correlation_basis": "digest", "created_at": at, "finished_at": at.Add(time.Minute), "updated_at": at.Add(time.Minute), "version": uint64(1),
	})
	mine := querytest.Row{"commit_sha": sha, "build_run_id": run, "correlation_basis": "digest"}
	bad := mine.With(querytest.Row{"status": "error"})
	querytest.Insert(t, s, "events_trace_v1",
		querytest.Span(querytest.ID16("before"), 1, 0, "shop", "pay", at.Add(-5*time.Minute), time.Second),
		querytest.Span(querytest.ID16("a"), 2, 0, "shop", "pay", at.Add(10*time.Minute), 2*time.Second).With(mine),
		querytest.Span(querytest.ID16("b"), 3, 0, "shop", "pay", at.Add(11*time.Minute), time.Second).With(bad))
	querytest.Insert(t, s, "events_error_v1",
		querytest.Exception(querytest.ID16("new"), querytest.ID16("b"), 3, "shop", at.Add(11*time.Minute)).With(mine),
		querytest.Exception(querytest.ID16("old"), querytest.ID16("before"), 1, "shop", at.Add(-5*time.Minute)).With(querytest.Row{"commit_sha": "0ld"}),
		querytest.Exception(querytest.ID16("old"), querytest.ID16("b"), 3, "shop", at.Add(12*time.Minute)).With(mine))
}

func TestACommitIsFollowedToWhatItsServicesFelt(t *testing.T) {
	s, r := open(t)
	shipped(t, s)
	byCommit, err := r.Commit(ctx, querytest.Caller, sha, "", win)
	require.NoError(t, err)
	byBuild, err := r.Build(ctx, querytest.Caller, run, win)
	require.NoError(t, err)
	for _, rep := range []impact.Report{byCommit, byBuild} {
		require.Len(t, rep.Builds, 1)
		require.Equal(t, run, rep.Builds[0].ID)
		require.Equal(t, []impact.Artifact{{Digest: "sha256:cafe", Name: "shop"}}, rep.Artifacts)
		require.Len(t, rep.Deployments, 1)
		require.Equal(t, []string{"github:github.com:acme/shop:70", "success", "digest"}, []string{rep.Deployments[0].ID, rep.Deployments[0].Status, rep.Deployments[0].Basis})
		require.Len(t, rep.Services, 1)
		service := rep.Services[0]
		require.Equal(t, []uint64{2, 1}, []uint64{service.Spans, service.Errors})
		require.Equal(t, 0.5, *service.ErrorRate)
		require.Zero(t, *service.BeforeErrorRate)
		require.Greater(t, *service.P95NS, int64(time.Second))
		require.Equal(t, "/traces?environment=production&service=shop", service.Href)
		here := map[string]bool{}
		for _, e := range rep.Errors {
			here[e.Fingerprint] = e.FirstSeenHere
		}
		require.Equal(t, map[string]bool{querytest.Print(querytest.ID16("new")): true, querytest.Print(querytest.ID16("old")): false}, here)
		require.Equal(t, []string{querytest.Hex(querytest.ID16("b")), querytest.Hex(querytest.ID16("a"))}, []string{rep.Traces[0].TraceID, rep.Traces[1].TraceID})
		require.False(t, rep.Partial)
	}
}

func TestWhatNobodyKnowsHasNoImpact(t *testing.T) {
	_, r := open(t)
	var problem *runner.Problem
	_, err := r.Commit(ctx, querytest.Caller, strings.Repeat("e", 40), "", win)
	require.ErrorAs(t, err, &problem)
	require.Equal(t, runner.NotFound, problem.Kind)
	_, err = r.Commit(ctx, querytest.Caller, "main", "", win)
	require.ErrorAs(t, err, &problem)
	require.Equal(t, []any{runner.Invalid, "commit"}, []any{problem.Kind, problem.Field})
	_, err = r.Build(ctx, querytest.Caller, run, win)
	require.ErrorAs(t, err, &problem)
	require.Equal(t, runner.NotFound, problem.Kind)
}
