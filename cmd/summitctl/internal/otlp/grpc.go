package otlp

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

type grpcSender struct {
	conn    *grpc.ClientConn
	traces  ptraceotlp.GRPCClient
	logs    plogotlp.GRPCClient
	metrics pmetricotlp.GRPCClient
}

// NewGRPC makes a sender to host:port, without encryption. Nothing is connected before the first request.
func NewGRPC(address string) (Sender, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("summitctl"))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	return &grpcSender{
		conn: conn, traces: ptraceotlp.NewGRPCClient(conn), logs: plogotlp.NewGRPCClient(conn), metrics: pmetricotlp.NewGRPCClient(conn),
	}, nil
}

func (s *grpcSender) Traces(ctx context.Context, td ptrace.Traces) error {
	return retry(ctx, func(ctx context.Context) error {
		resp, err := s.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		if err != nil {
			return grpcError(err)
		}
		return rejected(resp.PartialSuccess().RejectedSpans(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *grpcSender) Logs(ctx context.Context, ld plog.Logs) error {
	return retry(ctx, func(ctx context.Context) error {
		resp, err := s.logs.Export(ctx, plogotlp.NewExportRequestFromLogs(ld))
		if err != nil {
			return grpcError(err)
		}
		return rejected(resp.PartialSuccess().RejectedLogRecords(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *grpcSender) Metrics(ctx context.Context, md pmetric.Metrics) error {
	return retry(ctx, func(ctx context.Context) error {
		resp, err := s.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(md))
		if err != nil {
			return grpcError(err)
		}
		return rejected(resp.PartialSuccess().RejectedDataPoints(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *grpcSender) Close() error { return s.conn.Close() }

// grpcError tells the answers that OTLP lets be sent again. RESOURCE_EXHAUSTED is one only with a word on when.
func grpcError(err error) error {
	st := status.Convert(err)
	pause, named := retryPause(st)
	switch st.Code() {
	case codes.Unavailable, codes.Aborted, codes.OutOfRange, codes.DataLoss:
		return &busy{err, pause}
	case codes.ResourceExhausted:
		if named {
			return &busy{err, pause}
		}
	}
	return err
}

func retryPause(st *status.Status) (time.Duration, bool) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
