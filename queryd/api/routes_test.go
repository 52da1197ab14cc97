package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/api"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

// ids are well-formed values of the parameters in paths.
var ids = map[string]string{
	"trace_id": strings.Repeat("0f", 16), "fingerprint": "v1:" + strings.Repeat("0f", 16), "id": url.PathEscape(querytest.RunID("1")),
	"test_id": strings.Repeat("0f", 16),
}

// wanted are parameters that a route can't do without.
var wanted = map[string]url.Values{
	"/api/v1/pipelines/stats": {"repo": {"acme/shop"}, "pipeline": {"ci"}}, "/api/v1/blame": {"error": {ids["fingerprint"]}},
	"/api/v1/impact": {"commit": {"abc"}},
}

// param is a parameter of a route as the document describes it.
type param struct {
	name, in, typ    string
	enum             []any
	minimum, maximum any
}

// route is a route of the document.
type route struct {
	path   string
	params []param
}

// routes reads all of them from the document that is served.
func routes(c client) []route {
	var out []route
	for path, item := range c.ok("/api/v1/openapi.json")["paths"].(map[string]any) {
		r := route{path: path}
		list, _ := item.(map[string]any)["get"].(map[string]any)["parameters"].([]any)
		for _, p := range list {
			p := p.(map[string]any)
			schema := p["schema"].(map[string]any)
			one := param{name: p["name"].(string), in: p["in"].(string), minimum: schema["minimum"], maximum: schema["maximum"]}
			one.typ, _ = schema["type"].(string)
			one.enum, _ = schema["enum"].([]any)
			r.params = append(r.params, one)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.path, b.path) })
	return out
}

// target is the route's address with well-formed ids, but for one that is given.
func (r route) target(params url.Values, name, value string) string {
	path := r.path
	for k, v := range ids {
		if k == name {
			v = value
		}
		path = strings.ReplaceAll(path, "{"+k+"}", v)
	}
	if strings.HasSuffix(r.path, "/lineage") && !slices.ContainsFunc(query.SubjectKinds, params.Has) {
		return path + "?error=" + ids["fingerprint"] + "&" + params.Encode()
	}
	all := url.Values{}
	maps.Copy(all, wanted[r.path])
	maps.Copy(all, params)
	return path + "?" + all.Encode()
}

// wrongValues are values that a parameter can't have.
func (p param) wrongValues() []string {
	switch {
	case p.enum != nil:
		return []string{"no_such", "OK ", strings.ToUpper(p.enum[0].(string))}
	case p.typ == "integer":
		wrong := []string{"x", "1.5", "0x1", "99999999999999999999", fmt.Sprint(p.minimum.(float64) - 1)}
		if p.maximum != nil {
			wrong = append(wrong, fmt.Sprint(p.maximum.(float64)+1))
		}
		return wrong
	case p.name == "from" || p.name == "to":
		return []string{"yesterday", "now-", "now-1", "now*2", "1500-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01", "-1", "now-999y"}
	case p.name == "cursor":
		return []string{"!", "e30", "bnVsbA", "eyJrIjpbIiJdfQ"}
	case p.name == "attr":
		return []string{"novalue", "=x"}
	}
	return nil
}

// Whatever is wrong with a documented parameter is said as a problem that names it, and names its values where they are few.
func TestEachParameterOfEachRouteIsChecked(t *testing.T) {
	_, c := open(t)
	checked := 0
	for _, r := range routes(c) {
		for _, p := range r.params {
			for _, wrong := range p.wrongValues() {
				t.Run(r.path+"/"+p.name+"="+wrong, func(t *testing.T) {
					code, body, header := client{t, c.handler}.get(r.target(url.Values{p.name: {wrong}}, "", ""))
					require.Equal(t, http.StatusBadRequest, code, body)
					require.Equal(t, "application/problem+json", header.Get("Content-Type"))
					require.Equal(t, p.name, body["field"], body)
					require.Contains(t, body["detail"], p.name)
					if p.enum != nil {
						require.Equal(t, p.enum, body["allowed"])
					}
				})
				checked++
			}
		}
	}
	require.Greater(t, checked, 100)
}

func TestEachValueThatTheDocumentAllowsIsTaken(t *testing.T) {
	_, c := open(t)
	for _, r := range routes(c) {
		for _, p := range r.params {
			values := p.enum
			if p.typ == "integer" {
				values = []any{p.minimum}
				if p.maximum != nil {
					values = append(values, p.maximum)
				}
			}
			for _, v := range values {
				code, body, _ := c.get(r.target(url.Values{p.name: {fmt.Sprint(v)}}, "", ""))
				require.Equal(t, http.StatusOK, code, "%s %s=%v: %v", r.path, p.name, v, body)
			}
		}
	}
}

