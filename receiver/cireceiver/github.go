package cireceiver

import (
	"net/url"
)

// The structs below hold what we read of GitHub's payloads, and nothing else: most of the time of a decoder goes into
// fields that nobody reads.

type ghPayload struct {
	Action           string         `json:"action"`
	Repository       *ghRepo        `json:"repository"`
	WorkflowRun      *ghRun         `json:"workflow_run"`
	Workflow         *ghWorkflow    `json:"workflow"`
	WorkflowJob      *ghJob         `json:"workflow_job"`
	Deployment       *ghDeployment  `json:"deployment"`
	DeploymentStatus *ghDeployState `json:"deployment_status"`

	// Of push.
	Ref        string     `json:"ref"`
	After      string     `json:"after"`
	Deleted    bool       `json:"deleted"`
	HeadCommit *ghCommit  `json:"head_commit"`
	Commits    []ghCommit `json:"commits"`
}

type ghRepo struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
	HTMLURL  string `json:"html_url"`
}

type ghUser struct {
	Login string `json:"login"`
}

type ghWorkflow struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type ghRun struct {
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
	CreatedAt       flexTime  `json:"created_at"`
	UpdatedAt       flexTime  `json:"updated_at"`
	RunStartedAt    flexTime  `json:"run_started_at"`
	Actor           *ghUser   `json:"actor"`
	TriggeringActor *ghUser   `json:"triggering_actor"`
	PullRequests    []ghPull  `json:"pull_requests"`
	HeadCommit      *ghCommit `json:"head_commit"`
}

type ghPull struct {
	Number uint32 `json:"number"`
}

type ghJob struct {
	ID           int64    `json:"id"`
	RunID        int64    `json:"run_id"`
	RunAttempt   uint16   `json:"run_attempt"`
	Name         string   `json:"name"`
	WorkflowName string   `json:"workflow_name"`
	HeadBranch   string   `json:"head_branch"`
	HeadSHA      string   `json:"head_sha"`
	Status       string   `json:"status"`
	Conclusion   string   `json:"conclusion"`
	HTMLURL      string   `json:"html_url"`
	CreatedAt    flexTime `json:"created_at"`
	StartedAt    flexTime `json:"started_at"`
	CompletedAt  flexTime `json:"completed_at"`
	RunnerName   string   `json:"runner_name"`
	Labels       []string `json:"labels"`
	Steps        []ghStep `json:"steps"`
}

type ghStep struct {
	Name        string   `json:"name"`
	Number      uint32   `json:"number"`
	Status      string   `json:"status"`
	Conclusion  string   `json:"conclusion"`
	StartedAt   flexTime `json:"started_at"`
	CompletedAt flexTime `json:"completed_at"`
}

type ghDeployment struct {
	ID          int64    `json:"id"`
	SHA         string   `json:"sha"`
	Ref         string   `json:"ref"`
	Task        string   `json:"task"`
	Environment string   `json:"environment"`
	Creator     *ghUser  `json:"creator"`
	CreatedAt   flexTime `json:"created_at"`
	UpdatedAt   flexTime `json:"updated_at"`
	Production  *bool    `json:"production_environment"`
}

type ghDeployState struct {
	State          string   `json:"state"`
	Environment    string   `json:"environment"`
	Description    string   `json:"description"`
	TargetURL      string   `json:"target_url"`
	EnvironmentURL string   `json:"environment_url"`
	LogURL         string   `json:"log_url"`
	CreatedAt      flexTime `json:"created_at"`
	UpdatedAt      flexTime `json:"updated_at"`
}

type ghCommit struct {
	ID        string   `json:"id"`
	Message   string   `json:"message"`
	Timestamp flexTime `json:"timestamp"`
	URL       string   `json:"url"`
	Author    struct {
		Name string `json:"name"`
	} `json:"author"`
	Added    []string `json:"added"`
	Removed  []string `json:"removed"`
	Modified []string `json:"modified"`
}

// check names the first field without which the event can't be placed.
func (p *ghPayload) check(event string) *problem {
	if p.Repository == nil || p.Repository.FullName == "" {
		return wrongField("repository.full_name", "is missing")
	}
	var present bool
	var id int64
	switch event {
	case "workflow_run":
		if present = p.WorkflowRun != nil; present {
			id = p.WorkflowRun.ID
		}
	case "workflow_job":
		if present = p.WorkflowJob != nil; present {
			id = p.WorkflowJob.ID
			if p.WorkflowJob.RunID == 0 {
				return wrongField("workflow_job.run_id", "is missing")
			}
		}
	case "deployment_status":
		if p.DeploymentStatus == nil {
			return wrongField("deployment_status", "is missing")
		}
		fallthrough
	case "deployment":
		event = "deployment"
		if present = p.Deployment != nil; present {
			id = p.Deployment.ID
		}
	default:
		return nil
	}
	if !present {
		return wrongField(event, "is missing")
	}
	if id == 0 {
		return wrongField(event+".id", "is missing")
	}
	return nil
}

// host is the name of the GitHub that the repository is on.
func (r *ghRepo) host() string {
	if u, err := url.Parse(r.HTMLURL); err == nil && u.Host != "" {
		return u.Host
	}
	return "github.com"
}

func (u *ghUser) login() string {
	if u == nil {
		return ""
	}
	return u.Login
}
