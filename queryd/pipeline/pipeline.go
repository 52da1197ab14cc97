// Package pipeline analyses build runs: where the time of a run went, which chain of jobs decided its length, what
// repeated work cost, where a pipeline's bottleneck is, and which runs are stuck. It reads with queryd/history and is
// served by queryd/api; what it concludes from job records is in pure functions.
//
// Definitions. Queue is from when a job could start to its start, less the wait for an approval. The critical path goes
// back from the task that finished last to the one that gated it: of the jobs it needs the one that finished last, and
// where nobody told what it needs, the latest that finished by the time it was made, with two seconds of tolerance. What
// the path doesn't spend in queue, approval or run is a gap, so that all of it adds up to the run's duration. Retry cost
// is the billed time of attempts after the first and of jobs that repeat another one of their run.
package pipeline

import (
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// KeyNeeds is the attribute of a job that lists the ids or names of the jobs it needs, comma separated.
const KeyNeeds = "needs"

// Where the edges between jobs come from.
const (
	NeedsDeclared = "declared"
	NeedsInferred = "inferred"
	NeedsNone     = "none"
)

// tolerance is how much later than a job's creation its predecessor may have finished: providers write times of several
// clocks, rounded.
const tolerance = 2 * time.Second

// Service analyses the runs of one store.
type Service struct{ *history.Reader }

// New makes a service over a reader.
func New(r *history.Reader) *Service { return &Service{Reader: r} }

// job is a job as the analyses see it.
type job struct {
	*build.Task
	stage string
	// queued is since when it could start, but for what gates it.
	queued time.Time
	// started and finished are zero for what hasn't happened; of a live run, end is now.
	end time.Time
	// approval is the wait for a person.
	approvalFrom, approvalTo time.Time
	needs                    []*job
	// gate is the job that this one waited for.
	gate *job
	// inherited jobs ran in an earlier attempt.
	inherited bool
	level     int
}

// ran tells whether the job took any time of the run.
func (j *job) ran() bool {
	return !j.inherited && j.Status != build.StatusSkipped && !j.queued.IsZero()
}

// flow is a run's jobs with what is known of their order.
type flow struct {
	run        *build.Run
	begin, end time.Time
	live       bool
	needs      string
	jobs       []*job
}

// flowOf puts the tasks of a run in their order. For a run that hasn't ended, now is its end.
func flowOf(run *build.Run, tasks []*build.Task, now time.Time) *flow {
	f := &flow{run: run, begin: history.Began(run), end: run.FinishedAt, needs: NeedsNone}
	if f.live = !run.Status.Finished(); f.live || f.end.IsZero() {
		f.end = now
	}
	if f.end.Before(f.begin) {
		f.end = f.begin
	}
	stages := map[string]string{}
	for _, t := range tasks {
		if t.Kind == build.KindStage {
			stages[t.ID] = t.Name
		}
	}
	for _, t := range tasks {
		if t.Kind == build.KindJob {
			f.jobs = append(f.jobs, f.jobOf(t, stages))
		}
	}
	if f.declare(); f.needs == NeedsNone && len(f.jobs) > 1 {
		f.infer()
		f.needs = NeedsInferred
	}
	f.levels()
	return f
}

func (f *flow) jobOf(t *build.Task, stages map[string]string) *job {
	j := &job{Task: t, stage: history.StageName(t, stages), queued: t.QueuedAt(), end: t.FinishedAt}
	if j.queued.IsZero() {
		j.queued = t.StartedAt
	}
	if j.end.IsZero() && !t.Status.Finished() && f.live {
		j.end = f.end
	}
	if j.end.IsZero() { // an end that nobody told
		j.end = latest(t.StartedAt, t.UpdatedAt)
	}
	j.approvalFrom, j.approvalTo = attrTime(t.Attrs, build.KeyWaitingSince), attrTime(t.Attrs, build.KeyApprovedAt)
	if t.Status == build.StatusWaiting {
		if j.approvalFrom.IsZero() {
			j.approvalFrom = j.queued
		}
		j.approvalTo = f.end
	}
	if j.approvalFrom.IsZero() && t.Approval > 0 { // only its length is known: at the beginning
		j.approvalFrom, j.approvalTo = j.queued, j.queued.Add(t.Approval)
	}
	return j
}

func attrTime(attrs map[string]string, key string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, attrs[key])
	if err != nil {
		return time.Time{}
	}
	return t
}

