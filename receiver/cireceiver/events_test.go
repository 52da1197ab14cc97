package cireceiver

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

var (
	dig = "sha256:" + strings.Repeat("a", 64)
	sha = strings.Repeat("c", 40)
)

const ref = `"provider":"github","host":"github.com","repo":"acme/shop","run_id":"7"`

// The two doors meet: the provider tells of the run, the generic door of artifact and deployment.
func TestArtifactAndDeployment(t *testing.T) {
	h := start(t, testConfig())
	code, got := h.events(`{"events":[
{"type":"artifact",` + ref + `,"digest":"ghcr.io/acme/shop@` + strings.ToUpper(dig) + `","name":"ghcr.io/acme/shop:1.2","version":"1.2","service":"shop",
 "commit_sha":"` + strings.ToUpper(sha) + `","created_at":"2026-03-01T12:00:00Z","attrs":{"platform":"linux/amd64"}},
{"type":"deployment","provider":"github","host":"github.com","repo":"acme/shop","deployment_id":"d1","environment":"production","service":"shop",
 "service_version":"1.2","digests":["` + dig + `"],"status":"success","started_at":"2026-03-01T12:05:00Z","finished_at":"2026-03-01T12:06:00Z","url":"https://shop"}]}`)
	require.Equal(t, 200, code, got)
	require.Equal(t, map[string]any{"status": "stored", "events": 3.0, "spans": 0.0}, got)
	stored := h.stored()
	const run = "github:github.com:acme/shop:7:1"
	require.True(t, stored["run "+run].(*build.Run).Stub)
	a := stored["artifact "+run+" "+dig].(*build.Artifact)
	require.Equal(t, sha, a.CommitSHA)
	require.Equal(t, map[string]string{"platform": "linux/amd64"}, a.Attrs)
	d := stored["deployment github:github.com:acme/shop:d1 shop"].(*build.Deployment)
	require.Equal(t, run, d.BuildRunID, "named by the digest")
	require.Equal(t, sha, d.CommitSHA)
	require.Equal(t, envelope.BasisDigest, d.Basis)
	require.Equal(t, build.DeploySuccess, d.Status)

	ev := correlation.Evidence{Digests: []string{dig}, Service: "shop", Environment: "production"}
	require.Equal(t, envelope.Correlation{CommitSHA: sha, BuildRunID: run, DeploymentID: "github:github.com:acme/shop:d1", Basis: envelope.BasisDigest},
		h.index.Resolve(tenant.Default, ev, date("2026-03-01T13:00:00Z")))
}

// A digest in a deployment proves a build only together with the report of who built it, whichever comes first.
func TestDeploymentsDigestProvesWithItsArtifactOnly(t *testing.T) {
	const run = "github:github.com:acme/shop:7:1"
	artifact := `{"type":"artifact",` + ref + `,"digest":"` + dig + `","name":"shop","commit_sha":"` + sha + `"}`
	deployment := func(more string) string {
		return `{"type":"deployment","provider":"github","host":"github.com","repo":"acme/shop","deployment_id":"d1","environment":"production",
"digests":["` + dig + `"],"status":"success"` + more + `}`
	}
	for _, tc := range []struct {
		name, more    string
		run           string
		before, after envelope.Basis
	}{
		{"run named", `,"build_run_id":"` + run + `"`, run, envelope.BasisRevision, envelope.BasisDigest},
		{"commit named", `,"commit_sha":"` + sha + `"`, "", envelope.BasisRevision, envelope.BasisDigest},
		{"digest alone", "", "", envelope.BasisNone, envelope.BasisDigest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stored := func(h *harness) *build.Deployment {
				return h.stored()["deployment github:github.com:acme/shop:d1 "].(*build.Deployment)
			}
			h := start(t, testConfig())
			code, got := h.events(deployment(tc.more))
			require.Equal(t, 200, code, got)
			require.Equal(t, tc.run, stored(h).BuildRunID)
			require.Equal(t, tc.before, stored(h).Basis)
			_, _ = h.events(artifact)
			require.Equal(t, run, stored(h).BuildRunID)
			require.Equal(t, tc.after, stored(h).Basis)

			h = start(t, testConfig())
			_, _ = h.events(artifact)
			_, _ = h.events(deployment(tc.more))
			require.Equal(t, run, stored(h).BuildRunID)
			require.Equal(t, tc.after, stored(h).Basis, "artifact first")
		})
	}
	h := start(t, testConfig())
	_, _ = h.events(artifact)
	_, _ = h.events(deployment(`,"build_run_id":"github:github.com:acme/shop:8:1"`))
	require.Equal(t, envelope.BasisRevision, h.stored()["deployment github:github.com:acme/shop:d1 "].(*build.Deployment).Basis, "another run made the digest")
}

