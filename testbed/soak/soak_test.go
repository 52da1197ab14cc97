package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { process.CloseIdle(); os.Exit(code) }))
}

func TestSlopeIsNotMovedByOutliers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{20, 300, 5000} {
		var x, y []float64
		for i := range n {
			x = append(x, float64(i)/360)
			v := 500 + 12*x[i] + r.NormFloat64()
			if i%7 == 0 {
				v += 400 // a merge
			}
			y = append(y, v)
		}
		require.InDelta(t, 12, slope(x, y), 12*20/float64(n)+2, "%d points", n)
	}
	require.Zero(t, slope([]float64{1, 2, 3}, []float64{7, 7, 7}))
	require.True(t, math.IsNaN(slope([]float64{1}, []float64{7})))
}

// sampled is a run with a sample each ten seconds.
func sampled(of func(hours float64) sample) *soak {
	s := &soak{
		options: options{
			length: 30 * time.Minute, warm: 10 * time.Minute,
			limits: limits{rss: 60, descriptors: 20, threads: 10, goroutines: 10, parts: 150, queue: 64},
		},
		sent:  sent{items: map[load.Signal]int64{load.Spans: 100}, runs: map[string]bool{"1": true}},
		asked: 1,
	}
	for at := time.Duration(0); at <= s.length; at += 10 * time.Second {
		n := of(at.Hours())
		n.at = at
		s.samples = append(s.samples, n)
	}
	return s
}

func flat(float64) sample {
	return sample{rss: 500, descriptors: 200, threads: 40, goroutines: 60, parts: 80, most: 9, queue: 1, cpu: 0.1}
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		name   string
		of     func(hours float64) sample
		change func(*soak)
		fault  string
	}{
		{name: "flat"},
		{name: "grows in the warm-up only", of: func(h float64) sample { n := flat(h); n.rss = 100 + 2400*min(h, 1.0/6); return n }},
		{name: "memory", of: func(h float64) sample { n := flat(h); n.rss += 100 * h; return n }, fault: "rss grows by 100 MB/h, at most 60"},
		{name: "descriptors", of: func(h float64) sample { n := flat(h); n.descriptors += 100 * h; return n }, fault: "fd grows by 100"},
		{name: "threads", of: func(h float64) sample { n := flat(h); n.threads += 30 * h; return n }, fault: "threads grows"},
		{name: "goroutines", of: func(h float64) sample { n := flat(h); n.goroutines += 30 * h; return n }, fault: "goroutines grows"},
		{name: "parts", of: func(h float64) sample { n := flat(h); n.most += 600 * h; return n }, fault: "a table has 309 parts"},
		{name: "queue", of: func(h float64) sample { n := flat(h); n.queue += 200 * h; return n }, fault: "101.0 MB waited"},
		{name: "a lost row", change: func(s *soak) { s.lost = 1 }, fault: "1 rows are lost"},
		{name: "a doubled row", change: func(s *soak) { s.doubled = 1 }, fault: "1 are there too many"},
		{name: "a missing run", change: func(s *soak) { s.missing = []string{"77"} }, fault: "build runs [77] are missing"},
		{name: "nothing sent", change: func(s *soak) { s.sent.items = nil }, fault: "nothing was acknowledged"},
		{name: "nothing asked", change: func(s *soak) { s.asked = 0 }, fault: "nothing was acknowledged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			of := tt.of
			if of == nil {
				of = flat
			}
			s := sampled(of)
			if tt.change != nil {
				tt.change(s)
			}
			figures, faults := s.verdict()
			names := map[string]bool{}
			for _, f := range figures {
				names[f.Name] = true
			}
			for _, want := range []string{"soak.rss.slope", "soak.fd.slope", "soak.parts.max", "soak.rows.lost"} {
				require.True(t, names[want], want)
			}
			if tt.fault == "" {
				require.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			require.ErrorContains(t, faults[0], tt.fault)
		})
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	for _, samples := range [][]sample{nil, sampled(flat).samples, sampled(func(float64) sample { return sample{} }).samples} {
		d := xml.NewDecoder(bytes.NewReader(plot(samples, time.Minute)))
		lines := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
				lines++
				require.NotContains(t, start.Attr[len(start.Attr)-1].Value, "NaN")
			}
		}
		if len(samples) > 0 {
			require.Equal(t, len(panels), lines)
		}
	}
}

func TestCeiling(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.03: 0.05, 1: 1, 3: 5, 7: 10, 480: 500, 501: 1000} {
		require.InDelta(t, want, ceiling(v), 1e-9, "%g", v)
	}
}

func TestRunOf(t *testing.T) {
	require.Equal(t, "12345678901", runOf([]byte(`{"action":"completed","workflow_run":{"id":12345678901}}`)))
	require.Empty(t, runOf([]byte(`{"ref":"refs/heads/main"}`)))
	require.Empty(t, runOf([]byte(`{`)))
}

func TestOptionsAreChecked(t *testing.T) {
	good := options{length: time.Hour, every: 10 * time.Second, perSecond: 1000}
	require.NoError(t, good.check())
	require.Equal(t, 20*time.Minute, good.warm)
	for _, change := range []func(*options){
		func(o *options) { o.every = time.Millisecond },
		func(o *options) { o.warm = time.Hour },
		func(o *options) { o.perSecond = 1 },
	} {
		bad := good
		change(&bad)
		require.Error(t, bad.check())
	}
}

// A short soak takes all the ways: each kind of load is sent, asked for and counted, and nothing is lost.
func TestShortSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the built binary")
	}
	s := &soak{
		options: options{
			length: 13 * time.Second, warm: 3 * time.Second, every: time.Second, perSecond: 500,
			limits: limits{parts: 150, queue: 64},
		},
		dir: t.TempDir(),
	}
	err := s.soak(t.Context())
	if s.server != nil {
		require.NoError(t, s.server.Stop(time.Minute))
	}
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(s.samples), 5)
	require.Positive(t, s.asked)
	require.NotEmpty(t, s.sent.runs)
	require.Empty(t, s.missing)
	require.Zero(t, s.lost)
	require.Zero(t, s.doubled)
	for _, signal := range []load.Signal{load.Spans, load.Logs, load.Points} {
		require.Positive(t, s.sent.items[signal], signal)
	}
	last := s.samples[len(s.samples)-1]
	require.Positive(t, last.rss)
	require.Positive(t, last.descriptors)
	require.Positive(t, last.threads)
	require.Positive(t, last.goroutines)
	require.Positive(t, last.parts)
}
