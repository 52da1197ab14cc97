package e2e

import (
	"bytes"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// The release that the test makes up.
const (
	commit     = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	digest     = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	buildID    = "github:github.com:acme/till:77001:1"
	deployID   = "github:github.com:acme/till:88001"
	traceHex   = "5b8efff798038103d269b633813fc60c"
	errorTitle = "java.lang.IllegalStateException: drawer is open"
)

var releaseParts = template.Must(template.New("").Parse(`
{{define "repo"}}"repository":{"id":4242,"name":"till","full_name":"acme/till","html_url":"https://github.com/acme/till","owner":{"login":"acme"},"default_branch":"main"},"sender":{"login":"ann","id":1}{{end}}
{{define "commit"}}{"id":"` + commit + `","message":"Open the drawer twice\n\nBecause.","timestamp":"{{.Pushed}}","url":"https://github.com/acme/till/commit/` + commit + `","author":{"name":"Ann","email":"ann@acme.example"},"added":[],"removed":[],"modified":["drawer.go"]}{{end}}
{{define "run"}}{"id":77001,"name":"CI","head_branch":"main","head_sha":"` + commit + `","path":".github/workflows/ci.yml","display_title":"Open the drawer twice","run_number":7,"event":"push","status":"completed","conclusion":"success","workflow_id":5,"html_url":"https://github.com/acme/till/actions/runs/77001","created_at":"{{.Pushed}}","updated_at":"{{.Built}}","run_attempt":1,"run_started_at":"{{.Pushed}}","head_commit":{{template "commit" .}},"actor":{"login":"ann"}}{{end}}
{{define "deployment_object"}}{"id":88001,"sha":"` + commit + `","ref":"main","task":"deploy","environment":"production","creator":{"login":"ann"},"created_at":"{{.Deployed}}","updated_at":"{{.Deployed}}"}{{end}}
{{define "push"}}{"ref":"refs/heads/main","before":"0000000000000000000000000000000000000001","after":"` + commit + `","commits":[{{template "commit" .}}],"head_commit":{{template "commit" .}},{{template "repo"}}}{{end}}
{{define "workflow_run"}}{"action":"completed","workflow_run":{{template "run" .}},"workflow":{"id":5,"name":"CI","path":".github/workflows/ci.yml"},{{template "repo"}}}{{end}}
{{define "workflow_job"}}{"action":"completed","workflow_job":{"id":99001,"run_id":77001,"workflow_name":"CI","head_branch":"main","head_sha":"` + commit + `","run_attempt":1,"name":"build image","status":"completed","conclusion":"success","created_at":"{{.Pushed}}","started_at":"{{.Pushed}}","completed_at":"{{.Built}}","steps":[{"name":"Build and push","status":"completed","conclusion":"success","number":1,"started_at":"{{.Pushed}}","completed_at":"{{.Built}}"}],"labels":["linux"],"runner_name":"r1"},{{template "repo"}}}{{end}}
{{define "deployment"}}{"action":"created","deployment":{{template "deployment_object" .}},"workflow_run":{{template "run" .}},{{template "repo"}}}{{end}}
{{define "deployment_status"}}{"action":"created","deployment_status":{"id":1,"state":"success","environment":"production","created_at":"{{.Deployed}}","updated_at":"{{.Deployed}}"},"deployment":{{template "deployment_object" .}},"workflow_run":{{template "run" .}},{{template "repo"}}}{{end}}
`))

// release sends what CI systems tell of a release: webhooks, and what they lack through the generic door.
func (s *system) release(now time.Time) {
	s.t.Helper()
	at := func(back time.Duration) string { return now.Add(-back).UTC().Format(time.RFC3339) }
	times := map[string]string{"Pushed": at(20 * time.Minute), "Built": at(15 * time.Minute), "Deployed": at(10 * time.Minute)}
	// In an order that no provider promises.
	for _, event := range []string{"deployment_status", "workflow_job", "push", "deployment", "workflow_run"} {
		var body bytes.Buffer
		require.NoError(s.t, releaseParts.ExecuteTemplate(&body, event, times))
		s.github(event, body.Bytes())
	}
	s.event([]byte(fmt.Sprintf(`{"events":[
		{"type":"artifact","build_run_id":%q,"digest":%q,"name":"registry.acme.example/till:2.0.0","version":"2.0.0","service":"till","commit_sha":%q,"created_at":%q},
		{"type":"deployment","provider":"github","host":"github.com","repo":"acme/till","deployment_id":"88001","environment":"production","service":"till","digests":[%q],"status":"success","finished_at":%q}]}`,
		buildID, digest, commit, times["Built"], digest, times["Deployed"])))
}

// sendFailure sends a span of a process that says only its image digest, with an exception.
func (s *system) sendFailure(now time.Time) {
	s.t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "till")
	rs.Resource().Attributes().PutStr("deployment.environment.name", "production")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "java")
	rs.Resource().Attributes().PutEmptySlice("container.image.repo_digests").AppendEmpty().SetStr("registry.acme.example/till@" + digest)
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID(pcommon.TraceID{0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c})
	sp.SetSpanID(pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, 8})
	sp.SetName("POST /pay")
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute + 30*time.Millisecond)))
	sp.Status().SetCode(ptrace.StatusCodeError)
	ev := sp.Events().AppendEmpty()
	ev.SetName("exception")
	ev.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
	ev.Attributes().PutStr("exception.type", "java.lang.IllegalStateException")
	ev.Attributes().PutStr("exception.message", "drawer is open")
	ev.Attributes().PutStr("exception.stacktrace", "java.lang.IllegalStateException: drawer is open\n\tat com.acme.till.Drawer.open(Drawer.java:12)\n\tat com.acme.till.Pay.post(Pay.java:40)\n")

	conn, err := grpc.NewClient(s.entry.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, conn.Close()) }()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(s.t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	require.NoError(s.t, err)
}

