package pipeline

import (
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
)

// The kinds of a segment.
const (
	segmentQueue    = "queue"
	segmentApproval = "approval"
	segmentRun      = "run"
	segmentGap      = "gap"
)

// CriticalPath is the chain of jobs that decided how long a run took.
type CriticalPath struct {
	BuildID       string    `json:"build_id"`
	Needs         string    `json:"needs" enum:"declared,inferred,none" doc:"Where the order of the jobs comes from"`
	Live          bool      `json:"live" doc:"The run hasn't ended: the path leads to now"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	RunDurationNS int64     `json:"run_duration_ns"`
	SumNS         int64     `json:"sum_ns"`
	Exact         bool      `json:"exact" doc:"The sum is the run's duration, give or take a second"`
	QueueNS       int64     `json:"queue_ns"`
	ApprovalNS    int64     `json:"approval_ns"`
	RunNS         int64     `json:"run_ns"`
	GapNS         int64     `json:"gap_ns"`
	Segments      []Segment `json:"segments" nullable:"false" doc:"Oldest first, without holes"`
}

// Segment is a part of the critical path.
type Segment struct {
	Kind       string    `json:"kind" enum:"queue,approval,run,gap"`
	TaskID     string    `json:"task_id" doc:"Empty for a gap"`
	Task       string    `json:"task"`
	Stage      string    `json:"stage"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	DurationNS int64     `json:"duration_ns"`
	GatedBy    string    `json:"gated_by" doc:"The task that this one waited for"`
	Reason     string    `json:"reason"`
}

// CriticalPathOf finds the critical path of a run. It is a pure function of the run and its tasks; now is the end of a
// run that hasn't ended.
func CriticalPathOf(run *build.Run, tasks []*build.Task, now time.Time) CriticalPath {
	return flowOf(run, tasks, now).criticalPath()
}

func (f *flow) criticalPath() CriticalPath {
	p := CriticalPath{BuildID: f.run.RunKey.ID(), Needs: f.needs, Live: f.live, From: f.begin, To: f.end, RunDurationNS: int64(f.end.Sub(f.begin)), Segments: []Segment{}}
	b := backwards{flow: f, cursor: f.end}
	last := f.last()
	if last == nil {
		b.runAlone()
	} else if last.end.Before(f.end) {
		b.add(segmentGap, nil, last.end, f.end, "after the last job, until the run was closed")
	}
	for j := last; j != nil; j = j.gate {
		b.job(j)
	}
	b.add(segmentGap, nil, f.begin, b.cursor, "before the first job of the path was made")
	slices.Reverse(b.segments)
	for _, s := range b.segments {
		p.SumNS += s.DurationNS
		switch s.Kind {
		case segmentQueue:
			p.QueueNS += s.DurationNS
		case segmentApproval:
			p.ApprovalNS += s.DurationNS
		case segmentRun:
			p.RunNS += s.DurationNS
		default:
			p.GapNS += s.DurationNS
		}
	}
	p.Segments = append(p.Segments, b.segments...)
	diff := time.Duration(p.SumNS - p.RunDurationNS).Abs()
	p.Exact = diff <= time.Second
	return p
}

// last is the job that the run waited for in the end: of those that are at work still the one that began first.
func (f *flow) last() *job {
	var last *job
	for _, j := range f.jobs {
		if !j.ran() {
			continue
		}
		if last == nil || endsBehind(j, last) {
			last = j
		}
	}
	return last
}

func endsBehind(a, b *job) bool {
	if aOpen, bOpen := !a.Status.Finished(), !b.Status.Finished(); aOpen != bOpen {
		return aOpen
	} else if aOpen && !a.queued.Equal(b.queued) {
		return a.queued.Before(b.queued)
	}
	return later(a, b)
}

// critical are the jobs of the path.
func (f *flow) critical() map[*job]bool {
	on := map[*job]bool{}
	for j := f.last(); j != nil; j = j.gate {
		on[j] = true
	}
	return on
}

// backwards writes segments from the end of a run to its beginning. cursor is where the segments end that are still to
// come: nothing is counted twice, whatever the clocks say.
type backwards struct {
	*flow
	cursor   time.Time
	segments []Segment
}

func (b *backwards) add(kind string, j *job, from, to time.Time, reason string) {
	from, to = latest(from, b.begin), earliest(to, b.cursor)
	if !to.After(from) {
		return
	}
	s := Segment{Kind: kind, From: from.UTC(), To: to.UTC(), DurationNS: int64(to.Sub(from)), Reason: reason}
	if j != nil {
		s.TaskID, s.Task, s.Stage = j.ID, j.Name, j.stage
		if j.gate != nil {
			s.GatedBy = j.gate.ID
		}
	}
	b.segments = append(b.segments, s)
	b.cursor = from
}

// job writes a job's run and what came before it, up to the end of its gate.
func (b *backwards) job(j *job) {
	if j.end.Before(b.cursor) { // nobody was at work: the next one hadn't been made
		b.add(segmentGap, nil, j.end, b.cursor, "nothing ran that the next job waited for")
	}
	started := j.StartedAt
	if started.IsZero() {
		started = j.end
	} else {
		b.add(segmentRun, j, started, b.cursor, "")
	}
	gate := latest(b.begin, j.gated())
	from := latest(j.queued, gate)
	if !j.approvalFrom.IsZero() && j.approvalTo.After(j.approvalFrom) {
		b.add(segmentQueue, j, latest(from, j.approvalTo), started, "waited for a runner after the approval")
		b.add(segmentApproval, j, latest(from, j.approvalFrom), j.approvalTo, "waited for a person")
	}
	b.add(segmentQueue, j, from, started, "waited for a runner")
	if j.gate != nil && from.After(gate) {
		b.add(segmentGap, nil, gate, from, "from the end of "+j.gate.Name+" until "+j.Name+" was made")
	}
}

// runAlone is for a run of whose jobs nothing is known: what it says of itself.
func (b *backwards) runAlone() {
	started := b.run.StartedAt
	if started.IsZero() || started.Before(b.begin) {
		started = b.begin
	}
	b.add(segmentRun, nil, started, b.end, "")
	b.add(segmentApproval, nil, started.Add(-b.run.Approval), started, "waited for a person")
	b.add(segmentQueue, nil, b.begin, started, "waited for a runner")
}

// slack is by how much each finished job could have ended later without the run ending later.
func (f *flow) slack() map[*job]time.Duration {
	followers := map[*job][]*job{}
	for _, j := range f.jobs {
		for _, n := range j.needs {
			followers[n] = append(followers[n], j)
		}
	}
	last := f.last()
	out := map[*job]time.Duration{}
	var of func(j *job) time.Duration
	of = func(j *job) time.Duration {
		if s, ok := out[j]; ok {
			return s
		}
		s := max(0, last.end.Sub(j.end))
		for _, next := range followers[j] {
			if next.ran() {
				s = min(s, max(0, next.gated().Sub(j.end))+of(next))
			}
		}
		out[j] = s
		return s
	}
	for _, j := range f.jobs {
		if last != nil && j.ran() && j.Status.Finished() {
			of(j)
		}
	}
	return out
}
