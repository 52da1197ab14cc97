// Package querydextension runs queryd inside the collector: the single-machine set-up, where the process that writes the
// store is the one that reads it. The server itself is the library queryd.
package querydextension

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/queryd"
)

// storeWait is how long a store in another process may take to answer: both may be starting.
const storeWait = 30 * time.Second

type querydExtension struct {
	cfg     *Config
	log     *zap.Logger
	version string
	server  *queryd.Server
	remote  *clickhouse.Remote
}

var (
	_ extension.Extension             = (*querydExtension)(nil)
	_ extensioncapabilities.Dependent = (*querydExtension)(nil)
)

// Dependencies makes the store start first and stop last.
func (x *querydExtension) Dependencies() []component.ID {
	if x.cfg.Store == (component.ID{}) {
		return nil
	}
	return []component.ID{x.cfg.Store}
}

// Start finds the store and listens.
func (x *querydExtension) Start(ctx context.Context, host component.Host) error {
	store, err := x.store(ctx, host)
	if err != nil {
		return err
	}
	cfg, err := x.cfg.server(x.version)
	if err != nil {
		return err
	}
	if x.server, err = queryd.New(cfg, queryd.Deps{Store: store, Logger: slog.New(zapHandler{log: x.log})}); err != nil {
		return err
	}
	return x.server.Start(ctx)
}

func (x *querydExtension) store(ctx context.Context, host component.Host) (clickhouse.Store, error) {
	if x.cfg.Endpoint != "" {
		wait, cancel := context.WithTimeout(ctx, storeWait)
		defer cancel()
		remote, err := clickhouse.Wait(wait, x.cfg.Endpoint, clickhouse.DialSettings{User: x.cfg.User, Password: os.Getenv(x.cfg.PasswordEnv)})
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		x.remote = remote
		return remote, nil
	}
	ext, ok := host.GetExtensions()[x.cfg.Store]
	if !ok {
		return nil, fmt.Errorf("store: there is no extension %q; add it to service::extensions", x.cfg.Store)
	}
	provider, ok := ext.(clickhouse.StoreProvider)
	if !ok {
		return nil, fmt.Errorf("store: extension %q provides no store; want one like summit_store", x.cfg.Store)
	}
	store := provider.Store()
	if store == nil {
		return nil, fmt.Errorf("store: extension %q has not started", x.cfg.Store)
	}
	return store, nil
}

// Shutdown lets running queries end, then closes what Start opened.
func (x *querydExtension) Shutdown(ctx context.Context) error {
	var err error
	if x.server != nil {
		err = x.server.Shutdown(ctx)
	}
	if x.remote != nil {
		err = errors.Join(err, x.remote.Close())
	}
	return err
}
