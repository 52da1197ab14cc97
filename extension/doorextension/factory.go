package doorextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
)

// Type is the type of the extension in configurations.
var Type = component.MustNewType("summit_door")

// NewFactory makes the factory of the ingest door.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, createDefaultConfig, create, component.StabilityLevelDevelopment)
}

func createDefaultConfig() component.Config {
	return &Config{Endpoint: DefaultEndpoint, MaxRequestBodySize: DefaultMaxBodyBytes, ReadTimeout: time.Minute}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newDoor(cfg.(*Config), set.TelemetrySettings), nil
}