type hop struct {
	Kind     string `json:"kind"`
	State    string `json:"state"`
	ID       string `json:"id"`
	Status   string `json:"status"`
	Basis    string `json:"basis"`
	Evidence string `json:"evidence"`
}

// lineage asks for the path of a subject and gives its hops by kind; none while the subject isn't known.
func (s *system) lineage(subject, id string) map[string]hop {
	s.t.Helper()
	var answer struct {
		Hops []hop `json:"hops"`
	}
	hops := map[string]hop{}
	if status := s.get("/lineage", url.Values{subject: {id}}, &answer); status == 404 {
		return hops
	}
	var kinds []string
	for _, h := range answer.Hops {
		hops[h.Kind] = h
		kinds = append(kinds, h.Kind)
	}
	require.Equal(s.t, []string{"commit", "build", "tests", "artifact", "deploy", "traces", "errors", "sessions"}, kinds)
	return hops
}

// proveLineage runs the whole story and gives the fingerprint of the error.
func (s *system) proveLineage() string {
	s.t.Helper()
	now := time.Now()
	s.release(now)
	s.eventually("the release to be shown", func() error {
		var b struct {
			Status      string           `json:"status"`
			Artifacts   []map[string]any `json:"artifacts"`
			Deployments []map[string]any `json:"deployments"`
		}
		if status := s.get("/builds/"+url.PathEscape(buildID), nil, &b); status != 200 || b.Status != "success" || len(b.Artifacts) == 0 || len(b.Deployments) == 0 {
			return fmt.Errorf("status %d, %+v", status, b)
		}
		return nil
	})
	s.sendFailure(now)
	var fingerprint string
	s.eventually("the error to be shown", func() error {
		var list struct {
			Items []struct {
				Fingerprint string            `json:"fingerprint"`
				Title       string            `json:"title"`
				Culprit     string            `json:"culprit"`
				Correlation map[string]string `json:"correlation"`
			} `json:"items"`
		}
		if status := s.get("/errors", url.Values{"service": {"till"}}, &list); status != 200 || len(list.Items) != 1 {
			return fmt.Errorf("status %d, %+v", status, list)
		}
		e := list.Items[0]
		fingerprint = e.Fingerprint
		require.Equal(s.t, errorTitle, e.Title)
		require.Equal(s.t, "com.acme.till.Drawer.open", e.Culprit)
		require.Equal(s.t, map[string]string{"commit_sha": commit, "build_run_id": buildID, "deployment_id": deployID, "basis": "digest"}, e.Correlation)
		return nil
	})
	for _, subject := range [][2]string{{"error", fingerprint}, {"trace", traceHex}, {"build", buildID}, {"deployment", deployID}, {"commit", commit}, {"artifact", digest}} {
		s.eventually("the lineage of the "+subject[0], func() error {
			hops := s.lineage(subject[0], subject[1])
			for kind, id := range map[string]string{"commit": commit, "build": buildID, "artifact": digest, "deploy": deployID} {
				if h := hops[kind]; h.State != "known" || h.ID != id || h.Evidence == "" {
					return fmt.Errorf("%s: %+v", kind, h)
				}
			}
			if h := hops["errors"]; h.State != "known" {
				return fmt.Errorf("errors: %+v", h)
			}
			return nil
		})
	}
	hops := s.lineage("error", fingerprint)
	require.Equal(s.t, "digest", hops["artifact"].Basis)
	require.Equal(s.t, "digest", hops["commit"].Basis)
	require.Contains(s.t, hops["artifact"].Evidence, "digest")
	return fingerprint
}

// proveInBrowser opens the error, the trace and the build in headless Chromium, which has to show the same path.
func (s *system) proveInBrowser(fingerprint string) {
	s.t.Helper()
	s.browse(filepath.Join(s.t.TempDir(), "pages"), "--fingerprint", fingerprint, "--trace", traceHex, "--build", buildID,
		"--expect-commit", commit, "--expect-build", buildID, "--expect-deployment", deployID, "--expect-basis", "digest")
}

// A deployment's build and a span with its image digest and an exception come in by the real doors; the API and the
// page show commit, build, artifact, deployment, trace and error as one path.
func TestLineageInOneProcess(t *testing.T) {
	s := standalone(t)
	s.proveInBrowser(s.proveLineage())
}

// The same with agent, gateway and queryd as three processes.
func TestLineageInThreeProcesses(t *testing.T) {
	s := threeProcesses(t)
	s.proveInBrowser(s.proveLineage())
}
