package ledger

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Send sends requests of all signals over OTLP/gRPC, one after the other, until one is not acknowledged: the receiver is
// gone, or ctx ended. A receiver that isn't there yet is waited for.
func (l *Ledger) Send(ctx context.Context, address string) error {
	return l.send(ctx, ctx, address, func(err error) error { return err })
}

// refusalPause is the longest pause after a refusal, whatever it asks for: tests want many of them.
const refusalPause = 100 * time.Millisecond

// lastAnswer is how long SendOn waits in the end for the answer to its last request.
const lastAnswer = 3 * time.Second

// SendOn is Send that goes on when a request is refused, with the next one. It ends with ctx, after the answer to its last
// request, so that sender and receiver have counted the same, or when the receiver is gone.
func (l *Ledger) SendOn(ctx context.Context, address string) error {
	request, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		_ = pause(request, lastAnswer)
		cancel()
	})()
	return l.send(ctx, request, address, func(error) error { return pause(ctx, refusalPause) })
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// SendOne sends one request and requires that it is acknowledged.
func (l *Ledger) SendOne(ctx context.Context, address string, s Signal) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	n := l.begin(s)
	if _, err := c.export(ctx, l, s, n); err != nil {
		return fmt.Errorf("%s %d: %w", s, n, err)
	}
	l.acknowledge(s, n)
	return nil
}

// send sends until ctx ends; request is the context of what it sends.
func (l *Ledger) send(ctx, request context.Context, address string, refused func(error) error) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for s := Signal(0); ctx.Err() == nil; s = (s + 1) % signals {
		n := l.begin(s)
		answered, err := c.export(request, l, s, n)
		if err == nil {
			l.acknowledge(s, n)
			if l.Pace > 0 {
				if err := pause(ctx, l.Pace); err != nil {
					return err
				}
			}
			continue
		}
		err = fmt.Errorf("%s %d: %w", s, n, err)
		if !answered || request.Err() != nil {
			return err
		}
		l.refuse(s, n, saysWhen(err), err.Error())
		if err := refused(err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// connection is one sender's.
type connection struct {
	conn    *grpc.ClientConn
	traces  ptraceotlp.GRPCClient
	logs    plogotlp.GRPCClient
	metrics pmetricotlp.GRPCClient
}

func dial(address string) (*connection, error) {
	quick := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: 100 * time.Millisecond}, MinConnectTimeout: time.Second}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(quick))
	if err != nil {
		return nil, err
	}
	return &connection{conn, ptraceotlp.NewGRPCClient(conn), plogotlp.NewGRPCClient(conn), pmetricotlp.NewGRPCClient(conn)}, nil
}

// export sends one request. answered tells an error that the receiver gave from one of the connection, after which
// nobody knows what became of the request.
func (c *connection) export(ctx context.Context, l *Ledger, s Signal, n uint64) (answered bool, err error) {
	var header, trailer metadata.MD
	opts := []grpc.CallOption{grpc.WaitForReady(true), grpc.Header(&header), grpc.Trailer(&trailer)}
	switch s {
	case Traces:
		_, err = c.traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(l.spans(n)), opts...)
	case Logs:
		_, err = c.logs.Export(ctx, plogotlp.NewExportRequestFromLogs(l.records(n)), opts...)
	default:
		_, err = c.metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(l.samples(n)), opts...)
	}
	return len(header)+len(trailer) > 0, err
}

// saysWhen tells whether a refusal says when to come back.
func saysWhen(err error) bool {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() > 0 {
			return true
		}
	}
	return false
}
