package otlpitem

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spans gives the spans of one resource.
type Spans interface {
	// Head holds the resource and its scopes; the spans themselves may be missing in it.
	Head() ptrace.ResourceSpans
	// Len is the number of spans in a scope.
	Len(scope int) int
	// Read fills a span. An error says that the request is malformed.
	Read(scope, i int, into *Span) error
	// Whole gives one span as pdata, for what a Span can't be used for.
	Whole(scope, i int) (ptrace.Span, error)
}

// Records gives the log records of one resource.
type Records interface {
	Head() plog.ResourceLogs
	Len(scope int) int
	Read(scope, i int, into *Record) error
	Whole(scope, i int) (plog.LogRecord, error)
}

// Metrics gives the metrics of one resource.
type Metrics interface {
	Head() pmetric.ResourceMetrics
	Len(scope int) int
	// Read fills a metric.
	Read(scope, i int, into *Metric) error
	// Point fills the point of a gauge or sum.
	Point(scope, i, point int, into *Point) error
	// WholePoint gives such a point as pdata.
	WholePoint(scope, i, point int) (pmetric.NumberDataPoint, error)
	// Whole gives a metric of any other kind as pdata.
	Whole(scope, i int) (pmetric.Metric, error)
}

// MalformedError says that a request isn't what the protocol asks for: the sender must not come back with it.
type MalformedError struct{ Err error }

// Error implements error.
func (e *MalformedError) Error() string { return "malformed request: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *MalformedError) Unwrap() error { return e.Err }

// Sink takes items without pdata: an exporter that a receiver may hand its requests to.
type Sink interface {
	ConsumeSpans(ctx context.Context, count int, from []Spans) error
	ConsumeRecords(ctx context.Context, count int, from []Records) error
	ConsumePoints(ctx context.Context, count int, from []Metrics) error
}
