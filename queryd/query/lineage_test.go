package query_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

const (
	digest = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	commit = "abc123abc123abc123abc123abc123abc123abcd"
)

var runID = querytest.RunID("4711")

const deploymentID = "github:github.com:acme/shop:5"

func hops(t *testing.T, svc *query.Service, kind, id string) map[string]query.Hop {
	t.Helper()
	l, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: kind, ID: id})
	require.NoError(t, err)
	var order []string
	m := map[string]query.Hop{}
	for _, h := range l.Hops {
		order = append(order, h.Kind)
		m[h.Kind] = h
		require.NotEmpty(t, h.Evidence, h.Kind)
	}
	require.Equal(t, []string{"commit", "build", "tests", "artifact", "deploy", "traces", "errors", "sessions"}, order)
	return m
}

// shipped is a commit built, tested, made into an image and deployed.
func shipped(insert inserter, at time.Time, artifact bool) {
	insert("metrics_build_v1", querytest.BuildRow("run", "4711", runID, at).With(querytest.Row{"commit_sha": commit}),
		querytest.BuildRow("test_case", "4711", "t1", at), querytest.BuildRow("test_case", "4711", "t2", at).With(querytest.Row{"status": "failure"}))
	if artifact {
		insert("metrics_build_v1", querytest.BuildRow("artifact", "4711", digest, at.Add(time.Minute)).With(querytest.Row{"digest": digest, "name": "shop", "commit_sha": commit}))
	}
	insert("deploys_v1", deployRow(deploymentID, runID, at.Add(2*time.Minute)).With(querytest.Row{"image_digests": []string{digest}, "commit_sha": commit}))
	insert("graph_nodes_v1", commitNode(commit, "Fix the cart", at, false))
}

type inserter func(table string, rows ...querytest.Row)

func into(t *testing.T, s clickhouse.Store) inserter {
	return func(table string, rows ...querytest.Row) {
		t.Helper()
		querytest.Insert(t, s, table, rows...)
	}
}

func TestLineageOfAnErrorByStoredCorrelation(t *testing.T) {
	s, svc := open(t)
	insert := into(t, s)
	at := time.Now().UTC().Add(-30 * time.Minute)
	shipped(insert, at, true)
	fp, trace := querytest.ID16("fp"), querytest.ID16("trace")
	insert("events_error_v1", querytest.Exception(fp, trace, 1, "shop", at.Add(10*time.Minute)).With(querytest.Row{
		"commit_sha": commit, "build_run_id": runID, "deployment_id": deploymentID, "correlation_basis": "digest", "session_id": "s1",
	}))
	insert("resources_v1", querytest.Row{"resource_fp": uint64(7), "last_seen": at, "image_digest": digest, "service_version": "1.4.0"})

	h := hops(t, svc, "error", querytest.Print(fp))
	require.Equal(t, query.Hop{
		Kind: "commit", State: "known", ID: commit, Title: "Fix the cart", Detail: "Ada · acme/shop", Status: "ok", At: h["commit"].At,
		Href: "/builds?commit_sha=" + commit, Basis: "digest", Evidence: h["commit"].Evidence,
	}, h["commit"])
	require.Contains(t, h["build"].Evidence, "sha256:001122334455")
	require.Equal(t, "ci #4711", h["build"].Title)
	require.Equal(t, "/builds/github:github.com:acme%2Fshop:4711:1", h["build"].Href)
	require.Equal(t, []string{"1 of 2 passed", "failed"}, []string{h["tests"].Title, h["tests"].Status})
	require.Equal(t, []string{digest, "known", "digest"}, []string{h["artifact"].ID, h["artifact"].State, h["artifact"].Basis})
	require.Equal(t, []string{deploymentID, "production", "digest", "ok"}, []string{h["deploy"].ID, h["deploy"].Title, h["deploy"].Basis, h["deploy"].Status})
	require.Equal(t, []string{"known", "/traces/" + querytest.Hex(trace)}, []string{h["traces"].State, h["traces"].Href})
	require.Equal(t, uint64(1), h["errors"].Count)
	require.Equal(t, []string{"known", "s1"}, []string{h["sessions"].State, h["sessions"].ID})
}

