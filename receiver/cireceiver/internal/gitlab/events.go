package gitlab

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

func statusOf(status, reason string) build.Status {
	switch status {
	case "success":
		return build.StatusSuccess
	case "failed":
		switch reason {
		case "job_execution_timeout", "stuck_or_timeout_failure":
			return build.StatusTimeout
		}
		return build.StatusFailure
	case "canceled":
		return build.StatusCancelled
	case "skipped":
		return build.StatusSkipped
	case "running", "canceling":
		return build.StatusRunning
	case "manual":
		return build.StatusWaiting
	case "created", "pending", "preparing", "scheduled", "waiting_for_resource", "waiting_for_callback":
		return build.StatusQueued
	default:
		return build.StatusUnknown
	}
}

// systemFailures are the reasons for which GitLab or its runner is to blame, not what the job ran.
var systemFailures = map[string]bool{
	"runner_system_failure": true, "scheduler_failure": true, "data_integrity_failure": true, "api_failure": true, "runner_unsupported": true,
	"unmet_prerequisites": true, "stale_schedule": true, "archived_failure": true, "missing_dependency_failure": true, "server_error": true,
	"no_matching_runner": true, "ci_quota_exceeded": true, "runner_provisioning_failure": true,
}

// conclusion is what a state says more than its status.
func conclusion(status, reason string) string {
	if status == "failed" && systemFailures[reason] {
		return "error"
	}
	return status
}

// longest is more than any job waits or runs.
const longest = 365 * 24 * time.Hour

// seconds reads a duration. What can't be one is none.
func seconds(s float64) time.Duration {
	if !(s > 0) || s > longest.Seconds() {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// latest is the newest of the times.
func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}

func pipelineEvents(h *pipelineHook) ([]build.Event, *wire.Problem) {
	src := h.Project.source()
	a := &h.Attributes
	if p := src.check("object_attributes.id", a.ID); p != nil {
		return nil, p
	}
	run := pipelineRun(h, src)
	events := []build.Event{run}
	if h.Commit != nil {
		if c := src.commit(h.Commit, run.Branch, 20); c != nil {
			events = append(events, c)
		}
	}
	stages := stagesOf(h, src, run)
	events = append(events, stages.events()...)
	for i := range h.Builds {
		j := &h.Builds[i]
		if j.ID == 0 {
			continue
		}
		t := src.task(j, a.ID, &run.State)
		stages.approval(j, t)
		events = append(events, t)
	}
	return events, nil
}

// pipelineRun is the run. GitLab tells no time of the state itself: the newest of all times in the hook orders it, and a
// pipeline that is taken up again by a retried job is newer by that job's creation.
func pipelineRun(h *pipelineHook, src source) *build.Run {
	a := &h.Attributes
	trace := src.trace(a.ID)
	s := build.State{
		Pipeline: wire.Or(a.Name, src.repo), CommitSHA: wire.SHA(a.SHA), Trigger: a.Source, CreatedAt: a.CreatedAt.Time,
		ActorHash: build.HashActor(build.ProviderGitLab, src.host, h.User.login()), Status: statusOf(a.Status, ""),
		URL: a.URL, TraceID: trace.TraceID(), SpanID: trace.RootSpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, a.Status, build.KeyRepoID, src.projectID, build.KeyRunNumber, wire.Number(a.IID)),
	}
	if !a.Tag {
		s.Branch = wire.Branch(a.Ref)
	} else {
		s.Attrs = wire.With(s.Attrs, "tag", a.Ref)
	}
	if h.Commit != nil {
		s.Name = wire.FirstLine(h.Commit.Message)
	}
	if s.URL == "" && src.web != "" {
		s.URL = src.web + "/-/pipelines/" + strconv.FormatInt(a.ID, 10)
	}
	if h.MergeRequest != nil {
		s.PRNumber = h.MergeRequest.IID
	}
	if up := h.SourcePipeline; up != nil && up.PipelineID != 0 {
		s.Attrs = wire.With(s.Attrs, build.KeyTriggeredBy, up.Project.source().key(up.PipelineID).ID())
	}
	newest, firstStart := a.CreatedAt.Time, time.Time{}
	for i := range h.Builds {
		j := &h.Builds[i]
		newest = latest(newest, j.CreatedAt.Time, j.StartedAt.Time, j.FinishedAt.Time)
		if !j.StartedAt.IsZero() && (firstStart.IsZero() || j.StartedAt.Before(firstStart)) {
			firstStart = j.StartedAt.Time
		}
	}
	if s.Status.Rank() > 10 {
		s.StartedAt = firstStart
		if a.QueuedDuration > 0 && !s.CreatedAt.IsZero() {
			s.StartedAt = s.CreatedAt.Add(seconds(a.QueuedDuration))
		}
	}
	if s.Status.Finished() {
		s.FinishedAt = wire.FirstTime(a.FinishedAt.Time, newest)
		newest = latest(newest, s.FinishedAt)
		s.Resumable()
	}
	s.UpdatedAt = newest
	s.Version = build.ResumableVersion(s.Status, newest)
	s.Derive()
	return &build.Run{RunKey: src.key(a.ID), State: s}
}

