package gitlab

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

// take gives a payload of the corpus as a server's hook, which says only in the body what it is.
func take(t *testing.T, name string) []build.Event {
	t.Helper()
	return wiretest.Take(t, Provider{}, wiretest.Delivery(wiretest.Read(t, "gitlab", name), "X-Gitlab-Event", "System Hook"))
}

func TestWholeCorpusIsRead(t *testing.T) {
	kinds := map[wire.Kind]int{}
	for _, dir := range []string{"gitlab", "gitlab/older"} {
		for _, name := range wiretest.Names(t, dir) {
			d := wiretest.Delivery(wiretest.Read(t, dir, name), "X-Gitlab-Event", "System Hook")
			h, p := Provider{}.Head(d)
			require.Nil(t, p, name)
			kinds[h.Kind]++
			if h.Kind != wire.Used {
				continue
			}
			parsed, p := Provider{}.Parse(h, wiretest.Now)
			require.Nil(t, p, "%s: %v", name, p)
			// One has blanks in the names of its fields, the others are tags without commits.
			if name != "group_merge_request.json" && name != "system-tag-event.json" && name != "tag-event.json" {
				require.NotEmpty(t, parsed.Events, name)
			}
			wiretest.NoMail(t, parsed.Events)
		}
	}
	require.Equal(t, 32+12, kinds[wire.Used]+kinds[wire.Ignored])
	require.Equal(t, 21, kinds[wire.Used])
}

func TestHead(t *testing.T) {
	for _, tc := range []struct {
		name, header, body, event string
		kind                      wire.Kind
		field                     string
	}{
		{name: "by header", header: "Pipeline Hook", body: `not even JSON`, event: "pipeline"},
		{name: "job", header: "Job Hook", event: "job"},
		{name: "issue", header: "Issue Hook", event: "Issue Hook", kind: wire.Ignored},
		{name: "of a server", header: "System Hook", body: `{"object_kind":"tag_push"}`, event: "tag_push"},
		{name: "no header", body: `{"object_kind":"build"}`, event: "job"},
		{name: "a server's other event", header: "System Hook", body: `{"event_name":"project_create"}`, event: "project_create", kind: wire.Ignored},
		{name: "nothing", body: `{}`, field: "X-Gitlab-Event"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := wiretest.Delivery(tc.body, "Idempotency-Key", "k")
			if tc.header != "" {
				d.Header.Set("X-Gitlab-Event", tc.header)
			}
			h, p := Provider{}.Head(d)
			if tc.field != "" {
				require.Equal(t, tc.field, p.Field)
				return
			}
			require.Nil(t, p)
			require.Equal(t, tc.event, h.Event)
			require.Equal(t, tc.kind, h.Kind)
			require.Equal(t, "k", h.ID)
		})
	}
}

func TestToken(t *testing.T) {
	secrets := [][]byte{[]byte("new"), []byte("old")}
	for token, ok := range map[string]bool{"new": true, "old": true, "": false, "newer": false, "ne": false} {
		err := Provider{}.Verify(wiretest.Delivery("{}", "X-Gitlab-Token", token), secrets)
		require.Equal(t, ok, err == nil, token)
		if err != nil {
			require.ErrorContains(t, err, "X-Gitlab-Token")
		}
	}
}

func TestPipelineValues(t *testing.T) {
	events := take(t, "pipeline.json")
	run := wiretest.Run(t, events)
	require.Equal(t, "gitlab:192.168.64.1:3005:gitlab-org/gitlab-test:31:1", run.ID())
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, "master", run.Branch)
	require.Equal(t, "bcbb5ec396a2c0f828686f14fac9b80b780504f2", run.CommitSHA)
	require.Equal(t, "merge_request_event", run.Trigger)
	require.Equal(t, uint32(1), run.PRNumber)
	require.Equal(t, wiretest.At("2016-08-12T15:23:28Z"), run.CreatedAt)
	require.Equal(t, wiretest.At("2016-08-12T15:23:40Z"), run.StartedAt, "by how long it was queued")
	require.Equal(t, wiretest.At("2016-08-12T15:26:29Z"), run.FinishedAt)
	require.Equal(t, 12*time.Second, run.Queued)
	require.Equal(t, "gitlab:gitlab.example.com:gitlab-org/upstream-project:30:1", run.Attrs[build.KeyTriggeredBy])
	require.Equal(t, build.GitLabKey("192.168.64.1:3005", "1", "31").TraceID(), run.TraceID)
	require.Equal(t, "123", run.Attrs[build.KeyRunNumber])
	require.Len(t, run.ActorHash, 16)

	jobs := wiretest.Tasks(events, build.KindJob)
	require.Len(t, jobs, 5)
	for id, want := range map[string]build.Status{
		"376": build.StatusSuccess, "377": build.StatusSuccess, "378": build.StatusSuccess, "379": build.StatusQueued, "380": build.StatusSkipped,
	} {
		require.Equal(t, want, jobs[id].Status, id)
	}
	require.Equal(t, "test", jobs["377"].ParentID)
	require.Equal(t, wiretest.At("2016-08-12T15:26:29Z"), jobs["377"].FinishedAt, "a job that succeeded without an end took as long as it says")
	require.Zero(t, jobs["380"].FinishedAt, "a skipped job may yet run")
	require.Equal(t, "docker,gce", jobs["380"].RunnerClass)
	require.Equal(t, "shared-runners-manager-6.gitlab.com", jobs["378"].Runner)
	require.Equal(t, "2016-08-12T15:23:28.000Z", jobs["378"].Attrs[build.KeyQueuedAt], "queued for longer than the job is old")
	require.Equal(t, 164*time.Second, jobs["378"].Queued)
	require.Equal(t, "production", jobs["380"].Attrs["environment"])

	stages := wiretest.Tasks(events, build.KindStage)
	require.Len(t, stages, 3)
	require.Equal(t, build.StatusSuccess, stages["test"].Status)
	require.Equal(t, build.StatusQueued, stages["deploy"].Status)
	require.Equal(t, wiretest.At("2016-08-12T15:24:56Z"), stages["build"].StartedAt)
	commits := wiretest.Commits(events)
	require.Len(t, commits, 1)
	require.Equal(t, "test", commits[0].Message)
}

