package otlpguardextension

import (
	"fmt"

	"go.opentelemetry.io/collector/component"
)

// Config of the guard.
type Config struct {
	// MaxDepth is how many levels arrays and maps may be nested in an attribute value or a log body. Default 1000.
	MaxDepth int `mapstructure:"max_depth"`
}

var _ component.Config = (*Config)(nil)

// Validate checks the range.
func (c *Config) Validate() error {
	if c.MaxDepth < 1 || c.MaxDepth > 100_000 {
		return fmt.Errorf("max_depth must be from 1 to 100000, got %d", c.MaxDepth)
	}
	return nil
}
