package ci

import (
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/summitobs/summit/internal/build"
)

// JobVariable holds the provider's id of the job where the CI system has no variable of its own for it, as GitHub.
const JobVariable = "SUMMIT_CI_JOB_ID"

// Job is the job that this process runs in.
type Job struct {
	Run   build.RunKey
	Trace build.TraceKey
	// ID is the provider's id of the job; empty where the job can't know it.
	ID        string
	Name      string
	Pipeline  string
	Branch    string
	CommitSHA string
	// Root is the folder of the checkout.
	Root string
	// Runner is the machine that runs the job.
	Runner string
}

// Traceparent is the W3C header of the job's span, or of the run's where the job's id isn't known: the same ids that the
// receiver of the provider's webhooks computes.
func (j *Job) Traceparent() string {
	trace, span := j.Trace.TraceID(), j.Trace.RootSpanID()
	if j.ID != "" {
		span = j.Trace.TaskSpanID(j.ID)
	}
	return "00-" + hex.EncodeToString(trace[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}

// Detect reads the variables of the CI system. getenv gives the empty string for one that isn't set.
func Detect(getenv func(string) string) (*Job, error) {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return github(getenv)
	case getenv("GITLAB_CI") == "true":
		return gitlab(getenv)
	case getenv("BUILDKITE") == "true":
		return buildkite(getenv)
	case getenv("CIRCLECI") == "true":
		return circleci(getenv)
	}
	return nil, noCI()
}

// need tells which of the variables without which there is no run aren't set.
func need(getenv func(string) string, names ...string) error {
	var missing []string
	for _, n := range names {
		if getenv(n) == "" {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return noCI(missing...)
	}
	return nil
}

func github(getenv func(string) string) (*Job, error) {
	if err := need(getenv, "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID", "GITHUB_RUN_ID"); err != nil {
		return nil, err
	}
	attempt := uint16(1)
	if n, err := strconv.ParseUint(getenv("GITHUB_RUN_ATTEMPT"), 10, 16); err == nil && n > 0 {
		attempt = uint16(n)
	}
	host := hostOf(getenv("GITHUB_SERVER_URL"))
	j := &Job{
		Run:   build.RunKey{Provider: build.ProviderGitHub, Host: host, Repo: getenv("GITHUB_REPOSITORY"), RunID: getenv("GITHUB_RUN_ID"), Attempt: attempt},
		Trace: build.GitHubKey(host, getenv("GITHUB_REPOSITORY_ID"), getenv("GITHUB_RUN_ID"), attempt),
		ID:    getenv(JobVariable), Name: getenv("GITHUB_JOB"), Pipeline: getenv("GITHUB_WORKFLOW"),
		Branch: or(getenv("GITHUB_HEAD_REF"), getenv("GITHUB_REF_NAME")), CommitSHA: getenv("GITHUB_SHA"), Root: getenv("GITHUB_WORKSPACE"),
		Runner: getenv("RUNNER_NAME"),
	}
	// For a pull request GITHUB_SHA is a merge that nobody else knows; webhooks tell the head.
	if head := pullRequestHead(getenv("GITHUB_EVENT_PATH")); head != "" {
		j.CommitSHA = head
	}
	return j, nil
}

// maxEvent is more than GitHub puts into the file of the event.
const maxEvent = 32 << 20

func pullRequestHead(file string) string {
	if file == "" {
		return ""
	}
	if info, err := os.Stat(file); err != nil || info.Size() > maxEvent {
		return ""
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	var event struct {
		PullRequest struct {
			Head struct {
				SHA string `json:"sha"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if json.Unmarshal(raw, &event) != nil {
		return ""
	}
	return event.PullRequest.Head.SHA
}

func gitlab(getenv func(string) string) (*Job, error) {
	if err := need(getenv, "CI_SERVER_HOST", "CI_PROJECT_PATH", "CI_PROJECT_ID", "CI_PIPELINE_ID"); err != nil {
		return nil, err
	}
	host := getenv("CI_SERVER_HOST")
	if u := getenv("CI_SERVER_URL"); u != "" {
		host = hostOf(u)
	} else if port := getenv("CI_SERVER_PORT"); port != "" && port != "80" && port != "443" {
		host += ":" + port
	}
	return &Job{
		Run:   build.RunKey{Provider: build.ProviderGitLab, Host: host, Repo: getenv("CI_PROJECT_PATH"), RunID: getenv("CI_PIPELINE_ID"), Attempt: 1},
		Trace: build.GitLabKey(host, getenv("CI_PROJECT_ID"), getenv("CI_PIPELINE_ID")),
		ID:    getenv("CI_JOB_ID"), Name: getenv("CI_JOB_NAME"), Pipeline: getenv("CI_PIPELINE_NAME"),
		Branch:    or(getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"), getenv("CI_COMMIT_REF_NAME")),
		CommitSHA: or(getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"), getenv("CI_COMMIT_SHA")), Root: getenv("CI_PROJECT_DIR"),
		Runner: getenv("CI_RUNNER_DESCRIPTION"),
	}, nil
}

func buildkite(getenv func(string) string) (*Job, error) {
	if err := need(getenv, "BUILDKITE_BUILD_ID", "BUILDKITE_ORGANIZATION_SLUG", "BUILDKITE_PIPELINE_SLUG"); err != nil {
		return nil, err
	}
	commit := getenv("BUILDKITE_COMMIT")
	if !isHex(commit) {
		commit = "" // "HEAD" until the checkout has resolved it
	}
	id := getenv("BUILDKITE_BUILD_ID")
	return &Job{
		Run: build.RunKey{
			Provider: build.ProviderBuildkite, Host: build.HostBuildkite,
			Repo: getenv("BUILDKITE_ORGANIZATION_SLUG") + "/" + getenv("BUILDKITE_PIPELINE_SLUG"), RunID: id, Attempt: 1,
		},
		Trace: build.BuildkiteKey(id), ID: getenv("BUILDKITE_JOB_ID"), Name: getenv("BUILDKITE_LABEL"),
		Pipeline: or(getenv("BUILDKITE_PIPELINE_NAME"), getenv("BUILDKITE_PIPELINE_SLUG")), Branch: getenv("BUILDKITE_BRANCH"), CommitSHA: commit,
		Root: getenv("BUILDKITE_BUILD_CHECKOUT_PATH"), Runner: getenv("BUILDKITE_AGENT_NAME"),
	}, nil
}

func circleci(getenv func(string) string) (*Job, error) {
	if err := need(getenv, "CIRCLE_WORKFLOW_ID", "CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"); err != nil {
		return nil, err
	}
	id, root := getenv("CIRCLE_WORKFLOW_ID"), getenv("CIRCLE_WORKING_DIRECTORY")
	if rest, ok := strings.CutPrefix(root, "~"); ok {
		root = path.Join(getenv("HOME"), rest)
	}
	return &Job{
		Run: build.RunKey{
			Provider: build.ProviderCircleCI, Host: build.HostCircleCI,
			Repo: getenv("CIRCLE_PROJECT_USERNAME") + "/" + getenv("CIRCLE_PROJECT_REPONAME"), RunID: id, Attempt: 1,
		},
		// The workflow's name is in no variable, only its id is.
		Trace: build.CircleCIKey(id), ID: getenv("CIRCLE_WORKFLOW_JOB_ID"), Name: getenv("CIRCLE_JOB"), Branch: getenv("CIRCLE_BRANCH"),
		CommitSHA: getenv("CIRCLE_SHA1"), Root: root,
	}, nil
}

// hostOf is an address' host, with its port unless that is the scheme's own, in the form in which webhooks tell it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return strings.ToLower(address)
	}
	if port := u.Port(); port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		return strings.ToLower(u.Hostname())
	}
	return strings.ToLower(u.Host)
}

func isHex(s string) bool {
	return len(s) >= 7 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

func or(s, fallback string) string {
	if s != "" {
		return s
	}
	return fallback
}
