package clickhouseexporter

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/blockqueue"
	"github.com/summitobs/summit/internal/telemetry"
)

// scopeName is the scope of the exporter's own metrics.
const scopeName = "github.com/summitobs/summit/exporter/clickhouseexporter"

// instruments are the exporter's own metrics; metadata.yaml lists them.
type instruments struct {
	id      attribute.KeyValue
	drops   *telemetry.Drops
	refused metric.Int64Counter
	rows    metric.Int64Counter
	// underived counts segments whose computed rows are missing.
	underived metric.Int64Counter
	appends   metric.Float64Histogram
	insert    metric.Float64Histogram
	meter     metric.Meter
}

func newInstruments(set exporter.Settings) (*instruments, error) {
	drops, err := telemetry.NewDrops(set.TelemetrySettings, scopeName, set.ID)
	if err != nil {
		return nil, err
	}
	m := &instruments{
		id: attribute.String("exporter", set.ID.String()), drops: drops,
		meter: set.MeterProvider.Meter(scopeName),
	}
	seconds := metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30)
	if m.refused, err = m.meter.Int64Counter("summit_refused_total", metric.WithUnit("{item}"),
		metric.WithDescription("Items that were refused for now; the sender is told to come back.")); err != nil {
		return nil, fmt.Errorf("make an instrument: %w", err)
	}
	if m.rows, err = m.meter.Int64Counter("summit_rows_total", metric.WithUnit("{row}"),
		metric.WithDescription("Rows that the store has taken, by table; a replayed INSERT counts again.")); err != nil {
		return nil, fmt.Errorf("make an instrument: %w", err)
	}
	if m.underived, err = m.meter.Int64Counter("summit_underived_segments_total", metric.WithUnit("{segment}"),
		metric.WithDescription("Segments that were stored without some of the rows that are computed from them: catalog, facets, log counts.")); err != nil {
		return nil, fmt.Errorf("make an instrument: %w", err)
	}
	if m.appends, err = m.meter.Float64Histogram("summit_append_duration_seconds", metric.WithUnit("s"), seconds,
		metric.WithDescription("Time from a request's rows being encoded until they are fsynced in the queue.")); err != nil {
		return nil, fmt.Errorf("make an instrument: %w", err)
	}
	if m.insert, err = m.meter.Float64Histogram("summit_insert_duration_seconds", metric.WithUnit("s"), seconds,
		metric.WithDescription("Time that the store takes for one INSERT, by table.")); err != nil {
		return nil, fmt.Errorf("make an instrument: %w", err)
	}
	return m, nil
}

// watch reports the queue's state whenever metrics are read, until the registration is dropped.
func (m *instruments) watch(stats func() blockqueue.Stats) (metric.Registration, error) {
	gauges := []struct {
		name, unit, text string
		value            func(blockqueue.Stats) int64
	}{
		{"summit_queue_bytes", "By", "Bytes on disk that the store has not taken.", func(s blockqueue.Stats) int64 { return s.Bytes }},
		{"summit_queue_limit_bytes", "By", "Bound of summit_queue_bytes.", func(s blockqueue.Stats) int64 { return s.MaxBytes }},
		{"summit_queue_segments", "{segment}", "Segments that the store has not taken.", func(s blockqueue.Stats) int64 { return int64(s.Segments) }},
		{"summit_queue_oldest_seconds", "s", "Age of the oldest segment that the store has not taken.", func(s blockqueue.Stats) int64 { return int64(s.OldestAge / time.Second) }},
		{"summit_quarantine_bytes", "By", "Bytes on disk that were set aside.", func(s blockqueue.Stats) int64 { return s.QuarantineBytes }},
	}
	observables := make([]metric.Observable, len(gauges))
	instruments := make([]metric.Int64ObservableGauge, len(gauges))
	for i, g := range gauges {
		gauge, err := m.meter.Int64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.text))
		if err != nil {
			return nil, fmt.Errorf("make the gauge %s: %w", g.name, err)
		}
		instruments[i], observables[i] = gauge, gauge
	}
	reg, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := stats()
		for i, g := range gauges {
			o.ObserveInt64(instruments[i], g.value(s), metric.WithAttributes(m.id))
		}
		return nil
	}, observables...)
	if err != nil {
		return nil, fmt.Errorf("register the queue's gauges: %w", err)
	}
	return reg, nil
}

func (m *instruments) appended(ctx context.Context, signal telemetry.Signal, took time.Duration) {
	m.appends.Record(ctx, took.Seconds(), metric.WithAttributes(m.id, attribute.String("signal", string(signal))))
}

func (m *instruments) refuse(ctx context.Context, items int, reason string, signal telemetry.Signal) {
	m.refused.Add(ctx, int64(items), metric.WithAttributes(m.id,
		attribute.String("reason", reason), attribute.String("signal", string(signal))))
}

func (m *instruments) inserted(ctx context.Context, table string, rows int, took time.Duration) {
	attrs := metric.WithAttributes(m.id, attribute.String("table", table))
	m.rows.Add(ctx, int64(rows), attrs)
	m.insert.Record(ctx, took.Seconds(), attrs)
}
