package clickhouseexporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
)

// NewFactory makes the factory of summit_clickhouse.
func NewFactory() exporter.Factory { return newFactory(newCodec) }

func newFactory(newCodec codecMaker) exporter.Factory {
	shared := &sinks{newCodec: newCodec, byConfig: map[*Config]*sink{}}
	return exporter.NewFactory(component.MustNewType("summit_clickhouse"), createDefaultConfig,
		exporter.WithTraces(shared.createTraces, component.StabilityLevelBeta),
		exporter.WithLogs(shared.createLogs, component.StabilityLevelBeta),
		exporter.WithMetrics(shared.createMetrics, component.StabilityLevelBeta),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Migrate:         true,
		ShutdownTimeout: 10 * time.Second,
		Queue: QueueConfig{
			MaxBytes: 4 << 30, MaxRequestBytes: 64 << 20,
			SealRowsTraces: 500_000, SealRowsLogs: 250_000, SealRowsMetrics: 500_000, SealRawBytes: 200_000_000,
			SealAfter: 700 * time.Millisecond, SealAfterBusy: 5 * time.Second,
			ParallelSegments: 1, MaxQuarantineBytes: 1 << 30,
		},
		Limits:    LimitsConfig{MaxAttributeValueBytes: 65_536, MaxFuture: 24 * time.Hour},
		Retention: RetentionConfig{TracesDays: 30, LogsDays: 30, MetricsDays: 30, ErrorsDays: 90, BuildsDays: 730},
	}
}
