package querydextension

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

var storeID = component.MustNewID("summit_store")

type host struct {
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

type provider struct {
	component.StartFunc
	component.ShutdownFunc
	store clickhouse.Store
}

func (p provider) Store() clickhouse.Store { return p.store }

func config(t *testing.T, yaml map[string]any) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(yaml).Unmarshal(cfg))
	return cfg
}

func newExtension(t *testing.T, cfg *Config) extension.Extension {
	t.Helper()
	require.NoError(t, cfg.Validate())
	x, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(Type), cfg)
	require.NoError(t, err)
	return x
}

func status(t *testing.T, x extension.Extension) string {
	t.Helper()
	res, err := http.Get("http://" + x.(*querydExtension).server.Addr().String() + "/api/v1/status") //nolint:noctx // a test's own server
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return string(body)
}

func TestReadsTheStoreOfTheProcess(t *testing.T) {
	x := newExtension(t, config(t, map[string]any{"store": "summit_store", "listen": "127.0.0.1:0"}))
	require.Equal(t, []component.ID{storeID}, x.(*querydExtension).Dependencies())
	require.NoError(t, x.Start(t.Context(), host{map[component.ID]component.Component{storeID: provider{store: enginetest.Open(t)}}}))
	require.Contains(t, status(t, x), `"kind":"embedded"`)
	require.NoError(t, x.Shutdown(t.Context()))
}

func TestReadsAStoreElsewhere(t *testing.T) {
	front := httptest.NewServer(enginetest.Engine(t).Handler())
	defer front.Close()
	x := newExtension(t, config(t, map[string]any{"endpoint": front.URL, "listen": "127.0.0.1:0"}))
	require.Empty(t, x.(*querydExtension).Dependencies())
	require.NoError(t, x.Start(t.Context(), componenttest.NewNopHost()))
	require.Contains(t, status(t, x), `"kind":"server"`)
	require.NoError(t, x.Shutdown(t.Context()))
}

// TestStoreThatStartsLater: after a reboot the two processes start side by side.
func TestStoreThatStartsLater(t *testing.T) {
	engine := enginetest.Engine(t)
	var asked atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		engine.Handler().ServeHTTP(w, r)
	}))
	defer front.Close()
	x := newExtension(t, config(t, map[string]any{"endpoint": front.URL, "listen": "127.0.0.1:0"}))
	require.NoError(t, x.Start(t.Context(), host{}))
	require.Contains(t, status(t, x), `"ready":true`)
	require.NoError(t, x.Shutdown(t.Context()))
}

func TestStartSaysWhyItCannot(t *testing.T) {
	for _, tc := range []struct {
		name string
		host host
		want string
	}{
		{name: "missing", host: host{}, want: `no extension "summit_store"`},
		{name: "another kind", host: host{map[component.ID]component.Component{storeID: struct{ component.Component }{}}}, want: "provides no store"},
		{name: "not started", host: host{map[component.ID]component.Component{storeID: provider{}}}, want: "has not started"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newExtension(t, config(t, map[string]any{"store": "summit_store"}))
			require.ErrorContains(t, x.Start(t.Context(), tc.host), tc.want)
			require.NoError(t, x.Shutdown(t.Context()))
		})
	}
	x := newExtension(t, config(t, map[string]any{"endpoint": "http://127.0.0.1:1"}))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, x.Start(ctx, host{}), "endpoint")
}

func TestValidateNamesTheOption(t *testing.T) {
	for _, tc := range []struct {
		name string
		yaml map[string]any
		want string
	}{
		{name: "no store", yaml: map[string]any{}, want: "store or endpoint must be set"},
		{name: "two stores", yaml: map[string]any{"store": "summit_store", "endpoint": "http://x"}, want: "exclude each other"},
		{name: "network", yaml: map[string]any{"store": "summit_store", "listen": "0.0.0.0:8640"}, want: "token_file"},
		{name: "tenant", yaml: map[string]any{"store": "summit_store", "tenant": "acme"}, want: `tenant id "acme"`},
		{name: "timeout", yaml: map[string]any{"store": "summit_store", "query_timeout": "0s"}, want: "query_timeout"},
		{name: "memory", yaml: map[string]any{"store": "summit_store", "query_memory_bytes": 1}, want: "query_memory_bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, config(t, tc.yaml).Validate(), tc.want)
		})
	}
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	require.Equal(t, 30*time.Second, createDefaultConfig().(*Config).QueryTimeout)
}

func TestRecordsReachTheCollectorsLog(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	log := slog.New(zapHandler{log: zap.New(core)})
	log.Debug("unseen")
	log.With("a", 1).Warn("seen", "error", errors.New("why"))
	log.WithGroup("g").Error("grouped", "k", "v")
	require.Equal(t, 2, logs.Len())
	first := logs.All()[0]
	require.Equal(t, zap.WarnLevel, first.Level)
	require.Equal(t, map[string]any{"a": int64(1), "error": "why"}, first.ContextMap())
	require.Equal(t, map[string]any{"g": map[string]any{"k": "v"}}, logs.All()[1].ContextMap())
}
