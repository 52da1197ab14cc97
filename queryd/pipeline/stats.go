package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/runner"
)

// maxStatRuns is the most runs that one question about a pipeline reads with their jobs.
const maxStatRuns = 3000

// trendBuckets is the most points of a trend.
const trendBuckets = 30

// StatsQuery asks about one pipeline.
type StatsQuery struct {
	history.Window
	Repo, Pipeline, Branch string
}

// Stats is how a pipeline did in the time range.
type Stats struct {
	Repo       string        `json:"repo"`
	Pipeline   string        `json:"pipeline"`
	Branch     string        `json:"branch"`
	From       time.Time     `json:"from"`
	To         time.Time     `json:"to"`
	Runs       int           `json:"runs"`
	Partial    bool          `json:"partial" doc:"There were more runs than one answer reads: these are the newest"`
	Split      PhaseSplit    `json:"split" doc:"Sums over runs that ended"`
	Median     PhaseSplit    `json:"median"`
	P90        PhaseSplit    `json:"p90"`
	Trend      []StatsPoint  `json:"trend" nullable:"false"`
	Stages     []StageStat   `json:"stages" nullable:"false" doc:"Most time on the critical path first"`
	Bottleneck *Bottleneck   `json:"bottleneck"`
	Runners    []RunnerStat  `json:"runners" nullable:"false"`
	Retry      PipelineRetry `json:"retry"`
	FlakyTasks []FlakyTask   `json:"flaky_tasks" nullable:"false"`
	Stuck      []StuckBuild  `json:"stuck" nullable:"false"`
}

// StatsPoint is a bucket of the trend; the durations are medians.
type StatsPoint struct {
	Time             time.Time `json:"time"`
	Runs             int       `json:"runs"`
	Failed           int       `json:"failed"`
	MedianDurationNS int64     `json:"median_duration_ns"`
	QueueNS          int64     `json:"queue_ns"`
	ApprovalNS       int64     `json:"approval_ns"`
	ExecutionNS      int64     `json:"execution_ns"`
	OtherNS          int64     `json:"other_ns"`
}

// StageStat is a stage over all runs.
type StageStat struct {
	Name           string  `json:"name"`
	Runs           int     `json:"runs"`
	MeanCriticalNS int64   `json:"mean_critical_ns" doc:"Time on the critical path per run of the pipeline"`
	CriticalShare  float64 `json:"critical_share"`
	P95RunNS       int64   `json:"p95_run_ns"`
	MeanQueueNS    int64   `json:"mean_queue_ns"`
	MeanApprovalNS int64   `json:"mean_approval_ns"`
	Failures       int     `json:"failures"`
}

// Bottleneck is the stage that runs wait for most.
type Bottleneck struct {
	Stage  string `json:"stage"`
	Reason string `json:"reason"`
}

// RunnerStat is a label of runners over the time range.
type RunnerStat struct {
	Label       string   `json:"label"`
	Jobs        int      `json:"jobs"`
	BusyNS      int64    `json:"busy_ns"`
	RunnersSeen int      `json:"runners_seen"`
	Utilisation *float64 `json:"utilisation" doc:"Busy time of the runners seen in the whole range; null where no runner has a name"`
	MeanQueueNS int64    `json:"mean_queue_ns"`
	P90QueueNS  int64    `json:"p90_queue_ns"`
}

// PipelineRetry is what repeated work cost a pipeline.
type PipelineRetry struct {
	CostNS      int64      `json:"cost_ns"`
	Share       float64    `json:"share" doc:"Of all billed time"`
	Attempts    int        `json:"attempts" doc:"Attempts after the first"`
	RetriedJobs int        `json:"retried_jobs"`
	CostUSD     *float64   `json:"cost_usd" doc:"Null where jobs carry no price"`
	Runs        []RetryRun `json:"runs" nullable:"false" doc:"The dearest, at most 20"`
}

// RetryRun is a run that did work again.
type RetryRun struct {
	Build  history.BuildRef `json:"build"`
	CostNS int64            `json:"cost_ns"`
	Reason string           `json:"reason" enum:"attempt,retried_job"`
}

// Stats answers how one pipeline did.
func (s *Service) Stats(ctx context.Context, c access.Caller, q StatsQuery) (Stats, error) {
	if q.Repo == "" || q.Pipeline == "" {
		return Stats{}, runner.Wrong("pipeline", "repo and pipeline say which pipeline; GET /api/v1/pipelines lists them")
	}
	scope := c.Scope(q.From, q.To)
	runs, err := s.Runs(ctx, scope, history.RunFilter{Repo: q.Repo, Pipeline: q.Pipeline, Branch: q.Branch}, maxStatRuns+1)
	if err != nil {
		return Stats{}, err
	}
	partial := len(runs) > maxStatRuns
	if partial {
		runs = runs[:maxStatRuns]
	}
	tasks, err := s.Tasks(ctx, s.Ever(c), history.Keys(runs))
	if err != nil {
		return Stats{}, err
	}
	st := statsOf(q, runs, tasks, s.Now())
	st.Partial = partial
	st.Stuck, err = s.stuckOf(ctx, c, runs)
	return st, err
}

