package cireceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/github"
	"github.com/summitobs/summit/receiver/cireceiver/internal/gitlab"
	"github.com/summitobs/summit/receiver/cireceiver/internal/reconcile"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// fakeAPI answers as a provider's REST API does, a few items a page, and lets a number of requests through in each window.
type fakeAPI struct {
	t      *testing.T
	limit  int
	window time.Duration
	// gitlab tells which prefix the headers have.
	gitlab bool
	// routes are the answers by path; a list is paged.
	routes map[string]any
	flaky  *rand.Rand

	mu       sync.Mutex
	began    time.Time
	used     int
	requests int
	refused  int
	failed   int
}

const pageSize = 7

func (f *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if now := time.Now(); now.Sub(f.began) >= f.window {
		f.began, f.used = now, 0
	}
	prefix := "X-RateLimit-"
	if f.gitlab {
		prefix = "RateLimit-"
		require.Equal(f.t, "token", r.Header.Get("PRIVATE-TOKEN"))
	} else {
		require.Equal(f.t, "Bearer token", r.Header.Get("Authorization"))
	}
	h := http.Header{}
	h.Set(prefix+"Reset", strconv.FormatInt(f.began.Add(f.window).Unix(), 10))
	if f.used >= f.limit {
		f.refused++
		h.Set(prefix+"Remaining", "0")
		return answer(http.StatusForbidden, h, `{"message":"API rate limit exceeded"}`), nil
	}
	f.used++
	h.Set(prefix+"Remaining", strconv.Itoa(f.limit-f.used))
	if f.flaky.IntN(20) == 0 {
		f.failed++
		return answer(http.StatusBadGateway, h, "bad gateway"), nil
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v4")
	v, ok := f.routes[path]
	if !ok {
		return answer(http.StatusNotFound, h, `{"message":"Not Found"}`), nil
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	body, more := paged(f.t, v, page)
	if more {
		next := *r.URL
		q := next.Query()
		q.Set("page", strconv.Itoa(max(page, 1)+1))
		next.RawQuery = q.Encode()
		h.Set("Link", fmt.Sprintf(`<%s>; rel="next", <%s>; rel="last"`, next.String(), next.String()))
	}
	return answer(http.StatusOK, h, body), nil
}

func answer(code int, h http.Header, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// paged cuts a list, which GitHub puts into an object with a count.
func paged(t *testing.T, v any, page int) (string, bool) {
	t.Helper()
	page = max(page, 1)
	cut := func(list []json.RawMessage) ([]json.RawMessage, bool) {
		from := min((page-1)*pageSize, len(list))
		to := min(from+pageSize, len(list))
		return list[from:to], to < len(list)
	}
	var more bool
	switch x := v.(type) {
	case []json.RawMessage:
		x, more = cut(x)
		v = x
	case map[string][]json.RawMessage:
		out := map[string]any{"total_count": 0}
		for k, list := range x {
			list, more = cut(list)
			out[k] = list
		}
		v = out
	}
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw), more
}

// githubHistory is what GitHub knows of a repository, and the deliveries that it sent of it.
func githubHistory(runs int) (map[string]any, []signed) {
	const repo = `{"id":42,"full_name":"acme/shop","html_url":"https://github.com/acme/shop"}`
	routes := map[string]any{"/repos/acme/shop": json.RawMessage(repo)}
	var deliveries []signed
	add := func(event, part, body string, more string) {
		deliveries = append(deliveries, signed{event, fmt.Sprint("d", len(deliveries)), `{"repository":` + repo + `,"` + part + `":` + body + more + `}`})
	}
	var list, deployments []json.RawMessage
	for i := range runs {
		id := 1000 + i
		attempts := 1 + i%5/4
		for attempt := 1; attempt <= attempts; attempt++ {
			from := i*100 + (attempt-1)*50
			run := func(status, conclusion string, updated int) string {
				return fmt.Sprintf(`{"id":%d,"name":"CI","run_attempt":%d,"run_number":%d,"head_branch":"main","head_sha":"%040x","event":"push","status":%q,"conclusion":%s,
"created_at":%q,"run_started_at":%q,"updated_at":%q,"html_url":"https://github.com/acme/shop/actions/runs/%d"}`, id, attempt, i+1, id, status, conclusion, stamp(i*100), stamp(from), stamp(updated), id)
			}
			var jobs []json.RawMessage
			for j := range 1 + i%3 {
				job := func(status, conclusion, end string) string {
					return fmt.Sprintf(`{"id":%d,"run_id":%d,"run_attempt":%d,"name":"job %d","workflow_name":"CI","head_branch":"main","head_sha":"%040x","status":%q,"conclusion":%s,"created_at":%q,"started_at":%q,"completed_at":%s,"steps":[]}`,
						id*100+attempt*10+j, id, attempt, j, id, status, conclusion, stamp(from+1), stamp(from+3), end)
				}
				done := job("completed", []string{`"success"`, `"failure"`}[(i+j)%2], strconv.Quote(stamp(from+30)))
				add("workflow_job", "workflow_job", job("in_progress", "null", "null"), "")
				add("workflow_job", "workflow_job", done, "")
				jobs = append(jobs, json.RawMessage(done))
			}
			done := run("completed", `"failure"`, from+40)
			add("workflow_run", "workflow_run", run("in_progress", "null", from+2), "")
			add("workflow_run", "workflow_run", done, "")
			routes[fmt.Sprintf("/repos/acme/shop/actions/runs/%d/attempts/%d", id, attempt)] = json.RawMessage(done)
			routes[fmt.Sprintf("/repos/acme/shop/actions/runs/%d/attempts/%d/jobs", id, attempt)] = map[string][]json.RawMessage{"jobs": jobs}
			if attempt == attempts {
				list = append(list, json.RawMessage(done))
			}
		}
		if i%4 == 0 {
			d := fmt.Sprintf(`{"id":%d,"sha":"%040x","ref":"main","environment":"production","created_at":%q,"updated_at":%q,"creator":{"login":"mona"}}`, id, id, stamp(i*100+50), stamp(i*100+60))
			st := fmt.Sprintf(`{"id":1,"state":"success","environment":"production","created_at":%q,"updated_at":%q}`, stamp(i*100+60), stamp(i*100+60))
			add("deployment", "deployment", d, "")
			add("deployment_status", "deployment", d, `,"deployment_status":`+st)
			deployments = append([]json.RawMessage{json.RawMessage(d)}, deployments...)
			routes[fmt.Sprintf("/repos/acme/shop/deployments/%d/statuses", id)] = []json.RawMessage{json.RawMessage(st)}
		}
	}
	routes["/repos/acme/shop/actions/runs"] = map[string][]json.RawMessage{"workflow_runs": list}
	routes["/repos/acme/shop/deployments"] = deployments
	return routes, deliveries
}

func token() *SecretConfig {
	s := configopaque.String("token")
	return &SecretConfig{Secret: &s}
}

// TestPoint11ReconcilerRestoresWhatWasLost: of what a provider sends a fifth is lost. One cycle brings all runs back, with
// an API that lets few requests through and fails now and then.
func TestPoint11ReconcilerRestoresWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The history lies in the window that is looked back.
		time.Sleep(time.Until(date("2026-03-01T14:00:00Z")))
		routes, deliveries := githubHistory(40)
		want, _, _ := final(t, deliveries)

		h := start(t, testConfig())
		r := rand.New(rand.NewPCG(1, 2))
		lost := 0
		for _, d := range deliveries {
			if r.IntN(5) == 0 {
				lost++
				continue
			}
			code, got := h.github(d.event, d.id, d.body)
			require.Equal(t, 200, code, got)
		}
		require.Greater(t, lost, len(deliveries)/7)
		require.NotEmpty(t, cmp.Diff(want, h.stored()), "something is missing")

		api := &fakeAPI{t: t, limit: 30, window: time.Minute, routes: routes, flaky: r, began: time.Now()}
		recv := h.parts[0].(*ciReceiver)
		recv.cfg.Reconcile.Reserve = 2
		src, err := recv.account(&AccountConfig{Repos: []string{"acme/shop"}, Token: token()}, "https://api.github.com", &http.Client{Transport: api}, reconcile.GitHub)
		require.NoError(t, err)
		cycle := func() {
			require.NoError(t, src.Cycle(t.Context(), func(ctx context.Context, hd wire.Head) error { return recv.takeReconciled(ctx, github.Provider{}, hd) }))
		}
		began := time.Now()
		cycle()
		require.Empty(t, cmp.Diff(want, h.stored()), "all of it is back")
		require.Zero(t, api.refused, "no request is made that the limit forbids")
		require.Positive(t, api.failed, "the API has failed now and then")
		require.Greater(t, time.Since(began), time.Minute, "the limit made it wait")
		require.Greater(t, api.requests, 60)
		spans := map[string]bool{}
		for _, sp := range h.spans() {
			require.False(t, spans[sp.SpanID().String()], "a span is written once")
			spans[sp.SpanID().String()] = true
		}

		// What is known is asked for once: the next cycle lists and looks no further.
		before, rows := api.requests, len(h.emitted())
		cycle()
		require.Less(t, api.requests-before, 15)
		require.Len(t, h.emitted(), rows)
		require.Positive(t, h.counted()["github reconcile stored"])
		require.Positive(t, h.counted()["github reconcile unchanged"])
	})
}