func TestLineageIsResolvedAtReadTime(t *testing.T) {
	for _, tc := range []struct {
		name     string
		resource querytest.Row
		artifact bool
		basis    string
		deploy   bool
	}{
		{name: "digest of an artifact", resource: querytest.Row{"image_digest": digest}, artifact: true, basis: "digest"},
		{name: "digest of a deployment", resource: querytest.Row{"image_digest": digest}, basis: "digest"},
		{name: "digest in a list", artifact: true, basis: "digest", resource: querytest.Row{"attrs_any": map[string]string{
			"container.image.repo_digests": anyBytes(t, &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{
				{Value: &commonpb.AnyValue_StringValue{StringValue: "registry.test/shop@" + digest}},
			}}}}),
		}}},
		{name: "revision", resource: querytest.Row{"attrs_str": map[string]string{"vcs.ref.head.revision": commit}}, artifact: true, basis: "revision"},
		{name: "version", resource: querytest.Row{"service_version": "1.4.0"}, basis: "version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, svc := open(t)
			insert := into(t, s)
			at := time.Now().UTC().Add(-30 * time.Minute)
			shipped(insert, at, tc.artifact)
			trace := querytest.ID16("trace")
			insert("events_trace_v1", querytest.Span(trace, 1, 0, "shop", "root", at.Add(10*time.Minute), time.Second).With(querytest.Row{"service_version": ""}))
			row := querytest.Row{"resource_fp": uint64(7), "last_seen": at}
			insert("resources_v1", row.With(tc.resource))

			h := hops(t, svc, "trace", querytest.Hex(trace))
			for _, kind := range []string{"commit", "build", "artifact", "deploy"} {
				require.Equal(t, "known", h[kind].State, "%s: %+v", kind, h[kind])
				require.Equal(t, tc.basis, h[kind].Basis, "%s: %+v", kind, h[kind])
			}
			require.Equal(t, runID, h["build"].ID)
			require.Equal(t, commit, h["commit"].ID)
			require.Equal(t, []string{"known", "none"}, []string{h["traces"].State, h["errors"].State})
		})
	}
}

// TestSeveralBuildsOfOneImageAreNotOne: two runs claim the digest for two commits, so neither is named.
func TestSeveralBuildsOfOneImageAreNotOne(t *testing.T) {
	s, svc := open(t)
	insert := into(t, s)
	at := time.Now().UTC().Add(-30 * time.Minute)
	for i, sha := range []string{commit, strings.Repeat("d", 40)} {
		run := fmt.Sprint(i)
		insert("metrics_build_v1", querytest.BuildRow("run", run, querytest.RunID(run), at).With(querytest.Row{"commit_sha": sha}),
			querytest.BuildRow("artifact", run, digest, at).With(querytest.Row{"digest": digest, "commit_sha": sha}))
	}
	trace := querytest.ID16("trace")
	insert("events_trace_v1", querytest.Span(trace, 1, 0, "shop", "root", at.Add(10*time.Minute), time.Second))
	insert("resources_v1", querytest.Row{"resource_fp": uint64(7), "last_seen": at, "image_digest": digest})
	h := hops(t, svc, "trace", querytest.Hex(trace))
	require.Equal(t, []string{"unknown", "unknown"}, []string{h["commit"].State, h["build"].State})
	require.Contains(t, h["build"].Evidence, "no single build")
	h = hops(t, svc, "artifact", digest)
	require.Equal(t, []string{"unknown", "unknown", "known"}, []string{h["commit"].State, h["build"].State, h["artifact"].State})
	require.Contains(t, h["build"].Evidence, "2 build runs and 2 commits claim this artifact")
}

// TestAttemptsOfOneRunAreOneBuild: a re-run that makes the same content again takes the place of the attempt before.
func TestAttemptsOfOneRunAreOneBuild(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute)
	first := querytest.BuildRow("artifact", "1", digest, at).With(querytest.Row{"digest": digest, "commit_sha": commit})
	querytest.Insert(t, s, "metrics_build_v1", first, first.With(querytest.Row{"attempt": uint16(2), "created_at": at.Add(time.Minute)}))
	h := hops(t, svc, "artifact", digest)
	require.Equal(t, []string{commit, "github:github.com:acme/shop:1:2"}, []string{h["commit"].ID, h["build"].ID})
}

// TestAnErrorIsCountedWhereItWasAskedFor: by service and environment where they are named, else as a whole.
func TestAnErrorIsCountedWhereItWasAskedFor(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute)
	fp := querytest.ID16("fp")
	event := func(n int, service, environment string) querytest.Row {
		return querytest.Exception(fp, querytest.ID16(fmt.Sprint(n)), 1, service, at).With(querytest.Row{"environment": environment})
	}
	querytest.Insert(t, s, "events_error_v1", event(1, "shop", "production"), event(2, "shop", "staging"), event(3, "shop", "staging"), event(4, "cart", "staging"))
	for _, tc := range []struct {
		service, environment string
		want                 uint64
	}{{"shop", "production", 1}, {"shop", "staging", 2}, {"", "staging", 3}, {"shop", "", 3}, {"", "", 4}} {
		l, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: "error", ID: querytest.Print(fp), Service: tc.service, Environment: tc.environment})
		require.NoError(t, err)
		require.Equal(t, "errors", l.Hops[6].Kind)
		require.Equal(t, tc.want, l.Hops[6].Count, tc)
		require.Equal(t, tc.want, l.Hops[5].Count, tc)
	}
}

