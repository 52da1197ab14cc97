package build

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/envelope"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(run string, attempt uint16) RunKey {
	return RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: run, Attempt: attempt}
}

func at(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }

func TestRunIDRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name string
		key  RunKey
		id   string
	}{
		{name: "plain", key: key("4711", 2), id: "github:github.com:acme/shop:4711:2"},
		{name: "host with port", key: RunKey{"ci", "ci.local:8443", "a/b", "x", 1}, id: "ci:ci.local:8443:a/b:x:1"},
		{name: "no host", key: RunKey{"ci", "", "a", "x", 1}, id: "ci::a:x:1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.id, tc.key.ID())
			got, ok := ParseRunID(tc.id)
			require.True(t, ok)
			require.Equal(t, tc.key, got)
		})
	}
	for _, bad := range []string{"", "github", "github:github.com:acme/shop:4711", "github:h:r:1:x", "github:h:r:1:70000", ":h:r:1:1", "p:h::1:1"} {
		_, ok := ParseRunID(bad)
		require.False(t, ok, bad)
	}
}

// The wanted values were computed by another program from the published formula.
func TestIDsFollowTheFormula(t *testing.T) {
	k := TraceKey{Provider: "github", Host: "github.com", RepoID: "186853002", RunID: "289782451", Attempt: 1}
	trace, root, task := k.TraceID(), k.RootSpanID(), k.TaskSpanID("77")
	step, queue, jobQueue := k.StepSpanID("77", 3, "Run tests"), k.QueueSpanID(""), k.QueueSpanID("77")
	require.Equal(t, "8606d453f59d92a8e988c11fd3edfc4a", hex.EncodeToString(trace[:]))
	require.Equal(t, "8b24eb4bd6de97d0", hex.EncodeToString(root[:]))
	require.Equal(t, "3ffc8cd84e7a248e", hex.EncodeToString(task[:]))
	require.Equal(t, "f34509aa08039322", hex.EncodeToString(step[:]))
	require.Equal(t, "1b86b9f091ccfec1", hex.EncodeToString(queue[:]))
	require.Equal(t, "c8e8eb61a002fd94", hex.EncodeToString(jobQueue[:]))
}

func TestIDsAreDistinct(t *testing.T) {
	base := TraceKey{Provider: "github", Host: "github.com", RepoID: "1", RunID: "1234", Attempt: 5}
	seen := map[[16]byte]string{}
	for name, k := range map[string]TraceKey{
		"base": base, "attempt in run": {"github", "github.com", "1", "123", 45},
		"host": {"github", "ghes.local", "1", "1234", 5}, "provider": {"gitlab", "github.com", "1", "1234", 5},
		"repo": {"github", "github.com", "11", "234", 5}, "attempt": {"github", "github.com", "1", "1234", 6},
	} {
		id := k.TraceID()
		require.Empty(t, seen[id], name)
		seen[id] = name
	}
	spans := map[[8]byte]bool{
		base.RootSpanID(): true, base.QueueSpanID(""): true, base.QueueSpanID("1"): true, base.TaskSpanID("1"): true,
		base.StepSpanID("1", 1, "x"): true, base.StepSpanID("1", 2, "x"): true, base.StepSpanID("1", 1, "y"): true, base.StepSpanID("11", 1, "x"): true,
	}
	require.Len(t, spans, 8)
}

func TestVersionOrder(t *testing.T) {
	queued := VersionOf(StatusQueued.Rank(), at(100))
	running := VersionOf(StatusRunning.Rank(), at(50))
	done := VersionOf(StatusFailure.Rank(), at(0))
	require.Less(t, queued, running)
	require.Less(t, running, done)
	require.Less(t, done, VersionOf(30, at(1)))
	require.Equal(t, uint64(10)<<56, VersionOf(10, time.Time{}))
	require.Greater(t, VersionOf(DeployInactive.Rank(), at(0)), VersionOf(DeploySuccess.Rank(), at(9)))
}

func TestResults(t *testing.T) {
	for _, tc := range []struct {
		status     Status
		conclusion string
		want       string
	}{
		{StatusSuccess, "neutral", "success"},
		{StatusFailure, "failure", "failure"},
		{StatusFailure, "startup_failure", "error"},
		{StatusCancelled, "", "cancellation"},
		{StatusSkipped, "", "skip"},
		{StatusTimeout, "timed_out", "timeout"},
		{StatusRunning, "", ""},
		{StatusWaiting, "action_required", ""},
	} {
		require.Equal(t, tc.want, Result(tc.status, tc.conclusion), tc.status.String())
	}
}

