package build

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/envelope"
)

type edgeName struct{ src, rel, dst string }

func names(nodes []Node, edges []Edge) (map[string]bool, []edgeName) {
	n := map[string]bool{}
	for _, x := range nodes {
		n[x.Kind+" "+x.ID] = x.Stub
	}
	var e []edgeName
	for _, x := range edges {
		e = append(e, edgeName{x.SrcKind + " " + x.SrcID, x.Rel, x.DstKind + " " + x.DstID})
	}
	return n, e
}

func TestGraph(t *testing.T) {
	const run2, run1 = "BuildRun github:github.com:acme/shop:7:2", "BuildRun github:github.com:acme/shop:7:1"
	const commit, stage = "Commit github:github.com:acme/shop:abc", "Stage github:github.com:acme/shop:7:2:stage:jobs"
	const task, artifact = "Task github:github.com:acme/shop:7:2:77", "Artifact sha256:a"
	const deployment, service = "Deployment github:github.com:acme/shop:d1", "Service shop@production"
	const suite, testCase = "TestSuite github:github.com:acme/shop:suite:unit", "TestCase github:github.com:acme/shop:suite:unit:case:adds"
	for _, tc := range []struct {
		name  string
		ev    Event
		nodes map[string]bool
		edges []edgeName
	}{
		{
			name:  "run",
			ev:    &Run{RunKey: key("7", 2), State: State{CommitSHA: "abc"}},
			nodes: map[string]bool{run2: false, run1: true, commit: true},
			edges: []edgeName{{run2, RelOfCommit, commit}, {run2, RelRetryOf, run1}},
		},
		{
			name:  "stub run",
			ev:    &Run{RunKey: key("7", 1), State: State{Stub: true}},
			nodes: map[string]bool{run1: true},
		},
		{
			name:  "job",
			ev:    &Task{RunKey: key("7", 2), ID: "77", Kind: KindJob},
			nodes: map[string]bool{run2: true, stage: true, task: false},
			edges: []edgeName{{run2, RelHasStage, stage}, {stage, RelHasTask, task}},
		},
		{name: "step", ev: &Task{RunKey: key("7", 2), ID: "77/1", ParentID: "77", Kind: KindStep}, nodes: map[string]bool{}},
		{
			name:  "test case",
			ev:    &Task{RunKey: key("7", 2), ID: "t", Kind: KindTestCase, State: State{Name: "adds", Attrs: map[string]string{KeySuite: "unit"}}},
			nodes: map[string]bool{run2: true, suite: true, testCase: false},
			edges: []edgeName{{run2, RelRanSuite, suite}, {suite, RelContains, testCase}},
		},
		{
			name:  "artifact",
			ev:    &Artifact{RunKey: key("7", 2), Digest: "sha256:a", TaskID: "77", CommitSHA: "abc"},
			nodes: map[string]bool{artifact: false, run2: true, task: true, commit: true},
			edges: []edgeName{{run2, RelProduced, artifact}, {task, RelProduced, artifact}, {artifact, RelBuiltFrom, commit}},
		},
		{
			name: "deployment",
			ev: &Deployment{
				Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: "d1", Service: "shop", Environment: "production",
				CommitSHA: "abc", BuildRunID: key("7", 2).ID(), Digests: []string{"sha256:a"}, Basis: envelope.BasisDigest,
			},
			nodes: map[string]bool{deployment: false, service: false, artifact: true, run2: true, commit: true},
			edges: []edgeName{
				{deployment, RelDeployedTo, service},
				{deployment, RelDeploys, artifact},
				{deployment, RelFromRun, run2},
				{deployment, RelOfCommit, commit},
			},
		},
		{
			name:  "commit",
			ev:    &Commit{Provider: "github", Host: "github.com", Repo: "acme/shop", SHA: "abc", Message: "fix"},
			nodes: map[string]bool{commit: false},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes, edges := Graph(tc.ev)
			gotNodes, gotEdges := names(nodes, edges)
			require.Equal(t, tc.nodes, gotNodes)
			require.Equal(t, tc.edges, gotEdges)
			for _, n := range nodes {
				if n.Stub {
					require.Zero(t, n.Version, "a stub never replaces a description")
				}
			}
		})
	}
}

func finishedRun() *Run {
	return &Run{RunKey: key("7", 2), State: State{
		Pipeline: "CI", Branch: "main", CommitSHA: "abc", CreatedAt: at(0), StartedAt: at(0), FinishedAt: at(60), Status: StatusFailure,
		URL: "https://github.com/acme/shop/actions/runs/7", Attrs: map[string]string{KeyConclusion: "failure", KeyRepoID: "42"},
	}}
}

