package process

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const exposition = `# HELP summit_refused_total Items
# TYPE summit_refused_total counter
summit_refused_total{exporter="summit_clickhouse",reason="disk_full",signal="logs"} 150
summit_refused_total{exporter="summit_clickhouse",reason="disk_full",signal="traces"} 50
summit_refused_total{exporter="summit_clickhouse",reason="queue_full",signal="traces"} 7
summit_queue_segments{} 0
up 1
`

func TestMetricsAreSummedByLabel(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(exposition)) }))
	defer srv.Close()
	m, err := ReadMetrics(t.Context(), Places{Metrics: strings.TrimPrefix(srv.URL, "http://")})
	require.NoError(t, err)
	for _, tt := range []struct {
		name   string
		labels []string
		sum    float64
		found  bool
	}{
		{"summit_refused_total", nil, 207, true},
		{"summit_refused_total", []string{`reason="disk_full"`}, 200, true},
		{"summit_refused_total", []string{`reason="disk_full"`, `signal="logs"`}, 150, true},
		{"summit_refused_total", []string{`signal="metrics"`}, 0, false},
		{"summit_queue_segments", nil, 0, true},
		{"up", nil, 1, true},
		{"down", nil, 0, false},
	} {
		sum, found := m.Sum(tt.name, tt.labels...)
		require.Equal(t, tt.found, found, tt)
		require.InDelta(t, tt.sum, sum, 0, tt)
	}
	for _, bad := range []string{"novalue", "name x"} {
		_, err := parseMetrics(bad)
		require.Error(t, err, bad)
	}
}

func TestGoroutinesAreCounted(t *testing.T) {
	answer := "goroutine profile: total 42\n1 @ 0x1\n"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
	defer srv.Close()
	n, err := Goroutines(t.Context(), strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	require.Equal(t, 42, n)
	answer = "404 page not found"
	_, err = Goroutines(t.Context(), strings.TrimPrefix(srv.URL, "http://"))
	require.ErrorContains(t, err, "404 page not found")
}

func TestExtensionsAreAdded(t *testing.T) {
	set, err := Extensions("store", "pprof")
	require.NoError(t, err)
	require.Equal(t, "service::extensions: [health_check, summit_store, pprof]", set)
	_, err = Extensions("nobody")
	require.Error(t, err)
}

func TestDescriptorsAndThreads(t *testing.T) {
	p, err := Start(script(t, "exec 5>/dev/null; echo up; while :; do sleep 0.01; done"))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Kill()) }()
	require.Eventually(t, func() bool {
		n, err := p.Descriptors()
		return err == nil && n >= 4
	}, endOfPatience, tick)
	n, err := p.Threads()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.NoError(t, p.Pause())
	require.Eventually(t, func() bool { return state(t, p) == "T" }, endOfPatience, tick)
	require.NoError(t, p.Resume())
	require.Eventually(t, func() bool { return state(t, p) != "T" }, endOfPatience, tick)
}