func TestJobValues(t *testing.T) {
	events := take(t, "job.json")
	run := wiretest.Run(t, events)
	require.True(t, run.Stub)
	require.Equal(t, "743121198", run.RunID)
	job := wiretest.Tasks(events, build.KindJob)["3580121225"]
	require.Equal(t, "auto_deploy:start", job.Name)
	require.Equal(t, uint16(1), job.Retries)
	require.Equal(t, build.StatusSuccess, job.Status)
	require.Equal(t, 49*time.Second, job.Duration)
	require.InDelta(t, 0.193, job.Queued.Seconds(), 0.0011, "to the millisecond")
	require.Equal(t, "4-blue.shared.runners-manager.gitlab.com/default", job.Runner)
	require.Empty(t, job.Message, "GitLab names a reason for what didn't fail")

	old := take(t, "build.json")
	require.Equal(t, "gitlab:192.168.64.1:3005:gitlab-org/gitlab-test:2366:1", wiretest.Run(t, old).ID(), "by the repository's page")
	require.Equal(t, build.StatusQueued, wiretest.Tasks(old, build.KindJob)["1977"].Status)
}

func TestOtherValues(t *testing.T) {
	d := wiretest.Deployment(t, take(t, "deployment.json"))
	require.Equal(t, "gitlab:10.126.0.2:3000:root/test-deployment-webhooks:15", d.ID())
	require.Equal(t, wiretest.At("2021-04-28T19:50:00Z"), d.FinishedAt, "+0200")
	require.Equal(t, build.DeploySuccess, d.Status)
	require.Equal(t, "279484c09fbe69ededfced8c1bb6e6d24616b468", d.CommitSHA, "the whole hash, not the short one")
	require.Equal(t, "staging", d.Environment)

	c := wiretest.Change(t, take(t, "merge_request.json"))
	require.Equal(t, uint32(1), c.Number)
	require.Equal(t, build.ChangeOpen, c.State)
	require.Equal(t, []string{"API"}, c.Labels)
	require.Equal(t, "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", c.HeadSHA)

	r := wiretest.Release(t, take(t, "release.json"))
	require.Equal(t, "1.0.0", r.Tag)
	require.Equal(t, "2626dbdb936782b5c54816b1c6d45b1279303c6d", r.CommitSHA)
	require.Equal(t, wiretest.At("2021-02-25T21:23:34Z"), r.PublishedAt)

	push := wiretest.Commits(take(t, "push.json"))
	require.NotEmpty(t, push)
	require.NotEmpty(t, push[0].Attrs[build.KeyFiles])
	require.Equal(t, "master", push[0].Branch)
	for _, c := range wiretest.Commits(take(t, "tag_push.json")) {
		require.Empty(t, c.Branch, "a tag is no branch")
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[float64]time.Duration{0: 0, -1: 0, 1.5: 1500 * time.Millisecond, 1e300: 0, math.NaN(): 0, math.Inf(1): 0} {
		require.Equal(t, want, seconds(in))
	}
}

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		status, reason string
		want           build.Status
		result         string
	}{
		{"success", "unknown_failure", build.StatusSuccess, "success"},
		{"failed", "script_failure", build.StatusFailure, "failure"},
		{"failed", "runner_system_failure", build.StatusFailure, "error"},
		{"failed", "job_execution_timeout", build.StatusTimeout, "timeout"},
		{"failed", "stuck_or_timeout_failure", build.StatusTimeout, "timeout"},
		{"canceled", "", build.StatusCancelled, "cancellation"},
		{"skipped", "", build.StatusSkipped, "skip"},
		{"canceling", "", build.StatusRunning, ""},
		{"running", "", build.StatusRunning, ""},
		{"manual", "", build.StatusWaiting, ""},
		{"waiting_for_resource", "", build.StatusQueued, ""},
		{"created", "", build.StatusQueued, ""},
		{"new one", "", build.StatusUnknown, ""},
	} {
		got := statusOf(tc.status, tc.reason)
		require.Equal(t, tc.want, got, tc.status+" "+tc.reason)
		require.Equal(t, tc.result, build.Result(got, conclusion(tc.status, tc.reason)), tc.status)
	}
	for status, want := range map[string]build.DeployStatus{
		"created": build.DeployPending, "blocked": build.DeployPending, "running": build.DeployInProgress, "success": build.DeploySuccess,
		"failed": build.DeployFailure, "canceled": build.DeployCancelled, "skipped": build.DeployCancelled, "?": build.DeployUnknown,
	} {
		require.Equal(t, want, deployStatusOf(status), status)
	}
}

