package cireceiver

import (
	"fmt"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// parsed is a build event and, for what belongs to a run, a stub of that run.
type parsed struct {
	event   build.Event
	context *build.Run
}

// converter turns one event of the generic door into a build event; the first thing that is wrong stays in problem.
type converter struct {
	ev      *ciEvent
	path    string
	now     time.Time
	key     build.RunKey
	problem *wire.Problem
}

func (c *converter) wrong(field, detail string, allowed ...string) {
	if c.problem == nil {
		c.problem = wire.WrongField(c.path+field, detail, allowed...)
	}
}

func (c *converter) convert() build.Event {
	switch c.ev.Type {
	case "run":
		c.runKey(true)
		return &build.Run{RunKey: c.key, State: c.state()}
	case "task":
		return c.task()
	case "test":
		return c.test()
	case "artifact":
		return c.artifact()
	default:
		return c.deployment()
	}
}

// runKey reads the run that the event belongs to.
func (c *converter) runKey(required bool) {
	e := c.ev
	if e.BuildRunID != "" {
		key, ok := build.ParseRunID(e.BuildRunID)
		if !ok {
			c.wrong("build_run_id", `must be "provider:host:owner/repo:run:attempt"`)
			return
		}
		if e.RunID != "" || e.Attempt != 0 {
			c.wrong("build_run_id", "names the run already; leave out run_id and attempt")
			return
		}
		c.key = key
		return
	}
	c.key = build.RunKey{Provider: wire.Or(e.Provider, "generic"), Host: wire.Or(e.Host, "local"), Repo: e.Repo, RunID: e.RunID, Attempt: max(e.Attempt, 1)}
	c.name("provider", c.key.Provider)
	if e.Repo == "" {
		c.wrong("repo", `must name the repository or project, for example "acme/shop"`)
	}
	c.name("repo", e.Repo)
	c.name("run_id", e.RunID)
	if required && e.RunID == "" {
		c.wrong("run_id", "must name the run at its provider; or give build_run_id")
	}
}

// name refuses what would make an id ambiguous.
func (c *converter) name(field, s string) {
	if strings.ContainsRune(s, ':') {
		c.wrong(field, "must not contain a colon")
	}
}

func (c *converter) stub() *build.Run {
	if c.key.RunID == "" || c.ev.Type == "run" {
		return nil
	}
	trace := c.key.TraceKey(c.ev.RepositoryID)
	return &build.Run{RunKey: c.key, State: build.State{
		Pipeline: c.ev.Pipeline, Branch: c.ev.Branch, CommitSHA: c.commit(), CreatedAt: c.at("created_at", c.ev.CreatedAt), UpdatedAt: c.updated(),
		TraceID: trace.TraceID(), SpanID: trace.RootSpanID(), Stub: true, Attrs: wire.Attrs(build.KeyRepoID, c.ev.RepositoryID),
	}}
}

func (c *converter) state() build.State {
	e := c.ev
	trace := c.key.TraceKey(e.RepositoryID)
	s := build.State{
		Pipeline: e.Pipeline, Name: e.Name, Branch: e.Branch, CommitSHA: c.commit(), Trigger: e.Trigger,
		ActorHash: build.HashActor(c.key.Provider, c.key.Host, e.Actor), PRNumber: e.PRNumber,
		CreatedAt: c.at("created_at", e.CreatedAt), StartedAt: c.at("started_at", e.StartedAt), FinishedAt: c.at("finished_at", e.FinishedAt),
		Message: wire.Cut(e.Message, wire.MaxMessage), URL: e.URL, CostUSD: e.CostUSD, TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: c.attrs(build.KeyConclusion, e.Conclusion, build.KeyRepoID, e.RepositoryID),
	}
	if e.CostUSD < 0 {
		c.wrong("cost_usd", "must not be negative")
	}
	if e.Status == "" {
		c.wrong("status", "is missing", build.StatusNames()...)
	}
	var err error
	if s.Status, err = build.ParseStatus(e.Status); err != nil {
		c.wrong("status", fmt.Sprintf("%q is no status", e.Status), build.StatusNames()...)
	}
	s.UpdatedAt = c.updated()
	if s.Status.Finished() && s.FinishedAt.IsZero() {
		s.FinishedAt = s.UpdatedAt
	}
	if !s.Status.Finished() && !s.FinishedAt.IsZero() {
		c.wrong("finished_at", "doesn't go with the status "+s.Status.String(), "success", "failure", "cancelled", "skipped", "timeout")
	}
	c.ordered(s.StartedAt, s.FinishedAt)
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	return s
}

func (c *converter) task() *build.Task {
	e := c.ev
	c.runKey(true)
	t := &build.Task{
		RunKey: c.key, ID: e.ID, ParentID: e.ParentID, Kind: build.TaskKind(wire.Or(e.Kind, string(build.KindJob))), State: c.state(),
		Flaky: e.Flaky, Retries: e.Retries, Runner: e.Runner, RunnerClass: e.RunnerClass, StepNumber: e.StepNumber,
	}
	if e.ID == "" {
		c.wrong("id", "must name the task, unique in its run")
	}
	if e.Name == "" {
		c.wrong("name", "is missing")
	}
	trace := c.key.TraceKey(e.RepositoryID)
	switch t.Kind {
	case build.KindStage, build.KindJob:
		t.SpanID = trace.TaskSpanID(t.ID)
		if strings.ContainsRune(t.ID, '/') {
			c.wrong("id", "must not contain a slash, which sets steps apart from their job")
		}
	case build.KindStep:
		if t.ParentID == "" {
			c.wrong("parent_id", "must name the job of the step")
		}
		t.SpanID = trace.StepSpanID(t.ParentID, t.StepNumber, t.Name)
		if !strings.HasPrefix(t.ID, t.ParentID+"/") {
			t.ID = t.ParentID + "/" + t.ID
		}
	default:
		c.wrong("kind", fmt.Sprintf("%q is no kind of task", e.Kind), "job", "step", "stage")
	}
	return t
}

func (c *converter) test() *build.Task {
	e := c.ev
	c.runKey(true)
	if e.Name == "" {
		c.wrong("name", "is missing")
	}
	if e.DurationNS < 0 {
		c.wrong("duration_ns", "must not be negative")
	}
	t := &build.Task{
		RunKey: c.key, ID: wire.Or(e.ID, e.Suite+"/"+e.Name), ParentID: e.TaskID, Kind: build.KindTestCase, State: c.state(),
		Flaky: e.Flaky, Retries: e.Retries,
	}
	t.SpanID = [8]byte{}
	t.Attrs = wire.With(t.Attrs, build.KeySuite, e.Suite)
	if e.DurationNS > 0 {
		t.Duration = time.Duration(e.DurationNS)
		if t.StartedAt.IsZero() && !t.FinishedAt.IsZero() {
			t.StartedAt = t.FinishedAt.Add(-t.Duration)
		}
	}
	return t
}

func (c *converter) artifact() *build.Artifact {
	e := c.ev
	c.runKey(false)
	at := c.updated()
	a := &build.Artifact{
		RunKey: c.key, Digest: c.digest("digest", e.Digest), TaskID: e.TaskID, Name: e.Name, ArtifactVersion: e.Version, Service: e.Service,
		CommitSHA: c.commit(), Branch: e.Branch, CreatedAt: wire.FirstTime(c.at("created_at", e.CreatedAt), at), UpdatedAt: at, URL: e.URL,
		Attrs: c.attrs(), Version: build.VersionOf(30, at),
	}
	if c.key.RunID != "" {
		a.TraceID = c.key.TraceKey(e.RepositoryID).TraceID()
	} else if a.CommitSHA == "" {
		c.wrong("run_id", "neither a run nor a commit_sha tells what the artifact was built from")
	}
	return a
}

func (c *converter) deployment() *build.Deployment {
	e := c.ev
	d := &build.Deployment{
		Provider: wire.Or(e.Provider, "generic"), Host: wire.Or(e.Host, "local"), Repo: e.Repo, DeploymentID: e.DeploymentID, Service: e.Service,
		Environment: e.Environment, ServiceVersion: e.ServiceVersion, CommitSHA: c.commit(), PreviousCommit: c.sha("previous_commit_sha", e.PreviousCommitSHA),
		BuildRunID: e.BuildRunID, CreatedAt: c.at("created_at", e.CreatedAt), StartedAt: c.at("started_at", e.StartedAt),
		FinishedAt: c.at("finished_at", e.FinishedAt), UpdatedAt: c.updated(), ApprovedBy: e.ApprovedBy, Creator: e.Creator, URL: e.URL,
		RollbackOf: e.RollbackOf, Attrs: c.attrs(build.KeyConclusion, e.Conclusion),
	}
	if e.BuildRunID != "" {
		key, ok := build.ParseRunID(e.BuildRunID)
		if !ok {
			c.wrong("build_run_id", `must be "provider:host:owner/repo:run:attempt"`)
		}
		d.Provider, d.Host, d.Repo = wire.Or(e.Provider, key.Provider), wire.Or(e.Host, key.Host), wire.Or(e.Repo, key.Repo)
	}
	for _, f := range []struct{ field, value, detail string }{
		{"deployment_id", d.DeploymentID, "must name the deployment at its provider"},
		{"environment", d.Environment, "must name where it was put, for example \"production\""},
		{"repo", d.Repo, `must name the repository or project, for example "acme/shop"`},
	} {
		if f.value == "" {
			c.wrong(f.field, f.detail)
		}
	}
	c.name("provider", d.Provider)
	c.name("repo", d.Repo)
	c.name("deployment_id", d.DeploymentID)
	for i, digest := range e.Digests {
		d.Digests = append(d.Digests, c.digest(fmt.Sprintf("digests[%d]", i), digest))
	}
	c.deployStatus(d)
	c.ordered(d.StartedAt, d.FinishedAt)
	if d.CommitSHA != "" || d.BuildRunID != "" {
		// The sender's word. A digest proves more only together with the report of who built it.
		d.Basis = envelope.BasisRevision
	}
	d.Version = build.VersionOf(d.Status.Rank(), d.UpdatedAt)
	return d
}

func (c *converter) deployStatus(d *build.Deployment) {
	if c.ev.Status == "" {
		c.wrong("status", "is missing", build.DeployStatusNames()...)
	}
	var err error
	if d.Status, err = build.ParseDeployStatus(c.ev.Status); err != nil {
		c.wrong("status", fmt.Sprintf("%q is no status of a deployment", c.ev.Status), build.DeployStatusNames()...)
	}
	switch d.Status {
	case build.DeploySuccess, build.DeployFailure, build.DeployCancelled:
		d.FinishedAt = wire.FirstTime(d.FinishedAt, d.UpdatedAt)
	}
	if d.Status == build.DeploySuccess {
		d.Attrs = wire.With(d.Attrs, build.KeySucceededAt, build.FormatTime(d.FinishedAt))
	}
}

// updated is the time that orders the reports of one entity: the provider's, or else that of receipt.
func (c *converter) updated() time.Time {
	e := c.ev
	for _, f := range []struct{ field, value string }{
		{"updated_at", e.UpdatedAt}, {"finished_at", e.FinishedAt}, {"started_at", e.StartedAt}, {"created_at", e.CreatedAt},
	} {
		if t := c.at(f.field, f.value); !t.IsZero() {
			return t
		}
	}
	return c.now
}

func (c *converter) at(field, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !wire.InRange(t) {
		c.wrong(field, fmt.Sprintf("%q is no time: want RFC 3339, for example 2026-03-01T12:00:00Z", s))
		return time.Time{}
	}
	return t.UTC()
}

func (c *converter) ordered(started, finished time.Time) {
	if !started.IsZero() && !finished.IsZero() && finished.Before(started) {
		c.wrong("finished_at", "is before started_at")
	}
}

func (c *converter) commit() string { return c.sha("commit_sha", c.ev.CommitSHA) }

func (c *converter) sha(field, s string) string {
	s = strings.ToLower(s)
	if s == "" {
		return ""
	}
	if len(s) < 7 || len(s) > 64 || strings.Trim(s, "0123456789abcdef") != "" {
		c.wrong(field, "must be a commit hash of 7 to 64 hexadecimal digits")
	}
	return s
}

func (c *converter) digest(field, s string) string {
	d := correlation.NormalizeDigest(s)
	if !correlation.IsDigest(d) {
		c.wrong(field, `must be a digest, for example "sha256:" and 64 hexadecimal digits`, "sha1", "sha256", "sha384", "sha512")
	}
	return d
}

func (c *converter) attrs(pairs ...string) map[string]string {
	m := wire.With(nil, pairs...)
	for k, v := range c.ev.Attrs {
		if build.ReservedAttr(k) {
			c.wrong("attrs."+k, "is a name that the store uses itself")
		}
		if m == nil {
			m = make(map[string]string)
		}
		if _, ours := m[k]; !ours {
			m[k] = v
		}
	}
	return m
}
