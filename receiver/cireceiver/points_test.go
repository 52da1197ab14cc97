package cireceiver

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

// hook is a delivery of a provider other than GitHub, with the headers that its door wants.
func (h *harness) hook(provider, event, body string) (int, map[string]any) {
	h.t.Helper()
	headers := map[string]string{}
	path := "/v1/ci/" + provider
	switch provider {
	case "gitlab":
		headers["X-Gitlab-Token"], headers["X-Gitlab-Event"] = secret, event
	case "buildkite":
		headers["X-Buildkite-Token"], headers["X-Buildkite-Event"] = secret, event
	case "circleci":
		headers["circleci-signature"] = "v1=" + strings.TrimPrefix(sign(body, secret), "sha256=")
	case "azuredevops":
		headers["Authorization"] = "Basic " + basic("summit:"+secret)
	case "bitbucket":
		headers["X-Hub-Signature"], headers["X-Event-Key"] = sign(body, secret), event
	case "cdevents":
		headers["Authorization"], headers["Content-Type"] = "Bearer "+secret, "application/json"
	case "jenkins":
		path += "/v1/traces"
		headers["Authorization"], headers["Content-Type"] = "Bearer "+secret, "application/json"
	}
	code, got, _ := h.post(path, body, headers)
	return code, got
}

// gitlabRetry is a pipeline whose test fails, and passes when it is retried: the pipeline ends twice.
func gitlabRetry() []signed {
	var out []signed
	const project = `"project":{"id":9,"web_url":"https://gitlab.com/acme/shop","path_with_namespace":"acme/shop"}`
	at := func(s int) string {
		if s < 0 {
			return "null"
		}
		return `"` + time.Date(2026, 3, 1, 12, 0, s, 0, time.UTC).Format("2006-01-02 15:04:05 MST") + `"`
	}
	item := func(id int, stage, name, status string, created, started, finished int) string {
		queued := "null"
		if started >= 0 {
			queued = "2"
		}
		return fmt.Sprintf(`{"id":%d,"stage":%q,"name":%q,"status":%q,"created_at":%s,"started_at":%s,"finished_at":%s,"queued_duration":%s}`,
			id, stage, name, status, at(created), at(started), at(finished), queued)
	}
	pipeline := func(status string, finished int, items ...string) {
		out = append(out, signed{"Pipeline Hook", strconv.Itoa(len(out)), fmt.Sprintf(`{"object_kind":"pipeline","object_attributes":{"id":31,"iid":3,"ref":"main",
"sha":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","source":"push","status":%q,"stages":["build","test"],"created_at":%s,"finished_at":%s,"queued_duration":3},%s,"builds":[%s]}`,
			status, at(0), at(finished), project, strings.Join(items, ","))})
	}
	job := func(id int, stage, name, status string, created, started, finished, retries int) {
		out = append(out, signed{"Job Hook", strconv.Itoa(len(out)), fmt.Sprintf(`{"object_kind":"build","ref":"main","sha":"6113728f27ae82c7b1a177c8d03f9e96e0adf246",
"build_id":%d,"build_stage":%q,"build_name":%q,"build_status":%q,"build_created_at":%s,"build_started_at":%s,"build_finished_at":%s,"build_queued_duration":2,"retries_count":%d,
"build_failure_reason":"script_failure","pipeline_id":31,"project_id":9,%s}`, id, stage, name, status, at(created), at(started), at(finished), retries, project)})
	}
	pipeline("pending", -1, item(401, "build", "build", "pending", 0, -1, -1), item(402, "test", "unit", "created", 0, -1, -1))
	job(401, "build", "build", "running", 0, 3, -1, 0)
	pipeline("running", -1, item(401, "build", "build", "running", 0, 3, -1), item(402, "test", "unit", "created", 0, -1, -1))
	job(401, "build", "build", "success", 0, 3, 20, 0)
	job(402, "test", "unit", "running", 0, 23, -1, 0)
	job(402, "test", "unit", "failed", 0, 23, 40, 0)
	pipeline("failed", 41, item(401, "build", "build", "success", 0, 3, 20), item(402, "test", "unit", "failed", 0, 23, 40))
	job(403, "test", "unit", "pending", 100, -1, -1, 1)
	pipeline("running", -1, item(401, "build", "build", "success", 0, 3, 20), item(403, "test", "unit", "pending", 100, -1, -1))
	job(403, "test", "unit", "running", 100, 105, -1, 1)
	job(403, "test", "unit", "success", 100, 105, 130, 1)
	pipeline("success", 131, item(401, "build", "build", "success", 0, 3, 20), item(403, "test", "unit", "success", 100, 105, 130))
	return out
}