func TestRequestsAreBounded(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	many := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	var attrs []string
	for i := range maxAttrs + 1 {
		attrs = append(attrs, fmt.Sprintf(`"k%d":"v"`, i))
	}
	run := func(more string) string {
		return `{"type":"run","repo":"a/b","run_id":"1","status":"running"` + more + `}`
	}
	for _, tc := range []struct{ name, body, field, detail string }{
		{"events", `{"events":[` + many(maxEvents+1, "{}") + `]}`, "events", "at most 1000"},
		{"no event", `{"events":[]}`, "events", "1 to 1000"},
		{"text", run(`,"name":"` + long + `"`), "name", "longer than 4096"},
		{"attribute", run(`,"attrs":{"a":"` + long + `"}`), "attrs.a", "longer than 4096"},
		{"name of an attribute", run(`,"attrs":{"` + long + `":""}`), "attrs.xxx", "longer than 4096"},
		{"attributes", run(`,"attrs":{` + strings.Join(attrs, ",") + `}`), "attrs", "at most 100"},
		{"digests", `{"type":"deployment","repo":"a","deployment_id":"1","environment":"p","status":"success","digests":[` +
			many(maxDigests+1, `"`+dig+`"`) + `]}`, "digests", "at most 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, testConfig())
			code, got := h.events(tc.body)
			require.Equal(t, 400, code)
			require.Contains(t, got["field"], tc.field)
			require.Contains(t, got["detail"], tc.detail)
		})
	}
	h := start(t, testConfig())
	code, got := h.events(run(`,"message":"` + strings.Repeat("m", 2*wire.MaxMessage) + `","attrs":{` + strings.Join(attrs[:maxAttrs], ",") + `}`))
	require.Equal(t, 200, code, got)
}

func TestArtifactThatComesAfterItsDeployment(t *testing.T) {
	h := start(t, testConfig())
	code, got := h.events(`{"type":"deployment","repo":"acme/shop","deployment_id":"d1","environment":"production","digests":["` + dig + `"],"status":"in_progress"}`)
	require.Equal(t, 200, code, got)
	const key = "deployment generic:local:acme/shop:d1 "
	require.Empty(t, h.stored()[key].(*build.Deployment).BuildRunID)
	code, got = h.events(`{"type":"artifact",` + ref + `,"digest":"` + dig + `","commit_sha":"` + sha + `"}`)
	require.Equal(t, 200, code, got)
	d := h.stored()[key].(*build.Deployment)
	require.Equal(t, "github:github.com:acme/shop:7:1", d.BuildRunID)
	require.Equal(t, sha, d.CommitSHA)
}

