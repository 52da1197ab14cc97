package github

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// source is what all events of a delivery share.
type source struct {
	repo *repo
	host string
}

func (g *source) key(run int64, attempt uint16) build.RunKey {
	return build.RunKey{
		Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, RunID: strconv.FormatInt(run, 10), Attempt: max(attempt, 1),
	}
}

func (g *source) repoID() string {
	if g.repo.ID == 0 {
		return ""
	}
	return strconv.FormatInt(g.repo.ID, 10)
}

// status reads GitHub's pair of status and conclusion. A conclusion of action_required is no end: the run waits for
// somebody's approval.
func statusOf(status, conclusion string) build.Status {
	switch conclusion {
	case "success", "neutral":
		return build.StatusSuccess
	case "failure", "startup_failure":
		return build.StatusFailure
	case "cancelled":
		return build.StatusCancelled
	case "skipped":
		return build.StatusSkipped
	case "timed_out", "stale":
		return build.StatusTimeout
	case "action_required":
		return build.StatusWaiting
	}
	switch status {
	case "in_progress":
		return build.StatusRunning
	case "queued", "requested", "pending":
		return build.StatusQueued
	case "waiting":
		return build.StatusWaiting
	default:
		return build.StatusUnknown
	}
}

func (g *source) run(r *run, w *workflow) []build.Event {
	key := g.key(r.ID, r.RunAttempt)
	trace := key.TraceKey(g.repoID())
	actor := r.TriggeringActor.login()
	if actor == "" {
		actor = r.Actor.login()
	}
	s := build.State{
		Pipeline: pipelineName(r, w), Name: runTitle(r), Branch: r.HeadBranch, CommitSHA: strings.ToLower(r.HeadSHA), Trigger: r.Event,
		ActorHash: build.HashActor(build.ProviderGitHub, g.host, actor), CreatedAt: r.CreatedAt.Time, UpdatedAt: wire.FirstTime(r.UpdatedAt.Time, r.CreatedAt.Time),
		Status: statusOf(r.Status, r.Conclusion), URL: r.HTMLURL, TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, r.Conclusion, build.KeyRepoID, g.repoID(), build.KeyRunNumber, wire.Number(r.RunNumber)),
	}
	if len(r.PullRequests) > 0 {
		s.PRNumber = r.PullRequests[0].Number
	}
	if key.Attempt > 1 {
		// created_at is the first attempt's.
		s.CreatedAt = wire.FirstTime(r.RunStartedAt.Time, r.CreatedAt.Time)
		if s.URL != "" {
			s.URL = fmt.Sprintf("%s/attempts/%d", s.URL, key.Attempt)
		}
	}
	if s.Status.Rank() > 10 {
		s.StartedAt = wire.FirstTime(r.RunStartedAt.Time, r.CreatedAt.Time)
	}
	if s.Status.Finished() {
		s.FinishedAt = s.UpdatedAt
	}
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	events := []build.Event{&build.Run{RunKey: key, State: s}}
	if c := r.HeadCommit; c != nil && c.ID != "" {
		// A push tells the same and the changed files as well, so it wins.
		events = append(events, g.commit(c, r.HeadBranch, 20))
	}
	return events
}

func pipelineName(r *run, w *workflow) string {
	switch {
	case w != nil && w.Name != "":
		return w.Name
	case r.Name != "":
		return r.Name
	case r.Path != "":
		return path.Base(r.Path)
	default:
		return ""
	}
}

func runTitle(r *run) string {
	if r.DisplayTitle != "" {
		return r.DisplayTitle
	}
	if r.HeadCommit != nil {
		return wire.FirstLine(r.HeadCommit.Message)
	}
	return ""
}

