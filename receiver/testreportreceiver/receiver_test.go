package testreportreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
)

type testDoor struct {
	component.StartFunc
	component.ShutdownFunc
	*http.ServeMux
}

func (d *testDoor) Handle(pattern string, h http.Handler) error {
	d.ServeMux.Handle(pattern, h)
	return nil
}

type testHost struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h testHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

// pipeline keeps the events that it is given; err is what it answers.
type pipeline struct {
	events []build.Event
	calls  int
	err    error
}

func (p *pipeline) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (p *pipeline) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	p.calls++
	if p.err != nil {
		return p.err
	}
	if !build.Checked(ctx) {
		return errors.New("build events without the mark of a checked sender")
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				ev, ok, err := build.FromLogRecord(lr)
				if err != nil || !ok {
					return errors.Join(err, errors.New("no build event"))
				}
				p.events = append(p.events, ev)
			}
		}
	}
	return nil
}

func (p *pipeline) tasks(kind build.TaskKind) map[string]*build.Task {
	out := map[string]*build.Task{}
	for _, ev := range p.events {
		if t := ev.(*build.Task); t.Kind == kind {
			out[t.Name] = t
		}
	}
	return out
}

type harness struct {
	*pipeline
	receiver *reportReceiver
	door     *testDoor
	remote   string
	token    string
}

func start(t *testing.T, edit func(*Config)) *harness {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if edit != nil {
		edit(cfg)
	}
	require.NoError(t, cfg.Validate())
	h := &harness{pipeline: &pipeline{}, door: &testDoor{ServeMux: http.NewServeMux()}, remote: "127.0.0.1:5000"}
	r, err := newReceiver(receivertest.NewNopSettings(Type), cfg, h.pipeline)
	require.NoError(t, err)
	h.receiver = r
	require.NoError(t, r.Start(t.Context(), testHost{componenttest.NewNopHost(), map[component.ID]component.Component{cfg.Door: h.door}}))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.WithoutCancel(t.Context()))) })
	return h
}

func (h *harness) post(query, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/v1/tests?"+query, strings.NewReader(body))
	req.RemoteAddr = h.remote
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.door.ServeHTTP(w, req)
	return w
}

func answer(t *testing.T, w *httptest.ResponseRecorder) result {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var res result
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &res))
	return res
}

func refused(t *testing.T, w *httptest.ResponseRecorder, status int) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	return p
}

const (
	where = "provider=github&host=github.com&repo=acme/shop&run_id=7&attempt=2&task_id=31&branch=main&commit_sha=0F1E2D3C4B5A"
	// rerun is surefire's form of a test that failed and passed when it was run again; the counters are wrong.
	rerun = `<testsuite name="acme.Checkout" tests="9" failures="9" timestamp="2026-03-04T05:06:07Z">
		<testcase name="pays" classname="acme.Checkout" time="1.5" file="src/checkout.java"><flakyFailure message="want 200" type="AssertionError">at acme.Checkout.pays(Checkout.java:12)</flakyFailure></testcase>
		<testcase name="refunds" classname="acme.Checkout" time="0.5"><failure message="want 1, got 2" type="AssertionError">at acme.Checkout.refunds(Checkout.java:40)</failure></testcase>
		<testcase name="waits" classname="acme.Checkout"><skipped/></testcase></testsuite>`
)