// gitlabAPI is what GitLab's API knows of the retried pipeline of gitlabRetry, with its finer times.
func gitlabAPI() map[string]any {
	at := func(s int) string {
		return time.Date(2026, 3, 1, 12, 0, s, 337_000_000, time.UTC).Format("2006-01-02T15:04:05.000Z")
	}
	job := func(id int, stage, name, status string, created, started, finished int) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"id":%d,"stage":%q,"name":%q,"status":%q,"failure_reason":"script_failure","created_at":%q,"started_at":%q,"finished_at":%q,"queued_duration":2,
"user":{"username":"ann"},"pipeline":{"id":31},"artifacts":[]}`, id, stage, name, status, at(created), at(started), at(finished)))
	}
	return map[string]any{
		"/projects/acme%2Fshop":           json.RawMessage(`{"id":9,"web_url":"https://gitlab.com/acme/shop","path_with_namespace":"acme/shop"}`),
		"/projects/acme%2Fshop/pipelines": []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"id":31,"iid":3,"status":"success","updated_at":%q}`, at(131)))},
		"/projects/acme%2Fshop/pipelines/31": json.RawMessage(fmt.Sprintf(`{"id":31,"iid":3,"ref":"main","tag":false,"sha":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","source":"push","status":"success",
"detailed_status":{"text":"passed"},"created_at":%q,"updated_at":%q,"started_at":%q,"finished_at":%q,"queued_duration":3,"user":{"username":"ann"},"web_url":"https://gitlab.com/acme/shop/-/pipelines/31"}`, at(0), at(131), at(3), at(131))),
		"/projects/acme%2Fshop/pipelines/31/jobs": []json.RawMessage{
			job(403, "test", "unit", "success", 100, 105, 130), job(402, "test", "unit", "failed", 0, 23, 40), job(401, "build", "build", "success", 0, 3, 20),
		},
		"/projects/acme%2Fshop/deployments": []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"id":15,"sha":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","ref":"main","status":"success","updated_at":%q,