func (g *source) job(j *job, d *deployment) []build.Event {
	key := g.key(j.RunID, j.RunAttempt)
	trace := key.TraceKey(g.repoID())
	id := strconv.FormatInt(j.ID, 10)
	s := build.State{
		Pipeline: j.WorkflowName, Name: j.Name, Branch: j.HeadBranch, CommitSHA: strings.ToLower(j.HeadSHA), CreatedAt: j.CreatedAt.Time,
		Status: statusOf(j.Status, j.Conclusion), URL: j.HTMLURL, TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(id),
		Message: failedStep(j.Steps), Attrs: wire.Attrs(build.KeyConclusion, j.Conclusion, build.KeyRepoID, g.repoID()),
	}
	// A job that waits repeats its creation as its start.
	if s.Status.Rank() > 10 {
		s.StartedAt = wire.FirstTime(j.StartedAt.Time, j.CreatedAt.Time)
	}
	if s.Status.Finished() {
		s.FinishedAt = wire.FirstTime(j.CompletedAt.Time, j.StartedAt.Time, j.CreatedAt.Time)
	}
	s.UpdatedAt = wire.FirstTime(s.FinishedAt, s.StartedAt, j.CreatedAt.Time)
	jobApproval(&s, d)
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	events := []build.Event{
		&build.Run{RunKey: key, State: build.State{
			Pipeline: j.WorkflowName, Branch: j.HeadBranch, CommitSHA: s.CommitSHA, CreatedAt: j.CreatedAt.Time, UpdatedAt: s.UpdatedAt,
			TraceID: s.TraceID, SpanID: trace.RootSpanID(), Stub: true, Attrs: wire.Attrs(build.KeyRepoID, g.repoID()),
		}},
		&build.Task{RunKey: key, ID: id, Kind: build.KindJob, State: s, Runner: j.RunnerName, RunnerClass: strings.Join(j.Labels, ",")},
	}
	for i := range j.Steps {
		if t := g.step(&j.Steps[i], key, trace, id, &s); t != nil {
			events = append(events, t)
		}
	}
	return events
}

// jobApproval keeps both ends of the wait for an approval. Only the job's deployment bears a time that moves while the
// job waits, so it orders the deliveries too.
func jobApproval(s *build.State, d *deployment) {
	var moved time.Time
	if d != nil {
		moved = wire.FirstTime(d.UpdatedAt.Time, d.CreatedAt.Time)
	}
	switch {
	case s.Status == build.StatusWaiting:
		s.Attrs = wire.With(s.Attrs, build.KeyWaitingSince, build.FormatTime(s.CreatedAt))
	case !moved.IsZero() && (s.Status == build.StatusQueued || !moved.After(s.StartedAt)):
		s.Attrs = wire.With(s.Attrs, build.KeyApprovedAt, build.FormatTime(moved))
	}
	if s.Status.Rank() == 10 && moved.After(s.UpdatedAt) {
		s.UpdatedAt = moved
	}
}

// step gives the task of a step that has begun. Steps that wait are told by the job's next delivery.
func (g *source) step(st *step, key build.RunKey, trace build.TraceKey, job string, js *build.State) build.Event {
	status := statusOf(st.Status, st.Conclusion)
	if status.Rank() == 10 {
		return nil
	}
	s := build.State{
		Pipeline: js.Pipeline, Name: st.Name, Branch: js.Branch, CommitSHA: js.CommitSHA, StartedAt: st.StartedAt.Time, Status: status,
		URL: js.URL, TraceID: js.TraceID, SpanID: trace.StepSpanID(job, st.Number, st.Name), Attrs: wire.Attrs(build.KeyConclusion, st.Conclusion),
	}
	if status.Finished() {
		s.FinishedAt = wire.FirstTime(st.CompletedAt.Time, st.StartedAt.Time, js.FinishedAt)
		s.StartedAt = wire.FirstTime(s.StartedAt, s.FinishedAt)
	}
	s.UpdatedAt = wire.FirstTime(s.FinishedAt, s.StartedAt, js.UpdatedAt)
	s.Version = build.VersionOf(status.Rank(), s.UpdatedAt)
	s.Derive()
	return &build.Task{
		RunKey: key, ID: job + "/" + strconv.FormatUint(uint64(st.Number), 10), ParentID: job, Kind: build.KindStep, StepNumber: st.Number, State: s,
	}
}

func failedStep(steps []step) string {
	for _, st := range steps {
		switch statusOf(st.Status, st.Conclusion) {
		case build.StatusFailure, build.StatusTimeout:
			return "step " + strconv.FormatUint(uint64(st.Number), 10) + " failed: " + st.Name
		}
	}
	return ""
}

