package flakes

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoint17FlakyTestsAreToldFromRegressions(t *testing.T) {
	for seed := range uint64(4) {
		r := Judge(New(Options{Seed: seed}))
		t.Logf("seed %d: precision %.3f recall %.3f %+v", seed, r.Precision(), r.Recall(), r)
		require.Greater(t, r.Retried, 30, "there must be something to find")
		require.GreaterOrEqual(t, r.Precision(), 0.95)
		require.GreaterOrEqual(t, r.Recall(), 0.80)
		require.Equal(t, 100, r.Regressions)
		require.Zero(t, r.RegressionsCalled)
		require.Zero(t, r.Unproven)
		require.Positive(t, r.Dropped["mass_failure"], "runners died")
	}
}

// What nobody repeats can't be told from a regression, and isn't guessed at.
func TestWithoutRepetitionNothingIsCalledFlaky(t *testing.T) {
	r := Judge(New(Options{Seed: 1, Tests: 500, RetryInRun: 1e-9, RerunShare: 1e-9, Bursts: 1e-9}))
	require.Positive(t, r.Failed)
	require.Zero(t, r.Called)
}

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	o := Options{Seed: 3, Tests: 100, Runs: 30, Regressions: 5}
	require.Equal(t, Judge(New(o)), Judge(New(o)))
	require.Len(t, New(o).Facts.Results, len(New(o).Facts.Results))
}
