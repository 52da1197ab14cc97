package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/api"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

var update = flag.Bool("update", false, "write api/openapi.yaml")

type client struct {
	t       *testing.T
	handler http.Handler
}

func open(t *testing.T) (clickhouse.Store, client) {
	t.Helper()
	s := enginetest.Open(t)
	mux := http.NewServeMux()
	api.Register(mux, query.New(runner.New(s, runner.DefaultLimits()), "test"), "test", slog.New(slog.DiscardHandler))
	return s, client{t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), querytest.Caller)))
	})}
}

func (c client) get(path string) (int, map[string]any, http.Header) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var body map[string]any
	require.NoError(c.t, json.Unmarshal(w.Body.Bytes(), &body), w.Body.String())
	return w.Code, body, w.Header()
}

func (c client) ok(path string) map[string]any {
	c.t.Helper()
	code, body, _ := c.get(path)
	require.Equal(c.t, http.StatusOK, code, "%s: %v", path, body)
	return body
}

func TestRoutesAnswer(t *testing.T) {
	s, c := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	run, fp, trace := querytest.RunID("4711"), querytest.ID16("fp"), querytest.ID16("trace")
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(trace, 1, 0, "shop", "GET /cart", at, time.Second).With(querytest.Row{
		"build_run_id": run, "correlation_basis": "digest", "attrs_str": map[string]string{"k": "a=b"},
	}))
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, trace, 1, "shop", at).With(querytest.Row{"build_run_id": run, "correlation_basis": "digest"}))
	querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", "4711", run, at).With(querytest.Row{"finished_at": time.Unix(0, 0)}))

	item := c.ok("/api/v1/traces?attr=k%3Da%3Db&attr=k=a%3Db&service=shop&min_duration_ns=1")["items"].([]any)[0].(map[string]any)
	require.Equal(t, querytest.Hex(trace), item["trace_id"])
	require.Equal(t, float64(time.Second), item["duration_ns"])
	span := c.ok("/api/v1/traces/" + querytest.Hex(trace))["spans"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"k": map[string]any{"type": "string", "value": "a=b"}}, span["attributes"])
	require.Equal(t, map[string]any{}, span["resource"])
	require.Equal(t, []any{}, span["events"])

	list := c.ok("/api/v1/errors")
	require.Len(t, list["items"], 1)
	require.Equal(t, []any{nil, false, false}, []any{list["next"], list["partial"], list["sampled"]})
	group := c.ok("/api/v1/errors/" + url.PathEscape(querytest.Print(fp)))
	require.Len(t, group["occurrences"], 1)

	build := c.ok("/api/v1/builds")["items"].([]any)[0].(map[string]any)
	require.Equal(t, run, build["id"])
	require.Nil(t, build["finished_at"])
	require.Equal(t, float64(0), build["tasks"])
	detail := c.ok("/api/v1/builds/" + strings.ReplaceAll(url.QueryEscape(run), "+", "%20"))
	require.Equal(t, run, detail["id"])
	require.Equal(t, []any{}, detail["tasks"], "in a build the tasks themselves")

	for _, q := range []string{"error=" + querytest.Print(fp), "trace=" + querytest.Hex(trace), "build=" + url.QueryEscape(run)} {
		require.Len(t, c.ok("/api/v1/lineage?" + q)["hops"], 8, q)
	}
	service := c.ok("/api/v1/services")["items"].([]any)[0].(map[string]any)
	require.Equal(t, "shop", service["service"])
	status := c.ok("/api/v1/status")
	require.Equal(t, true, status["ready"], status)
	require.Equal(t, "embedded", status["store"].(map[string]any)["kind"])
	items := map[string]any{}
	for _, sig := range status["signals"].([]any) {
		items[sig.(map[string]any)["signal"].(string)] = sig.(map[string]any)["items"]
	}
	require.Equal(t, map[string]any{"traces": 1.0, "logs": 0.0, "metrics": 0.0, "builds": 1.0, "deployments": 0.0, "errors": 1.0}, items)
}

func TestEveryFormOfTimeIsRead(t *testing.T) {
	s, c := open(t)
	at := time.Now().UTC().Add(-10 * time.Minute)
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(querytest.ID16("t"), 1, 0, "shop", "root", at, time.Second))
	for _, tc := range []struct {
		from, to string
		found    bool
	}{
		{"now-15m", "now", true}, {"now-1d", "now+1h", true}, {"now-5m", "now", false}, {"now-1h30m", "now-5m", true}, {"", "now-11m", false},
		{at.Format(time.RFC3339Nano), at.Add(time.Nanosecond).Format(time.RFC3339Nano), true},
		{at.Add(time.Nanosecond).Format(time.RFC3339Nano), "now", false},
		{at.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano), "now", true},
		{fmt.Sprint(at.UnixNano()), fmt.Sprint(at.UnixNano() + 1), true}, {"0", "", true},
	} {
		t.Run(tc.from+" to "+tc.to, func(t *testing.T) {
			q := url.Values{}
			if tc.from != "" {
				q.Set("from", tc.from)
			}
			if tc.to != "" {
				q.Set("to", tc.to)
			}
			body := client{t, c.handler}.ok("/api/v1/traces?" + q.Encode())
			require.Equal(t, tc.found, len(body["items"].([]any)) == 1)
		})
	}
}

