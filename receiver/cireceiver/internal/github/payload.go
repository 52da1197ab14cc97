package github

import "github.com/summitobs/summit/receiver/cireceiver/internal/wire"

// The structs below hold what we read of GitHub's payloads, and nothing else: most of the time of a decoder goes into
// fields that nobody reads.

type payload struct {
	Action           string       `json:"action"`
	Repository       *repo        `json:"repository"`
	WorkflowRun      *run         `json:"workflow_run"`
	Workflow         *workflow    `json:"workflow"`
	WorkflowJob      *job         `json:"workflow_job"`
	Deployment       *deployment  `json:"deployment"`
	DeploymentStatus *deployState `json:"deployment_status"`
	CheckRun         *checkRun    `json:"check_run"`
	CheckSuite       *checkSuite  `json:"check_suite"`
	PullRequest      *pullRequest `json:"pull_request"`
	Release          *release     `json:"release"`

	// Of deployment_review: the jobs that wait, and for whom.
	Since           wire.Time  `json:"since"`
	WorkflowJobRun  *reviewed  `json:"workflow_job_run"`
	WorkflowJobRuns []reviewed `json:"workflow_job_runs"`
	Approver        *user      `json:"approver"`

	// Of push.
	Ref        string   `json:"ref"`
	After      string   `json:"after"`
	Deleted    bool     `json:"deleted"`
	HeadCommit *commit  `json:"head_commit"`
	Commits    []commit `json:"commits"`
}

type repo struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	HTMLURL  string `json:"html_url"`
	Fork     bool   `json:"fork"`
}

type user struct {
	Login string `json:"login"`
}

type workflow struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type run struct {
	ID              int64     `json:"id"`
	Name            string    `json:"name"`
	DisplayTitle    string    `json:"display_title"`
	Path            string    `json:"path"`
	HeadBranch      string    `json:"head_branch"`
	HeadSHA         string    `json:"head_sha"`
	RunNumber       int64     `json:"run_number"`
	RunAttempt      uint16    `json:"run_attempt"`
	Event           string    `json:"event"`
	Status          string    `json:"status"`
	Conclusion      string    `json:"conclusion"`
	HTMLURL         string    `json:"html_url"`
	CreatedAt       wire.Time `json:"created_at"`
	UpdatedAt       wire.Time `json:"updated_at"`
	RunStartedAt    wire.Time `json:"run_started_at"`
	Actor           *user     `json:"actor"`
	TriggeringActor *user     `json:"triggering_actor"`
	PullRequests    []pull    `json:"pull_requests"`
	HeadCommit      *commit   `json:"head_commit"`
}

type pull struct {
	Number uint32 `json:"number"`
}

type job struct {
	ID           int64     `json:"id"`
	RunID        int64     `json:"run_id"`
	RunAttempt   uint16    `json:"run_attempt"`
	Name         string    `json:"name"`
	WorkflowName string    `json:"workflow_name"`
	HeadBranch   string    `json:"head_branch"`
	HeadSHA      string    `json:"head_sha"`
	Status       string    `json:"status"`
	Conclusion   string    `json:"conclusion"`
	HTMLURL      string    `json:"html_url"`
	CreatedAt    wire.Time `json:"created_at"`
	StartedAt    wire.Time `json:"started_at"`
	CompletedAt  wire.Time `json:"completed_at"`
	RunnerName   string    `json:"runner_name"`
	Labels       []string  `json:"labels"`
	Steps        []step    `json:"steps"`
}

type step struct {
	Name        string    `json:"name"`
	Number      uint32    `json:"number"`
	Status      string    `json:"status"`
	Conclusion  string    `json:"conclusion"`
	StartedAt   wire.Time `json:"started_at"`
	CompletedAt wire.Time `json:"completed_at"`
}

type deployment struct {
	ID          int64     `json:"id"`
	SHA         string    `json:"sha"`
	Ref         string    `json:"ref"`
	Task        string    `json:"task"`
	Environment string    `json:"environment"`
	Creator     *user     `json:"creator"`
	CreatedAt   wire.Time `json:"created_at"`
	UpdatedAt   wire.Time `json:"updated_at"`
	Production  *bool     `json:"production_environment"`
}

type deployState struct {
	State          string    `json:"state"`
	Environment    string    `json:"environment"`
	Description    string    `json:"description"`
	TargetURL      string    `json:"target_url"`
	EnvironmentURL string    `json:"environment_url"`
	LogURL         string    `json:"log_url"`
	CreatedAt      wire.Time `json:"created_at"`
	UpdatedAt      wire.Time `json:"updated_at"`
}

type commit struct {
	ID        string    `json:"id"`
	Message   string    `json:"message"`
	Timestamp wire.Time `json:"timestamp"`
	URL       string    `json:"url"`
	Author    struct {
		Name string `json:"name"`
	} `json:"author"`
	Added    []string `json:"added"`
	Removed  []string `json:"removed"`
	Modified []string `json:"modified"`
}

// host is the name of the GitHub that the repository is on.
func (r *repo) host() string { return wire.Host(r.HTMLURL, "github.com") }

func (u *user) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}
