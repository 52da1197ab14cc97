package faults

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCulpritIsFirstInFourOfFive(t *testing.T) {
	for seed := range uint64(5) {
		r := Judge(New(Options{Seed: seed}))
		t.Logf("seed %d: rank 1 %.3f, %+v", seed, r.Rank1(), r)
		require.Equal(t, 400, r.Faults)
		require.GreaterOrEqual(t, r.Rank1(), 0.80)
		require.Less(t, r.Guess, r.First/2, "the newest commit alone would not do")
		require.Less(t, r.HighWrong*10, r.High, "nine of ten that are called highly likely are it")
		for _, where := range []string{"top", "below", "nowhere"} {
			require.Positive(t, r.Shown[where])
		}
	}
}

func TestTheSameSeedGivesTheSameFaults(t *testing.T) {
	require.Equal(t, New(Options{Seed: 3, Faults: 20}), New(Options{Seed: 3, Faults: 20}))
}
