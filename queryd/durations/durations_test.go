package durations_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/queryd/durations"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// series has one length up to a place and another one from there on, both with noise of a tenth and slow runs in between.
func series(r *rand.Rand, n, at int, before, after float64) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		level := before
		if i >= at {
			level = after
		}
		xs[i] = level * (1 + 0.1*r.NormFloat64()) * float64(time.Millisecond)
		if r.IntN(15) == 0 {
			xs[i] *= 5
		}
	}
	return xs
}

func TestPlantedChangesAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found, near := 0, 0
	for range 200 {
		n := 40 + r.IntN(200)
		at := 10 + r.IntN(n-20)
		ch, ok := durations.ChangeOf(series(r, n, at, 400, 800))
		if !ok {
			continue
		}
		found++
		if ch.At >= at-2 && ch.At <= at+2 {
			near++
		}
		require.InDelta(t, 2, ch.After/ch.Before, 0.4)
	}
	require.GreaterOrEqual(t, found, 190)
	require.GreaterOrEqual(t, near, 170)
}

func TestNoiseIsNoChange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	wrong := 0
	for range 500 {
		if _, ok := durations.ChangeOf(series(r, 20+r.IntN(200), 0, 0, 400)); ok {
			wrong++
		}
	}
	require.LessOrEqual(t, wrong, 2)
}

func TestWhatIsNoRegression(t *testing.T) {
	flat := func(n int, ms float64) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = ms * float64(time.Millisecond)
		}
		return xs
	}
	for _, tc := range []struct {
		name string
		xs   []float64
		want bool
	}{
		{"too short", append(flat(4, 100), flat(4, 900)...), false},
		{"one slow run", append(flat(30, 100), flat(1, 9000)...), false},
		{"faster", append(flat(30, 900), flat(30, 100)...), false},
		{"slower and well again", append(append(flat(20, 100), flat(20, 500)...), flat(20, 100)...), false},
		{"a few milliseconds", append(flat(30, 10), flat(30, 40)...), false},
		{"slower", append(flat(30, 100), flat(30, 500)...), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, ok := durations.ChangeOf(tc.xs)
			require.Equal(t, tc.want, ok)
		})
	}
}

func TestRegressionsOfTheStore(t *testing.T) {
	s := enginetest.Open(t)
	begin := time.Now().UTC().Truncate(time.Hour).Add(-48 * time.Hour)
	var runs, tests []querytest.Row
	for i := range 30 {
		run, at := fmt.Sprint(100+i), begin.Add(time.Duration(i)*time.Hour)
		runs = append(runs, querytest.BuildRow("run", run, querytest.RunID(run), at).With(querytest.Row{"commit_sha": fmt.Sprintf("sha%d", i)}))
		for name, ms := range map[string]uint64{"steady": 300, "slower": map[bool]uint64{false: 200, true: 700}[i >= 18]} {
			tests = append(tests, querytest.BuildRow("test_case", run, name, at).With(querytest.Row{
				"duration_ms": ms + uint64(i%3), "name_fp": uint64(len(name)*1000) + uint64(name[0]),
			}))
		}
	}
	querytest.Insert(t, s, "metrics_build_v1", runs...)
	querytest.Insert(t, s, "metrics_build_v1", tests...)
	svc := durations.New(history.New(runner.New(s, runner.DefaultLimits())))
	items, full, err := svc.Regressions(t.Context(), querytest.Caller, durations.Query{Window: history.Window{From: begin.Add(-time.Hour), To: time.Now()}, Repo: "acme/shop"})
	require.NoError(t, err)
	require.True(t, full)
	require.Len(t, items, 1)
	it := items[0]
	require.Equal(t, "slower", it.Name)
	require.Equal(t, "sha18", it.CommitSHA)
	require.Equal(t, querytest.RunID("118"), it.FirstBuild.ID)
	require.Equal(t, []int{18, 12}, []int{it.RunsBefore, it.RunsAfter})
	require.InDelta(t, 3.5, it.Ratio, 0.1)
	require.Len(t, it.Points, 30)
	require.True(t, it.Points[18].After)
	require.False(t, it.Points[17].After)
}
