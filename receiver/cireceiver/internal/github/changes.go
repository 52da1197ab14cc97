package github

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

type label struct {
	Name string `json:"name"`
}

type head struct {
	Ref string `json:"ref"`
	SHA string `json:"sha"`
}

type pullRequest struct {
	Number         uint32    `json:"number"`
	Title          string    `json:"title"`
	State          string    `json:"state"`
	Merged         bool      `json:"merged"`
	MergeCommitSHA string    `json:"merge_commit_sha"`
	Head           head      `json:"head"`
	Base           head      `json:"base"`
	Labels         []label   `json:"labels"`
	User           *user     `json:"user"`
	HTMLURL        string    `json:"html_url"`
	ChangedFiles   uint32    `json:"changed_files"`
	CreatedAt      wire.Time `json:"created_at"`
	UpdatedAt      wire.Time `json:"updated_at"`
	MergedAt       wire.Time `json:"merged_at"`
	ClosedAt       wire.Time `json:"closed_at"`
}

type asset struct {
	Name        string    `json:"name"`
	Digest      string    `json:"digest"`
	DownloadURL string    `json:"browser_download_url"`
	CreatedAt   wire.Time `json:"created_at"`
	UpdatedAt   wire.Time `json:"updated_at"`
}

type release struct {
	ID              int64     `json:"id"`
	TagName         string    `json:"tag_name"`
	TargetCommitish string    `json:"target_commitish"`
	Name            string    `json:"name"`
	Draft           bool      `json:"draft"`
	Prerelease      bool      `json:"prerelease"`
	HTMLURL         string    `json:"html_url"`
	CreatedAt       wire.Time `json:"created_at"`
	UpdatedAt       wire.Time `json:"updated_at"`
	PublishedAt     wire.Time `json:"published_at"`
	Assets          []asset   `json:"assets"`
}

// reviewed is a job that a deployment_review is about.
type reviewed struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Status      string    `json:"status"`
	Conclusion  string    `json:"conclusion"`
	HTMLURL     string    `json:"html_url"`
	CreatedAt   wire.Time `json:"created_at"`
	UpdatedAt   wire.Time `json:"updated_at"`
	Environment string    `json:"environment"`
}

// change is a pull request's whole state. Its merge commit means something only once it is merged: before, it is a trial.
func (g *source) change(p *pullRequest) build.Event {
	c := &build.Change{
		Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, Number: p.Number, Title: p.Title, State: build.ChangeOpen,
		HeadSHA: wire.SHA(p.Head.SHA), HeadBranch: p.Head.Ref, BaseBranch: p.Base.Ref, URL: p.HTMLURL, ChangedFiles: p.ChangedFiles,
		AuthorHash: build.HashActor(build.ProviderGitHub, g.host, p.User.login()), CreatedAt: p.CreatedAt.Time,
		UpdatedAt: wire.FirstTime(p.UpdatedAt.Time, p.CreatedAt.Time),
	}
	switch {
	case p.Merged || !p.MergedAt.IsZero():
		c.State, c.MergeSHA, c.MergedAt = build.ChangeMerged, wire.SHA(p.MergeCommitSHA), wire.FirstTime(p.MergedAt.Time, p.ClosedAt.Time)
	case p.State == "closed":
		c.State = build.ChangeClosed
	}
	for _, l := range p.Labels {
		if l.Name != "" {
			c.Labels = append(c.Labels, l.Name)
		}
	}
	c.Version = build.VersionOf(rankOfChange(c.State), c.UpdatedAt)
	return c
}

// rankOfChange lets a merged change stay merged; a closed one may be opened again, so its time decides.
func rankOfChange(s build.ChangeState) uint8 {
	if s == build.ChangeMerged {
		return 30
	}
	return 10
}

