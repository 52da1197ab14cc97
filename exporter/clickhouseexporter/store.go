package clickhouseexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// storeLink is the way to the store: an extension's, or a server that is dialled when it is first needed, so that a
// store that is away delays inserts but not the start.
type storeLink struct {
	cfg *Config
	log *zap.Logger

	mu     sync.Mutex
	store  clickhouse.Store
	remote *clickhouse.Remote
}

func newStoreLink(cfg *Config, log *zap.Logger) *storeLink { return &storeLink{cfg: cfg, log: log} }

// start finds the extension.
func (l *storeLink) start(host component.Host) error {
	if l.cfg.Store == nil {
		return nil
	}
	extensions := host.GetExtensions()
	ext, ok := extensions[*l.cfg.Store]
	if !ok {
		return fmt.Errorf("store: no extension %q is configured and listed under service.extensions; there are: %s",
			l.cfg.Store, extensionNames(extensions))
	}
	provider, ok := ext.(clickhouse.StoreProvider)
	if !ok {
		return fmt.Errorf("store: extension %q is not a store", l.cfg.Store)
	}
	store := provider.Store()
	if store == nil {
		return fmt.Errorf("store: extension %q has not started", l.cfg.Store)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = store
	return nil
}

func extensionNames(extensions map[component.ID]component.Component) string {
	var names []string
	for id := range maps.Keys(extensions) {
		names = append(names, id.String())
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// get returns the store, dialling and migrating it when that has not succeeded yet.
func (l *storeLink) get(ctx context.Context) (clickhouse.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		return l.store, nil
	}
	remote, err := clickhouse.Dial(ctx, l.cfg.Endpoint, clickhouse.DialSettings{
		User: l.cfg.Username, Password: string(l.cfg.Password), CreateDatabase: l.cfg.Migrate,
	})
	if err != nil {
		return nil, fmt.Errorf("reach the store: %w", err)
	}
	if l.cfg.Migrate {
		if _, err := migrate.Run(ctx, remote.Conn(), migrate.Options{}); err != nil {
			return nil, errors.Join(fmt.Errorf("migrate the store: %w", err), remote.Close())
		}
	}
	l.log.Info("connected to the store", zap.String("version", remote.Version()))
	l.remote, l.store = remote, remote
	return remote, nil
}

// present is the store if it is there already, else nil.
func (l *storeLink) present() clickhouse.Store {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store
}

// close ends the connections to a server; an extension's store belongs to the extension.
func (l *storeLink) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store = nil
	if l.remote == nil {
		return nil
	}
	return l.remote.Close()
}