func TestPoint01RetriedPipelinesInAnyOrder(t *testing.T) {
	all := gitlabRetry()
	result := func(order []signed) (map[string]build.Event, map[string]int) {
		h := start(t, testConfig())
		for _, d := range order {
			code, got := h.hook("gitlab", d.event, d.body)
			require.Equal(t, 200, code, got)
		}
		spans := map[string]int{}
		for _, sp := range h.spans() {
			spans[sp.SpanID().String()]++
		}
		return h.stored(), spans
	}
	want, _ := result(all)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 31))
		var order []signed
		for _, i := range r.Perm(len(all)) {
			order = append(order, all[i])
			for r.IntN(3) == 0 {
				order = append(order, all[r.IntN(len(all))])
			}
		}
		got, spans := result(order)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("order %d: rows differ:\n%s", seed, diff)
		}
		for id, n := range spans {
			require.Equal(t, 1, n, "span %s in order %d", id, seed)
		}
		k := build.GitLabKey("gitlab.com", "9", "31")
		for _, id := range [][8]byte{k.RootSpanID(), k.TaskSpanID("401"), k.TaskSpanID("402"), k.TaskSpanID("403")} {
			require.Contains(t, spans, hex.EncodeToString(id[:]), "order %d", seed)
		}
	}
}

// Every payload of every corpus is answered with success; what isn't used is counted by its type.
func TestPoint02EveryPublishedPayloadIsTaken(t *testing.T) {
	h := start(t, testConfig())
	n := 0
	ok := func(code int, got map[string]any, name string) {
		n++
		require.Less(t, code, 300, "%s: %v", name, got)
	}
	counts := map[string]int{}
	for _, name := range wiretest.Names(t, "github") {
		event := strings.TrimSuffix(name, ".json")
		for _, body := range wiretest.List(t, "github", name) {
			code, got := h.github(event, strconv.Itoa(n), body)
			ok(code, got, name)
			counts[event]++
		}
	}
	require.Equal(t, 5, counts["workflow_run"])
	require.Equal(t, 8, counts["workflow_job"])
	require.Equal(t, 4, counts["deployment_status"])
	require.Equal(t, 9, counts["check_run"])
	for _, dir := range []string{"gitlab", "gitlab/older"} {
		for _, name := range wiretest.Names(t, dir) {
			code, got := h.hook("gitlab", "System Hook", wiretest.Read(t, dir, name))
			ok(code, got, name)
		}
	}
	require.Len(t, wiretest.Names(t, "gitlab"), 32)
	for _, name := range wiretest.Names(t, "azuredevops") {
		code, got := h.hook("azuredevops", "", wiretest.Read(t, "azuredevops", name))
		ok(code, got, name)
	}
	for _, name := range wiretest.Names(t, "bitbucket") {
		event := map[string]string{"repo-push.json": "repo:push", "repo-commit-status-created.json": "repo:commit_status_created", "repo-commit-status-updated.json": "repo:commit_status_updated", "issue-created.json": "issue:created"}[name]
		if event == "" {
			event = "pullrequest:updated"
		}
		code, got := h.hook("bitbucket", event, wiretest.Read(t, "bitbucket", name))
		ok(code, got, name)
	}
	for _, name := range wiretest.Names(t, "cdevents") {
		code, got := h.hook("cdevents", "", wiretest.Read(t, "cdevents", name))
		ok(code, got, name)
	}
	total := int64(0)
	counted := h.counted()
	for key, v := range counted {
		require.NotContains(t, key, "refused")
		total += v
	}
	require.Equal(t, int64(n), total, "each is counted")
	require.Equal(t, int64(1), counted["gitlab feature_flag ignored"])
	require.Equal(t, int64(1), counted["cdevents incident.detected ignored"])
	require.Equal(t, int64(1), counted["bitbucket issue:created ignored"])
}