// GitHub tells how the deployment goes, the generic door what it deploys: in any order the service's state is the whole's.
func TestServiceFollowsItsDeployment(t *testing.T) {
	const status = `{"repository":{"id":1,"full_name":"acme/shop"},"deployment":{"id":5,"sha":"` + "%s" + `","environment":"production",
"created_at":"2026-03-01T12:00:00Z","updated_at":"%s"},"deployment_status":{"id":1,"state":"%s","created_at":"%s","updated_at":"%s"}}`
	tell := func(h *harness, state, at, delivery string) {
		code, got := h.github("deployment_status", delivery, fmt.Sprintf(status, sha, at, state, at, at))
		require.Equal(t, 200, code, got)
	}
	steps := map[string]func(h *harness){
		"running": func(h *harness) { tell(h, "in_progress", "2026-03-01T12:01:00Z", "1") },
		"success": func(h *harness) { tell(h, "success", "2026-03-01T12:05:00Z", "2") },
		"service": func(h *harness) {
			code, got := h.events(`{"type":"deployment","provider":"github","host":"github.com","repo":"acme/shop","deployment_id":"5","environment":"production",
"service":"shop","service_version":"1.2","digests":["` + dig + `"],"status":"in_progress","updated_at":"2026-03-01T12:02:00Z"}`)
			require.Equal(t, 200, code, got)
		},
	}
	for _, order := range [][]string{
		{"running", "success", "service"}, {"running", "service", "success"}, {"service", "running", "success"},
		{"service", "success", "running"}, {"success", "running", "service"}, {"success", "service", "running"},
	} {
		t.Run(strings.Join(order, ","), func(t *testing.T) {
			h := start(t, testConfig())
			for _, step := range order {
				steps[step](h)
			}
			d := h.stored()["deployment github:github.com:acme/shop:5 shop"].(*build.Deployment)
			require.Equal(t, build.DeploySuccess, d.Status)
			require.Equal(t, date("2026-03-01T12:05:00Z"), d.FinishedAt)
			require.Equal(t, "1.2", d.ServiceVersion)
			require.Equal(t, []string{dig}, d.Digests)
			require.Equal(t, sha, d.CommitSHA)
		})
	}
}

func TestRunTaskAndTest(t *testing.T) {
	h := start(t, testConfig())
	code, got := h.events(`{"events":[
{"type":"run","repo":"acme/shop","run_id":"7","repository_id":"42","pipeline":"CI","status":"failure","conclusion":"startup_failure","branch":"main",
 "commit_sha":"` + sha + `","actor":"mona","pr_number":5,"created_at":"2026-03-01T12:00:00Z","started_at":"2026-03-01T12:00:02Z","finished_at":"2026-03-01T12:01:00Z"},
{"type":"task","repo":"acme/shop","run_id":"7","repository_id":"42","id":"77","name":"test","status":"failure","runner":"r1",
 "created_at":"2026-03-01T12:00:03Z","started_at":"2026-03-01T12:00:05Z","finished_at":"2026-03-01T12:00:59Z"},
{"type":"task","repo":"acme/shop","run_id":"7","repository_id":"42","id":"1","parent_id":"77","kind":"step","step_number":1,"name":"go test",
 "status":"success","started_at":"2026-03-01T12:00:05Z","finished_at":"2026-03-01T12:00:06Z"},
{"type":"test","build_run_id":"generic:local:acme/shop:7:1","task_id":"77","suite":"cart","name":"adds","status":"success","flaky":true,"retries":2,
 "duration_ns":1500000000,"finished_at":"2026-03-01T12:00:30Z","message":"passed on the third try"}]}`)
	require.Equal(t, 200, code, got)
	require.Equal(t, map[string]any{"status": "stored", "events": 4.0, "spans": 4.0}, got)
	const run = "generic:local:acme/shop:7:1"
	stored := h.stored()
	trace := build.TraceKey{Provider: "generic", Host: "local", RepoID: "42", RunID: "7", Attempt: 1}
	r := stored["run "+run].(*build.Run)
	require.Equal(t, trace.TraceID(), r.TraceID)
	require.Equal(t, build.StatusFailure, r.Status)
	require.Equal(t, "58s", r.Duration.String())
	require.NotContains(t, fmt.Sprint(r), "mona")
	test := stored["task "+run+":cart/adds"].(*build.Task)
	require.Equal(t, build.KindTestCase, test.Kind)
	require.True(t, test.Flaky)
	require.Equal(t, uint16(2), test.Retries)
	require.Equal(t, 1500*time.Millisecond, test.Duration)
	require.Equal(t, "cart", test.Attrs[build.KeySuite])
	byID := map[[8]byte]string{}
	for _, sp := range h.spans() {
		require.Equal(t, trace.TraceID(), [16]byte(sp.TraceID()))
		byID[sp.SpanID()] = sp.Name()
	}
	require.Equal(t, map[[8]byte]string{
		trace.RootSpanID(): "RUN CI", trace.TaskSpanID("77"): "test", trace.QueueSpanID("77"): "queue test", trace.StepSpanID("77", 1, "go test"): "go test",
	}, byID)
	require.Equal(t, build.StatusSuccess, stored["task "+run+":77/1"].(*build.Task).Status)
}

