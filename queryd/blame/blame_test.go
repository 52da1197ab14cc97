package blame_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/blame"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

var ctx = context.Background()

func open(t *testing.T) (clickhouse.Store, *blame.Reader) {
	t.Helper()
	s := enginetest.Open(t)
	r := runner.New(s, runner.DefaultLimits())
	return s, blame.New(history.New(r), query.New(r, "test"))
}

func sha(c string) string { return strings.Repeat(c, 40) }

func commitRow(c string, at time.Time, message, files string) querytest.Row {
	return querytest.Row{
		"kind": "Commit", "id": "github:github.com:acme/shop:" + sha(c), "name": message, "first_seen": at, "last_seen": at, "version": uint64(1),
		"props": map[string]string{"repo": "acme/shop", "sha": sha(c), "author": "ada", "branch": "main", "files": files},
	}
}

func deployRow(id, c string, at time.Time) querytest.Row {
	return querytest.Row{
		"provider": "github", "host": "github.com", "repo": "acme/shop", "deployment_id": id, "service_name": "shop", "environment": "production",
		"commit_sha": sha(c), "status": "success", "created_at": at, "started_at": at, "finished_at": at.Add(time.Minute), "updated_at": at.Add(time.Minute), "version": uint64(1),
	}
}

// shop has four commits in a row; the second and the fourth were deployed.
func shop(t *testing.T, s clickhouse.Store, at time.Time) {
	t.Helper()
	querytest.Insert(t, s, "graph_nodes_v1",
		commitRow("1", at, "Begin", "src/begin.js"), commitRow("2", at.Add(time.Hour), "Go on", "src/on.js"),
		commitRow("3", at.Add(2*time.Hour), "Rework the cart", "src/cart/cart.js\nsrc/cart/total.js"), commitRow("4", at.Add(3*time.Hour), "Explain", "README.md"))
	querytest.Insert(t, s, "deploys_v1", deployRow("70", "2", at.Add(90*time.Minute)), deployRow("71", "4", at.Add(4*time.Hour)))
	run := func(id, c string, at time.Time, status string) querytest.Row {
		return querytest.BuildRow("run", id, querytest.RunID(id), at).With(querytest.Row{"commit_sha": sha(c), "status": status})
	}
	querytest.Insert(t, s, "metrics_build_v1", run("2", "2", at.Add(time.Hour), "success"), run("4", "4", at.Add(3*time.Hour), "failure"))
}

func TestAnErrorIsBlamedOnACommitBetweenTwoDeployments(t *testing.T) {
	s, r := open(t)
	at := time.Now().UTC().Add(-10 * time.Hour).Truncate(time.Millisecond)
	shop(t, s, at)
	fp := querytest.ID16("fp")
	known := querytest.Row{"commit_sha": sha("4"), "build_run_id": querytest.RunID("4"), "correlation_basis": "digest"}
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, querytest.ID16("t"), 1, "shop", at.Add(5*time.Hour)).With(known))

	rep, err := r.Error(ctx, querytest.Caller, querytest.Print(fp), "shop", "production")
	require.NoError(t, err)
	require.Equal(t, []string{"error", querytest.Print(fp), "shop", "production"}, []string{rep.Subject.Kind, rep.Subject.ID, rep.Subject.Service, rep.Subject.Environment})
	require.Equal(t, querytest.RunID("4"), rep.FirstBuild.ID)
	require.Equal(t, "digest", rep.Basis)
	require.Equal(t, "deployment", rep.Window.Kind)
	require.Equal(t, []string{sha("2"), sha("4")}, []string{rep.Window.Good.CommitSHA, rep.Window.Bad.CommitSHA})
	require.Equal(t, 2, rep.Window.Commits)
	require.True(t, rep.Window.Complete)
	require.Len(t, rep.Suspects, 2)
	require.Equal(t, sha("3"), rep.Suspects[0].Commit.SHA, "it changed cart.js, where the error is")
	require.Equal(t, "frame_file", rep.Suspects[0].Reasons[0].Kind)
	require.Equal(t, []string{"src/cart/cart.js"}, rep.Suspects[0].Reasons[0].Files)
	require.Equal(t, "high", rep.Suspects[0].Confidence)
	require.NotEmpty(t, rep.BuildRuns)
}

func TestWithoutDeploymentsTheLastGreenBuildIsTheOtherEnd(t *testing.T) {
	s, r := open(t)
	at := time.Now().UTC().Add(-10 * time.Hour).Truncate(time.Millisecond)
	shop(t, s, at)
	fp := querytest.ID16("fp")
	known := querytest.Row{"commit_sha": sha("4"), "build_run_id": querytest.RunID("4"), "correlation_basis": "version", "environment": "preview"}
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, querytest.ID16("t"), 1, "shop", at.Add(5*time.Hour)).With(known))
	rep, err := r.Error(ctx, querytest.Caller, querytest.Print(fp), "shop", "preview")
	require.NoError(t, err)
	require.Equal(t, "build", rep.Window.Kind)
	require.Equal(t, []string{querytest.RunID("2"), querytest.RunID("4")}, []string{rep.Window.Good.ID, rep.Window.Bad.ID})
	require.Equal(t, sha("3"), rep.Suspects[0].Commit.SHA)
}

func TestAnErrorOfNoKnownBuildBlamesNobody(t *testing.T) {
	s, r := open(t)
	fp := querytest.ID16("fp")
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, querytest.ID16("t"), 1, "shop", time.Now().UTC().Add(-time.Hour)))
	_, err := r.Error(ctx, querytest.Caller, querytest.Print(fp), "", "")
	var problem *runner.Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, runner.NotFound, problem.Kind)
	_, err = r.Error(ctx, querytest.Caller, "nonsense", "", "")
	require.ErrorAs(t, err, &problem)
	require.Equal(t, runner.Invalid, problem.Kind)
}

func TestABrokenBuildIsBlamedByTheTestsThatBeganToFail(t *testing.T) {
	s, r := open(t)
	at := time.Now().UTC().Add(-10 * time.Hour).Truncate(time.Millisecond)
	shop(t, s, at)
	test := func(run, name, status, file string) querytest.Row {
		return querytest.BuildRow("test_case", run, name, at.Add(3*time.Hour)).With(querytest.Row{
			"status": status, "attrs": map[string]string{"summit.test.id": name, "summit.test.suite": "cart", "code.file.path": file}, "message": "",
		})
	}
	querytest.Insert(t, s, "metrics_build_v1",
		test("2", "totals", "success", "src/cart/total.test.js"), test("2", "always red", "failure", "src/on.test.js"),
		test("4", "totals", "failure", "src/cart/total.test.js"), test("4", "always red", "failure", "src/on.test.js"))
	rep, err := r.Build(ctx, querytest.Caller, querytest.RunID("4"))
	require.NoError(t, err)
	require.Equal(t, "build", rep.Window.Kind)
	require.Len(t, rep.Tests, 1)
	require.Equal(t, "totals", rep.Tests[0].Name)
	require.Equal(t, sha("3"), rep.Suspects[0].Commit.SHA)
	require.Equal(t, "test_file", rep.Suspects[0].Reasons[0].Kind)
}