func TestAReportBecomesSuitesAndCases(t *testing.T) {
	h := start(t, nil)
	res := answer(t, h.post(where, rerun))
	require.Equal(t, "stored", res.Status)
	require.Equal(t, "junit", res.Format)
	require.Equal(t, 3, res.Total, "of the cases, not of the counter")
	require.Equal(t, []int{1, 1, 0, 1, 1, 1}, []int{res.Passed, res.Failed, res.Errored, res.Skipped, res.Flaky, res.Suites})

	cases, suites := h.tasks(build.KindTestCase), h.tasks(build.KindTestSuite)
	require.Len(t, suites, 1)
	suite := suites["acme.Checkout"]
	require.Equal(t, "31", suite.ParentID)
	require.Equal(t, "3", suite.Attrs[envelope.AttrTestCounts+"total"])
	require.Equal(t, build.StatusFailure, suite.Status)

	pays := cases["pays"]
	require.Equal(t, build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "7", Attempt: 2}, pays.RunKey)
	require.Equal(t, build.StatusSuccess, pays.Status)
	require.True(t, pays.Flaky)
	require.Equal(t, uint16(1), pays.Retries)
	require.Equal(t, "fail,pass", pays.Attrs[envelope.AttrTestOutcomes])
	require.Equal(t, "0f1e2d3c4b5a", pays.CommitSHA)
	require.Equal(t, suite.ID, pays.ParentID)
	require.Regexp(t, `^[0-9a-f]{32}$`, pays.Attrs[envelope.AttrTestID])
	require.NotZero(t, cases["refunds"].ErrorFP)
	require.Equal(t, "want 1, got 2", cases["refunds"].Message)
	require.Equal(t, build.StatusSkipped, cases["waits"].Status)
}

func TestTheSameReportGivesTheSameEvents(t *testing.T) {
	h := start(t, nil)
	answer(t, h.post(where, rerun))
	first := h.events
	h.events = nil
	answer(t, h.post(where, rerun))
	require.Empty(t, cmp.Diff(first, h.events))
}

func TestParametersAreCheckedByName(t *testing.T) {
	h := start(t, nil)
	for _, tc := range []struct{ name, query, field string }{
		{"no repo", "run_id=1", "repo"},
		{"no run", "repo=a/b", "run_id"},
		{"colon", "repo=a/b&run_id=1:2", "run_id"},
		{"attempt", "repo=a/b&run_id=1&attempt=0", "attempt"},
		{"commit", "repo=a/b&run_id=1&commit_sha=HEAD", "commit_sha"},
		{"format", "repo=a/b&run_id=1&format=xunit", "format"},
		{"unknown", "repo=a/b&run_id=1&comit=x", "comit"},
		{"twice", "repo=a/b&repo=a/c&run_id=1", "repo"},
		{"long", "repo=a/b&run_id=1&shard=" + strings.Repeat("x", maxParam+1), "shard"},
		{"run id", "build_run_id=seven", "build_run_id"},
		{"both", "build_run_id=github:github.com:a/b:7:1&run_id=7", "build_run_id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := refused(t, h.post(tc.query, rerun), http.StatusBadRequest)
			require.Equal(t, tc.field, p.Field)
			if tc.name == "format" || tc.name == "unknown" {
				require.NotEmpty(t, p.Allowed)
			}
		})
	}
	require.Zero(t, h.calls)
}

func TestParametersMayStandInHeaders(t *testing.T) {
	h := start(t, nil)
	answer(t, h.post("", rerun, "Summit-Build-Run-Id", "gitlab:gitlab.com:a/b/c:9:1", "Summit-Task-Id", "4", "Summit-Shard", "2/3"))
	pays := h.tasks(build.KindTestCase)["pays"]
	require.Equal(t, "gitlab:gitlab.com:a/b/c:9:1", pays.RunKey.ID())
	require.Equal(t, "2/3", pays.Attrs[envelope.AttrTestShard])
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	h := start(t, nil)
	p := refused(t, h.post(where, "hello"), http.StatusBadRequest)
	require.Equal(t, "format", p.Field)
	require.Contains(t, p.Allowed, "junit")
	refused(t, h.post(where, "<testsuite><testcase name='a'>"), http.StatusBadRequest)
	p = refused(t, h.post(where, strings.Repeat("<testsuite>", 10_000)), http.StatusRequestEntityTooLarge)
	require.Contains(t, p.Detail, "nested deeper")
	require.Zero(t, h.calls)
}

