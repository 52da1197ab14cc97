package flaky

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// judge holds what the verdicts of all tests share.
type judge struct {
	Facts
	o     Options
	drops Drops
	runs  map[string]*build.Run
	// failing counts the tests that failed for good, by run.
	failing map[string]int
}

// Judge gives a verdict on each test that has results. Those of tests that never failed are healthy.
func Judge(f Facts, o Options) ([]*Verdict, Drops) {
	j := &judge{Facts: f, o: o, drops: DropsOf(f, o), runs: map[string]*build.Run{}, failing: map[string]int{}}
	for _, r := range f.Runs {
		j.runs[r.RunKey.ID()] = r
	}
	byTest := map[string][]*history.TestResult{}
	for _, t := range f.Results {
		run := t.RunKey.ID()
		if j.runs[run] == nil {
			continue
		}
		byTest[t.TestID] = append(byTest[t.TestID], t)
		if t.Outcome == history.Fail || t.Outcome == history.Error {
			j.failing[run]++
		}
	}
	out := make([]*Verdict, 0, len(byTest))
	for _, results := range byTest {
		out = append(out, j.test(results))
	}
	slices.SortFunc(out, Rank)
	return out, j.drops
}

// Rank orders verdicts: flaky ones by their score, then the broken, then the healthy by how often they flip.
func Rank(a, b *Verdict) int {
	order := []string{IsFlaky, Broken, Healthy}
	return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), cmp.Compare(b.Score, a.Score),
		cmp.Compare(b.FlipRate, a.FlipRate), cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Name, b.Name), cmp.Compare(a.TestID, b.TestID))
}

// began is when the run of a result began: results are in the order of the code that they ran on.
func (j *judge) began(t *history.TestResult) time.Time {
	if r := j.runs[t.RunKey.ID()]; r != nil && !history.Began(r).IsZero() {
		return history.Began(r)
	}
	return t.At
}

func (j *judge) test(results []*history.TestResult) *Verdict {
	slices.SortFunc(results, func(a, b *history.TestResult) int {
		return cmp.Or(j.began(a).Compare(j.began(b)), cmp.Compare(a.RunID, b.RunID), cmp.Compare(a.Attempt, b.Attempt))
	})
	v := &Verdict{TestIdentity: results[len(results)-1].TestIdentity, Results: results}
	var used []*history.TestResult
	for _, t := range results {
		if t.Outcome == history.Skip {
			continue
		}
		v.Runs++
		if t.Failed() {
			v.Failures++
			v.LastFailure = latest(v.LastFailure, t.At)
		}
		if t.Outcome == history.Pass || t.Outcome == history.Flaky {
			v.LastPass = latest(v.LastPass, t.At)
		}
		if j.drops.Of(t, j.Suites) == "" && t.Outcome != history.Error {
			used = append(used, t)
		}
	}
	v.FlipRate = j.flips(used)
	j.sameCode(v, used)
	j.isolated(v, used)
	slices.SortStableFunc(v.Evidence, func(a, b Evidence) int { return a.At.Compare(b.At) })
	for _, e := range v.Evidence {
		if e.Counts {
			v.LastFlake = latest(v.LastFlake, e.At)
			v.Lost += e.lost
		}
	}
	p := beta{j.o.PriorFailures + float64(v.goodFailures), j.o.PriorPasses + float64(v.goodPasses)}
	v.Score, v.Low, v.High = p.mean(), p.quantile(0.05), p.quantile(0.95)
	j.state(v, used)
	return v
}

// flips is how often the result changes from one run to the next on one branch.
func (j *judge) flips(used []*history.TestResult) float64 {
	last := map[string]bool{}
	pairs, flips := 0, 0
	for _, t := range used {
		branch := j.runs[t.RunKey.ID()].Branch
		before, seen := last[branch]
		failed := t.Failed()
		if seen {
			pairs++
			if before != failed {
				flips++
			}
		}
		last[branch] = failed
	}
	if pairs == 0 {
		return 0
	}
	return float64(flips) / float64(pairs)
}

// codeKey names one state of the code: a commit as one pipeline builds it.
type codeKey struct{ commit, pipeline, run string }

func (j *judge) code(t *history.TestResult) codeKey {
	r := j.runs[t.RunKey.ID()]
	k := codeKey{commit: r.CommitSHA, pipeline: r.Pipeline}
	if r.CommitSHA == "" || history.MovesWithBase(r.Trigger) {
		k.run = r.RunID
	}
	return k
}

