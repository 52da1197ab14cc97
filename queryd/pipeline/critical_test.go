package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/pipeline"
)

var t0 = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

func runOf(seconds float64) *build.Run {
	return &build.Run{
		RunKey: build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "1", Attempt: 1},
		State:  build.State{Pipeline: "ci", Status: build.StatusSuccess, CreatedAt: t0, StartedAt: t0, FinishedAt: at(seconds)},
	}
}

func jobOf(id string, queued, started, finished float64, needs ...string) *build.Task {
	t := &build.Task{
		RunKey: runOf(0).RunKey, ID: id, Kind: build.KindJob,
		State: build.State{Name: id, Status: build.StatusSuccess, CreatedAt: at(queued), StartedAt: at(started), FinishedAt: at(finished)},
	}
	if needs != nil {
		t.Attrs = map[string]string{pipeline.KeyNeeds: strings.Join(needs, ",")}
	}
	return t
}

func line(p pipeline.CriticalPath) string {
	var b strings.Builder
	for _, s := range p.Segments {
		fmt.Fprintf(&b, "%s:%s:%g ", s.Kind, s.TaskID, float64(s.DurationNS)/1e9)
	}
	return strings.TrimSpace(b.String())
}

func TestCriticalPathOfKnownRuns(t *testing.T) {
	approved := jobOf("deploy", 20, 50, 60, "test")
	approved.Attrs[build.KeyWaitingSince], approved.Attrs[build.KeyApprovedAt] = build.FormatTime(at(20)), build.FormatTime(at(45))
	skipped := jobOf("notify", 30, 30, 30)
	skipped.Status = build.StatusSkipped
	retried := jobOf("test-2", 30, 32, 50)
	retried.Attrs = map[string]string{build.KeyRetryOf: "test", pipeline.KeyNeeds: "build"}
	for _, tc := range []struct {
		name  string
		run   *build.Run
		tasks []*build.Task
		needs string
		want  string
	}{
		{"no jobs", runOf(10), nil, "none", "run::10"},
		{"one job and its end", runOf(30), []*build.Task{jobOf("a", 1, 3, 25)}, "none", "gap::1 queue:a:2 run:a:22 gap::5"},
		{
			"declared needs win over what the times look like", runOf(40),
			[]*build.Task{jobOf("lint", 0, 1, 19.5, []string{}...), jobOf("build", 0, 2, 10), jobOf("test", 20, 22, 40, "build")},
			"declared", "queue:build:2 run:build:8 gap::10 queue:test:2 run:test:18",
		},
		{
			"inferred from creation", runOf(40), []*build.Task{jobOf("lint", 0, 1, 19.5), jobOf("build", 0, 2, 10), jobOf("test", 20, 22, 40)},
			"inferred", "queue:lint:1 run:lint:18.5 gap::0.5 queue:test:2 run:test:18",
		},
		{
			"a gate two seconds late is one", runOf(40), []*build.Task{jobOf("build", 0, 2, 21.5), jobOf("test", 20, 22, 40)},
			"inferred", "queue:build:2 run:build:19.5 queue:test:0.5 run:test:18",
		},
		{
			"a gate three seconds late is none", runOf(40), []*build.Task{jobOf("build", 0, 2, 23), jobOf("test", 20, 24, 40)},
			"inferred", "gap::20 queue:test:4 run:test:16",
		},
		{
			"an approval is no queue", runOf(60), []*build.Task{jobOf("test", 0, 1, 20, []string{}...), approved},
			"declared", "queue:test:1 run:test:19 approval:deploy:25 queue:deploy:5 run:deploy:10",
		},
		{
			"a skipped job gates nothing", runOf(50), []*build.Task{jobOf("test", 0, 1, 29), skipped, jobOf("pack", 30, 31, 50)},
			"inferred", "queue:test:1 run:test:28 gap::1 queue:pack:1 run:pack:19",
		},
		{
			"a retried job waits for the one it repeats", runOf(50),
			[]*build.Task{jobOf("build", 0, 1, 10, []string{}...), jobOf("test", 10, 11, 29, "build"), retried},
			"declared", "queue:build:1 run:build:9 queue:test:1 run:test:18 gap::1 queue:test-2:2 run:test-2:18",
		},
		{
			"a matrix is needed by its name", runOf(30),
			[]*build.Task{jobOf("t (a)", 0, 1, 5), jobOf("t (b)", 0, 1, 9), jobOf("pack", 9, 10, 30, "t")},
			"declared", "queue:t (b):1 run:t (b):8 queue:pack:1 run:pack:20",
		},
		{
			"needs in a circle", runOf(30), []*build.Task{jobOf("a", 0, 1, 10, "b"), jobOf("b", 10, 11, 30, "a")},
			"declared", "queue:a:1 run:a:9 queue:b:1 run:b:19",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pipeline.CriticalPathOf(tc.run, tc.tasks, at(1000))
			require.Equal(t, tc.want, line(p))
			require.Equal(t, tc.needs, p.Needs)
			require.True(t, p.Exact)
			require.Equal(t, p.RunDurationNS, p.SumNS)
		})
	}
}

func TestCriticalPathOfALiveRunLeadsToNow(t *testing.T) {
	run := runOf(0)
	run.Status, run.FinishedAt = build.StatusRunning, time.Time{}
	running, waiting := jobOf("test", 10, 12, 0), jobOf("deploy", 10, 0, 0)
	running.Status, running.FinishedAt = build.StatusRunning, time.Time{}
	waiting.Status, waiting.StartedAt, waiting.FinishedAt = build.StatusQueued, time.Time{}, time.Time{}
	p := pipeline.CriticalPathOf(run, []*build.Task{jobOf("build", 0, 1, 10), running}, at(60))
	require.Equal(t, "queue:build:1 run:build:9 queue:test:2 run:test:48", line(p))
	require.True(t, p.Live)
	p = pipeline.CriticalPathOf(run, []*build.Task{jobOf("build", 0, 1, 10), waiting}, at(60))
	require.Equal(t, "queue:build:1 run:build:9 queue:deploy:50", line(p))
}