func jobEvents(h *jobHook) ([]build.Event, *wire.Problem) {
	src := h.source()
	pipeline := h.PipelineID
	if pipeline == 0 {
		pipeline = h.Commit.ID
	}
	if p := src.check("build_id", h.BuildID); p != nil {
		return nil, p
	}
	if pipeline == 0 {
		return nil, wire.WrongField("pipeline_id", "is missing")
	}
	trace := src.trace(pipeline)
	run := &build.Run{RunKey: src.key(pipeline), State: build.State{
		CommitSHA: wire.SHA(h.SHA), Name: wire.FirstLine(h.Commit.Message), CreatedAt: h.CreatedAt.Time, Stub: true,
		TraceID: trace.TraceID(), SpanID: trace.RootSpanID(), Attrs: wire.Attrs(build.KeyRepoID, src.projectID),
	}}
	if !h.Tag {
		run.Branch = wire.Branch(h.Ref)
	}
	if up := h.SourcePipeline; up != nil && up.PipelineID != 0 {
		run.Attrs = wire.With(run.Attrs, build.KeyTriggeredBy, up.Project.source().key(up.PipelineID).ID())
	}
	j := &job{
		ID: h.BuildID, Stage: h.BuildStage, Name: h.BuildName, Status: h.BuildStatus, CreatedAt: h.CreatedAt, StartedAt: h.StartedAt,
		FinishedAt: h.FinishedAt, Duration: h.Duration, QueuedDuration: h.QueuedDuration, FailureReason: h.FailureReason,
		AllowFailure: h.AllowFailure, Runner: h.Runner, Environment: h.Environment, retries: h.RetriesCount,
	}
	t := src.task(j, pipeline, &run.State)
	run.UpdatedAt = t.UpdatedAt
	return []build.Event{run, t}, nil
}

// task is a job. Its creation is the pipeline's, long before it could start: since when it was in the queue is told by how
// long. A skipped job is taken up again when an earlier one is retried, so it has no end yet.
func (src source) task(j *job, pipeline int64, run *build.State) *build.Task {
	trace := src.trace(pipeline)
	id := strconv.FormatInt(j.ID, 10)
	s := build.State{
		Pipeline: run.Pipeline, Name: j.Name, Branch: run.Branch, CommitSHA: run.CommitSHA, CreatedAt: j.CreatedAt.Time, StartedAt: j.StartedAt.Time,
		Status: statusOf(j.Status, j.FailureReason), TraceID: trace.TraceID(), SpanID: trace.TaskSpanID(id),
		Attrs: wire.Attrs(build.KeyConclusion, conclusion(j.Status, j.FailureReason), build.KeyRepoID, src.projectID),
	}
	if src.web != "" {
		s.URL = src.web + "/-/jobs/" + id
	}
	if j.AllowFailure {
		s.Attrs = wire.With(s.Attrs, "allow_failure", "true")
	}
	if e := j.Environment; e != nil {
		s.Attrs = wire.With(s.Attrs, "environment", e.Name, "deployment_tier", e.DeploymentTier)
	}
	if s.Status.Finished() && s.Status != build.StatusSkipped {
		s.FinishedAt = j.FinishedAt.Time
		if s.FinishedAt.IsZero() && !s.StartedAt.IsZero() {
			s.FinishedAt = s.StartedAt.Add(seconds(j.Duration))
		}
		s.FinishedAt = wire.FirstTime(s.FinishedAt, s.CreatedAt)
	}
	if j.Status == "failed" && j.FailureReason != "" && j.FailureReason != "unknown_failure" {
		s.Message = strings.ReplaceAll(j.FailureReason, "_", " ")
	}
	if !s.StartedAt.IsZero() && j.QueuedDuration > 0 {
		queued := s.StartedAt.Add(-seconds(j.QueuedDuration))
		s.Attrs = wire.With(s.Attrs, build.KeyQueuedAt, build.FormatTime(latest(queued, s.CreatedAt)))
	}
	s.UpdatedAt = latest(s.FinishedAt, s.StartedAt, s.CreatedAt)
	s.Version = build.ResumableVersion(s.Status, s.UpdatedAt)
	s.Derive()
	return &build.Task{
		RunKey: src.key(pipeline), ID: id, ParentID: stageID(j.Stage), Kind: build.KindJob, State: s, Retries: j.retries,
		Runner: j.Runner.name(), RunnerClass: j.Runner.class(),
	}
}

// stageID is a stage's id in its run; a slash sets steps apart from their job.
func stageID(name string) string { return strings.ReplaceAll(name, "/", "_") }
