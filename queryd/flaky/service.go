package flaky

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/runner"
)

// maxEvidence is the most pieces of evidence and results that one answer shows.
const maxEvidence = 500

// Service judges the tests of one store.
type Service struct{ *history.Reader }

// New makes a service over a reader.
func New(r *history.Reader) *Service { return &Service{Reader: r} }

// Query asks about tests.
type Query struct {
	history.Window
	Repo, Branch, Owner, State, Suite, Name, Cursor string
	Limit                                           int
}

// FlakyTest is a test with its verdict.
type FlakyTest struct {
	TestID           string         `json:"test_id" doc:"32 hex digits, the same for all runs"`
	Repo             string         `json:"repo"`
	Name             string         `json:"name"`
	Suite            string         `json:"suite"`
	File             string         `json:"file"`
	Owner            string         `json:"owner"`
	Framework        string         `json:"framework"`
	State            string         `json:"state" enum:"healthy,flaky,broken"`
	StateSince       *time.Time     `json:"state_since"`
	Score            float64        `json:"score" doc:"Mean of the posterior of P(fail | the same code passes)"`
	ScoreLow         float64        `json:"score_low" doc:"Lower end of its 90 % interval"`
	ScoreHigh        float64        `json:"score_high"`
	Runs             int            `json:"runs"`
	Failures         int            `json:"failures"`
	FlipRate         float64        `json:"flip_rate" doc:"Ranks only: it tells flaky tests from broken ones badly"`
	Flakes           int            `json:"flakes" doc:"Pieces of evidence that count"`
	LastFlakeAt      *time.Time     `json:"last_flake_at"`
	LastFailureAt    *time.Time     `json:"last_failure_at"`
	LastPassAt       *time.Time     `json:"last_pass_at"`
	LostNS           int64          `json:"lost_ns" doc:"Time of executions that flakes caused"`
	MedianDurationNS int64          `json:"median_duration_ns"`
	Kinds            map[string]int `json:"kinds" doc:"Evidence that counts, by kind: retry, rerun, isolated"`
	Reason           string         `json:"reason"`
}

// FlakyList is a page of tests.
type FlakyList struct {
	Items   []FlakyTest  `json:"items" nullable:"false"`
	Next    *string      `json:"next" doc:"Cursor of the next page; null on the last one"`
	Partial bool         `json:"partial"`
	Sampled bool         `json:"sampled"`
	Summary FlakySummary `json:"summary"`
}

// FlakySummary counts all tests of the question.
type FlakySummary struct {
	Tests       int            `json:"tests"`
	Healthy     int            `json:"healthy"`
	Flaky       int            `json:"flaky"`
	Broken      int            `json:"broken"`
	DroppedRuns map[string]int `json:"dropped_runs" doc:"Runs and jobs whose results prove nothing: mass_failure, infrastructure"`
}

// FlakyDetail is one test with all that its verdict stands on.
type FlakyDetail struct {
	FlakyTest
	Evidence []Evidence    `json:"evidence" nullable:"false" doc:"Newest first"`
	History  []FlakyResult `json:"history" nullable:"false" doc:"Newest first, at most 500"`
	Recovery FlakyRecovery `json:"recovery"`
	Owners   []string      `json:"owners" nullable:"false"`
	Partial  bool          `json:"partial"`
}

// FlakyResult is the test in one run.
type FlakyResult struct {
	BuildID       string     `json:"build_id"`
	Attempt       uint16     `json:"attempt"`
	CommitSHA     string     `json:"commit_sha"`
	Branch        string     `json:"branch"`
	At            *time.Time `json:"at"`
	Status        string     `json:"status" enum:"pass,fail,flaky,skip,error"`
	Outcomes      []string   `json:"outcomes" nullable:"false"`
	DurationNS    int64      `json:"duration_ns"`
	Message       string     `json:"message"`
	ErrorFP       string     `json:"error_fp"`
	Used          bool       `json:"used" doc:"Whether it may be evidence"`
	DroppedReason string     `json:"dropped_reason" enum:",mass_failure,infrastructure"`
}

// FlakyRecovery says what makes a flaky test healthy again.
type FlakyRecovery struct {
	PassesSince  int        `json:"passes_since"`
	PassesNeeded int        `json:"passes_needed"`
	RecoversAt   *time.Time `json:"recovers_at" doc:"When it will be healthy if it goes on passing; null where it isn't flaky"`
}