// declare links the jobs by the needs that somebody told of, by id or by name.
func (f *flow) declare() {
	byID, byName := map[string]*job{}, map[string][]*job{}
	for _, j := range f.jobs {
		byID[j.ID] = j
		byName[j.Name] = append(byName[j.Name], j)
	}
	for _, j := range f.jobs {
		list, told := j.Attrs[KeyNeeds]
		if told {
			f.needs = NeedsDeclared
		}
		for _, name := range strings.Split(list, ",") {
			name = strings.TrimSpace(name)
			if n := byID[name]; n != nil && n != j {
				j.needs = append(j.needs, n)
				continue
			}
			for _, n := range matches(byName, name) {
				if n != j {
					j.needs = append(j.needs, n)
				}
			}
		}
		if old := byID[j.Attrs[build.KeyRetryOf]]; old != nil && old != j {
			j.needs = append(j.needs, old)
		}
	}
	if f.needs == NeedsNone {
		return
	}
	f.breakCycles()
	for _, j := range f.jobs {
		for _, n := range j.needs {
			if n.ran() && (j.gate == nil || later(n, j.gate)) {
				j.gate = n
			}
		}
	}
}

// matches finds the jobs of a needed name: a matrix has one job for each combination.
func matches(byName map[string][]*job, name string) []*job {
	if name == "" {
		return nil
	}
	if exact := byName[name]; len(exact) > 0 {
		return exact
	}
	var out []*job
	for have, jobs := range byName {
		if strings.HasPrefix(have, name+" (") || strings.HasPrefix(have, name+" / ") {
			out = append(out, jobs...)
		}
	}
	slices.SortFunc(out, func(a, b *job) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// breakCycles leaves out needs that lead back to their job: the order can't be a circle, so one of them is wrong.
func (f *flow) breakCycles() {
	const open, done = 1, 2
	state := map[*job]int{}
	var visit func(j *job)
	visit = func(j *job) {
		state[j] = open
		j.needs = slices.DeleteFunc(j.needs, func(n *job) bool {
			if state[n] == 0 {
				visit(n)
			}
			return state[n] == open
		})
		state[j] = done
	}
	order := slices.Clone(f.jobs) // from the end, so that the needs that go against time are left out
	slices.SortFunc(order, func(a, b *job) int { return -compareEnds(a, b) })
	for _, j := range order {
		if state[j] == 0 {
			visit(j)
		}
	}
}

// infer links each job to the one that finished last by the time it was made.
func (f *flow) infer() {
	for _, j := range f.jobs {
		if !j.ran() {
			continue
		}
		for _, n := range f.jobs {
			if n != j && f.mayGate(n, j) && (j.gate == nil || later(n, j.gate)) {
				j.gate = n
			}
		}
		if j.gate != nil {
			j.needs = []*job{j.gate}
		}
	}
}

// mayGate tells whether a job can have waited for another one, by their times. A gate ends before its job does, so there
// are no circles.
func (f *flow) mayGate(n, j *job) bool {
	if !n.ran() || n.StartedAt.IsZero() || !n.Status.Finished() || n.end.After(j.queued.Add(tolerance)) {
		return false
	}
	if !j.StartedAt.IsZero() && n.end.After(j.StartedAt) {
		return false
	}
	return later(j, n)
}

// later orders jobs by their end.
func later(a, b *job) bool { return compareEnds(a, b) > 0 }

func compareEnds(a, b *job) int {
	if c := a.end.Compare(b.end); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// levels puts each job into the column behind the last of those that it needs.
func (f *flow) levels() {
	done := map[*job]bool{}
	var level func(j *job) int
	level = func(j *job) int {
		if !done[j] {
			done[j] = true
			for _, n := range j.needs {
				j.level = max(j.level, level(n)+1)
			}
		}
		return j.level
	}
	for _, j := range f.jobs {
		level(j)
	}
}

// wait is the time from when the job could start to its start, divided. gate is when the last thing that it needed was there.
func (j *job) wait(gate, until time.Time) (queue, approval time.Duration) {
	from := latest(j.queued, gate)
	to := j.StartedAt
	if to.IsZero() {
		to = j.end
	}
	if !until.IsZero() && to.After(until) {
		to = until
	}
	if from.IsZero() || !to.After(from) {
		return 0, 0
	}
	approval = overlap(from, to, j.approvalFrom, j.approvalTo)
	return to.Sub(from) - approval, approval
}

// runTime is how long the job ran.
func (j *job) runTime() time.Duration {
	if j.StartedAt.IsZero() || j.Status == build.StatusSkipped || !j.end.After(j.StartedAt) {
		return 0
	}
	return j.end.Sub(j.StartedAt)
}

// gated is when the job's gate let it go.
func (j *job) gated() time.Time {
	if j.gate == nil {
		return time.Time{}
	}
	return j.gate.end
}

func overlap(from, to, a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	a, b = latest(a, from), earliest(b, to)
	return max(0, b.Sub(a))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
