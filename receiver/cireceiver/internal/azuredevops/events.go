package azuredevops

import (
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// statusOf reads state and result, which the older resource has in one.
func statusOf(state, result string) build.Status {
	switch wire.Or(result, state) {
	case "succeeded", "partiallySucceeded":
		return build.StatusSuccess
	case "failed":
		return build.StatusFailure
	case "canceled", "cancelled", "stopped":
		return build.StatusCancelled
	case "skipped":
		return build.StatusSkipped
	case "abandoned":
		return build.StatusTimeout
	case "inProgress", "running", "canceling", "cancelling":
		return build.StatusRunning
	case "notStarted", "pending", "postponed", "queued":
		return build.StatusQueued
	case "waiting":
		return build.StatusWaiting
	default:
		return build.StatusUnknown
	}
}

func buildEvents(d *delivery[buildResource]) ([]build.Event, *wire.Problem) {
	r := &d.Resource
	src := d.sourceOf(r.URL, r.Project.Name)
	if p := src.check("resource.id", r.ID); p != nil {
		return nil, p
	}
	key := src.key(r.ID)
	trace := key.TraceKey(src.projectID)
	status := statusOf(r.Status, r.Result)
	s := build.State{
		Pipeline: r.Definition.Name, Name: r.BuildNumber, Branch: wire.Branch(r.SourceBranch), CommitSHA: wire.SHA(r.SourceVersion), Trigger: r.Reason,
		CreatedAt: wire.FirstTime(r.QueueTime.Time, r.StartTime.Time), StartedAt: r.StartTime.Time, Status: status,
		URL: wire.Or(r.Links.Web.Href, r.URL), TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, wire.Or(r.Result, r.Status), build.KeyRepoID, src.projectID, build.KeyRunNumber, r.BuildNumber),
	}
	// "LG:refs/heads/master:600c52d2…"
	if parts := strings.Split(r.SourceGetVersion, ":"); len(parts) == 3 {
		s.Branch, s.CommitSHA = wire.Or(s.Branch, wire.Branch(parts[1])), wire.Or(s.CommitSHA, wire.SHA(parts[2]))
	}
	who := r.RequestedFor
	if who == nil && len(r.Requests) > 0 {
		who = r.Requests[0].RequestedFor
	}
	if who != nil {
		s.ActorHash = build.HashActor(build.ProviderAzure, src.host, who.ID)
	}
	finish(&s, wire.FirstTime(r.FinishTime.Time, r.StartTime.Time, d.CreatedDate.Time))
	return []build.Event{&build.Run{RunKey: key, State: s}}, nil
}

// finish sets what follows from the status and the newest time of a state. A run may be taken up again by retried stages.
func finish(s *build.State, newest time.Time) {
	if s.Status.Finished() {
		s.FinishedAt = newest
		s.Resumable()
	}
	s.UpdatedAt = newest
	s.Version = build.ResumableVersion(s.Status, newest)
	s.Derive()
}

func (r *runResource) run(src source, now time.Time) *build.Run {
	key := src.key(r.Run.ID)
	trace := key.TraceKey(src.projectID)
	s := build.State{
		Pipeline: r.Pipeline.Name, Name: r.Run.Name, CreatedAt: r.Run.CreatedDate.Time, Status: statusOf(r.Run.State, r.Run.Result),
		URL: wire.Or(r.Run.Links.Web.Href, r.Run.URL), TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, wire.Or(r.Run.Result, r.Run.State), build.KeyRepoID, src.projectID, build.KeyRunNumber, r.Run.Name),
	}
	if len(r.Repositories) > 0 {
		s.CommitSHA = wire.SHA(r.Repositories[0].Change.Version)
	}
	newest := wire.FirstTime(now, r.Run.CreatedDate.Time)
	if s.Status.Rank() > 10 {
		s.StartedAt = r.Run.CreatedDate.Time
	}
	if s.Status.Finished() {
		newest = wire.FirstTime(r.Run.FinishedDate.Time, newest)
	}
	finish(&s, newest)
	return &build.Run{RunKey: key, State: s}
}

func runEvents(d *delivery[runResource]) ([]build.Event, *wire.Problem) {
	r := &d.Resource
	if r.Run == nil {
		return nil, wire.WrongField("resource.run", "is missing")
	}
	src := d.sourceOf(r.Run.URL, "")
	if p := src.check("resource.run.id", r.Run.ID); p != nil {
		return nil, p
	}
	return []build.Event{r.run(src, d.CreatedDate.Time)}, nil
}

