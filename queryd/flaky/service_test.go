package flaky_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/flaky"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestAVerdictComesWithItsEvidence(t *testing.T) {
	s := enginetest.Open(t)
	at, id := time.Now().UTC().Truncate(time.Second).Add(-time.Hour), strings.Repeat("ab", 16)
	var runs, tests []querytest.Row
	for i, outcomes := range []string{"pass", "fail,pass", "pass"} {
		run, when := string(rune('1'+i)), at.Add(time.Duration(i)*10*time.Minute)
		runs = append(runs, querytest.BuildRow("run", run, querytest.RunID(run), when).With(querytest.Row{"commit_sha": "sha" + run}))
		tests = append(tests, querytest.BuildRow("test_case", run, "t", when).With(querytest.Row{
			"name_fp": uint64(5), "flaky": outcomes != "pass", "attrs": map[string]string{"summit.test.id": id, "summit.test.outcomes": outcomes, "summit.test.owner": "@pay"},
		}))
	}
	querytest.Insert(t, s, "metrics_build_v1", runs...)
	querytest.Insert(t, s, "metrics_build_v1", tests...)
	svc := flaky.New(history.New(runner.New(s, runner.DefaultLimits())))
	q := flaky.Query{Window: history.Window{From: at.Add(-time.Hour), To: time.Now()}, Repo: "acme/shop", Limit: 10}
	list, err := svc.List(t.Context(), querytest.Caller, q)
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, []any{flaky.IsFlaky, 1, "@pay"}, []any{list.Items[0].State, list.Items[0].Flakes, list.Items[0].Owner})
	d, err := svc.Test(t.Context(), querytest.Caller, id, q)
	require.NoError(t, err)
	require.Len(t, d.History, 3)
	require.Equal(t, []string{"fail", "pass"}, d.Evidence[0].Outcomes)
	require.Equal(t, []string{querytest.RunID("2")}, d.Evidence[0].Builds)
	m, err := svc.Matrix(t.Context(), querytest.Caller, flaky.MatrixQuery{Query: q, Tests: 10, Runs: 10})
	require.NoError(t, err)
	require.Equal(t, "pFp", m.Tests[0].Cells)
}
