package github

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

type app struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

type checkSuite struct {
	ID           int64     `json:"id"`
	HeadBranch   string    `json:"head_branch"`
	HeadSHA      string    `json:"head_sha"`
	Status       string    `json:"status"`
	Conclusion   string    `json:"conclusion"`
	CreatedAt    wire.Time `json:"created_at"`
	UpdatedAt    wire.Time `json:"updated_at"`
	App          *app      `json:"app"`
	PullRequests []pull    `json:"pull_requests"`
	HeadCommit   *commit   `json:"head_commit"`
}

type checkRun struct {
	ID          int64       `json:"id"`
	Name        string      `json:"name"`
	HeadSHA     string      `json:"head_sha"`
	Status      string      `json:"status"`
	Conclusion  string      `json:"conclusion"`
	StartedAt   wire.Time   `json:"started_at"`
	CompletedAt wire.Time   `json:"completed_at"`
	HTMLURL     string      `json:"html_url"`
	DetailsURL  string      `json:"details_url"`
	CheckSuite  *checkSuite `json:"check_suite"`
	App         *app        `json:"app"`
	Output      struct {
		Title   string `json:"title"`
		Summary string `json:"summary"`
	} `json:"output"`
}

// isActions tells the checks that GitHub makes of its own workflows, which workflow_run and workflow_job tell better.
func (a *app) isActions() bool {
	return a != nil && (a.Slug == "github-actions" || a.Slug == "" && a.Name == "GitHub Actions")
}

func (a *app) name() string {
	if a == nil {
		return ""
	}
	return wire.Or(a.Name, a.Slug)
}

func (g *source) suiteKey(id int64) build.RunKey {
	return build.RunKey{Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, RunID: "checks-" + strconv.FormatInt(id, 10), Attempt: 1}
}

// checkSuite is the run of another CI system that reports to GitHub. It may be requested again after it has ended.
func (g *source) checkSuite(c *checkSuite) []build.Event {
	if c.App.isActions() {
		return nil
	}
	return []build.Event{&build.Run{RunKey: g.suiteKey(c.ID), State: g.suiteState(c, c.App, false)}}
}

func (g *source) suiteState(c *checkSuite, a *app, stub bool) build.State {
	trace := g.suiteKey(c.ID).TraceKey(g.repoID())
	s := build.State{
		Pipeline: a.name(), Branch: c.HeadBranch, CommitSHA: wire.SHA(c.HeadSHA), Trigger: "check_suite", CreatedAt: c.CreatedAt.Time,
		Status: statusOf(c.Status, c.Conclusion), TraceID: trace.TraceID(), SpanID: trace.RootSpanID(), Stub: stub,
		Attrs: wire.Attrs(build.KeyConclusion, c.Conclusion, build.KeyRepoID, g.repoID()),
	}
	var head time.Time
	if c.HeadCommit != nil {
		s.Name, head = wire.FirstLine(c.HeadCommit.Message), c.HeadCommit.Timestamp.Time
	}
	if len(c.PullRequests) > 0 {
		s.PRNumber = c.PullRequests[0].Number
	}
	s.UpdatedAt = wire.FirstTime(c.UpdatedAt.Time, c.CreatedAt.Time, head)
	if s.Status.Finished() && !stub {
		s.FinishedAt = s.UpdatedAt
		s.Resumable()
	}
	s.Version = build.ResumableVersion(s.Status, s.UpdatedAt)
	s.Derive()
	return s
}

// checkRun is a job of such a run.
func (g *source) checkRun(c *checkRun) []build.Event {
	a := c.App
	if a == nil && c.CheckSuite != nil {
		a = c.CheckSuite.App
	}
	if a.isActions() || c.CheckSuite == nil {
		return nil
	}
	key := g.suiteKey(c.CheckSuite.ID)
	trace := key.TraceKey(g.repoID())
	id := strconv.FormatInt(c.ID, 10)
	s := build.State{
		Pipeline: a.name(), Name: c.Name, Branch: c.CheckSuite.HeadBranch, CommitSHA: wire.SHA(c.HeadSHA), CreatedAt: c.StartedAt.Time,
		Status: statusOf(c.Status, c.Conclusion), URL: wire.Or(c.HTMLURL, c.DetailsURL), TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(id),
		Attrs: wire.Attrs(build.KeyConclusion, c.Conclusion, build.KeyRepoID, g.repoID()),
	}
	if s.Status.Rank() > 10 {
		s.StartedAt = c.StartedAt.Time
	}
	if s.Status.Finished() {
		s.FinishedAt = wire.FirstTime(c.CompletedAt.Time, c.StartedAt.Time)
	}
	if s.Status == build.StatusFailure || s.Status == build.StatusTimeout {
		s.Message = wire.Cut(strings.TrimSpace(c.Output.Title+"\n"+c.Output.Summary), wire.MaxMessage)
	}
	s.UpdatedAt = wire.FirstTime(s.FinishedAt, c.StartedAt.Time, c.CheckSuite.UpdatedAt.Time)
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	return []build.Event{
		&build.Run{RunKey: key, State: g.suiteState(c.CheckSuite, a, true)},
		&build.Task{RunKey: key, ID: id, Kind: build.KindJob, State: s},
	}
}