func TestIdsInPathsAreChecked(t *testing.T) {
	_, c := open(t)
	for _, r := range routes(c) {
		for _, p := range r.params {
			if p.in != "path" {
				continue
			}
			for _, wrong := range []string{"x", "%00", "%F0%9F%98%80", strings.Repeat("a", 5000), "..%2F..", "%27%20OR%201", "v1:" + strings.Repeat("g", 32)} {
				code, body, _ := c.get(r.target(url.Values{}, p.name, wrong))
				require.Equal(t, http.StatusBadRequest, code, "%s: %v", wrong, body)
				require.Equal(t, p.name, body["field"], wrong)
			}
			code, body, _ := c.get(r.target(url.Values{}, "", ""))
			require.Equal(t, http.StatusNotFound, code, body)
			require.NotContains(t, body, "field", "nothing is wrong with the request")
		}
	}
}

// Texts are taken as they are: none ends a statement, and none finds what is not there.
func TestHostileTextsFindNothing(t *testing.T) {
	s, c := open(t)
	querytest.Insert(t, s, "events_trace_v1", querytest.Span(querytest.ID16("t"), 1, 0, "shop", "root", time.Now().UTC().Add(-time.Minute), time.Second))
	querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", "1", querytest.RunID("1"), time.Now().UTC().Add(-time.Minute)))
	asked := 0
	for _, r := range routes(c) {
		for _, p := range r.params {
			if p.in != "query" || p.typ != "string" || p.enum != nil || p.wrongValues() != nil {
				continue
			}
			for _, text := range []string{
				"' OR 1=1 --", `\' OR 1=1 --`, "{tenant:UUID}", "\x00", "\xff\xfe", "%", "_", "a\nb", "😀", "`", "$1", "?", "@p", strings.Repeat("x", 1<<14), "NULL", "\\N",
			} {
				code, body, _ := c.get(r.target(url.Values{p.name: {text}}, "", ""))
				require.Less(t, code, 500, "%s %s=%q: %v", r.path, p.name, text, body)
				if code == http.StatusOK && body["items"] != nil {
					require.Empty(t, body["items"], "%s %s=%q", r.path, p.name, text)
				}
				asked++
			}
		}
	}
	require.Greater(t, asked, 200)
	require.Len(t, c.ok("/api/v1/traces")["items"], 1, "it is still there")
}

// The place in one list is none in another, and none in the same one after a change of its form.
func TestCursorOfAnotherListIsRefused(t *testing.T) {
	s, c := open(t)
	at := time.Now().UTC().Add(-time.Minute)
	lists := []string{"traces", "errors", "builds"}
	for i := range 2 {
		id := fmt.Sprint(i)
		querytest.Insert(t, s, "events_trace_v1", querytest.Span(querytest.ID16(id), 1, 0, "shop", "root", at, time.Second))
		querytest.Insert(t, s, "events_error_v1", querytest.Exception(querytest.ID16(id), querytest.ID16(id), 1, "shop", at))
		querytest.Insert(t, s, "metrics_build_v1", querytest.BuildRow("run", id, querytest.RunID(id), at))
	}
	for _, from := range lists {
		next := c.ok("/api/v1/" + from + "?limit=1")["next"].(string)
		for _, to := range lists {
			code, body, _ := c.get("/api/v1/" + to + "?limit=1&cursor=" + next)
			if from == to {
				require.Equal(t, http.StatusOK, code, body)
				require.Len(t, body["items"], 1)
				require.Nil(t, body["next"])
				continue
			}
			require.Equal(t, http.StatusBadRequest, code, "%s takes the cursor of %s: %v", to, from, body)
			require.Equal(t, "cursor", body["field"])
		}
	}
}

func TestNoRouteAnswersStrangersOrOtherMethods(t *testing.T) {
	_, c := open(t)
	mux := http.NewServeMux()
	api.Register(mux, query.New(runner.New(enginetest.Open(t), runner.DefaultLimits()), "test"), "test", slog.New(slog.DiscardHandler))
	for _, r := range routes(c) {
		target := r.target(url.Values{}, "", "")
		code, body, _ := client{t, mux}.get(target)
		require.Equal(t, http.StatusUnauthorized, code, target)
		require.Equal(t, "this request names nobody", body["detail"])
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader("{}")))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, target)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		}
	}
}

// A client that went away is no fault of the server, and isn't logged as one.
func TestClientThatWentAway(t *testing.T) {
	s := enginetest.Open(t)
	var log strings.Builder
	mux := http.NewServeMux()
	api.Register(mux, query.New(runner.New(s, runner.DefaultLimits()), "test"), "test", slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(access.With(t.Context(), querytest.Caller))
	cancel()
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/builds", nil).WithContext(ctx))
	require.Equal(t, 499, w.Code, w.Body.String())
	require.Contains(t, w.Body.String(), "Client Closed Request")
	require.NotContains(t, log.String(), "ERROR")
}
