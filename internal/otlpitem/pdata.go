package otlpitem

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var (
	_ Spans   = PDataSpans{}
	_ Records = PDataRecords{}
	_ Metrics = PDataMetrics{}
)

// PDataSpans are the spans of a resource in pdata.
type PDataSpans struct{ ptrace.ResourceSpans }

// Head implements Spans.
func (s PDataSpans) Head() ptrace.ResourceSpans { return s.ResourceSpans }

// Len implements Spans.
func (s PDataSpans) Len(scope int) int { return s.ScopeSpans().At(scope).Spans().Len() }

// Read implements Spans.
func (s PDataSpans) Read(scope, i int, into *Span) error {
	into.read(s.ScopeSpans().At(scope).Spans().At(i))
	return nil
}

// Whole implements Spans.
func (s PDataSpans) Whole(scope, i int) (ptrace.Span, error) {
	return s.ScopeSpans().At(scope).Spans().At(i), nil
}

// PDataRecords are the log records of a resource in pdata.
type PDataRecords struct{ plog.ResourceLogs }

// Head implements Records.
func (s PDataRecords) Head() plog.ResourceLogs { return s.ResourceLogs }

// Len implements Records.
func (s PDataRecords) Len(scope int) int { return s.ScopeLogs().At(scope).LogRecords().Len() }

// Read implements Records.
func (s PDataRecords) Read(scope, i int, into *Record) error {
	into.read(s.ScopeLogs().At(scope).LogRecords().At(i))
	return nil
}

// Whole implements Records.
func (s PDataRecords) Whole(scope, i int) (plog.LogRecord, error) {
	return s.ScopeLogs().At(scope).LogRecords().At(i), nil
}

// PDataMetrics are the metrics of a resource in pdata.
type PDataMetrics struct{ pmetric.ResourceMetrics }

// Head implements Metrics.
func (s PDataMetrics) Head() pmetric.ResourceMetrics { return s.ResourceMetrics }

// Len implements Metrics.
func (s PDataMetrics) Len(scope int) int { return s.ScopeMetrics().At(scope).Metrics().Len() }

// Read implements Metrics.
func (s PDataMetrics) Read(scope, i int, into *Metric) error {
	*into = MetricOf(s.metric(scope, i))
	return nil
}

// Point implements Metrics.
func (s PDataMetrics) Point(scope, i, point int, into *Point) error {
	into.Set(NumbersOf(s.metric(scope, i)).At(point))
	return nil
}

// WholePoint implements Metrics.
func (s PDataMetrics) WholePoint(scope, i, point int) (pmetric.NumberDataPoint, error) {
	return NumbersOf(s.metric(scope, i)).At(point), nil
}

// Whole implements Metrics.
func (s PDataMetrics) Whole(scope, i int) (pmetric.Metric, error) { return s.metric(scope, i), nil }

func (s PDataMetrics) metric(scope, i int) pmetric.Metric {
	return s.ScopeMetrics().At(scope).Metrics().At(i)
}

// NumbersOf gives the points of a gauge or sum.
func NumbersOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}