func TestPoint04ResultsAreThoseOfTheConventions(t *testing.T) {
	h := start(t, testConfig())
	steps := ""
	conclusions := []string{"success", "failure", "cancelled", "skipped", "timed_out", "neutral"}
	for i, c := range conclusions {
		steps += fmt.Sprintf(`{"name":"s","number":%d,"status":"completed","conclusion":%q,"started_at":"2026-03-01T12:00:01Z","completed_at":"2026-03-01T12:00:02Z"},`, i+1, c)
	}
	for i, c := range append(conclusions, "startup_failure", "stale") {
		code, got := h.github("workflow_job", "j"+c, fmt.Sprintf(`{"repository":{"id":1,"full_name":"a/b"},"workflow_job":{"id":%d,"run_id":7,"run_attempt":1,"name":%q,"status":"completed","conclusion":%q,
"created_at":"2026-03-01T12:00:00Z","started_at":"2026-03-01T12:00:00Z","completed_at":"2026-03-01T12:00:03Z","steps":[%s]}}`, 100+i, c, c, strings.TrimSuffix(steps, ",")))
		require.Equal(t, 200, code, got)
	}
	want := map[string]string{
		"success": "success", "neutral": "success", "failure": "failure", "startup_failure": "error", "cancelled": "cancellation", "skipped": "skip",
		"timed_out": "timeout", "stale": "timeout",
	}
	jobs, skipped := 0, 0
	for _, sp := range h.spans() {
		a := sp.Attributes().AsRaw()
		result := a["cicd.pipeline.task.run.result"]
		failed := result == "failure" || result == "error" || result == "timeout"
		require.Equal(t, failed, a["error.type"] != nil, "%s", result)
		if failed {
			require.Equal(t, ptrace.StatusCodeError, sp.Status().Code())
		} else {
			require.Equal(t, ptrace.StatusCodeUnset, sp.Status().Code(), "%s", result)
		}
		if w, ok := want[sp.Name()]; ok {
			jobs++
			require.Equal(t, w, result, sp.Name())
		} else if result == "skip" {
			skipped++
		}
	}
	require.Equal(t, len(want), jobs)
	require.Equal(t, len(want), skipped, "a skipped step of each job")

	// A run that somebody must approve has not ended: it has a row and no span.
	before := len(h.spans())
	code, _ := h.github("workflow_run", "w", `{"repository":{"id":1,"full_name":"a/b"},"workflow_run":{"id":8,"run_attempt":1,"status":"completed","conclusion":"action_required","created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:01Z"}}`)
	require.Equal(t, 200, code)
	require.Len(t, h.spans(), before)
	require.Equal(t, build.StatusWaiting, h.stored()["run github:github.com:a/b:8:1"].(*build.Run).Status)
}

func TestPoint05IDsOfWhatHasOneNameDiffer(t *testing.T) {
	h := start(t, testConfig())
	job := func(host, repoID string, run, attempt, id int, name string) string {
		return fmt.Sprintf(`{"repository":{"id":%s,"full_name":"acme/shop","html_url":"https://%s/acme/shop"},"workflow_job":{"id":%d,"run_id":%d,"run_attempt":%d,"name":%q,"status":"completed",
"conclusion":"success","created_at":"2026-03-01T12:00:00Z","started_at":"2026-03-01T12:00:00Z","completed_at":"2026-03-01T12:00:03Z","steps":[
{"name":"Run make","number":1,"status":"completed","conclusion":"success","started_at":"2026-03-01T12:00:01Z","completed_at":"2026-03-01T12:00:02Z"},
{"name":"Run make","number":2,"status":"completed","conclusion":"success","started_at":"2026-03-01T12:00:02Z","completed_at":"2026-03-01T12:00:03Z"}]}}`, repoID, host, id, run, attempt, name)
	}
	deliveries := []string{
		job("github.com", "1", 1234, 5, 71, "test"), job("github.com", "1", 1234, 5, 72, "test"), // one name
		job("github.com", "1", 1234, 5, 73, "test (ubuntu, 22)"), job("github.com", "1", 1234, 5, 74, "test (ubuntu, 24)"), // a matrix
		job("github.com", "1", 1234, 5, 75, "call / test"), job("github.com", "1", 1234, 5, 76, "call again / test"), // reusable workflows
		job("github.com", "1", 123, 45, 71, "test"),  // digits that could move over
		job("github.com", "11", 234, 5, 71, "test"),  // into the repository as well
		job("ghe.acme.io", "1", 1234, 5, 71, "test"), // another host
	}
	for i, body := range deliveries {
		code, got := h.github("workflow_job", strconv.Itoa(i), body)
		require.Equal(t, 200, code, got)
	}
	spans, traces := map[string]bool{}, map[string]bool{}
	for _, sp := range h.spans() {
		id := sp.TraceID().String() + sp.SpanID().String()
		require.False(t, spans[sp.SpanID().String()], "%s of %s", sp.Name(), id)
		spans[sp.SpanID().String()], traces[sp.TraceID().String()] = true, true
	}
	require.Len(t, spans, 3*len(deliveries))
	require.Len(t, traces, 4)
	require.Len(t, h.stored(), 4+3*len(deliveries))

	// Two tenants may have one run each of one name. A job knows no tenant, so the trace has one id; the ids of its spans
	// in the store, rows and lookups differ.
	at := second(0).UnixNano()
	k := build.GitHubKey("github.com", "1", "1234", 5)
	require.NotEqual(t, envelope.SpanEventID(tenant.Default, k.TraceID(), k.RootSpanID(), at, 1), envelope.SpanEventID(tenant.ID{1}, k.TraceID(), k.RootSpanID(), at, 1))
	other := start(t, func() *Config { c := testConfig(); c.Tenant = "11111111-2222-4333-8444-555555555555"; return c }())
	code, _ := other.github("workflow_job", "1", deliveries[0])
	require.Equal(t, 200, code)
	require.Nil(t, other.index.Run(tenant.Default, "github:github.com:acme/shop:1234:5"))
	require.NotNil(t, other.index.Run(tenant.ID{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}, "github:github.com:acme/shop:1234:5"))
}

