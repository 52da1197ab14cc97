package buildkite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

const (
	buildID = "0193903e-6f1c-4b2c-8c40-b4b0b5b0b0b0"
	jobID   = "01939040-1111-4222-8333-444455556666"
	retryID = "01939050-1111-4222-8333-444455556666"
)

// body writes a delivery by the fields of Buildkite's types; in webhooks times end in UTC.
func body(state, finished, job string) string {
	if finished != "null" {
		finished = `"2026-03-01 ` + finished + ` UTC"`
	}
	if job != "" {
		job = `,"job":` + job
	}
	return `{"event":"x","build":{"id":"` + buildID + `","web_url":"https://buildkite.com/acme/shop/builds/42","number":42,"state":"` + state + `","blocked":false,
"message":"Fix rounding\n\nmore","commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","branch":"main","source":"webhook","creator":{"id":"u1","name":"Ann","email":"ann@acme.io"},
"author":{"name":"Ann","email":"ann@acme.io"},"pull_request":{"id":"12","base":"main"},"triggered_from":{"build_id":"up","build_number":1,"build_pipeline_slug":"root"},
"created_at":"2026-03-01 12:00:00 UTC","scheduled_at":"2026-03-01 12:00:01 UTC","started_at":"2026-03-01 12:00:05 UTC","finished_at":` + finished + `},
"pipeline":{"id":"p1","slug":"shop","name":"Shop"},"sender":{"id":"u1","name":"Ann"}` + job + `}`
}

func jobOf(id, state, started, finished string, more string) string {
	quote := func(s string) string {
		if s == "null" {
			return s
		}
		return `"2026-03-01 ` + s + ` UTC"`
	}
	return `{"id":"` + id + `","type":"script","name":":go: test","step_key":"test","state":"` + state + `","web_url":"https://buildkite.com/acme/shop/builds/42#` + id + `",
"created_at":"2026-03-01 12:00:00 UTC","runnable_at":"2026-03-01 12:00:02 UTC","scheduled_at":"2026-03-01 12:00:02 UTC","started_at":` + quote(started) + `,"finished_at":` + quote(finished) + `,
"agent":{"name":"agent-1"},"agent_query_rules":["queue=default"]` + more + `}`
}

func take(t *testing.T, event, body string) []build.Event {
	t.Helper()
	return wiretest.Take(t, Provider{}, wiretest.Delivery(body, "X-Buildkite-Event", event))
}

func TestBuildValues(t *testing.T) {
	events := take(t, "build.finished", body("passed", "12:05:00", ""))
	wiretest.NoMail(t, events)
	run := wiretest.Run(t, events)
	require.Equal(t, "buildkite:buildkite.com:acme/shop:"+buildID+":1", run.ID())
	require.Equal(t, build.BuildkiteKey(buildID).TraceID(), run.TraceID)
	require.Equal(t, run.TraceID, run.RunKey.TraceKey(run.Attrs[build.KeyRepoID]).TraceID(), "spans are made of what is kept")
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, "Fix rounding", run.Name)
	require.Equal(t, "Shop", run.Pipeline)
	require.Equal(t, uint32(12), run.PRNumber)
	require.Equal(t, 5*time.Second, run.Queued)
	require.Equal(t, 295*time.Second, run.Duration)
	require.Equal(t, "42", run.Attrs[build.KeyRunNumber])
	require.Equal(t, "buildkite:buildkite.com:acme/root:up:1", run.Attrs[build.KeyTriggeredBy])
	require.Len(t, wiretest.Commits(events), 1)
}

func TestJobValuesAndRetries(t *testing.T) {
	failed := take(t, "job.finished", body("failing", "null", jobOf(jobID, "failed", "12:00:10", "12:01:10", `,"exit_status":2,"retried":true,"retried_in_job_id":"`+retryID+`"`)))
	jobs := wiretest.Tasks(failed, build.KindJob)
	job := jobs[jobID]
	require.Equal(t, build.StatusFailure, job.Status)
	require.Equal(t, "exit status 2", job.Message)
	require.Equal(t, 8*time.Second, job.Queued, "since it was runnable")
	require.Equal(t, time.Minute, job.Duration)
	require.Equal(t, "agent-1", job.Runner)
	require.Equal(t, "queue=default", job.RunnerClass)
	require.Equal(t, build.BuildkiteKey(buildID).TaskSpanID(jobID), job.SpanID)
	require.True(t, jobs[retryID].Stub)
	require.Equal(t, jobID, jobs[retryID].Attrs[build.KeyRetryOf])

	again := take(t, "job.started", body("running", "null", jobOf(retryID, "running", "12:02:00", "null", `,"retries_count":1,"retry_source":{"job_id":"`+jobID+`","retry_type":"manual"}`)))
	retry := wiretest.Tasks(again, build.KindJob)[retryID]
	require.Equal(t, uint16(1), retry.Retries)
	require.Equal(t, jobID, retry.Attrs[build.KeyRetryOf])
	require.Equal(t, retry.Merge(jobs[retryID]), jobs[retryID].Merge(retry))
	require.False(t, retry.Merge(jobs[retryID]).Stub)

	// A build that had ended is taken up by the retried job, in whatever order it is told.
	ended := wiretest.Run(t, take(t, "build.finished", body("failed", "12:01:11", "")))
	resumed := wiretest.Run(t, again)
	require.Greater(t, resumed.Version, ended.Version)
	require.Equal(t, build.StatusRunning, ended.Merge(resumed).Status)
	require.Equal(t, build.StatusRunning, resumed.Merge(ended).Status)
}

