package clickhouseexporter

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/summitobs/summit/internal/blockqueue"
	"github.com/summitobs/summit/internal/clickhouse"
)

// diskFullRetry is what a sender is told when the disk has no room.
const diskFullRetry = 10 * time.Second

// refusal is how a failed append is answered.
type refusal struct {
	err error
	// reason goes into the counters; dropped tells that the sender must not come back with it.
	reason  string
	dropped bool
}

// refuse is the one place where permanent and retryable are told apart for senders. OTLP receivers turn the gRPC status
// into 429 with Retry-After, 503 or 400 over HTTP.
func refuse(err error) refusal {
	var full *blockqueue.FullError
	switch {
	case errors.As(err, &full):
		return refusal{err: throttled(err, full.RetryAfter), reason: "queue_full"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return refusal{err: throttled(err, diskFullRetry), reason: "disk_full"}
	case errors.Is(err, blockqueue.ErrTooLarge):
		return refusal{err: invalid(err), reason: "too_large", dropped: true}
	case errors.Is(err, blockqueue.ErrClosed):
		return refusal{err: status.Error(codes.Unavailable, "the exporter is shutting down"), reason: "shutdown"}
	default:
		return refusal{err: status.Error(codes.Unavailable, err.Error()), reason: "queue_error"}
	}
}

// throttled is RESOURCE_EXHAUSTED with the delay in whole seconds, as Retry-After has no others.
func throttled(err error, after time.Duration) error {
	after = max(after.Truncate(time.Second), time.Second)
	st, detailErr := status.New(codes.ResourceExhausted, err.Error()).
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if detailErr != nil {
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return st.Err()
}

func invalid(err error) error {
	return consumererror.NewPermanent(status.Error(codes.InvalidArgument, err.Error()))
}

// schemaCodes are errors of a store whose tables or settings aren't those that this build expects: unknown column,
// identifier, table, database, setting. The block is good and waits until the store is.
var schemaCodes = []int{16, 47, 60, 81, 115}

// refusedForGood tells whether the store will never take this block.
func refusedForGood(err error) bool {
	return clickhouse.IsPermanent(err) && !slices.Contains(schemaCodes, clickhouse.Code(err))
}
