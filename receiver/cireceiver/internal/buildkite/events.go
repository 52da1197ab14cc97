package buildkite

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

func runStatusOf(r *run) build.Status {
	if r.Blocked && (r.State == "passed" || r.State == "blocked" || r.State == "finished") {
		return build.StatusWaiting
	}
	switch r.State {
	case "passed":
		return build.StatusSuccess
	case "failed":
		return build.StatusFailure
	case "canceled":
		return build.StatusCancelled
	case "skipped", "not_run":
		return build.StatusSkipped
	case "running", "failing", "canceling":
		return build.StatusRunning
	case "blocked":
		return build.StatusWaiting
	case "creating", "scheduled":
		return build.StatusQueued
	default:
		return build.StatusUnknown
	}
}

func jobStatusOf(j *job) build.Status {
	switch j.State {
	case "passed", "unblocked":
		return build.StatusSuccess
	case "failed", "unblocked_failed", "waiting_failed", "blocked_failed":
		return build.StatusFailure
	case "finished":
		if j.ExitStatus != nil && *j.ExitStatus != 0 {
			return build.StatusFailure
		}
		return build.StatusSuccess
	case "canceled":
		return build.StatusCancelled
	case "skipped", "broken":
		return build.StatusSkipped
	case "timed_out", "expired":
		return build.StatusTimeout
	case "running", "canceling", "timing_out":
		return build.StatusRunning
	case "blocked":
		return build.StatusWaiting
	case "creating", "pending", "waiting", "limiting", "limited", "scheduled", "assigned", "accepted":
		return build.StatusQueued
	default:
		return build.StatusUnknown
	}
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}

// run is the build's state. It may be taken up again by a retried job or an unblocked step; Buildkite tells no time of
// the state itself, so the newest time in the delivery orders it.
func (p *payload) run() *build.Run {
	r := p.Build
	trace := build.BuildkiteKey(r.ID)
	s := build.State{
		Pipeline: wire.Or(p.Pipeline.Name, p.Pipeline.Slug), Name: wire.FirstLine(r.Message), Branch: r.Branch, CommitSHA: wire.SHA(r.Commit), Trigger: r.Source,
		CreatedAt: r.CreatedAt.Time, Status: runStatusOf(r), URL: r.WebURL, TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, r.State, build.KeyRepoID, r.ID, build.KeyRunNumber, wire.Number(r.Number)),
	}
	if r.Creator != nil {
		s.ActorHash = build.HashActor(build.ProviderBuildkite, build.HostBuildkite, wire.Or(r.Creator.ID, r.Creator.Name))
	}
	if r.PullRequest != nil {
		if n, err := strconv.ParseUint(fmt.Sprint(r.PullRequest.ID), 10, 32); err == nil {
			s.PRNumber = uint32(n)
		}
	}
	if up := r.TriggeredFrom; up != nil && up.BuildID != "" {
		by := p.key()
		by.RunID, by.Repo = up.BuildID, wire.Name(strings.TrimPrefix(r.organization()+"/"+up.BuildPipelineSlug, "/"))
		s.Attrs = wire.With(s.Attrs, build.KeyTriggeredBy, by.ID())
	}
	if r.RebuiltFrom != nil {
		s.Attrs = wire.With(s.Attrs, "rebuilt_from", r.RebuiltFrom.ID)
	}
	newest := latest(r.CreatedAt.Time, r.ScheduledAt.Time, r.StartedAt.Time)
	if j := p.Job; j != nil {
		newest = latest(newest, j.CreatedAt.Time, j.RunnableAt.Time, j.ScheduledAt.Time, j.StartedAt.Time, j.FinishedAt.Time, j.UnblockedAt.Time)
	}
	if s.Status.Rank() > 10 {
		s.StartedAt = wire.FirstTime(r.StartedAt.Time, r.ScheduledAt.Time, r.CreatedAt.Time)
	}
	if s.Status.Finished() {
		s.FinishedAt = wire.FirstTime(r.FinishedAt.Time, newest)
		s.Resumable()
	}
	s.UpdatedAt = latest(newest, r.FinishedAt.Time)
	s.Version = build.ResumableVersion(s.Status, s.UpdatedAt)
	s.Derive()
	return &build.Run{RunKey: p.key(), State: s}
}

