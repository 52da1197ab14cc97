package build

import (
	"slices"
	"time"
)

// Phases divide the time of a run from its creation to its end; they add up to it. At each moment the first of these
// that holds counts: a job runs, a job is in the queue, a job waits for an approval, all jobs have ended.
type Phases struct {
	Queue    time.Duration
	Approval time.Duration
	// Execution is when at least one job ran.
	Execution time.Duration
	// Finalizing is from the end of the last job to the end of the run.
	Finalizing time.Duration
	// Between is the rest: the provider was about to make the next job.
	Between time.Duration
}

// Total is the sum of all phases.
func (p Phases) Total() time.Duration {
	return p.Queue + p.Approval + p.Execution + p.Finalizing + p.Between
}

type phase int

const (
	phaseExecution phase = iota
	phaseQueue
	phaseApproval
	phases
)

type boundary struct {
	at    time.Time
	phase phase
	step  int
}

// PhasesOf divides the run's time by its jobs; tasks of other kinds don't count. For a run that hasn't ended, now is the
// end. A run that isn't known to have been created has no phases.
func PhasesOf(run *Run, tasks []*Task, now time.Time) Phases {
	begin, end := earliest(run.CreatedAt, run.StartedAt), run.FinishedAt
	if end.IsZero() {
		end = now
	}
	if begin.IsZero() || !end.After(begin) {
		return Phases{}
	}
	marks := []boundary{{at: begin}, {at: end}}
	mark := func(from, to time.Time, p phase) {
		from, to = latest(from, begin), earliest(to, end)
		if to.After(from) {
			marks = append(marks, boundary{from, p, 1}, boundary{to, p, -1})
		}
	}
	lastEnd, open := time.Time{}, false
	jobs := 0
	for _, t := range tasks {
		if t.Kind != KindJob || t.Status == StatusSkipped {
			continue
		}
		jobs++
		markJob(t, end, mark)
		if t.Status.Finished() {
			lastEnd = latest(lastEnd, t.FinishedAt)
		} else {
			open = true
		}
	}
	if jobs == 0 {
		return phasesOfRun(run, begin, end)
	}
	if open || lastEnd.IsZero() {
		lastEnd = end
	}
	slices.SortStableFunc(marks, func(a, b boundary) int { return a.at.Compare(b.at) })
	return sweep(marks, lastEnd)
}

// markJob marks what a job did from its creation on.
func markJob(t *Task, end time.Time, mark func(from, to time.Time, p phase)) {
	started := t.StartedAt
	if started.IsZero() {
		started = either(t.FinishedAt, end)
	}
	since, approved := t.attrTime(KeyWaitingSince), t.attrTime(KeyApprovedAt)
	switch {
	case t.Status == StatusWaiting:
		approved = end
		since = either(since, t.CreatedAt)
		fallthrough
	case !since.IsZero() && approved.After(since):
		mark(since, approved, phaseApproval)
		mark(t.QueuedAt(), since, phaseQueue)
		if t.Status != StatusWaiting {
			mark(latest(approved, t.QueuedAt()), started, phaseQueue)
		}
	case !t.QueuedAt().IsZero():
		mark(t.QueuedAt(), started, phaseQueue)
	}
	if !t.StartedAt.IsZero() {
		mark(t.StartedAt, either(t.FinishedAt, end), phaseExecution)
	}
}

// phasesOfRun is for a run without jobs: what it says of itself.
func phasesOfRun(run *Run, begin, end time.Time) Phases {
	if run.StartedAt.IsZero() || run.StartedAt.After(end) {
		if run.Status == StatusWaiting {
			return Phases{Approval: end.Sub(begin)}
		}
		return Phases{Queue: end.Sub(begin)}
	}
	wait := run.StartedAt.Sub(begin)
	approval := min(run.Approval, wait)
	return Phases{Queue: wait - approval, Approval: approval, Execution: end.Sub(run.StartedAt)}
}

func sweep(marks []boundary, lastEnd time.Time) Phases {
	var p Phases
	var active [phases]int
	for i, m := range marks {
		active[m.phase] += m.step
		if i+1 == len(marks) {
			break
		}
		from, to := m.at, marks[i+1].at
		switch {
		case active[phaseExecution] > 0:
			p.Execution += to.Sub(from)
		case active[phaseQueue] > 0:
			p.Queue += to.Sub(from)
		case active[phaseApproval] > 0:
			p.Approval += to.Sub(from)
		case !from.Before(lastEnd):
			p.Finalizing += to.Sub(from)
		default:
			p.Between += to.Sub(from)
		}
	}
	return p
}