func (g *source) deployment(d *deployment, r *run) *build.Deployment {
	created := d.CreatedAt.Time
	out := &build.Deployment{
		Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, DeploymentID: strconv.FormatInt(d.ID, 10), Environment: d.Environment,
		CommitSHA: strings.ToLower(d.SHA), Basis: envelope.BasisRevision, Status: build.DeployPending, CreatedAt: created, UpdatedAt: created,
		Creator: d.Creator.login(), Attrs: wire.Attrs("ref", d.Ref, "task", d.Task),
	}
	if d.Production != nil {
		out.Attrs = wire.With(out.Attrs, "production", strconv.FormatBool(*d.Production))
	}
	if r != nil && r.ID != 0 {
		out.BuildRunID = g.key(r.ID, r.RunAttempt).ID()
	}
	out.Version = build.VersionOf(out.Status.Rank(), out.UpdatedAt)
	return out
}

func (g *source) deploymentStatus(d *deployment, s *deployState, r *run) *build.Deployment {
	out := g.deployment(d, r)
	at := wire.FirstTime(s.CreatedAt.Time, s.UpdatedAt.Time, d.UpdatedAt.Time)
	out.Status = deployStatusOf(s.State)
	out.UpdatedAt = wire.FirstTime(s.UpdatedAt.Time, at)
	for _, url := range []string{s.EnvironmentURL, s.TargetURL, s.LogURL} {
		if out.URL == "" {
			out.URL = url
		}
	}
	if s.Environment != "" {
		out.Environment = s.Environment
	}
	out.Attrs = wire.With(out.Attrs, build.KeyConclusion, s.State, "description", s.Description)
	switch out.Status {
	case build.DeployInProgress:
		out.StartedAt = at
	case build.DeploySuccess:
		out.FinishedAt = at
		out.Attrs = wire.With(out.Attrs, build.KeySucceededAt, build.FormatTime(at))
	case build.DeployFailure:
		out.FinishedAt = at
	}
	out.Version = build.VersionOf(out.Status.Rank(), out.UpdatedAt)
	return out
}

func deployStatusOf(state string) build.DeployStatus {
	switch state {
	case "success":
		return build.DeploySuccess
	case "failure", "error":
		return build.DeployFailure
	case "inactive":
		return build.DeployInactive
	case "in_progress":
		return build.DeployInProgress
	case "pending", "queued", "waiting":
		return build.DeployPending
	default:
		return build.DeployUnknown
	}
}

// push gives the commits of a branch or tag. A push that deletes one has none.
func (g *source) push(p *payload) []build.Event {
	if p.Deleted {
		return nil
	}
	branch, isBranch := strings.CutPrefix(p.Ref, "refs/heads/")
	if !isBranch {
		branch = ""
	}
	var events []build.Event
	seen := map[string]bool{"": true}
	add := func(c *commit) {
		if !seen[c.ID] {
			seen[c.ID] = true
			events = append(events, g.commit(c, branch, 30))
		}
	}
	for i := range p.Commits {
		add(&p.Commits[i])
	}
	if p.HeadCommit != nil {
		add(p.HeadCommit)
	}
	return events
}

func (g *source) commit(c *commit, branch string, rank uint8) *build.Commit {
	url := c.URL
	if url == "" && g.repo.HTMLURL != "" {
		url = g.repo.HTMLURL + "/commit/" + c.ID
	}
	return &build.Commit{
		Provider: build.ProviderGitHub, Host: g.host, Repo: g.repo.FullName, SHA: strings.ToLower(c.ID), Message: wire.FirstLine(c.Message), Author: c.Author.Name,
		Branch: branch, URL: url, ChangedFiles: uint32(len(c.Added) + len(c.Removed) + len(c.Modified)), CommittedAt: c.Timestamp.Time,
		Attrs: wire.Attrs(build.KeyFiles, build.FileList(c.Modified, c.Added, c.Removed)), Version: build.VersionOf(rank, c.Timestamp.Time),
	}
}
