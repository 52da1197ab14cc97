package testreportreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
)

// Type is the type of the receiver in configurations.
var Type = component.MustNewType("summit_testreport")

// NewFactory makes the factory of the receiver of test reports.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(Type, createDefaultConfig, receiver.WithLogs(createLogs, component.StabilityLevelDevelopment))
}

func createDefaultConfig() component.Config {
	return &Config{Door: component.MustNewID("summit_door"), Tenant: "default", MaxCases: 200_000, MaxConcurrent: 4}
}

func createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	return newReceiver(set, cfg.(*Config), next)
}
