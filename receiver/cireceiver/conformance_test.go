package cireceiver

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/internal/build"
)

// modelJob and model are what is kept of the story that each source tells: a run takes a minute, its build passes and its
// test fails.
type modelJob struct {
	Name     string
	Status   build.Status
	Started  time.Time
	Duration time.Duration
	Result   string
}

type model struct {
	Pipeline string
	Status   build.Status
	Finished time.Time
	Result   string
	Jobs     map[string]modelJob
	// Root tells whether the jobs' spans hang below the run's.
	Root bool
}

func second(s int) time.Time { return time.Date(2026, 3, 1, 12, 0, s, 0, time.UTC) }

func rfc(s int) string { return second(s).Format(time.RFC3339) }

// sources send the story in their own words; each gives the provider's name.
var sources = map[string]func(t *testing.T, h *harness) (provider string){
	"github": func(t *testing.T, h *harness) string {
		n := 0
		send := func(event, body string) {
			n++
			code, got := h.github(event, strconv.Itoa(n), `{"repository":{"id":1,"full_name":"acme/shop","html_url":"https://github.com/acme/shop"},`+body+`}`)
			require.Equal(t, 200, code, got)
		}
		run := func(status, conclusion string, updated int) {
			send("workflow_run", fmt.Sprintf(`"workflow":{"name":"CI"},"workflow_run":{"id":7,"run_attempt":1,"status":%q,"conclusion":%s,"created_at":%q,"run_started_at":%q,"updated_at":%q}`,
				status, conclusion, rfc(0), rfc(1), rfc(updated)))
		}
		job := func(id int, name, conclusion string, from, to int) {
			send("workflow_job", fmt.Sprintf(`"workflow_job":{"id":%d,"run_id":7,"run_attempt":1,"name":%q,"workflow_name":"CI","status":"completed","conclusion":%q,"created_at":%q,"started_at":%q,"completed_at":%q}`,
				id, name, conclusion, rfc(from), rfc(from), rfc(to)))
		}
		run("in_progress", "null", 1)
		job(71, "build", "success", 1, 20)
		job(72, "test", "failure", 20, 55)
		run("completed", `"failure"`, 60)
		return "github"
	},
	"gitlab": func(t *testing.T, h *harness) string {
		item := func(id int, name, status string, from, to int) string {
			return fmt.Sprintf(`{"id":%d,"stage":"s","name":%q,"status":%q,"failure_reason":"script_failure","created_at":%q,"started_at":%q,"finished_at":%q}`, id, name, status, rfc(from), rfc(from), rfc(to))
		}
		code, got := h.hook("gitlab", "Pipeline Hook", fmt.Sprintf(`{"object_attributes":{"id":7,"name":"CI","status":"failed","stages":["s"],"created_at":%q,"finished_at":%q,"queued_duration":1},
"project":{"id":1,"web_url":"https://gitlab.com/acme/shop","path_with_namespace":"acme/shop"},"builds":[%s,%s]}`, rfc(0), rfc(60), item(71, "build", "success", 1, 20), item(72, "test", "failed", 20, 55)))
		require.Equal(t, 200, code, got)
		return "gitlab"
	},
	"generic": func(t *testing.T, h *harness) string {
		code, got := h.events(fmt.Sprintf(`{"events":[
{"type":"run","repo":"acme/shop","run_id":"7","pipeline":"CI","status":"running","created_at":%[1]q,"started_at":%[2]q},
{"type":"task","repo":"acme/shop","run_id":"7","id":"71","name":"build","pipeline":"CI","status":"success","started_at":%[2]q,"finished_at":%[3]q},
{"type":"task","repo":"acme/shop","run_id":"7","id":"72","name":"test","pipeline":"CI","status":"failure","started_at":%[3]q,"finished_at":%[4]q},
{"type":"run","repo":"acme/shop","run_id":"7","pipeline":"CI","status":"failure","created_at":%[1]q,"started_at":%[2]q,"finished_at":%[5]q}]}`, rfc(0), rfc(1), rfc(20), rfc(55), rfc(60)))
		require.Equal(t, 200, code, got)
		return "generic"
	},
	"cdevents": func(t *testing.T, h *harness) string {
		n := 0
		send := func(kind, at, id, content string) {
			n++
			code, got := h.hook("cdevents", "", fmt.Sprintf(`{"context":{"version":"0.4.1","id":"e%d","source":"https://tekton.acme.io/acme/shop","type":"dev.cdevents.%s.0.2.0","timestamp":%q},
"subject":{"id":%q,"type":"x","content":{%s}}}`, n, kind, at, id, content))
			require.Equal(t, 200, code, got)
		}
		send("pipelinerun.queued", rfc(0), "7", `"pipelineName":"CI"`)
		send("pipelinerun.started", rfc(1), "7", `"pipelineName":"CI"`)
		send("taskrun.started", rfc(1), "71", `"taskName":"build","pipelineRun":{"id":"7"}`)
		send("taskrun.finished", rfc(20), "71", `"taskName":"build","pipelineRun":{"id":"7"},"outcome":"success"`)
		send("taskrun.started", rfc(20), "72", `"taskName":"test","pipelineRun":{"id":"7"}`)
		send("taskrun.finished", rfc(55), "72", `"taskName":"test","pipelineRun":{"id":"7"},"outcome":"failure","errors":"1 test failed"`)
		send("pipelinerun.finished", rfc(60), "7", `"pipelineName":"CI","outcome":"failure"`)
		return "cdevents"
	},
	"jenkins": func(t *testing.T, h *harness) string {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("jenkins.url", "https://ci.acme.io/")
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		add := func(id byte, name string, from, to int, failed bool, attrs map[string]any) {
			sp := spans.AppendEmpty()
			sp.SetTraceID([16]byte{7})
			sp.SetSpanID([8]byte{id})
			if id > 1 {
				sp.SetParentSpanID([8]byte{1})
			}
			sp.SetName(name)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(second(from)))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(second(to)))
			if failed {
				sp.Status().SetCode(ptrace.StatusCodeError)
			}
			require.NoError(t, sp.Attributes().FromRaw(attrs))
		}
		stage := func(id byte, name string, from, to int, failed bool) {
			add(id, "Stage: "+name, from, to, failed, map[string]any{
				"jenkins.pipeline.step.type": "stage", "jenkins.pipeline.step.id": "7" + strconv.Itoa(int(id)-1), "jenkins.pipeline.step.name": name,
			})
		}
		stage(2, "build", 1, 20, false)
		stage(3, "test", 20, 55, true)
		add(1, "BUILD CI", 0, 60, true, map[string]any{
			"ci.pipeline.id": "acme/shop", "ci.pipeline.name": "CI", "ci.pipeline.run.number": int64(7), "ci.pipeline.run.result": "FAILURE",
		})
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalJSON()
		require.NoError(t, err)
		code, got := h.hook("jenkins", "", string(body))
		require.Equal(t, 200, code, got)
		require.Empty(t, got, "the answer is OTLP's")
		return "jenkins"
	},
}

