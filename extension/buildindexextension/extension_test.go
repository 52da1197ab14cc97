package buildindexextension

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	storeID = component.MustNewID("summit_store")
	commit  = strings.Repeat("c", 40)
	digest  = "sha256:" + strings.Repeat("a", 64)
)

// flaky is a store extension that can be made to fail.
type flaky struct {
	component.StartFunc
	component.ShutdownFunc
	store clickhouse.Store
	mu    sync.Mutex
	down  bool
	reads int
}

func (f *flaky) Store() clickhouse.Store {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	if f.down {
		return nil
	}
	return f.store
}

func (f *flaky) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *flaky) readCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

type host struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	statuses   []componentstatus.Status
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *host) Report(ev *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.statuses = append(h.statuses, ev.Status())
}

func (h *host) saw(s componentstatus.Status) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.statuses {
		if x == s {
			return true
		}
	}
	return false
}

func newHost(extensions map[component.ID]component.Component) *host {
	return &host{Host: componenttest.NewNopHost(), extensions: extensions}
}

func startIndex(t *testing.T, h component.Host, edit func(*Config)) *buildIndex {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	cfg.PollInterval = 100 * time.Millisecond
	if edit != nil {
		edit(cfg)
	}
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(Type), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	return ext.(*buildIndex)
}

func exec(t *testing.T, conn driver.Conn, query string) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), query))
}

func insertRun(t *testing.T, conn driver.Conn, run, status, ingested string) {
	t.Helper()
	exec(t, conn, `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, pipeline, commit_sha, status,
created_at, started_at, updated_at, queued_ms, trace_id, span_id, attrs, version, ingested_at) VALUES
('00000000-0000-4000-8000-000000000001', 'run', 'github', 'github.com', 'acme/shop', '`+run+`', 1, 'x', 'CI', '`+commit+`', '`+status+`',
now64(3), now64(3), now64(3), 1500, unhex('0102030405060708090a0b0c0d0e0f00'), 258, {'conclusion':'x'}, 7, `+ingested+`)`)
}

func insertArtifact(t *testing.T, conn driver.Conn, run, ingested string) {
	t.Helper()
	exec(t, conn, `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, name, commit_sha, digest, updated_at, attrs,
version, ingested_at) VALUES ('00000000-0000-4000-8000-000000000001', 'artifact', 'github', 'github.com', 'acme/shop', '`+run+`', 1, '`+digest+`', 'shop',
'`+commit+`', '`+digest+`', now64(3), {'artifact_version':'1.2','service':'shop'}, 7, `+ingested+`)`)
}

func insertDeploy(t *testing.T, conn driver.Conn, id, ingested string) {
	t.Helper()
	exec(t, conn, `INSERT INTO deploys_v1 (tenant_id, provider, host, repo, deployment_id, service_name, environment, commit_sha, image_digests, status,
correlation_basis, started_at, updated_at, version, ingested_at) VALUES ('00000000-0000-4000-8000-000000000001', 'github', 'github.com', 'acme/shop', '`+id+`',
'shop', 'production', '`+commit+`', ['`+digest+`'], 'success', 'digest', now64(3) - 60, now64(3), 7, `+ingested+`)`)
}

func TestRebuildAndPoll(t *testing.T) {
	store := enginetest.Open(t)
	conn := store.Conn()
	insertRun(t, conn, "1", "running", "now64(3) - 600")
	insertArtifact(t, conn, "1", "now64(3) - 600")
	exec(t, conn, `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, name, status, updated_at, attrs, version)
VALUES ('00000000-0000-4000-8000-000000000001', 'task', 'github', 'github.com', 'acme/shop', '1', 1, '77/3', 'test', 'failure', now64(3),
{'task_kind':'step','step_number':'3'}, 7)`)
	exec(t, conn, `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, updated_at, version)
VALUES ('00000000-0000-4000-8000-000000000001', 'run', 'github', 'github.com', 'acme/shop', 'ancient', 1, 'x', now64(3) - toIntervalDay(40), 7)`)

	x := startIndex(t, newHost(map[component.ID]component.Component{storeID: &flaky{store: store}}), nil)
	require.Equal(t, []component.ID{storeID}, x.Dependencies())
	require.Equal(t, 3, x.Index().Len(), "start waits for the rebuild")
	<-x.Rebuilt()
	run := x.Index().Run(tenant.Default, "github:github.com:acme/shop:1:1")
	require.Equal(t, build.StatusRunning, run.Status)
	require.Equal(t, 1500*time.Millisecond, run.Queued)
	require.Equal(t, [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0}, run.TraceID)
	require.Equal(t, [8]byte{6: 1, 7: 2}, run.SpanID)
	require.Equal(t, map[string]string{"conclusion": "x"}, run.Attrs)
	require.True(t, run.FinishedAt.IsZero(), "1970 is the store's word for unknown")
	step := x.Index().Task(tenant.Default, run.ID(), "77/3")
	require.Equal(t, build.KindStep, step.Kind)
	require.Equal(t, uint32(3), step.StepNumber)

	ev := correlation.Evidence{Digests: []string{digest}, Service: "shop", Environment: "production"}
	want := envelope.Correlation{CommitSHA: commit, BuildRunID: run.ID(), Basis: envelope.BasisDigest}
	require.Equal(t, want, x.Index().Resolve(tenant.Default, ev, time.Now()))

	// Another process reports the deployment. Its segment was opened before rows that are in sight already.
	insertDeploy(t, conn, "d1", "now64(3) - 660")
	want.DeploymentID = "github:github.com:acme/shop:d1"
	require.Eventually(t, func() bool { return x.Index().Resolve(tenant.Default, ev, time.Now()) == want }, 10*time.Second, 20*time.Millisecond)

	insertRun(t, conn, "2", "success", "now64(3)")
	require.Eventually(t, func() bool { return x.Index().Run(tenant.Default, "github:github.com:acme/shop:2:1") != nil }, 10*time.Second, 20*time.Millisecond)
	// A late row in the overlap behind a newer one.
	insertRun(t, conn, "3", "success", "now64(3) - 90")
	require.Eventually(t, func() bool { return x.Index().Run(tenant.Default, "github:github.com:acme/shop:3:1") != nil }, 10*time.Second, 20*time.Millisecond)
}

