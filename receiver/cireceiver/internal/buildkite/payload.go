package buildkite

import (
	"net/url"
	"strings"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// The structs below hold what we read of Buildkite's payloads, and nothing else. Their shape is that of the types that
// Buildkite publishes for Go.

type payload struct {
	Event    string   `json:"event"`
	Build    *run     `json:"build"`
	Job      *job     `json:"job"`
	Pipeline pipeline `json:"pipeline"`
}

type pipeline struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type run struct {
	ID            string    `json:"id"`
	WebURL        string    `json:"web_url"`
	Number        int64     `json:"number"`
	State         string    `json:"state"`
	Blocked       bool      `json:"blocked"`
	Message       string    `json:"message"`
	Commit        string    `json:"commit"`
	Branch        string    `json:"branch"`
	Source        string    `json:"source"`
	CreatedAt     wire.Time `json:"created_at"`
	ScheduledAt   wire.Time `json:"scheduled_at"`
	StartedAt     wire.Time `json:"started_at"`
	FinishedAt    wire.Time `json:"finished_at"`
	Creator       *person   `json:"creator"`
	TriggeredFrom *struct {
		BuildID           string `json:"build_id"`
		BuildPipelineSlug string `json:"build_pipeline_slug"`
	} `json:"triggered_from"`
	RebuiltFrom *struct {
		ID string `json:"id"`
	} `json:"rebuilt_from"`
	PullRequest *struct {
		ID any `json:"id"`
	} `json:"pull_request"`
}

type job struct {
	ID             string    `json:"id"`
	Type           string    `json:"type"`
	Name           string    `json:"name"`
	Label          string    `json:"label"`
	StepKey        string    `json:"step_key"`
	GroupKey       string    `json:"group_key"`
	State          string    `json:"state"`
	WebURL         string    `json:"web_url"`
	ExitStatus     *int      `json:"exit_status"`
	SoftFailed     bool      `json:"soft_failed"`
	CreatedAt      wire.Time `json:"created_at"`
	ScheduledAt    wire.Time `json:"scheduled_at"`
	RunnableAt     wire.Time `json:"runnable_at"`
	StartedAt      wire.Time `json:"started_at"`
	FinishedAt     wire.Time `json:"finished_at"`
	UnblockedAt    wire.Time `json:"unblocked_at"`
	RetriedInJobID string    `json:"retried_in_job_id"`
	RetriesCount   uint16    `json:"retries_count"`
	RetrySource    *struct {
		JobID string `json:"job_id"`
	} `json:"retry_source"`
	Agent *struct {
		Name     string   `json:"name"`
		MetaData []string `json:"meta_data"`
	} `json:"agent"`
	AgentQueryRules []string `json:"agent_query_rules"`
}

// organization is the first part of the path of a build's page.
func (r *run) organization() string {
	u, err := url.Parse(r.WebURL)
	if err != nil {
		return ""
	}
	org, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	return org
}

// repo is "organization/pipeline", as a build's page has it.
func (p *payload) repo() string {
	org := p.Build.organization()
	if org == "" || p.Pipeline.Slug == "" {
		return wire.Name(wire.Or(p.Pipeline.Slug, org))
	}
	return wire.Name(org + "/" + p.Pipeline.Slug)
}

func (p *payload) key() build.RunKey {
	return build.RunKey{Provider: build.ProviderBuildkite, Host: build.HostBuildkite, Repo: p.repo(), RunID: p.Build.ID, Attempt: 1}
}

func (p *payload) check() *wire.Problem {
	switch {
	case p.Build == nil || p.Build.ID == "":
		return wire.WrongField("build.id", "is missing")
	case p.repo() == "":
		return wire.WrongField("pipeline.slug", "is missing")
	case strings.HasPrefix(p.Event, "job.") && (p.Job == nil || p.Job.ID == ""):
		return wire.WrongField("job.id", "is missing")
	default:
		return nil
	}
}
