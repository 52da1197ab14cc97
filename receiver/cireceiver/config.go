package cireceiver

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/summitobs/summit/internal/tenant"
)

// Config of the CI receiver.
type Config struct {
	// Door is the extension whose listener serves the routes. Default summit_door.
	Door component.ID `mapstructure:"door"`
	// BuildIndex is the extension with the index of builds: what is known of a run, a job or a deployment is completed by
	// each delivery. Default none: the receiver remembers what it saw itself.
	BuildIndex component.ID `mapstructure:"build_index"`
	// Tenant is the UUID of the tenant that the builds belong to, or "default". It must be the one that the pipeline's
	// envelope processor stamps. Default "default".
	Tenant string `mapstructure:"tenant"`
	// Webhooks are the providers that may deliver.
	Webhooks WebhooksConfig `mapstructure:"webhooks"`
	// Events is the generic door, POST /v1/ci/events.
	Events EventsConfig `mapstructure:"events"`
}

// WebhooksConfig has a section for each provider. A provider without one has no route.
type WebhooksConfig struct {
	// GitHub opens POST /v1/ci/github.
	GitHub *GitHubConfig `mapstructure:"github"`
}

// GitHubConfig says how GitHub's deliveries are checked.
type GitHubConfig struct {
	// Secrets are the webhook's secrets; a delivery that is signed with any of them is taken, so that a secret can be
	// changed without a gap.
	Secrets []SecretConfig `mapstructure:"secrets"`
	// Insecure takes deliveries without a signature when there is no secret. Default false.
	Insecure bool `mapstructure:"insecure"`
}

// EventsConfig says who may use the generic door.
type EventsConfig struct {
	// Tokens are bearer tokens, any of which opens the door. Default none: only senders on loopback are served.
	Tokens []SecretConfig `mapstructure:"tokens"`
}

// SecretConfig names a secret in exactly one of three ways.
type SecretConfig struct {
	// SecretFile is a file that holds the secret; white space around it is dropped.
	SecretFile string `mapstructure:"secret_file"`
	// SecretEnv is an environment variable that holds the secret. A variable that isn't set is no secret: the route then
	// answers 503 until it is set and the process restarted.
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
	for i, s := range cfg.Events.Tokens {
		if err := s.validate(); err != nil {
			return fmt.Errorf("events::tokens[%d]: %w", i, err)
		}
	}
	gh := cfg.Webhooks.GitHub
	if gh == nil {
		return nil
	}
	if len(gh.Secrets) == 0 && !gh.Insecure {
		return errors.New("webhooks::github::secrets must name at least one secret, or insecure: true must say that anybody may deliver")
	}
	for i, s := range gh.Secrets {
		if err := s.validate(); err != nil {
			return fmt.Errorf("webhooks::github::secrets[%d]: %w", i, err)
		}
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
