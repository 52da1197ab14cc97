package otlpreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	upstream "go.opentelemetry.io/collector/receiver/otlpreceiver"
)

// Type is the type of the receiver in configurations.
var Type = component.MustNewType("summit_otlp")

// NewFactory makes the factory of the receiver. The receivers of the three signals of one configuration are one.
func NewFactory() receiver.Factory {
	all := &receivers{byConfig: map[*Config]*otlpReceiver{}}
	return receiver.NewFactory(Type, createDefaultConfig,
		receiver.WithTraces(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
			return all.get(set, cfg, func(r *otlpReceiver) { r.traces.next = next })
		}, component.StabilityLevelBeta),
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			return all.get(set, cfg, func(r *otlpReceiver) { r.logs.next = next })
		}, component.StabilityLevelBeta),
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return all.get(set, cfg, func(r *otlpReceiver) { r.metrics.next = next })
		}, component.StabilityLevelBeta))
}

func createDefaultConfig() component.Config {
	return &Config{
		Protocols:        upstream.NewFactory().CreateDefaultConfig().(*upstream.Config).Protocols,
		MaxInFlightBytes: 128 << 20,
		MaxDepth:         1000,
	}
}
