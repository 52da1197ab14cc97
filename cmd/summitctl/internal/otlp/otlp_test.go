package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func oneSpan() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("s")
	return td
}

func oneLog() plog.Logs {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("l")
	return ld
}

func onePoint() pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("m")
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	return md
}

// receiver is a trace service that answers with one error after the other before it takes a request.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	answers []error
	calls   atomic.Int32
	reject  int64
}

func (r *receiver) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	n := int(r.calls.Add(1)) - 1
	resp := ptraceotlp.NewExportResponse()
	if n < len(r.answers) {
		return resp, r.answers[n]
	}
	if req.Traces().SpanCount() != 1 {
		return resp, status.Error(codes.InvalidArgument, "want one span")
	}
	resp.PartialSuccess().SetRejectedSpans(r.reject)
	resp.PartialSuccess().SetErrorMessage("too old")
	return resp, nil
}

func serve(t *testing.T, r *receiver) Sender {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(srv, r)
	go func() { _ = srv.Serve(lis) }() // ends with Stop
	t.Cleanup(srv.Stop)
	s, err := NewGRPC(lis.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func exhausted(t *testing.T, d time.Duration) error {
	st, err := status.New(codes.ResourceExhausted, "queue is full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
	require.NoError(t, err)
	return st.Err()
}

func TestGRPCWaitsWhenAskedTo(t *testing.T) {
	r := &receiver{answers: []error{exhausted(t, time.Millisecond), status.Error(codes.Unavailable, "starting")}}
	require.NoError(t, serve(t, r).Traces(t.Context(), oneSpan()))
	require.Equal(t, int32(3), r.calls.Load())
}

func TestGRPCDoesntRepeatWhatIsRefused(t *testing.T) {
	for _, answer := range []error{status.Error(codes.InvalidArgument, "bad"), status.Error(codes.ResourceExhausted, "message larger than max")} {
		r := &receiver{answers: []error{answer}}
		require.Error(t, serve(t, r).Traces(t.Context(), oneSpan()))
		require.Equal(t, int32(1), r.calls.Load())
	}
}

func TestPartialSuccessIsAnError(t *testing.T) {
	var rej *RejectedError
	require.ErrorAs(t, serve(t, &receiver{reject: 1}).Traces(t.Context(), oneSpan()), &rej)
	require.Equal(t, int64(1), rej.Items)
	require.ErrorContains(t, rej, "too old")
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := retry(ctx, func(context.Context) error {
		calls++
		cancel()
		return &busy{errors.New("full"), time.Hour}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "full")
	require.Equal(t, 1, calls)
}

func TestHTTPSendsEverySignal(t *testing.T) {
	var paths []string
	var failures atomic.Int32
	failures.Store(1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if failures.Add(-1) >= 0 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		zr, err := gzip.NewReader(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body, err := io.ReadAll(zr)
		if err != nil || len(body) == 0 || req.Header.Get("Content-Type") != "application/x-protobuf" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		paths = append(paths, req.URL.Path)
	}))
	defer srv.Close()
	s := NewHTTP(srv.URL)
	require.NoError(t, s.Traces(t.Context(), oneSpan()))
	require.NoError(t, s.Logs(t.Context(), oneLog()))
	require.NoError(t, s.Metrics(t.Context(), onePoint()))
	require.NoError(t, s.Close())
	require.Equal(t, []string{"/v1/traces", "/v1/logs", "/v1/metrics"}, paths)
}

func TestHTTPErrorsAreReadable(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer srv.Close()
	s := NewHTTP(srv.URL)
	require.ErrorContains(t, s.Logs(t.Context(), oneLog()), "401")
	require.NoError(t, s.Close())
}
