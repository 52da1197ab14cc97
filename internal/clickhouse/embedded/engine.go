// Package embedded opens the ClickHouse engine inside this process and gives it out as a clickhouse.Store. It owns the
// data folder: one process at a time (lock.go), a bounded appetite (config.go), and a repair of the engine's
// deduplication log after an unclean stop (mend.go), without which a replayed insert could be swallowed.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/chhttp"
	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

// Config says where the engine's data is and how much it may take.
type Config struct {
	// Path is the store's folder; it is made when it is missing.
	Path string
	// Library is the path of libchdb.so; empty: see chdb.Find.
	Library string
	// MemoryLimitBytes bounds the engine's memory. 0: half of the machine's.
	MemoryLimitBytes int64
	// MarkCacheBytes bounds the cache of index marks. Default 256 MiB.
	MarkCacheBytes int64
	// MaxConns bounds the statements that run at once. Default twice the processors, at least 8.
	MaxConns int
	// BackgroundThreads bounds merges and mutations. Default the processors, at least 2.
	BackgroundThreads int
	// Durable makes the engine fsync every part before it acknowledges it: rows then survive a power cut, not only the death
	// of the process.
	Durable bool
	// User and Password are asked of those who come through the HTTP front; empty: nothing is asked.
	User     string
	Password string
	// OnQuery, if set, is told about every finished statement of the HTTP front. It must not block.
	OnQuery func(chhttp.QueryEvent)
}

// Engine is the running engine. It implements clickhouse.Store.
type Engine struct {
	config Config
	lock   *folderLock
	pool   *chdb.Pool
	front  *chhttp.Server
	conn   driver.Conn
	mended MendReport

	closing sync.Once
	closed  error
}

var _ clickhouse.Store = (*Engine)(nil)

// Open starts the engine on a folder and makes the database, but no tables. A folder that another process has open is
// refused. Only one folder can be open per process.
func Open(ctx context.Context, config Config) (*Engine, error) {
	if config.Path == "" {
		return nil, errors.New("open the store: path is empty")
	}
	path, err := filepath.Abs(config.Path)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	config.Path = path
	config.setDefaults()
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, lock: lock}
	if err := e.start(ctx); err != nil {
		e.stop()
		return nil, fmt.Errorf("open the store in %s: %w", path, err)
	}
	return e, nil
}

func (c *Config) setDefaults() {
	if c.MarkCacheBytes <= 0 {
		c.MarkCacheBytes = 256 << 20
	}
	if c.MaxConns < 1 {
		c.MaxConns = max(8, 2*runtime.NumCPU())
	}
	if c.BackgroundThreads < 1 {
		c.BackgroundThreads = max(2, runtime.NumCPU())
	}
}

func (e *Engine) start(ctx context.Context) error {
	file, err := chdb.Find(e.config.Library)
	if err != nil {
		return err
	}
	lib, err := chdb.Load(file)
	if err != nil {
		return err
	}
	state, err := readState(e.config.Path)
	if err != nil {
		return err
	}
	if !state.Clean {
		if e.mended, err = mendDeduplicationLogs(e.dataPath(), state.Library); err != nil {
			return err
		}
	}
	// From here on the folder is unclean until Close.
	if err := writeState(e.config.Path, folderState{Library: lib.Version()}); err != nil {
		return err
	}
	xml, err := writeConfig(e.config)
	if err != nil {
		return err
	}
	e.pool, err = chdb.NewPool(lib, chdb.Settings{Path: e.dataPath(), ConfigFile: xml, Args: queryArgs(), MaxConns: e.config.MaxConns})
	if err != nil {
		return err
	}
	err = e.pool.With(ctx, func(c *chdb.Conn) error { return c.Exec(ctx, ddl.Database()) })
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	e.front, err = chhttp.New(ctx, e.pool, chhttp.Options{
		Database: clickhouse.Database, Settings: querySettings, User: e.config.User, Password: e.config.Password, OnQuery: e.config.OnQuery,
	})
	if err != nil {
		return err
	}
	e.conn, err = clickhouse.NewConn(clickhouse.ConnSettings{
		Addr: "in-process:1", MaxConns: e.config.MaxConns, Transport: &chhttp.Transport{Handler: e.front},
	})
	return err
}

func (e *Engine) dataPath() string { return filepath.Join(e.config.Path, "engine") }

// Insert streams an INSERT's blocks to the engine, without a driver in between.
func (e *Engine) Insert(ctx context.Context, ins clickhouse.Insert) error {
	statement, err := ins.Statement()
	if err != nil {
		return err
	}
	err = e.front.CleanInsert(ctx, func(c *chdb.Conn) error {
		_, err := c.Insert(ctx, statement, "Native", ins.Body)
		return err
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", ins.Table, err)
	}
	return nil
}

// Conn gives the connection for reads and DDL, clickhouse-go over the front without a socket.
func (e *Engine) Conn() driver.Conn { return e.conn }

// Kind is KindEmbedded.
func (e *Engine) Kind() clickhouse.Kind { return clickhouse.KindEmbedded }

// Version is the engine's version.
func (e *Engine) Version() string { return e.front.Version() }

// Handler is ClickHouse's HTTP interface on this engine.
func (e *Engine) Handler() http.Handler { return e.front }

// Path is the store's folder.
func (e *Engine) Path() string { return e.config.Path }

// Mended tells what the repair after an unclean stop has found.
func (e *Engine) Mended() MendReport { return e.mended }

// Close waits for running inserts, ends all other statements and stops the engine.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closed = e.stop() })
	return e.closed
}

// stop ends what start has begun, and marks the folder clean when the engine was up.
func (e *Engine) stop() error {
	var errs []error
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	if e.front != nil {
		e.front.Close()
	}
	if e.pool != nil {
		e.pool.Close()
		if state, err := readState(e.config.Path); err == nil {
			state.Clean = true
			errs = append(errs, writeState(e.config.Path, state))
		}
	}
	errs = append(errs, e.lock.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store in %s: %w", e.config.Path, err)
	}
	return nil
}
