// Package clickhouseexporter is the last stage of a pipeline that stores: it encodes traces, logs and metrics as rows of
// Summit's ClickHouse tables, puts them into a durable queue and answers the sender, and inserts them from there, each
// exactly once. The exporters of the three signals of one component id share one queue and one writer.
package clickhouseexporter

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// signalExporter is one signal's face of the shared sink.
type signalExporter struct {
	*sink
}

var (
	_ exporter.Traces  = signalExporter{}
	_ exporter.Logs    = signalExporter{}
	_ exporter.Metrics = signalExporter{}
)

// Capabilities says that the data is only read.
func (signalExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// ConsumeTraces returns once the spans' rows are durable.
func (e signalExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return e.push(ctx, classTraces, td.SpanCount(), func(enc encoder) (batch, error) { return enc.Traces(td) })
}

// ConsumeLogs returns once the records' rows are durable.
func (e signalExporter) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	return e.push(ctx, classLogs, ld.LogRecordCount(), func(enc encoder) (batch, error) { return enc.Logs(ld) })
}

// ConsumeMetrics returns once the points' rows are durable.
func (e signalExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return e.push(ctx, classMetrics, md.DataPointCount(), func(enc encoder) (batch, error) { return enc.Metrics(md) })
}

// sinks gives the exporters that were made from one configuration the same sink.
type sinks struct {
	newCodec codecMaker
	mu       sync.Mutex
	byConfig map[*Config]*sink
}

func (t *sinks) get(set exporter.Settings, config component.Config) (signalExporter, error) {
	cfg := config.(*Config)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byConfig[cfg]; s != nil {
		return signalExporter{s}, nil
	}
	s, err := newSink(set, cfg, t.newCodec)
	if err != nil {
		return signalExporter{}, err
	}
	s.forget = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.byConfig, cfg)
	}
	t.byConfig[cfg] = s
	return signalExporter{s}, nil
}

func (t *sinks) createTraces(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	return t.get(set, cfg)
}

func (t *sinks) createLogs(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	return t.get(set, cfg)
}

func (t *sinks) createMetrics(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return t.get(set, cfg)
}
