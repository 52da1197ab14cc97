package gitlab

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// The structs below hold what we read of GitLab's payloads, and nothing else.

type project struct {
	ID                int64  `json:"id"`
	WebURL            string `json:"web_url"`
	PathWithNamespace string `json:"path_with_namespace"`
}

type user struct {
	Username string `json:"username"`
	Name     string `json:"name"`
}

func (u *user) login() string {
	if u == nil {
		return ""
	}
	return wire.Or(u.Username, u.Name)
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
	Modified []string `json:"modified"`
	Removed  []string `json:"removed"`
}

type runner struct {
	Description string   `json:"description"`
	RunnerType  string   `json:"runner_type"`
	Tags        []string `json:"tags"`
}

func (r *runner) name() string {
	if r == nil {
		return ""
	}
	return r.Description
}

func (r *runner) class() string {
	if r == nil {
		return ""
	}
	if len(r.Tags) > 0 {
		return strings.Join(r.Tags, ",")
	}
	return r.RunnerType
}

type environment struct {
	Name           string `json:"name"`
	Action         string `json:"action"`
	DeploymentTier string `json:"deployment_tier"`
}

// parent is the pipeline whose job triggered this one.
type parent struct {
	Project    project `json:"project"`
	PipelineID int64   `json:"pipeline_id"`
	JobID      int64   `json:"job_id"`
}

type mergeRef struct {
	IID uint32 `json:"iid"`
}

type pipelineHook struct {
	Attributes struct {
		ID             int64     `json:"id"`
		IID            int64     `json:"iid"`
		Name           string    `json:"name"`
		Ref            string    `json:"ref"`
		Tag            bool      `json:"tag"`
		SHA            string    `json:"sha"`
		Source         string    `json:"source"`
		Status         string    `json:"status"`
		Stages         []string  `json:"stages"`
		CreatedAt      wire.Time `json:"created_at"`
		FinishedAt     wire.Time `json:"finished_at"`
		QueuedDuration float64   `json:"queued_duration"`
		URL            string    `json:"url"`
	} `json:"object_attributes"`
	MergeRequest   *mergeRef `json:"merge_request"`
	User           *user     `json:"user"`
	Project        project   `json:"project"`
	Commit         *commit   `json:"commit"`
	SourcePipeline *parent   `json:"source_pipeline"`
	Builds         []job     `json:"builds"`
}

// job is a job as the pipeline hook lists it.
type job struct {
	ID             int64        `json:"id"`
	Stage          string       `json:"stage"`
	Name           string       `json:"name"`
	Status         string       `json:"status"`
	CreatedAt      wire.Time    `json:"created_at"`
	StartedAt      wire.Time    `json:"started_at"`
	FinishedAt     wire.Time    `json:"finished_at"`
	Duration       float64      `json:"duration"`
	QueuedDuration float64      `json:"queued_duration"`
	FailureReason  string       `json:"failure_reason"`
	When           string       `json:"when"`
	Manual         bool         `json:"manual"`
	AllowFailure   bool         `json:"allow_failure"`
	Runner         *runner      `json:"runner"`
	Environment    *environment `json:"environment"`
	// retries is told by the job hook only.
	retries uint16
}

type jobHook struct {
	Ref            string       `json:"ref"`
	Tag            bool         `json:"tag"`
	SHA            string       `json:"sha"`
	RetriesCount   uint16       `json:"retries_count"`
	BuildID        int64        `json:"build_id"`
	BuildName      string       `json:"build_name"`
	BuildStage     string       `json:"build_stage"`
	BuildStatus    string       `json:"build_status"`
	CreatedAt      wire.Time    `json:"build_created_at"`
	StartedAt      wire.Time    `json:"build_started_at"`
	FinishedAt     wire.Time    `json:"build_finished_at"`
	Duration       float64      `json:"build_duration"`
	QueuedDuration float64      `json:"build_queued_duration"`
	AllowFailure   bool         `json:"build_allow_failure"`
	FailureReason  string       `json:"build_failure_reason"`
	PipelineID     int64        `json:"pipeline_id"`
	ProjectID      int64        `json:"project_id"`
	ProjectName    string       `json:"project_name"`
	Project        *project     `json:"project"`
	Runner         *runner      `json:"runner"`
	Environment    *environment `json:"environment"`
	SourcePipeline *parent      `json:"source_pipeline"`
	Commit         struct {
		// ID is the pipeline's.
		ID      int64  `json:"id"`
		Message string `json:"message"`
	} `json:"commit"`
	Repository struct {
		Homepage string `json:"homepage"`
	} `json:"repository"`
}

