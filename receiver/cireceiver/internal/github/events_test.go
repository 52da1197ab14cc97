package github

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// examples reads the payloads of an event.
func examples(t testing.TB, event string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "github", event+".json"))
	require.NoError(t, err)
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &list))
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

func date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func parseGitHub(event string, body []byte) ([]build.Event, *wire.Problem) {
	parsed, p := Provider{}.Parse(wire.Head{Event: event, Payload: body}, time.Time{})
	return parsed.Events, p
}

func parse(t *testing.T, event string, i int) []build.Event {
	t.Helper()
	events, prob := parseGitHub(event, []byte(examples(t, event)[i]))
	require.Nil(t, prob)
	return events
}

func TestWorkflowRunValues(t *testing.T) {
	run := parse(t, "workflow_run", 1)[0].(*build.Run)
	trace := build.TraceKey{Provider: "github", Host: "github.com", RepoID: run.Attrs[build.KeyRepoID], RunID: "289782451", Attempt: 1}
	require.Equal(t, &build.Run{
		RunKey: build.RunKey{Provider: "github", Host: "github.com", Repo: "octo-org/octo-repo", RunID: "289782451", Attempt: 1},
		State: build.State{
			Pipeline: "test", Name: "ci(action): update actions/setup-node digest to 8c91899", Branch: "master",
			CommitSHA: "3484a3fb816e0859fd6e1cea078d76385ff50625", Trigger: "repository_dispatch", ActorHash: run.ActorHash,
			CreatedAt: date("2020-10-05T16:33:24Z"), StartedAt: date("2020-10-05T16:33:49Z"), FinishedAt: date("2020-10-05T16:33:49Z"),
			UpdatedAt: date("2020-10-05T16:33:49Z"), Queued: 25e9, Status: build.StatusSuccess, URL: "https://github.com/octo-org/octo-repo/actions/runs/289782451",
			TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
			Attrs:   map[string]string{build.KeyConclusion: "success", build.KeyRepoID: run.Attrs[build.KeyRepoID], build.KeyRunNumber: "163"},
			Version: build.VersionOf(30, date("2020-10-05T16:33:49Z")),
		},
	}, run)
	require.NotEmpty(t, run.Attrs[build.KeyRepoID])
	require.Len(t, run.ActorHash, 16)
	commit := parse(t, "workflow_run", 1)[1].(*build.Commit)
	require.Equal(t, "build(test): check workflow run event payload", commit.Message)
	require.Equal(t, "Matthias Fax", commit.Author)

	for i, want := range map[int]build.Status{0: build.StatusQueued, 1: build.StatusSuccess, 2: build.StatusSuccess, 3: build.StatusQueued, 4: build.StatusWaiting} {
		r := parse(t, "workflow_run", i)[0].(*build.Run)
		require.Equal(t, want, r.Status, "example %d", i)
		require.Equal(t, want.Finished(), !r.FinishedAt.IsZero(), "example %d", i)
		require.NotEmpty(t, r.Pipeline, "example %d", i)
	}
}

func TestWorkflowJobValues(t *testing.T) {
	events := parse(t, "workflow_job", 1)
	require.Len(t, events, 2+12)
	stub := events[0].(*build.Run)
	require.True(t, stub.Stub)
	require.Equal(t, "CodeQL", stub.Pipeline)
	job := events[1].(*build.Task)
	require.Equal(t, "linters", job.Name)
	require.Equal(t, "289782451", job.ID)
	require.Equal(t, build.StatusFailure, job.Status)
	require.Equal(t, date("2021-08-05T10:33:58Z"), job.CreatedAt)
	require.Equal(t, date("2021-08-05T10:34:58Z"), job.StartedAt)
	require.Equal(t, date("2021-08-05T10:38:16Z"), job.FinishedAt)
	require.Equal(t, "1m0s", job.Queued.String())
	require.Equal(t, "3m18s", job.Duration.String())
	require.Equal(t, "GitHub Actions 5", job.Runner)
	require.Equal(t, "main", job.Branch)
	require.Contains(t, job.Message, "failed: ")
	ids, spans := map[string]bool{}, map[[8]byte]bool{}
	for _, ev := range events[2:] {
		step := ev.(*build.Task)
		require.Equal(t, job.ID, step.ParentID)
		require.False(t, ids[step.ID], step.ID)
		require.False(t, spans[step.SpanID], step.Name)
		ids[step.ID], spans[step.SpanID] = true, true
	}
	first := events[2].(*build.Task)
	require.Equal(t, "Set up job", first.Name)
	require.Equal(t, date("2021-08-05T10:26:08Z"), first.StartedAt, "before its job was created, as the provider says")

	for i, want := range []build.Status{
		build.StatusRunning, build.StatusFailure, build.StatusSuccess, build.StatusRunning, build.StatusRunning, build.StatusQueued,
		build.StatusWaiting, build.StatusWaiting,
	} {
		job := parse(t, "workflow_job", i)[1].(*build.Task)
		require.Equal(t, want, job.Status, "example %d", i)
		require.Equal(t, uint16(1), job.Attempt)
		require.False(t, job.UpdatedAt.IsZero())
		require.Equal(t, want.Rank() > 10, !job.StartedAt.IsZero(), "a job that waits has no start")
	}
}

