package build

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/envelope"
)

// A state merged with itself, or with nothing, is itself.
func TestMergeIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := &Run{RunKey: genKey(t), State: genState(t)}
		run.Derive()
		require.Equal(t, run, run.Merge(run))
		require.Equal(t, run, run.Merge(nil))
		require.Equal(t, run, (*Run)(nil).Merge(run))
		d := genDeployment(t)
		once := d.Merge(d)
		require.Equal(t, once, once.Merge(d))
		require.Equal(t, d, d.Merge(nil))
	})
	require.Nil(t, (*Run)(nil).Merge(nil))
	require.Nil(t, (*Task)(nil).Merge(nil))
}

// Merging takes nothing away from what it is given.
func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	a := &Run{RunKey: key("7", 1), State: State{Version: 1, Attrs: map[string]string{"a": "1"}}}
	b := &Run{RunKey: key("7", 1), State: State{Version: 2, Attrs: map[string]string{"a": "2", "b": "3"}}}
	got := a.Merge(b)
	require.Equal(t, map[string]string{"a": "2", "b": "3"}, got.Attrs)
	require.Equal(t, map[string]string{"a": "1"}, a.Attrs)
	require.Equal(t, map[string]string{"a": "2", "b": "3"}, b.Attrs)
}

func TestMergeFields(t *testing.T) {
	early := &Task{
		RunKey: key("7", 1), ID: "77", Kind: KindJob, ParentID: "build", Runner: "r1", RunnerClass: "x64", CPUSeconds: 3, CacheHit: CacheMiss,
		State: State{
			Status: StatusRunning, Branch: "main", Version: VersionOf(20, at(5)), StartedAt: at(5), UpdatedAt: at(5), Trigger: "push", PRNumber: 4,
			URL: "https://x", CostUSD: 0.5,
		},
	}
	late := &Task{
		RunKey: key("7", 1), ID: "77", Kind: KindJob, Flaky: true, Retries: 2, ErrorFP: [16]byte{1}, MemPeakBytes: 9, Runner: "r2", StepNumber: 1,
		State: State{Status: StatusFailure, Version: VersionOf(30, at(9)), StartedAt: at(6), FinishedAt: at(9), UpdatedAt: at(9), Message: "exit 1"},
	}
	want := &Task{
		RunKey: key("7", 1), ID: "77", Kind: KindJob, ParentID: "build", Runner: "r2", RunnerClass: "x64", CPUSeconds: 3, CacheHit: CacheMiss,
		Flaky: true, Retries: 2, ErrorFP: [16]byte{1}, MemPeakBytes: 9, StepNumber: 1,
		State: State{
			Status: StatusFailure, Branch: "main", Version: VersionOf(30, at(9)), StartedAt: at(5), FinishedAt: at(9), UpdatedAt: at(9), Message: "exit 1",
			Duration: 4 * time.Second, Trigger: "push", PRNumber: 4, URL: "https://x", CostUSD: 0.5,
		},
	}
	require.Equal(t, want, early.Merge(late))
	require.Equal(t, want, late.Merge(early))
}

func TestMergeStub(t *testing.T) {
	stub := &Run{RunKey: key("7", 1), State: State{Stub: true, Pipeline: "CI", CreatedAt: at(50), UpdatedAt: at(90), Status: StatusRunning}}
	known := &Run{RunKey: key("7", 1), State: State{
		CreatedAt: at(60), UpdatedAt: at(70), Status: StatusQueued, Version: VersionOf(10, at(70)),
	}}
	for _, got := range []*Run{stub.Merge(known), known.Merge(stub)} {
		require.False(t, got.Stub)
		require.Equal(t, "CI", got.Pipeline, "what only the stub knows is kept")
		require.Equal(t, StatusQueued, got.Status)
		require.Equal(t, at(60), got.CreatedAt)
		require.Equal(t, at(70), got.UpdatedAt)
	}
	other := &Run{RunKey: key("7", 1), State: State{Stub: true, UpdatedAt: at(80)}}
	require.Equal(t, at(80), stub.Merge(other).UpdatedAt, "later jobs don't make a new row of a stub")
	require.True(t, stub.Merge(other).Stub)
}

func TestMergeKeepsTheEvidenceOfTheBuild(t *testing.T) {
	d := func(v uint64, run string, b envelope.Basis) *Deployment {
		return &Deployment{Version: v, BuildRunID: run, Basis: b}
	}
	for _, tc := range []struct {
		name   string
		hi, lo *Deployment
		run    string
		basis  envelope.Basis
	}{
		{"only the later knows", d(2, "r", envelope.BasisDigest), d(1, "", envelope.BasisNone), "r", envelope.BasisDigest},
		{"only the earlier knows", d(2, "", envelope.BasisRevision), d(1, "r", envelope.BasisDigest), "r", envelope.BasisDigest},
		{"both know the same: the stronger", d(2, "r", envelope.BasisVersion), d(1, "r", envelope.BasisDigest), "r", envelope.BasisDigest},
		{"they differ: the later, with its own evidence", d(2, "r2", envelope.BasisVersion), d(1, "r1", envelope.BasisDigest), "r2", envelope.BasisVersion},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, got := range []*Deployment{tc.hi.Merge(tc.lo), tc.lo.Merge(tc.hi)} {
				require.Equal(t, tc.run, got.BuildRunID)
				require.Equal(t, tc.basis, got.Basis)
			}
		})
	}
}

func TestDerive(t *testing.T) {
	for _, tc := range []struct {
		name                       string
		state                      State
		queued, approval, duration time.Duration
	}{
		{name: "nothing known"},
		{name: "queue and run", state: State{CreatedAt: at(0), StartedAt: at(7), FinishedAt: at(10)}, queued: 7 * time.Second, duration: 3 * time.Second},
		{
			name: "an approval is no queue",
			state: State{CreatedAt: at(0), StartedAt: at(30), Attrs: map[string]string{
				KeyWaitingSince: FormatTime(at(0)), KeyApprovedAt: FormatTime(at(20)),
			}},
			queued: 10 * time.Second, approval: 20 * time.Second,
		},
		{
			name: "an approval before the wait is none",
			state: State{CreatedAt: at(0), StartedAt: at(30), Attrs: map[string]string{
				KeyWaitingSince: FormatTime(at(20)), KeyApprovedAt: FormatTime(at(10)),
			}},
			queued: 30 * time.Second,
		},
		{name: "times that run backwards", state: State{CreatedAt: at(9), StartedAt: at(5), FinishedAt: at(3)}},
		{name: "a time that can't be read", state: State{Attrs: map[string]string{KeyWaitingSince: "x", KeyApprovedAt: FormatTime(at(10))}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.state.Derive()
			require.Equal(t, tc.queued, tc.state.Queued)
			require.Equal(t, tc.approval, tc.state.Approval)
			require.Equal(t, tc.duration, tc.state.Duration)
		})
	}
}
