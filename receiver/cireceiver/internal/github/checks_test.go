package github

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

func TestHead(t *testing.T) {
	for _, tc := range []struct {
		name    string
		headers []string
		body    string
		kind    wire.Kind
		payload string
		field   string
	}{
		{name: "JSON", headers: []string{"X-GitHub-Event", "push"}, body: "{}", payload: "{}"},
		{name: "form", headers: []string{"X-GitHub-Event", "push", "Content-Type", "application/x-www-form-urlencoded"}, body: "payload=%7B%7D", payload: "{}"},
		{name: "form without a payload", headers: []string{"X-GitHub-Event", "push", "Content-Type", "application/x-www-form-urlencoded"}, body: "x=1", field: "payload"},
		{name: "ping", headers: []string{"X-GitHub-Event", "ping"}, kind: wire.Ping},
		{name: "not used", headers: []string{"X-GitHub-Event", "issues"}, kind: wire.Ignored},
		{name: "no event", field: "X-GitHub-Event"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, p := Provider{}.Head(wiretest.Delivery(tc.body, tc.headers...))
			if tc.field != "" {
				require.Equal(t, tc.field, p.Field)
				return
			}
			require.Nil(t, p)
			require.Equal(t, tc.kind, h.Kind)
			if tc.kind == wire.Used {
				require.Equal(t, tc.payload, string(h.Payload))
			}
		})
	}
}

// GitHub tells of its own workflows twice; only what others report is taken from checks.
func TestChecksOfOtherSystems(t *testing.T) {
	kept := 0
	for i, body := range examples(t, "check_run") {
		events, p := parseGitHub("check_run", []byte(body))
		require.Nil(t, p, "example %d", i)
		if strings.Contains(body, `"slug":"github-actions"`) {
			require.Empty(t, events)
			continue
		}
		kept++
		wiretest.NoMail(t, events)
		run := wiretest.Run(t, events)
		require.True(t, run.Stub)
		require.True(t, strings.HasPrefix(run.RunID, "checks-"))
		job := events[1].(*build.Task)
		require.NotEmpty(t, job.Name)
		require.False(t, job.UpdatedAt.IsZero(), "example %d", i)
	}
	require.Equal(t, 8, kept)
	last := examples(t, "check_run")
	events, _ := parseGitHub("check_run", []byte(last[7]))
	job := events[1].(*build.Task)
	require.Equal(t, date("2018-05-04T01:14:52Z"), job.FinishedAt)
	require.Equal(t, build.StatusSuccess, job.Status, "neutral")

	suites := examples(t, "check_suite")
	events, p := parseGitHub("check_suite", []byte(suites[0]))
	require.Nil(t, p)
	run := wiretest.Run(t, events)
	require.Equal(t, "github:github.com:Codertocat/Hello-World:checks-118578147:1", run.ID())
	require.Equal(t, "octocoders-linter", run.Pipeline)
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, 43*time.Second, run.FinishedAt.Sub(run.CreatedAt))
	require.Equal(t, uint32(2), run.PRNumber)
	require.Equal(t, "Update README.md", run.Name)
	events, p = parseGitHub("check_suite", []byte(suites[1]))
	require.Nil(t, p)
	require.Empty(t, events, "its own workflows")
	events, _ = parseGitHub("check_suite", []byte(suites[2]))
	require.Equal(t, build.StatusQueued, wiretest.Run(t, events).Status)
}

