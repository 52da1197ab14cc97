package build

import (
	"maps"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/envelope"
)

// Merge joins two states of one run. It doesn't matter which came first: what moves (status, result, times of the end)
// follows the higher version, what stays is filled from either, the earliest creation and start are kept. Nil is no state.
func (r *Run) Merge(o *Run) *Run {
	if r == nil || o == nil {
		return clone(firstOf(r, o))
	}
	out := clone(r)
	out.State = mergeState(&r.State, &o.State)
	return out
}

// Merge joins two states of one task, see Run.Merge.
func (t *Task) Merge(o *Task) *Task {
	if t == nil || o == nil {
		return clone(firstOf(t, o))
	}
	hi, lo := t, o
	if stateLess(&t.State, &o.State) {
		hi, lo = o, t
	}
	out := clone(hi)
	out.State = mergeState(&t.State, &o.State)
	out.ParentID = either(hi.ParentID, lo.ParentID)
	out.Kind = TaskKind(either(string(hi.Kind), string(lo.Kind)))
	out.Flaky = hi.Flaky || lo.Flaky
	out.Retries = max(hi.Retries, lo.Retries)
	out.ErrorFP = either(hi.ErrorFP, lo.ErrorFP)
	out.Runner = either(hi.Runner, lo.Runner)
	out.RunnerClass = either(hi.RunnerClass, lo.RunnerClass)
	out.CPUSeconds = either(hi.CPUSeconds, lo.CPUSeconds)
	out.MemPeakBytes = either(hi.MemPeakBytes, lo.MemPeakBytes)
	out.CacheHit = either(hi.CacheHit, lo.CacheHit)
	out.StepNumber = either(hi.StepNumber, lo.StepNumber)
	return out
}

// Merge joins two reports of one artifact by one run.
func (a *Artifact) Merge(o *Artifact) *Artifact {
	if a == nil || o == nil {
		return clone(firstOf(a, o))
	}
	hi, lo := a, o
	if a.Version < o.Version || a.Version == o.Version && a.CommitSHA+a.Name+a.ArtifactVersion < o.CommitSHA+o.Name+o.ArtifactVersion {
		hi, lo = o, a
	}
	out := clone(hi)
	out.TaskID = either(hi.TaskID, lo.TaskID)
	out.Name = either(hi.Name, lo.Name)
	out.ArtifactVersion = either(hi.ArtifactVersion, lo.ArtifactVersion)
	out.Service = either(hi.Service, lo.Service)
	out.CommitSHA = either(hi.CommitSHA, lo.CommitSHA)
	out.Branch = either(hi.Branch, lo.Branch)
	out.CreatedAt = earliest(hi.CreatedAt, lo.CreatedAt)
	out.UpdatedAt = latest(hi.UpdatedAt, lo.UpdatedAt)
	out.URL = either(hi.URL, lo.URL)
	out.TraceID = either(hi.TraceID, lo.TraceID)
	out.Attrs = mergeAttrs(hi.Attrs, lo.Attrs)
	return out
}

// Merge joins two states of one deployment of one service, see Run.Merge.
func (d *Deployment) Merge(o *Deployment) *Deployment {
	if d == nil || o == nil {
		return clone(firstOf(d, o))
	}
	hi, lo := d, o
	if d.Version < o.Version || d.Version == o.Version && d.Status < o.Status {
		hi, lo = o, d
	}
	out := clone(hi)
	out.Environment = either(hi.Environment, lo.Environment)
	out.ServiceVersion = either(hi.ServiceVersion, lo.ServiceVersion)
	out.CommitSHA = either(hi.CommitSHA, lo.CommitSHA)
	out.PreviousCommit = either(hi.PreviousCommit, lo.PreviousCommit)
	out.BuildRunID = either(hi.BuildRunID, lo.BuildRunID)
	out.Basis = strongest(hi, lo)
	out.Digests = union(hi.Digests, lo.Digests)
	out.CreatedAt = earliest(hi.CreatedAt, lo.CreatedAt)
	out.StartedAt = earliest(hi.StartedAt, lo.StartedAt)
	out.FinishedAt = finishedAt(hi, lo)
	out.UpdatedAt = latest(hi.UpdatedAt, lo.UpdatedAt)
	out.ApprovedBy = either(hi.ApprovedBy, lo.ApprovedBy)
	out.Creator = either(hi.Creator, lo.Creator)
	out.URL = either(hi.URL, lo.URL)
	out.RollbackOf = either(hi.RollbackOf, lo.RollbackOf)
	out.Attrs = mergeAttrs(hi.Attrs, lo.Attrs)
	return out
}