// task is a job, and the job that repeats it where the delivery names one. A step that somebody must unblock is a job that
// takes no time.
func (p *payload) task(run *build.State) []build.Event {
	j := p.Job
	trace := build.BuildkiteKey(p.Build.ID)
	s := build.State{
		Pipeline: run.Pipeline, Name: jobName(j), Branch: run.Branch, CommitSHA: run.CommitSHA, CreatedAt: j.CreatedAt.Time, StartedAt: j.StartedAt.Time,
		Status: jobStatusOf(j), URL: j.WebURL, TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(j.ID),
		Attrs: wire.Attrs(build.KeyConclusion, j.State, build.KeyRepoID, p.Build.ID, "step_key", j.StepKey),
	}
	if queued := wire.FirstTime(j.RunnableAt.Time, j.ScheduledAt.Time); !queued.IsZero() {
		s.Attrs = wire.With(s.Attrs, build.KeyQueuedAt, build.FormatTime(queued))
	}
	if j.SoftFailed {
		s.Attrs = wire.With(s.Attrs, "allow_failure", "true")
	}
	if j.Type == "manual" {
		since := wire.FirstTime(j.RunnableAt.Time, j.CreatedAt.Time)
		s.Attrs = wire.With(s.Attrs, build.KeyWaitingSince, build.FormatTime(since))
		if at := j.UnblockedAt.Time; !at.IsZero() {
			s.Status, s.StartedAt = build.StatusSuccess, at
			s.Attrs = wire.With(s.Attrs, build.KeyApprovedAt, build.FormatTime(at))
		}
	}
	if s.Status.Finished() {
		s.FinishedAt = wire.FirstTime(j.FinishedAt.Time, j.UnblockedAt.Time, s.StartedAt, s.CreatedAt)
	}
	if s.Status == build.StatusFailure && j.ExitStatus != nil {
		s.Message = fmt.Sprintf("exit status %d", *j.ExitStatus)
		if *j.ExitStatus < 0 {
			// The agent was lost or could not run the command.
			s.Attrs = wire.With(s.Attrs, build.KeyConclusion, "error")
		}
	}
	s.UpdatedAt = latest(j.CreatedAt.Time, j.RunnableAt.Time, j.ScheduledAt.Time, s.StartedAt, s.FinishedAt, j.UnblockedAt.Time)
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	t := &build.Task{RunKey: p.key(), ID: j.ID, ParentID: strings.ReplaceAll(j.GroupKey, "/", "_"), Kind: build.KindJob, State: s, Retries: j.RetriesCount}
	if j.RetrySource != nil {
		t.Attrs = wire.With(t.Attrs, build.KeyRetryOf, j.RetrySource.JobID)
	}
	if j.Agent != nil {
		t.Runner, t.RunnerClass = j.Agent.Name, strings.Join(j.AgentQueryRules, ",")
	}
	t.Derive()
	events := []build.Event{t}
	if next := j.RetriedInJobID; next != "" {
		events = append(events, &build.Task{RunKey: p.key(), ID: next, Kind: build.KindJob, State: build.State{
			Pipeline: run.Pipeline, Name: s.Name, Branch: run.Branch, CommitSHA: run.CommitSHA, UpdatedAt: s.UpdatedAt, Stub: true,
			TraceID: s.TraceID, SpanID: trace.TaskSpanID(next), Attrs: wire.Attrs(build.KeyRetryOf, j.ID, build.KeyRepoID, p.Build.ID),
		}})
	}
	return events
}

func jobName(j *job) string {
	for _, name := range []string{j.Name, j.Label, j.StepKey} {
		if name != "" {
			return name
		}
	}
	return j.Type
}
