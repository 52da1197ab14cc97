package jenkins

import (
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// names are the plugin's names of what the conventions name too.
var names = map[string]string{
	"ci.pipeline.name":           "cicd.pipeline.name",
	"ci.pipeline.run.number":     "cicd.pipeline.run.id",
	"ci.pipeline.run.url":        "cicd.pipeline.run.url.full",
	"ci.pipeline.run.result":     "cicd.pipeline.result",
	"ci.pipeline.agent.id":       "cicd.worker.id",
	"ci.pipeline.agent.name":     "cicd.worker.name",
	"jenkins.computer.name":      "cicd.worker.name",
	"jenkins.pipeline.step.name": "cicd.pipeline.task.name",
	"jenkins.pipeline.step.id":   "cicd.pipeline.task.run.id",
	"git.branch":                 "vcs.ref.head.name",
	"git.repository":             "vcs.repository.url.full",
}

// people are the attributes that name somebody.
var people = map[string]bool{"ci.pipeline.run.user": true, "ci.pipeline.run.committers": true, "git.username": true}

// resultOf reads Jenkins' result of a build.
func resultOf(result string) (build.Status, string) {
	switch strings.ToUpper(result) {
	case "SUCCESS":
		return build.StatusSuccess, build.ResultSuccess
	case "FAILURE", "UNSTABLE":
		return build.StatusFailure, build.ResultFailure
	case "ABORTED":
		return build.StatusCancelled, build.ResultCancellation
	case "NOT_BUILT", "NOT_BUILD":
		return build.StatusSkipped, build.ResultSkip
	default:
		return build.StatusUnknown, ""
	}
}

// translator works through the spans of one request.
type translator struct {
	open *pending
	// runs are the builds that ended in this request, by trace.
	runs    map[pcommon.TraceID]*build.Run
	order   []pcommon.TraceID
	stages  []stage
	dropped int
}

// stage is a span of a stage, and the trace that it belongs to.
type stage struct {
	trace pcommon.TraceID
	task  *build.Task
}

func (t *translator) resource(rs ptrace.ResourceSpans) {
	host := wire.Host(text(rs.Resource().Attributes(), "jenkins.url"), "jenkins")
	for _, ss := range rs.ScopeSpans().All() {
		for _, sp := range ss.Spans().All() {
			t.span(host, sp)
		}
	}
}

func (t *translator) span(host string, sp ptrace.Span) {
	a := sp.Attributes()
	switch {
	case text(a, "ci.pipeline.id") != "" && text(a, "ci.pipeline.run.result") != "":
		if t.runs == nil {
			t.runs = make(map[pcommon.TraceID]*build.Run)
		}
		t.runs[sp.TraceID()] = runOf(host, sp)
		t.order = append(t.order, sp.TraceID())
	case text(a, "jenkins.pipeline.step.type") == "stage":
		t.stages = append(t.stages, stage{sp.TraceID(), stageOf(sp)})
	}
	if text(a, "jenkins.pipeline.step.id") != "" {
		s := stageOf(sp)
		a.PutStr("cicd.pipeline.task.run.result", build.Result(s.Status, ""))
	}
	translate(host, a)
}

// translate gives the attributes the names of the conventions. Who started or wrote something becomes a pseudonym.
func translate(host string, a pcommon.Map) {
	if user := text(a, "ci.pipeline.run.user"); user != "" {
		a.PutStr(envelope.AttrBuildActor, build.HashActor(build.ProviderJenkins, host, user))
	}
	for from, to := range names {
		v, ok := a.Get(from)
		if !ok {
			continue
		}
		value := v.AsString()
		switch from {
		case "ci.pipeline.run.result":
			_, value = resultOf(value)
		case "git.repository":
			value = plainURL(value)
		}
		if value != "" {
			a.PutStr(to, value)
		}
	}
	if v, ok := a.Get("ci.pipeline.run.cause"); ok && v.Type() == pcommon.ValueTypeSlice {
		for _, c := range v.Slice().All() {
			kind, _, _ := strings.Cut(c.AsString(), ":")
			c.SetStr(kind)
		}
	}
	a.RemoveIf(func(k string, _ pcommon.Value) bool { return names[k] != "" || people[k] })
}

// runOf is the build that a root span tells of. Its id is its number, which counts within the job that stands for the
// repository.
func runOf(host string, sp ptrace.Span) *build.Run {
	a := sp.Attributes()
	status, result := resultOf(text(a, "ci.pipeline.run.result"))
	page := text(a, "ci.pipeline.run.url")
	if host == "jenkins" {
		host = wire.Host(page, host)
	}
	s := build.State{
		Pipeline: wire.Or(text(a, "ci.pipeline.name"), text(a, "ci.pipeline.id")), Name: wire.FirstLine(text(a, "ci.pipeline.run.description")),
		Branch: text(a, "git.branch"), Trigger: cause(a), ActorHash: build.HashActor(build.ProviderJenkins, host, text(a, "ci.pipeline.run.user")),
		CreatedAt: sp.StartTimestamp().AsTime(), StartedAt: sp.StartTimestamp().AsTime(), FinishedAt: sp.EndTimestamp().AsTime(),
		UpdatedAt: sp.EndTimestamp().AsTime(), Status: status, URL: page, TraceID: sp.TraceID(), SpanID: sp.SpanID(),
		Attrs: wire.Attrs(build.KeyConclusion, result, build.KeyRunNumber, text(a, "ci.pipeline.run.number"), "repository_url", plainURL(text(a, "git.repository"))),
	}
	if status == build.StatusFailure {
		s.Message = wire.Cut(sp.Status().Message(), wire.MaxMessage)
	}
	s.Version = build.VersionOf(status.Rank(), s.UpdatedAt)
	s.Derive()
	return &build.Run{
		RunKey: build.RunKey{
			Provider: build.ProviderJenkins, Host: host, Repo: wire.Name(text(a, "ci.pipeline.id")), RunID: text(a, "ci.pipeline.run.number"), Attempt: 1,
		},
		State: s,
	}
}

// stageOf is a job of a build that isn't known yet.
func stageOf(sp ptrace.Span) *build.Task {
	a := sp.Attributes()
	s := build.State{
		Name: strings.TrimPrefix(wire.Or(text(a, "jenkins.pipeline.step.name"), sp.Name()), "Stage: "), CreatedAt: sp.StartTimestamp().AsTime(),
		StartedAt: sp.StartTimestamp().AsTime(), FinishedAt: sp.EndTimestamp().AsTime(), UpdatedAt: sp.EndTimestamp().AsTime(),
		Status: build.StatusSuccess, TraceID: sp.TraceID(), SpanID: sp.SpanID(),
	}
	causes := text(a, "jenkins.pipeline.step.interruption.causes")
	switch {
	case strings.Contains(causes, "ExceededTimeout"):
		s.Status = build.StatusTimeout
	case causes != "":
		s.Status = build.StatusCancelled
	case sp.Status().Code() == ptrace.StatusCodeError:
		s.Status = build.StatusFailure
	}
	if s.Status != build.StatusSuccess {
		s.Message = wire.Cut(sp.Status().Message(), wire.MaxMessage)
	}
	s.Version = build.VersionOf(s.Status.Rank(), s.UpdatedAt)
	s.Derive()
	id := wire.Or(text(a, "jenkins.pipeline.step.id"), sp.SpanID().String())
	return &build.Task{ID: strings.ReplaceAll(id, "/", "_"), Kind: build.KindJob, State: s, Runner: text(a, "jenkins.computer.name")}
}

// events are the builds that ended with all their stages; stages of builds that go on are kept for later.
func (t *translator) events() []build.Event {
	for _, st := range t.stages {
		if !t.open.add(st) {
			t.dropped++
		}
	}
	var out []build.Event
	for _, trace := range t.order {
		run := t.runs[trace]
		if run.RunID == "" {
			continue
		}
		out = append(out, run)
		for _, task := range t.open.take(trace) {
			task.RunKey, task.Pipeline, task.Branch = run.RunKey, run.Pipeline, run.Branch
			out = append(out, task)
		}
	}
	return out
}

func text(a pcommon.Map, key string) string {
	v, ok := a.Get(key)
	if !ok || v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() == 0 {
		return ""
	}
	return v.AsString()
}

// cause is the kind of the first cause of a build, without what follows the colon, which may name somebody.
func cause(a pcommon.Map) string {
	v, ok := a.Get("ci.pipeline.run.cause")
	if !ok || v.Type() != pcommon.ValueTypeSlice || v.Slice().Len() == 0 {
		return ""
	}
	kind, _, _ := strings.Cut(v.Slice().At(0).AsString(), ":")
	return kind
}

// plainURL drops the password that a repository's address may hold.
func plainURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	u.User = nil
	return u.String()
}