// judged is what one reading of the store gives.
type judged struct {
	verdicts []*Verdict
	drops    Drops
	facts    Facts
	options  Options
	full     bool
}

// judge reads what is needed for the tests that failed in the window and gives their verdicts; with id, for that test.
func (s *Service) judge(ctx context.Context, c access.Caller, q Query, id string) (*judged, error) {
	scope := c.Scope(q.From, q.To)
	j := &judged{options: Defaults(s.Now())}
	var err error
	if j.facts.Runs, err = s.Runs(ctx, scope, history.RunFilter{Repo: q.Repo, Branch: q.Branch}, 0); err != nil {
		return nil, err
	}
	// Everything that failed is read even for one test: whether a run proves anything depends on the others.
	f := history.TestFilter{Repo: q.Repo, Unsteady: true}
	if j.facts.Results, j.full, err = s.Tests(ctx, scope, f); err != nil {
		return nil, err
	}
	if id != "" && !slices.ContainsFunc(j.facts.Results, func(t *history.TestResult) bool { return t.TestID == id }) {
		steady, full, err := s.Tests(ctx, scope, history.TestFilter{Repo: q.Repo, ID: id})
		if err != nil {
			return nil, err
		}
		j.facts.Results, j.full = append(j.facts.Results, steady...), j.full && full
	}
	if j.facts.Tallies, err = s.SuiteTallies(ctx, scope, history.TestFilter{Repo: q.Repo}); err != nil {
		return nil, err
	}
	if err := s.surroundings(ctx, c, q, &j.facts); err != nil {
		return nil, err
	}
	j.verdicts, j.drops = Judge(j.facts, j.options)
	j.full = j.full && len(j.facts.Runs) < history.MaxRuns
	return j, nil
}

// surroundings reads the jobs of runs with failures, and the commits where a verdict can depend on them.
func (s *Service) surroundings(ctx context.Context, c access.Caller, q Query, f *Facts) error {
	scope := c.Scope(q.From, q.To)
	bad := map[string]bool{}
	for _, t := range f.Tallies {
		if t.Failed > 0 {
			bad[t.RunKey.ID()] = true
		}
	}
	if len(bad) == 0 {
		return nil
	}
	var err error
	if f.Suites, err = s.SuiteTasks(ctx, scope, history.TestFilter{Repo: q.Repo}); err != nil {
		return err
	}
	var keys []build.RunKey
	for _, r := range f.Runs {
		if bad[r.RunKey.ID()] {
			keys = append(keys, r.RunKey)
		}
	}
	if f.Tasks, err = s.Tasks(ctx, s.Ever(c), keys); err != nil {
		return err
	}
	if q.Repo != "" {
		f.Commits, err = s.Commits(ctx, c.Scope(q.From.AddDate(0, 0, -30), q.To), history.RepoKey{Repo: q.Repo}, 0)
	}
	return err
}

// List judges tests, the flaky ones first.
func (s *Service) List(ctx context.Context, c access.Caller, q Query) (FlakyList, error) {
	list := FlakyList{Items: []FlakyTest{}}
	if q.State != "" && !slices.Contains(States, q.State) {
		return list, runner.Wrong("state", "unknown state", States...)
	}
	j, err := s.judge(ctx, c, q, "")
	if err != nil {
		return list, err
	}
	totals, err := s.TestTotals(ctx, c.Scope(q.From, q.To), history.TestFilter{Repo: q.Repo})
	if err != nil {
		return list, err
	}
	list.Summary.DroppedRuns, list.Partial = j.drops.Counts(), !j.full
	all := []FlakyTest{}
	for _, v := range withSteady(j, totals, q.Branch == "") {
		it := itemOf(v, totals[v.TestID])
		if !q.asksFor(&it) {
			continue
		}
		list.Summary.count(it.State)
		if q.State == "" || q.State == it.State {
			all = append(all, it)
		}
	}
	list.Items, list.Next, err = history.Paged("flaky-tests", all, q.Cursor, q.Limit)
	return list, err
}