// plan is a run made up from its lengths; the times follow from them.
type plan struct {
	run   *build.Run
	tasks []*build.Task
	needs map[string][]string
	// weight is what a job takes from the end of its gate: gap, queue, approval and run.
	weight map[string]time.Duration
	tail   time.Duration
}

// draw makes a random run of up to 14 jobs. Every length is a whole number of milliseconds.
func draw(r *rand.Rand, declared bool) plan {
	length := func(max int) time.Duration { return time.Duration(1+r.IntN(max)) * time.Millisecond }
	p := plan{run: runOf(0), needs: map[string][]string{}, weight: map[string]time.Duration{}, tail: length(3000)}
	end := t0
	ends := map[string]time.Time{}
	for i := range 1 + r.IntN(14) {
		id := fmt.Sprintf("j%02d", i)
		gate := t0
		for _, t := range p.tasks {
			if r.IntN(3) == 0 && len(p.needs[id]) < 4 {
				p.needs[id] = append(p.needs[id], t.ID)
				gate = latestOf(gate, ends[t.ID])
			}
		}
		gap, queue, approval, work := length(1500), length(20_000), time.Duration(0), length(600_000)
		t := jobOf(id, 0, 0, 0, p.needs[id]...)
		if declared && t.Attrs == nil {
			t.Attrs = map[string]string{pipeline.KeyNeeds: ""}
		} else if !declared {
			t.Attrs = map[string]string{}
		}
		t.CreatedAt = gate.Add(gap)
		if r.IntN(4) == 0 {
			approval = length(3_600_000)
			t.Attrs[build.KeyWaitingSince] = build.FormatTime(t.CreatedAt)
			t.Attrs[build.KeyApprovedAt] = build.FormatTime(t.CreatedAt.Add(approval))
		}
		t.StartedAt = t.CreatedAt.Add(approval + queue)
		t.FinishedAt = t.StartedAt.Add(work)
		p.weight[id] = gap + queue + approval + work
		ends[id], end = t.FinishedAt, latestOf(end, t.FinishedAt)
		p.tasks = append(p.tasks, t)
	}
	p.run.FinishedAt = end.Add(p.tail)
	r.Shuffle(len(p.tasks), func(i, j int) { p.tasks[i], p.tasks[j] = p.tasks[j], p.tasks[i] })
	return p
}

func latestOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// heaviest tries every chain of needs there is and gives the one that takes longest, and how long it takes. It knows the
// lengths of the plan, not the times.
func (p plan) heaviest() (chain []string, total time.Duration) {
	var walk func(id string, tail []string, sum time.Duration)
	walk = func(id string, tail []string, sum time.Duration) {
		path, sum := append([]string{id}, tail...), sum+p.weight[id]
		if sum > total {
			chain, total = path, sum
		}
		for _, n := range p.needs[id] {
			walk(n, path, sum)
		}
	}
	for id := range p.weight {
		walk(id, nil, 0)
	}
	return chain, total
}

// latestBefore is the definition without needs, tried by hand: of all jobs, the last to finish by the time of creation.
func (p plan) latestBefore() []string {
	byEnd := slices.SortedFunc(slices.Values(p.tasks), func(a, b *build.Task) int { return b.FinishedAt.Compare(a.FinishedAt) })
	chain := []string{byEnd[0].ID}
	for j := byEnd[0]; j != nil; {
		next := (*build.Task)(nil)
		for _, n := range byEnd {
			if n != j && !n.FinishedAt.After(j.CreatedAt.Add(2*time.Second)) && !n.FinishedAt.After(j.StartedAt) && n.FinishedAt.Before(j.FinishedAt) {
				next = n
				chain = append([]string{n.ID}, chain...)
				break
			}
		}
		j = next
	}
	return chain
}

func jobsOf(p pipeline.CriticalPath) (ids []string) {
	for _, s := range p.Segments {
		if s.Kind == "run" {
			ids = append(ids, s.TaskID)
		}
	}
	return ids
}

func TestPoint12CriticalPathEqualsBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 2026))
	gaps, approvals := 0, 0
	for i := range 1000 {
		p := draw(r, i%2 == 0)
		got := pipeline.CriticalPathOf(p.run, p.tasks, at(1e9))
		run := p.run.FinishedAt.Sub(p.run.CreatedAt)
		require.InDelta(t, run.Seconds(), time.Duration(got.SumNS).Seconds(), 1, "plan %d", i)
		require.Equal(t, got.SumNS, got.QueueNS+got.ApprovalNS+got.RunNS+got.GapNS)
		for k, s := range got.Segments {
			require.Positive(t, s.DurationNS)
			if k > 0 {
				require.Equal(t, got.Segments[k-1].To, s.From, "no holes and nothing twice")
			}
		}
		if i%2 == 0 {
			chain, total := p.heaviest()
			require.Equal(t, chain, jobsOf(got), "plan %d", i)
			require.Equal(t, total, time.Duration(got.SumNS)-p.tail)
		} else {
			require.Equal(t, p.latestBefore(), jobsOf(got), "plan %d", i)
		}
		if got.GapNS > 0 {
			gaps++
		}
		if got.ApprovalNS > 0 {
			approvals++
		}
	}
	require.Greater(t, gaps, 500)
	require.Greater(t, approvals, 100)
}
