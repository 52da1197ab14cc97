package faker

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/fingerprint"
)

var base = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func newWorld(t testing.TB, seed uint64) *World {
	t.Helper()
	w, err := New(Settings{Seed: seed, Base: base, History: 24 * time.Hour, Traces: 3000})
	require.NoError(t, err)
	return w
}

// bytesOf is everything that a world sends, as it goes over the wire.
func bytesOf(t *testing.T, w *World) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, d := range w.Deliveries() {
		for k, v := range d.Header([]byte("secret")) {
			if k == "X-Hub-Signature-256" {
				b.WriteString(v[0])
			}
		}
		b.WriteString(d.ID)
		b.Write(d.Body)
	}
	for batch := range w.Generator().History() {
		traces, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(batch.Traces)
		require.NoError(t, err)
		logs, err := (&plog.ProtoMarshaler{}).MarshalLogs(batch.Logs)
		require.NoError(t, err)
		metrics, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(batch.Metrics)
		require.NoError(t, err)
		b.Write(traces)
		b.Write(logs)
		b.Write(metrics)
	}
	return b.Bytes()
}

func TestSameSettingsGiveTheSameBytes(t *testing.T) {
	first, again, other := bytesOf(t, newWorld(t, 1)), bytesOf(t, newWorld(t, 1)), bytesOf(t, newWorld(t, 2))
	require.True(t, bytes.Equal(first, again))
	require.False(t, bytes.Equal(first, other))
}

func TestSettingsAreChecked(t *testing.T) {
	_, err := New(Settings{Base: base, History: time.Minute})
	require.ErrorContains(t, err, "history must be at least 2h0m0s, got 1m0s")
	_, err = New(Settings{History: 24 * time.Hour})
	require.ErrorContains(t, err, "base time is missing")
}

func TestHistoryHasTheVolumeAskedFor(t *testing.T) {
	w := newWorld(t, 1)
	roots, spans, points := 0, 0, 0
	for b := range w.Generator().History() {
		require.False(t, b.From.Before(w.Start()))
		require.False(t, b.To.After(w.Base()))
		eachSpan(b, func(sp ptrace.Span, _ map[string]any) {
			spans++
			if sp.ParentSpanID().IsEmpty() {
				roots++
			}
		})
		_, _, n := b.Items()
		points += n
	}
	require.InDelta(t, 3000, roots, 150)
	require.Greater(t, spans, 5*roots)
	require.Greater(t, points, 24*60*20)
}

func eachSpan(b Batch, f func(sp ptrace.Span, resource map[string]any)) {
	for _, rs := range b.Traces.ResourceSpans().All() {
		res := rs.Resource().Attributes().AsRaw()
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				f(sp, res)
			}
		}
	}
}

func TestTracesAreWhole(t *testing.T) {
	w := newWorld(t, 3)
	seen, n := map[[8]byte]time.Time{}, 0
	for b := range w.Generator().History() {
		eachSpan(b, func(sp ptrace.Span, res map[string]any) {
			n++
			if _, twice := seen[sp.SpanID()]; twice {
				t.Fatalf("span id %s occurs twice", sp.SpanID())
			}
			seen[sp.SpanID()] = sp.StartTimestamp().AsTime()
			require.False(t, sp.TraceID().IsEmpty())
			require.GreaterOrEqual(t, sp.EndTimestamp(), sp.StartTimestamp())
			require.NotEmpty(t, res["service.version"])
		})
		eachSpan(b, func(sp ptrace.Span, _ map[string]any) {
			if !sp.ParentSpanID().IsEmpty() {
				parent, ok := seen[sp.ParentSpanID()]
				require.True(t, ok, "parent of %s is missing", sp.Name())
				require.False(t, sp.StartTimestamp().AsTime().Before(parent))
			}
		})
	}
	require.NotZero(t, n)
}

func TestLogsStandInTheContextOfSpans(t *testing.T) {
	w := newWorld(t, 3)
	traces, logs := map[[16]byte]bool{}, 0
	for b := range w.Generator().History() {
		eachSpan(b, func(sp ptrace.Span, _ map[string]any) { traces[sp.TraceID()] = true })
		for _, rl := range b.Logs.ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				logs++
				require.True(t, traces[lr.TraceID()])
			}
		}
	}
	require.Greater(t, logs, 1000)
}

// The story: the exception of the bad commit is thrown in production by its release, and by nothing else.
func TestBadCommitThrowsFromItsDeploymentOn(t *testing.T) {
	w := newWorld(t, 5)
	st := w.Story()
	require.NotEmpty(t, st.BadCommit)
	require.True(t, st.BadDeployedAt.Before(w.Base().Add(-time.Hour)))
	prints, after := map[string]int{}, 0
	for b := range w.Generator().History() {
		eachSpan(b, func(sp ptrace.Span, res map[string]any) {
			for _, ev := range sp.Events().All() {
				a := ev.Attributes().AsRaw()
				if a["exception.type"] != st.BadType {
					continue
				}
				require.Equal(t, st.BadService, res["service.name"])
				require.Contains(t, res["container.image.repo_digests"].([]any)[0], st.BadDigest)
				if res["deployment.environment.name"] == "production" {
					require.False(t, sp.StartTimestamp().AsTime().Before(st.BadDeployedAt))
					after++
				}
				fp := fingerprint.Exception("java", st.BadType, a["exception.message"].(string), a["exception.stacktrace"].(string))
				require.Equal(t, "com.acme.checkout.tax.TaxCalculator.lambda$split$2", fp.Culprit)
				prints[fingerprint.String(fp.FP)]++
			}
		})
	}
	require.Greater(t, after, 20)
	require.Len(t, prints, 1)
}

