package load

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what its services take; it is full once.
type sink struct {
	ptraceotlp.UnimplementedGRPCServer
	mu       sync.Mutex
	full     bool
	spanIDs  map[[8]byte]int
	users    map[string]int
	traceIDs map[[16]byte]int
	orphans  int
	starts   map[time.Time]bool
}

func (s *sink) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := ptraceotlp.NewExportResponse()
	if s.full {
		s.full = false
		return resp, status.Error(codes.ResourceExhausted, "the queue is full")
	}
	ids := map[[8]byte]bool{}
	for _, rs := range req.Traces().ResourceSpans().All() {
		if rs.Resource().Attributes().Len() != resourceAttributes {
			return resp, status.Errorf(codes.InvalidArgument, "%d resource attributes", rs.Resource().Attributes().Len())
		}
		for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
			s.spanIDs[sp.SpanID()]++
			s.traceIDs[sp.TraceID()]++
			s.starts[sp.StartTimestamp().AsTime()] = true
			ids[sp.SpanID()] = true
			user, _ := sp.Attributes().Get("user.id")
			s.users[user.Str()]++
			if !sp.ParentSpanID().IsEmpty() && !ids[sp.ParentSpanID()] {
				s.orphans++
			}
			if d := time.Since(sp.StartTimestamp().AsTime()); d < 0 || d > time.Minute {
				return resp, status.Errorf(codes.InvalidArgument, "started %s ago", d)
			}
			if d := sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime()); d <= 0 || d > time.Second {
				return resp, status.Errorf(codes.InvalidArgument, "took %s", d)
			}
		}
	}
	return resp, nil
}

func TestSpansOverGRPCAreAllDistinct(t *testing.T) {
	s := &sink{full: true, spanIDs: map[[8]byte]int{}, users: map[string]int{}, traceIDs: map[[16]byte]int{}, starts: map[time.Time]bool{}}
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(srv, s)
	go func() { _ = srv.Serve(lis) }() // ends with Stop
	defer srv.Stop()
	res, err := Run(t.Context(), Settings{Signal: Spans, Protocol: "grpc", Address: lis.Addr().String(), Total: 10_000, PerRequest: 512, Seed: 4})
	require.NoError(t, err)
	require.Equal(t, int64(20*512), res.Items)
	require.Equal(t, int64(20), res.Requests)
	require.Equal(t, int64(1), res.Waits)
	require.Len(t, s.spanIDs, 20*512)
	require.Len(t, s.traceIDs, 20*512/spansPerTrace)
	require.Zero(t, s.orphans)
	require.Greater(t, len(s.starts), 10_000, "no two start at once")
	require.Greater(t, len(s.users), 4000)
	require.LessOrEqual(t, res.P50, res.P99)
	require.Contains(t, res.String(), "10240 items")
}

func TestLogsAndPointsOverHTTP(t *testing.T) {
	var mu sync.Mutex
	counts, instants := map[string]int{}, map[int64]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case req.URL.Path == "/v1/logs":
			r := plogotlp.NewExportRequest()
			if r.UnmarshalProto(body) != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
			counts["logs"] += r.Logs().LogRecordCount()
			counts["log attributes"] = r.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Len()
		case req.URL.Path == "/v1/metrics":
			r := pmetricotlp.NewExportRequest()
			if r.UnmarshalProto(body) != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
			counts["points"] += r.Metrics().DataPointCount()
			instants[int64(r.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Timestamp())]++
		}
	}))
	defer srv.Close()
	address := srv.Listener.Addr().String()
	for _, signal := range []Signal{Logs, Points} {
		res, err := Run(t.Context(), Settings{Signal: signal, Protocol: "http", Address: address, Total: 1000, PerRequest: 200, Connections: 3})
		require.NoError(t, err)
		require.Equal(t, int64(1000), res.Items)
	}
	require.Equal(t, map[string]int{"logs": 1000, "points": 1000, "log attributes": 10}, counts)
	require.Len(t, instants, 5)
}