func TestOnlyWhoMayIsServed(t *testing.T) {
	t.Run("this machine", func(t *testing.T) {
		h := start(t, nil)
		h.remote = "192.0.2.1:4000"
		refused(t, h.post(where, rerun), http.StatusUnauthorized)
		h.remote = "127.0.0.1:4000"
		refused(t, h.post(where, rerun, "Origin", "https://example.com"), http.StatusUnauthorized)
		refused(t, h.post(where, rerun, "X-Forwarded-For", "192.0.2.1"), http.StatusUnauthorized)
		answer(t, h.post(where, rerun))
	})
	t.Run("tokens", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(file, []byte("new\n"), 0o600))
		old := configopaque.String("old")
		h := start(t, func(c *Config) { c.Tokens = []SecretConfig{{Secret: &old}, {SecretFile: file}} })
		w := h.post(where, rerun)
		refused(t, w, http.StatusUnauthorized)
		require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
		h.token = "other"
		refused(t, h.post(where, rerun), http.StatusUnauthorized)
		h.remote = "192.0.2.1:4000"
		for _, h.token = range []string{"old", "new"} {
			answer(t, h.post(where, rerun))
		}
	})
	t.Run("a token that isn't set", func(t *testing.T) {
		h := start(t, func(c *Config) { c.Tokens = []SecretConfig{{SecretEnv: "SUMMIT_TEST_TOKEN_NOT_SET"}} })
		refused(t, h.post(where, rerun), http.StatusServiceUnavailable)
	})
	t.Run("an empty token", func(t *testing.T) {
		t.Setenv("SUMMIT_TEST_TOKEN_EMPTY", " ")
		cfg := createDefaultConfig().(*Config)
		cfg.Tokens = []SecretConfig{{SecretEnv: "SUMMIT_TEST_TOKEN_EMPTY"}}
		r, err := newReceiver(receivertest.NewNopSettings(Type), cfg, &pipeline{})
		require.NoError(t, err)
		host := testHost{componenttest.NewNopHost(), map[component.ID]component.Component{cfg.Door: &testDoor{ServeMux: http.NewServeMux()}}}
		require.ErrorContains(t, r.Start(t.Context(), host), "let anybody in")
	})
}

func TestSuccessMeansStored(t *testing.T) {
	h := start(t, nil)
	h.err = errors.New("the queue is full")
	w := h.post(where, rerun)
	refused(t, w, http.StatusServiceUnavailable)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	h.err = consumererror.NewPermanent(errors.New("never"))
	refused(t, h.post(where, rerun), http.StatusInternalServerError)
	h.err = nil
	answer(t, h.post(where, rerun))
	require.Len(t, h.events, 4)
}

func TestLargeReportsGoInBatches(t *testing.T) {
	var b strings.Builder
	b.WriteString("<testsuite name='s'>")
	for i := range 2*batch + 5 {
		b.WriteString("<testcase name='t" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + "'/>")
	}
	b.WriteString("</testsuite>")
	h := start(t, func(c *Config) { c.MaxCases = 2 * batch })
	res := answer(t, h.post(where, b.String()))
	require.Equal(t, 2*batch, res.Total)
	require.Equal(t, 5, res.Lost["too_many_cases"])
	require.Equal(t, 3, h.calls)
	require.Len(t, h.events, 2*batch+1)
}