// TestClockThatIsAheadHidesNoRows: a writer of another machine lives an hour from now.
func TestClockThatIsAheadHidesNoRows(t *testing.T) {
	store := enginetest.Open(t)
	insertRun(t, store.Conn(), "ahead", "success", "now64(3) + 3600")
	x := startIndex(t, newHost(map[component.ID]component.Component{storeID: &flaky{store: store}}), nil)
	require.Equal(t, 1, x.Index().Len())
	for _, run := range []string{"1", "2"} {
		insertRun(t, store.Conn(), run, "success", "now64(3)")
		require.Eventually(t, func() bool { return x.Index().Run(tenant.Default, "github:github.com:acme/shop:"+run+":1") != nil }, 10*time.Second, 20*time.Millisecond)
		insertRun(t, store.Conn(), "ahead of "+run, "success", "now64(3) + 3600")
		require.Eventually(t, func() bool {
			return x.Index().Run(tenant.Default, "github:github.com:acme/shop:ahead of "+run+":1") != nil
		}, 10*time.Second, 20*time.Millisecond)
	}
}

// TestStateOfTheStoreIsThatOfItsSender: an event that is sent again after a restart tells nothing new.
func TestStateOfTheStoreIsThatOfItsSender(t *testing.T) {
	store := enginetest.Open(t)
	exec(t, store.Conn(), `INSERT INTO deploys_v1 (tenant_id, provider, host, repo, deployment_id, environment, status, started_at, updated_at, version)
VALUES ('00000000-0000-4000-8000-000000000001', 'github', 'h', 'r', 'd', 'production', 'in_progress', now64(3), now64(3), 7)`)
	exec(t, store.Conn(), `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, status, updated_at, version)
VALUES ('00000000-0000-4000-8000-000000000001', 'run', 'github', 'h', 'r', '1', 1, 'x', 'running', now64(3), 7)`)
	x := startIndex(t, newHost(map[component.ID]component.Component{storeID: &flaky{store: store}}), nil)
	d := x.Index().Deployment(tenant.Default, "github:h:r:d", "")
	again := *d
	require.Equal(t, d, d.Merge(&again))
	run := x.Index().Run(tenant.Default, "github:h:r:1:1")
	same := *run
	require.Equal(t, run, run.Merge(&same))
}

func TestEmptyStoreThenRows(t *testing.T) {
	store := enginetest.Open(t)
	x := startIndex(t, newHost(map[component.ID]component.Component{storeID: &flaky{store: store}}), nil)
	require.Zero(t, x.Index().Len())
	insertArtifact(t, store.Conn(), "1", "now64(3) - 86400")
	require.Eventually(t, func() bool { return x.Index().Len() == 1 }, 10*time.Second, 20*time.Millisecond)
	got := x.Index().Artifact(tenant.Default, digest, "github:github.com:acme/shop:1:1")
	require.Equal(t, "1.2", got.ArtifactVersion)
	require.Equal(t, "shop", got.Service)
}

func TestUnreadableRowsAreSkipped(t *testing.T) {
	store := enginetest.Open(t)
	exec(t, store.Conn(), `INSERT INTO metrics_build_v1 (tenant_id, entity, provider, host, repo, run_id, attempt, entity_id, updated_at, attrs, version)
VALUES ('00000000-0000-4000-8000-000000000001', 'task', 'github', 'h', 'r', '1', 1, 'bad', now64(3), {'task_kind':'step','step_number':'x'}, 7)`)
	insertRun(t, store.Conn(), "1", "success", "now64(3)")
	x := startIndex(t, newHost(map[component.ID]component.Component{storeID: &flaky{store: store}}), nil)
	require.Equal(t, 1, x.Index().Len())
}

