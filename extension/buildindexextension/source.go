package buildindexextension

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/collector/component"

	"github.com/summitobs/summit/internal/clickhouse"
)

// source is where the index reads: an extension's store, or a server that is dialled when it is first needed, so that a
// store that is away delays the rebuild but not the start. It is used by one goroutine.
type source struct {
	cfg      *Config
	provider clickhouse.StoreProvider
	remote   *clickhouse.Remote
}

func newSource(cfg *Config, host component.Host) (*source, error) {
	s := &source{cfg: cfg}
	if !cfg.hasStore() {
		return s, nil
	}
	ext, ok := host.GetExtensions()[cfg.Store]
	if !ok {
		return nil, fmt.Errorf("store: there is no extension %q; add it to service::extensions", cfg.Store)
	}
	if s.provider, ok = ext.(clickhouse.StoreProvider); !ok {
		return nil, fmt.Errorf("store: extension %q provides no store; want one like summit_store", cfg.Store)
	}
	return s, nil
}

// store gives the store, or why there is none yet.
func (s *source) store(ctx context.Context) (clickhouse.Store, error) {
	if s.provider != nil {
		store := s.provider.Store()
		if store == nil {
			return nil, fmt.Errorf("extension %s has no store yet", s.cfg.Store)
		}
		return store, nil
	}
	if s.remote == nil {
		remote, err := clickhouse.Dial(ctx, s.cfg.Endpoint, clickhouse.DialSettings{User: s.cfg.User, Password: os.Getenv(s.cfg.PasswordEnv)})
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		s.remote = remote
	}
	return s.remote, nil
}

// close ends the connections to a server; an extension's store belongs to the extension.
func (s *source) close() error {
	if s.remote == nil {
		return nil
	}
	return s.remote.Close()
}
