package ledger

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver takes logs and points, and answers traces with an error.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	traces func() error
	calls  chan struct{}
}

func (r *receiver) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r.calls <- struct{}{}
	return ptraceotlp.NewExportResponse(), r.traces()
}

type logs struct {
	plogotlp.UnimplementedGRPCServer
}

func (*logs) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), nil
}

type points struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (*points) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}

func serve(t *testing.T, traces func() error) (*receiver, *grpc.Server, string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiver{traces: traces, calls: make(chan struct{}, 1000)}
	srv := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(srv, r)
	plogotlp.RegisterGRPCServer(srv, &logs{})
	pmetricotlp.RegisterGRPCServer(srv, &points{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(listener)
	}()
	t.Cleanup(func() { srv.Stop(); <-done })
	return r, srv, listener.Addr().String()
}

func TestRefusalsAreToldFromBrokenConnections(t *testing.T) {
	told, err := status.New(codes.ResourceExhausted, "full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	require.NoError(t, err)
	answers := []error{nil, told.Err(), status.Error(codes.Unavailable, "no"), nil}
	n := 0
	r, srv, address := serve(t, func() error {
		n++
		return answers[min(n, len(answers))-1]
	})
	l := New(time.Now())
	ended := make(chan error, 1)
	go func() { ended <- l.SendOn(t.Context(), address) }()
	for range 6 {
		<-r.calls
	}
	srv.Stop()
	require.Error(t, <-ended)
	require.GreaterOrEqual(t, l.Acknowledged(Traces), 2)
	require.GreaterOrEqual(t, l.Acknowledged(Logs), 4)
	refused := l.Refused()
	require.Equal(t, 2, refused.Requests)
	require.Equal(t, 2*perRequest, refused.Items)
	require.Equal(t, 1, refused.Untold)
	require.Contains(t, refused.Sample, "no")
	require.Equal(t, 1, l.count(Traces, unanswered)+l.count(Logs, unanswered)+l.count(Points, unanswered), "the connection broke on one")
}

func TestSendEndsAtTheFirstRefusal(t *testing.T) {
	_, _, address := serve(t, func() error { return status.Error(codes.Unavailable, "no") })
	l := New(time.Now())
	require.ErrorContains(t, l.Send(t.Context(), address), "no")
	require.Equal(t, 1, l.Refused().Requests)
	require.Zero(t, l.Acknowledged(Logs))
	require.Error(t, l.SendOne(t.Context(), address, Traces))
	first := l.Round()
	require.NoError(t, l.SendOne(t.Context(), address, Points))
	<-first
	require.Equal(t, 1, l.Acknowledged(Points))
}

// Requests of different numbers have different items, on several days, and a point's time tells its request.
func TestRequestsDiffer(t *testing.T) {
	l := New(time.Unix(1_700_000_000, 0))
	days := map[int]bool{}
	for n := uint64(1); n < 20; n++ {
		sp := l.spans(n).ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		require.Equal(t, perRequest, sp.Len())
		require.Equal(t, traceID(n), sp.At(0).TraceID())
		days[sp.At(0).StartTimestamp().AsTime().YearDay()] = true
		failed := 0
		for _, s := range sp.All() {
			failed += s.Events().Len()
		}
		require.Equal(t, errorsPerRequest, failed)
		p := l.samples(n).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
		for i := range p.Len() {
			since := p.At(i).Timestamp().AsTime().Sub(l.base)
			require.Equal(t, n, uint64(since/(perRequest*time.Microsecond)))
		}
	}
	require.Len(t, days, 3)
}
