package faker

import "time"

// The parts of GitHub's webhook payloads that the shop's deliveries carry, under GitHub's own names.

type ghUser struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
	Type  string `json:"type"`
}

type ghRepo struct {
	ID            int64  `json:"id"`
	Name          string `json:"name"`
	FullName      string `json:"full_name"`
	Private       bool   `json:"private"`
	Owner         ghUser `json:"owner"`
	HTMLURL       string `json:"html_url"`
	URL           string `json:"url"`
	DefaultBranch string `json:"default_branch"`
}

type ghPerson struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type ghCommit struct {
	ID        string    `json:"id"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
	URL       string    `json:"url"`
	Author    ghPerson  `json:"author"`
	Committer ghPerson  `json:"committer"`
	Added     []string  `json:"added"`
	Removed   []string  `json:"removed"`
	Modified  []string  `json:"modified"`
}

type ghPush struct {
	Ref        string     `json:"ref"`
	Before     string     `json:"before"`
	After      string     `json:"after"`
	Created    bool       `json:"created"`
	Deleted    bool       `json:"deleted"`
	Forced     bool       `json:"forced"`
	Compare    string     `json:"compare"`
	Commits    []ghCommit `json:"commits"`
	HeadCommit ghCommit   `json:"head_commit"`
	Repository ghRepo     `json:"repository"`
	Pusher     ghPerson   `json:"pusher"`
	Sender     ghUser     `json:"sender"`
}

type ghRun struct {
	ID              int64     `json:"id"`
	Name            string    `json:"name"`
	HeadBranch      string    `json:"head_branch"`
	HeadSHA         string    `json:"head_sha"`
	Path            string    `json:"path"`
	DisplayTitle    string    `json:"display_title"`
	RunNumber       int       `json:"run_number"`
	Event           string    `json:"event"`
	Status          string    `json:"status"`
	Conclusion      *string   `json:"conclusion"`
	WorkflowID      int64     `json:"workflow_id"`
	URL             string    `json:"url"`
	HTMLURL         string    `json:"html_url"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
	RunAttempt      int       `json:"run_attempt"`
	RunStartedAt    time.Time `json:"run_started_at"`
	Actor           ghUser    `json:"actor"`
	TriggeringActor ghUser    `json:"triggering_actor"`
	HeadCommit      ghCommit  `json:"head_commit"`
	Repository      ghRepo    `json:"repository"`
}

type ghWorkflow struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
}

type ghRunEvent struct {
	Action     string     `json:"action"`
	Run        ghRun      `json:"workflow_run"`
	Workflow   ghWorkflow `json:"workflow"`
	Repository ghRepo     `json:"repository"`
	Sender     ghUser     `json:"sender"`
}

type ghStep struct {
	Name        string     `json:"name"`
	Status      string     `json:"status"`
	Conclusion  *string    `json:"conclusion"`
	Number      int        `json:"number"`
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
}

type ghJob struct {
	ID           int64      `json:"id"`
	RunID        int64      `json:"run_id"`
	WorkflowName string     `json:"workflow_name"`
	HeadBranch   string     `json:"head_branch"`
	HeadSHA      string     `json:"head_sha"`
	RunAttempt   int        `json:"run_attempt"`
	URL          string     `json:"url"`
	HTMLURL      string     `json:"html_url"`
	RunURL       string     `json:"run_url"`
	Name         string     `json:"name"`
	Status       string     `json:"status"`
	Conclusion   *string    `json:"conclusion"`
	CreatedAt    time.Time  `json:"created_at"`
	StartedAt    time.Time  `json:"started_at"`
	CompletedAt  *time.Time `json:"completed_at"`
	Steps        []ghStep   `json:"steps"`
	Labels       []string   `json:"labels"`
	RunnerID     *int64     `json:"runner_id"`
	RunnerName   *string    `json:"runner_name"`
	RunnerGroup  *string    `json:"runner_group_name"`
}

type ghJobEvent struct {
	Action     string `json:"action"`
	Job        ghJob  `json:"workflow_job"`
	Repository ghRepo `json:"repository"`
	Sender     ghUser `json:"sender"`
}

type ghDeployment struct {
	ID          int64          `json:"id"`
	URL         string         `json:"url"`
	SHA         string         `json:"sha"`
	Ref         string         `json:"ref"`
	Task        string         `json:"task"`
	Payload     map[string]any `json:"payload"`
	Environment string         `json:"environment"`
	Description string         `json:"description"`
	Creator     ghUser         `json:"creator"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
}

type ghDeploymentStatus struct {
	ID             int64     `json:"id"`
	State          string    `json:"state"`
	Description    string    `json:"description"`
	Environment    string    `json:"environment"`
	TargetURL      string    `json:"target_url"`
	LogURL         string    `json:"log_url"`
	EnvironmentURL string    `json:"environment_url"`
	Creator        ghUser    `json:"creator"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

type ghDeploymentEvent struct {
	Action     string              `json:"action"`
	Status     *ghDeploymentStatus `json:"deployment_status,omitempty"`
	Deployment ghDeployment        `json:"deployment"`
	Workflow   ghWorkflow          `json:"workflow"`
	Run        ghRun               `json:"workflow_run"`
	Repository ghRepo              `json:"repository"`
	Sender     ghUser              `json:"sender"`
}
