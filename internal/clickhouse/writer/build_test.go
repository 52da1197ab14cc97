package writer_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

var runKey = build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "77", Attempt: 2}

// putEvents stores events as receivers send them.
func putEvents(t *testing.T, s clickhouse.Store, events ...build.Event) {
	t.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
	sl := rl.ScopeLogs().AppendEmpty()
	for _, ev := range events {
		build.AppendTo(ev, sl.LogRecords().AppendEmpty())
	}
	putLogs(t, s, ld)
}

func putLogs(t *testing.T, s clickhouse.Store, ld plog.Logs) []writer.Drop {
	t.Helper()
	b, err := writer.New(writer.Options{Now: fixed}).Logs(ld)
	require.NoError(t, err)
	defer b.Release()
	store(t, s, b.AppendRecord(nil))
	return append([]writer.Drop(nil), b.Dropped()...)
}

func TestRunsTasksAndArtifactsBecomeRows(t *testing.T) {
	s := enginetest.Open(t)
	at := start.Add(-time.Hour)
	state := build.State{
		Pipeline: "ci", Name: "fix the cart", Branch: "main", CommitSHA: "c0ffee", Trigger: "push", ActorHash: "a1", PRNumber: 12,
		CreatedAt: at, StartedAt: at.Add(time.Second), FinishedAt: at.Add(time.Minute), UpdatedAt: at.Add(2 * time.Minute),
		Queued: 1500 * time.Millisecond, Approval: 2 * time.Second, Duration: 59 * time.Second, Status: build.StatusFailure, Message: "boom",
		URL: "https://github.com/run", CostUSD: 0.25, TraceID: [16]byte{1}, SpanID: [8]byte{7: 9}, Attrs: map[string]string{"k": "v", build.KeySuite: "cart"}, Version: 30<<56 | 5,
	}
	task := build.Task{
		RunKey: runKey, ID: "t1", ParentID: "j1", Kind: build.KindTestCase, State: state, Flaky: true, Retries: 3, ErrorFP: [16]byte{7},
		Runner: "r1", RunnerClass: "large", CPUSeconds: 1.5, MemPeakBytes: 1 << 30, CacheHit: build.CacheHitYes,
	}
	artifact := build.Artifact{RunKey: runKey, Digest: "sha256:ab", TaskID: "j1", Name: "shop", CreatedAt: at, UpdatedAt: at, Version: 1}
	putEvents(t, s, &build.Run{RunKey: runKey, State: state}, &task, &artifact)

	require.EqualValues(t, 3, count(t, s, "metrics_build_v1"))
	require.Zero(t, count(t, s, "logs_v1"), "build events are no logs")
	require.Equal(t, []string{
		"00000000-0000-4000-8000-000000000001", "test_case", "github", "github.com", "acme/shop", "77", "2", "t1", "j1", "ci", "fix the cart", "main", "c0ffee",
		"push", "a1", "12", "1500", "2000", "59000", "failure", "true", "3", "1", "boom", "r1", "large", "1.5", "1073741824", "hit", "0.25", "", "9",
		"https://github.com/run", "false", "{'k':'v','suite':'cart'}", "2161727821137838085", "730",
	}, get[[]string](t, s, `arrayMap(x -> toString(x), [toString(tenant_id), toString(entity), provider, host, repo, run_id, toString(attempt), entity_id, parent_id,
		pipeline, name, branch, commit_sha, trigger, actor_hash, toString(pr_number), toString(queued_ms), toString(approval_ms), toString(duration_ms),
		toString(status), toString(flaky), toString(retries), toString(error_fp_version), message, runner, runner_class, toString(cpu_s),
		toString(mem_peak_bytes), toString(cache_hit), toString(cost_usd), digest, toString(span_id), url, toString(stub), toString(attrs), toString(version),
		toString(retention_days)]) FROM metrics_build_v1 WHERE entity = 'test_case'`))
	times := get[[]time.Time](t, s, "[created_at, started_at, finished_at, updated_at] FROM metrics_build_v1 WHERE entity = 'run'")
	for i, want := range []time.Time{state.CreatedAt, state.StartedAt, state.FinishedAt, state.UpdatedAt} {
		require.Equal(t, want, times[i].UTC())
	}
	require.EqualValues(t, 1, count(t, s, "metrics_build_v1 WHERE entity = 'artifact' AND digest = 'sha256:ab' AND entity_id = 'sha256:ab' AND parent_id = 'j1'"))
	require.EqualValues(t, 1, count(t, s, "metrics_build_v1 WHERE entity = 'artifact' AND finished_at = 0 AND error_fp_version = 0"))
	requireGraph(t, s, &build.Run{RunKey: runKey, State: state}, &task, &artifact)
}