func TestStatusNames(t *testing.T) {
	for i, n := range StatusNames() {
		s, err := ParseStatus(n)
		require.NoError(t, err)
		require.Equal(t, Status(i), s)
		require.Equal(t, n, s.String())
	}
	for i, n := range DeployStatusNames() {
		s, err := ParseDeployStatus(n)
		require.NoError(t, err)
		require.Equal(t, DeployStatus(i), s)
		require.Equal(t, n, s.String())
	}
	_, err := ParseStatus("done")
	require.ErrorContains(t, err, `"done": want one of unknown, success`)
	require.Equal(t, "unknown", Status(200).String())
}

func word() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z/:.é]{1,12}`))
}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "unset") {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, "ns")).UTC()
	})
}

func genAttrs(t *rapid.T) map[string]string {
	m := rapid.MapOfN(rapid.StringMatching(`[a-z_.]{1,8}`), rapid.String(), 0, 4).Draw(t, "attrs")
	if len(m) == 0 {
		return nil
	}
	return m
}

func genKey(t *rapid.T) RunKey {
	return RunKey{word().Draw(t, "provider"), word().Draw(t, "host"), word().Draw(t, "repo"), word().Draw(t, "run"), rapid.Uint16().Draw(t, "attempt")}
}

func genState(t *rapid.T) State {
	dur := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Min(0).Draw(t, "dur")) })
	s := State{
		Pipeline: word().Draw(t, "pipeline"), Name: word().Draw(t, "name"), Branch: word().Draw(t, "branch"), CommitSHA: word().Draw(t, "sha"),
		Trigger: word().Draw(t, "trigger"), ActorHash: word().Draw(t, "actor"), PRNumber: rapid.Uint32().Draw(t, "pr"),
		CreatedAt: genTime().Draw(t, "created"), StartedAt: genTime().Draw(t, "started"), FinishedAt: genTime().Draw(t, "finished"),
		UpdatedAt: genTime().Draw(t, "updated"), Queued: dur.Draw(t, "queued"), Approval: dur.Draw(t, "approval"), Duration: dur.Draw(t, "duration"),
		Status: Status(rapid.IntRange(0, 8).Draw(t, "status")), Message: rapid.String().Draw(t, "message"), URL: word().Draw(t, "url"),
		CostUSD: rapid.Float64().Draw(t, "cost"), Stub: rapid.Bool().Draw(t, "stub"), Attrs: genAttrs(t), Version: rapid.Uint64().Draw(t, "version"),
	}
	copy(s.TraceID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace"))
	copy(s.SpanID[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "span"))
	return s
}

func genEvent() *rapid.Generator[Event] {
	return rapid.Custom(func(t *rapid.T) Event {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return &Run{RunKey: genKey(t), State: genState(t)}
		case 1:
			task := &Task{
				RunKey: genKey(t), ID: word().Draw(t, "id"), ParentID: word().Draw(t, "parent"), Kind: rapid.SampledFrom(TaskKinds).Draw(t, "kind"),
				State: genState(t), Flaky: rapid.Bool().Draw(t, "flaky"), Retries: rapid.Uint16().Draw(t, "retries"), Runner: word().Draw(t, "runner"),
				RunnerClass: word().Draw(t, "class"), CPUSeconds: rapid.Float64().Draw(t, "cpu"), MemPeakBytes: rapid.Uint64().Draw(t, "mem"),
				CacheHit: CacheHit(rapid.IntRange(0, 2).Draw(t, "cache")), StepNumber: rapid.Uint32().Draw(t, "step"),
			}
			copy(task.ErrorFP[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "fp"))
			return task
		case 2:
			a := &Artifact{
				RunKey: genKey(t), Digest: word().Draw(t, "digest"), TaskID: word().Draw(t, "task"), Name: word().Draw(t, "name"),
				ArtifactVersion: word().Draw(t, "av"), Service: word().Draw(t, "service"), CommitSHA: word().Draw(t, "sha"), Branch: word().Draw(t, "branch"),
				CreatedAt: genTime().Draw(t, "created"), UpdatedAt: genTime().Draw(t, "updated"), URL: word().Draw(t, "url"), Attrs: genAttrs(t),
				Version: rapid.Uint64().Draw(t, "version"),
			}
			copy(a.TraceID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "trace"))
			return a
		case 3:
			return genDeployment(t)
		case 4:
			return genChange(t)
		case 5:
			return &Release{
				Provider: word().Draw(t, "provider"), Host: word().Draw(t, "host"), Repo: word().Draw(t, "repo"), Tag: word().Draw(t, "tag"),
				Name: rapid.String().Draw(t, "name"), CommitSHA: word().Draw(t, "sha"), Branch: word().Draw(t, "branch"), URL: word().Draw(t, "url"),
				Draft: rapid.Bool().Draw(t, "draft"), Prerelease: rapid.Bool().Draw(t, "pre"), CreatedAt: genTime().Draw(t, "created"),
				PublishedAt: genTime().Draw(t, "published"), UpdatedAt: genTime().Draw(t, "updated"), Attrs: genAttrs(t), Version: rapid.Uint64().Draw(t, "version"),
			}
		default:
			return &Commit{
				Provider: word().Draw(t, "provider"), Host: word().Draw(t, "host"), Repo: word().Draw(t, "repo"), SHA: word().Draw(t, "sha"),
				Message: rapid.String().Draw(t, "message"), Author: rapid.String().Draw(t, "author"), Branch: word().Draw(t, "branch"), URL: word().Draw(t, "url"),
				ChangedFiles: rapid.Uint32().Draw(t, "files"), CommittedAt: genTime().Draw(t, "at"), Attrs: genAttrs(t), Version: rapid.Uint64().Draw(t, "version"),
			}
		}
	})
}

func genDeployment(t *rapid.T) *Deployment {
	d := &Deployment{
		Provider: word().Draw(t, "provider"), Host: word().Draw(t, "host"), Repo: word().Draw(t, "repo"), DeploymentID: word().Draw(t, "id"),
		Service: word().Draw(t, "service"), Environment: word().Draw(t, "env"), ServiceVersion: word().Draw(t, "sv"), CommitSHA: word().Draw(t, "sha"),
		PreviousCommit: word().Draw(t, "prev"), BuildRunID: word().Draw(t, "run"), Basis: envelope.Basis(rapid.IntRange(0, 4).Draw(t, "basis")),
		Status: DeployStatus(rapid.IntRange(0, 7).Draw(t, "status")), CreatedAt: genTime().Draw(t, "created"), StartedAt: genTime().Draw(t, "started"),
		FinishedAt: genTime().Draw(t, "finished"), UpdatedAt: genTime().Draw(t, "updated"), ApprovedBy: word().Draw(t, "approved"),
		Creator: word().Draw(t, "creator"), URL: word().Draw(t, "url"), RollbackOf: word().Draw(t, "rollback"), Attrs: genAttrs(t),
		Version: rapid.Uint64().Draw(t, "version"),
	}
	if n := rapid.IntRange(0, 3).Draw(t, "digests"); n > 0 {
		d.Digests = rapid.SliceOfN(word(), n, n).Draw(t, "digest")
	}
	return d
}

// Through the wire as well: what a remote gateway receives must be the same event.
func TestLogRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEvent().Draw(t, "event")
		ld := plog.NewLogs()
		AppendTo(want, ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		raw, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		require.NoError(t, err)
		ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(raw)
		require.NoError(t, err)
		got, ok, err := FromLogRecord(ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0))
		require.NoError(t, err)
		require.True(t, ok)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFromLogRecordRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(plog.LogRecord)
		err  string
	}{
		{name: "unknown kind", edit: func(lr plog.LogRecord) { lr.SetEventName("summit.build.sbom") }, err: `"summit.build.sbom" is no build event`},
		{name: "wrong type", edit: func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildVersion, "1") }, err: "summit.build.version: is Str, want Int"},
		{name: "out of range", edit: func(lr plog.LogRecord) { lr.Attributes().PutInt(envelope.AttrBuildAttempt, 70000) }, err: "summit.build.attempt: 70000 is out of range"},
		{name: "status", edit: func(lr plog.LogRecord) { lr.Attributes().PutStr(envelope.AttrBuildStatus, "done") }, err: `summit.build.status: "done": want one of`},
		{name: "attr", edit: func(lr plog.LogRecord) { lr.Attributes().PutInt(envelope.AttrBuildPrefix+"x", 1) }, err: "summit.build.attr.x: is Int, want Str"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lr := plog.NewLogRecord()
			AppendTo(&Run{RunKey: key("1", 1)}, lr)
			tc.edit(lr)
			_, ok, err := FromLogRecord(lr)
			require.True(t, ok)
			require.ErrorContains(t, err, tc.err)
		})
	}
	_, ok, err := FromLogRecord(plog.NewLogRecord())
	require.False(t, ok)
	require.NoError(t, err)
}

// A job's deliveries agree on what stays and differ in what moves; each may lack any of the former.
func TestMergeIsOrderless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := State{Pipeline: "ci", Branch: "main", CommitSHA: "abc", URL: "u", CreatedAt: at(0), TraceID: [16]byte{1}}
		states := []State{
			{Status: StatusWaiting, UpdatedAt: at(0), Attrs: map[string]string{KeyWaitingSince: FormatTime(at(0))}},
			{Status: StatusQueued, UpdatedAt: at(5), Attrs: map[string]string{KeyApprovedAt: FormatTime(at(5))}},
			{Status: StatusRunning, StartedAt: at(9), UpdatedAt: at(9), Attrs: map[string]string{KeyApprovedAt: FormatTime(at(9))}},
			{Status: StatusFailure, StartedAt: at(9), FinishedAt: at(20), UpdatedAt: at(20), Message: "exit 1"},
			{Stub: true},
		}
		var tasks []*Task
		for i := range states {
			s := states[i]
			s.Version = VersionOf(s.Status.Rank(), s.UpdatedAt)
			s.CreatedAt, s.TraceID = full.CreatedAt, full.TraceID
			if !s.Stub && rapid.Bool().Draw(t, "full") {
				s.Pipeline, s.Branch, s.CommitSHA, s.URL = full.Pipeline, full.Branch, full.CommitSHA, full.URL
			}
			tasks = append(tasks, &Task{RunKey: key("1", 1), ID: "7", Kind: KindJob, State: s})
		}
		fold := func(seed uint64) *Task {
			var got *Task
			r := rand.New(rand.NewPCG(seed, 1))
			for _, i := range r.Perm(len(tasks)) {
				got = got.Merge(tasks[i])
				got = got.Merge(tasks[r.IntN(i+1)])
			}
			for _, x := range tasks {
				got = got.Merge(x)
			}
			return got
		}
		want := fold(0)
		require.Equal(t, StatusFailure, want.Status)
		require.Equal(t, 5*time.Second, want.Approval)
		require.Equal(t, 4*time.Second, want.Queued)
		require.Equal(t, 11*time.Second, want.Duration)
		require.False(t, want.Stub)
		seed := rapid.Uint64().Draw(t, "seed")
		if diff := cmp.Diff(want, fold(seed)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestMergeDeployment(t *testing.T) {
	mk := func(s DeployStatus, sec int, d Deployment) *Deployment {
		d.Status, d.UpdatedAt = s, at(sec)
		d.Version = VersionOf(s.Rank(), d.UpdatedAt)
		return &d
	}
	all := []*Deployment{
		mk(DeployPending, 0, Deployment{CommitSHA: "abc", CreatedAt: at(0), Basis: envelope.BasisRevision}),
		mk(DeployInProgress, 2, Deployment{StartedAt: at(2), Digests: []string{"sha256:b"}}),
		mk(DeployFailure, 4, Deployment{FinishedAt: at(4)}),
		mk(DeploySuccess, 9, Deployment{FinishedAt: at(9), BuildRunID: "r", Basis: envelope.BasisDigest, Digests: []string{"sha256:a"}, Attrs: map[string]string{KeySucceededAt: FormatTime(at(9))}}),
		mk(DeployInactive, 60, Deployment{}),
	}
	for seed := range uint64(50) {
		var got *Deployment
		for _, i := range rand.New(rand.NewPCG(seed, 2)).Perm(len(all)) {
			got = got.Merge(all[i])
		}
		require.Equal(t, &Deployment{
			CommitSHA: "abc", BuildRunID: "r", Basis: envelope.BasisDigest, Digests: []string{"sha256:a", "sha256:b"}, Status: DeployInactive,
			CreatedAt: at(0), StartedAt: at(2), FinishedAt: at(9), UpdatedAt: at(60), Attrs: map[string]string{KeySucceededAt: FormatTime(at(9))},
			Version: VersionOf(40, at(60)),
		}, got, "order %d", seed)
	}
}

func TestMergeArtifact(t *testing.T) {
	a := &Artifact{RunKey: key("1", 1), Digest: "sha256:a", CommitSHA: "abc", CreatedAt: at(3), UpdatedAt: at(3), Version: VersionOf(30, at(3))}
	b := &Artifact{RunKey: key("1", 1), Digest: "sha256:a", Name: "shop", CreatedAt: at(1), UpdatedAt: at(5), Version: VersionOf(30, at(5))}
	require.Equal(t, a.Merge(b), b.Merge(a))
	require.Equal(t, "abc", a.Merge(b).CommitSHA)
	require.Equal(t, "shop", a.Merge(b).Name)
	require.Equal(t, at(1), a.Merge(b).CreatedAt)
	require.Equal(t, a, (*Artifact)(nil).Merge(a))
	require.Nil(t, (*Artifact)(nil).Merge(nil))
}