// sameCode finds failures on code that the test passes on as well, and counts what happened on such code.
func (j *judge) sameCode(v *Verdict, used []*history.TestResult) {
	groups := map[codeKey][]*history.TestResult{}
	var order []codeKey
	for _, t := range used {
		k := j.code(t)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], t)
	}
	for _, k := range order {
		good, failures, passes := false, 0, 0
		var failed *history.TestResult
		for _, t := range groups[k] {
			for _, o := range t.Outcomes {
				if o == "fail" {
					failures++
				} else {
					passes++
				}
			}
			switch t.Outcome {
			case history.Flaky:
				e := j.retry(t)
				v.Evidence = append(v.Evidence, e)
				good = good || e.Counts
			case history.Pass:
				if good = true; failed != nil {
					v.Evidence = append(v.Evidence, j.rerun(failed, t))
					failed = nil
				}
			case history.Fail:
				failed = t
			}
		}
		if good {
			v.goodFailures, v.goodPasses = v.goodFailures+failures, v.goodPasses+passes
		}
	}
}

// retry is evidence from one run: the test failed, was run again, and passed. Where the run failed although no test did,
// the failure may be that of another platform which the report put together with this one: then it doesn't count.
func (j *judge) retry(t *history.TestResult) Evidence {
	r := j.runs[t.RunKey.ID()]
	again := len(t.Outcomes) - 1
	e := Evidence{
		Kind: KindRetry, At: t.At, CommitSHA: r.CommitSHA, Branch: r.Branch, Outcomes: t.Outcomes, Builds: []string{t.RunKey.ID()}, Messages: []string{},
		Counts: true, lost: t.Duration * time.Duration(max(again, 1)),
		Text: fmt.Sprintf("failed and passed on %s in the same run, after %d more %s", short(r.CommitSHA), again, plural(again, "execution")),
	}
	if t.Message != "" {
		e.Messages = append(e.Messages, t.Message)
	}
	if r.Status == build.StatusFailure && j.failing[t.RunKey.ID()] == 0 {
		e.Counts = false
		e.Text += "; doesn't count, because the run failed without a failed test: another platform may have failed"
	}
	return e
}

func (j *judge) rerun(failed, passed *history.TestResult) Evidence {
	r := j.runs[failed.RunKey.ID()]
	e := Evidence{
		Kind: KindRerun, At: failed.At, CommitSHA: r.CommitSHA, Branch: r.Branch, Outcomes: []string{"fail", "pass"},
		Builds: []string{failed.RunKey.ID(), passed.RunKey.ID()}, Messages: []string{}, Counts: true, lost: passed.Duration,
		Text: "failed on " + short(r.CommitSHA) + " and passed on the same commit when it was run again",
	}
	if failed.Message != "" {
		e.Messages = append(e.Messages, failed.Message)
	}
	return e
}

// MainBranches are the names under which the branch of finished work goes.
var MainBranches = []string{"main", "master", "trunk", "develop", "default"}

// isolated finds failures on the main branch that stand alone between passes.
func (j *judge) isolated(v *Verdict, used []*history.TestResult) {
	var main []*history.TestResult
	for _, t := range used {
		if slices.Contains(MainBranches, j.runs[t.RunKey.ID()].Branch) {
			main = append(main, t)
		}
	}
	for i := 1; i+1 < len(main); i++ {
		before, t, after := main[i-1], main[i], main[i+1]
		if t.Outcome != history.Fail || before.Outcome != history.Pass || after.Outcome != history.Pass || j.code(t) == j.code(after) {
			continue
		}
		r, next := j.runs[t.RunKey.ID()], j.runs[after.RunKey.ID()]
		if j.failing[t.RunKey.ID()] > 2 || r.Pipeline != next.Pipeline {
			continue
		}
		e := Evidence{
			Kind: KindIsolated, At: t.At, CommitSHA: r.CommitSHA, Branch: r.Branch, Outcomes: []string{"pass", "fail", "pass"},
			Builds: []string{before.RunKey.ID(), t.RunKey.ID(), after.RunKey.ID()}, Messages: []string{}, lost: t.Duration,
			Text: "failed alone on " + short(r.CommitSHA) + " between two passes",
		}
		if t.Message != "" {
			e.Messages = append(e.Messages, t.Message)
		}
		switch why := j.unchanged(r.CommitSHA, next.CommitSHA); why {
		case "":
			e.Counts = true
			e.Text += "; nothing but documentation changed up to the run that passed"
			v.goodFailures++
		default:
			e.Text += "; doesn't count, " + why
		}
		v.Evidence = append(v.Evidence, e)
	}
}

