// Package github reads GitHub's webhooks: runs and jobs of its workflows, checks of others, deployments and their
// reviews, pushes, pull requests and releases. Package cireceiver gives it deliveries.
package github

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is GitHub, its own or a company's.
type Provider struct{}

var _ wire.Provider = Provider{}

// Events are the types of delivery that are read.
var Events = []string{
	"workflow_run", "workflow_job", "check_run", "check_suite", "deployment", "deployment_status", "deployment_review", "push", "pull_request", "release",
}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderGitHub }

// Verify checks the signature over the raw bytes.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	const header = "X-Hub-Signature-256"
	return wire.VerifyHMAC(header, d.Header.Get(header), "sha256=", d.Body, secrets)
}

// Head reads the headers, and takes the JSON out of either content type that GitHub offers.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{Event: d.Header.Get("X-GitHub-Event"), ID: d.Header.Get("X-GitHub-Delivery"), Payload: d.Body}
	switch {
	case h.Event == "":
		return h, wire.WrongField("X-GitHub-Event", "the header is missing")
	case h.Event == "ping":
		h.Kind = wire.Ping
		return h, nil
	case !slices.Contains(Events, h.Event):
		h.Kind = wire.Ignored
		return h, nil
	}
	if !strings.HasPrefix(d.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return h, nil
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil || form.Get("payload") == "" {
		return h, wire.WrongField("payload", "the form has no payload")
	}
	h.Payload = []byte(form.Get("payload"))
	return h, nil
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	var p payload
	if prob := wire.Decode(h.Payload, &p, false); prob != nil {
		return wire.Parsed{}, prob
	}
	if prob := p.check(h.Event); prob != nil {
		return wire.Parsed{}, prob
	}
	g := source{repo: p.Repository, host: p.Repository.host()}
	switch h.Event {
	case "workflow_run":
		return wire.Of(g.run(p.WorkflowRun, p.Workflow)...), nil
	case "workflow_job":
		return wire.Of(g.job(p.WorkflowJob, p.Deployment)...), nil
	case "check_run":
		return wire.Of(g.checkRun(p.CheckRun)...), nil
	case "check_suite":
		return wire.Of(g.checkSuite(p.CheckSuite)...), nil
	case "deployment":
		return wire.Of(g.deployment(p.Deployment, p.WorkflowRun)), nil
	case "deployment_status":
		return wire.Of(g.deploymentStatus(p.Deployment, p.DeploymentStatus, p.WorkflowRun)), nil
	case "deployment_review":
		return wire.Of(g.review(&p)...), nil
	case "push":
		return wire.Of(g.push(&p)...), nil
	case "pull_request":
		return wire.Of(g.change(p.PullRequest)), nil
	case "release":
		return wire.Of(g.release(p.Release, p.Action)...), nil
	default:
		return wire.Parsed{}, wire.NewProblem(400, "event", "event "+h.Event+" is none that is read")
	}
}

// part is one part of a payload that an event needs.
type part struct {
	field   string
	present bool
	id      int64
}

// check names the first field without which the event can't be placed.
func (p *payload) check(event string) *wire.Problem {
	if p.Repository == nil || p.Repository.FullName == "" {
		return wire.WrongField("repository.full_name", "is missing")
	}
	for _, part := range p.parts(event) {
		if !part.present {
			return wire.WrongField(part.field, "is missing")
		}
		if part.id == 0 {
			return wire.WrongField(part.field+".id", "is missing")
		}
	}
	if event == "workflow_job" && p.WorkflowJob.RunID == 0 {
		return wire.WrongField("workflow_job.run_id", "is missing")
	}
	return nil
}

func (p *payload) parts(event string) []part {
	needs := func(field string, present bool, id func() int64) part {
		if !present {
			return part{field: field}
		}
		return part{field, true, id()}
	}
	switch event {
	case "workflow_run", "deployment_review":
		return []part{needs("workflow_run", p.WorkflowRun != nil, func() int64 { return p.WorkflowRun.ID })}
	case "workflow_job":
		return []part{needs("workflow_job", p.WorkflowJob != nil, func() int64 { return p.WorkflowJob.ID })}
	case "check_run":
		return []part{needs("check_run", p.CheckRun != nil, func() int64 { return p.CheckRun.ID })}
	case "check_suite":
		return []part{needs("check_suite", p.CheckSuite != nil, func() int64 { return p.CheckSuite.ID })}
	case "deployment":
		return []part{needs("deployment", p.Deployment != nil, func() int64 { return p.Deployment.ID })}
	case "deployment_status":
		return []part{
			needs("deployment_status", p.DeploymentStatus != nil, func() int64 { return 1 }),
			needs("deployment", p.Deployment != nil, func() int64 { return p.Deployment.ID }),
		}
	case "pull_request":
		return []part{needs("pull_request", p.PullRequest != nil, func() int64 { return int64(p.PullRequest.Number) })}
	case "release":
		return []part{needs("release", p.Release != nil, func() int64 { return p.Release.ID })}
	default:
		return nil
	}
}
