package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/figure"
)

func TestEveryFigureMeetsItsGoal(t *testing.T) {
	all, err := correlated(t.Context(), 1, 50_000)
	require.NoError(t, err)
	all = append(append(all, blamed(1)...), unsteady(1)...)
	by := map[string]figure.Figure{}
	for _, f := range all {
		by[f.Name] = f
		require.NotEmpty(t, f.Note, f.Name)
	}
	require.Len(t, by, 7)
	require.GreaterOrEqual(t, by["correlation.resolved"].Value, 0.99)
	require.Zero(t, by["correlation.wrong"].Value)
	require.Positive(t, by["correlation.cpu"].Value)
	require.GreaterOrEqual(t, by["blame.rank1"].Value, 0.80)
	require.GreaterOrEqual(t, by["flaky.precision"].Value, 0.95)
	require.GreaterOrEqual(t, by["flaky.recall"].Value, 0.80)
	require.Zero(t, by["flaky.regressions"].Value)
}
