package cireceiver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
)

// buildkiteRetry is a build whose job fails, is retried after the build has ended, and passes.
func buildkiteRetry() []signed {
	var out []signed
	at := func(s int) string {
		if s < 0 {
			return "null"
		}
		return `"` + time.Date(2026, 3, 1, 12, 0, s, 0, time.UTC).Format("2006-01-02 15:04:05 MST") + `"`
	}
	add := func(event, state string, started, finished int, job string) {
		out = append(out, signed{event: event, body: fmt.Sprintf(`{"event":%q,"build":{"id":"b-1","web_url":"https://buildkite.com/acme/shop/builds/7","number":7,"state":%q,"branch":"main",
"commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","message":"Fix","created_at":%s,"scheduled_at":%s,"started_at":%s,"finished_at":%s},"pipeline":{"slug":"shop","name":"Shop"}%s}`,
			event, state, at(0), at(0), at(started), at(finished), job)})
	}
	job := func(id, state string, created, started, finished int, more string) string {
		return fmt.Sprintf(`,"job":{"id":%q,"type":"script","name":"test","state":%q,"created_at":%s,"runnable_at":%s,"started_at":%s,"finished_at":%s%s}`,
			id, state, at(created), at(created), at(started), at(finished), more)
	}
	const again = `,"retries_count":1,"retry_source":{"job_id":"j-1","retry_type":"manual"}`
	add("build.scheduled", "scheduled", -1, -1, "")
	add("job.scheduled", "scheduled", -1, -1, job("j-1", "scheduled", 1, -1, -1, ""))
	add("build.running", "running", 5, -1, "")
	add("job.started", "running", 5, -1, job("j-1", "running", 1, 5, -1, ""))
	add("job.finished", "failing", 5, -1, job("j-1", "failed", 1, 5, 30, `,"exit_status":1`))
	add("build.finished", "failed", 5, 31, "")
	add("job.scheduled", "running", 5, -1, job("j-2", "scheduled", 100, -1, -1, again))
	add("job.started", "running", 5, -1, job("j-2", "running", 100, 103, -1, again))
	add("job.finished", "running", 5, -1, job("j-2", "passed", 100, 103, 120, `,"exit_status":0`+again))
	add("build.finished", "passed", 5, 121, "")
	return out
}

func TestPoint01RetriedBuildsInAnyOrder(t *testing.T) {
	all := buildkiteRetry()
	result := func(order []signed) (map[string]build.Event, []string) {
		h := start(t, testConfig())
		for _, d := range order {
			code, got := h.hook("buildkite", d.event, d.body)
			require.Equal(t, 200, code, got)
		}
		seen := map[string]bool{}
		var names []string
		for _, sp := range h.spans() {
			require.False(t, seen[sp.SpanID().String()], "%s is written once", sp.Name())
			seen[sp.SpanID().String()] = true
			names = append(names, sp.Name())
		}
		return h.stored(), names
	}
	want, names := result(all)
	run := want["run buildkite:buildkite.com:acme/shop:b-1:1"].(*build.Run)
	require.Equal(t, build.StatusSuccess, run.Status)
	require.Equal(t, "j-1", want["task buildkite:buildkite.com:acme/shop:b-1:1:j-2"].(*build.Task).Attrs[build.KeyRetryOf])
	require.Equal(t, 2, strings.Count(strings.Join(names, "|"), "RUN Shop"), "an end and a later end")
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 17))
		var order []signed
		for _, i := range r.Perm(len(all)) {
			order = append(order, all[i])
			for r.IntN(3) == 0 {
				order = append(order, all[r.IntN(len(all))])
			}
		}
		got, names := result(order)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("order %d: rows differ:\n%s", seed, diff)
		}
		require.Contains(t, names, "RUN Shop")
		require.Contains(t, names, "test")
	}
}
