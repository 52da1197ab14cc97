package storeextension

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestConfig(t *testing.T) {
	t.Setenv("SUMMIT_DATA_DIR", "/data")
	tests := []struct {
		name string
		in   map[string]any
		err  string
	}{
		{name: "default"},
		{name: "all", in: map[string]any{"path": "/p", "library": "/l.so", "endpoint": "0.0.0.0:8641", "user": "u", "password": "p", "memory_limit_mib": 512, "max_connections": 4, "background_threads": 3, "durable": true}},
		{name: "no listener", in: map[string]any{"endpoint": ""}},
		{name: "no path", in: map[string]any{"path": ""}, err: "path must be set"},
		{name: "open to the network", in: map[string]any{"endpoint": "0.0.0.0:8641"}, err: "set user and password, or listen on 127.0.0.1"},
		{name: "all addresses", in: map[string]any{"endpoint": ":8641"}, err: "can be reached from other machines"},
		{name: "other host", in: map[string]any{"endpoint": "db.example:8641"}, err: "can be reached from other machines"},
		{name: "no port", in: map[string]any{"endpoint": "127.0.0.1"}, err: "want host:port"},
		{name: "user alone", in: map[string]any{"user": "u"}, err: "user and password must be set together"},
		{name: "memory", in: map[string]any{"memory_limit_mib": 100}, err: "memory_limit_mib must be 0 or at least 256, got 100"},
		{name: "connections", in: map[string]any{"max_connections": 1}, err: "max_connections must be 0 or at least 2, got 1"},
		{name: "threads", in: map[string]any{"background_threads": -1}, err: "background_threads must not be negative"},
		{name: "unknown key", in: map[string]any{"adress": "x"}, err: "adress"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := NewFactory().CreateDefaultConfig().(*Config)
			require.Equal(t, "/data/store", cfg.Path)
			require.Equal(t, "127.0.0.1:8641", cfg.Endpoint)
			err := confmap.NewFromStringMap(tt.in).Unmarshal(cfg)
			if err == nil {
				err = cfg.Validate()
			}
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

// newExtension makes the extension through its factory, with a log to look at.
func newExtension(t *testing.T, change func(*Config)) (*store, *observer.ObservedLogs) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Path, cfg.Library, cfg.Endpoint = t.TempDir(), enginetest.Library(t), "127.0.0.1:0"
	t.Cleanup(func() { require.NoError(t, CloseIdle()) })
	change(cfg)
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.DebugLevel)
	set := extensiontest.NewNopSettings(Type)
	set.Logger = zap.New(core)
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	return ext.(*store), logs
}

func start(t *testing.T, s *store) {
	t.Helper()
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
}

func get(t *testing.T, address, query string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", strings.NewReader(query))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestLifecycle(t *testing.T) {
	dir := t.TempDir()
	s, logs := newExtension(t, func(c *Config) { c.Path = dir })
	require.Nil(t, s.Store())
	start(t, s)
	require.NotZero(t, logs.FilterMessage("preparing the store's schema").Len())
	require.Equal(t, 1, logs.FilterMessage("the store is ready").Len())
	var provider clickhouse.StoreProvider = s
	first := provider.Store()
	require.Equal(t, clickhouse.KindEmbedded, first.Kind())
	status, body := get(t, s.Endpoint(), "SELECT count() FROM events_trace_v1")
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, "0\n", body)

	remote, err := clickhouse.Dial(t.Context(), s.Endpoint(), clickhouse.DialSettings{})
	require.NoError(t, err)
	require.Equal(t, first.Version(), remote.Version())
	require.NoError(t, remote.Close())

	other, _ := newExtension(t, func(*Config) {})
	require.ErrorContains(t, other.Start(t.Context(), componenttest.NewNopHost()), "configure one summit_store")
	require.NoError(t, other.Shutdown(t.Context()))

	// A reload with the same settings goes on with the same engine, even on another address.
	address := s.Endpoint()
	require.NoError(t, s.Shutdown(t.Context()))
	require.Nil(t, s.Store())
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.Error(t, err, "nothing is served any more")
	again, logs := newExtension(t, func(c *Config) { c.Path, c.Endpoint = dir, "" })
	start(t, again)
	require.Same(t, first, again.Store())
	require.Empty(t, again.Endpoint())
	require.Zero(t, logs.FilterMessage("preparing the store's schema").Len(), "the second start has nothing to do")
	require.NoError(t, again.Shutdown(t.Context()))

	// Other settings open the folder anew, with the rows that it has.
	changed, _ := newExtension(t, func(c *Config) { c.Path, c.MemoryLimitMiB, c.User, c.Password = dir, 1024, "me", "secret" })
	start(t, changed)
	require.NotSame(t, first, changed.Store())
	status, _ = get(t, changed.Endpoint(), "SELECT 1")
	require.Equal(t, http.StatusUnauthorized, status)
	status, body = get(t, changed.Endpoint(), "SELECT count() > 30 FROM schema_migrations", "X-ClickHouse-User", "me", "X-ClickHouse-Key", "secret")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "1\n", body)
	require.NoError(t, changed.Shutdown(t.Context()))
}

func TestStartErrorsGiveTheEngineBack(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s, _ := newExtension(t, func(c *Config) { c.Endpoint = taken.Addr().String() })
	require.ErrorContains(t, s.Start(t.Context(), componenttest.NewNopHost()), "serve the store on endpoint "+taken.Addr().String())
	require.Zero(t, shared.refs)
	require.NoError(t, s.Shutdown(t.Context()))

	missing, _ := newExtension(t, func(c *Config) { c.Library = filepath.Join(t.TempDir(), "gone.so") })
	require.ErrorContains(t, missing.Start(t.Context(), componenttest.NewNopHost()), "engine library is missing")
	require.NoError(t, missing.Shutdown(t.Context()))
}

func TestEngineClosesAfterItsTimeToLinger(t *testing.T) {
	shared.linger = 5 * time.Millisecond
	t.Cleanup(func() { shared.linger = linger })
	s, _ := newExtension(t, func(*Config) {})
	dir := s.cfg.Path
	start(t, s)
	state := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "summit.json"))
		require.NoError(t, err)
		return string(text)
	}
	require.Contains(t, state(), `"clean":false`)
	require.NoError(t, s.Shutdown(t.Context()))
	require.Eventually(t, func() bool { return strings.Contains(state(), `"clean":true`) }, 10*time.Second, time.Millisecond)
	require.NoError(t, CloseIdle())
}

// TestShutdownCutsOffRequests wants a shutdown that doesn't wait for a client that reads nothing.
func TestShutdownCutsOffRequests(t *testing.T) {
	s, _ := newExtension(t, func(*Config) {})
	start(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Endpoint()+"/", strings.NewReader("SELECT number FROM numbers(1000000000)"))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	impatient, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	require.NoError(t, s.Shutdown(impatient))
}

var _ component.Component = (*store)(nil)