// requireGraph compares the stored graph with that of the events.
func requireGraph(t *testing.T, s clickhouse.Store, events ...build.Event) {
	t.Helper()
	nodes, edges := map[string]bool{}, map[string]bool{}
	for _, ev := range events {
		ns, es := build.Graph(ev)
		for _, n := range ns {
			nodes[n.Kind+" "+n.ID] = nodes[n.Kind+" "+n.ID] || !n.Stub
		}
		for _, e := range es {
			edges[e.SrcKind+" "+e.SrcID+" "+e.Rel+" "+e.DstKind+" "+e.DstID+" "+e.Basis.String()] = true
		}
	}
	gotNodes, gotEdges := map[string]bool{}, map[string]bool{}
	rows, err := s.Conn().Query(context.Background(), "SELECT concat(kind, ' ', id), NOT stub FROM graph_nodes_v1 FINAL WHERE last_seen > '2000-01-01'")
	require.NoError(t, err)
	for rows.Next() {
		var name string
		var real bool
		require.NoError(t, rows.Scan(&name, &real))
		gotNodes[name] = real
	}
	require.NoError(t, rows.Err())
	rows, err = s.Conn().Query(context.Background(), `SELECT concat(src_kind, ' ', src_id, ' ', rel, ' ', dst_kind, ' ', dst_id, ' ', toString(correlation_basis))
		FROM graph_edges_reverse_v1 FINAL`)
	require.NoError(t, err)
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		gotEdges[name] = true
	}
	require.NoError(t, rows.Err())
	require.Equal(t, nodes, gotNodes)
	require.Equal(t, edges, gotEdges)
}

func TestDeploymentsAndCommitsBecomeRows(t *testing.T) {
	s := enginetest.Open(t)
	at := start.Add(-time.Hour)
	d := &build.Deployment{
		Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: "9", Service: "checkout", Environment: "production", ServiceVersion: "1.5",
		CommitSHA: "c0ffee", PreviousCommit: "beef", BuildRunID: runKey.ID(), Digests: []string{"sha256:a", "sha256:b"}, Basis: envelope.BasisDigest,
		Status: build.DeploySuccess, CreatedAt: at, StartedAt: at, FinishedAt: at.Add(time.Minute), ApprovedBy: "eve", Creator: "bob", URL: "u",
		RollbackOf: "github:github.com:acme/shop:8", Attrs: map[string]string{"a": "b"}, Version: 7,
	}
	c := &build.Commit{Provider: "github", Host: "github.com", Repo: "acme/shop", SHA: "c0ffee", Message: "fix", Author: "bob", CommittedAt: at, Version: 3}
	putEvents(t, s, d, c)
	require.Zero(t, count(t, s, "metrics_build_v1"))
	require.Equal(t, []string{
		"github", "github.com", "acme/shop", "9", "checkout", "production", "1.5", "c0ffee", "beef", runKey.ID(), "['sha256:a','sha256:b']", "digest", "success",
		"eve", "bob", "u", "github:github.com:acme/shop:8", "{'a':'b'}", "7",
	}, get[[]string](t, s, `arrayMap(x -> toString(x), [provider, host, repo, deployment_id, service_name, environment, service_version, commit_sha,
		previous_commit_sha, build_run_id, toString(image_digests), toString(correlation_basis), toString(status), approved_by, creator, url, rollback_of,
		toString(attrs), toString(version)]) FROM deploys_v1`))
	require.Equal(t, at.Add(time.Minute), get[time.Time](t, s, "updated_at FROM deploys_v1").UTC(), "without a time of update it is the last that is known")
	requireGraph(t, s, d, c)
	require.Equal(t, "fix", get[string](t, s, "name FROM graph_nodes_v1 FINAL WHERE kind = 'Commit'"), "the description replaced the stub")
}

func TestBuildEventWithoutTimesLivesFromItsArrival(t *testing.T) {
	s := enginetest.Open(t)
	putEvents(t, s, &build.Run{RunKey: runKey, State: build.State{Stub: true}})
	require.Equal(t, start, get[time.Time](t, s, "updated_at FROM metrics_build_v1").UTC())
	require.Equal(t, start, get[time.Time](t, s, "last_seen FROM graph_nodes_v1 WHERE kind = 'BuildRun' LIMIT 1").UTC())
	require.True(t, get[bool](t, s, "stub FROM metrics_build_v1"))
}

func TestLaterStateOfARunWinsInAnyOrder(t *testing.T) {
	running := &build.Run{RunKey: runKey, State: build.State{Status: build.StatusRunning, UpdatedAt: start, Version: build.VersionOf(20, start)}}
	done := &build.Run{RunKey: runKey, State: build.State{Status: build.StatusSuccess, UpdatedAt: start, Version: build.VersionOf(30, start)}}
	for _, order := range [][]build.Event{{running, done}, {done, running}, {done, running, running, done}} {
		s := enginetest.Open(t)
		for _, ev := range order {
			putEvents(t, s, ev)
		}
		require.EqualValues(t, 1, count(t, s, "metrics_build_v1 FINAL"))
		require.Equal(t, "success", get[string](t, s, "toString(status) FROM metrics_build_v1 FINAL"))
	}
}

func TestBadBuildEventGoesToQuarantine(t *testing.T) {
	s := enginetest.Open(t)
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	id := tenant.ID(uuid.New())
	rl.Resource().Attributes().PutStr(envelope.AttrTenantID, id.String())
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	build.AppendTo(&build.Run{RunKey: runKey}, lr)
	lr.Attributes().PutStr(envelope.AttrBuildStatus, "splendid")
	require.Equal(t, []writer.Drop{{Reason: "invalid_build_event", Signal: writer.SignalBuilds, Items: 1}}, putLogs(t, s, ld))
	require.Zero(t, count(t, s, "metrics_build_v1"))
	require.EqualValues(t, 1, count(t, s, "quarantine_v1 WHERE signal = 'builds' AND position(detail, 'splendid') > 0 AND tenant_id = '"+id.String()+"'"))
	kept, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs([]byte(get[string](t, s, "payload FROM quarantine_v1")))
	require.NoError(t, err)
	require.Equal(t, build.EventRun, kept.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).EventName())
}
