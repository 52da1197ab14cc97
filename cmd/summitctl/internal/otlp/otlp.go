// Package otlp sends telemetry over the wire, by gRPC or HTTP, and waits when the receiver asks for it. The verbs demo
// and doctor use it; it is the protocol's client and nothing more.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Sender sends to one door.
type Sender interface {
	Traces(ctx context.Context, td ptrace.Traces) error
	Logs(ctx context.Context, ld plog.Logs) error
	Metrics(ctx context.Context, md pmetric.Metrics) error
	Close() error
}

// Bounds of patience.
const (
	maxTries   = 12
	firstPause = 50 * time.Millisecond
	maxPause   = 5 * time.Second
)

// busy is an answer that asks to send the same again, after a pause if it names one.
type busy struct {
	err   error
	pause time.Duration
}

func (b *busy) Error() string { return b.err.Error() }

func (b *busy) Unwrap() error { return b.err }

// RejectedError says that the receiver took a request only in part.
type RejectedError struct {
	Items   int64
	Message string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the receiver rejected %d items: %s", e.Items, e.Message)
}

func rejected(items int64, message string) error {
	if items == 0 {
		return nil
	}
	return &RejectedError{Items: items, Message: message}
}

// retry sends until the receiver has taken it, refuses it for good, or patience ends.
func retry(ctx context.Context, send func(context.Context) error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := send(ctx)
		var b *busy
		if !errors.As(err, &b) {
			return err
		}
		if try == maxTries {
			return fmt.Errorf("gave up after %d tries: %w", try, b.err)
		}
		wait := max(pause, min(b.pause, maxPause))
		pause = min(2*pause, maxPause)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), b.err)
		case <-timer.C:
		}
	}
}
