// Package flakes makes the test history of a repository with planted flaky tests and planted regressions, and measures
// how well verdicts tell them apart. It knows which is which from the planting and nothing of how verdicts are found.
//
// The rates at which its flaky tests fail have the quantiles of 101 flaky tests measured by others: 10, 25, 50, 75 and
// 90 % of them fail in 0.05, 0.075, 0.4, 1.7 and 2.7 % of runs at most. Around them happens what happens in the field:
// runners die and fail much of what they run, tests are added, removed and renamed, suites are cut into shards that
// change, commits break tests for a few commits, and only a part of the failures is run again.
package flakes

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/flaky"
	"github.com/summitobs/summit/queryd/history"
)

// Options of a history.
type Options struct {
	Seed uint64
	// Tests is how many there are at the beginning. Default 2000.
	Tests int
	// Runs is how many commits are built. Default 200.
	Runs int
	// FlakyShare is the share of flaky tests. Default 0.05.
	FlakyShare float64
	// Regressions is how many are planted. Default 100.
	Regressions int
	// RetryInRun is the share of runs whose runner repeats failed tests; of the others, RerunShare are run again whole when
	// they failed. Defaults 0.5 and 0.7.
	RetryInRun, RerunShare float64
	// Bursts is the share of runs in which a runner dies. Default 0.05.
	Bursts float64
}

func (o Options) defaults() Options {
	set := func(f *float64, v float64) {
		if *f == 0 {
			*f = v
		}
	}
	set(&o.FlakyShare, 0.05)
	set(&o.RetryInRun, 0.5)
	set(&o.RerunShare, 0.7)
	set(&o.Bursts, 0.05)
	for p, v := range map[*int]int{&o.Tests: 2000, &o.Runs: 200, &o.Regressions: 100} {
		if *p == 0 {
			*p = v
		}
	}
	return o
}

// shards is how many jobs a run's tests are divided among, at the beginning.
const shards = 8

// test is a planted test.
type test struct {
	name  string
	suite int
	// rate is the probability of a failure without a reason; 0 for a steady test.
	rate float64
	// from and to are the runs in which it exists under this name.
	from, to int
	// broken are the first and the last commit that it fails on for a reason, -1 for none.
	brokenFrom, brokenTo int
	// seen is what a perfect observer could know.
	failedAlone bool // failed without a reason at least once, where no runner died
	repeated    bool // and was run again on that code
	lastAlone   string
}

func (t *test) id() string {
	h := sha256.Sum256([]byte(t.name))
	return fmt.Sprintf("%x", h[:16])
}

// History is what a CI system would have told, and the truth beside it.
type History struct {
	Facts flaky.Facts
	End   time.Time
	tests []*test
}

var start = time.Date(2026, 2, 2, 6, 0, 0, 0, time.UTC)

// every is the time between two commits: 200 of them take about four days.
const every = 28 * time.Minute

// New makes a history.
func New(o Options) *History {
	o = o.defaults()
	g := &generator{Options: o, rand: rand.New(rand.NewPCG(o.Seed, 17)), History: &History{}, suites: o.Tests / 25}
	g.Facts.Suites, g.Facts.Tasks = map[history.SuiteKey]string{}, map[string][]*build.Task{}
	for range o.Tests {
		g.plant(0)
	}
	g.regress()
	for i := range o.Runs {
		g.churn(i)
		g.commit(i)
	}
	g.End = start.Add(time.Duration(o.Runs) * every)
	return g.History
}

type generator struct {
	Options
	*History
	rand   *rand.Rand
	suites int
	// burst is the share of tests that a dying runner fails, drawn for each.
	burst float64
	named int
}

// rate draws from the measured quantiles, linear between them.
func (g *generator) rate() float64 {
	points := []struct{ p, rate float64 }{{0, 0.0002}, {0.1, 0.0005}, {0.25, 0.00075}, {0.5, 0.004}, {0.75, 0.017}, {0.9, 0.027}, {1, 0.08}}
	x := g.rand.Float64()
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if x <= b.p {
			return a.rate + (b.rate-a.rate)*(x-a.p)/(b.p-a.p)
		}
	}
	return points[len(points)-1].rate
}

