package storeextension

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/embedded"
)

// linger is how long an engine stays open after its last user, for the next configuration to take it over: the
// collector stops everything before it starts anew, and reopening an engine leaves descriptors and threads behind.
const linger = 10 * time.Second

// engineKey is what an engine was opened with. Two configurations with the same key can share it.
type engineKey struct {
	path, library, user, password string
	memory                        int64
	conns, threads                int
	durable                       bool
}

func keyOf(c embedded.Config) (engineKey, error) {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return engineKey{}, fmt.Errorf("path %q: %w", c.Path, err)
	}
	return engineKey{
		path: path, library: c.Library, user: c.User, password: c.Password, memory: c.MemoryLimitBytes,
		conns: c.MaxConns, threads: c.BackgroundThreads, durable: c.Durable,
	}, nil
}

// registry holds the process's engine. There can be one, because the engine serves one folder per process.
type registry struct {
	linger time.Duration

	// mu guards the rest and is held while an engine opens or closes.
	mu     sync.Mutex
	engine *embedded.Engine
	key    engineKey
	refs   int
	timer  *time.Timer
}

var shared = &registry{linger: linger}

// CloseIdle closes the engine that no extension uses any more, instead of when its time to linger has passed. The program
// calls it before it exits, so that the folder is left as closed.
func CloseIdle() error { return shared.closeIdle() }

// acquire gives the open engine when it was opened with the same settings, else a new one.
func (r *registry) acquire(ctx context.Context, c embedded.Config) (engine *embedded.Engine, reused bool, err error) {
	key, err := keyOf(c)
	if err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if r.engine != nil && r.key == key {
		r.refs++
		return r.engine, true, nil
	}
	if r.refs > 0 {
		return nil, false, fmt.Errorf("this process has the store in %s open already, and an engine serves one folder per process: configure one summit_store", r.key.path)
	}
	if err := r.close(); err != nil {
		return nil, false, err
	}
	engine, err = embedded.Open(ctx, c)
	if err != nil {
		return nil, false, err
	}
	r.engine, r.key, r.refs = engine, key, 1
	return engine, false, nil
}

// release gives the engine back; the last one starts the clock.
func (r *registry) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refs--
	if r.refs == 0 {
		r.timer = time.AfterFunc(r.linger, func() { _ = r.closeIdle() }) // closing logs nothing: nobody is left to tell
	}
}

func (r *registry) closeIdle() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs > 0 {
		return nil
	}
	return r.close()
}

// close wants mu held.
func (r *registry) close() error {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if r.engine == nil {
		return nil
	}
	engine := r.engine
	r.engine, r.key = nil, engineKey{}
	return errors.Join(engine.Close())
}
