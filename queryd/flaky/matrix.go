package flaky

import (
	"context"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/runner"
)

// MatrixQuery asks for tests beside runs.
type MatrixQuery struct {
	Query
	Pipeline    string
	Tests, Runs int
}

// Matrix shows the unsteadiest tests in the newest runs.
type Matrix struct {
	Runs    []MatrixRun  `json:"runs" nullable:"false" doc:"Oldest first"`
	Tests   []MatrixTest `json:"tests" nullable:"false"`
	Partial bool         `json:"partial"`
}

// MatrixRun is a column.
type MatrixRun struct {
	BuildID       string     `json:"build_id"`
	RunID         string     `json:"run_id"`
	Attempt       uint16     `json:"attempt"`
	CommitSHA     string     `json:"commit_sha"`
	Branch        string     `json:"branch"`
	At            *time.Time `json:"at"`
	Status        string     `json:"status"`
	FailedShare   float64    `json:"failed_share" doc:"Share of the run's tests that failed"`
	DroppedReason string     `json:"dropped_reason" enum:",mass_failure,infrastructure"`
}

// MatrixTest is a row; cells has a letter for each run.
type MatrixTest struct {
	TestID string  `json:"test_id"`
	Name   string  `json:"name"`
	Suite  string  `json:"suite"`
	Owner  string  `json:"owner"`
	State  string  `json:"state" enum:"healthy,flaky,broken"`
	Score  float64 `json:"score"`
	Cells  string  `json:"cells" doc:"One letter a run: p passed, f failed, F failed and then passed, s skipped, e error, - not run"`
}

// Matrix puts tests beside runs.
func (s *Service) Matrix(ctx context.Context, c access.Caller, q MatrixQuery) (Matrix, error) {
	m := Matrix{Runs: []MatrixRun{}, Tests: []MatrixTest{}}
	if q.State != "" && !slices.Contains(States, q.State) {
		return m, runner.Wrong("state", "unknown state", States...)
	}
	j, err := s.judge(ctx, c, q.Query, "")
	if err != nil {
		return m, err
	}
	m.Partial = !j.full
	runs := matrixRuns(j, q)
	place := make(map[string]int, len(runs))
	for i, r := range runs {
		id := r.RunKey.ID()
		place[id] = i
		m.Runs = append(m.Runs, MatrixRun{
			BuildID: id, RunID: r.RunID, Attempt: r.Attempt, CommitSHA: r.CommitSHA, Branch: r.Branch, At: history.Known(history.Began(r)),
			Status: r.Status.String(), FailedShare: j.drops.share[id], DroppedReason: j.drops.runs[id],
		})
	}
	for _, v := range j.verdicts {
		it := itemOf(v, nil)
		if len(m.Tests) >= q.Tests || !q.asksFor(&it) || q.State != "" && q.State != v.State {
			continue
		}
		m.Tests = append(m.Tests, MatrixTest{
			TestID: v.TestID, Name: v.Name, Suite: v.Suite, Owner: v.Owner, State: v.State, Score: v.Score, Cells: cellsOf(v, place, len(runs)),
		})
	}
	return m, nil
}

// matrixRuns are the newest runs that ran tests, the oldest first.
func matrixRuns(j *judged, q MatrixQuery) []*build.Run {
	var runs []*build.Run
	for _, r := range j.facts.Runs {
		if _, tested := j.drops.share[r.RunKey.ID()]; tested && (q.Pipeline == "" || r.Pipeline == q.Pipeline) && len(runs) < q.Runs {
			runs = append(runs, r)
		}
	}
	slices.Reverse(runs)
	return runs
}

func cellsOf(v *Verdict, place map[string]int, n int) string {
	cells := make([]byte, n)
	for i := range cells {
		cells[i] = '-'
	}
	for _, t := range v.Results {
		if i, ok := place[t.RunKey.ID()]; ok {
			cells[i] = byte(t.Outcome)
		}
	}
	return string(cells)
}