func mergeState(a, b *State) State {
	hi, lo := a, b
	if stateLess(a, b) {
		hi, lo = b, a
	}
	out := *hi
	out.Pipeline = either(hi.Pipeline, lo.Pipeline)
	out.Name = either(hi.Name, lo.Name)
	out.Branch = either(hi.Branch, lo.Branch)
	out.CommitSHA = either(hi.CommitSHA, lo.CommitSHA)
	out.Trigger = either(hi.Trigger, lo.Trigger)
	out.ActorHash = either(hi.ActorHash, lo.ActorHash)
	out.PRNumber = either(hi.PRNumber, lo.PRNumber)
	out.CreatedAt = earliest(hi.CreatedAt, lo.CreatedAt)
	out.StartedAt = earliest(hi.StartedAt, lo.StartedAt)
	out.UpdatedAt = latest(hi.UpdatedAt, lo.UpdatedAt)
	out.Message = either(hi.Message, lo.Message)
	out.URL = either(hi.URL, lo.URL)
	out.CostUSD = either(hi.CostUSD, lo.CostUSD)
	out.TraceID = either(hi.TraceID, lo.TraceID)
	out.SpanID = either(hi.SpanID, lo.SpanID)
	out.Stub = hi.Stub && lo.Stub
	out.Attrs = mergeAttrs(hi.Attrs, lo.Attrs)
	out.Queued = either(hi.Queued, lo.Queued)
	out.Approval = either(hi.Approval, lo.Approval)
	if out.Duration == 0 && (hi.Stub || hi.Status.Finished()) {
		out.Duration = lo.Duration
	}
	switch {
	case lo.Stub && !hi.Stub:
		// A stub bears the times of what pointed to it.
		out.CreatedAt, out.StartedAt, out.UpdatedAt = hi.CreatedAt, hi.StartedAt, hi.UpdatedAt
	case hi.Stub:
		out.UpdatedAt = earliest(hi.UpdatedAt, lo.UpdatedAt)
	}
	out.Derive()
	return out
}

// Derive computes the spans of time from the times, where those are known: the queue is the wait for the start less the
// wait for an approval.
func (s *State) Derive() {
	since, approved := s.attrTime(KeyWaitingSince), s.attrTime(KeyApprovedAt)
	from, inQueue := s.QueuedAt(), time.Duration(0)
	if !since.IsZero() && approved.After(since) {
		s.Approval = approved.Sub(since)
		// The part of the wait for the approval that the queue would count too.
		inQueue = max(0, approved.Sub(latest(since, from)))
	}
	if !from.IsZero() && !s.StartedAt.IsZero() {
		s.Queued = max(0, s.StartedAt.Sub(from)-inQueue)
	}
	if !s.FinishedAt.IsZero() && !s.StartedAt.IsZero() {
		s.Duration = max(0, s.FinishedAt.Sub(s.StartedAt))
	}
}

// QueuedAt is since when the run or task can start, but for an approval: what the provider says, or its creation.
func (s *State) QueuedAt() time.Time {
	if t := s.attrTime(KeyQueuedAt); !t.IsZero() {
		return t
	}
	return s.CreatedAt
}

// FormatTime writes a time for Attrs, in a form whose order as text is the order in time.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (s *State) attrTime(key string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s.Attrs[key])
	if err != nil {
		return time.Time{}
	}
	return t
}

// stateLess orders states: a stub below anything else, then by version, then by what differs in a tie.
func stateLess(a, b *State) bool {
	switch {
	case a.Stub != b.Stub:
		return a.Stub
	case a.Version != b.Version:
		return a.Version < b.Version
	case a.Status != b.Status:
		return a.Status < b.Status
	default:
		return a.Message+a.Name < b.Message+b.Name
	}
}

// finishedAt keeps the end of the roll-out when a later state (inactive) has no time for it.
func finishedAt(hi, lo *Deployment) time.Time {
	if hi.Status.Rank() < 40 || lo.Status.Rank() < 30 {
		return hi.FinishedAt
	}
	return latest(hi.FinishedAt, lo.FinishedAt)
}

// strongest is the better evidence of the two for the build run that is kept.
func strongest(hi, lo *Deployment) envelope.Basis {
	switch {
	case hi.Basis == envelope.BasisNone || hi.BuildRunID == "" && lo.BuildRunID != "":
		return lo.Basis
	case lo.Basis == envelope.BasisNone || hi.BuildRunID != "" && lo.BuildRunID != hi.BuildRunID:
		return hi.Basis
	default:
		return min(hi.Basis, lo.Basis)
	}
}

// earliestKeys are times of which the first report counts; of all others the one with the higher version.
var earliestKeys = []string{KeyWaitingSince, KeyApprovedAt, KeySucceededAt, KeyFirstFinishedAt}

func mergeAttrs(hi, lo map[string]string) map[string]string {
	if len(hi) == 0 && len(lo) == 0 {
		return nil
	}
	out := make(map[string]string, len(hi)+len(lo))
	maps.Copy(out, lo)
	maps.Copy(out, hi)
	for _, k := range earliestKeys {
		if a, b := hi[k], lo[k]; a != "" && b != "" {
			out[k] = min(a, b)
		}
	}
	if a, b := hi[KeyLastFinishedAt], lo[KeyLastFinishedAt]; a != "" && b != "" {
		out[KeyLastFinishedAt] = max(a, b)
	}
	if a, b := hi[KeyRetryOf], lo[KeyRetryOf]; a != "" && LessID(a, b) {
		out[KeyRetryOf] = b
	}
	return out
}

func clone[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

func firstOf[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func either[T comparable](hi, lo T) T {
	var zero T
	if hi != zero {
		return hi
	}
	return lo
}

func union(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