"environment":{"name":"production","tier":"production"},"deployable":{"id":403,"web_url":"https://gitlab.com/acme/shop/-/jobs/403"},"user":{"username":"ann"}}`, at(140)))},
	}
}

func TestPoint11GitLabIsReconciledToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date("2026-03-01T14:00:00Z")))
		for _, tc := range []struct {
			name string
			keep func(i int) bool
		}{
			{"nothing came", func(int) bool { return false }},
			{"the end is missing", func(i int) bool { return i < 9 }},
			{"all came", func(int) bool { return true }},
		} {
			h := start(t, testConfig())
			for i, d := range gitlabRetry() {
				if tc.keep(i) {
					code, got := h.hook("gitlab", d.event, d.body)
					require.Equal(t, 200, code, got)
				}
			}
			api := &fakeAPI{t: t, gitlab: true, limit: 100, window: time.Minute, routes: gitlabAPI(), flaky: rand.New(rand.NewPCG(1, 3)), began: time.Now()}
			recv := h.parts[0].(*ciReceiver)
			src, err := recv.account(&AccountConfig{Repos: []string{"acme/shop"}, Token: token()}, "https://gitlab.com/api/v4", &http.Client{Transport: api}, reconcile.GitLab)
			require.NoError(t, err)
			require.NoError(t, src.Cycle(t.Context(), func(ctx context.Context, hd wire.Head) error { return recv.takeReconciled(ctx, gitlab.Provider{}, hd) }))
			stored := h.stored()
			run := stored["run gitlab:gitlab.com:acme/shop:31:1"].(*build.Run)
			require.Equal(t, build.StatusSuccess, run.Status, tc.name)
			require.Equal(t, date("2026-03-01T12:02:11Z"), run.FinishedAt, "an end of the API is that of the hook")
			again := stored["task gitlab:gitlab.com:acme/shop:31:1:403"].(*build.Task)
			require.Equal(t, build.StatusSuccess, again.Status)
			require.Equal(t, "402", again.Attrs[build.KeyRetryOf], tc.name)
			require.Equal(t, build.StatusFailure, stored["task gitlab:gitlab.com:acme/shop:31:1:402"].(*build.Task).Status)
			require.Equal(t, build.StatusSuccess, stored["task gitlab:gitlab.com:acme/shop:31:1:test"].(*build.Task).Status, "of a retried job the last one counts")
			d := stored["deployment gitlab:gitlab.com:acme/shop:15 "].(*build.Deployment)
			require.Equal(t, "production", d.Environment)
			require.Equal(t, "6113728f27ae82c7b1a177c8d03f9e96e0adf246", d.CommitSHA)
			spans := map[string]int{}
			for _, sp := range h.spans() {
				spans[sp.SpanID().String()]++
				require.Equal(t, 1, spans[sp.SpanID().String()], "%s: %s", tc.name, sp.Name())
			}
		}
	})
}

func TestReconcilerStartsAndStopsWithTheReceiver(t *testing.T) {
	served := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served <- r.URL.Path
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	cfg := testConfig()
	cfg.Reconcile.GitHub = []AccountConfig{{API: server.URL, Repos: []string{"acme/shop"}, Token: token()}}
	h := start(t, cfg)
	require.Equal(t, "/repos/acme/shop", <-served)
	code, _ := h.github("ping", "1", `{}`)
	require.Equal(t, 200, code)
	require.Eventually(t, func() bool { return h.counted()["github reconcile retry cycle"] == 1 }, 10*time.Second, 10*time.Millisecond, "an error is counted and the receiver goes on")
}

func TestReconcileConfig(t *testing.T) {
	account := func(m map[string]any) map[string]any {
		return map[string]any{"reconcile": map[string]any{"github": []any{m}}}
	}
	secret := map[string]any{"secret": "x"}
	repos := []any{"acme/shop"}
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "token", conf: account(map[string]any{"repos": repos, "token": secret})},
		{name: "app", conf: account(map[string]any{"repos": repos, "app": map[string]any{"id": 1, "installation_id": 2, "private_key": secret}})},
		{name: "interval", conf: map[string]any{"reconcile": map[string]any{"interval": "1s", "github": []any{map[string]any{"repos": repos, "token": secret}}}}, err: "reconcile::interval must be at least 1m, got 1s"},
		{name: "lookback", conf: map[string]any{"reconcile": map[string]any{"lookback": "1m", "github": []any{map[string]any{"repos": repos, "token": secret}}}}, err: "reconcile::lookback must be at least the interval of 10m0s"},
		{name: "reserve", conf: map[string]any{"reconcile": map[string]any{"reserve": -1, "github": []any{map[string]any{"repos": repos, "token": secret}}}}, err: "reconcile::reserve must be at least 0, got -1"},
		{name: "no repos", conf: account(map[string]any{"token": secret}), err: "reconcile::github[0]::repos must name at least one repository"},
		{name: "half a name", conf: account(map[string]any{"repos": []any{"shop"}, "token": secret}), err: `repos[0] must be a full name, for example acme/shop, got "shop"`},
		{name: "neither", conf: account(map[string]any{"repos": repos}), err: "exactly one of token and app must be set"},
		{name: "both", conf: account(map[string]any{"repos": repos, "token": secret, "app": map[string]any{"id": 1}}), err: "exactly one of token and app must be set"},
		{name: "app without id", conf: account(map[string]any{"repos": repos, "app": map[string]any{}}), err: "app::id must be the App's number, got 0"},
		{name: "app without installation", conf: account(map[string]any{"repos": repos, "app": map[string]any{"id": 1}}), err: "app::installation_id must be"},
		{name: "app without key", conf: account(map[string]any{"repos": repos, "app": map[string]any{"id": 1, "installation_id": 2}}), err: "app::private_key: exactly one of"},
		{name: "address", conf: account(map[string]any{"repos": repos, "token": secret, "api": "ftp://x"}), err: `api must be an address of http or https, got "ftp://x"`},
		{name: "app at gitlab", conf: map[string]any{"reconcile": map[string]any{"gitlab": []any{map[string]any{"repos": repos, "app": map[string]any{"id": 1}}}}}, err: "reconcile::gitlab[0]::app is for github"},
		{name: "gitlab without token", conf: map[string]any{"reconcile": map[string]any{"gitlab": []any{map[string]any{"repos": repos}}}}, err: "reconcile::gitlab[0]::token must be set"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, confmap.NewFromStringMap(tc.conf).Unmarshal(cfg))
			err := confmap.Validate(cfg)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
}