// TestPoint16SourcesGiveOneModel: whoever tells it, a run is the same run.
func TestPoint16SourcesGiveOneModel(t *testing.T) {
	want := model{
		Pipeline: "CI", Status: build.StatusFailure, Finished: second(60), Result: "failure", Root: true,
		Jobs: map[string]modelJob{
			"71": {"build", build.StatusSuccess, second(1), 19 * time.Second, "success"},
			"72": {"test", build.StatusFailure, second(20), 35 * time.Second, "failure"},
		},
	}
	for name, tell := range sources {
		t.Run(name, func(t *testing.T) {
			h := start(t, testConfig())
			provider := tell(t, h)
			require.Equal(t, want, modelOf(t, h, provider))
		})
	}
}

func modelOf(t *testing.T, h *harness, provider string) model {
	t.Helper()
	out := model{Jobs: map[string]modelJob{}, Root: true}
	for _, ev := range h.stored() {
		switch e := ev.(type) {
		case *build.Run:
			require.Equal(t, provider, e.Provider)
			require.Equal(t, "acme/shop", e.Repo)
			require.Equal(t, "7", e.RunID)
			require.False(t, e.Stub)
			out.Pipeline, out.Status, out.Finished = e.Pipeline, e.Status, e.FinishedAt
		case *build.Task:
			if e.Kind == build.KindJob {
				out.Jobs[e.ID] = modelJob{Name: e.Name, Status: e.Status, Started: e.StartedAt, Duration: e.Duration}
			}
		}
	}
	parents := map[string]string{}
	root := ""
	for _, sp := range h.spans() {
		a := sp.Attributes().AsRaw()
		if r, ok := a["cicd.pipeline.result"].(string); ok {
			require.Empty(t, root, "one root")
			out.Result, root = r, sp.SpanID().String()
			require.Equal(t, "7", a["cicd.pipeline.run.id"])
			continue
		}
		r, ok := a["cicd.pipeline.task.run.result"].(string)
		if !ok {
			continue
		}
		id := a["cicd.pipeline.task.run.id"].(string)
		job := out.Jobs[id]
		job.Result = r
		out.Jobs[id] = job
		require.Equal(t, job.Name, a["cicd.pipeline.task.name"])
		parents[id] = sp.ParentSpanID().String()
	}
	for _, p := range parents {
		out.Root = out.Root && p == root
	}
	return out
}