func TestDeploymentValues(t *testing.T) {
	d := parse(t, "deployment", 0)[0].(*build.Deployment)
	require.Equal(t, "github:github.com:Codertocat/Hello-World:145988746", d.ID())
	require.Equal(t, build.DeployPending, d.Status)
	require.Equal(t, "production", d.Environment)
	require.Equal(t, "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", d.CommitSHA)
	require.Equal(t, date("2019-05-15T15:20:53Z"), d.CreatedAt)
	require.Equal(t, "Codertocat", d.Creator)
	require.Empty(t, d.BuildRunID)

	require.Equal(t, "github:github.com:Codertocat/Hello-World:289782451:1", parse(t, "deployment", 1)[0].(*build.Deployment).BuildRunID)

	s := parse(t, "deployment_status", 0)[0].(*build.Deployment)
	require.Equal(t, build.DeploySuccess, s.Status)
	require.Equal(t, date("2019-05-15T15:20:55Z"), s.FinishedAt)
	require.Equal(t, "2019-05-15T15:20:55.000Z", s.Attrs[build.KeySucceededAt])
	running := parse(t, "deployment_status", 1)[0].(*build.Deployment)
	require.Equal(t, build.DeployInProgress, running.Status)
	require.Equal(t, date("2022-01-03T01:28:40Z"), running.StartedAt)
	require.Equal(t, "github-pages", running.Environment)
	require.Equal(t, "https://github.com/Codertocat/Hello-World/runs/145988746?check_suite_focus=true", running.URL)
	require.Equal(t, "github:github.com:Codertocat/Hello-World:289782451:1", running.BuildRunID)
}

func TestPushValues(t *testing.T) {
	for i, commits := range []int{1, 0, 0, 0, 1, 1, 0} {
		require.Len(t, parse(t, "push", i), commits, "example %d", i)
	}
	require.Equal(t, []build.Event{&build.Commit{
		Provider: "github", Host: "github.com", Repo: "Codertocat/Hello-World", SHA: "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
		Message: "Initial commit", Author: "Codertocat", Branch: "master", ChangedFiles: 1, CommittedAt: date("2019-05-15T15:19:25Z"),
		URL:     "https://github.com/Codertocat/Hello-World/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246",
		Attrs:   map[string]string{build.KeyFiles: "README.md"},
		Version: build.VersionOf(30, date("2019-05-15T15:19:25Z")),
	}}, parse(t, "push", 4))
	for _, body := range examples(t, "push") {
		events, _ := parseGitHub("push", []byte(body))
		for _, ev := range events {
			raw, err := json.Marshal(ev)
			require.NoError(t, err)
			require.NotContains(t, string(raw), "noreply", "no e-mail is kept")
		}
	}
}

func TestGitHubResults(t *testing.T) {
	for _, tc := range []struct {
		status, conclusion string
		want               build.Status
		result             string
	}{
		{"completed", "success", build.StatusSuccess, "success"},
		{"completed", "neutral", build.StatusSuccess, "success"},
		{"completed", "failure", build.StatusFailure, "failure"},
		{"completed", "startup_failure", build.StatusFailure, "error"},
		{"completed", "cancelled", build.StatusCancelled, "cancellation"},
		{"completed", "skipped", build.StatusSkipped, "skip"},
		{"completed", "timed_out", build.StatusTimeout, "timeout"},
		{"completed", "stale", build.StatusTimeout, "timeout"},
		{"completed", "action_required", build.StatusWaiting, ""},
		{"completed", "", build.StatusUnknown, ""},
		{"requested", "", build.StatusQueued, ""},
		{"pending", "", build.StatusQueued, ""},
		{"in_progress", "", build.StatusRunning, ""},
	} {
		got := statusOf(tc.status, tc.conclusion)
		require.Equal(t, tc.want, got, tc.status+" "+tc.conclusion)
		require.Equal(t, tc.result, build.Result(got, tc.conclusion), tc.conclusion)
	}
	for state, want := range map[string]build.DeployStatus{
		"error": build.DeployFailure, "failure": build.DeployFailure, "inactive": build.DeployInactive, "queued": build.DeployPending,
		"waiting": build.DeployPending, "pending": build.DeployPending, "in_progress": build.DeployInProgress, "success": build.DeploySuccess, "": build.DeployUnknown,
	} {
		require.Equal(t, want, deployStatusOf(state), state)
	}
}

func FuzzGitHub(f *testing.F) {
	for _, event := range Events {
		for _, body := range examples(f, event) {
			f.Add(event, []byte(body))
		}
	}
	f.Add("workflow_job", []byte(`{"repository":{"full_name":"a"},"workflow_job":{"id":1,"run_id":1,"steps":[{}]}}`))
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		events, prob := parseGitHub(event, body)
		if prob != nil {
			require.GreaterOrEqual(t, prob.Status, 400)
			require.Less(t, prob.Status, 500)
			return
		}
		for _, ev := range events {
			build.Graph(ev)
			if task, ok := ev.(*build.Task); ok {
				require.NotEmpty(t, task.ID)
			}
		}
	})
}