func TestPoint06RetriedPipelineStaysOneTrace(t *testing.T) {
	h := start(t, testConfig())
	for _, d := range gitlabRetry() {
		code, got := h.hook("gitlab", d.event, d.body)
		require.Equal(t, 200, code, got)
	}
	// What the job knows while it runs.
	k := build.GitLabKey("gitlab.com", "9", "31")
	var names []string
	for _, sp := range h.spans() {
		require.Equal(t, k.TraceID(), [16]byte(sp.TraceID()), sp.Name())
		switch [8]byte(sp.SpanID()) {
		case k.RootSpanID():
			require.Equal(t, "failure", sp.Attributes().AsRaw()["cicd.pipeline.result"], "written once, when the pipeline ended first")
		case k.TaskSpanID("403"):
			require.Equal(t, 1, sp.Links().Len())
			require.Equal(t, k.TaskSpanID("402"), [8]byte(sp.Links().At(0).SpanID()), "the retried job points to the old one")
		}
		names = append(names, sp.Name())
	}
	slices.Sort(names)
	require.Equal(t, []string{"RUN acme/shop", "RUN acme/shop", "build", "queue build", "queue unit", "queue unit", "unit", "unit"}, names)

	stored := h.stored()
	run := stored["run gitlab:gitlab.com:acme/shop:31:1"].(*build.Run)
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, date("2026-03-01T12:02:11Z"), run.FinishedAt)
	old, again := stored["task gitlab:gitlab.com:acme/shop:31:1:402"].(*build.Task), stored["task gitlab:gitlab.com:acme/shop:31:1:403"].(*build.Task)
	require.Equal(t, build.StatusFailure, old.Status)
	require.Equal(t, build.StatusSuccess, again.Status)
	require.Equal(t, uint16(1), again.Retries)
	require.Equal(t, "402", again.Attrs[build.KeyRetryOf])
	require.Equal(t, 2*time.Second, again.Queued)
	_, edges := build.Graph(again)
	require.True(t, slices.ContainsFunc(edges, func(e build.Edge) bool { return e.Rel == build.RelRetryOf && strings.HasSuffix(e.DstID, ":402") }))
	var runs int
	for key := range stored {
		if strings.HasPrefix(key, "run ") {
			runs++
		}
	}
	require.Equal(t, 1, runs)
}

// A delivery that two processes take gives the same spans twice, bit by bit, so that readers collapse them by their id.
func TestSpansOfTwoProcessesAreTheSame(t *testing.T) {
	spans := func() []string {
		_, byID, _ := final(t, rerun())
		out := slices.Collect(maps.Values(byID))
		slices.Sort(out)
		return out
	}
	require.Equal(t, spans(), spans())
}

func TestPoint08SendersAreCheckedAndSecretsChangeWithoutAGap(t *testing.T) {
	for _, tc := range []struct{ provider, event, body string }{
		{"gitlab", "Pipeline Hook", gitlabRetry()[0].body},
		{"buildkite", "build.running", `{"build":{"id":"b","web_url":"https://buildkite.com/a/b/builds/1","state":"running","created_at":"2026-03-01T12:00:00Z"},"pipeline":{"slug":"b"}}`},
		{"circleci", "", `{"type":"workflow-completed","id":"1","workflow":{"id":"w","status":"success"},"project":{"slug":"gh/a/b"}}`},
		{"azuredevops", "", wiretest.Read(t, "azuredevops", "build.complete.json")},
		{"bitbucket", "repo:push", wiretest.Read(t, "bitbucket", "repo-push.json")},
		{"cdevents", "", wiretest.Read(t, "cdevents", "pipelinerun_started.json")},
		{"jenkins", "", `{"resourceSpans":[]}`},
	} {
		t.Run(tc.provider, func(t *testing.T) {
			for _, secrets := range [][]string{{secret}, {"new", secret}, {secret, "old"}} {
				h := start(t, withSecrets(tc.provider, secrets...))
				code, got := h.hook(tc.provider, tc.event, tc.body)
				require.Equal(t, 200, code, got)
			}
			h := start(t, withSecrets(tc.provider, "another", "and another"))
			code, got := h.hook(tc.provider, tc.event, tc.body)
			require.Equal(t, 401, code)
			require.NotEmpty(t, got["detail"])
			code, _ = h.hook(tc.provider, tc.event, "{not even JSON")
			require.Equal(t, 401, code, "the body is read after its sender is believed")
			require.Empty(t, h.calls)
			require.Equal(t, map[string]int64{tc.provider + " other refused signature": 2}, h.counted())
		})
	}
}

