package queryd_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd"
	"github.com/summitobs/summit/queryd/querytest"
)

var app = fstest.MapFS{
	"index.html":     {Data: []byte("<!doctype html><title>app</title>")},
	"assets/main.js": {Data: []byte("1")},
}

func start(t *testing.T, change func(*queryd.Config, *queryd.Deps)) string {
	t.Helper()
	cfg, deps := queryd.DefaultConfig(), queryd.Deps{Store: enginetest.Open(t), UI: app}
	cfg.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg, &deps)
	}
	s, err := queryd.New(cfg, deps)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(body)
}

func TestEveryFaceIsServed(t *testing.T) {
	url := start(t, nil)
	for _, tc := range []struct {
		path   string
		status int
		body   string
		typ    string
	}{
		{path: "/", status: 302},
		{path: "/errors", status: 200, body: "<title>app", typ: "text/html"},
		{path: "/builds/github%3Agithub.com%3Aacme%2Fshop%3A1%3A1", status: 200, body: "<title>app", typ: "text/html"},
		{path: "/assets/main.js", status: 200, body: "1", typ: "text/javascript"},
		{path: "/assets/gone.js", status: 404},
		{path: "/healthz", status: 200, body: `"ready":true`, typ: "application/json"},
		{path: "/api/v1/status", status: 200, body: `"ready":true`, typ: "application/json"},
		{path: "/api/v1/openapi.yaml", status: 200, body: "openapi: 3.1.0"},
		{path: "/api/v2/x", status: 404},
		{path: "/prometheus/api/v1/query?query=1", status: 200, body: `"resultType":"scalar"`, typ: "application/json"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			res, body := get(t, url+tc.path)
			require.Equal(t, tc.status, res.StatusCode, body)
			require.Contains(t, body, tc.body)
			require.Contains(t, res.Header.Get("Content-Type"), tc.typ)
			require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
			require.Equal(t, "DENY", res.Header.Get("X-Frame-Options"))
		})
	}
	res, _ := get(t, url+"/")
	require.Equal(t, "/errors", res.Header.Get("Location"))
	res, _ = get(t, url+"/api/v1/status")
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
}

func TestAnswersAreCompressedForThoseWhoTakeIt(t *testing.T) {
	res, body := get(t, start(t, nil)+"/api/v1/openapi.json", "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	zr, err := gzip.NewReader(bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	require.True(t, json.Valid(must(io.ReadAll(zr))))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestWithoutTheApplicationAPageSaysHowToGetIt(t *testing.T) {
	url := start(t, func(_ *queryd.Config, d *queryd.Deps) { d.UI = fstest.MapFS{} })
	res, body := get(t, url+"/errors")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Contains(t, body, "make build")
}

func TestForeignNamesAreRefused(t *testing.T) {
	url := start(t, nil)
	for host, status := range map[string]int{"evil.example:8640": 403, "localhost:8640": 200, "[::1]:8640": 200, "10.0.0.1": 200} {
		res, body := get(t, url+"/api/v1/status", "Host", host)
		require.Equal(t, status, res.StatusCode, "%s: %s", host, body)
	}
}

func TestTokenIsAskedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600))
	url := start(t, func(c *queryd.Config, _ *queryd.Deps) { c.TokenFile = file })
	for _, tc := range []struct {
		name, authorization string
		status              int
	}{
		{name: "none", status: 401},
		{name: "wrong", authorization: "Bearer 0123456789abcdeX", status: 401},
		{name: "bearer", authorization: "Bearer 0123456789abcdef", status: 200},
		{name: "basic", authorization: "Basic eDowMTIzNDU2Nzg5YWJjZGVm", status: 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, path := range []string{"/api/v1/status", "/prometheus/api/v1/query?query=1", "/errors"} {
				res, _ := get(t, url+path, "Authorization", tc.authorization, "Host", "summit.example")
				require.Equal(t, tc.status, res.StatusCode, path)
			}
		})
	}
	res, _ := get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, res.StatusCode, "a prober has no token")
}

