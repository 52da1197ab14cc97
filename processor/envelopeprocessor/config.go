package envelopeprocessor

import (
	"fmt"

	"github.com/summitobs/summit/internal/tenant"
)

// Config of the envelope processor.
type Config struct {
	// Tenant is the UUID of the tenant that everything in this pipeline belongs to, or "default". Default "default".
	Tenant string `mapstructure:"tenant"`
	// EventID stamps summit.event.id on spans and log records. The store computes the same id of a span when it is asked,
	// so this is for other consumers. Default false.
	EventID bool `mapstructure:"event_id"`
	// TrustBuildEvents takes build events (log records named summit.build.*) that come over the wire: for a gateway that
	// only our own agents reach. Default false: they stay log records, under another name.
	TrustBuildEvents bool `mapstructure:"trust_build_events"`
}

// Validate checks the tenant.
func (cfg *Config) Validate() error {
	if _, err := tenant.Parse(cfg.Tenant); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	return nil
}