type deploymentHook struct {
	Status          string    `json:"status"`
	StatusChangedAt wire.Time `json:"status_changed_at"`
	DeploymentID    int64     `json:"deployment_id"`
	DeployableID    int64     `json:"deployable_id"`
	DeployableURL   string    `json:"deployable_url"`
	Environment     string    `json:"environment"`
	EnvironmentTier string    `json:"environment_tier"`
	ExternalURL     string    `json:"environment_external_url"`
	Project         project   `json:"project"`
	ShortSHA        string    `json:"short_sha"`
	CommitURL       string    `json:"commit_url"`
	User            *user     `json:"user"`
	Ref             string    `json:"ref"`
}

type pushHook struct {
	Ref         string   `json:"ref"`
	CheckoutSHA string   `json:"checkout_sha"`
	Project     project  `json:"project"`
	Commits     []commit `json:"commits"`
}

type mergeHook struct {
	Project    project `json:"project"`
	Attributes struct {
		ID             int64     `json:"id"`
		IID            uint32    `json:"iid"`
		Title          string    `json:"title"`
		State          string    `json:"state"`
		SourceBranch   string    `json:"source_branch"`
		TargetBranch   string    `json:"target_branch"`
		MergeCommitSHA string    `json:"merge_commit_sha"`
		AuthorID       int64     `json:"author_id"`
		URL            string    `json:"url"`
		CreatedAt      wire.Time `json:"created_at"`
		UpdatedAt      wire.Time `json:"updated_at"`
		MergedAt       wire.Time `json:"merged_at"`
		LastCommit     *commit   `json:"last_commit"`
	} `json:"object_attributes"`
	Labels []struct {
		Title string `json:"title"`
	} `json:"labels"`
}

type releaseHook struct {
	Tag        string    `json:"tag"`
	Name       string    `json:"name"`
	Action     string    `json:"action"`
	URL        string    `json:"url"`
	CreatedAt  wire.Time `json:"created_at"`
	ReleasedAt wire.Time `json:"released_at"`
	Project    project   `json:"project"`
	Commit     *commit   `json:"commit"`
}

// source is what all events of a delivery share.
type source struct {
	host, repo, projectID, web string
}

func (p *project) source() source {
	s := source{host: wire.Host(p.WebURL, "gitlab.com"), repo: wire.Name(p.PathWithNamespace), projectID: wire.Number(p.ID), web: p.WebURL}
	if u, err := url.Parse(p.WebURL); err == nil && s.repo == "" {
		s.repo = wire.Name(strings.Trim(u.Path, "/"))
	}
	return s
}

// source of a job hook: older GitLabs tell the project only by its page.
func (h *jobHook) source() source {
	p := project{ID: h.ProjectID, WebURL: h.Repository.Homepage}
	if h.Project != nil {
		p.WebURL, p.PathWithNamespace = h.Project.WebURL, h.Project.PathWithNamespace
	}
	return p.source()
}

func (s source) key(pipeline int64) build.RunKey {
	return build.RunKey{Provider: build.ProviderGitLab, Host: s.host, Repo: s.repo, RunID: strconv.FormatInt(pipeline, 10), Attempt: 1}
}

func (s source) trace(pipeline int64) build.TraceKey {
	return build.GitLabKey(s.host, wire.Or(s.projectID, s.repo), strconv.FormatInt(pipeline, 10))
}
