// Command evidence measures how right Summit's conclusions are, on histories whose truth is known because it was planted:
// the correlation of spans with builds, the first suspect of a fault, and the verdicts on flaky tests. Each generator
// knows nothing of how the conclusion is drawn. `make bench-evidence` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/summitobs/summit/testbed/evidence/faults"
	"github.com/summitobs/summit/testbed/evidence/flakes"
	"github.com/summitobs/summit/testbed/evidence/fleet"
	"github.com/summitobs/summit/testbed/figure"
)

func main() {
	seeds := flag.Uint64("seeds", 5, "number of histories of each kind")
	spans := flag.Int("spans", 1_000_000, "spans that the cost of the correlation is measured with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *seeds, *spans); err != nil {
		fmt.Fprintln(os.Stderr, "evidence:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, seeds uint64, spans int) error {
	figures, err := correlated(ctx, seeds, spans)
	if err != nil {
		return err
	}
	figures = append(figures, blamed(seeds)...)
	figures = append(figures, unsteady(seeds)...)
	for _, f := range figures {
		fmt.Printf("%s # %s\n", f, f.Note)
	}
	return nil
}

// correlated replays fleets and takes the best of the costs, since others use the machine too.
func correlated(ctx context.Context, seeds uint64, spans int) ([]figure.Figure, error) {
	var sum fleet.Result
	cost := 0.0
	for seed := range seeds {
		f := fleet.New(fleet.Options{Seed: seed})
		r := f.Replay()
		sum.Digests, sum.DigestsResolved, sum.Wrong = sum.Digests+r.Digests, sum.DigestsResolved+r.DigestsResolved, sum.Wrong+r.Wrong
		c, err := f.Cost(ctx, spans)
		if err != nil {
			return nil, fmt.Errorf("measure the cost of the correlation: %w", err)
		}
		if cost == 0 || c < cost {
			cost = c
		}
	}
	return []figure.Figure{
		{Name: "correlation.resolved", Value: sum.Share(), Unit: "share", Note: fmt.Sprintf("of %d spans with a known digest", sum.Digests)},
		{Name: "correlation.wrong", Value: float64(sum.Wrong), Unit: "spans", Note: "of all, guesses by time apart"},
		{Name: "correlation.cpu", Value: cost, Unit: "cpu-s/M", Note: "the processor alone, the least of all fleets"},
	}, nil
}

// blamed plants faults and looks who is suspected first.
func blamed(seeds uint64) []figure.Figure {
	var sum faults.Result
	for seed := range seeds {
		r := faults.Judge(faults.New(faults.Options{Seed: seed}))
		sum.Faults, sum.First = sum.Faults+r.Faults, sum.First+r.First
	}
	return []figure.Figure{{Name: "blame.rank1", Value: sum.Rank1(), Unit: "share", Note: fmt.Sprintf("%d planted faults", sum.Faults)}}
}

// unsteady plants flaky tests and regressions and looks which are called flaky.
func unsteady(seeds uint64) []figure.Figure {
	var sum flakes.Result
	for seed := range seeds {
		r := flakes.Judge(flakes.New(flakes.Options{Seed: seed}))
		sum.Called, sum.Right, sum.Found, sum.Retried = sum.Called+r.Called, sum.Right+r.Right, sum.Found+r.Found, sum.Retried+r.Retried
		sum.Flaky, sum.Failed = sum.Flaky+r.Flaky, sum.Failed+r.Failed
		sum.Regressions, sum.RegressionsCalled = sum.Regressions+r.Regressions, sum.RegressionsCalled+r.RegressionsCalled
	}
	return []figure.Figure{
		{Name: "flaky.precision", Value: sum.Precision(), Unit: "share", Note: fmt.Sprintf("of %d tests called flaky", sum.Called)},
		{
			Name: "flaky.recall", Value: sum.Recall(), Unit: "share",
			Note: fmt.Sprintf("of the %d flaky tests that failed and were run again; %d of %d failed at all in 200 runs", sum.Retried, sum.Failed, sum.Flaky),
		},
		{Name: "flaky.regressions", Value: float64(sum.RegressionsCalled), Unit: "called", Note: fmt.Sprintf("of %d planted regressions", sum.Regressions)},
	}
}
