package pipeline_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/pipeline"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

func TestPoint13APartialRerunInheritsJobs(t *testing.T) {
	s := enginetest.Open(t)
	begin := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	row := func(entity, id, name, status string, attempt uint16, at time.Time) querytest.Row {
		return querytest.BuildRow(entity, "7", id, at).With(querytest.Row{"name": name, "status": status, "attempt": attempt, "commit_sha": "abc"})
	}
	second := "github:github.com:acme/shop:7:2"
	querytest.Insert(t, s, "metrics_build_v1",
		row("run", querytest.RunID("7"), "ci", "failure", 1, begin), row("task", "1", "build", "success", 1, begin),
		row("task", "2", "test", "failure", 1, begin), row("run", second, "ci", "success", 2, begin.Add(10*time.Minute)),
		row("task", "3", "test", "success", 2, begin.Add(10*time.Minute)))
	svc := pipeline.New(history.New(runner.New(s, runner.DefaultLimits())))
	a, err := svc.Analyse(t.Context(), querytest.Caller, second)
	require.NoError(t, err)
	require.Len(t, a.Nodes, 2)
	require.Equal(t, []any{"test", false, uint16(2)}, []any{a.Nodes[0].Name, a.Nodes[0].Inherited, a.Nodes[0].FromAttempt})
	require.Equal(t, []any{"build", true, uint16(1)}, []any{a.Nodes[1].Name, a.Nodes[1].Inherited, a.Nodes[1].FromAttempt})
	require.True(t, a.CriticalPath.Exact)
	require.Equal(t, int64(time.Minute), a.Retry.CostNS)
	require.Equal(t, int64(3*time.Minute), a.Retry.BilledNS)
	require.Equal(t, []int{0, 1}, []int{a.Retry.Attempts[0].JobsInherited, a.Retry.Attempts[1].JobsInherited})

	st, err := svc.Stats(t.Context(), querytest.Caller, pipeline.StatsQuery{Window: history.Window{From: begin.Add(-time.Hour), To: time.Now()}, Repo: "acme/shop", Pipeline: "ci"})
	require.NoError(t, err)
	require.Equal(t, int64(time.Minute), st.Retry.CostNS)
	require.Len(t, st.FlakyTasks, 1)
	require.Equal(t, "test", st.FlakyTasks[0].Name, "another outcome on the same commit")
}
