package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/testbed/load"
)

func TestAccountedReadsTheTotalOfAProfile(t *testing.T) {
	d, err := accounted([]byte("File: summit\nType: cpu\nShowing nodes accounting for 387.5ms, 6.02% of 6430ms total\n      flat  flat%\n"))
	require.NoError(t, err)
	require.Equal(t, 387500*time.Microsecond, d)
	_, err = accounted([]byte("no samples"))
	require.ErrorContains(t, err, "no total")
}

func TestExtensionsAreThoseOfTheRole(t *testing.T) {
	names, err := extensions()
	require.NoError(t, err)
	require.Contains(t, names, "summit_store")
	require.Contains(t, names, "summit_queryd")
}

func TestQuantile(t *testing.T) {
	require.Zero(t, quantile(nil, 0.99))
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(100-i))
	}
	require.Equal(t, time.Duration(50), quantile(d, 0.5))
	require.Equal(t, time.Duration(99), quantile(d, 0.99))
	require.Equal(t, time.Duration(100), quantile(d, 1))
}

func TestProbeIsOneSpan(t *testing.T) {
	const id = "000102030405060708090a0b0c0d0e0f"
	body, err := probe(id, time.Unix(1, 2))
	require.NoError(t, err)
	require.True(t, json.Valid(body))
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalJSON(body))
	require.Equal(t, 1, req.Traces().SpanCount())
	rs := req.Traces().ResourceSpans().At(0)
	name, _ := rs.Resource().Attributes().Get("service.name")
	require.Equal(t, probeService, name.Str())
	require.Equal(t, id, rs.ScopeSpans().At(0).Spans().At(0).TraceID().String())
	require.Equal(t, time.Unix(1, 2).UTC(), rs.ScopeSpans().At(0).Spans().At(0).StartTimestamp().AsTime())
}

func TestProberEndsWhenAllWereFound(t *testing.T) {
	began := time.Unix(100, 0)
	p := &prober{sent: map[string]time.Time{"a": began, "b": began}}
	require.False(t, p.note([][]string{{"a", "1.5"}, {"other", "1.5"}}, began.Add(time.Second)))
	p.done = true
	require.False(t, p.note([][]string{{"a", "9"}}, began.Add(2*time.Second)))
	require.True(t, p.note([][]string{{"a", "9"}, {"b", "9"}}, began.Add(3*time.Second)))
	require.Equal(t, []time.Duration{time.Second, 3 * time.Second}, p.seen)
	require.Equal(t, []time.Duration{1500 * time.Millisecond}, p.ages)
}

func TestWatchGivesTheErrorsOfBoth(t *testing.T) {
	b := &bench{}
	looked := make(chan struct{})
	blind, broken := errors.New("blind"), errors.New("broken")
	err := b.watch(t.Context(), time.Nanosecond, func(context.Context) error { close(looked); return blind }, func() error { <-looked; return broken })
	require.ErrorIs(t, err, blind)
	require.ErrorIs(t, err, broken)
}

func TestStepsAreChosenByName(t *testing.T) {
	b := &bench{}
	all, err := b.chosen()
	require.NoError(t, err)
	require.Greater(t, len(all), 5)
	b.only = []string{"overload", "spans"}
	some, err := b.chosen()
	require.NoError(t, err)
	require.Len(t, some, 2)
	require.Equal(t, "spans", some[0].name)
	b.only = []string{"everything"}
	_, err = b.chosen()
	require.ErrorContains(t, err, "want some of spans, logs, points, queue, latencies, small, pdata, shapes, overload, growth")
}

func TestSustainableCountsMergingIn(t *testing.T) {
	o := outcome{Result: load.Result{Items: 1_000_000}, cpu: 7 * time.Second, whole: 4 * time.Second, merged: 5 * time.Second}
	require.InDelta(t, 250_000, o.stored(), 0)
	require.InDelta(t, 200_000, o.sustainable(), 0)
	require.InDelta(t, 7, o.perMillion(), 0)
}