func TestConfigIsRefusedWithTheReason(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("abc"), 0o600))
	for _, tc := range []struct {
		name   string
		change func(*queryd.Config)
		want   string
	}{
		{name: "network without token", change: func(c *queryd.Config) { c.Listen = "0.0.0.0:8640" }, want: "set token_file"},
		{name: "every interface", change: func(c *queryd.Config) { c.Listen = ":8640" }, want: "set token_file"},
		{name: "no port", change: func(c *queryd.Config) { c.Listen = "localhost" }, want: "host:port"},
		{name: "no tenant", change: func(c *queryd.Config) { c.Tenant = [16]byte{} }, want: "tenant"},
		{name: "no time", change: func(c *queryd.Config) { c.Limits.Timeout = 0 }, want: "query_timeout"},
		{name: "no memory", change: func(c *queryd.Config) { c.Limits.MemoryBytes = 1 }, want: "query_memory_bytes"},
		{name: "token file gone", change: func(c *queryd.Config) { c.TokenFile = short + "x" }, want: "read token_file"},
		{name: "short token", change: func(c *queryd.Config) { c.TokenFile = short }, want: "at least 16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := queryd.DefaultConfig()
			tc.change(&cfg)
			_, err := queryd.New(cfg, queryd.Deps{Store: enginetest.Open(t)})
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTakenAddressIsTold(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	cfg := queryd.DefaultConfig()
	cfg.Listen = taken.Listener.Addr().String()
	s, err := queryd.New(cfg, queryd.Deps{Store: enginetest.Open(t)})
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(t.Context()), cfg.Listen)
	require.NoError(t, s.Shutdown(t.Context()))
}

// TestDaemonReadsAStoreElsewhere runs the daemon against the HTTP front of the engine.
func TestDaemonReadsAStoreElsewhere(t *testing.T) {
	engine := enginetest.Engine(t)
	front := httptest.NewServer(engine.Handler())
	defer front.Close()
	querytest.Insert(t, engine, "events_trace_v1",
		querytest.Span(querytest.ID16("t"), 1, 0, "shop", "root", time.Now().UTC().Add(-time.Minute), time.Second))

	listen := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		ended <- queryd.Run(ctx, "1.2.3", []string{"-store", front.URL, "-listen", listen}, io.Discard, &stderr)
	}()
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + listen + "/healthz") //nolint:noctx // polled
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond)
	_, body := get(t, "http://"+listen+"/api/v1/traces")
	require.Contains(t, body, querytest.Hex(querytest.ID16("t")))
	_, body = get(t, "http://"+listen+"/api/v1/status")
	require.Contains(t, body, `"kind":"server"`)
	require.Contains(t, body, `"version":"1.2.3"`)

	front.CloseClientConnections()
	front.Close()
	res, body := get(t, "http://"+listen+"/api/v1/traces")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Contains(t, body, "the store did not answer")
	_, body = get(t, "http://"+listen+"/api/v1/status")
	require.Contains(t, body, `"detail":"the store did not answer"`, "without its address and the statement")
	stop()
	require.NoError(t, <-ended)
}

func TestDaemonEndsWhileItWaitsForTheStore(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, queryd.Run(ctx, "1.2.3", []string{"-store", "http://127.0.0.1:1"}, io.Discard, io.Discard))
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l := httptest.NewServer(http.NotFoundHandler())
	defer l.Close()
	return l.Listener.Addr().String()
}

func TestWrongFlagsEndTheDaemon(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{args: []string{"-tenant", "nobody"}, want: "tenant"},
		{args: []string{"serve"}, want: "unknown argument"},
		{args: []string{"-listen", "0.0.0.0:1"}, want: "token_file"},
		{args: []string{"-store", "http://127.0.0.1:1", "-store-wait", "0s"}, want: "connect to the store at http://127.0.0.1:1"},
	} {
		require.ErrorContains(t, queryd.Run(t.Context(), "1.2.3", tc.args, io.Discard, io.Discard), tc.want, tc.args)
	}
	var out bytes.Buffer
	require.NoError(t, queryd.Run(t.Context(), "1.2.3", []string{"-version"}, &out, io.Discard))
	require.Equal(t, "queryd 1.2.3\n", out.String())
	require.NoError(t, queryd.Run(t.Context(), "1.2.3", []string{"-help"}, io.Discard, io.Discard))
}
