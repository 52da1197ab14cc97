package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKnownDigestsAreResolvedAndNothingIsWrong(t *testing.T) {
	for seed := range uint64(5) {
		f := New(Options{Seed: seed, Spans: 4000})
		r := f.Replay()
		t.Logf("seed %d: %+v", seed, r)
		require.Greater(t, r.Digests, 2000)
		require.GreaterOrEqual(t, r.Share(), 0.99)
		require.Zero(t, r.Wrong)
		require.Zero(t, r.WrongAtOnce)
		require.Positive(t, r.DeploymentsRepaired, "the fleet has events that come late")
		require.Greater(t, r.Guesses, 0)
	}
}

// The history holds what the measurement is about.
func TestTheFleetHasCanariesAndRollbacks(t *testing.T) {
	f := New(Options{Seed: 1})
	canaries, again, two := 0, 0, 0
	digests := map[string]int{}
	for _, r := range f.rollouts {
		if r.canary {
			canaries++
		}
		if digests[r.environment+r.digest]++; digests[r.environment+r.digest] == 2 {
			again++
		}
	}
	for _, s := range f.Spans {
		if len(s.Deployments) > 1 {
			two++
		}
	}
	require.Greater(t, canaries, 50)
	require.Greater(t, again, 50)
	require.Greater(t, two, 100)
	require.Equal(t, f.Spans, New(Options{Seed: 1}).Spans, "the same seed gives the same fleet")
}

func TestCostIsMeasuredOnTheProcessor(t *testing.T) {
	cost, err := New(Options{Seed: 1, Services: 4, Releases: 5, Spans: 200}).Cost(t.Context(), 50_000)
	require.NoError(t, err)
	require.Positive(t, cost)
	t.Logf("%.3f cpu-s/M", cost)
}
