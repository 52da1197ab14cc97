package build

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func job(id string, created, started, finished int, status Status, attrs ...string) *Task {
	t := &Task{RunKey: key("7", 1), ID: id, Kind: KindJob, State: State{Name: id, Status: status, CreatedAt: at(created)}}
	if started >= 0 {
		t.StartedAt = at(started)
	}
	if finished >= 0 {
		t.FinishedAt = at(finished)
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		t.Attrs = with(t.Attrs, attrs[i], attrs[i+1])
	}
	return t
}

func TestPoint10QueueApprovalExecutionAndFinalizingAreApart(t *testing.T) {
	run := func(status Status, finished int) *Run {
		r := &Run{RunKey: key("7", 1), State: State{Status: status, CreatedAt: at(0), StartedAt: at(5)}}
		if finished > 0 {
			r.FinishedAt = at(finished)
		}
		return r
	}
	const s = time.Second
	for _, tc := range []struct {
		name  string
		run   *Run
		tasks []*Task
		want  Phases
	}{
		{
			name: "build, approval, deployment", run: run(StatusSuccess, 100),
			tasks: []*Task{
				job("build", 0, 5, 30, StatusSuccess),
				job("deploy", 31, 75, 95, StatusSuccess, KeyWaitingSince, FormatTime(at(31)), KeyApprovedAt, FormatTime(at(70))),
			},
			want: Phases{Queue: 10 * s, Approval: 39 * s, Execution: 45 * s, Finalizing: 5 * s, Between: s},
		},
		{
			name: "waits for an approval now", run: run(StatusRunning, 0),
			tasks: []*Task{
				job("build", 0, 5, 30, StatusSuccess),
				job("deploy", 30, -1, -1, StatusWaiting, KeyWaitingSince, FormatTime(at(30))),
			},
			want: Phases{Queue: 5 * s, Approval: 90 * s, Execution: 25 * s},
		},
		{
			name: "a job that runs hides the queue of another", run: run(StatusSuccess, 40),
			tasks: []*Task{job("a", 0, 2, 40, StatusSuccess), job("b", 0, 20, 30, StatusSuccess)},
			want:  Phases{Queue: 2 * s, Execution: 38 * s},
		},
		{
			name: "a job that was made long before it was queued", run: run(StatusSuccess, 40),
			tasks: []*Task{job("a", 0, 1, 20, StatusSuccess), job("b", 0, 25, 40, StatusSuccess, KeyQueuedAt, FormatTime(at(22)))},
			want:  Phases{Queue: 4 * s, Execution: 34 * s, Between: 2 * s},
		},
		{
			name: "skipped jobs and steps don't count", run: run(StatusSuccess, 10),
			tasks: []*Task{job("a", 0, 0, 8, StatusSuccess), job("b", 0, -1, 9, StatusSkipped), {Kind: KindStep, State: State{StartedAt: at(9), FinishedAt: at(10)}}},
			want:  Phases{Execution: 8 * s, Finalizing: 2 * s},
		},
		{name: "no jobs known", run: run(StatusSuccess, 25), want: Phases{Queue: 5 * s, Execution: 20 * s}},
		{name: "queued and no jobs", run: &Run{State: State{Status: StatusQueued, CreatedAt: at(0)}}, want: Phases{Queue: 120 * s}},
		{name: "waits and no jobs", run: &Run{State: State{Status: StatusWaiting, CreatedAt: at(0)}}, want: Phases{Approval: 120 * s}},
		{name: "nothing known", run: &Run{State: State{Status: StatusSuccess}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, PhasesOf(tc.run, tc.tasks, at(120)))
		})
	}
}

func TestPhasesAddUpToTheRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.IntRange(0, 300)
		run := &Run{State: State{CreatedAt: at(second.Draw(t, "created")), Status: StatusSuccess}}
		run.FinishedAt = run.CreatedAt.Add(time.Duration(second.Draw(t, "took")) * time.Second)
		var tasks []*Task
		for range rapid.IntRange(0, 8).Draw(t, "jobs") {
			j := job("j", second.Draw(t, "c"), second.Draw(t, "s"), second.Draw(t, "f"), rapid.SampledFrom([]Status{
				StatusSuccess, StatusFailure, StatusRunning, StatusQueued, StatusWaiting, StatusSkipped,
			}).Draw(t, "status"))
			if rapid.Bool().Draw(t, "approval") {
				j.Attrs = map[string]string{KeyWaitingSince: FormatTime(at(second.Draw(t, "w"))), KeyApprovedAt: FormatTime(at(second.Draw(t, "a")))}
			}
			tasks = append(tasks, j)
		}
		p := PhasesOf(run, tasks, at(500))
		require.Equal(t, run.FinishedAt.Sub(run.CreatedAt), p.Total())
		for _, d := range []time.Duration{p.Queue, p.Approval, p.Execution, p.Finalizing, p.Between} {
			require.GreaterOrEqual(t, d, time.Duration(0))
		}
	})
}

func TestPoint09RunsThatAreSilentForTooLongAreStuck(t *testing.T) {
	history := make([]time.Duration, 0, 200)
	for i := range 200 {
		history = append(history, time.Duration(i+1)*time.Minute)
	}
	require.Equal(t, 198*time.Minute, StuckAfter(history), "the 99th percentile by the nearest rank")
	require.Equal(t, StuckUnknown, StuckAfter(history[:StuckHistory-1]), "too few runs to compare with")
	require.Equal(t, 10*time.Minute, StuckAfter(history[:10]), "of ten runs the longest")
	short := make([]time.Duration, 50)
	require.Equal(t, StuckFloor, StuckAfter(short), "providers deliver late")

	last := at(0)
	for _, tc := range []struct {
		name   string
		status Status
		now    time.Time
		want   bool
	}{
		{"silent for less", StatusRunning, last.Add(198 * time.Minute), false},
		{"silent for longer", StatusRunning, last.Add(198*time.Minute + time.Second), true},
		{"in the queue for longer", StatusQueued, last.Add(200 * time.Minute), true},
		{"waits for a person", StatusWaiting, last.Add(200 * time.Hour), false},
		{"ended", StatusSuccess, last.Add(200 * time.Hour), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			since, stuck := Stuck(tc.status, last, tc.now, history)
			require.Equal(t, tc.want, stuck)
			if stuck {
				require.Equal(t, last.Add(198*time.Minute), since)
			}
		})
	}
	_, stuck := Stuck(StatusRunning, time.Time{}, last, history)
	require.False(t, stuck, "nothing is known of it")
	require.Equal(t, time.Minute, history[0], "the history is left alone")
}