func TestBlockedStepsAreApprovals(t *testing.T) {
	block := strings.Replace(jobOf("b1", "unblocked", "null", "null", `,"unblocked_at":"2026-03-01 12:30:02 UTC","unblocked_by":{"id":"u2","name":"Bob"}`), `"type":"script"`, `"type":"manual"`, 1)
	job := wiretest.Tasks(take(t, "job.activated", body("running", "null", block)), build.KindJob)["b1"]
	require.Equal(t, build.StatusSuccess, job.Status)
	require.Equal(t, 30*time.Minute, job.Approval)
	require.Zero(t, job.Queued)
	waiter := strings.Replace(jobOf("w1", "finished", "null", "null", ""), `"type":"script"`, `"type":"waiter"`, 1)
	require.Empty(t, wiretest.Tasks(take(t, "job.finished", body("running", "null", waiter)), build.KindJob))
	blocked := strings.Replace(body("passed", "12:05:00", ""), `"blocked":false`, `"blocked":true`, 1)
	require.Equal(t, build.StatusWaiting, wiretest.Run(t, take(t, "build.finished", blocked)).Status)
}

func TestStatuses(t *testing.T) {
	for state, want := range map[string]build.Status{
		"passed": build.StatusSuccess, "failed": build.StatusFailure, "canceled": build.StatusCancelled, "skipped": build.StatusSkipped, "not_run": build.StatusSkipped,
		"running": build.StatusRunning, "failing": build.StatusRunning, "blocked": build.StatusWaiting, "scheduled": build.StatusQueued, "?": build.StatusUnknown,
	} {
		require.Equal(t, want, runStatusOf(&run{State: state}), state)
	}
	for state, want := range map[string]build.Status{
		"passed": build.StatusSuccess, "finished": build.StatusSuccess, "timed_out": build.StatusTimeout, "expired": build.StatusTimeout, "broken": build.StatusSkipped,
		"canceled": build.StatusCancelled, "assigned": build.StatusQueued, "limited": build.StatusQueued, "running": build.StatusRunning,
		"blocked": build.StatusWaiting, "blocked_failed": build.StatusFailure, "?": build.StatusUnknown,
	} {
		require.Equal(t, want, jobStatusOf(&job{State: state}), state)
	}
	one, lost := 1, -1
	require.Equal(t, build.StatusFailure, jobStatusOf(&job{State: "finished", ExitStatus: &one}))
	events := take(t, "job.finished", body("failing", "null", jobOf(jobID, "failed", "12:00:10", "12:01:10", `,"exit_status":-1`)))
	job := wiretest.Tasks(events, build.KindJob)[jobID]
	require.Equal(t, "error", build.Result(job.Status, job.Attrs[build.KeyConclusion]), "exit status %d: the agent was lost", lost)
}

func TestVerify(t *testing.T) {
	secrets := [][]byte{[]byte("new"), []byte("old")}
	sign := func(secret, stamp, body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "." + body))
		return "timestamp=" + stamp + ",signature=" + hex.EncodeToString(mac.Sum(nil))
	}
	for _, tc := range []struct {
		name, header, value string
		ok                  bool
	}{
		{"signed", "X-Buildkite-Signature", sign("new", "1700000000", "{}"), true},
		{"signed with the other secret", "X-Buildkite-Signature", sign("old", "1700000000", "{}"), true},
		{"signed with none of ours", "X-Buildkite-Signature", sign("x", "1700000000", "{}"), false},
		{"of another body", "X-Buildkite-Signature", sign("new", "1700000000", "{ }"), false},
		{"of another time", "X-Buildkite-Signature", strings.Replace(sign("new", "1700000000", "{}"), "1700000000", "1700000001", 1), false},
		{"half a signature", "X-Buildkite-Signature", "timestamp=1", false},
		{"token", "X-Buildkite-Token", "old", true},
		{"wrong token", "X-Buildkite-Token", "o", false},
		{"nothing", "X-Other", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Provider{}.Verify(wiretest.Delivery("{}", tc.header, tc.value), secrets)
			require.Equal(t, tc.ok, err == nil, "%v", err)
		})
	}
}

func TestHeadAndRefusals(t *testing.T) {
	for event, want := range map[string]wire.Kind{"ping": wire.Ping, "agent.connected": wire.Ignored, "build.running": wire.Used} {
		h, p := Provider{}.Head(wiretest.Delivery("{}", "X-Buildkite-Event", event))
		require.Nil(t, p)
		require.Equal(t, want, h.Kind, event)
	}
	_, p := Provider{}.Head(wiretest.Delivery("{}"))
	require.Equal(t, "X-Buildkite-Event", p.Field)
	for _, tc := range []struct{ event, body, field string }{
		{"build.running", `{}`, "build.id"},
		{"build.running", `{"build":{"id":"x"}}`, "pipeline.slug"},
		{"job.started", `{"build":{"id":"x"},"pipeline":{"slug":"s"}}`, "job.id"},
		{"build.running", `{"build":{"id":7}}`, "build.id"},
	} {
		_, p := Provider{}.Parse(wire.Head{Event: tc.event, Payload: []byte(tc.body)}, wiretest.Now)
		require.NotNil(t, p)
		require.Equal(t, tc.field, p.Field)
	}
}

func FuzzBuildkite(f *testing.F) {
	f.Add("job.finished", []byte(body("failing", "null", jobOf(jobID, "failed", "12:00:10", "12:01:10", `,"exit_status":2`))))
	f.Add("build.running", []byte(body("running", "null", "")))
	f.Fuzz(func(t *testing.T, event string, body []byte) {
		parsed, p := Provider{}.Parse(wire.Head{Event: event, Payload: body}, wiretest.Now)
		if p != nil {
			require.Equal(t, 400, p.Status)
			return
		}
		for _, ev := range parsed.Events {
			build.Graph(ev)
		}
	})
}
