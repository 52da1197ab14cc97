package buildgraphexporter

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/neo4jgraph"
	"github.com/summitobs/summit/internal/graph/neo4jtest"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run  = build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "7", Attempt: 1}
)

func events(id tenant.ID, evs ...build.Event) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(envelope.AttrTenantID, id.String())
	lrs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for _, ev := range evs {
		build.AppendTo(ev, lrs.AppendEmpty())
	}
	lrs.AppendEmpty().Body().SetStr("an ordinary record")
	return ld
}

func shipped() []build.Event {
	state := build.State{CommitSHA: "c0ffee", Status: build.StatusSuccess, CreatedAt: noon, UpdatedAt: noon, Version: 5}
	return []build.Event{
		&build.Run{RunKey: run, State: state},
		&build.Artifact{RunKey: run, Digest: "sha256:ab", Name: "shop", CommitSHA: "c0ffee", CreatedAt: noon, UpdatedAt: noon, Version: 5},
		&build.Deployment{
			Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: "70", Service: "shop", Environment: "production", Digests: []string{"sha256:ab"},
			Status: build.DeploySuccess, StartedAt: noon, UpdatedAt: noon, Version: 5,
		},
	}
}

func start(t *testing.T, uri string, conf map[string]any) exporter.Logs {
	t.Helper()
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	cfg.URI, cfg.Username, cfg.Password = uri, "neo4j", neo4jtest.Password
	require.NoError(t, confmap.NewFromStringMap(conf).Unmarshal(cfg))
	x, err := NewFactory().CreateLogs(t.Context(), exportertest.NewNopSettings(Type), cfg)
	require.NoError(t, err)
	require.NoError(t, x.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, x.Shutdown(context.Background())) })
	return x
}

func TestEventsBecomeAGraphInNeo4j(t *testing.T) {
	server := neo4jtest.Start(t)
	x := start(t, server.URI(), map[string]any{"retry_on_failure": map[string]any{"initial_interval": "100ms", "max_interval": "500ms"}})
	store, err := neo4jgraph.Open(t.Context(), neo4jgraph.Options{URI: server.URI(), User: "neo4j", Password: neo4jtest.Password})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close(context.Background()) }) // the server is killed by then

	id := tenant.ID(uuid.New())
	service := graph.Ref{Kind: build.NodeService, ID: build.ServiceID("shop", "production")}
	commit := graph.Ref{Kind: build.NodeCommit, ID: build.CommitID("github", "github.com", "acme/shop", "c0ffee")}
	way := func() []graph.Node {
		path, err := store.Path(t.Context(), id, service, commit, graph.Walk{Direction: graph.Both, Depth: 9, Limit: 10})
		if err != nil {
			return nil // not there yet
		}
		return path
	}
	require.NoError(t, x.ConsumeLogs(t.Context(), events(id, shipped()...)))
	require.NoError(t, x.ConsumeLogs(t.Context(), events(id, shipped()...)), "the same again")
	require.Eventually(t, func() bool { return len(way()) == 4 }, 30*time.Second, 50*time.Millisecond, "service ← deployment → artifact → commit")

	// What comes while the server is away waits for it.
	server.Kill()
	later := tenant.ID(uuid.New())
	require.NoError(t, x.ConsumeLogs(t.Context(), events(later, shipped()...)))
	server.Restart(t)
	id = later
	require.Eventually(t, func() bool { return len(way()) == 4 }, 60*time.Second, 100*time.Millisecond)
}

func TestWhatIsNoEventOfATenantIsCounted(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	x, err := newExporter(NewFactory().CreateDefaultConfig().(*Config), tel.NewTelemetrySettings())
	require.NoError(t, err)
	ld := events(tenant.Default, shipped()...)
	lrs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	lrs.At(0).Attributes().PutStr(envelope.AttrBuildStatus, "splendid")
	events(tenant.Default, shipped()...).ResourceLogs().MoveAndAppendTo(ld.ResourceLogs())
	ld.ResourceLogs().At(1).Resource().Attributes().PutStr(envelope.AttrTenantID, "nobody")
	parts := x.parts(t.Context(), ld)
	require.Len(t, parts, 1)
	require.NotEmpty(t, parts[tenant.Default].nodes)
	got, err := tel.GetMetric("summit_dropped_total")
	require.NoError(t, err)
	require.NotNil(t, got)
	require.NoError(t, x.write(t.Context(), plog.NewLogs()), "without an event nobody connects")
}

func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		conf map[string]any
		err  string
	}{
		{conf: map[string]any{"uri": "neo4j+s://graph.example.com:7687", "username": "u", "password": "p"}},
		{conf: map[string]any{}, err: "uri must name a Neo4j server"},
		{conf: map[string]any{"uri": "http://x"}, err: `uri must be one of neo4j://, neo4j+s://`},
		{conf: map[string]any{"uri": "bolt://x", "password": "p"}, err: "password is for username"},
		{conf: map[string]any{"uri": "bolt://x", "batch": 0}, err: "batch must be from 1 to 50000, got 0"},
	} {
		cfg := NewFactory().CreateDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(tc.conf).Unmarshal(cfg))
		err := confmap.Validate(cfg)
		if tc.err == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.err)
	}
}