func jobEvents(d *delivery[jobResource]) ([]build.Event, *wire.Problem) {
	r := &d.Resource
	switch {
	case r.Run == nil:
		return nil, wire.WrongField("resource.run", "is missing")
	case r.Job == nil || r.Job.ID == "":
		return nil, wire.WrongField("resource.job.id", "is missing")
	}
	src := d.sourceOf(r.Run.URL, "")
	if p := src.check("resource.run.id", r.Run.ID); p != nil {
		return nil, p
	}
	run := r.run(src, d.CreatedDate.Time)
	trace := run.TraceKey(src.projectID)
	s := build.State{
		Pipeline: run.Pipeline, Name: r.Job.Name, CommitSHA: run.CommitSHA, StartedAt: r.Job.StartTime.Time, Status: statusOf(r.Job.State, r.Job.Result),
		URL: run.URL, TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(r.Job.ID),
		Attrs: wire.Attrs(build.KeyConclusion, wire.Or(r.Job.Result, r.Job.State), build.KeyRepoID, src.projectID),
	}
	s.UpdatedAt = wire.FirstTime(r.Job.FinishTime.Time, r.Job.StartTime.Time, d.CreatedDate.Time)
	if s.Status.Finished() {
		s.FinishedAt = s.UpdatedAt
	}
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	run.Stub = true
	run.Status, run.Version, run.FinishedAt, run.StartedAt, run.Duration = 0, 0, time.Time{}, time.Time{}, 0
	delete(run.Attrs, build.KeyFirstFinishedAt)
	delete(run.Attrs, build.KeyLastFinishedAt)
	delete(run.Attrs, build.KeyConclusion)
	return []build.Event{run, &build.Task{
		RunKey: run.RunKey, ID: r.Job.ID, ParentID: strings.ReplaceAll(r.Stage.Name, "/", "_"), Kind: build.KindJob, State: s,
	}}, nil
}

// gitSource names the repository of a push or pull request as builds name it, where it is the project's only one.
func gitSource[T any](d *delivery[T], r *gitRepository) source {
	src := d.sourceOf(wire.Or(r.RemoteURL, r.URL), r.Project.Name)
	if r.Name != "" && r.Name != r.Project.Name && src.repo != "" {
		src.repo += "/" + wire.Name(r.Name)
	}
	return src
}

func pushEvents(d *delivery[pushResource]) ([]build.Event, *wire.Problem) {
	r := &d.Resource
	src := gitSource(d, &r.Repository)
	if src.repo == "" {
		return nil, wire.WrongField("resource.repository.remoteUrl", "names no organisation and project")
	}
	branch := ""
	if len(r.RefUpdates) > 0 {
		branch = wire.Branch(r.RefUpdates[0].Name)
	}
	var events []build.Event
	for i := range r.Commits {
		c := &r.Commits[i]
		if sha := wire.SHA(c.CommitID); sha != "" {
			events = append(events, &build.Commit{
				Provider: build.ProviderAzure, Host: src.host, Repo: src.repo, SHA: sha, Message: wire.FirstLine(c.Comment), Author: c.Author.Name,
				Branch: branch, URL: c.URL, CommittedAt: c.Author.Date.Time, Version: build.VersionOf(30, c.Author.Date.Time),
			})
		}
	}
	return events, nil
}

func changeEvents(d *delivery[changeResource]) ([]build.Event, *wire.Problem) {
	r := &d.Resource
	src := gitSource(d, &r.Repository)
	if p := src.check("resource.pullRequestId", int64(r.PullRequestID)); p != nil {
		return nil, p
	}
	c := &build.Change{
		Provider: build.ProviderAzure, Host: src.host, Repo: src.repo, Number: r.PullRequestID, Title: r.Title, State: build.ChangeOpen,
		HeadSHA: wire.SHA(r.LastMergeSourceCommit.CommitID), HeadBranch: wire.Branch(r.SourceRefName), BaseBranch: wire.Branch(r.TargetRefName),
		URL: r.URL, CreatedAt: r.CreationDate.Time, UpdatedAt: wire.FirstTime(r.ClosedDate.Time, d.CreatedDate.Time, r.CreationDate.Time),
	}
	if r.CreatedBy != nil {
		c.AuthorHash = build.HashActor(build.ProviderAzure, src.host, r.CreatedBy.ID)
	}
	rank := uint8(10)
	switch r.Status {
	case "completed":
		c.State, c.MergeSHA, c.MergedAt, rank = build.ChangeMerged, wire.SHA(r.LastMergeCommit.CommitID), c.UpdatedAt, 30
	case "abandoned":
		c.State = build.ChangeClosed
	}
	c.Version = build.VersionOf(rank, c.UpdatedAt)
	return []build.Event{c}, nil
}
