package circleci

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
	workflowID = "fda08377-fe7e-46b1-8992-3a7aaecac9c3"
	jobID      = "8bd71c28-4969-3677-8940-3e3a61c46660"
)

// body writes a delivery by the fields of CircleCI's webhook reference.
func body(kind, status, job string) string {
	if job != "" {
		job = `,"job":` + job
	}
	return `{"id":"3888f21b-eaa7-38e3-8f3d-75a63bba8895","type":"` + kind + `","happened_at":"2026-03-01T12:05:00.123Z",
"webhook":{"id":"cf8c4fdd-0587-4da1-b4ca-4846e9640af9","name":"Sample"},
"project":{"id":"84996744-a854-4f5e-aea3-04e2851dc1d2","name":"shop","slug":"github/acme/shop"},"organization":{"id":"o1","name":"acme"},
"workflow":{"id":"` + workflowID + `","name":"build-testing","created_at":"2026-03-01T12:00:00.111Z","stopped_at":"2026-03-01T12:05:00.111Z","url":"https://app.circleci.com/pipelines/github/acme/shop/130/workflows/` + workflowID + `","status":"` + status + `"},
"pipeline":{"id":"1285fe1d-d3a6-44fc-8886-8979558254c4","number":130,"created_at":"2026-03-01T11:59:59.111Z","trigger":{"type":"webhook"},
"vcs":{"provider_name":"github","origin_repository_url":"https://github.com/acme/shop","target_repository_url":"https://github.com/acme/shop",
"revision":"1dc6aa69429bff4806ad6afe58d3d8f57e25973e","commit":{"subject":"Fix rounding","body":"More","author":{"name":"Ann","email":"ann@acme.io"},"authored_at":"2026-03-01T11:58:00Z"},"branch":"main"}}` + job + `}`
}

func job(status string) string {
	return `{"id":"` + jobID + `","name":"test","started_at":"2026-03-01T12:01:00.111Z","stopped_at":"2026-03-01T12:04:00.111Z","status":"` + status + `","number":136}`
}

func take(t *testing.T, b string) []build.Event {
	t.Helper()
	return wiretest.Take(t, Provider{}, wiretest.Delivery(b))
}

func TestValues(t *testing.T) {
	events := take(t, body("workflow-completed", "success", ""))
	wiretest.NoMail(t, events)
	run := wiretest.Run(t, events)
	require.Equal(t, "circleci:circleci.com:acme/shop:"+workflowID+":1", run.ID())
	require.Equal(t, build.CircleCIKey(workflowID).TraceID(), run.TraceID)
	require.Equal(t, run.TraceID, run.RunKey.TraceKey(run.Attrs[build.KeyRepoID]).TraceID(), "spans are made of what is kept")
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, 5*time.Minute, run.Duration)
	require.Equal(t, "build-testing", run.Pipeline)
	require.Equal(t, "Fix rounding", run.Name)
	require.Equal(t, "130", run.Attrs[build.KeyRunNumber])
	commit := wiretest.Commits(events)[0]
	require.Equal(t, "Ann", commit.Author)
	require.Equal(t, "1dc6aa69429bff4806ad6afe58d3d8f57e25973e", commit.SHA)

	events = take(t, body("job-completed", "running", job("failed")))
	stub := wiretest.Run(t, events)
	require.True(t, stub.Stub)
	require.Zero(t, stub.FinishedAt)
	j := wiretest.Tasks(events, build.KindJob)[jobID]
	require.Equal(t, build.StatusFailure, j.Status)
	require.Equal(t, 3*time.Minute, j.Duration)
	require.Equal(t, build.CircleCIKey(workflowID).TaskSpanID(jobID), j.SpanID)
	require.Equal(t, "https://app.circleci.com/pipelines/github/acme/shop/130/workflows/"+workflowID+"/jobs/136", j.URL)
	require.Equal(t, run.Merge(stub), stub.Merge(run))
	require.Equal(t, build.StatusSuccess, stub.Merge(run).Status)
}

func TestRepositories(t *testing.T) {
	b := body("workflow-completed", "success", "")
	for _, tc := range []struct{ name, from, to, want string }{
		{"slug", "", "", "acme/shop"},
		{"ids in the slug", "github/acme/shop", "circleci/9YytKzouJxzu4TjCRFqAoD/44n9wujWcTnVZ2b5S8Fnat", "acme/shop"},
		{"of a trigger", `"github/acme/shop"}`, `"circleci/a/b"}`, "acme/shop"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, wiretest.Run(t, take(t, strings.Replace(b, tc.from, tc.to, 1))).Repo)
		})
	}
	gitlab := strings.Replace(strings.Replace(b, "github/acme/shop\"}", "circleci/a/b\"}", 1), `"trigger":{"type":"webhook"}`,
		`"trigger":{"type":"gitlab"},"trigger_parameters":{"git":{"checkout_sha":"2dc6aa69429bff4806ad6afe58d3d8f57e25973e","branch":"dev","repo_owner":"group","repo_name":"thing"}}`, 1)
	require.Equal(t, "group/thing", wiretest.Run(t, take(t, gitlab)).Repo)
}

func TestStatuses(t *testing.T) {
	for status, want := range map[string]string{
		"success": "success", "failed": "failure", "infrastructure_fail": "error", "error": "error", "unauthorized": "error",
		"canceled": "cancellation", "timedout": "timeout", "not_run": "skip", "running": "", "on_hold": "", "queued": "", "?": "",
	} {
		s, conclusion := statusOf(status)
		require.Equal(t, want, build.Result(s, conclusion), status)
	}
}

func TestVerify(t *testing.T) {
	secrets := [][]byte{[]byte("new"), []byte("old")}
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("{}"))
		return hex.EncodeToString(mac.Sum(nil))
	}
	for value, ok := range map[string]bool{
		"v1=" + sign("new"): true, "v1=" + sign("old"): true, "v2=00,v1=" + sign("new"): true, "v1=" + sign("x"): false, sign("new"): false, "": false, "v1=zz": false,
	} {
		require.Equal(t, ok, Provider{}.Verify(wiretest.Delivery("{}", "circleci-signature", value), secrets) == nil, value)
	}
}

func TestHeadAndRefusals(t *testing.T) {
	for b, want := range map[string]wire.Kind{`{"type":"ping"}`: wire.Ping, `{"type":"new"}`: wire.Ignored, `{"type":"job-completed","id":"i"}`: wire.Used} {
		h, p := Provider{}.Head(wiretest.Delivery(b))
		require.Nil(t, p)
		require.Equal(t, want, h.Kind)
	}
	for _, b := range []string{`{}`, `{`} {
		_, p := Provider{}.Head(wiretest.Delivery(b))
		require.NotNil(t, p)
	}
	for _, tc := range []struct{ event, body, field string }{
		{"workflow-completed", `{}`, "workflow.id"},
		{"workflow-completed", `{"workflow":{"id":"w"}}`, "project.slug"},
		{"job-completed", `{"workflow":{"id":"w"},"project":{"slug":"gh/a/b"}}`, "job.id"},
	} {
		_, p := Provider{}.Parse(wire.Head{Event: tc.event, Payload: []byte(tc.body)}, wiretest.Now)
		require.Equal(t, tc.field, p.Field)
	}
}

func FuzzCircleCI(f *testing.F) {
	f.Add([]byte(body("job-completed", "running", job("failed"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, p := Provider{}.Head(wiretest.Delivery(string(b)))
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
