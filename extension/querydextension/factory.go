package querydextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/summitobs/summit/queryd"
)

// Type is the type of the extension in configurations.
var Type = component.MustNewType("summit_queryd")

// NewFactory makes the factory of queryd inside the collector.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, createDefaultConfig, create, component.StabilityLevelDevelopment)
}

func createDefaultConfig() component.Config {
	d := queryd.DefaultConfig()
	return &Config{Listen: d.Listen, Tenant: "default", QueryTimeout: d.Limits.Timeout, QueryMemoryBytes: d.Limits.MemoryBytes}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &querydExtension{cfg: cfg.(*Config), log: set.Logger, version: set.BuildInfo.Version}, nil
}
