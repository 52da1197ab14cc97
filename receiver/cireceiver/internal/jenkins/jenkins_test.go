package jenkins

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wiretest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// add makes a span as the plugin's documentation describes it.
func add(td ptrace.Traces, trace, span byte, name string, from, to int, attrs map[string]any) ptrace.Span {
	if td.ResourceSpans().Len() == 0 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "jenkins")
		rs.Resource().Attributes().PutStr("jenkins.url", "https://ci.acme.io/")
		rs.ScopeSpans().AppendEmpty().Scope().SetName("io.jenkins.opentelemetry")
	}
	sp := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	sp.SetTraceID([16]byte{trace})
	sp.SetSpanID([8]byte{span})
	sp.SetName(name)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(from) * time.Second)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(to) * time.Second)))
	if err := sp.Attributes().FromRaw(attrs); err != nil {
		panic(err)
	}
	return sp
}

func stageSpan(td ptrace.Traces, trace, span byte, id, name string, more map[string]any) ptrace.Span {
	attrs := map[string]any{
		"jenkins.pipeline.step.type": "stage", "jenkins.pipeline.step.id": id, "jenkins.pipeline.step.name": name, "jenkins.computer.name": "agent-7",
	}
	for k, v := range more {
		attrs[k] = v
	}
	return add(td, trace, span, "Stage: "+name, 5, 25, attrs)
}

func rootSpan(td ptrace.Traces, trace byte, result string) ptrace.Span {
	return add(td, trace, 1, "BUILD shop", 0, 60, map[string]any{
		"ci.pipeline.id": "acme/shop/main", "ci.pipeline.name": "shop » main", "ci.pipeline.type": "workflow", "ci.pipeline.run.number": int64(42),
		"ci.pipeline.run.result": result, "ci.pipeline.run.url": "https://ci.acme.io/job/acme/job/shop/job/main/42/", "ci.pipeline.run.user": "ann@acme.io",
		"ci.pipeline.run.cause": []any{"UserIdCause:ann@acme.io"}, "ci.pipeline.run.committers": []any{"bob@acme.io"}, "ci.pipeline.run.durationMillis": int64(60000),
		"git.branch": "main", "git.repository": "https://ann:token@git.acme.io/acme/shop.git", "git.username": "ann",
	})
}

func take(t *testing.T, p Provider, td ptrace.Traces) wire.Parsed {
	t.Helper()
	req := ptraceotlp.NewExportRequestFromTraces(td)
	proto, err := req.MarshalProto()
	require.NoError(t, err)
	h, prob := p.Head(wiretest.Delivery(string(proto), "Content-Type", "application/x-protobuf"))
	require.Nil(t, prob)
	parsed, prob := p.Parse(h, wiretest.Now)
	require.Nil(t, prob)
	require.True(t, parsed.OwnSpans)
	wiretest.NoMail(t, parsed.Events)
	return parsed
}

func TestSpansGetTheNamesOfTheConventions(t *testing.T) {
	td := ptrace.NewTraces()
	rootSpan(td, 1, "FAILURE")
	stageSpan(td, 1, 2, "12", "Test", nil)
	add(td, 1, 3, "sh", 6, 9, map[string]any{"jenkins.pipeline.step.type": "sh", "jenkins.pipeline.step.id": "13", "jenkins.pipeline.step.name": "Shell Script"})
	spans := take(t, New(), td).Spans.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, 3, spans.Len())
	root := spans.At(0).Attributes().AsRaw()
	require.Equal(t, map[string]any{
		"ci.pipeline.id": "acme/shop/main", "ci.pipeline.type": "workflow", "ci.pipeline.run.durationMillis": int64(60000),
		"cicd.pipeline.name": "shop » main", "cicd.pipeline.run.id": "42", "cicd.pipeline.result": "failure", "vcs.ref.head.name": "main",
		"cicd.pipeline.run.url.full": "https://ci.acme.io/job/acme/job/shop/job/main/42/", "ci.pipeline.run.cause": []any{"UserIdCause"},
		"vcs.repository.url.full": "https://git.acme.io/acme/shop.git", envelope.AttrBuildActor: build.HashActor("jenkins", "ci.acme.io", "ann@acme.io"),
	}, root, "no mail address and no password is left")
	require.Equal(t, map[string]any{
		"jenkins.pipeline.step.type": "stage", "cicd.pipeline.task.run.id": "12", "cicd.pipeline.task.name": "Test", "cicd.worker.name": "agent-7",
		"cicd.pipeline.task.run.result": "success",
	}, spans.At(1).Attributes().AsRaw())
	require.Equal(t, pcommon.SpanID{3}, spans.At(2).SpanID())
}

