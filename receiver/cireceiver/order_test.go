package cireceiver

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
)

type signed struct{ event, id, body string }

func stamp(sec int) string {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(sec) * time.Second).Format(time.RFC3339)
}

// rerun is a run with two jobs of one name, of which one fails and is run again after an approval: 16 deliveries.
func rerun() []signed {
	const repo = `"repository":{"id":42,"full_name":"acme/shop","html_url":"https://github.com/acme/shop"}`
	var out []signed
	add := func(event, body string) {
		out = append(out, signed{event: event, id: fmt.Sprintf("delivery-%d", len(out)), body: "{" + repo + "," + body + "}"})
	}
	run := func(action, status, conclusion string, attempt, started, updated int) {
		add("workflow_run", fmt.Sprintf(`"action":%q,"workflow":{"name":"CI"},"workflow_run":{"id":7,"run_attempt":%d,"run_number":3,"head_branch":"main",
"head_sha":"%040x","event":"push","status":%q,"conclusion":%s,"created_at":%q,"run_started_at":%q,"updated_at":%q,"actor":{"login":"mona"},
"html_url":"https://github.com/acme/shop/actions/runs/7"}`, action, attempt, 0xabc, status, conclusion, stamp(0), stamp(started), stamp(updated)))
	}
	job := func(id, attempt int, status, conclusion string, created, started, completed int, deployment string) {
		end, steps := "null", "[]"
		if completed > 0 {
			end = fmt.Sprintf("%q", stamp(completed))
			steps = fmt.Sprintf(`[{"name":"run","number":1,"status":"completed","conclusion":"success","started_at":%q,"completed_at":%q},
{"name":"run","number":2,"status":"completed","conclusion":%s,"started_at":%q,"completed_at":%q},
{"name":"clean up","number":3,"status":"completed","conclusion":"skipped","started_at":null,"completed_at":null}]`,
				stamp(started), stamp(started+1), conclusion, stamp(started+1), stamp(completed))
		}
		add("workflow_job", fmt.Sprintf(`"workflow_job":{"id":%d,"run_id":7,"run_attempt":%d,"name":"test","workflow_name":"CI","head_branch":"main",
"head_sha":"%040x","status":%q,"conclusion":%s,"created_at":%q,"started_at":%q,"completed_at":%s,"runner_name":"r","labels":["x64"],"steps":%s}%s`,
			id, attempt, 0xabc, status, conclusion, stamp(created), stamp(started), end, steps, deployment))
	}
	deployment := func(updated int) string {
		return fmt.Sprintf(`,"deployment":{"id":9,"created_at":%q,"updated_at":%q}`, stamp(101), stamp(updated))
	}
	run("requested", "queued", "null", 1, 0, 0)
	run("in_progress", "in_progress", "null", 1, 0, 6)
	run("completed", "completed", `"failure"`, 1, 0, 40)
	for i, conclusion := range []string{`"success"`, `"failure"`} {
		job(71+i, 1, "queued", "null", 1, 1, 0, "")
		job(71+i, 1, "in_progress", "null", 1, 5, 0, "")
		job(71+i, 1, "completed", conclusion, 1, 5, 30+i, "")
	}
	run("requested", "queued", "null", 2, 100, 100)
	run("in_progress", "in_progress", "null", 2, 100, 131)
	run("completed", "completed", `"success"`, 2, 100, 160)
	job(73, 2, "waiting", "null", 101, 101, 0, deployment(101))
	job(73, 2, "queued", "null", 101, 101, 0, deployment(121))
	job(73, 2, "in_progress", "null", 101, 131, 0, deployment(131))
	job(73, 2, "completed", `"success"`, 101, 131, 159, deployment(160))
	return out
}

// final is what is known after the deliveries: rows as the store keeps them, and each span as the wire has it.
func final(t *testing.T, deliveries []signed) (map[string]build.Event, map[string]string, *harness) {
	t.Helper()
	h := start(t, testConfig())
	for _, d := range deliveries {
		code, got := h.github(d.event, d.id, d.body)
		require.Equal(t, 200, code, got)
	}
	spans := map[string]string{}
	for _, sp := range h.spans() {
		text := fmt.Sprint(sp.TraceID(), sp.ParentSpanID(), sp.Name(), sp.Kind(), sp.StartTimestamp(), sp.EndTimestamp(), sp.Status().Code(),
			sp.Status().Message(), sp.Attributes().AsRaw(), sp.Links().Len())
		id := sp.SpanID().String()
		require.NotContains(t, spans, id, "a span is written once")
		spans[id] = text
	}
	return h.stored(), spans, h
}

func TestPoint01AnyOrderGivesTheSameRows(t *testing.T) {
	all := rerun()
	require.Len(t, all, 16)
	want, wantSpans, _ := final(t, all)

	first := want["run github:github.com:acme/shop:7:1"].(*build.Run)
	second := want["run github:github.com:acme/shop:7:2"].(*build.Run)
	require.Equal(t, build.StatusFailure, first.Status)
	require.Equal(t, build.StatusSuccess, second.Status)
	require.Equal(t, date(stamp(100)), second.CreatedAt, "the second attempt began with its own request")
	require.NotEqual(t, first.TraceID, second.TraceID)
	again := want["task github:github.com:acme/shop:7:2:73"].(*build.Task)
	require.Equal(t, 20*time.Second, again.Approval)
	require.Equal(t, 10*time.Second, again.Queued)
	require.Equal(t, 28*time.Second, again.Duration)
	require.Equal(t, build.StatusSkipped, want["task github:github.com:acme/shop:7:2:73/3"].(*build.Task).Status)
	require.Len(t, want, 2+3+9)
	require.Len(t, wantSpans, 2+3+3+9, "runs, queues, jobs and steps")

	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var order []signed
		for _, i := range r.Perm(len(all)) {
			order = append(order, all[i])
			for r.IntN(3) == 0 { // again, by the same id or as a new delivery
				d := all[r.IntN(len(all))]
				if r.IntN(2) == 0 {
					d.id += "-again"
				}
				order = append(order, d)
			}
		}
		got, gotSpans, _ := final(t, order)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("order %d: rows differ:\n%s", seed, diff)
		}
		if diff := cmp.Diff(wantSpans, gotSpans); diff != "" {
			t.Fatalf("order %d: spans differ:\n%s", seed, diff)
		}
	}
}

func TestConcurrentDeliveries(t *testing.T) {
	all := rerun()
	want, _, _ := final(t, all)
	h := start(t, testConfig())
	done := make(chan struct{})
	for _, d := range all {
		go func() {
			defer func() { done <- struct{}{} }()
			h.github(d.event, d.id, d.body)
		}()
	}
	for range all {
		<-done
	}
	require.Empty(t, cmp.Diff(want, h.stored()))
}
