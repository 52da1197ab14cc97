package otlpguardextension

import (
	"context"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
)

var _ extensioncapabilities.ConfigSnapshotWatcher = (*guard)(nil)

// NotifyConfigSnapshot keeps the collector's configuration. It is called before any receiver starts.
func (g *guard) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	g.config.Store(snapshot.Effective())
	return nil
}

// ServiceConfig gives the configuration of the whole collector, for receivers whose way depends on what stands behind
// them. It must only be read; it is nil before the collector has told it.
func (g *guard) ServiceConfig() *confmap.Conf { return g.config.Load() }
