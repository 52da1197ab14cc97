// Package durations finds tests that became slower, and since which run. It reads with queryd/history and is served by
// queryd/api. A change point is where a median before and one after describe all runs best; it counts when the two differ by
// enough against the noise, which is the median absolute deviation. One slow run, or a few, move neither.
package durations

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
)

// Thresholds of a regression.
const (
	// side is the fewest runs before and after a change.
	side = 5
	// leastRatio and leastDelta are how much slower a test must be to be worth a word.
	leastRatio = 1.3
	leastDelta = 50 * time.Millisecond
	// leastSignal is how many times the noise the difference of the medians must be.
	leastSignal = 4.0
	// maxSeries is how many of the newest runs of a test are looked at.
	maxSeries = 400
	// maxPoints is how many of them an answer shows.
	maxPoints = 120
)

// Service finds the slower tests of one store.
type Service struct{ *history.Reader }

// New makes a service over a reader.
func New(r *history.Reader) *Service { return &Service{Reader: r} }

// Query asks about tests of a repository.
type Query struct {
	history.Window
	Repo, Branch, Cursor string
	Limit                int
}

// Slower is a test that became slower.
type Slower struct {
	TestID     string           `json:"test_id"`
	Name       string           `json:"name"`
	Suite      string           `json:"suite"`
	Owner      string           `json:"owner"`
	Repo       string           `json:"repo"`
	BeforeNS   int64            `json:"before_ns" doc:"Median before the change"`
	AfterNS    int64            `json:"after_ns" doc:"Median since"`
	Ratio      float64          `json:"ratio"`
	DeltaNS    int64            `json:"delta_ns"`
	Confidence float64          `json:"confidence" doc:"1 less the probability that the order of the runs is chance, by ranks"`
	ChangedAt  *time.Time       `json:"changed_at"`
	FirstBuild history.BuildRef `json:"first_build"`
	CommitSHA  string           `json:"commit_sha"`
	RunsBefore int              `json:"runs_before"`
	RunsAfter  int              `json:"runs_after"`
	NoiseNS    int64            `json:"noise_ns" doc:"Median absolute deviation before the change"`
	Points     []DurationPoint  `json:"points" nullable:"false" doc:"The newest, at most 120, oldest first"`
}

// DurationPoint is one run of a test.
type DurationPoint struct {
	At         *time.Time `json:"at"`
	BuildID    string     `json:"build_id"`
	DurationNS int64      `json:"duration_ns"`
	After      bool       `json:"after"`
}

// Regressions lists the tests that became slower, the largest loss first. full tells that all runs were read.
func (s *Service) Regressions(ctx context.Context, c access.Caller, q Query) (items []Slower, full bool, err error) {
	scope := c.Scope(q.From, q.To)
	runs, err := s.Runs(ctx, scope, history.RunFilter{Repo: q.Repo, Branch: q.Branch}, 0)
	if err != nil {
		return nil, false, err
	}
	results, full, err := s.Tests(ctx, scope, history.TestFilter{Repo: q.Repo, Moved: leastDelta.Milliseconds()})
	if err != nil {
		return nil, false, err
	}
	byRun := make(map[build.RunKey]*build.Run, len(runs))
	for _, r := range runs {
		byRun[r.RunKey] = r
	}
	byTest := map[string][]*history.TestResult{}
	for _, t := range results {
		if byRun[t.RunKey] != nil && t.Outcome == history.Pass {
			byTest[t.TestID] = append(byTest[t.TestID], t)
		}
	}
	items = []Slower{}
	for _, series := range byTest {
		if it, ok := regression(series, byRun); ok {
			items = append(items, it)
		}
	}
	slices.SortFunc(items, func(a, b Slower) int {
		return cmp.Or(cmp.Compare(b.DeltaNS, a.DeltaNS), cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Name, b.Name), cmp.Compare(a.TestID, b.TestID))
	})
	return items, full, nil
}

