package correlationprocessor

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config of the correlation processor.
type Config struct {
	// BuildIndex is the extension with the index of builds. Default summit_buildindex.
	BuildIndex component.ID `mapstructure:"build_index"`
	// TrustIncoming keeps correlation attributes that the sender set, where they rest on better evidence than our own
	// answer: for a gateway that only our own agents reach. Default false: they are removed.
	TrustIncoming bool `mapstructure:"trust_incoming"`
}

// Validate checks that there is an index to ask.
func (cfg *Config) Validate() error {
	if cfg.BuildIndex == (component.ID{}) {
		return errors.New("build_index must name an extension, for example summit_buildindex")
	}
	return nil
}
