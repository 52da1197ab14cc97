package servicegraphconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/summitobs/summit/internal/servicegraph"
)

// Type is the type of the connector in configurations.
var Type = component.MustNewType("summit_servicegraph")

// NewFactory makes the factory of the service graph.
func NewFactory() connector.Factory {
	return connector.NewFactory(Type, createDefaultConfig, connector.WithTracesToLogs(create, component.StabilityLevelDevelopment))
}

func createDefaultConfig() component.Config {
	d := servicegraph.DefaultOptions
	return &Config{Wait: d.Wait, FlushInterval: 10 * time.Second, MaxPending: d.MaxPending, MaxEdges: d.MaxEdges}
}

func create(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Logs) (connector.Traces, error) {
	return newConnector(cfg.(*Config), set.TelemetrySettings, next)
}