func regression(series []*history.TestResult, runs map[build.RunKey]*build.Run) (Slower, bool) {
	began := func(t *history.TestResult) time.Time { return history.Began(runs[t.RunKey]) }
	slices.SortFunc(series, func(a, b *history.TestResult) int {
		return cmp.Or(began(a).Compare(began(b)), cmp.Compare(a.RunKey.ID(), b.RunKey.ID()))
	})
	series = series[max(0, len(series)-maxSeries):]
	took := make([]float64, len(series))
	for i, t := range series {
		took[i] = float64(t.Duration)
	}
	ch, ok := ChangeOf(took)
	if !ok {
		return Slower{}, false
	}
	first := series[ch.At]
	run := runs[first.RunKey]
	it := Slower{
		TestID: first.TestID, Name: first.Name, Suite: first.Suite, Owner: first.Owner, Repo: first.RunKey.Repo, BeforeNS: int64(ch.Before),
		AfterNS: int64(ch.After), Ratio: ch.After / max(ch.Before, 1), DeltaNS: int64(ch.After - ch.Before), Confidence: ch.Confidence,
		ChangedAt: history.Known(began(first)), FirstBuild: history.RefOf(run), CommitSHA: run.CommitSHA, RunsBefore: ch.At,
		RunsAfter: len(series) - ch.At, NoiseNS: int64(ch.Noise), Points: []DurationPoint{},
	}
	from := max(0, len(series)-maxPoints)
	for i, t := range series[from:] {
		it.Points = append(it.Points, DurationPoint{At: history.Known(began(t)), BuildID: t.RunKey.ID(), DurationNS: int64(t.Duration), After: from+i >= ch.At})
	}
	return it, true
}

// Change is where a series became larger for good.
type Change struct {
	// At is the first value after the change.
	At            int
	Before, After float64
	Noise         float64
	Confidence    float64
}

// ChangeOf finds the point since which a series is larger by enough to matter, and has stayed so.
func ChangeOf(xs []float64) (Change, bool) {
	n := len(xs)
	if n < 2*side {
		return Change{}, false
	}
	best, least := Change{}, math.Inf(1)
	for k := side; k <= n-side; k++ {
		before, after := median(xs[:k]), median(xs[k:])
		if cost := distance(xs[:k], before) + distance(xs[k:], after); cost < least {
			best, least = Change{At: k, Before: before, After: after}, cost
		}
	}
	best.Noise = deviation(xs[:best.At], best.Before)
	residuals := make([]float64, n)
	for i, x := range xs {
		if residuals[i] = x - best.Before; i >= best.At {
			residuals[i] = x - best.After
		}
	}
	noise := 1.4826 * max(deviation(residuals, 0), best.Before*0.01)
	step := best.After - best.Before
	if best.After < leastRatio*best.Before || step < float64(leastDelta) || step < leastSignal*noise {
		return Change{}, false
	}
	if median(xs[n-side:]) < leastRatio*best.Before { // it is over
		return Change{}, false
	}
	best.Confidence = 1 - rankTest(xs[:best.At], xs[best.At:])
	return best, best.Confidence >= 0.99
}

func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// distance is how far the values are from a center, all together; of all splits the right one has the least.
func distance(xs []float64, center float64) float64 {
	d := 0.0
	for _, x := range xs {
		d += math.Abs(x - center)
	}
	return d
}

func deviation(xs []float64, center float64) float64 {
	d := make([]float64, len(xs))
	for i, x := range xs {
		d[i] = math.Abs(x - center)
	}
	return median(d)
}

// rankTest is the probability that the second sample is larger by chance (Mann and Whitney's test, normal approximation).
func rankTest(a, b []float64) float64 {
	u := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case y > x:
				u++
			case y == x:
				u += 0.5
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	z := (u - n*m/2 - 0.5) / math.Sqrt(n*m*(n+m+1)/12)
	return 0.5 * math.Erfc(z/math.Sqrt2)
}
