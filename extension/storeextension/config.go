package storeextension

import (
	"errors"
	"fmt"
	"path/filepath"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/summitobs/summit/internal/clickhouse/chhttp"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/datadir"
)

// DefaultEndpoint is on loopback: whoever reaches it has the whole store.
const DefaultEndpoint = "127.0.0.1:8641"

// Config of the embedded store.
type Config struct {
	// Path is the store's folder; one process at a time can have it open. Default ${SUMMIT_DATA_DIR}/store, or
	// ${XDG_DATA_HOME:-~/.local/share}/summit/store.
	Path string `mapstructure:"path"`
	// Library is the path of libchdb.so. Default: SUMMIT_LIBCHDB, then beside the executable, then ../lib/summit.
	Library string `mapstructure:"library"`

	// Endpoint is where ClickHouse's HTTP interface is served, host:port; empty serves it nowhere. An address that isn't
	// loopback needs user and password. Default 127.0.0.1:8641.
	Endpoint string `mapstructure:"endpoint"`
	// User and Password are asked of everyone who comes through the endpoint. Default none.
	User     string              `mapstructure:"user"`
	Password configopaque.String `mapstructure:"password"`

	// MemoryLimitMiB bounds the engine's memory, in MiB; 0 is half of the machine's. Default 0.
	MemoryLimitMiB int64 `mapstructure:"memory_limit_mib"`
	// MaxConnections bounds the statements that run at once; 0 is twice the processors and at least 8. Two inserts and a
	// KILL always find a place beside them. Default 0.
	MaxConnections int `mapstructure:"max_connections"`
	// BackgroundThreads bounds merges; 0 is the processors and at least 2. Default 0.
	BackgroundThreads int `mapstructure:"background_threads"`
	// Durable fsyncs every part before its insert is acknowledged, so that rows survive a power cut even when the queue
	// in front of the store has let them go. It costs insert throughput. Default false.
	Durable bool `mapstructure:"durable"`
}

var _ component.Config = (*Config)(nil)

// Smallest values that the engine can work with.
const (
	minMemoryMiB   = 256
	minConnections = 2
)

// Validate names the key that is wrong and what is allowed.
func (cfg *Config) Validate() error {
	if cfg.Path == "" {
		return errors.New("path must be set: no data folder is known (SUMMIT_DATA_DIR, XDG_DATA_HOME and HOME are empty)")
	}
	if cfg.Endpoint != "" {
		if err := chhttp.CheckEndpoint(cfg.Endpoint, cfg.User, string(cfg.Password)); err != nil {
			return err
		}
	}
	if (cfg.User == "") != (cfg.Password == "") {
		return errors.New("user and password must be set together")
	}
	if cfg.MemoryLimitMiB != 0 && cfg.MemoryLimitMiB < minMemoryMiB {
		return fmt.Errorf("memory_limit_mib must be 0 or at least %d, got %d", minMemoryMiB, cfg.MemoryLimitMiB)
	}
	if cfg.MaxConnections != 0 && cfg.MaxConnections < minConnections {
		return fmt.Errorf("max_connections must be 0 or at least %d, got %d", minConnections, cfg.MaxConnections)
	}
	if cfg.BackgroundThreads < 0 {
		return fmt.Errorf("background_threads must not be negative, got %d", cfg.BackgroundThreads)
	}
	return nil
}

// engine gives the settings that the engine is opened with.
func (cfg *Config) engine() embedded.Config {
	return embedded.Config{
		Path: cfg.Path, Library: cfg.Library, MemoryLimitBytes: cfg.MemoryLimitMiB << 20, MaxConns: cfg.MaxConnections,
		BackgroundThreads: cfg.BackgroundThreads, Durable: cfg.Durable, User: cfg.User, Password: string(cfg.Password),
	}
}

// defaultPath is empty where no data folder is known; Validate says so.
func defaultPath() string {
	dir, err := datadir.Path()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "store")
}