// Stages end before their build, in requests of their own.
func TestBuildsAndStages(t *testing.T) {
	p := New()
	early := ptrace.NewTraces()
	stageSpan(early, 1, 2, "12", "Build", nil)
	failed := stageSpan(early, 1, 3, "20", "Test", nil)
	failed.Status().SetCode(ptrace.StatusCodeError)
	failed.Status().SetMessage("script returned exit code 1")
	stageSpan(early, 9, 4, "12", "Other", nil)
	require.Empty(t, take(t, p, early).Events)

	late := ptrace.NewTraces()
	stageSpan(late, 1, 5, "30", "Report", map[string]any{"jenkins.pipeline.step.interruption.causes": []any{"ExceededTimeout: Timeout has been exceeded"}})
	rootSpan(late, 1, "UNSTABLE")
	events := take(t, p, late).Events
	run := wiretest.Run(t, events)
	require.Equal(t, "jenkins:ci.acme.io:acme/shop/main:42:1", run.ID())
	require.Equal(t, build.StatusFailure, run.Status)
	require.Equal(t, time.Minute, run.Duration)
	require.Equal(t, "main", run.Branch)
	require.Equal(t, "UserIdCause", run.Trigger)
	require.Equal(t, [16]byte{1}, run.TraceID, "the plugin's own trace")
	require.Equal(t, "https://git.acme.io/acme/shop.git", run.Attrs["repository_url"])
	stages := wiretest.Tasks(events, build.KindJob)
	require.Len(t, stages, 3, "the other build's stage isn't among them")
	require.Equal(t, build.StatusSuccess, stages["12"].Status)
	require.Equal(t, build.StatusFailure, stages["20"].Status)
	require.Equal(t, "script returned exit code 1", stages["20"].Message)
	require.Equal(t, build.StatusTimeout, stages["30"].Status)
	require.Equal(t, run.RunKey, stages["20"].RunKey)
	require.Equal(t, "agent-7", stages["20"].Runner)
	require.Equal(t, [8]byte{3}, stages["20"].SpanID)

	again := ptrace.NewTraces()
	rootSpan(again, 1, "UNSTABLE")
	require.Len(t, take(t, p, again).Events, 1, "stages are given once")
}

func TestMemoryOfOpenBuildsIsBounded(t *testing.T) {
	p := Provider{open: newPending(3)}
	td := ptrace.NewTraces()
	for i := range byte(5) {
		stageSpan(td, i+1, i+10, fmt.Sprint(i), "s", nil)
	}
	require.Equal(t, 2, take(t, p, td).Dropped)
	require.Len(t, p.open.traces, 3)
	one := newPending(1)
	for range maxStages {
		require.True(t, one.add(stage{task: &build.Task{}}))
	}
	require.False(t, one.add(stage{task: &build.Task{}}))
	require.Len(t, one.take(pcommon.TraceID{}), maxStages)
	require.Empty(t, one.take(pcommon.TraceID{}))
}

func TestResults(t *testing.T) {
	for result, want := range map[string]string{
		"SUCCESS": "success", "success": "success", "FAILURE": "failure", "UNSTABLE": "failure", "ABORTED": "cancellation", "NOT_BUILT": "skip", "?": "",
	} {
		s, r := resultOf(result)
		require.Equal(t, want, r)
		require.Equal(t, want, build.Result(s, r))
	}
}

func TestHeadAnswerAndRefusals(t *testing.T) {
	p := New()
	_, prob := p.Head(wiretest.Delivery("", "Content-Type", "text/plain"))
	require.Equal(t, 415, prob.Status)
	require.Contains(t, prob.Allowed, "application/x-protobuf")
	kind, body := p.Answer(wiretest.Delivery("", "Content-Type", "application/x-protobuf"))
	require.Equal(t, "application/x-protobuf", kind)
	require.Empty(t, body)
	kind, body = p.Answer(wiretest.Delivery("", "Content-Type", "application/json"))
	require.Equal(t, "application/json", kind)
	require.JSONEq(t, `{}`, string(body))
	for _, kind := range []string{"application/x-protobuf", "application/json"} {
		h, prob := p.Head(wiretest.Delivery("\xff", "Content-Type", kind))
		require.Nil(t, prob)
		_, prob = p.Parse(h, wiretest.Now)
		require.Equal(t, 400, prob.Status)
	}
	require.NoError(t, p.Verify(wiretest.Delivery("", "Authorization", "Bearer s"), [][]byte{[]byte("s")}))
	require.Error(t, p.Verify(wiretest.Delivery(""), [][]byte{[]byte("s")}))
}

func FuzzJenkins(f *testing.F) {
	td := ptrace.NewTraces()
	rootSpan(td, 1, "SUCCESS")
	stageSpan(td, 1, 2, "12", "Build", nil)
	proto, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(f, err)
	f.Add(proto)
	f.Fuzz(func(t *testing.T, b []byte) {
		p := New()
		parsed, prob := p.Parse(wire.Head{Event: event, Payload: b, Format: wire.Protobuf}, wiretest.Now)
		if prob != nil {
			require.Equal(t, 400, prob.Status)
			return
		}
		for _, ev := range parsed.Events {
			build.Graph(ev)
		}
	})
}