func statsOf(q StatsQuery, runs []*build.Run, tasks map[string][]*build.Task, now time.Time) Stats {
	st := Stats{Repo: q.Repo, Pipeline: q.Pipeline, Branch: q.Branch, From: q.From.UTC(), To: q.To.UTC(), Runs: len(runs), Stages: []StageStat{}, Stuck: []StuckBuild{}}
	g := gathered{window: q.Window, stages: map[string]*stageSums{}, runners: map[string]*runnerSums{}}
	for _, r := range runs {
		g.run(r, flowOf(r, tasks[r.RunKey.ID()], now), build.PhasesOf(r, tasks[r.RunKey.ID()], now))
	}
	st.Split, st.Median, st.P90 = g.sum(), g.quantile(0.5), g.quantile(0.9)
	st.Trend = g.trend()
	if st.Stages = g.stageStats(); len(st.Stages) > 0 && st.Stages[0].MeanCriticalNS > 0 {
		top := st.Stages[0]
		st.Bottleneck = &Bottleneck{Stage: top.Name, Reason: fmt.Sprintf("%s of the %s that a run waits on its critical path are spent in %s, on average over %d runs",
			time.Duration(top.MeanCriticalNS).Round(time.Second), time.Duration(g.critical/int64(max(g.ended, 1))).Round(time.Second), top.Name, g.ended)}
	}
	st.Runners, st.Retry, st.FlakyTasks = g.runnerStats(), g.retry(), flakyTasks(runs, tasks)
	return st
}

type stageSums struct {
	runs, failures            int
	critical, queue, approval int64
	jobs                      int
	took                      []int64
}

type runnerSums struct {
	jobs  int
	busy  int64
	names map[string]bool
	queue []int64
}

type endedRun struct {
	run    *build.Run
	phases build.Phases
	took   int64
}

// gathered is what one pass over the runs adds up.
type gathered struct {
	window   history.Window
	list     []endedRun
	ended    int
	critical int64
	stages   map[string]*stageSums
	runners  map[string]*runnerSums
	repeats  []RetryRun
	billed   int64
	usd      float64
	priced   bool
	attempts int
	retried  int
}

func (g *gathered) run(r *build.Run, f *flow, phases build.Phases) {
	if !f.live {
		g.ended++
		g.list = append(g.list, endedRun{r, phases, int64(f.end.Sub(f.begin))})
		for _, s := range f.criticalPath().Segments {
			g.critical += s.DurationNS
			if s.TaskID != "" {
				g.stage(s.Stage).critical += s.DurationNS
			}
		}
	}
	seen, cost, reason := map[string]bool{}, int64(0), ""
	for _, j := range f.jobs {
		if j.StartedAt.IsZero() || j.Status == build.StatusSkipped {
			continue
		}
		g.job(j, seen)
		g.billed += int64(j.runTime())
		if why := repeated(j); why != "" {
			cost, reason = cost+int64(j.runTime()), why
			g.retried++
			g.usd, g.priced = g.usd+j.CostUSD, g.priced || j.CostUSD > 0
		}
	}
	if r.Attempt > 1 {
		g.attempts++
	}
	if cost > 0 {
		g.repeats = append(g.repeats, RetryRun{Build: history.RefOf(r), CostNS: cost, Reason: reason})
	}
}

func (g *gathered) stage(name string) *stageSums {
	if g.stages[name] == nil {
		g.stages[name] = &stageSums{}
	}
	return g.stages[name]
}

func (g *gathered) job(j *job, seen map[string]bool) {
	st := g.stage(j.stage)
	if !seen[j.stage] {
		seen[j.stage] = true
		st.runs++
	}
	queue, approval := j.wait(j.gated(), time.Time{})
	st.jobs++
	st.queue, st.approval, st.took = st.queue+int64(queue), st.approval+int64(approval), append(st.took, int64(j.runTime()))
	if j.Status == build.StatusFailure || j.Status == build.StatusTimeout {
		st.failures++
	}
	label := j.RunnerClass
	if label == "" {
		label = "unlabelled"
	}
	rs := g.runners[label]
	if rs == nil {
		rs = &runnerSums{names: map[string]bool{}}
		g.runners[label] = rs
	}
	rs.jobs++
	rs.busy += int64(overlap(g.window.From, g.window.To, j.StartedAt, j.StartedAt.Add(j.runTime())))
	rs.queue = append(rs.queue, int64(queue))
	if j.Runner != "" {
		rs.names[j.Runner] = true
	}
}