func TestEventWithoutTimesIsOfNow(t *testing.T) {
	before := time.Now().Add(-time.Second)
	list, prob := parseEvents([]byte(`{"type":"run","repo":"a","run_id":"1","status":"running"}`), now())
	require.Nil(t, prob)
	run := list[0].event.(*build.Run)
	require.True(t, run.UpdatedAt.After(before))
	require.True(t, run.CreatedAt.IsZero(), "what wasn't told isn't made up")
}

func TestEventProblems(t *testing.T) {
	run := func(more string) string {
		return `{"type":"run","repo":"a/b","run_id":"1","status":"success"` + more + `}`
	}
	deploy := func(more string) string {
		return `{"type":"deployment","repo":"a/b","deployment_id":"1","environment":"p","status":"success"` + more + `}`
	}
	for _, tc := range []struct {
		name, body, field, detail string
		allowed                   []any
	}{
		{name: "no type", body: `{}`, field: "type", detail: "must be the type", allowed: []any{"artifact", "deployment", "run", "task", "test"}},
		{name: "type is a number", body: `{"type":7}`, field: "type", detail: "must be the type"},
		{name: "unknown type", body: `{"type":"sbom"}`, field: "type", detail: `"sbom" is no type`},
		{name: "array", body: `[]`, detail: "is a JSON array, want an object"},
		{name: "unknown field", body: run(`,"digest":"x"`), field: "digest", detail: "is no field of a run"},
		{name: "wrong type of field", body: run(`,"pr_number":"x"`), field: "pr_number", detail: "is a JSON string, want a number"},
		{name: "number out of range", body: run(`,"attempt":70000`), field: "attempt", detail: "want a number (uint16)"},
		{name: "negative", body: run(`,"attempt":-1`), field: "attempt", detail: "want a number (uint16)"},
		{name: "no repo", body: `{"type":"run","run_id":"1","status":"success"}`, field: "repo", detail: "must name the repository"},
		{name: "no run", body: `{"type":"run","repo":"a/b","status":"success"}`, field: "run_id", detail: "or give build_run_id"},
		{name: "colon", body: `{"type":"run","repo":"a:b","run_id":"1","status":"success"}`, field: "repo", detail: "must not contain a colon"},
		{name: "bad build_run_id", body: `{"type":"run","build_run_id":"x","status":"success"}`, field: "build_run_id", detail: "provider:host"},
		{name: "run named twice", body: `{"type":"run","build_run_id":"p:h:r:1:1","run_id":"1","status":"success"}`, field: "build_run_id", detail: "leave out"},
		{name: "no status", body: `{"type":"run","repo":"a/b","run_id":"1"}`, field: "status", detail: "is missing"},
		{
			name: "unknown status", body: strings.Replace(run(""), "success", "green", 1), field: "status", detail: `"green" is no status`,
			allowed: []any{"unknown", "success", "failure", "cancelled", "skipped", "timeout", "running", "queued", "waiting"},
		},
		{name: "bad time", body: run(`,"created_at":"yesterday"`), field: "created_at", detail: "want RFC 3339"},
		{name: "time out of range", body: run(`,"created_at":"1900-01-01T00:00:00Z"`), field: "created_at", detail: "want RFC 3339"},
		{name: "end before start", body: run(`,"started_at":"2026-03-01T12:00:00Z","finished_at":"2026-03-01T11:00:00Z"`), field: "finished_at", detail: "before started_at"},
		{name: "end of what runs", body: strings.Replace(run(`,"finished_at":"2026-03-01T11:00:00Z"`), "success", "running", 1), field: "finished_at", detail: "doesn't go with"},
		{name: "commit", body: run(`,"commit_sha":"main"`), field: "commit_sha", detail: "hexadecimal"},
		{name: "cost", body: run(`,"cost_usd":-1`), field: "cost_usd", detail: "must not be negative"},
		{name: "reserved attribute", body: run(`,"attrs":{"task_kind":"x"}`), field: "attrs.task_kind", detail: "uses itself"},
		{name: "task without id", body: `{"type":"task",` + ref + `,"name":"x","status":"running"}`, field: "id", detail: "must name the task"},
		{name: "task without name", body: `{"type":"task",` + ref + `,"id":"1","status":"running"}`, field: "name", detail: "is missing"},
		{name: "kind", body: `{"type":"task",` + ref + `,"id":"1","name":"x","kind":"x","status":"running"}`, field: "kind", allowed: []any{"job", "step", "stage"}},
		{name: "step without job", body: `{"type":"task",` + ref + `,"id":"1","name":"x","kind":"step","status":"running"}`, field: "parent_id", detail: "must name the job"},
		{name: "slash in a job", body: `{"type":"task",` + ref + `,"id":"1/2","name":"x","status":"running"}`, field: "id", detail: "slash"},
		{name: "test without name", body: `{"type":"test",` + ref + `,"status":"success"}`, field: "name", detail: "is missing"},
		{name: "duration", body: `{"type":"test",` + ref + `,"name":"x","status":"success","duration_ns":-1}`, field: "duration_ns", detail: "negative"},
		{name: "digest", body: `{"type":"artifact",` + ref + `,"digest":"sha256:123"}`, field: "digest", detail: "64 hexadecimal digits"},
		{name: "artifact of nothing", body: `{"type":"artifact","repo":"a/b","digest":"` + dig + `"}`, field: "run_id", detail: "neither a run nor a commit_sha"},
		{name: "no environment", body: strings.Replace(deploy(""), `"environment":"p",`, "", 1), field: "environment", detail: "where it was put"},
		{name: "deployment status", body: strings.Replace(deploy(""), "success", "done", 1), field: "status", detail: "no status of a deployment"},
		{name: "digests", body: deploy(`,"digests":["` + dig + `","x"]`), field: "digests[1]", detail: "must be a digest"},
		{name: "digests of a wrong type", body: deploy(`,"digests":"` + dig + `"`), field: "digests", detail: "want an array"},
		{name: "deployment's build", body: deploy(`,"build_run_id":"7"`), field: "build_run_id", detail: "provider:host"},
		{name: "in a list", body: `{"events":[` + run("") + `,` + run(`,"x":1`) + `]}`, field: "events[1].x", detail: "is no field"},
		{name: "type in a list", body: `{"events":[{}]}`, field: "events[0].type", detail: "must be the type"},
		{name: "wrong type in a list", body: `{"events":[` + run(`,"branch":7`) + `]}`, field: "events[0].branch", detail: "want a string"},
		{name: "empty list", body: `{"events":[]}`, field: "events", detail: "1 to 1000 events, got 0"},
		{name: "long list", body: `{"events":[` + strings.Repeat(`{},`, 1000) + `{}]}`, field: "events", detail: "at most 1000"},
		{name: "list of numbers", body: `{"events":[1]}`, field: "events", detail: "array of objects"},
		{name: "list and more", body: `{"events":[{}],"type":"run"}`, field: "type", detail: "stands beside events"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, testConfig())
			code, got := h.events(tc.body)
			require.Equal(t, 400, code, got)
			if tc.field != "" {
				require.Equal(t, tc.field, got["field"], got)
			}
			require.Contains(t, got["detail"], tc.detail)
			if tc.allowed != nil {
				require.Equal(t, tc.allowed, got["allowed"])
			}
			require.Empty(t, h.calls, "a request is taken whole or not at all")
		})
	}
}

