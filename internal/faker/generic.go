package faker

import "time"

// genericEvent is an event of the door /v1/ci/events, as far as the shop's pipelines use it.
type genericEvent struct {
	Type           string     `json:"type"`
	BuildRunID     string     `json:"build_run_id,omitempty"`
	Provider       string     `json:"provider,omitempty"`
	Host           string     `json:"host,omitempty"`
	Repo           string     `json:"repo,omitempty"`
	Digest         string     `json:"digest,omitempty"`
	Name           string     `json:"name,omitempty"`
	Version        string     `json:"version,omitempty"`
	Service        string     `json:"service,omitempty"`
	CommitSHA      string     `json:"commit_sha,omitempty"`
	Branch         string     `json:"branch,omitempty"`
	Suite          string     `json:"suite,omitempty"`
	TaskID         string     `json:"task_id,omitempty"`
	DurationNS     int64      `json:"duration_ns,omitempty"`
	Flaky          bool       `json:"flaky,omitempty"`
	Retries        int        `json:"retries,omitempty"`
	Message        string     `json:"message,omitempty"`
	DeploymentID   string     `json:"deployment_id,omitempty"`
	Environment    string     `json:"environment,omitempty"`
	ServiceVersion string     `json:"service_version,omitempty"`
	Digests        []string   `json:"digests,omitempty"`
	Status         string     `json:"status,omitempty"`
	CreatedAt      *time.Time `json:"created_at,omitempty"`
	FinishedAt     *time.Time `json:"finished_at,omitempty"`
	UpdatedAt      *time.Time `json:"updated_at,omitempty"`
}

// artifactEvent says which image a run pushed, which no webhook carries.
func (c *change) artifactEvent(a attempt) genericEvent {
	at := a.jobs[imageJob].finishedAt
	return genericEvent{
		Type: "artifact", BuildRunID: runName(c, a.number), Digest: c.digest, Name: c.service.image() + ":" + c.version, Version: c.version,
		Service: c.service.name, CommitSHA: c.sha, Branch: defaultHead, CreatedAt: &at, UpdatedAt: &at,
	}
}

// digestDeployed says which image a deployment put where. Only the evidence of the service differs: those that say
// nothing of their image are deployed by version.
func (c *change) digestDeployed(d deploy) genericEvent {
	ev := genericEvent{
		Type: "deployment", Provider: "github", Host: "github.com", Repo: c.service.repo(), DeploymentID: itoa(d.id), Environment: d.environment,
		Service: c.service.name, ServiceVersion: c.version, CommitSHA: c.sha, BuildRunID: runName(c, c.attempts[len(c.attempts)-1].number),
		Status: "success", CreatedAt: &d.createdAt, FinishedAt: &d.finishedAt, UpdatedAt: &d.finishedAt,
	}
	if c.service.evidence == byDigest {
		ev.Digests = []string{c.digest}
	}
	return ev
}

// testEvent reports the service's one test that the story knows; of a flaky build it failed in the first attempt.
func (c *change) testEvent(a attempt) genericEvent {
	j := &a.jobs[integrationJob]
	ev := genericEvent{
		Type: "test", BuildRunID: runName(c, a.number), Suite: "integration", Name: c.service.test, TaskID: itoa(j.id),
		Status: "success", CommitSHA: c.sha, Branch: defaultHead, DurationNS: int64(j.steps[len(j.steps)-1].finishedAt.Sub(j.steps[len(j.steps)-1].startedAt) / 3),
		FinishedAt: &j.finishedAt, UpdatedAt: &j.finishedAt,
	}
	switch {
	case !a.success:
		ev.Status, ev.Message = "failure", "expected 0 reservations left over, got 1 (two workers reserved the last item)"
		ev.Flaky = c.kind == flakyBuild
	case a.number > 1:
		ev.Flaky, ev.Retries = true, a.number-1
	}
	return ev
}
