package doorextension

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
)

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "default"},
		{name: "localhost", conf: map[string]any{"endpoint": "localhost:4320"}},
		{name: "IPv6 loopback", conf: map[string]any{"endpoint": "[::1]:4320"}},
		{name: "all addresses", conf: map[string]any{"endpoint": "0.0.0.0:4320"}, err: "nothing checks who sends: set auth.authenticator"},
		{name: "empty host", conf: map[string]any{"endpoint": ":4320"}, err: "routes_authenticate: true"},
		{name: "host name", conf: map[string]any{"endpoint": "ingest.example.org:4320"}, err: "can be reached from the network"},
		{name: "network with auth", conf: map[string]any{"endpoint": "0.0.0.0:4320", "auth": map[string]any{"authenticator": "bearertokenauth"}}},
		{name: "network with routes that check", conf: map[string]any{"endpoint": "0.0.0.0:4320", "routes_authenticate": true}},
		{name: "no port", conf: map[string]any{"endpoint": "127.0.0.1"}, err: "endpoint must be host:port"},
		{name: "no endpoint", conf: map[string]any{"endpoint": ""}, err: "endpoint must be set"},
		{name: "no body", conf: map[string]any{"max_request_body_size": 0}, err: "max_request_body_size must be at least 1"},
		{name: "no time", conf: map[string]any{"read_timeout": "0s"}, err: "read_timeout must be more than 0"},
		{name: "unknown key", conf: map[string]any{"adress": "x"}, err: "adress"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			err := confmap.NewFromStringMap(tc.conf).Unmarshal(cfg)
			if err == nil {
				err = confmap.Validate(cfg)
			}
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
		})
	}
}

func startDoor(t *testing.T, edit func(*Config)) (*door, string) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	if edit != nil {
		edit(cfg)
	}
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(Type), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, ext.Shutdown(context.Background()))
	})
	d := ext.(*door)
	return d, "http://" + d.Addr().String()
}

func do(t *testing.T, method, url string, body []byte) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(got)
}

func TestRoutes(t *testing.T) {
	d, url := startDoor(t, nil)
	require.NoError(t, d.Handle("POST /v1/echo/{name}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("name"))
	})))

	resp, body := do(t, http.MethodPost, url+"/v1/echo/x", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "x", body)

	resp, body = do(t, http.MethodGet, url+"/healthz", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.JSONEq(t, `{"status":"ok"}`, body)

	resp, body = do(t, http.MethodPost, url+"/v1/nope", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	var p problem
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	require.Equal(t, []string{"GET /healthz", "POST /v1/echo/{name}"}, p.Routes)

	resp, body = do(t, http.MethodGet, url+"/v1/echo/x", nil)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Equal(t, "POST", resp.Header.Get("Allow"))
	require.Contains(t, body, "/v1/echo/x takes POST")
}

func TestRegisterRefuses(t *testing.T) {
	d, _ := startDoor(t, nil)
	h := http.NotFoundHandler()
	require.NoError(t, d.Handle("POST /v1/a", h))
	for _, tc := range []struct{ name, pattern, err string }{
		{"twice", "POST /v1/a", "conflicts with pattern"},
		{"taken by the door", "GET /healthz", "conflicts with pattern"},
		{"no method", "/v1/b", "want a method and a path"},
		{"no path", "POST", "want a method and a path"},
		{"bad wildcard", "POST /v1/{", "register route"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.ErrorContains(t, d.Handle(tc.pattern, h), tc.err) })
	}
}

func TestBodyLimit(t *testing.T) {
	d, url := startDoor(t, func(c *Config) { c.MaxRequestBodySize = 10 })
	var got error
	require.NoError(t, d.Handle("POST /v1/a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, got = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})))
	resp, _ := do(t, http.MethodPost, url+"/v1/a", make([]byte, 11))
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	var tooLarge *http.MaxBytesError
	require.ErrorAs(t, got, &tooLarge)
}

func TestShutdownWaitsForRequests(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	d := newDoor(cfg, componenttest.NewNopTelemetrySettings())
	require.NoError(t, d.Start(t.Context(), componenttest.NewNopHost()))
	entered, release := make(chan struct{}), make(chan struct{})
	require.NoError(t, d.Handle("POST /v1/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		w.WriteHeader(http.StatusAccepted)
	})))
	status := make(chan int, 1)
	go func() {
		resp, err := http.Post("http://"+d.Addr().String()+"/v1/slow", "text/plain", nil) //nolint:noctx // the test ends it by release
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- d.Shutdown(context.Background()) }()
	close(release)
	require.NoError(t, <-stopped)
	require.Equal(t, http.StatusAccepted, <-status)
	http.DefaultClient.CloseIdleConnections()
}

func TestStartReportsATakenAddress(t *testing.T) {
	d, _ := startDoor(t, nil)
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = d.Addr().String()
	second := newDoor(cfg, componenttest.NewNopTelemetrySettings())
	require.ErrorContains(t, second.Start(t.Context(), componenttest.NewNopHost()), "open the ingest door on "+d.Addr().String())
}

func TestAuthNeedsItsExtension(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Auth = configoptional.Some(confighttp.AuthConfig{})
	d := newDoor(cfg, componenttest.NewNopTelemetrySettings())
	require.ErrorContains(t, d.Start(t.Context(), componenttest.NewNopHost()), "set up the ingest door")
	require.NoError(t, d.Shutdown(context.Background()))
}
