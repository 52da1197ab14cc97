package pipeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// Why work counts as repeated.
const (
	reasonAttempt = "attempt"
	reasonRetried = "retried_job"
)

// RetryCost is what running things again cost in billed time of runners.
type RetryCost struct {
	CostNS   int64         `json:"cost_ns" doc:"Time of attempts after the first and of jobs that repeat another one"`
	BilledNS int64         `json:"billed_ns" doc:"Time of all jobs of all attempts"`
	Share    float64       `json:"share"`
	Attempts []AttemptCost `json:"attempts" nullable:"false"`
	Jobs     []RetriedJob  `json:"jobs" nullable:"false"`
}

// AttemptCost is one attempt of a run.
type AttemptCost struct {
	Build         history.BuildRef `json:"build"`
	JobsRun       int              `json:"jobs_run"`
	JobsInherited int              `json:"jobs_inherited" doc:"Jobs whose result was taken over from an earlier attempt"`
	BilledNS      int64            `json:"billed_ns"`
}

// RetriedJob is a job that was run again.
type RetriedJob struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Attempt  uint16 `json:"attempt"`
	BilledNS int64  `json:"billed_ns"`
	Reason   string `json:"reason" enum:"attempt,retried_job"`
}

// RetryCostOf adds up the billed time of a run's attempts and what of it was work done again.
func RetryCostOf(run *build.Run, attempts []*build.Run, tasks map[string][]*build.Task, now time.Time) RetryCost {
	return retryOf(run, attempts, tasks, now)
}

func retryOf(run *build.Run, attempts []*build.Run, tasks map[string][]*build.Task, now time.Time) RetryCost {
	cost := RetryCost{Attempts: []AttemptCost{}, Jobs: []RetriedJob{}}
	names := map[string]bool{}
	for _, a := range attempts {
		if a.Attempt > run.Attempt {
			break // what came after this attempt is no cost of it
		}
		of := AttemptCost{Build: history.RefOf(a)}
		here := map[string]bool{}
		for _, j := range flowOf(a, tasks[a.RunKey.ID()], now).jobs {
			here[j.Name] = true
			if j.StartedAt.IsZero() || j.Status == build.StatusSkipped {
				continue
			}
			of.JobsRun++
			of.BilledNS += int64(j.runTime())
			if reason := repeated(j); reason != "" {
				cost.CostNS += int64(j.runTime())
				cost.Jobs = append(cost.Jobs, RetriedJob{ID: j.ID, Name: j.Name, Attempt: a.Attempt, BilledNS: int64(j.runTime()), Reason: reason})
			}
		}
		for name := range names {
			if !here[name] {
				of.JobsInherited++
			}
		}
		for name := range here {
			names[name] = true
		}
		cost.BilledNS += of.BilledNS
		cost.Attempts = append(cost.Attempts, of)
	}
	if cost.BilledNS > 0 {
		cost.Share = float64(cost.CostNS) / float64(cost.BilledNS)
	}
	return cost
}

func repeated(j *job) string {
	switch {
	case j.Attempt > 1:
		return reasonAttempt
	case j.Attrs[build.KeyRetryOf] != "":
		return reasonRetried
	default:
		return ""
	}
}

// FlakyTask is a job that gave another result when the same commit was run again.
type FlakyTask struct {
	Name    string   `json:"name"`
	Changed int      `json:"changed" doc:"Repetitions with another outcome"`
	Reruns  int      `json:"reruns"`
	Commits []string `json:"commits" nullable:"false"`
	Builds  []string `json:"builds" nullable:"false"`
}

// flakyTasks compares the outcomes of jobs that ran more than once on one commit.
func flakyTasks(runs []*build.Run, tasks map[string][]*build.Task) []FlakyTask {
	type key struct{ commit, run, name string }
	type outcome struct {
		at    time.Time
		ok    bool
		build string
	}
	seen := map[key][]outcome{}
	for _, r := range runs {
		if r.CommitSHA == "" {
			continue
		}
		for _, t := range tasks[r.RunKey.ID()] {
			if t.Kind == build.KindJob && (t.Status == build.StatusSuccess || t.Status == build.StatusFailure) && !history.Infrastructure(&t.State) {
				k := key{commit: r.CommitSHA, name: t.Name}
				if history.MovesWithBase(r.Trigger) {
					k.run = r.RunID
				}
				seen[k] = append(seen[k], outcome{t.FinishedAt, t.Status == build.StatusSuccess, r.RunKey.ID()})
			}
		}
	}
	byName := map[string]*FlakyTask{}
	for k, list := range seen {
		slices.SortFunc(list, func(a, b outcome) int { return a.at.Compare(b.at) })
		changed := 0
		for i := 1; i < len(list); i++ {
			if list[i].ok != list[i-1].ok {
				changed++
			}
		}
		if changed == 0 {
			continue
		}
		f := byName[k.name]
		if f == nil {
			f = &FlakyTask{Name: k.name}
			byName[k.name] = f
		}
		f.Changed, f.Reruns, f.Commits = f.Changed+changed, f.Reruns+len(list)-1, append(f.Commits, k.commit)
		for _, o := range list {
			f.Builds = append(f.Builds, o.build)
		}
	}
	out := []FlakyTask{}
	for _, f := range byName {
		slices.Sort(f.Commits)
		slices.Sort(f.Builds)
		f.Builds = slices.Compact(f.Builds)
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b FlakyTask) int {
		return cmp.Or(cmp.Compare(b.Changed, a.Changed), cmp.Compare(a.Name, b.Name))
	})
	return out
}
