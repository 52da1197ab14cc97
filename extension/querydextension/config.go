package querydextension

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/queryd"
	"github.com/summitobs/summit/queryd/runner"
)

// Config of queryd inside the collector.
type Config struct {
	// Store is the extension that gives the store, for example summit_store. Either it or endpoint must be set.
	Store component.ID `mapstructure:"store"`
	// Endpoint is a ClickHouse HTTP interface to read from instead, for example http://127.0.0.1:8641.
	Endpoint string `mapstructure:"endpoint"`
	// User of the endpoint. Default none.
	User string `mapstructure:"user"`
	// PasswordEnv names the environment variable with the user's password. Default none.
	PasswordEnv string `mapstructure:"password_env"`

	// Listen is the address of the APIs and the web application; one outside of loopback needs token_file.
	// Default 127.0.0.1:8640.
	Listen string `mapstructure:"listen"`
	// TokenFile holds the token that requests must bring, as a bearer token or as the password of basic authentication.
	// Default none.
	TokenFile string `mapstructure:"token_file"`
	// Tenant is whose data is shown: a UUID, or default. Default "default".
	Tenant string `mapstructure:"tenant"`

	// QueryTimeout is the longest time of one query. Default 30s.
	QueryTimeout time.Duration `mapstructure:"query_timeout"`
	// QueryMemoryBytes is the most memory of one query in the store. Default 2147483648.
	QueryMemoryBytes int64 `mapstructure:"query_memory_bytes"`
}

// Validate names the option that is wrong.
func (cfg *Config) Validate() error {
	hasStore := cfg.Store != (component.ID{})
	switch {
	case hasStore && cfg.Endpoint != "":
		return errors.New("store and endpoint exclude each other: set one")
	case !hasStore && cfg.Endpoint == "":
		return errors.New("store or endpoint must be set, for example store: summit_store")
	}
	server, err := cfg.server("")
	if err != nil {
		return err
	}
	return server.Validate()
}

// server gives the settings of queryd.
func (cfg *Config) server(version string) (queryd.Config, error) {
	id, err := tenant.Parse(cfg.Tenant)
	return queryd.Config{
		Listen: cfg.Listen, TokenFile: cfg.TokenFile, Tenant: id, Version: version,
		Limits: runner.Limits{Timeout: cfg.QueryTimeout, MemoryBytes: cfg.QueryMemoryBytes},
	}, err
}
