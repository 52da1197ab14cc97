package servicegraphconnector

import (
	"fmt"
	"time"

	"github.com/summitobs/summit/internal/servicegraph"
)

// Config of the service graph.
type Config struct {
	// Wait is how long a span waits for the other side of its call. Default 10s.
	Wait time.Duration `mapstructure:"wait"`
	// FlushInterval is how often edges are sent on; what was seen since is lost when the process is killed. Default 10s.
	FlushInterval time.Duration `mapstructure:"flush_interval"`
	// MaxPending is the number of spans that wait; beyond it the oldest is taken for unpaired. About 300 bytes each.
	// Default 100000.
	MaxPending int `mapstructure:"max_pending"`
	// MaxEdges is the number of different edges between two flushes; calls of further ones are dropped and counted.
	// Default 20000.
	MaxEdges int `mapstructure:"max_edges"`
}

// Validate names the option that is out of range.
func (cfg *Config) Validate() error {
	for _, o := range []struct {
		key string
		d   time.Duration
	}{{"wait", cfg.Wait}, {"flush_interval", cfg.FlushInterval}} {
		if o.d < 100*time.Millisecond || o.d > 10*time.Minute {
			return fmt.Errorf("%s must be from 100ms to 10m, got %s", o.key, o.d)
		}
	}
	for _, o := range []struct {
		key string
		n   int
	}{{"max_pending", cfg.MaxPending}, {"max_edges", cfg.MaxEdges}} {
		if o.n < 1 {
			return fmt.Errorf("%s must be at least 1, got %d", o.key, o.n)
		}
	}
	return nil
}

func (cfg *Config) options() servicegraph.Options {
	return servicegraph.Options{Wait: cfg.Wait, MaxPending: cfg.MaxPending, MaxEdges: cfg.MaxEdges}
}
