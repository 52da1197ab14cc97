package buildindexextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/summitobs/summit/internal/correlation"
)

// Type is the type of the extension in configurations.
var Type = component.MustNewType("summit_buildindex")

// NewFactory makes the factory of the build index.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, createDefaultConfig, create, component.StabilityLevelDevelopment)
}

func createDefaultConfig() component.Config {
	d := correlation.DefaultOptions
	return &Config{
		MaxEntries: d.MaxPerTenant, MaxEntriesTotal: d.MaxTotal, MaxTasks: d.MaxTasksPerTenant, MaxTasksTotal: d.MaxTasksTotal,
		Lookback: 30 * 24 * time.Hour, PollInterval: time.Second, PollOverlap: 2 * time.Minute,
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(cfg.(*Config), set.TelemetrySettings)
}
