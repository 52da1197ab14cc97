package storeextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// Type is the type of the extension in configurations.
var Type = component.MustNewType("summit_store")

// NewFactory makes the factory of the embedded store.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, createDefaultConfig, create, component.StabilityLevelDevelopment)
}

func createDefaultConfig() component.Config {
	return &Config{Path: defaultPath(), Endpoint: DefaultEndpoint}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newStore(cfg.(*Config), set.TelemetrySettings), nil
}
