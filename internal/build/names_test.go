package build

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/summitobs/summit/internal/envelope"
)

// conventional are the names of the conventions that spans and records of builds may bear, from the published table.
var conventional = map[attribute.Key]bool{
	semconv.ServiceNameKey: true, semconv.ServiceVersionKey: true, semconv.ErrorTypeKey: true,
	semconv.CICDPipelineNameKey: true, semconv.CICDPipelineResultKey: true, semconv.CICDPipelineActionNameKey: true,
	semconv.CICDPipelineRunIDKey: true, semconv.CICDPipelineRunStateKey: true, semconv.CICDPipelineRunURLFullKey: true,
	semconv.CICDPipelineTaskNameKey: true, semconv.CICDPipelineTaskRunIDKey: true, semconv.CICDPipelineTaskRunResultKey: true,
	semconv.CICDPipelineTaskRunURLFullKey: true, semconv.CICDWorkerNameKey: true,
	semconv.VCSProviderNameKey: true, semconv.VCSOwnerNameKey: true, semconv.VCSRepositoryNameKey: true, semconv.VCSRepositoryURLFullKey: true,
	semconv.VCSRefHeadNameKey: true, semconv.VCSRefHeadTypeKey: true, semconv.VCSRefHeadRevisionKey: true, semconv.VCSRefBaseNameKey: true,
	semconv.VCSChangeIDKey: true, semconv.VCSChangeTitleKey: true, semconv.VCSChangeStateKey: true,
	semconv.ArtifactHashKey: true, semconv.ArtifactFilenameKey: true, semconv.ArtifactVersionKey: true,
	semconv.DeploymentIDKey: true, semconv.DeploymentEnvironmentNameKey: true, semconv.TestCaseNameKey: true,
}

// ours starts the names that the conventions lack; they are listed in package envelope.
const ours = "summit.build."

func requireNames(t *testing.T, attrs pcommon.Map) {
	t.Helper()
	for k, v := range attrs.All() {
		require.True(t, conventional[attribute.Key(k)] || len(k) > len(ours) && k[:len(ours)] == ours, "%s is no name of the conventions or of ours", k)
		require.NotContains(t, v.AsString(), "@", "%s holds an e-mail address", k)
	}
}

func TestPoint03NamesAreThoseOfTheConventions(t *testing.T) {
	run := finishedRun()
	run.PRNumber = 12
	tasks := []*Task{
		job("77", 0, 5, 30, StatusFailure), job("78", 0, 5, 30, StatusSkipped),
		{RunKey: key("7", 2), ID: "77/1", ParentID: "77", Kind: KindStep, Runner: "r", State: State{Name: "s", FinishedAt: at(9), Status: StatusTimeout}},
	}
	td := Spans(run, tasks)
	kinds := map[ptrace.SpanKind]int{}
	for _, rs := range td.ResourceSpans().All() {
		requireNames(t, rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				kinds[sp.Kind()]++
				requireNames(t, sp.Attributes())
				for _, gone := range []string{"cicd.pipeline.run.status", "cicd.pipeline.run.task.status", "vcs.ref.head", "vcs.vendor.name"} {
					_, there := sp.Attributes().Get(gone)
					require.False(t, there, gone)
				}
			}
		}
	}
	require.Equal(t, map[ptrace.SpanKind]int{ptrace.SpanKindServer: 1, ptrace.SpanKindInternal: 5}, kinds)
	require.Equal(t, "RUN CI", td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name(), "{action} {pipeline}")

	for _, ev := range []Event{
		run, tasks[0], tasks[2], &Artifact{RunKey: key("7", 2), Digest: "sha256:a", Name: "shop", ArtifactVersion: "1", Service: "shop"},
		&Deployment{Provider: "github", DeploymentID: "1", Service: "shop", Environment: "production", ServiceVersion: "1", Basis: envelope.BasisDigest},
		&Commit{Provider: "github", SHA: "a", Message: "m", Author: "Ann"},
		&Change{Provider: "github", Number: 3, Title: "t", State: ChangeMerged, HeadSHA: "a", BaseBranch: "main"},
		&Release{Provider: "github", Tag: "v1", Name: "one"},
	} {
		lr := plog.NewLogRecord()
		AppendTo(ev, lr)
		require.Positive(t, lr.Attributes().Len())
		requireNames(t, lr.Attributes())
	}
	require.Equal(t, "open merged closed", string(ChangeOpen)+" "+string(ChangeMerged)+" "+string(ChangeClosed))
	require.Equal(t, "open", semconv.VCSChangeStateOpen.Value.AsString())
	require.Equal(t, "merged", semconv.VCSChangeStateMerged.Value.AsString())
	require.Equal(t, "closed", semconv.VCSChangeStateClosed.Value.AsString())
}
