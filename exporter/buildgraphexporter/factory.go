package buildgraphexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Type is the type of the exporter in configurations.
var Type = component.MustNewType("summit_buildgraph")

// NewFactory makes the factory of the build graph's exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(Type, createDefaultConfig, exporter.WithLogs(create, component.StabilityLevelDevelopment))
}

func createDefaultConfig() component.Config {
	return &Config{
		Database: "neo4j", Batch: 2000, TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: 30 * time.Second},
		QueueConfig: configoptional.Some(exporterhelper.NewDefaultQueueConfig()), RetryConfig: configretry.NewDefaultBackOffConfig(),
	}
}

func create(ctx context.Context, set exporter.Settings, c component.Config) (exporter.Logs, error) {
	cfg := c.(*Config)
	x, err := newExporter(cfg, set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewLogs(ctx, set, cfg, x.write, exporterhelper.WithStart(x.start), exporterhelper.WithShutdown(x.shutdown),
		exporterhelper.WithTimeout(cfg.TimeoutConfig), exporterhelper.WithQueue(cfg.QueueConfig), exporterhelper.WithRetry(cfg.RetryConfig))
}