func TestStoreThatIsDown(t *testing.T) {
	store := enginetest.Open(t)
	provider := &flaky{store: store, down: true}
	h := newHost(map[component.ID]component.Component{storeID: provider})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a start that may not wait
	cfg := createDefaultConfig().(*Config)
	cfg.Store, cfg.PollInterval = storeID, 100*time.Millisecond
	x, err := newExtension(cfg, componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	require.NoError(t, x.Start(ctx, h))
	t.Cleanup(func() { require.NoError(t, x.Shutdown(context.Background())) })
	require.Eventually(t, func() bool { return h.saw(componentstatus.StatusRecoverableError) }, 10*time.Second, 10*time.Millisecond)
	select {
	case <-x.Rebuilt():
		require.Fail(t, "rebuilt without a store")
	default:
	}

	insertRun(t, store.Conn(), "1", "success", "now64(3)")
	provider.setDown(false)
	require.Eventually(t, func() bool { return x.Index().Len() == 1 && h.saw(componentstatus.StatusOK) }, 10*time.Second, 10*time.Millisecond)
	reads := provider.readCount()
	require.Eventually(t, func() bool { return provider.readCount() > reads+2 }, 10*time.Second, 10*time.Millisecond, "polling goes on")
}

func TestStartWithoutStore(t *testing.T) {
	x := startIndex(t, componenttest.NewNopHost(), func(c *Config) { c.Store = component.ID{} })
	require.Nil(t, x.Dependencies())
	<-x.Rebuilt()
	x.Index().Observe(tenant.Default, &build.Run{RunKey: build.RunKey{RunID: "1"}})
	require.Equal(t, 1, x.Index().Len())
}

func TestStartRefuses(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Store = storeID
	x, err := newExtension(cfg, componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	require.ErrorContains(t, x.Start(t.Context(), newHost(nil)), `there is no extension "summit_store"`)
	other := struct {
		component.StartFunc
		component.ShutdownFunc
	}{}
	err = x.Start(t.Context(), newHost(map[component.ID]component.Component{storeID: other}))
	require.ErrorContains(t, err, `"summit_store" provides no store`)
	require.NoError(t, x.Shutdown(context.Background()))
}

func TestFailedPollMovesNothing(t *testing.T) {
	r := reader{cfg: createDefaultConfig().(*Config)}
	require.Error(t, r.poll(t.Context(), brokenConn{}))
	require.True(t, r.seen.IsZero())
	require.True(t, r.lastFrom.IsZero())
}

type brokenConn struct{ driver.Conn }

func (brokenConn) QueryRow(context.Context, string, ...any) driver.Row { return brokenRow{} }

type brokenRow struct{ driver.Row }

func (brokenRow) Scan(...any) error { return errors.New("refused") }

// The store may be another process, which may start later and go away in between.
func TestEndpointIsFollowed(t *testing.T) {
	store := enginetest.Engine(t)
	insertRun(t, store.Conn(), "1", "success", "now64(3)")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var up atomic.Bool
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		store.Handler().ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint, cfg.PollInterval = "http://"+listener.Addr().String(), 100*time.Millisecond
	ext, err := newExtension(cfg, extensiontest.NewNopSettings(Type).TelemetrySettings)
	require.NoError(t, err)
	require.Empty(t, ext.Dependencies())
	h, started := newHost(nil), make(chan error, 1)
	go func() { started <- ext.Start(t.Context(), h) }()
	require.Eventually(t, func() bool { return h.saw(componentstatus.StatusRecoverableError) }, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, ext.Index().Len())
	has := func(run string) func() bool {
		return func() bool { return ext.Index().Run(tenant.Default, "github:github.com:acme/shop:"+run+":1") != nil }
	}
	up.Store(true)
	require.Eventually(t, has("1"), 10*time.Second, 10*time.Millisecond)
	require.NoError(t, <-started)
	up.Store(false)
	insertRun(t, store.Conn(), "2", "success", "now64(3)")
	require.False(t, has("2")())
	up.Store(true)
	require.Eventually(t, has("2"), 20*time.Second, 10*time.Millisecond)
	require.NoError(t, ext.Shutdown(t.Context()))
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf map[string]any
		err  string
	}{
		{name: "default"},
		{name: "store", conf: map[string]any{"store": "summit_store/main", "poll_interval": "2s"}},
		{name: "endpoint", conf: map[string]any{"endpoint": "http://127.0.0.1:8641", "user": "u", "password_env": "P"}},
		{name: "both", conf: map[string]any{"store": "summit_store", "endpoint": "http://127.0.0.1:8641"}, err: "store and endpoint exclude each other"},
		{name: "user", conf: map[string]any{"user": "u"}, err: "user and password_env are for endpoint"},
		{name: "entries", conf: map[string]any{"max_entries": 0}, err: "max_entries must be at least 1, got 0"},
		{name: "tasks", conf: map[string]any{"max_tasks_total": -1}, err: "max_tasks_total must be at least 1, got -1"},
		{name: "lookback", conf: map[string]any{"lookback": "1s"}, err: "lookback must be at least 1m"},
		{name: "interval", conf: map[string]any{"poll_interval": "1ms"}, err: "poll_interval must be at least 100ms"},
		{name: "overlap", conf: map[string]any{"poll_overlap": "0s"}, err: "poll_overlap must be at least 1s"},
		{name: "unknown", conf: map[string]any{"stor": "x"}, err: "stor"},
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
