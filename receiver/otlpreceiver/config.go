package otlpreceiver

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	upstream "go.opentelemetry.io/collector/receiver/otlpreceiver"
)

// Config of the receiver.
type Config struct {
	// Protocols are the doors, configured as those of the collector's otlp receiver. Default both grpc, at
	// localhost:4317, and http, at localhost:4318, if they are named.
	Protocols upstream.Protocols `mapstructure:"protocols"`
	// DirectTo is the exporter, for example summit_clickhouse, that requests are handed to as they came, where nothing but
	// memory_limiter, summit_envelope and summit_correlation stands between. Default none: all go through the pipeline.
	DirectTo *component.ID `mapstructure:"direct_to"`
	// MaxInFlightBytes bounds the requests that are worked on at the same time, in bytes as decompressed; beyond it they
	// are refused. Default 134217728.
	MaxInFlightBytes int64 `mapstructure:"max_in_flight_bytes"`
	// MaxDepth is how many levels arrays and maps may be nested in an attribute value or a log body. Default 1000.
	MaxDepth int `mapstructure:"max_depth"`
}

var _ component.Config = (*Config)(nil)

// Validate names the key that is wrong and what it may be.
func (c *Config) Validate() error {
	switch {
	case !c.Protocols.GRPC.HasValue() && !c.Protocols.HTTP.HasValue():
		return errors.New("protocols must have at least one of grpc and http")
	case c.MaxInFlightBytes < 1<<20:
		return fmt.Errorf("max_in_flight_bytes must be at least 1048576, got %d", c.MaxInFlightBytes)
	case c.MaxDepth < 1 || c.MaxDepth > 100_000:
		return fmt.Errorf("max_depth must be from 1 to 100000, got %d", c.MaxDepth)
	}
	return nil
}
