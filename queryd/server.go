package queryd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/api"
	"github.com/summitobs/summit/queryd/promapi"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
	"github.com/summitobs/summit/ui"
)

// Deps are what a Server stands on.
type Deps struct {
	Store  clickhouse.Store
	Logger *slog.Logger
	// UI is the built web application; nil means the embedded one.
	UI fs.FS
}

// Server serves the APIs and the web application.
type Server struct {
	cfg     Config
	deps    Deps
	token   []byte
	prom    *promapi.API
	handler http.Handler
	http    *http.Server
	addr    net.Addr
	done    sync.WaitGroup
}

// New makes a server that doesn't listen yet.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil {
		return nil, errors.New("queryd needs a store")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if deps.UI == nil {
		deps.UI = ui.FS()
	}
	token, err := readToken(cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, deps: deps, token: token}
	s.handler = s.routes()
	return s, nil
}

func (s *Server) routes() http.Handler {
	r := runner.New(s.deps.Store, s.cfg.Limits)
	data := http.NewServeMux()
	api.Register(data, query.New(r, s.cfg.Version), s.cfg.Version, s.deps.Logger)
	s.prom = promapi.New(r, s.deps.Logger)
	s.prom.Register(data, "/prometheus")

	caller := access.Caller{Tenant: s.cfg.Tenant, Rows: sqlbuild.AllRows()}
	protected := http.NewServeMux()
	answers := compressed(noStore(as(caller, data)))
	protected.Handle("/api/", answers)
	protected.Handle("/prometheus/", answers)
	protected.Handle("/{$}", http.RedirectHandler("/errors", http.StatusFound))
	protected.Handle("/", pages(s.deps.UI))

	all := http.NewServeMux()
	all.HandleFunc("GET /healthz", s.health)
	all.Handle("/", s.checked(protected))
	return secured(all)
}

// Handler serves everything, for a listener of one's own.
func (s *Server) Handler() http.Handler { return s.handler }

// Addr is where the server listens, nil before Start.
func (s *Server) Addr() net.Addr { return s.addr }

// Start listens and serves until Shutdown.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for queries on %s: %w", s.cfg.Listen, err)
	}
	s.addr = l.Addr()
	s.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		WriteTimeout: s.cfg.Limits.Timeout + time.Minute, ErrorLog: slog.NewLogLogger(s.deps.Logger.Handler(), slog.LevelWarn),
	}
	s.done.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.deps.Logger.Error("serve queries", "error", err)
		}
	})
	s.deps.Logger.Info("queryd listens", "url", "http://"+s.addr.String())
	return nil
}

// Shutdown lets running requests end until the context does, then cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	if s.http != nil {
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("wait for running queries: %w", err), s.http.Close())
		}
		s.done.Wait()
	}
	return errors.Join(err, s.prom.Close())
}

// health tells whether the store answers.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	status, body := http.StatusOK, map[string]any{"ready": true}
	if err := s.deps.Store.Conn().Ping(ctx); err != nil {
		s.deps.Logger.Warn("the store doesn't answer", "error", err)
		status, body = http.StatusServiceUnavailable, map[string]any{"ready": false, "detail": "the store does not answer"}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the prober has gone when this fails
}
