// Package circleci reads CircleCI's webhooks: workflows and jobs that have ended; CircleCI tells of none that run. Package
// cireceiver gives it deliveries.
package circleci

import (
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is CircleCI.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderCircleCI }

// Verify checks the signature over the body. The header lists one for each version of the scheme.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	const header = "circleci-signature"
	v1 := ""
	for part := range strings.SplitSeq(d.Header.Get(header), ",") {
		if s, ok := strings.CutPrefix(strings.TrimSpace(part), "v1="); ok {
			v1 = s
		}
	}
	return wire.VerifyHMAC(header, v1, "", d.Body, secrets)
}

// Head names the delivery; the id is in the body.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	var body struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	h := wire.Head{Payload: d.Body}
	if p := wire.Decode(d.Body, &body, false); p != nil {
		return h, p
	}
	h.Event, h.ID = wire.Or(body.Type, d.Header.Get("circleci-event-type")), body.ID
	switch h.Event {
	case "":
		return h, wire.WrongField("type", "is missing")
	case "ping":
		h.Kind = wire.Ping
	case "workflow-completed", "job-completed":
	default:
		h.Kind = wire.Ignored
	}
	return h, nil
}

type payload struct {
	HappenedAt wire.Time `json:"happened_at"`
	Project    struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Slug string `json:"slug"`
	} `json:"project"`
	Organization struct {
		Name string `json:"name"`
	} `json:"organization"`
	Workflow struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Status    string    `json:"status"`
		CreatedAt wire.Time `json:"created_at"`
		StoppedAt wire.Time `json:"stopped_at"`
		URL       string    `json:"url"`
	} `json:"workflow"`
	Job *struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Number    int64     `json:"number"`
		Status    string    `json:"status"`
		StartedAt wire.Time `json:"started_at"`
		StoppedAt wire.Time `json:"stopped_at"`
	} `json:"job"`
	Pipeline struct {
		ID        string    `json:"id"`
		Number    int64     `json:"number"`
		CreatedAt wire.Time `json:"created_at"`
		Trigger   struct {
			Type string `json:"type"`
		} `json:"trigger"`
		TriggerParameters struct {
			Git struct {
				CheckoutSHA string `json:"checkout_sha"`
				Branch      string `json:"branch"`
				RepoOwner   string `json:"repo_owner"`
				RepoName    string `json:"repo_name"`
			} `json:"git"`
		} `json:"trigger_parameters"`
		VCS struct {
			TargetRepositoryURL string `json:"target_repository_url"`
			Revision            string `json:"revision"`
			Branch              string `json:"branch"`
			Tag                 string `json:"tag"`
			Commit              struct {
				Subject    string    `json:"subject"`
				AuthoredAt wire.Time `json:"authored_at"`
				Author     struct {
					Name string `json:"name"`
				} `json:"author"`
			} `json:"commit"`
		} `json:"vcs"`
	} `json:"pipeline"`
}