// release tells of a release and of its files, as far as GitHub knows their digests. A release that is deleted stays: it
// has been out.
func (g *source) release(r *release, action string) []build.Event {
	if r.TagName == "" || action == "deleted" {
		return nil
	}
	out := &build.Release{
		Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, Tag: r.TagName, Name: r.Name, URL: r.HTMLURL, Draft: r.Draft,
		Prerelease: r.Prerelease, CreatedAt: r.CreatedAt.Time, PublishedAt: r.PublishedAt.Time,
		UpdatedAt: wire.FirstTime(r.UpdatedAt.Time, r.PublishedAt.Time, r.CreatedAt.Time),
	}
	if len(r.TargetCommitish) == 40 && wire.SHA(r.TargetCommitish) != "" {
		out.CommitSHA = wire.SHA(r.TargetCommitish)
	} else {
		out.Branch = wire.Branch(r.TargetCommitish)
	}
	rank := uint8(10)
	if !r.PublishedAt.IsZero() {
		rank = 30
	}
	out.Version = build.VersionOf(rank, out.UpdatedAt)
	events := []build.Event{out}
	for _, a := range r.Assets {
		if a.Digest == "" || out.CommitSHA == "" {
			continue
		}
		at := wire.FirstTime(a.UpdatedAt.Time, a.CreatedAt.Time, out.UpdatedAt)
		events = append(events, &build.Artifact{
			RunKey: build.RunKey{Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName}, Digest: strings.ToLower(a.Digest), Name: a.Name,
			ArtifactVersion: r.TagName, CommitSHA: out.CommitSHA, CreatedAt: wire.FirstTime(a.CreatedAt.Time, at), UpdatedAt: at, URL: a.DownloadURL,
			Version: build.VersionOf(30, at),
		})
	}
	return events
}

// review tells of jobs that wait for somebody's approval, or have got it. A rejected job ends by its own delivery.
func (g *source) review(p *payload) []build.Event {
	events := g.run(p.WorkflowRun, p.Workflow)
	jobs := p.WorkflowJobRuns
	if p.WorkflowJobRun != nil {
		jobs = append(jobs, *p.WorkflowJobRun)
	}
	key := g.key(p.WorkflowRun.ID, p.WorkflowRun.RunAttempt)
	run := events[0].(*build.Run)
	for i := range jobs {
		if jobs[i].ID != 0 {
			events = append(events, g.reviewedJob(p, &jobs[i], key, &run.State))
		}
	}
	return events
}

func (g *source) reviewedJob(p *payload, j *reviewed, key build.RunKey, run *build.State) build.Event {
	trace := key.TraceKey(g.repoID())
	id := strconv.FormatInt(j.ID, 10)
	s := build.State{
		Pipeline: run.Pipeline, Name: j.Name, Branch: run.Branch, CommitSHA: run.CommitSHA, CreatedAt: j.CreatedAt.Time, URL: j.HTMLURL,
		Status: statusOf(j.Status, j.Conclusion), TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(id),
		UpdatedAt: wire.FirstTime(j.UpdatedAt.Time, p.Since.Time, j.CreatedAt.Time),
		Attrs: wire.Attrs(build.KeyRepoID, g.repoID(), "environment", wire.Or(j.Environment, ""),
			"approved_by", build.HashActor(build.ProviderGitHub, g.host, p.Approver.login())),
	}
	if s.Status.Rank() > 10 {
		// The job's own deliveries tell its times.
		s.Status = build.StatusQueued
	}
	switch p.Action {
	case "requested":
		s.Status = build.StatusWaiting
		s.Attrs = wire.With(s.Attrs, build.KeyWaitingSince, stamp(wire.FirstTime(p.Since.Time, j.CreatedAt.Time)))
	case "approved":
		s.Status = build.StatusQueued
		s.Attrs = wire.With(s.Attrs, build.KeyApprovedAt, stamp(s.UpdatedAt))
	}
	s.Version = build.VersionOf(10, s.UpdatedAt)
	s.Derive()
	return &build.Task{RunKey: key, ID: id, Kind: build.KindJob, State: s}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return build.FormatTime(t)
}
