package gitlab

import (
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// stages are the stages of a pipeline, made of its jobs: GitLab tells only their names and order.
type stages struct {
	order []string
	jobs  map[string][]*job
	run   *build.Run
	src   source
}

func stagesOf(h *pipelineHook, src source, run *build.Run) *stages {
	s := &stages{order: slices.Clone(h.Attributes.Stages), jobs: make(map[string][]*job), run: run, src: src}
	// Of a job that was retried the last one counts.
	last := make(map[string]int64, len(h.Builds))
	for i := range h.Builds {
		last[h.Builds[i].Name] = max(last[h.Builds[i].Name], h.Builds[i].ID)
	}
	for i := range h.Builds {
		j := &h.Builds[i]
		if j.ID < last[j.Name] {
			continue
		}
		if !slices.Contains(s.order, j.Stage) && j.Stage != "" {
			s.order = append(s.order, j.Stage)
		}
		s.jobs[j.Stage] = append(s.jobs[j.Stage], j)
	}
	return s
}

// events gives a task for each stage that has jobs.
func (s *stages) events() []build.Event {
	var out []build.Event
	for _, name := range s.order {
		if jobs := s.jobs[name]; len(jobs) > 0 {
			out = append(out, s.stage(name, jobs))
		}
	}
	return out
}

func (s *stages) stage(name string, jobs []*job) build.Event {
	st := build.State{
		Pipeline: s.run.Pipeline, Name: name, Branch: s.run.Branch, CommitSHA: s.run.CommitSHA, TraceID: s.run.TraceID,
		Attrs: wire.Attrs(build.KeyRepoID, s.src.projectID),
	}
	var newest, end time.Time
	var statuses []build.Status
	for _, j := range jobs {
		status := statusOf(j.Status, j.FailureReason)
		if status == build.StatusFailure && j.AllowFailure {
			status = build.StatusSuccess
		}
		statuses = append(statuses, status)
		newest = latest(newest, j.CreatedAt.Time, j.StartedAt.Time, j.FinishedAt.Time)
		end = latest(end, j.FinishedAt.Time)
		st.CreatedAt = first(st.CreatedAt, j.CreatedAt.Time)
		st.StartedAt = first(st.StartedAt, j.StartedAt.Time)
	}
	st.Status = worst(statuses)
	if st.Status.Finished() && st.Status != build.StatusSkipped {
		st.FinishedAt = wire.FirstTime(end, newest)
	}
	st.UpdatedAt = newest
	st.Version = build.ResumableVersion(st.Status, newest)
	st.Derive()
	return &build.Task{RunKey: s.run.RunKey, ID: stageID(name), Kind: build.KindStage, State: st}
}

// approval notes both ends of the wait of a job that somebody must start: from the end of the earlier stages until it is
// put into the queue.
func (s *stages) approval(j *job, t *build.Task) {
	if !j.Manual && j.When != "manual" || t.Status == build.StatusSkipped {
		return
	}
	since := j.CreatedAt.Time
	for _, name := range s.order {
		if name == j.Stage {
			break
		}
		for _, before := range s.jobs[name] {
			since = latest(since, before.FinishedAt.Time)
		}
	}
	queued := t.QueuedAt()
	switch {
	case since.IsZero():
	case t.Status == build.StatusWaiting:
		t.Attrs = wire.With(t.Attrs, build.KeyWaitingSince, build.FormatTime(since))
	case !t.StartedAt.IsZero() && queued.After(since):
		t.Attrs = wire.With(t.Attrs, build.KeyWaitingSince, build.FormatTime(since), build.KeyApprovedAt, build.FormatTime(queued))
	}
	t.Derive()
}

// worst is the status of a stage by those of its jobs.
func worst(statuses []build.Status) build.Status {
	for _, s := range []build.Status{
		build.StatusRunning, build.StatusFailure, build.StatusTimeout, build.StatusCancelled, build.StatusQueued, build.StatusWaiting,
		build.StatusUnknown, build.StatusSuccess,
	} {
		if slices.Contains(statuses, s) {
			return s
		}
	}
	return build.StatusSkipped
}

// first is the earlier of two times that are known.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
