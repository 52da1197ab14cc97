package clickhouseexporter

import (
	"context"

	"github.com/summitobs/summit/internal/otlpitem"
)

var _ otlpitem.Sink = signalExporter{}

// sourceEncoder encodes items that never were pdata.
type sourceEncoder interface {
	Spans(from []otlpitem.Spans) (batch, error)
	Records(from []otlpitem.Records) (batch, error)
	Points(from []otlpitem.Metrics) (batch, error)
}

func (e tableEncoder) Spans(from []otlpitem.Spans) (batch, error) { return asBatch(e.enc.Spans(from)) }
func (e tableEncoder) Records(from []otlpitem.Records) (batch, error) {
	return asBatch(e.enc.Records(from))
}
func (e tableEncoder) Points(from []otlpitem.Metrics) (batch, error) {
	return asBatch(e.enc.Points(from))
}

// ConsumeSpans is ConsumeTraces for spans of any source.
func (e signalExporter) ConsumeSpans(ctx context.Context, count int, from []otlpitem.Spans) error {
	return e.push(ctx, classTraces, count, func(enc encoder) (batch, error) { return enc.(sourceEncoder).Spans(from) })
}

// ConsumeRecords is ConsumeLogs for records of any source.
func (e signalExporter) ConsumeRecords(ctx context.Context, count int, from []otlpitem.Records) error {
	return e.push(ctx, classLogs, count, func(enc encoder) (batch, error) { return enc.(sourceEncoder).Records(from) })
}

// ConsumePoints is ConsumeMetrics for points of any source.
func (e signalExporter) ConsumePoints(ctx context.Context, count int, from []otlpitem.Metrics) error {
	return e.push(ctx, classMetrics, count, func(enc encoder) (batch, error) { return enc.(sourceEncoder).Points(from) })
}
