package build

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/envelope"
)

// ScopeName is the instrumentation scope of the spans of CI runs.
const ScopeName = "github.com/summitobs/summit/internal/build"

// actionName is the pipeline action of the conventions; providers don't tell a finer one.
const actionName = "RUN"

// Spans gives the spans of what has finished: the run's root span if the run is one that has finished, a span for each
// finished job and step among tasks and one for a job's wait in the queue. Ids come from the entities alone, so a job that
// is reported before or after its run lands in the same trace. Tests have no spans.
func Spans(run *Run, tasks []*Task) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes(), run)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(ScopeName)
	key := run.TraceKey(run.Attrs[KeyRepoID])
	if !run.Stub && run.Status.Finished() && !run.FinishedAt.IsZero() {
		runSpan(ss.Spans().AppendEmpty(), run, key)
	}
	for _, t := range tasks {
		if !t.Status.Finished() || t.FinishedAt.IsZero() {
			continue
		}
		switch t.Kind {
		case KindJob:
			if from := t.QueuedAt(); !from.IsZero() && t.StartedAt.After(from) {
				queueSpan(ss.Spans().AppendEmpty(), t, key)
			}
			taskSpan(ss.Spans().AppendEmpty(), t, key, key.RootSpanID())
		case KindStep:
			taskSpan(ss.Spans().AppendEmpty(), t, key, key.TaskSpanID(t.ParentID))
		}
	}
	if ss.Spans().Len() == 0 {
		return ptrace.NewTraces()
	}
	return td
}

func resource(attrs pcommon.Map, run *Run) {
	owner, name := cutRepo(run.Repo)
	put(attrs, "service.name", run.Repo)
	put(attrs, envelope.AttrBuildRunRef, run.ID())
	put(attrs, "cicd.pipeline.name", run.Pipeline)
	put(attrs, "vcs.provider.name", run.Provider)
	put(attrs, "vcs.owner.name", owner)
	put(attrs, "vcs.repository.name", name)
	put(attrs, "vcs.ref.head.name", run.Branch)
	put(attrs, "vcs.ref.head.revision", run.CommitSHA)
	if run.Branch != "" {
		put(attrs, "vcs.ref.head.type", "branch")
	}
	if run.Repo != "" && run.Host != "" {
		put(attrs, "vcs.repository.url.full", "https://"+run.Host+"/"+run.Repo)
	}
}

func runSpan(sp ptrace.Span, run *Run, key TraceKey) {
	start := earliest(run.CreatedAt, run.StartedAt)
	if start.IsZero() {
		start = run.FinishedAt
	}
	fill(sp, key, start, run.FinishedAt)
	sp.SetName(strings.TrimSpace(actionName + " " + run.Pipeline))
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetSpanID(key.RootSpanID())
	a := sp.Attributes()
	if first := run.Attrs[KeyFirstFinishedAt]; first != "" && first != FormatTime(run.FinishedAt) {
		// The root span was written when the run ended first. What it was taken up for is a span below it.
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(run.attrTime(KeyFirstFinishedAt)))
		sp.SetKind(ptrace.SpanKindInternal)
		sp.SetParentSpanID(key.RootSpanID())
		sp.SetSpanID(key.ResumedSpanID(run.FinishedAt))
	}
	runAttrs(a, &run.RunKey, run.Pipeline)
	put(a, "cicd.pipeline.action.name", actionName)
	put(a, "cicd.pipeline.run.url.full", run.URL)
	outcome(sp, "cicd.pipeline.result", &run.State)
	if run.PRNumber != 0 {
		put(a, "vcs.change.id", strconv.FormatUint(uint64(run.PRNumber), 10))
	}
	if run.Attempt > 1 {
		prev := key
		prev.Attempt--
		link := sp.Links().AppendEmpty()
		link.SetTraceID(prev.TraceID())
		link.SetSpanID(prev.RootSpanID())
	}
}

func taskSpan(sp ptrace.Span, t *Task, key TraceKey, parent [8]byte) {
	start := t.StartedAt
	if start.IsZero() {
		start = earliest(t.CreatedAt, t.FinishedAt)
	}
	fill(sp, key, start, t.FinishedAt)
	sp.SetName(t.Name)
	sp.SetKind(ptrace.SpanKindInternal)
	sp.SetParentSpanID(parent)
	if t.Kind == KindStep {
		sp.SetSpanID(key.StepSpanID(t.ParentID, t.StepNumber, t.Name))
	} else {
		sp.SetSpanID(key.TaskSpanID(t.ID))
	}
	a := sp.Attributes()
	runAttrs(a, &t.RunKey, t.Pipeline)
	put(a, "cicd.pipeline.task.name", t.Name)
	put(a, "cicd.pipeline.task.run.id", t.ID)
	put(a, "cicd.pipeline.task.run.url.full", t.URL)
	put(a, "cicd.worker.name", t.Runner)
	if old := t.Attrs[KeyRetryOf]; old != "" && t.Kind == KindJob {
		link := sp.Links().AppendEmpty()
		link.SetTraceID(key.TraceID())
		link.SetSpanID(key.TaskSpanID(old))
	}
	outcome(sp, "cicd.pipeline.task.run.result", &t.State)
}

func queueSpan(sp ptrace.Span, t *Task, key TraceKey) {
	// An approval that is reported late mustn't give the span another start.
	fill(sp, key, t.QueuedAt(), t.StartedAt)
	sp.SetName("queue " + t.Name)
	sp.SetKind(ptrace.SpanKindInternal)
	sp.SetParentSpanID(key.RootSpanID())
	sp.SetSpanID(key.QueueSpanID(t.ID))
	a := sp.Attributes()
	runAttrs(a, &t.RunKey, t.Pipeline)
	put(a, "cicd.pipeline.task.name", t.Name)
	put(a, "cicd.pipeline.task.run.id", t.ID)
	put(a, "cicd.pipeline.run.state", "pending")
}

func fill(sp ptrace.Span, key TraceKey, start, end time.Time) {
	sp.SetTraceID(key.TraceID())
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(latest(start, end)))
}

func runAttrs(a pcommon.Map, k *RunKey, pipeline string) {
	put(a, "cicd.pipeline.name", pipeline)
	put(a, "cicd.pipeline.run.id", k.RunID)
}

// outcome sets the result. By the conventions only a failure of any kind is an error of the span, and success stays unset.
func outcome(sp ptrace.Span, attr string, s *State) {
	result := Result(s.Status, s.Attrs[KeyConclusion])
	put(sp.Attributes(), attr, result)
	switch result {
	case ResultFailure, ResultError, ResultTimeout:
		kind := s.Attrs[KeyConclusion]
		if kind == "" {
			kind = result
		}
		put(sp.Attributes(), "error.type", kind)
		sp.Status().SetCode(ptrace.StatusCodeError)
		sp.Status().SetMessage(s.Message)
	}
}

func put(a pcommon.Map, key, value string) {
	if value != "" {
		a.PutStr(key, value)
	}
}

func cutRepo(repo string) (owner, name string) {
	if i := strings.LastIndexByte(repo, '/'); i >= 0 {
		return repo[:i], repo[i+1:]
	}
	return "", repo
}
