// Package flaky tells tests that fail without a reason in the code from tests that are broken, and shows on what it
// stands. It reads with queryd/history and is served by queryd/api; Judge is a pure function of runs and results.
//
// A test is flaky when it has failed on code on which it also passes. Three things prove that: a retry inside a run, a
// repetition of the same commit, and a failure on the main branch that stands alone and that a later run passes although
// nothing but documentation changed between. A failure that nothing of the like contradicts is never taken for flaky,
// whatever came before and after: it may be a regression. How often the test flips between runs only ranks.
//
// What fails because the CI system fails proves nothing: results of runs, and of single jobs, in which more than a fifth
// of the tests failed are left out, as are those of jobs that timed out, were cancelled or died.
package flaky

import (
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// The states of a test.
const (
	Healthy = "healthy"
	IsFlaky = "flaky"
	Broken  = "broken"
)

// States are all states, for messages.
var States = []string{Healthy, IsFlaky, Broken}

// The kinds of evidence.
const (
	KindRetry    = "retry"
	KindRerun    = "rerun"
	KindIsolated = "isolated"
)

// Why results prove nothing.
const (
	DropMassFailure    = "mass_failure"
	DropInfrastructure = "infrastructure"
)

// Options are the thresholds of the verdicts.
type Options struct {
	// Now is the present.
	Now time.Time
	// RecoverAfter is how long after its last flake a test that passes counts as healthy again. Default 7 days.
	RecoverAfter time.Duration
	// RecoverPasses is how many passes in a row make it healthy sooner. Default 300.
	RecoverPasses int
	// MassShare is the share of failed tests above which a run or job proves nothing. Default 0.2.
	MassShare float64
	// MassMin is how many tests must have failed for that: one of three is no mass. Default 3.
	MassMin int
	// PriorFailures and PriorPasses are what is believed of a test before anything is known: Beta(0.5, 100), about the
	// half percent that known flaky tests have as their median. Together they weigh like 100 runs.
	PriorFailures, PriorPasses float64
	// BrokenAfter is how many failures in a row make a flaky test a broken one. Default 3; tests without a flake need 2.
	BrokenAfter int
}

// Defaults are the options that the API uses.
func Defaults(now time.Time) Options {
	return Options{
		Now: now, RecoverAfter: 7 * 24 * time.Hour, RecoverPasses: 300, MassShare: 0.2, MassMin: 3, PriorFailures: 0.5, PriorPasses: 100, BrokenAfter: 3,
	}
}

// Evidence is something that happened to a test.
type Evidence struct {
	Kind      string    `json:"kind" enum:"retry,rerun,isolated"`
	At        time.Time `json:"at"`
	CommitSHA string    `json:"commit_sha"`
	Branch    string    `json:"branch"`
	Outcomes  []string  `json:"outcomes" nullable:"false" doc:"In the order of time"`
	Builds    []string  `json:"builds" nullable:"false" doc:"Ids of the runs, in the same order where there are several"`
	Messages  []string  `json:"messages" nullable:"false"`
	Counts    bool      `json:"counts" doc:"Whether the verdict stands on it"`
	Text      string    `json:"text"`

	lost time.Duration
}

// Verdict is what is concluded of one test.
type Verdict struct {
	history.TestIdentity
	State string
	// Since is when the state began; zero where it has always been so.
	Since time.Time
	// Score is the mean of the posterior of P(fail | the same code passes), Low and High its 90 % interval.
	Score, Low, High         float64
	Runs, Failures           int
	FlipRate                 float64
	Evidence                 []Evidence
	LastFlake                time.Time
	LastFailure, LastPass    time.Time
	Lost                     time.Duration
	PassesSince              int
	Recovered                bool
	Reason                   string
	Results                  []*history.TestResult
	goodFailures, goodPasses int
}

// Flakes counts the evidence that counts.
func (v *Verdict) Flakes() int {
	n := 0
	for i := range v.Evidence {
		if v.Evidence[i].Counts {
			n++
		}
	}
	return n
}

// Facts are what verdicts are made of.
type Facts struct {
	Runs []*build.Run
	// Results hold every result of the tests to judge.
	Results []*history.TestResult
	// Tallies count all tests by run and suite, Suites tell which job ran a suite, Tasks are the jobs of runs with failures.
	Tallies []history.SuiteTally
	Suites  map[history.SuiteKey]string
	Tasks   map[string][]*build.Task
	// Commits are the commits between the runs, as far as they are known, in the order of time.
	Commits []*history.Commit
}

// Drops tells which results prove nothing, and why.
type Drops struct {
	runs  map[string]string
	tasks map[history.SuiteKey]string // Suite holds the task's id
	// share is the part of a run's tests that failed.
	share map[string]float64
}

// Of gives the reason for leaving a result out, or "".
func (d Drops) Of(t *history.TestResult, suites map[history.SuiteKey]string) string {
	run := t.RunKey.ID()
	if why := d.runs[run]; why != "" {
		return why
	}
	task := suites[history.SuiteKey{Run: run, Suite: t.SuiteID}]
	return d.tasks[history.SuiteKey{Run: run, Suite: task}]
}

// Counts gives how many runs or jobs of them were left out, by reason.
func (d Drops) Counts() map[string]int {
	n := map[string]int{DropMassFailure: 0, DropInfrastructure: 0}
	for _, why := range d.runs {
		n[why]++
	}
	for k, why := range d.tasks {
		if d.runs[k.Run] == "" {
			n[why]++
		}
	}
	return n
}

// DropsOf finds the runs and jobs whose results prove nothing.
func DropsOf(f Facts, o Options) Drops {
	d := Drops{runs: map[string]string{}, tasks: map[history.SuiteKey]string{}, share: map[string]float64{}}
	type tally struct{ total, failed int }
	byRun, byTask := map[string]tally{}, map[history.SuiteKey]tally{}
	for _, t := range f.Tallies {
		run := t.RunKey.ID()
		r := byRun[run]
		byRun[run] = tally{r.total + t.Total, r.failed + t.Failed}
		if task := f.Suites[history.SuiteKey{Run: run, Suite: t.SuiteID}]; task != "" {
			k := history.SuiteKey{Run: run, Suite: task}
			x := byTask[k]
			byTask[k] = tally{x.total + t.Total, x.failed + t.Failed}
		}
	}
	mass := func(t tally) bool { return t.failed >= o.MassMin && float64(t.failed) > o.MassShare*float64(t.total) }
	for run, t := range byRun {
		if d.share[run] = 0; t.total > 0 {
			d.share[run] = float64(t.failed) / float64(t.total)
		}
		if mass(t) {
			d.runs[run] = DropMassFailure
		}
	}
	for k, t := range byTask {
		if mass(t) {
			d.tasks[k] = DropMassFailure
		}
	}
	for run, tasks := range f.Tasks {
		for _, t := range tasks {
			if history.Infrastructure(&t.State) {
				d.tasks[history.SuiteKey{Run: run, Suite: t.ID}] = DropInfrastructure
			}
		}
	}
	for _, r := range f.Runs {
		if history.Infrastructure(&r.State) {
			d.runs[r.RunKey.ID()] = DropInfrastructure
		}
	}
	return d
}
