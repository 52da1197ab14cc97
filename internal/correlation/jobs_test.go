package correlation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/tenant"
)

func TestJobsOfOneName(t *testing.T) {
	ix := New(Options{})
	job := func(provider, run, id, name string, kind build.TaskKind) {
		ix.Observe(tenant.Default, &build.Task{
			RunKey: build.RunKey{Provider: provider, Host: "h", Repo: "r", RunID: run, Attempt: 1}, ID: id, Kind: kind, State: build.State{Name: name, Version: 1},
		})
	}
	job("gitlab", "1", "10", "unit", build.KindJob)
	job("gitlab", "1", "12", "unit", build.KindJob)
	job("gitlab", "1", "11", "lint", build.KindJob)
	job("gitlab", "2", "13", "unit", build.KindJob)
	job("gitlab", "1", "unit", "unit", build.KindStage)
	job("github", "1", "14", "unit", build.KindJob)
	ids := func(run, name string) []string {
		var out []string
		for _, j := range ix.JobsNamed(tenant.Default, run, name) {
			out = append(out, j.ID)
		}
		return out
	}
	require.ElementsMatch(t, []string{"10", "12"}, ids("gitlab:h:r:1:1", "unit"))
	require.Equal(t, []string{"13"}, ids("gitlab:h:r:2:1", "unit"))
	require.Empty(t, ids("github:h:r:1:1", "unit"), "GitHub's jobs keep their id, nobody asks")
	require.Empty(t, ix.JobsNamed(tenant.ID{1}, "gitlab:h:r:1:1", "unit"))

	job("gitlab", "1", "12", "renamed", build.KindJob)
	require.Len(t, ids("gitlab:h:r:1:1", "unit"), 2, "the first name stays with the version")
}