// form gives the body of a form and its content type; names and texts alternate.
func form(t *testing.T, parts ...string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		p, err := w.CreateFormFile(parts[i], parts[i])
		require.NoError(t, err)
		_, err = io.WriteString(p, parts[i+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestPoint14TheNativeFormWinsAndOwnersCome(t *testing.T) {
	h := start(t, nil)
	native := `{"numRuntimeErrorTestSuites":0,"testResults":[{"name":"/home/runner/work/shop/shop/src/cart.test.js","status":"passed","startTime":1772600000000,"endTime":1772600001000,
		"assertionResults":[{"ancestorTitles":["cart"],"title":"adds","status":"passed","duration":4,"invocations":2,"retryReasons":["Error: boom"]}]}]}`
	xml := `<testsuites><testsuite name="cart"><testcase classname="cart adds" name="cart adds" time="0.004"/></testsuite></testsuites>`
	body, kind := form(t, "report", xml, "report", native, "codeowners", "* @acme/all\n/src/ @acme/cart @ada\n")
	res := answer(t, h.post(where, body, "Content-Type", kind))
	require.Equal(t, "jest", res.Format)
	require.Equal(t, []int{1, 1, 1}, []int{res.Total, res.Flaky, res.LeftOut})
	adds := h.tasks(build.KindTestCase)["adds"]
	require.Equal(t, "fail,pass", adds.Attrs[envelope.AttrTestOutcomes])
	require.Equal(t, "@acme/cart @ada", adds.Attrs[envelope.AttrTestOwner])
	require.Equal(t, "src/cart.test.js", adds.Attrs["code.file.path"])

	body, kind = form(t, "rapport", xml)
	require.Equal(t, "rapport", refused(t, h.post(where, body, "Content-Type", kind), http.StatusBadRequest).Field)
	body, kind = form(t)
	require.Equal(t, "report", refused(t, h.post(where, body, "Content-Type", kind), http.StatusBadRequest).Field)
}

func TestARetryInASecondFileIsOne(t *testing.T) {
	h := start(t, nil)
	failed := `<testsuite name="s"><testcase name="a"><failure message="no"/></testcase><testcase name="b"/></testsuite>`
	again := `<testsuite name="s"><testcase name="a"/></testsuite>`
	body, kind := form(t, "report", failed, "report", again)
	res := answer(t, h.post(where, body, "Content-Type", kind))
	require.Equal(t, []int{2, 2, 0, 1}, []int{res.Total, res.Passed, res.Failed, res.Flaky})
	require.Equal(t, "fail,pass", h.tasks(build.KindTestCase)["a"].Attrs[envelope.AttrTestOutcomes])
}

func TestConfiguredOwnersStandIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "CODEOWNERS")
	require.NoError(t, os.WriteFile(file, []byte("*.java @acme/jvm\n"), 0o600))
	h := start(t, func(c *Config) { c.CodeOwners = file })
	answer(t, h.post(where, rerun))
	require.Equal(t, "@acme/jvm", h.tasks(build.KindTestCase)["pays"].Attrs[envelope.AttrTestOwner])
}

func TestBusyAndClosing(t *testing.T) {
	h := start(t, func(c *Config) { c.MaxConcurrent = 1 })
	h.receiver.places <- struct{}{}
	refused(t, h.post(where, rerun), http.StatusServiceUnavailable)
	<-h.receiver.places
	answer(t, h.post(where, rerun))
	require.NoError(t, h.receiver.Shutdown(t.Context()))
	refused(t, h.post(where, rerun), http.StatusServiceUnavailable)
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "default"},
		{name: "door", conf: map[string]any{"door": ""}, err: "door"},
		{name: "tenant", conf: map[string]any{"tenant": "acme"}, err: "tenant"},
		{name: "token", conf: map[string]any{"tokens": []any{map[string]any{}}}, err: "tokens[0]: exactly one of secret_file, secret_env and secret"},
		{name: "empty token", conf: map[string]any{"tokens": []any{map[string]any{"secret": ""}}}, err: "let anybody in"},
		{name: "cases", conf: map[string]any{"max_cases": 0}, err: "max_cases must be 1 to 1000000, got 0"},
		{name: "concurrent", conf: map[string]any{"max_concurrent": 65}, err: "max_concurrent must be 1 to 64, got 65"},
		{name: "unknown", conf: map[string]any{"token": "x"}, err: "token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			err := confmap.NewFromStringMap(tc.conf).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
		})
	}
}
