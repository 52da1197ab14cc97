package buildindexextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/summitobs/summit/internal/correlation"
)

// Config of the build index.
type Config struct {
	// Store is the extension that gives the store, for example summit_store. Without it and without endpoint the index
	// knows what the receivers of this process see. Default none.
	Store component.ID `mapstructure:"store"`
	// Endpoint is a ClickHouse HTTP interface to read from instead, for example http://127.0.0.1:8641. Default none.
	Endpoint string `mapstructure:"endpoint"`
	// User of the endpoint. Default none.
	User string `mapstructure:"user"`
	// PasswordEnv names the environment variable with the user's password. Default none.
	PasswordEnv string `mapstructure:"password_env"`

	// MaxEntries is the number of runs, artifacts and deployments kept of one tenant; the one not used for longest goes
	// first. An entry takes about 1 kB. Default 100000.
	MaxEntries int `mapstructure:"max_entries"`
	// MaxEntriesTotal is the same over all tenants. Default 400000.
	MaxEntriesTotal int `mapstructure:"max_entries_total"`
	// MaxTasks is the number of jobs and steps kept of one tenant. Default 50000.
	MaxTasks int `mapstructure:"max_tasks"`
	// MaxTasksTotal is the same over all tenants. Default 200000.
	MaxTasksTotal int `mapstructure:"max_tasks_total"`

	// Lookback is how far back the index is rebuilt from the store at start. Default 720h.
	Lookback time.Duration `mapstructure:"lookback"`
	// PollInterval is how often the store is asked for rows that others wrote. Default 1s.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// PollOverlap is how far before the newest row that was seen a poll begins: rows bear the time at which their writer
	// began to gather them, and come into sight later. Default 2m.
	PollOverlap time.Duration `mapstructure:"poll_overlap"`
}

// Validate names the option that is out of range.
func (cfg *Config) Validate() error {
	if cfg.hasStore() && cfg.Endpoint != "" {
		return errors.New("store and endpoint exclude each other: set one")
	}
	if cfg.Endpoint == "" && (cfg.User != "" || cfg.PasswordEnv != "") {
		return errors.New("user and password_env are for endpoint, which is not set")
	}
	for _, o := range []struct {
		key string
		n   int
	}{
		{"max_entries", cfg.MaxEntries},
		{"max_entries_total", cfg.MaxEntriesTotal},
		{"max_tasks", cfg.MaxTasks},
		{"max_tasks_total", cfg.MaxTasksTotal},
	} {
		if o.n < 1 {
			return fmt.Errorf("%s must be at least 1, got %d", o.key, o.n)
		}
	}
	if cfg.Lookback < time.Minute {
		return fmt.Errorf("lookback must be at least 1m, got %s", cfg.Lookback)
	}
	if cfg.PollInterval < 100*time.Millisecond {
		return fmt.Errorf("poll_interval must be at least 100ms, got %s", cfg.PollInterval)
	}
	if cfg.PollOverlap < time.Second {
		return fmt.Errorf("poll_overlap must be at least 1s, got %s", cfg.PollOverlap)
	}
	return nil
}

func (cfg *Config) hasStore() bool { return cfg.Store != (component.ID{}) }

func (cfg *Config) options() correlation.Options {
	return correlation.Options{
		MaxPerTenant: cfg.MaxEntries, MaxTotal: cfg.MaxEntriesTotal,
		MaxTasksPerTenant: cfg.MaxTasks, MaxTasksTotal: cfg.MaxTasksTotal,
	}
}