func TestProblemsNameTheFieldAndWhatIsAllowed(t *testing.T) {
	_, c := open(t)
	for _, tc := range []struct {
		path    string
		status  int
		field   string
		allowed []any
	}{
		{path: "/api/v1/traces?status=bad", status: 400, field: "status", allowed: []any{"ok", "error", "unset"}},
		{path: "/api/v1/traces?limit=0", status: 400, field: "limit"},
		{path: "/api/v1/traces?limit=501", status: 400, field: "limit"},
		{path: "/api/v1/traces?limit=many", status: 400, field: "limit"},
		{path: "/api/v1/traces?from=yesterday", status: 400, field: "from"},
		{path: "/api/v1/traces?to=now-", status: 400, field: "to"},
		{path: "/api/v1/traces?from=now&to=now-1h", status: 400, field: "from"},
		{path: "/api/v1/traces?from=1500-01-01T00:00:00Z", status: 400, field: "from"},
		{path: "/api/v1/traces?attr=novalue", status: 400, field: "attr"},
		{path: "/api/v1/traces?cursor=%21", status: 400, field: "cursor"},
		{path: "/api/v1/traces/12", status: 400, field: "trace_id"},
		{path: "/api/v1/traces/" + strings.Repeat("0f", 16), status: 404},
		{path: "/api/v1/errors/x", status: 400, field: "fingerprint"},
		{path: "/api/v1/errors/v1:" + strings.Repeat("0f", 16), status: 404},
		{path: "/api/v1/builds?status=green", status: 400, field: "status", allowed: []any{"queued", "waiting", "running", "success", "failure", "cancelled", "skipped", "timeout", "unknown"}},
		{path: "/api/v1/builds/1", status: 400, field: "id"},
		{path: "/api/v1/builds/" + url.PathEscape(querytest.RunID("1")), status: 404},
		{path: "/api/v1/lineage", status: 400, field: "error", allowed: []any{"error", "trace", "build", "deployment", "commit", "artifact"}},
		{path: "/api/v1/lineage?trace=a&commit=b", status: 400, field: "commit", allowed: []any{"error", "trace", "build", "deployment", "commit", "artifact"}},
		{path: "/api/v1/nothing", status: 404},
	} {
		t.Run(tc.path, func(t *testing.T) {
			code, body, header := client{t, c.handler}.get(tc.path)
			require.Equal(t, tc.status, code, body)
			require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			require.Equal(t, float64(tc.status), body["status"])
			require.NotEmpty(t, body["detail"])
			require.NotEmpty(t, body["title"])
			if tc.field != "" {
				require.Equal(t, tc.field, body["field"], body)
			}
			if tc.allowed != nil {
				require.Equal(t, tc.allowed, body["allowed"])
			}
		})
	}
}

func TestNobodyGetsNothing(t *testing.T) {
	s := enginetest.Open(t)
	mux := http.NewServeMux()
	api.Register(mux, query.New(runner.New(s, runner.DefaultLimits()), "test"), "test", slog.New(slog.DiscardHandler))
	code, body, _ := client{t, mux}.get("/api/v1/traces")
	require.Equal(t, http.StatusUnauthorized, code, body)
}

func TestOnlyGetIsAnswered(t *testing.T) {
	_, c := open(t)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/api/v1/traces", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Contains(t, w.Header().Get("Allow"), "GET")
}

func TestDocumentIsServedAndCommitted(t *testing.T) {
	s, c := open(t)
	body := c.ok("/api/v1/openapi.json")
	require.Equal(t, "3.1.0", body["openapi"])
	for _, route := range []string{"/traces", "/traces/{trace_id}", "/errors", "/errors/{fingerprint}", "/builds", "/builds/{id}", "/lineage", "/services", "/status"} {
		require.Contains(t, body["paths"], "/api/v1"+route)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/openapi.yaml", nil))
	require.Equal(t, http.StatusOK, w.Code)

	doc := api.Register(http.NewServeMux(), query.New(runner.New(s, runner.DefaultLimits()), ""), "v1", slog.New(slog.DiscardHandler))
	got, err := doc.YAML()
	require.NoError(t, err)
	const path = "../../api/openapi.yaml"
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), string(got)), "run: go test ./queryd/api -update")
}