func TestLineageSaysWhatItDoesNotKnow(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute)
	fp, trace := querytest.ID16("fp"), querytest.ID16("trace")
	querytest.Insert(t, s, "events_error_v1", querytest.Exception(fp, trace, 1, "shop", at).With(querytest.Row{"service_version": ""}))
	h := hops(t, svc, "error", querytest.Print(fp))
	for _, kind := range []string{"commit", "build", "tests", "artifact", "deploy"} {
		require.Equal(t, "unknown", h[kind].State, kind)
		require.Equal(t, "none", h[kind].Basis, kind)
	}
	require.Contains(t, h["build"].Evidence, "no image digest, revision or version")
	require.Equal(t, "none", h["sessions"].State)

	_, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: "error", ID: querytest.Print(trace)})
	wantProblem(t, err, runner.NotFound, "")
	_, err = svc.Lineage(ctx, caller, query.LineageQuery{Kind: "planet", ID: "x"})
	wantProblem(t, err, runner.Invalid, "kind")
	_, err = svc.Lineage(ctx, caller, query.LineageQuery{Kind: "trace", ID: "x"})
	wantProblem(t, err, runner.Invalid, "trace")
}

// TestAGuessStaysAGuess: one row that only the time ties to the build makes the number a guess.
func TestAGuessStaysAGuess(t *testing.T) {
	s, svc := open(t)
	insert := into(t, s)
	at := time.Now().UTC().Add(-30 * time.Minute)
	shipped(insert, at, true)
	sure := querytest.Row{"build_run_id": runID, "deployment_id": deploymentID, "commit_sha": commit, "correlation_basis": "digest"}
	guess := sure.With(querytest.Row{"correlation_basis": "time", "service_version": ""})
	insert("events_trace_v1",
		querytest.Span(querytest.ID16("a"), 1, 0, "shop", "root", at.Add(10*time.Minute), time.Second).With(sure),
		querytest.Span(querytest.ID16("b"), 2, 0, "shop", "root", at.Add(11*time.Minute), time.Second).With(guess))
	h := hops(t, svc, "build", runID)
	require.Equal(t, []string{"none", "time"}, []string{h["build"].Basis, h["traces"].Basis})
	require.Equal(t, uint64(2), h["traces"].Count)
	require.Contains(t, h["traces"].Evidence, "guess")

	h = hops(t, svc, "trace", querytest.Hex(querytest.ID16("b")))
	for _, kind := range []string{"commit", "build", "tests", "artifact", "deploy"} {
		require.Equal(t, "time", h[kind].Basis, kind)
	}
}

// A span was stored before anybody told of the deployment that it ran in.
func TestADeploymentToldLateIsFoundWhenRead(t *testing.T) {
	s, svc := open(t)
	insert := into(t, s)
	at := time.Now().UTC().Add(-30 * time.Minute)
	shipped(insert, at, true)
	const late = "github:github.com:acme/shop:6"
	stale := querytest.Row{"commit_sha": commit, "build_run_id": runID, "deployment_id": deploymentID, "correlation_basis": "version"}
	insert("events_trace_v1", querytest.Span(querytest.ID16("a"), 1, 0, "shop", "root", at.Add(20*time.Minute), time.Second).With(stale))
	require.Equal(t, deploymentID, hops(t, svc, "trace", querytest.Hex(querytest.ID16("a")))["deploy"].ID)
	insert("deploys_v1", deployRow(late, runID, at.Add(10*time.Minute)).With(querytest.Row{"image_digests": []string{digest}, "commit_sha": commit}))
	require.Equal(t, late, hops(t, svc, "trace", querytest.Hex(querytest.ID16("a")))["deploy"].ID)
}

func TestLineageStartsAnywhere(t *testing.T) {
	s, svc := open(t)
	insert := into(t, s)
	shipped(insert, time.Now().UTC().Add(-30*time.Minute), true)
	for kind, id := range map[string]string{"build": runID, "deployment": deploymentID, "commit": commit, "artifact": digest} {
		t.Run(kind, func(t *testing.T) {
			h := hops(t, svc, kind, id)
			require.Equal(t, []string{commit, runID, digest, deploymentID},
				[]string{h["commit"].ID, h["build"].ID, h["artifact"].ID, h["deploy"].ID})
			require.Equal(t, "none", h["traces"].State)
			_, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: kind, ID: querytest.RunID("1")})
			wantProblem(t, err, runner.NotFound, "")
		})
	}
}

func TestLineageOfACommitThatIsNotBuiltYet(t *testing.T) {
	s, svc := open(t)
	at := time.Now().UTC().Add(-30 * time.Minute)
	querytest.Insert(t, s, "graph_nodes_v1", commitNode(commit, "Fix the cart", at, false), commitNode("ab"+commit, "Another", at, false))
	h := hops(t, svc, "commit", commit)
	require.Equal(t, []string{"known", commit, "Fix the cart", "Ada · acme/shop"}, []string{h["commit"].State, h["commit"].ID, h["commit"].Title, h["commit"].Detail})
	require.Equal(t, "unknown", h["build"].State)
	require.Contains(t, h["build"].Evidence, "No build run of this commit")
	_, err := svc.Lineage(ctx, caller, query.LineageQuery{Kind: "commit", ID: "feed"})
	wantProblem(t, err, runner.NotFound, "")
}