func TestSpans(t *testing.T) {
	job := &Task{RunKey: key("7", 2), ID: "77", Kind: KindJob, Runner: "runner 5", State: State{
		Pipeline: "CI", Name: "test", URL: "https://x/77", CreatedAt: at(0), StartedAt: at(10), FinishedAt: at(50), Status: StatusTimeout,
		Attrs: map[string]string{KeyConclusion: "timed_out"}, Message: "too slow",
	}}
	job.Derive()
	step := func(n uint32, s Status) *Task {
		return &Task{RunKey: key("7", 2), ID: "77/" + string('0'+rune(n)), ParentID: "77", Kind: KindStep, StepNumber: n,
			State: State{Name: "run", StartedAt: at(11), FinishedAt: at(12), Status: s}}
	}
	running := &Task{RunKey: key("7", 2), ID: "78", Kind: KindJob, State: State{Status: StatusRunning, StartedAt: at(1)}}
	test := &Task{RunKey: key("7", 2), ID: "t", Kind: KindTestCase, State: State{Status: StatusSuccess, FinishedAt: at(1)}}
	td := Spans(finishedRun(), []*Task{job, step(1, StatusSkipped), step(2, StatusSuccess), running, test})
	require.Equal(t, 5, td.SpanCount())

	res := td.ResourceSpans().At(0).Resource().Attributes().AsRaw()
	require.Equal(t, map[string]any{
		"service.name": "acme/shop", envelope.AttrBuildRunRef: key("7", 2).ID(), "cicd.pipeline.name": "CI", "vcs.provider.name": "github", "vcs.owner.name": "acme",
		"vcs.repository.name": "shop", "vcs.ref.head.name": "main", "vcs.ref.head.type": "branch", "vcs.ref.head.revision": "abc",
		"vcs.repository.url.full": "https://github.com/acme/shop",
	}, res)

	k := key("7", 2).TraceKey("42")
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	root := spans.At(0)
	require.Equal(t, "RUN CI", root.Name())
	require.Equal(t, ptrace.SpanKindServer, root.Kind())
	require.Equal(t, k.TraceID(), [16]byte(root.TraceID()))
	require.Equal(t, k.RootSpanID(), [8]byte(root.SpanID()))
	require.True(t, root.ParentSpanID().IsEmpty())
	require.Equal(t, ptrace.StatusCodeError, root.Status().Code())
	require.Equal(t, map[string]any{
		"cicd.pipeline.name": "CI", "cicd.pipeline.run.id": "7", "cicd.pipeline.action.name": "RUN", "cicd.pipeline.result": "failure",
		"cicd.pipeline.run.url.full": "https://github.com/acme/shop/actions/runs/7", "error.type": "failure",
	}, root.Attributes().AsRaw())
	require.Equal(t, key("7", 1).TraceKey("42").TraceID(), [16]byte(root.Links().At(0).TraceID()))

	queue, jobSpan, skipped, ok := spans.At(1), spans.At(2), spans.At(3), spans.At(4)
	require.Equal(t, k.QueueSpanID("77"), [8]byte(queue.SpanID()))
	require.Equal(t, at(0), queue.StartTimestamp().AsTime())
	require.Equal(t, at(10), queue.EndTimestamp().AsTime())
	require.Equal(t, "pending", queue.Attributes().AsRaw()["cicd.pipeline.run.state"])

	require.Equal(t, ptrace.SpanKindInternal, jobSpan.Kind())
	require.Equal(t, k.TaskSpanID("77"), [8]byte(jobSpan.SpanID()))
	require.Equal(t, root.SpanID(), jobSpan.ParentSpanID())
	require.Equal(t, map[string]any{
		"cicd.pipeline.name": "CI", "cicd.pipeline.run.id": "7", "cicd.pipeline.task.name": "test", "cicd.pipeline.task.run.id": "77",
		"cicd.pipeline.task.run.url.full": "https://x/77", "cicd.worker.name": "runner 5", "cicd.pipeline.task.run.result": "timeout",
		"error.type": "timed_out",
	}, jobSpan.Attributes().AsRaw())
	require.Equal(t, "too slow", jobSpan.Status().Message())

	require.Equal(t, "skip", skipped.Attributes().AsRaw()["cicd.pipeline.task.run.result"])
	require.Equal(t, ptrace.StatusCodeUnset, skipped.Status().Code())
	require.Equal(t, jobSpan.SpanID(), skipped.ParentSpanID())
	require.NotEqual(t, skipped.SpanID(), ok.SpanID(), "two steps of one name")
}

func TestRunThatTellsOnlyItsEndHasAnInstantSpan(t *testing.T) {
	run := finishedRun()
	run.CreatedAt, run.StartedAt = State{}.CreatedAt, State{}.StartedAt
	sp := Spans(run, nil).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, run.FinishedAt, sp.StartTimestamp().AsTime())
	require.Equal(t, run.FinishedAt, sp.EndTimestamp().AsTime())
}

func TestSpansOfAStubRunAreItsTasksOnly(t *testing.T) {
	run := finishedRun()
	run.Stub = true
	require.Zero(t, Spans(run, nil).SpanCount())
	job := &Task{RunKey: key("7", 2), ID: "77", Kind: KindJob, State: State{Name: "j", StartedAt: at(3), FinishedAt: at(2), Status: StatusSuccess}}
	td := Spans(run, []*Task{job})
	require.Equal(t, 1, td.SpanCount())
	sp := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	require.Equal(t, sp.StartTimestamp(), sp.EndTimestamp(), "an end before the start is no negative duration")
}

func TestHashActor(t *testing.T) {
	require.Empty(t, HashActor("github", "github.com", ""))
	require.Len(t, HashActor("github", "github.com", "mona"), 16)
	require.NotEqual(t, HashActor("github", "github.com", "mona"), HashActor("github", "ghes", "mona"))
}
