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
	// Reconcile asks providers for what their deliveries may have lost. Default: nobody is asked.
	Reconcile ReconcileConfig `mapstructure:"reconcile"`
}

// WebhooksConfig has a section for each provider. A provider without one has no route.
type WebhooksConfig struct {
	// GitHub opens POST /v1/ci/github: the secret signs the body (X-Hub-Signature-256).
	GitHub *WebhookConfig `mapstructure:"github"`
	// GitLab opens POST /v1/ci/gitlab: the secret is sent as X-Gitlab-Token.
	GitLab *WebhookConfig `mapstructure:"gitlab"`
	// Buildkite opens POST /v1/ci/buildkite: the secret signs the body (X-Buildkite-Signature) or is sent as X-Buildkite-Token.
	Buildkite *WebhookConfig `mapstructure:"buildkite"`
	// CircleCI opens POST /v1/ci/circleci: the secret signs the body (circleci-signature).
	CircleCI *WebhookConfig `mapstructure:"circleci"`
	// Azure opens POST /v1/ci/azuredevops: the secret is the password of basic authentication.
	Azure *WebhookConfig `mapstructure:"azuredevops"`
	// Bitbucket opens POST /v1/ci/bitbucket: the secret signs the body (X-Hub-Signature).
	Bitbucket *WebhookConfig `mapstructure:"bitbucket"`
	// CDEvents opens POST /v1/ci/cdevents for CloudEvents over HTTP: the secret is a bearer token.
	CDEvents *WebhookConfig `mapstructure:"cdevents"`
	// Jenkins opens POST /v1/ci/jenkins/v1/traces for the OTLP/HTTP of Jenkins' OpenTelemetry plugin: the secret is a
	// bearer token.
	Jenkins *WebhookConfig `mapstructure:"jenkins"`
}

// WebhookConfig says how a provider's deliveries are checked.
type WebhookConfig struct {
	// Secrets are the webhook's secrets; a delivery that any of them fits is taken, so that a secret can be changed
	// without a gap.
	Secrets []SecretConfig `mapstructure:"secrets"`
	// Insecure takes deliveries that nobody vouches for when there is no secret. Default false.
	Insecure bool `mapstructure:"insecure"`
}

// validate names the option below prefix that is wrong.
func (w *WebhookConfig) validate(prefix string) error {
	if len(w.Secrets) == 0 && !w.Insecure {
		return fmt.Errorf("%s::secrets must name at least one secret, or insecure: true must say that anybody may deliver", prefix)
	}
	for i, s := range w.Secrets {
		if err := s.validate(); err != nil {
			return fmt.Errorf("%s::secrets[%d]: %w", prefix, i, err)
		}
	}
	return nil
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
	for _, d := range doors(&cfg.Webhooks) {
		if d.cfg == nil {
			continue
		}
		if err := d.cfg.validate("webhooks::" + d.provider.Name()); err != nil {
			return err
		}
	}
	return cfg.Reconcile.validate()
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