func TestRunEndsAtTheFirstRefusal(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer srv.Close()
	_, err := Run(t.Context(), Settings{Signal: Logs, Protocol: "http", Address: srv.Listener.Addr().String(), Total: 1_000_000, PerRequest: 10})
	require.ErrorContains(t, err, "401")
}

func TestSettingsAreChecked(t *testing.T) {
	for _, s := range []Settings{{}, {Signal: Spans, Protocol: "udp", Total: 1}, {Signal: Spans, Protocol: "grpc"}} {
		_, err := Run(t.Context(), s)
		require.Error(t, err)
	}
}

func BenchmarkFill(b *testing.B) {
	s := Settings{Signal: Spans, PerRequest: 8192}
	tpl, err := makeTemplates(s)
	require.NoError(b, err)
	var buf []byte
	b.SetBytes(int64(len(tpl[0].body)))
	for b.Loop() {
		buf = tpl[0].fill(buf, 1, 2, time.Unix(1, 0))
	}
}

func TestShapes(t *testing.T) {
	templates, err := makeTemplates(Settings{Signal: Spans, Shape: Jaeger, PerRequest: 1000})
	require.NoError(t, err)
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(templates[0].fill(nil, 1, 2, time.Unix(1, 0))))
	keys, traces := map[string]bool{}, map[[16]byte]int{}
	for _, rs := range req.Traces().ResourceSpans().All() {
		for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
			traces[sp.TraceID()]++
			require.Equal(t, jaegerAttributes, sp.Attributes().Len())
			for k := range sp.Attributes().All() {
				keys[k] = true
			}
		}
	}
	require.Equal(t, jaegerServices, req.Traces().ResourceSpans().Len())
	require.Len(t, keys, jaegerKeys)
	require.Len(t, traces, 100)
	for _, n := range traces {
		require.Equal(t, jaegerTrace, n)
	}

	templates, err = makeTemplates(Settings{Signal: Logs, Shape: LongBodies, PerRequest: 64})
	require.NoError(t, err)
	require.Len(t, templates, 1024)
	bodies, patterns, users := map[string]bool{}, map[string]bool{}, map[string]bool{}
	inner := regexp.MustCompile(`u-[0-9]+`)
	for i := range templates {
		req := plogotlp.NewExportRequest()
		require.NoError(t, req.UnmarshalProto(templates[i].fill(nil, 1, uint64(i), time.Unix(1, 0))))
		for _, lr := range req.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			require.Len(t, lr.Body().Str(), longBodyBytes)
			bodies[lr.Body().Str()] = true
			patterns[digitRuns.ReplaceAllString(lr.Body().Str(), "#")] = true
			users[inner.FindString(lr.Body().Str())] = true
		}
	}
	require.Equal(t, 65536, len(bodies))
	require.Equal(t, callSites, len(patterns))
	require.Greater(t, len(users), 20_000, "numbers inside a line are new in every row")
	first := templates[0].fill(nil, 1, 2, time.Unix(1, 0))
	again := templates[0].fill(nil, 1, 3, time.Unix(1, 0))
	require.NotEqual(t, inner.Find(first), inner.Find(again), "and in every request")
}

func TestPaceAndUntoldRefusals(t *testing.T) {
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch requests.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer srv.Close()
	s := Settings{Signal: Logs, Protocol: "http", Address: srv.Listener.Addr().String(), Total: 60, PerRequest: 10, Connections: 1, PerSecond: 200}
	res, err := Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, int64(2), res.Waits)
	require.Equal(t, int64(1), res.Untold)
	require.Contains(t, res.UntoldSample, "429")
	require.GreaterOrEqual(t, res.Elapsed, 250*time.Millisecond, "six requests of ten at 200 a second")
	s.For, s.Total = 300*time.Millisecond, 1_000_000
	res, err = Run(t.Context(), s)
	require.NoError(t, err)
	require.Less(t, res.Items, int64(1000))
}
