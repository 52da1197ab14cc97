package build

import "time"

// Names of the providers whose runs have ids of their own making.
const (
	ProviderGitHub    = "github"
	ProviderGitLab    = "gitlab"
	ProviderBuildkite = "buildkite"
	ProviderCircleCI  = "circleci"
	ProviderJenkins   = "jenkins"
	ProviderAzure     = "azuredevops"
	ProviderBitbucket = "bitbucket"
	ProviderCDEvents  = "cdevents"

	// HostBuildkite and HostCircleCI are the hosts of providers that have one.
	HostBuildkite = "buildkite.com"
	HostCircleCI  = "circleci.com"
)

// The functions below are the one place that says what the trace of a provider's run is made of, for those who receive
// its deliveries and for steps that join the trace from inside a job.

// GitHubKey is made of GITHUB_SERVER_URL's host, GITHUB_REPOSITORY_ID, GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT. A job's span
// is that of its check run's id.
func GitHubKey(host, repositoryID, runID string, attempt uint16) TraceKey {
	return TraceKey{Provider: ProviderGitHub, Host: host, RepoID: repositoryID, RunID: runID, Attempt: max(attempt, 1)}
}

// GitLabKey is made of CI_SERVER_HOST (with CI_SERVER_PORT where it isn't the scheme's own), CI_PROJECT_ID and
// CI_PIPELINE_ID. The attempt is always 1: a retried job belongs to the same pipeline under another CI_JOB_ID.
func GitLabKey(host, projectID, pipelineID string) TraceKey {
	return TraceKey{Provider: ProviderGitLab, Host: host, RepoID: projectID, RunID: pipelineID, Attempt: 1}
}

// BuildkiteKey is made of BUILDKITE_BUILD_ID, which is unique at the provider and stands for the repository too. A job's
// span is that of BUILDKITE_JOB_ID.
func BuildkiteKey(buildID string) TraceKey {
	return TraceKey{Provider: ProviderBuildkite, Host: HostBuildkite, RepoID: buildID, RunID: buildID, Attempt: 1}
}

// CircleCIKey is made of CIRCLE_WORKFLOW_ID, which is unique at the provider and stands for the repository too. A job's
// span is that of CIRCLE_WORKFLOW_JOB_ID.
func CircleCIKey(workflowID string) TraceKey {
	return TraceKey{Provider: ProviderCircleCI, Host: HostCircleCI, RepoID: workflowID, RunID: workflowID, Attempt: 1}
}

// ResumableRank is the rank of every state of a run or task that its provider may take up again after it has ended.
const ResumableRank = 20

// Resumable notes the end of a run that its provider may take up again, so that its first end and later ones are told
// apart in any order of delivery.
func (s *State) Resumable() {
	if !s.Status.Finished() || s.FinishedAt.IsZero() {
		return
	}
	at := FormatTime(s.FinishedAt)
	s.Attrs = with(s.Attrs, KeyFirstFinishedAt, at, KeyLastFinishedAt, at)
}

// ResumableVersion orders the states of such a run by the provider's time alone; the rank decides between states of one
// millisecond.
func ResumableVersion(s Status, at time.Time) uint64 {
	return VersionOf(ResumableRank, time.Time{}) | (VersionOf(0, at)<<6|uint64(s.Rank()))&(1<<56-1)
}

// RepeatsByName tells the providers that give a repeated job another id under the same name and don't say which it repeats.
func RepeatsByName(provider string) bool { return provider == ProviderGitLab }

// LessID orders ids that a provider counts: the shorter number is the smaller one.
func LessID(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
