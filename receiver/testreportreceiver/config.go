package testreportreceiver

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/summitobs/summit/internal/tenant"
)

// Config of the receiver of test reports.
type Config struct {
	// Door is the extension whose listener serves the route. Default summit_door.
	Door component.ID `mapstructure:"door"`
	// Tenant is the UUID of the tenant that the reports belong to, or "default". It must be the one that the pipeline's
	// envelope processor stamps. Default "default".
	Tenant string `mapstructure:"tenant"`
	// Tokens are bearer tokens, any of which opens the route. Default none: only senders on this machine are served.
	Tokens []SecretConfig `mapstructure:"tokens"`
	// CodeOwners is a CODEOWNERS file that names the owners of tests for which a report brings none. Default none.
	CodeOwners string `mapstructure:"codeowners"`
	// MaxCases is the number of different tests that are kept of one request; further ones are counted. Default 200000.
	MaxCases int `mapstructure:"max_cases"`
	// MaxConcurrent is the number of reports that are read at the same time, each of which takes up to 64 MB. Further ones
	// are asked to come again. Default 4.
	MaxConcurrent int `mapstructure:"max_concurrent"`
}

// SecretConfig names a secret in exactly one of three ways.
type SecretConfig struct {
	// SecretFile is a file that holds the secret; white space around it is dropped.
	SecretFile string `mapstructure:"secret_file"`
	// SecretEnv is an environment variable that holds the secret. While it isn't set the route answers 503.
	SecretEnv string `mapstructure:"secret_env"`
	// Secret is the secret itself, for tests and generated configurations.
	Secret *configopaque.String `mapstructure:"secret"`
}

// Validate names the option that is wrong.
func (cfg *Config) Validate() error {
	if cfg.Door == (component.ID{}) {
		return errors.New("door must name an extension, for example summit_door")
	}
	if _, err := tenant.Parse(cfg.Tenant); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	for i, s := range cfg.Tokens {
		if err := s.validate(); err != nil {
			return fmt.Errorf("tokens[%d]: %w", i, err)
		}
	}
	if cfg.MaxCases < 1 || cfg.MaxCases > 1_000_000 {
		return fmt.Errorf("max_cases must be 1 to 1000000, got %d", cfg.MaxCases)
	}
	if cfg.MaxConcurrent < 1 || cfg.MaxConcurrent > 64 {
		return fmt.Errorf("max_concurrent must be 1 to 64, got %d", cfg.MaxConcurrent)
	}
	return nil
}

func (s *SecretConfig) validate() error {
	n := 0
	for _, set := range []bool{s.SecretFile != "", s.SecretEnv != "", s.Secret != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("exactly one of secret_file, secret_env and secret must be set, got %d", n)
	}
	if s.Secret != nil && *s.Secret == "" {
		return errors.New("secret is empty, which would let anybody in")
	}
	return nil
}