// A job that somebody must start waits from the end of the stages before it until it is put into the queue.
func TestManualJobsWaitForAnApproval(t *testing.T) {
	body := func(status, started string, queued float64) string {
		started = strings.ReplaceAll(started, "'", `"`)
		return `{"object_kind":"pipeline","object_attributes":{"id":9,"status":"running","stages":["build","deploy"],"created_at":"2026-03-01 12:00:00 UTC"},
"project":{"id":1,"web_url":"https://gitlab.com/a/b","path_with_namespace":"a/b"},"builds":[
{"id":1,"stage":"build","name":"build","status":"success","created_at":"2026-03-01 12:00:00 UTC","started_at":"2026-03-01 12:00:05 UTC","finished_at":"2026-03-01 12:01:00 UTC"},
{"id":2,"stage":"deploy","name":"go","status":"` + status + `","manual":true,"when":"manual","created_at":"2026-03-01 12:00:00 UTC","started_at":` + started + `,"queued_duration":` + wire.Number(int64(queued)) + `}]}`
	}
	jobOf := func(b string) *build.Task {
		return wiretest.Tasks(wiretest.Take(t, Provider{}, wiretest.Delivery(b, "X-Gitlab-Event", "Pipeline Hook")), build.KindJob)["2"]
	}
	waits := jobOf(strings.Replace(body("manual", "null", 1), `"queued_duration":1`, `"queued_duration":null`, 1))
	require.Equal(t, build.StatusWaiting, waits.Status)
	require.Equal(t, "2026-03-01T12:01:00.000Z", waits.Attrs[build.KeyWaitingSince])
	runs := jobOf(body("running", "'2026-03-01 12:31:10 UTC'", 10))
	merged := waits.Merge(runs)
	require.Equal(t, 30*time.Minute, merged.Approval)
	require.Equal(t, 10*time.Second, merged.Queued, "the approval is no queue")
	require.Equal(t, merged, runs.Merge(waits))
}

func TestRefuses(t *testing.T) {
	const project = `"project":{"id":1,"web_url":"https://gitlab.com/a/b","path_with_namespace":"a/b"}`
	for _, tc := range []struct{ name, event, body, field, detail string }{
		{"not JSON", "Pipeline Hook", `{`, "", "ends before"},
		{"no project", "Pipeline Hook", `{"object_attributes":{"id":1}}`, "project.path_with_namespace", "is missing"},
		{"no pipeline", "Pipeline Hook", `{` + project + `}`, "object_attributes.id", "is missing"},
		{"no job", "Job Hook", `{` + project + `}`, "build_id", "is missing"},
		{"no pipeline of the job", "Job Hook", `{` + project + `,"build_id":1}`, "pipeline_id", "is missing"},
		{"no deployment", "Deployment Hook", `{` + project + `}`, "deployment_id", "is missing"},
		{"no merge request", "Merge Request Hook", `{` + project + `}`, "object_attributes.id", "is missing"},
		{"no tag", "Release Hook", `{` + project + `}`, "tag", "is missing"},
		{"push of nothing", "Push Hook", `{}`, "project.path_with_namespace", "is missing"},
		{"wrong time", "Pipeline Hook", `{` + project + `,"object_attributes":{"id":1,"created_at":"soon"}}`, "time", `"soon" is no time`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, p := Provider{}.Head(wiretest.Delivery(tc.body, "X-Gitlab-Event", tc.event))
			require.Nil(t, p)
			_, p = Provider{}.Parse(h, wiretest.Now)
			require.NotNil(t, p)
			require.Equal(t, 400, p.Status)
			require.Equal(t, tc.field, p.Field)
			require.Contains(t, p.Detail, tc.detail)
		})
	}
}

func FuzzGitLab(f *testing.F) {
	for _, name := range []string{"pipeline.json", "job.json", "build.json", "deployment.json", "push.json", "merge_request.json", "release.json"} {
		f.Add([]byte(wiretest.Read(f, "gitlab", name)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, p := Provider{}.Head(wiretest.Delivery(string(body)))
		if p != nil || h.Kind != wire.Used {
			return
		}
		parsed, p := Provider{}.Parse(h, wiretest.Now)
		if p != nil {
			require.Equal(t, 400, p.Status)
			return
		}
		for _, ev := range parsed.Events {
			build.Graph(ev)
		}
	})
}
