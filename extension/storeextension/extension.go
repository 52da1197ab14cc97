// Package storeextension runs the embedded ClickHouse engine for the components of the process, which find it as a
// clickhouse.StoreProvider among the host's extensions, and serves ClickHouse's HTTP interface on loopback for all others:
// queryd in a process of its own, summitctl, clickhouse-client's friends.
package storeextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// Timeouts of the HTTP server; statements have none here, contexts and max_execution_time bound them.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// drainTimeout is how long a shutdown waits for running requests before it cuts them off.
	drainTimeout = 5 * time.Second
)

// logEvery is how many schema statements one line of the log stands for.
const logEvery = 10

type store struct {
	cfg *Config
	set component.TelemetrySettings

	engine   *embedded.Engine
	server   *http.Server
	listener net.Listener
	serving  sync.WaitGroup
}

var (
	_ extension.Extension      = (*store)(nil)
	_ clickhouse.StoreProvider = (*store)(nil)
)

func newStore(cfg *Config, set component.TelemetrySettings) *store { return &store{cfg: cfg, set: set} }

// Start opens the engine, brings its schema up to date and serves it. It returns when the store can be used.
func (s *store) Start(ctx context.Context, host component.Host) error {
	log := s.set.Logger
	start := time.Now()
	engine, reused, err := shared.acquire(ctx, s.cfg.engine())
	if err != nil {
		return err
	}
	s.engine = engine
	if !reused {
		s.tellRepair()
	}
	if err := s.migrate(ctx); err != nil {
		s.releaseEngine()
		return err
	}
	if err := s.listen(ctx, host); err != nil {
		s.releaseEngine()
		return err
	}
	log.Info("the store is ready", zap.String("path", engine.Path()), zap.String("version", engine.Version()),
		zap.String("endpoint", s.Endpoint()), zap.Bool("reused", reused), zap.Duration("took", time.Since(start)))
	return nil
}

// tellRepair says what an unclean stop has left.
func (s *store) tellRepair() {
	report := s.engine.Mended()
	if len(report.Removed) == 0 {
		return
	}
	s.set.Logger.Warn("the store was not closed; insert tokens of parts that were never written are removed, so that these inserts can be repeated",
		zap.String("path", s.engine.Path()), zap.Int("tokens", len(report.Removed)), zap.Strings("parts", report.Removed))
}

func (s *store) migrate(ctx context.Context) error {
	log := s.set.Logger
	result, err := migrate.Run(ctx, s.engine.Conn(), migrate.Options{Before: func(p migrate.Progress) {
		if p.Index%logEvery == 1 || p.Index == p.Total {
			log.Info("preparing the store's schema", zap.Int("statement", p.Index), zap.Int("of", p.Total), zap.String("name", p.Statement.Name))
		}
	}})
	if err != nil {
		return fmt.Errorf("prepare the store in %s: %w", s.engine.Path(), err)
	}
	if result.Unknown > 0 {
		log.Warn("the store's schema is of a later version; this version uses the part that it knows", zap.Int("unknown_statements", result.Unknown))
	}
	return nil
}

func (s *store) listen(ctx context.Context, host component.Host) error {
	if s.cfg.Endpoint == "" {
		return nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.cfg.Endpoint)
	if err != nil {
		return fmt.Errorf("serve the store on endpoint %s: %w", s.cfg.Endpoint, err)
	}
	s.listener = listener
	s.server = &http.Server{
		Handler: s.engine.Handler(), ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		ErrorLog: zap.NewStdLog(s.set.Logger.Named("http")),
	}
	s.serving.Go(func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("serve the store on %s: %w", s.cfg.Endpoint, err)))
		}
	})
	return nil
}

// Shutdown ends the HTTP interface and gives the engine back, which stays open for a while in case that the
// configuration is being reloaded; see CloseIdle.
func (s *store) Shutdown(ctx context.Context) error {
	var err error
	if s.server != nil {
		drain, cancel := context.WithTimeout(ctx, drainTimeout)
		err = s.server.Shutdown(drain)
		cancel()
		if err != nil { // requests that don't end are cut off
			err = s.server.Close()
		}
		s.serving.Wait()
	}
	s.releaseEngine()
	if err != nil {
		return fmt.Errorf("stop serving the store: %w", err)
	}
	return nil
}

func (s *store) releaseEngine() {
	if s.engine != nil {
		s.engine = nil
		shared.release()
	}
}

// Store gives the engine after Start, and nil before it and after Shutdown.
func (s *store) Store() clickhouse.Store {
	if s.engine == nil {
		return nil
	}
	return s.engine
}

// Endpoint is the address that is served, with the port that was chosen for port 0; empty where nothing is served.
func (s *store) Endpoint() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}