func (g *gathered) sum() PhaseSplit {
	var total build.Phases
	for _, e := range g.list {
		total.Queue, total.Approval, total.Execution = total.Queue+e.phases.Queue, total.Approval+e.phases.Approval, total.Execution+e.phases.Execution
		total.Finalizing, total.Between = total.Finalizing+e.phases.Finalizing, total.Between+e.phases.Between
	}
	return splitOf(total)
}

func (g *gathered) quantile(level float64) PhaseSplit {
	of := func(get func(build.Phases) time.Duration) int64 {
		xs := make([]int64, len(g.list))
		for i, e := range g.list {
			xs[i] = int64(get(e.phases))
		}
		return quantile(xs, level)
	}
	return PhaseSplit{
		QueueNS:      of(func(p build.Phases) time.Duration { return p.Queue }),
		ApprovalNS:   of(func(p build.Phases) time.Duration { return p.Approval }),
		ExecutionNS:  of(func(p build.Phases) time.Duration { return p.Execution }),
		FinalizingNS: of(func(p build.Phases) time.Duration { return p.Finalizing }),
		BetweenNS:    of(func(p build.Phases) time.Duration { return p.Between }),
		TotalNS:      of(func(p build.Phases) time.Duration { return p.Total() }),
	}
}

func (g *gathered) trend() []StatsPoint {
	width := max(g.window.To.Sub(g.window.From)/trendBuckets, time.Nanosecond)
	buckets := map[int64][]endedRun{}
	for _, e := range g.list {
		i := int64(history.Began(e.run).Sub(g.window.From) / width)
		buckets[max(0, min(i, trendBuckets-1))] = append(buckets[max(0, min(i, trendBuckets-1))], e)
	}
	out := []StatsPoint{}
	for i := range int64(trendBuckets) {
		list := buckets[i]
		if len(list) == 0 {
			continue
		}
		part := gathered{list: list}
		m := part.quantile(0.5)
		p := StatsPoint{
			Time: g.window.From.Add(time.Duration(i) * width).UTC(), Runs: len(list), MedianDurationNS: m.TotalNS, QueueNS: m.QueueNS,
			ApprovalNS: m.ApprovalNS, ExecutionNS: m.ExecutionNS, OtherNS: m.FinalizingNS + m.BetweenNS,
		}
		for _, e := range list {
			if e.run.Status == build.StatusFailure || e.run.Status == build.StatusTimeout {
				p.Failed++
			}
		}
		out = append(out, p)
	}
	return out
}

func (g *gathered) stageStats() []StageStat {
	out := []StageStat{}
	for name, s := range g.stages {
		st := StageStat{Name: name, Runs: s.runs, P95RunNS: quantile(s.took, 0.95), Failures: s.failures, MeanCriticalNS: s.critical / int64(max(g.ended, 1))}
		if s.jobs > 0 {
			st.MeanQueueNS, st.MeanApprovalNS = s.queue/int64(s.jobs), s.approval/int64(s.jobs)
		}
		if g.critical > 0 {
			st.CriticalShare = float64(s.critical) / float64(g.critical)
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b StageStat) int {
		return cmp.Or(cmp.Compare(b.MeanCriticalNS, a.MeanCriticalNS), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (g *gathered) runnerStats() []RunnerStat {
	out := []RunnerStat{}
	for label, s := range g.runners {
		st := RunnerStat{Label: label, Jobs: s.jobs, BusyNS: s.busy, RunnersSeen: len(s.names), P90QueueNS: quantile(s.queue, 0.9)}
		for _, q := range s.queue {
			st.MeanQueueNS += q
		}
		st.MeanQueueNS /= int64(len(s.queue))
		if n := len(s.names); n > 0 {
			u := float64(s.busy) / (float64(n) * float64(g.window.To.Sub(g.window.From)))
			st.Utilisation = &u
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b RunnerStat) int {
		return cmp.Or(cmp.Compare(b.BusyNS, a.BusyNS), cmp.Compare(a.Label, b.Label))
	})
	return out
}

func (g *gathered) retry() PipelineRetry {
	r := PipelineRetry{Attempts: g.attempts, RetriedJobs: g.retried, Runs: []RetryRun{}}
	for _, x := range g.repeats {
		r.CostNS += x.CostNS
	}
	if g.billed > 0 {
		r.Share = float64(r.CostNS) / float64(g.billed)
	}
	if g.priced {
		r.CostUSD = &g.usd
	}
	slices.SortStableFunc(g.repeats, func(a, b RetryRun) int { return cmp.Compare(b.CostNS, a.CostNS) })
	r.Runs = append(r.Runs, g.repeats[:min(len(g.repeats), 20)]...)
	return r
}

// quantile is the level of the values by the nearest rank; 0 where there are none.
func quantile(xs []int64, level float64) int64 {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(xs))
	rank := int(level*float64(len(sorted)-1) + 0.5)
	return sorted[rank]
}
