package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/testbed/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { process.CloseIdle(); os.Exit(code) }))
}

func load(t *testing.T) *examples {
	t.Helper()
	root, err := process.Root()
	require.NoError(t, err)
	ex, err := readExamples(root)
	require.NoError(t, err)
	return ex
}

func TestDeliveriesAreNewAndOfNow(t *testing.T) {
	ex := load(t)
	require.InDelta(t, 8.5, ex.meanKB(), 1)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ids, jobs := map[string]bool{}, map[int64]bool{}
	for i := range 30 {
		d, err := ex.make(i, now)
		require.NoError(t, err)
		require.False(t, ids[d.id])
		require.False(t, jobs[d.job])
		ids[d.id], jobs[d.job] = true, true
		var body struct {
			WorkflowJob struct {
				ID        int64      `json:"id"`
				RunID     int64      `json:"run_id"`
				StartedAt *time.Time `json:"started_at"`
			} `json:"workflow_job"`
		}
		require.NoError(t, json.Unmarshal(d.body, &body))
		require.Equal(t, d.job, body.WorkflowJob.ID)
		require.Equal(t, d.run, body.WorkflowJob.RunID)
		if at := body.WorkflowJob.StartedAt; at != nil {
			require.WithinDuration(t, now, *at, time.Hour)
		}
	}
	again, err := ex.make(0, now)
	require.NoError(t, err)
	first, err := ex.make(0, now)
	require.NoError(t, err)
	require.Equal(t, first.body, again.body, "an example isn't changed by being used")
}

func TestReceiverIsMeasured(t *testing.T) {
	v, err := options{n: 40, best: 1}.cpu(t.Context(), load(t))
	require.NoError(t, err)
	require.Positive(t, v)
	require.ErrorContains(t, run(t.Context(), options{}), "must be at least 1")
}

// system is a built collector.
type system struct {
	t      *testing.T
	dir    string
	places process.Places
	proc   *process.Process
}

func serve(t *testing.T) *system {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the built collector")
	}
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	s := &system{t: t, dir: t.TempDir(), places: places}
	s.start()
	t.Cleanup(func() { require.NoError(t, s.proc.Stop(time.Minute)) })
	return s
}

func (s *system) start() {
	s.t.Helper()
	var err error
	s.proc, err = process.Standalone(s.dir, s.places)
	require.NoError(s.t, err)
	require.NoError(s.t, s.proc.WaitReady(s.t.Context(), s.places))
}

func (s *system) post(d delivery) int {
	s.t.Helper()
	status, _, err := process.Post(s.t.Context(), "http://"+s.places.Door+"/v1/ci/github", d.header, d.body)
	require.NoError(s.t, err)
	return status
}

// rows is the number of jobs in the table of builds whose id is one of the bench's.
func (s *system) rows(ctx context.Context) (int, error) {
	rows, err := process.SQL(ctx, s.places, "SELECT uniqExact(entity_id) FROM metrics_build_v1 WHERE entity = 'task' AND parent_id = ''")
	if err != nil || len(rows) != 1 {
		return 0, fmt.Errorf("count the jobs: %w", err)
	}
	var n int
	_, err = fmt.Sscan(rows[0][0], &n)
	return n, err
}

// TestPoint08AnsweredDeliveriesSurviveAKill: what was answered 200 is there after the process was killed at once.
func TestPoint08AnsweredDeliveriesSurviveAKill(t *testing.T) {
	s, ex := serve(t), load(t)
	const n = 60
	for i := range n {
		d, err := ex.make(i, time.Now())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, s.post(d))
	}
	require.NoError(t, s.proc.Kill())
	s.start()
	require.Eventually(t, func() bool {
		got, err := s.rows(t.Context())
		return err == nil && got == n
	}, 60*time.Second, 100*time.Millisecond)
}

// TestPoint09PendingRunsAreVisibleWithinFiveSeconds: a queued run is in the list of builds, read from metrics_build_v1, and
// has no span; so is each of its later states.
func TestPoint09PendingRunsAreVisibleWithinFiveSeconds(t *testing.T) {
	s := serve(t)
	now := time.Now().UTC().Truncate(time.Second)
	send := func(status, conclusion string) time.Time {
		body := fmt.Sprintf(`{"repository":{"id":1,"full_name":"acme/shop","html_url":"https://github.com/acme/shop"},"workflow":{"name":"CI"},"workflow_run":{"id":77,"run_attempt":1,"status":%q,"conclusion":%s,
"created_at":%q,"run_started_at":%q,"updated_at":%q}}`, status, conclusion, now.Format(time.RFC3339), now.Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
		at := time.Now()
		require.Equal(t, http.StatusOK, s.post(signed("workflow_run", fmt.Sprint(status, at.UnixNano()), []byte(body))))
		return at
	}
	builds := func() []map[string]any {
		var page struct {
			Items []map[string]any `json:"items"`
		}
		status, err := process.GetJSON(t.Context(), "http://"+s.places.Listen+"/api/v1/builds?from=now-1h&to=now", &page)
		if err != nil || status != http.StatusOK {
			return nil
		}
		return page.Items
	}
	for _, step := range []struct{ status, conclusion, want string }{
		{"queued", "null", "queued"}, {"in_progress", "null", "running"}, {"completed", `"success"`, "success"},
	} {
		at := send(step.status, step.conclusion)
		require.Eventually(t, func() bool {
			items := builds()
			return len(items) == 1 && items[0]["status"] == step.want
		}, 5*time.Second, 50*time.Millisecond, step.status)
		require.Less(t, time.Since(at), 6*time.Second)
		spans, err := process.SQL(t.Context(), s.places, "SELECT count() FROM events_trace_v1 WHERE span_name = 'RUN CI'")
		require.NoError(t, err)
		if step.want != "success" {
			require.Equal(t, [][]string{{"0"}}, spans, "no provisional span")
		}
	}
}