// unchanged tells why two commits may differ in what a test sees, or "" where they don't.
func (j *judge) unchanged(from, to string) string {
	between, complete := history.Between(j.Commits, from, to)
	if !complete || len(between) == 0 {
		return "because the commits up to the run that passed aren't all known"
	}
	for _, c := range between {
		if !c.FilesKnown {
			return "because it isn't known what " + short(c.SHA) + " changed"
		}
		for _, f := range c.Files {
			if !documentation(f) {
				return "because " + short(c.SHA) + " changed " + f
			}
		}
	}
	return ""
}

func documentation(file string) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".md", ".rst", ".adoc", ".txt", ".png", ".svg", ".jpg":
		return !strings.Contains(file, "testdata/") && !strings.HasSuffix(file, "requirements.txt") && !strings.HasSuffix(file, "CMakeLists.txt")
	}
	base := path.Base(file)
	return base == "LICENSE" || base == "CODEOWNERS" || base == "AUTHORS"
}

// state walks through the results and the evidence in the order of time.
func (j *judge) state(v *Verdict, used []*history.TestResult) {
	v.State = Healthy
	var flakes []time.Time
	for _, e := range v.Evidence {
		if e.Counts {
			flakes = append(flakes, e.At)
		}
	}
	streak := j.streak(used)
	next := 0
	for _, t := range used {
		for next < len(flakes) && !flakes[next].After(t.At) {
			if next++; v.State == Healthy {
				v.State, v.Since = IsFlaky, flakes[next-1]
			}
			v.PassesSince = 0
		}
		if v.State == IsFlaky && t.Outcome == history.Pass && t.At.After(flakes[next-1]) {
			v.PassesSince++
			if v.PassesSince >= j.o.RecoverPasses || t.At.Sub(flakes[next-1]) >= j.o.RecoverAfter {
				v.State, v.Since, v.Recovered = Healthy, t.At, true
			}
		}
	}
	if v.State == IsFlaky && v.PassesSince > 0 && j.o.Now.Sub(v.LastFlake) >= j.o.RecoverAfter {
		v.State, v.Since, v.Recovered = Healthy, v.LastFlake.Add(j.o.RecoverAfter), true
	}
	need := 2
	if len(flakes) > 0 {
		need = j.o.BrokenAfter
	}
	if len(streak) >= need || len(streak) == 1 && len(streak[0].Outcomes) > 1 && len(flakes) == 0 {
		v.State, v.Since = Broken, streak[0].At
	}
	v.Reason = reasonOf(v, streak, len(flakes))
}

// streak are the failures at the end that no pass follows, on the branch of finished work where there are results of it.
func (j *judge) streak(used []*history.TestResult) []*history.TestResult {
	onMain := func(t *history.TestResult) bool { return slices.Contains(MainBranches, j.runs[t.RunKey.ID()].Branch) }
	list := used
	if slices.ContainsFunc(used, onMain) {
		list = nil
		for _, t := range used {
			if onMain(t) {
				list = append(list, t)
			}
		}
	}
	i := len(list)
	for i > 0 && list[i-1].Outcome == history.Fail {
		i--
	}
	return list[i:]
}

func reasonOf(v *Verdict, streak []*history.TestResult, flakes int) string {
	switch {
	case v.State == Broken && len(streak) == 1:
		return fmt.Sprintf("failed in its last run, %d times in a row", len(streak[0].Outcomes))
	case v.State == Broken:
		return fmt.Sprintf("failed in its last %d runs", len(streak))
	case v.State == IsFlaky:
		return fmt.Sprintf("failed %d %s on code that it passes on; %d passes since", flakes, plural(flakes, "time"), v.PassesSince)
	case v.Recovered:
		return fmt.Sprintf("was flaky, but has passed since %s", v.LastFlake.UTC().Format(time.DateOnly))
	case len(streak) == 1:
		return "failed in its last run, which nothing has repeated or contradicted yet"
	case v.Failures > 0:
		return "its failures were not seen on code that it passes on"
	default:
		return "did not fail"
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func short(sha string) string { return sha[:min(len(sha), 8)] }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