// repo is "owner/name" as a job has it in its environment; projects of other version control systems have ids in their slug.
func (p *payload) repo() string {
	parts := strings.Split(p.Project.Slug, "/")
	if len(parts) == 3 && parts[0] != "circleci" {
		return wire.Name(parts[1] + "/" + parts[2])
	}
	if g := &p.Pipeline.TriggerParameters.Git; g.RepoOwner != "" && g.RepoName != "" {
		return wire.Name(g.RepoOwner + "/" + g.RepoName)
	}
	if u, err := url.Parse(p.Pipeline.VCS.TargetRepositoryURL); err == nil && u.Path != "" {
		return wire.Name(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"))
	}
	return wire.Name(path.Join(p.Organization.Name, p.Project.Name))
}

func statusOf(status string) (s build.Status, conclusion string) {
	switch status {
	case "success":
		return build.StatusSuccess, status
	case "failed":
		return build.StatusFailure, status
	case "infrastructure_fail", "error", "unauthorized":
		return build.StatusFailure, "error"
	case "canceled":
		return build.StatusCancelled, status
	case "timedout":
		return build.StatusTimeout, status
	case "not_run":
		return build.StatusSkipped, status
	case "running", "failing":
		return build.StatusRunning, status
	case "on_hold":
		return build.StatusWaiting, status
	case "queued", "not_running":
		return build.StatusQueued, status
	default:
		return build.StatusUnknown, status
	}
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	var p payload
	if prob := wire.Decode(h.Payload, &p, false); prob != nil {
		return wire.Parsed{}, prob
	}
	switch {
	case p.Workflow.ID == "":
		return wire.Parsed{}, wire.WrongField("workflow.id", "is missing")
	case p.repo() == "":
		return wire.Parsed{}, wire.WrongField("project.slug", "is missing")
	case h.Event == "job-completed" && (p.Job == nil || p.Job.ID == ""):
		return wire.Parsed{}, wire.WrongField("job.id", "is missing")
	}
	run := p.run(h.Event == "job-completed")
	out := wire.Of(run)
	if c := p.commit(run); c != nil {
		out.Events = append(out.Events, c)
	}
	if h.Event == "job-completed" {
		out.Events = append(out.Events, p.task(run))
	}
	return out, nil
}

func (p *payload) run(stub bool) *build.Run {
	w := &p.Workflow
	trace := build.CircleCIKey(w.ID)
	key := build.RunKey{Provider: build.ProviderCircleCI, Host: build.HostCircleCI, Repo: p.repo(), RunID: w.ID, Attempt: 1}
	vcs, git := &p.Pipeline.VCS, &p.Pipeline.TriggerParameters.Git
	status, conclusion := statusOf(w.Status)
	s := build.State{
		Pipeline: w.Name, Name: vcs.Commit.Subject, Branch: wire.Or(vcs.Branch, git.Branch), CommitSHA: wire.SHA(wire.Or(vcs.Revision, git.CheckoutSHA)),
		Trigger: p.Pipeline.Trigger.Type, CreatedAt: wire.FirstTime(w.CreatedAt.Time, p.Pipeline.CreatedAt.Time), URL: w.URL, Stub: stub,
		TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyRepoID, w.ID, build.KeyRunNumber, wire.Number(p.Pipeline.Number), "pipeline_id", p.Pipeline.ID, "tag", vcs.Tag),
	}
	s.UpdatedAt = wire.FirstTime(w.StoppedAt.Time, p.HappenedAt.Time, s.CreatedAt)
	if !stub {
		s.Status, s.StartedAt = status, s.CreatedAt
		s.Attrs = wire.With(s.Attrs, build.KeyConclusion, conclusion)
		if status.Finished() {
			s.FinishedAt = s.UpdatedAt
		}
		s.Version = build.VersionOf(status.Rank(), s.UpdatedAt)
	}
	s.Derive()
	return &build.Run{RunKey: key, State: s}
}

func (p *payload) task(run *build.Run) *build.Task {
	j := p.Job
	trace := build.CircleCIKey(p.Workflow.ID)
	status, conclusion := statusOf(j.Status)
	s := build.State{
		Pipeline: run.Pipeline, Name: j.Name, Branch: run.Branch, CommitSHA: run.CommitSHA, StartedAt: j.StartedAt.Time, Status: status,
		TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(j.ID),
		Attrs: wire.Attrs(build.KeyConclusion, conclusion, build.KeyRepoID, p.Workflow.ID, "job_number", wire.Number(j.Number)),
	}
	if p.Workflow.URL != "" && j.Number != 0 {
		s.URL = p.Workflow.URL + "/jobs/" + wire.Number(j.Number)
	}
	s.UpdatedAt = wire.FirstTime(j.StoppedAt.Time, p.HappenedAt.Time, j.StartedAt.Time)
	if status.Finished() {
		s.FinishedAt = s.UpdatedAt
	}
	s.Version = build.VersionOf(status.Rank(), s.UpdatedAt)
	s.Derive()
	return &build.Task{RunKey: run.RunKey, ID: j.ID, Kind: build.KindJob, State: s}
}

func (p *payload) commit(run *build.Run) build.Event {
	c := &p.Pipeline.VCS.Commit
	if run.CommitSHA == "" || c.Subject == "" {
		return nil
	}
	at := wire.FirstTime(c.AuthoredAt.Time, p.Pipeline.CreatedAt.Time)
	return &build.Commit{
		Provider: run.Provider, Host: run.Host, Repo: run.Repo, SHA: run.CommitSHA, Message: wire.FirstLine(c.Subject), Author: c.Author.Name,
		Branch: run.Branch, CommittedAt: at, Version: build.VersionOf(20, at),
	}
}