func (g *generator) plant(from int) *test {
	g.named++
	t := &test{name: fmt.Sprintf("test %d", g.named), suite: g.rand.IntN(g.suites), from: from, to: g.Runs, brokenFrom: -1, brokenTo: -1}
	if g.rand.Float64() < g.FlakyShare {
		t.rate = g.rate()
	}
	g.tests = append(g.tests, t)
	return t
}

// regress breaks steady tests for one to five commits each, some until the end.
func (g *generator) regress() {
	left := g.Regressions
	for _, i := range g.rand.Perm(len(g.tests)) {
		t := g.tests[i]
		if left == 0 {
			return
		}
		if t.rate > 0 {
			continue
		}
		left--
		t.brokenFrom = 2 + g.rand.IntN(g.Runs-2)
		t.brokenTo = min(t.brokenFrom+g.rand.IntN(5), g.Runs)
	}
}

// churn adds, removes and renames tests. Those with a planted regression stay, so that all of them are seen.
func (g *generator) churn(i int) {
	if i == 0 {
		return
	}
	for range g.rand.IntN(4) {
		g.plant(i)
	}
	for range g.rand.IntN(3) {
		t := g.tests[g.rand.IntN(len(g.tests))]
		if t.brokenFrom >= 0 || t.to != g.Runs {
			continue
		}
		t.to = i
		if g.rand.IntN(2) == 0 { // the same test under a new name
			g.plant(i).rate = t.rate
		}
	}
}

// commit builds one commit, again where it failed and somebody cares.
func (g *generator) commit(i int) {
	sha := fmt.Sprintf("%040x", i+1)
	at := start.Add(time.Duration(i) * every)
	g.Facts.Commits = append(g.Facts.Commits, &history.Commit{
		Repo: "acme/shop", SHA: sha, Branch: "main", At: at, Files: []string{fmt.Sprintf("src/module%d.go", g.rand.IntN(40))}, FilesKnown: true,
	})
	retries := g.rand.Float64() < g.RetryInRun
	failed := g.attempt(i, 1, sha, at, retries)
	if failed && g.rand.Float64() < g.RerunShare {
		g.attempt(i, 2, sha, at.Add(12*time.Minute), retries)
	}
}

// attempt runs all tests of a commit.
func (g *generator) attempt(i, attempt int, sha string, at time.Time, retries bool) (failed bool) {
	key := build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: fmt.Sprint(1000 + i), Attempt: uint16(attempt)}
	run := &build.Run{RunKey: key, State: build.State{
		Pipeline: "ci", Branch: "main", CommitSHA: sha, Trigger: "push", Status: build.StatusSuccess, CreatedAt: at, FinishedAt: at.Add(10 * time.Minute),
	}}
	n := shards + i*8/g.Runs // a shard is added now and then
	dead := -1
	if g.rand.Float64() < g.Bursts {
		dead, g.burst = g.rand.IntN(n), 0.3+0.6*g.rand.Float64()
	}
	tallies := map[string]*history.SuiteTally{}
	for _, t := range g.tests {
		if i < t.from || i >= t.to {
			continue
		}
		shard := (t.suite*31 + n) % n
		suite := fmt.Sprintf("suite %d", t.suite)
		r := g.run(t, i, shard == dead, retries)
		r.RunKey, r.SuiteID, r.Suite = key, suite, suite
		r.At = at.Add(time.Duration(5+g.rand.IntN(200)) * time.Second)
		g.Facts.Results = append(g.Facts.Results, r)
		g.Facts.Suites[history.SuiteKey{Run: key.ID(), Suite: suite}] = fmt.Sprintf("shard %d", shard)
		tally := tallies[suite]
		if tally == nil {
			tally = &history.SuiteTally{RunKey: key, SuiteID: suite}
			tallies[suite] = tally
		}
		tally.Total++
		if r.Failed() {
			tally.Failed++
		}
		g.remember(t, r, attempt, shard == dead)
		failed = failed || r.Outcome == history.Fail
	}
	for _, t := range tallies {
		g.Facts.Tallies = append(g.Facts.Tallies, *t)
	}
	if failed {
		run.Status = build.StatusFailure
	}
	g.Facts.Runs = append([]*build.Run{run}, g.Facts.Runs...)
	return failed
}