func TestReviewValues(t *testing.T) {
	body := examples(t, "deployment_review")[0]
	events, p := parseGitHub("deployment_review", []byte(body))
	require.Nil(t, p)
	wiretest.NoMail(t, events)
	run := wiretest.Run(t, events)
	require.Equal(t, build.StatusWaiting, run.Status)
	require.Equal(t, "github:github.com:terraform-test-github/sample-app:5453085689:1", run.ID())
	job := wiretest.Tasks(events, build.KindJob)["9921448362"]
	require.Equal(t, build.StatusWaiting, job.Status)
	require.Equal(t, "2023-07-04T09:28:15.000Z", job.Attrs[build.KeyWaitingSince])
	require.Equal(t, "TST", job.Attrs["environment"])
	require.Equal(t, build.GitHubKey("github.com", "616901961", "5453085689", 1).TaskSpanID("9921448362"), job.SpanID)

	approved := strings.Replace(strings.Replace(body, `"action":"requested"`, `"action":"approved","approver":{"login":"ann"}`, 1),
		`"status":"waiting","conclusion":null,"html_url":"https://github.com/terraform-test-github/sample-app/actions/runs/5453085689/jobs/9921448362","created_at":"2023-07-04T09:28:11Z","updated_at":"2023-07-04T09:28:15Z"`,
		`"status":"queued","conclusion":null,"html_url":"x","created_at":"2023-07-04T09:28:11Z","updated_at":"2023-07-04T09:38:15Z"`, 1)
	events, p = parseGitHub("deployment_review", []byte(approved))
	require.Nil(t, p)
	after := wiretest.Tasks(events, build.KindJob)["9921448362"]
	require.Equal(t, build.StatusQueued, after.Status)
	merged := job.Merge(after)
	require.Equal(t, 10*time.Minute, merged.Approval)
	require.Equal(t, build.StatusQueued, merged.Status, "the approval is the later state")
	require.Equal(t, build.HashActor("github", "github.com", "ann"), merged.Attrs["approved_by"])
}

func TestChangeAndReleaseValues(t *testing.T) {
	for i, body := range examples(t, "pull_request") {
		events, p := parseGitHub("pull_request", []byte(body))
		require.Nil(t, p, "example %d", i)
		wiretest.NoMail(t, events)
		c := wiretest.Change(t, events)
		require.NotZero(t, c.Number)
		require.NotEmpty(t, c.HeadSHA)
		require.NotEmpty(t, c.Title)
		require.Empty(t, c.MergeSHA, "the commit of a trial merge isn't one")
	}
	closed := examples(t, "pull_request")[1]
	events, _ := parseGitHub("pull_request", []byte(closed))
	require.Equal(t, build.ChangeClosed, wiretest.Change(t, events).State)
	merged := strings.Replace(strings.Replace(closed, `"merged":false`, `"merged":true`, 1), `"merged_at":null`, `"merged_at":"2019-05-15T15:30:00Z"`, 1)
	require.NotEqual(t, closed, merged)
	events, _ = parseGitHub("pull_request", []byte(merged))
	c := wiretest.Change(t, events)
	require.Equal(t, build.ChangeMerged, c.State)
	require.Equal(t, date("2019-05-15T15:30:00Z"), c.MergedAt)
	labeled, _ := parseGitHub("pull_request", []byte(examples(t, "pull_request")[2]))
	require.Equal(t, []string{"bug"}, wiretest.Change(t, labeled).Labels)

	releases := examples(t, "release")
	events, p := parseGitHub("release", []byte(releases[0]))
	require.Nil(t, p)
	r := wiretest.Release(t, events)
	require.Equal(t, "0.0.1", r.Tag)
	require.Equal(t, "master", r.Branch)
	require.Empty(t, r.CommitSHA, "a branch is no commit")
	require.Equal(t, date("2019-05-15T15:20:53Z"), r.PublishedAt)
	events, p = parseGitHub("release", []byte(releases[2]))
	require.Nil(t, p)
	require.Empty(t, events, "deleted")

	const sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
	withAsset := strings.Replace(strings.Replace(releases[0], `"target_commitish":"master"`, `"target_commitish":"`+sha+`"`, 1), `"assets":[]`,
		`"assets":[{"name":"shop.tgz","digest":"sha256:AB","browser_download_url":"https://x","created_at":"2019-05-15T15:20:53Z"},{"name":"old.tgz"}]`, 1)
	events, p = parseGitHub("release", []byte(withAsset))
	require.Nil(t, p)
	require.Equal(t, sha, wiretest.Release(t, events).CommitSHA)
	a := wiretest.Artifact(t, events)
	require.Equal(t, "sha256:ab", a.Digest)
	require.Equal(t, "0.0.1", a.ArtifactVersion)
	require.Equal(t, sha, a.CommitSHA)
}