// A part of a run's jobs that is run again is a run of its own, which leads to the one before.
func TestPoint13AttemptsLeadToTheOneBefore(t *testing.T) {
	want, _, h := final(t, rerun())
	second := want["run github:github.com:acme/shop:7:2"].(*build.Run)
	_, edges := build.Graph(second)
	require.True(t, slices.ContainsFunc(edges, func(e build.Edge) bool {
		return e.Rel == build.RelRetryOf && e.SrcID == "github:github.com:acme/shop:7:2" && e.DstID == "github:github.com:acme/shop:7:1"
	}))
	links := 0
	for _, sp := range h.spans() {
		if sp.Links().Len() > 0 {
			links++
			first := want["run github:github.com:acme/shop:7:1"].(*build.Run)
			require.Equal(t, first.TraceID, [16]byte(sp.Links().At(0).TraceID()))
			require.Equal(t, first.SpanID, [8]byte(sp.Links().At(0).SpanID()), "no link to a span that isn't")
		}
	}
	require.Equal(t, 1, links)
	// The job that passed in the first attempt stays there, for readers to inherit.
	require.Equal(t, build.StatusSuccess, want["task github:github.com:acme/shop:7:1:71"].(*build.Task).Status)
	require.Equal(t, build.StatusFailure, want["task github:github.com:acme/shop:7:1:72"].(*build.Task).Status)
	require.NotContains(t, want, "task github:github.com:acme/shop:7:2:71")
}

// No id of a run, a job or a test is ever an attribute of a metric.
func TestPoint20MetricsHaveNoIDs(t *testing.T) {
	h := start(t, testConfig())
	for i := range 50 {
		body := fmt.Sprintf(`{"repository":{"id":1,"full_name":"a/b"},"workflow_run":{"id":%d,"run_attempt":1,"status":"queued","created_at":"2026-03-01T12:00:00Z"}}`, i+1)
		code, _ := h.github("workflow_run", strconv.Itoa(i), body)
		require.Equal(t, 200, code)
		code, _ = h.hook("gitlab", "Made Up "+strconv.Itoa(i), `{}`)
		require.Equal(t, 202, code)
	}
	raw, err := json.Marshal(h.counted())
	require.NoError(t, err)
	require.NotContains(t, string(raw), "a/b")
	require.Equal(t, int64(50), h.counted()["github workflow_run stored"])
	require.LessOrEqual(t, len(h.counted()), 2+maxLabels, "github's type, gitlab's and the other")
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// withSecrets is a configuration in which a provider has these secrets.
func withSecrets(provider string, secrets ...string) *Config {
	cfg := testConfig()
	var list []SecretConfig
	for _, s := range secrets {
		opaque := configopaque.String(s)
		list = append(list, SecretConfig{Secret: &opaque})
	}
	for _, d := range doors(&cfg.Webhooks) {
		if d.provider.Name() == provider {
			d.cfg.Secrets = list
		}
	}
	return cfg
}

func TestTextsAreBounded(t *testing.T) {
	h := start(t, testConfig())
	long := strings.Repeat("é", maxText)
	code, got := h.hook("cdevents", "", `{"context":{"id":"1","source":"x","type":"dev.cdevents.pipelinerun.finished.0.2.0","timestamp":"2026-03-01T12:00:00Z","chainId":"`+long+`"},
"subject":{"id":"7","content":{"pipelineName":"`+long+`","outcome":"failure","errors":"`+strings.Repeat(long, 5)+`"}}}`)
	require.Equal(t, 200, code, got)
	run := h.emitted()[0].(*build.Run)
	for _, s := range []string{run.Pipeline, run.Attrs["chain_id"]} {
		require.LessOrEqual(t, len(s), maxText+len("…"))
		require.Greater(t, len(s), maxText-4)
	}
	require.Greater(t, len(run.Message), maxText)
	require.LessOrEqual(t, len(run.Message), 20<<10)
}