// withSteady adds the tests that never failed, of which only the numbers are read. On one branch alone they aren't known.
func withSteady(j *judged, totals map[string]*history.TestTotal, all bool) []*Verdict {
	verdicts := slices.Clone(j.verdicts)
	if !all {
		return verdicts
	}
	have := map[string]bool{}
	for _, v := range verdicts {
		have[v.TestID] = true
	}
	for id, t := range totals {
		if have[id] {
			continue
		}
		p := beta{j.options.PriorFailures, j.options.PriorPasses + float64(t.Passes)}
		verdicts = append(verdicts, &Verdict{
			TestIdentity: t.TestIdentity, State: Healthy, Score: p.mean(), Low: p.quantile(0.05), High: p.quantile(0.95), Runs: t.Runs - t.Skips,
			LastPass: t.Last, Reason: "did not fail",
		})
	}
	slices.SortFunc(verdicts, Rank)
	return verdicts
}

func (q Query) asksFor(t *FlakyTest) bool {
	return (q.Owner == "" || slices.Contains(strings.Fields(t.Owner), q.Owner)) && (q.Suite == "" || t.Suite == q.Suite) &&
		(q.Name == "" || strings.Contains(strings.ToLower(t.Name), strings.ToLower(q.Name)))
}

func (s *FlakySummary) count(state string) {
	s.Tests++
	switch state {
	case Healthy:
		s.Healthy++
	case IsFlaky:
		s.Flaky++
	case Broken:
		s.Broken++
	}
}

func itemOf(v *Verdict, total *history.TestTotal) FlakyTest {
	it := FlakyTest{
		TestID: v.TestID, Repo: v.Repo, Name: v.Name, Suite: v.Suite, File: v.File, Owner: v.Owner, Framework: v.Framework, State: v.State,
		StateSince: history.Known(v.Since), Score: v.Score, ScoreLow: v.Low, ScoreHigh: v.High, Runs: v.Runs, Failures: v.Failures, FlipRate: v.FlipRate,
		Flakes: v.Flakes(), LastFlakeAt: history.Known(v.LastFlake), LastFailureAt: history.Known(v.LastFailure), LastPassAt: history.Known(v.LastPass),
		LostNS: int64(v.Lost), Kinds: map[string]int{KindRetry: 0, KindRerun: 0, KindIsolated: 0}, Reason: v.Reason,
	}
	for _, e := range v.Evidence {
		if e.Counts {
			it.Kinds[e.Kind]++
		}
	}
	if total != nil {
		it.MedianDurationNS = int64(total.Median)
	}
	return it
}

// Test judges one test and shows what its verdict stands on.
func (s *Service) Test(ctx context.Context, c access.Caller, id string, q Query) (FlakyDetail, error) {
	d := FlakyDetail{Evidence: []Evidence{}, History: []FlakyResult{}, Owners: []string{}}
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return d, runner.Wrong("test_id", "a test's id is 32 lower-case hex digits")
	}
	j, err := s.judge(ctx, c, q, id)
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(j.verdicts, func(v *Verdict) bool { return v.TestID == id })
	if i < 0 {
		return d, runner.Missing("test", id)
	}
	v := j.verdicts[i]
	d.FlakyTest, d.Partial = itemOf(v, nil), !j.full
	d.Owners = append(d.Owners, strings.Fields(v.Owner)...)
	for _, e := range slices.Backward(v.Evidence) {
		if len(d.Evidence) < maxEvidence {
			d.Evidence = append(d.Evidence, e)
		}
	}
	var took []int64
	for _, t := range slices.Backward(v.Results) {
		took = append(took, int64(t.Duration))
		if len(d.History) < maxEvidence {
			d.History = append(d.History, j.result(t))
		}
	}
	slices.Sort(took)
	d.MedianDurationNS = took[len(took)/2]
	d.Recovery = FlakyRecovery{PassesSince: v.PassesSince, PassesNeeded: j.options.RecoverPasses}
	if v.State == IsFlaky {
		d.Recovery.RecoversAt = history.Known(v.LastFlake.Add(j.options.RecoverAfter))
	}
	return d, nil
}

func (j *judged) result(t *history.TestResult) FlakyResult {
	why := j.drops.Of(t, j.facts.Suites)
	r := FlakyResult{
		BuildID: t.RunKey.ID(), Attempt: t.Attempt, At: history.Known(t.At), Status: t.Outcome.Word(), Outcomes: append([]string{}, t.Outcomes...),
		DurationNS: int64(t.Duration), Message: t.Message, ErrorFP: t.ErrorFP, DroppedReason: why,
		Used: why == "" && t.Outcome != history.Skip && t.Outcome != history.Error,
	}
	for _, run := range j.facts.Runs {
		if run.RunKey == t.RunKey {
			r.CommitSHA, r.Branch = run.CommitSHA, run.Branch
		}
	}
	return r
}