func TestSlowReleaseIsSlow(t *testing.T) {
	w := newWorld(t, 5)
	st := w.Story()
	var before, since []time.Duration
	for b := range w.Generator().History() {
		eachSpan(b, func(sp ptrace.Span, res map[string]any) {
			if res["service.name"] != st.SlowService || sp.Name() != "GET /v1/products/{id}" || sp.Kind() != ptrace.SpanKindServer {
				return
			}
			took := sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime())
			if res["service.version"] == st.SlowVersion {
				since = append(since, took)
			} else {
				before = append(before, took)
			}
		})
	}
	slices.Sort(before)
	slices.Sort(since)
	require.Greater(t, since[len(since)/2], 10*before[len(before)/2])
}

func TestEveryLanguageThrowsSomethingThatIsUnderstood(t *testing.T) {
	for i := range faults {
		f := &faults[i]
		language := newWorld(t, 1).services[f.service].language
		var prints []string
		for _, shift := range []int{0, 5} {
			message, stack := f.exc.at(shift, 4000+shift)
			res := fingerprint.Exception(language, f.exc.typ, message, stack)
			require.True(t, res.Parsed, f.exc.typ)
			require.True(t, slices.ContainsFunc(res.Frames, func(fr fingerprint.Frame) bool { return fr.InApp }), f.exc.typ)
			require.NotContains(t, message+stack, "{#}")
			prints = append(prints, fingerprint.String(res.FP))
		}
		require.Equal(t, prints[0], prints[1], "%s moves with its line numbers", f.exc.typ)
	}
}

func TestDeliveriesAreWellFormed(t *testing.T) {
	w := newWorld(t, 7)
	events, last := map[string]int{}, time.Time{}
	for _, d := range w.Deliveries() {
		require.False(t, d.At.Before(last))
		last = d.At
		require.False(t, d.At.After(w.Base()))
		var body map[string]any
		require.NoError(t, json.Unmarshal(d.Body, &body))
		if d.Path == PathEvents {
			events["generic "+body["type"].(string)]++
			require.Empty(t, d.Header([]byte("x")).Get("X-Hub-Signature-256"))
			continue
		}
		events[d.Event]++
		require.Contains(t, body, "repository")
		require.Equal(t, Sign([]byte("x"), d.Body), d.Header([]byte("x")).Get("X-Hub-Signature-256"))
	}
	for _, name := range []string{"push", "workflow_run", "workflow_job", "deployment", "deployment_status", "generic artifact", "generic deployment", "generic test"} {
		require.NotZero(t, events[name], name)
	}
}

func TestSignIsGitHubs(t *testing.T) {
	// The example of GitHub's documentation on validating deliveries.
	require.Equal(t, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", Sign([]byte("It's a Secret to Everybody"), []byte("Hello, World!")))
}

func TestFlakyBuildsPassTheSecondTime(t *testing.T) {
	w := newWorld(t, 1)
	ids := w.Story().FlakyRunIDs
	require.NotEmpty(t, ids)
	flaky := 0
	for _, d := range w.Deliveries() {
		if bytes.Contains(d.Body, []byte(`"flaky":true`)) {
			flaky++
		}
	}
	require.Equal(t, 2*len(ids), flaky)
	for _, id := range ids {
		require.True(t, strings.HasSuffix(id, ":2"))
	}
}

func TestLiveTrafficContinuesTheHistory(t *testing.T) {
	w := newWorld(t, 1)
	g := w.Generator()
	var count uint64
	total := func(b Batch) uint64 {
		var n uint64
		for _, rm := range b.Metrics.ResourceMetrics().All() {
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				if m.Type() == pmetric.MetricTypeHistogram {
					for _, p := range m.Histogram().DataPoints().All() {
						n += p.Count()
					}
				}
			}
		}
		return n
	}
	for b := range g.History() {
		if n := total(b); n > 0 {
			require.GreaterOrEqual(t, n, count)
			count = n
		}
	}
	at := w.Base()
	for range 61 {
		at = at.Add(time.Second)
		b := g.Next(at, 5)
		require.Equal(t, at, b.To)
		if n := total(b); n > 0 {
			require.Greater(t, n, count)
			count = n
		}
	}
	out := w.LiveChange(2, at)
	require.Equal(t, "push", out[0].Event)
	require.True(t, out[len(out)-1].At.After(at))
	require.Equal(t, out, w.LiveChange(2, at))

	fresh := w.Generator()
	fresh.SkipTo(w.Base())
	spans, _, _ := fresh.Next(w.Base().Add(time.Second), 20).Items()
	require.NotZero(t, spans)
}

func BenchmarkHistory(b *testing.B) {
	w := newWorld(b, 1)
	for b.Loop() {
		for range w.Generator().History() {
		}
	}
}