// run is one test in one attempt: up to three executions where the runner repeats failures.
func (g *generator) run(t *test, i int, dead, retries bool) *history.TestResult {
	r := &history.TestResult{
		TestIdentity: history.TestIdentity{TestID: t.id(), Repo: "acme/shop", Name: t.name}, Outcome: history.Fail,
		Duration: time.Duration(20+g.rand.IntN(400)) * time.Millisecond,
	}
	executions := 1
	if retries {
		executions = 3
	}
	for range executions {
		fails := g.rand.Float64() < t.rate || i >= t.brokenFrom && i <= t.brokenTo && t.brokenFrom >= 0
		if dead && g.rand.Float64() < g.burst {
			fails = true
		}
		if !fails {
			r.Outcomes = append(r.Outcomes, "pass")
			r.Outcome = history.Pass
			break
		}
		r.Outcomes = append(r.Outcomes, "fail")
	}
	if r.Outcome == history.Pass && len(r.Outcomes) > 1 {
		r.Outcome = history.Flaky
	}
	return r
}

// remember keeps what a perfect observer could have seen of a flaky test.
func (g *generator) remember(t *test, r *history.TestResult, attempt int, dead bool) {
	if t.rate == 0 || dead {
		return
	}
	if attempt == 2 && t.lastAlone == r.RunID {
		t.repeated = true
	}
	if r.Failed() {
		t.failedAlone = true
		t.repeated = t.repeated || len(r.Outcomes) > 1
		if attempt == 1 {
			t.lastAlone = r.RunID
		}
	}
}

// Result is how well the verdicts tell flaky tests from others.
type Result struct {
	// Flaky is how many tests are flaky, Failed how many of them failed at least once, Retried how many of those were run
	// again on the same code: nobody can know of the others.
	Flaky, Failed, Retried int
	// Called are verdicts "flaky", Right those of flaky tests, Found those of flaky tests that were run again.
	Called, Right, Found int
	// Regressions is how many were planted and seen, RegressionsCalled how many of them are called flaky.
	Regressions, RegressionsCalled int
	// Unproven counts flaky verdicts without evidence.
	Unproven int
	// Dropped are the runs and jobs that were left out.
	Dropped map[string]int
}

// Precision is the share of flaky verdicts that are right.
func (r Result) Precision() float64 { return float64(r.Right) / float64(max(r.Called, 1)) }

// Recall is the share of the flaky tests that failed and were run again which are found.
func (r Result) Recall() float64 { return float64(r.Found) / float64(max(r.Retried, 1)) }

// Judge asks for verdicts and compares them with the truth.
func Judge(h *History) Result {
	verdicts, drops := flaky.Judge(h.Facts, flaky.Defaults(h.End))
	by := make(map[string]*flaky.Verdict, len(verdicts))
	for _, v := range verdicts {
		by[v.TestID] = v
	}
	r := Result{Dropped: drops.Counts()}
	for _, t := range h.tests {
		v := by[t.id()]
		if v == nil {
			continue
		}
		called := v.State == flaky.IsFlaky
		if called {
			r.Called++
			if v.Flakes() == 0 {
				r.Unproven++
			}
		}
		if t.brokenFrom >= 0 && v.Failures > 0 {
			r.Regressions++
			if called {
				r.RegressionsCalled++
			}
		}
		if t.rate == 0 {
			continue
		}
		r.Flaky++
		if called {
			r.Right++
		}
		if t.failedAlone {
			r.Failed++
		}
		if t.repeated {
			if r.Retried++; called {
				r.Found++
			}
		}
	}
	return r
}
