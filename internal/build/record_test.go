package build

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/envelope"
)

// The names are those of the conventions wherever these have one.
func TestRecordNames(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ev    Event
		event string
		want  map[string]any
	}{
		{
			name: "run", event: "summit.build.run",
			ev: &Run{RunKey: key("7", 2), State: State{Pipeline: "CI", Branch: "main", CommitSHA: "abc", URL: "u", PRNumber: 3, Status: StatusRunning}},
			want: map[string]any{
				"summit.build.provider": "github", "summit.build.host": "github.com", "summit.build.repo": "acme/shop", "cicd.pipeline.run.id": "7",
				"summit.build.attempt": int64(2), "cicd.pipeline.name": "CI", "vcs.ref.head.name": "main", "vcs.ref.head.revision": "abc",
				"cicd.pipeline.run.url.full": "u", "vcs.change.id": int64(3), "summit.build.status": "running",
			},
		},
		{
			name: "job", event: "summit.build.task",
			ev: &Task{RunKey: RunKey{RunID: "7"}, ID: "77", Kind: KindJob, Runner: "r", State: State{Name: "test", URL: "u"}},
			want: map[string]any{
				"cicd.pipeline.run.id": "7", "cicd.pipeline.task.run.id": "77", "summit.build.kind": "job", "cicd.pipeline.task.name": "test",
				"cicd.pipeline.task.run.url.full": "u", "cicd.worker.name": "r",
			},
		},
		{
			name: "test case", event: "summit.build.task",
			ev: &Task{ID: "t", Kind: KindTestCase, Flaky: true, State: State{Name: "adds", Attrs: map[string]string{KeySuite: "unit"}}},
			want: map[string]any{
				"cicd.pipeline.task.run.id": "t", "summit.build.kind": "test_case", "test.case.name": "adds", "summit.build.flaky": true,
				"summit.build.attr.suite": "unit",
			},
		},
		{
			name: "artifact", event: "summit.build.artifact",
			ev: &Artifact{Digest: "sha256:a", Name: "shop", ArtifactVersion: "1", Service: "shop", CommitSHA: "abc"},
			want: map[string]any{
				"artifact.hash": "sha256:a", "artifact.filename": "shop", "artifact.version": "1", "service.name": "shop", "vcs.ref.head.revision": "abc",
			},
		},
		{
			name: "deployment", event: "summit.build.deployment",
			ev: &Deployment{DeploymentID: "1", Environment: "production", Service: "shop", ServiceVersion: "1", Digests: []string{"sha256:a"}, Basis: envelope.BasisDigest},
			want: map[string]any{
				"deployment.id": "1", "deployment.environment.name": "production", "service.name": "shop", "service.version": "1",
				"summit.build.digests": []any{"sha256:a"}, "summit.build.basis": "digest",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lr := plog.NewLogRecord()
			AppendTo(tc.ev, lr)
			require.Equal(t, tc.event, lr.EventName())
			require.Equal(t, tc.want, lr.Attributes().AsRaw())
		})
	}
}

func TestRecordHead(t *testing.T) {
	lr := plog.NewLogRecord()
	AppendTo(&Run{RunKey: key("7", 2), State: State{UpdatedAt: at(5), TraceID: [16]byte{1}, SpanID: [8]byte{2}, Status: StatusSuccess}}, lr)
	require.Equal(t, at(5), lr.Timestamp().AsTime())
	require.Equal(t, [16]byte{1}, [16]byte(lr.TraceID()))
	require.Equal(t, [8]byte{2}, [8]byte(lr.SpanID()))
	require.Equal(t, "run github:github.com:acme/shop:7:2 success", lr.Body().Str())
}

func TestFromLogRecordNamesWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name string
		ev   Event
		edit func(plog.LogRecord)
		err  string
	}{
		{"digests", &Deployment{}, func(lr plog.LogRecord) {
			lr.Attributes().PutEmptySlice(envelope.AttrBuildDigests).AppendEmpty().SetInt(1)
		}, "holds a value of type Int"},
		{"digests as text", &Deployment{}, func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildDigests, "x") }, "summit.build.digests: is Str, want Slice"},
		{"basis", &Deployment{}, func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildBasis, "x") }, `summit.build.basis: "x": want one of none, digest`},
		{"fingerprint", &Task{}, func(lr plog.LogRecord) {
			lr.Attributes().PutEmptyBytes(envelope.AttrBuildErrorFP).FromRaw([]byte{1})
		}, "summit.build.error_fp: has 1 bytes, want 16"},
		{"flag", &Task{}, func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildFlaky, "yes") }, "summit.build.flaky: is Str, want Bool"},
		{"cost", &Run{}, func(lr plog.LogRecord) { lr.Attributes().PutInt(envelope.AttrBuildCostUSD, 1) }, "summit.build.cost_usd: is Int, want Double"},
		{"time", &Commit{}, func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildCreatedAt, "now") }, "summit.build.created_at: is Str, want Int"},
		{"digest", &Artifact{}, func(lr plog.LogRecord) { lr.Attributes().PutEmptyMap("artifact.hash") }, "artifact.hash: is Map, want Str"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lr := plog.NewLogRecord()
			AppendTo(tc.ev, lr)
			tc.edit(lr)
			_, ok, err := FromLogRecord(lr)
			require.True(t, ok)
			require.ErrorContains(t, err, tc.err)
		})
	}
}

func FuzzFromLogRecord(f *testing.F) {
	for _, ev := range []Event{&Run{RunKey: key("7", 1)}, &Task{Kind: KindStep}, &Artifact{Digest: "x"}, &Deployment{Digests: []string{"x"}}, &Commit{SHA: "x"}} {
		ld := plog.NewLogs()
		AppendTo(ev, ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					ev, ok, err := FromLogRecord(lr)
					if ok && err == nil {
						Graph(ev)
						RowOf(ev)
					}
				}
			}
		}
	})
}