func TestWhoMaySendEvents(t *testing.T) {
	const body = `{"type":"run","repo":"a/b","run_id":"1","status":"running"}`
	t.Run("loopback without tokens", func(t *testing.T) {
		h := start(t, testConfig())
		code, _ := h.events(body)
		require.Equal(t, 200, code)
		h.remote = "[::1]:9"
		code, _ = h.events(body)
		require.Equal(t, 200, code)
		for _, remote := range []string{"10.0.0.8:5000", "@", ""} {
			h.remote = remote
			code, got := h.events(body)
			require.Equal(t, 401, code, remote)
			require.Contains(t, got["detail"], "only senders on this machine")
		}
	})
	t.Run("web pages and proxies of this machine", func(t *testing.T) {
		h := start(t, testConfig())
		for _, header := range []string{"Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For"} {
			code, got, _ := h.post("/v1/ci/events", body, map[string]string{header: "x", "Content-Type": "text/plain"})
			require.Equal(t, 401, code, header)
			require.Contains(t, got["detail"], header)
		}
		require.Empty(t, h.calls)
	})
	t.Run("tokens", func(t *testing.T) {
		cfg := testConfig()
		one, two := configopaque.String("one"), configopaque.String("two")
		cfg.Events.Tokens = []SecretConfig{{Secret: &one}, {Secret: &two}}
		h := start(t, cfg)
		h.remote = "10.0.0.8:5000"
		for header, want := range map[string]int{"Bearer one": 200, "Bearer two": 200, "Bearer three": 401, "Bearer ": 401, "one": 401, "": 401} {
			code, _, got := h.post("/v1/ci/events", body, map[string]string{"Authorization": header})
			require.Equal(t, want, code, header)
			require.Equal(t, want == 401, got.Get("WWW-Authenticate") != "")
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	h := start(t, testConfig())
	headers := map[string]string{"Idempotency-Key": "k", "X-GitHub-Delivery": "k"}
	code, got, _ := h.post("/v1/ci/events", `{"type":"run","repo":"a/b","run_id":"1","status":"running"}`, headers)
	require.Equal(t, 200, code)
	require.Equal(t, "stored", got["status"])
	_, got, _ = h.post("/v1/ci/events", `{"type":"run","repo":"a/b","run_id":"2","status":"running"}`, headers)
	require.Equal(t, "duplicate", got["status"])
	require.Len(t, deliveryID("events", strings.Repeat("k", 1<<20)), 32, "a long key takes no more memory")
	code, got = h.github("push", "k", examples(t, "push")[4])
	require.Equal(t, 200, code)
	require.Equal(t, "stored", got["status"], "keys of the two doors are apart")
}

// The published schema and the fields that are read are the same.
func TestSchemaMatchesTheReader(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "api", "json", "summit.v1.ci_event.json"))
	require.NoError(t, err)
	var schema struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Type  string   `json:"type"`
				Const string   `json:"const"`
				Enum  []string `json:"enum"`
			} `json:"properties"`
			AdditionalProperties *bool `json:"additionalProperties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(raw, &schema))
	types := map[string]string{}
	for f := range reflect.TypeFor[ciEvent]().Fields() {
		kind := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Slice: "array", reflect.Map: "object"}[f.Type.Kind()]
		if kind == "" {
			kind = "integer"
		}
		types[f.Tag.Get("json")] = kind
	}
	for name, fields := range eventFields {
		def := schema.Defs[name]
		require.Equal(t, name, def.Properties["type"].Const)
		require.NotNil(t, def.AdditionalProperties, name)
		require.False(t, *def.AdditionalProperties, name)
		want := append(slices.Clone(fields), "type", "attrs")
		slices.Sort(want)
		require.Equal(t, want, slices.Sorted(maps.Keys(def.Properties)), name)
		for field, p := range def.Properties {
			if field != "type" {
				require.Equal(t, types[field], p.Type, name+"."+field)
			}
		}
		switch name {
		case "run", "task", "test":
			require.Equal(t, build.StatusNames(), def.Properties["status"].Enum, name)
		case "deployment":
			require.Equal(t, build.DeployStatusNames(), def.Properties["status"].Enum)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"events":[{"type":"run","repo":"a/b","run_id":"1","status":"success","attrs":{"a":"b"}}]}`))
	f.Add([]byte(`{"type":"deployment","repo":"a","deployment_id":"1","environment":"p","status":"success","digests":["` + dig + `"]}`))
	f.Add([]byte(`{"type":"test","build_run_id":"p:h:r:1:1","suite":"s","name":"n","status":"failure","duration_ns":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, prob := parseEvents(body, date("2026-03-01T12:00:00Z"))
		if prob != nil {
			require.Equal(t, 400, prob.Status)
			return
		}
		for _, ev := range withContext(list) {
			build.Graph(ev)
			row, ok := build.RowOf(ev)
			if ok {
				_, err := row.Event()
				require.NoError(t, err)
			}
		}
	})
}
