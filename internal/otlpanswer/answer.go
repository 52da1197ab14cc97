// Package otlpanswer says how an error of the pipeline reaches the sender of an OTLP request: as a gRPC status, and over
// HTTP as a code with the time to come back. Receivers and their middleware use it, so that both answer alike.
package otlpanswer

import (
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// MemoryRetry is when a sender may come back that was refused for want of memory.
const MemoryRetry = 2 * time.Second

// memoryText is how the memory limiter's error reads, which has no type that others can see.
const memoryText = "data refused due to high memory usage"

// IsMemory tells a refusal of the memory limiter.
func IsMemory(text string) bool { return strings.Contains(text, memoryText) }

// Throttled is RESOURCE_EXHAUSTED with the time to come back, in whole seconds, as Retry-After has no others.
func Throttled(text string, after time.Duration) *status.Status {
	after = max(after.Truncate(time.Second), time.Second)
	st := status.New(codes.ResourceExhausted, text)
	if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
		return detailed
	}
	return st
}

// Of gives the status of an error: its own, or else one that tells whether the sender may come back. What the memory
// limiter refuses is throttled.
func Of(err error) *status.Status {
	if IsMemory(err.Error()) {
		return Throttled(err.Error(), MemoryRetry)
	}
	if st, ok := status.FromError(err); ok {
		return st
	}
	if consumererror.IsPermanent(err) {
		return status.New(codes.Internal, err.Error())
	}
	return status.New(codes.Unavailable, err.Error())
}

// HTTPCode is the code that OTLP/HTTP has for a status.
func HTTPCode(st *status.Status) int {
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return http.StatusServiceUnavailable
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unimplemented:
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

// FromHTTP is the status of a failure that has only a code.
func FromHTTP(text string, code int) *status.Status {
	c := codes.Unknown
	switch code {
	case http.StatusBadRequest:
		c = codes.InvalidArgument
	case http.StatusUnauthorized:
		c = codes.Unauthenticated
	case http.StatusForbidden:
		c = codes.PermissionDenied
	case http.StatusNotFound:
		c = codes.Unimplemented
	case http.StatusTooManyRequests:
		c = codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		c = codes.Unavailable
	}
	return status.New(c, text)
}

// RetryAfter is the time to come back that a status tells, if it does.
func RetryAfter(st *status.Status) (time.Duration, bool) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
