// Package doorextension is the one listener through which everything that isn't OTLP comes in: CI webhooks, test reports,
// browser events. Receivers find it among the host's extensions and register their routes; so one address, one TLS and
// one authentication configuration serve all of them.
package doorextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// door serves a mux that receivers fill when they start, which is after the door listens.
type door struct {
	cfg *Config
	set component.TelemetrySettings

	server   *http.Server
	listener net.Listener
	serving  sync.WaitGroup

	// mux has a lock of its own.
	mux *http.ServeMux
	// mu guards routes, the patterns in mux.
	mu     sync.RWMutex
	routes []string
}

func newDoor(cfg *Config, set component.TelemetrySettings) *door {
	d := &door{cfg: cfg, set: set, mux: http.NewServeMux()}
	// The pattern is valid and the first one: there is nothing to clash with.
	_ = d.Handle("GET /healthz", http.HandlerFunc(healthz))
	return d
}

// Handle registers a route by a pattern of net/http, "POST /v1/ci/github". A second route of the same pattern, or one
// that overlaps so that neither is more specific, is an error.
func (d *door) Handle(pattern string, h http.Handler) (err error) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || method == "" || !strings.HasPrefix(path, "/") {
		return fmt.Errorf("route %q: want a method and a path, for example \"POST /v1/ci/github\"", pattern)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		// ServeMux panics on patterns that are wrong or clash.
		if r := recover(); r != nil {
			err = fmt.Errorf("register route %q on the ingest door: %v", pattern, r)
		}
	}()
	d.mux.Handle(pattern, h)
	d.routes = append(d.routes, pattern)
	slices.Sort(d.routes)
	return nil
}

// Addr is the address that the door listens on, nil before it has started.
func (d *door) Addr() net.Addr {
	if d.listener == nil {
		return nil
	}
	return d.listener.Addr()
}

// Start opens the listener.
func (d *door) Start(ctx context.Context, host component.Host) error {
	var err error
	settings := d.cfg.server()
	d.server, err = settings.ToServer(ctx, host.GetExtensions(), d.set, http.HandlerFunc(d.serve))
	if err != nil {
		return fmt.Errorf("set up the ingest door: %w", err)
	}
	d.listener, err = settings.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("open the ingest door on %s: %w", d.cfg.Endpoint, err)
	}
	d.set.Logger.Info("ingest door is open", zap.Stringer("address", d.listener.Addr()))
	d.serving.Go(func() {
		if err := d.server.Serve(d.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("serve the ingest door: %w", err)))
		}
	})
	return nil
}

// Shutdown stops listening, waits for the requests that are under way until ctx ends, then cuts them off.
func (d *door) Shutdown(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	err := d.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("close the ingest door with requests under way: %w", errors.Join(err, d.server.Close()))
	}
	d.serving.Wait()
	return err
}

func (d *door) serve(w http.ResponseWriter, r *http.Request) {
	h, pattern := d.mux.Handler(r)
	if pattern != "" {
		// Through the mux, which sets the path values of the pattern.
		d.mux.ServeHTTP(w, r)
		return
	}
	probe := &statusProbe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	d.refuse(w, r, probe)
}

// refuse answers for paths and methods that nobody registered, with the routes that there are.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, probe *statusProbe) {
	d.mu.RLock()
	routes := slices.Clone(d.routes)
	d.mu.RUnlock()
	p := problem{Type: "about:blank", Status: http.StatusNotFound, Title: "Not Found", Routes: routes}
	p.Detail = fmt.Sprintf("nothing is served at %s %s", r.Method, r.URL.Path)
	if probe.status == http.StatusMethodNotAllowed {
		p.Status, p.Title = probe.status, "Method Not Allowed"
		w.Header().Set("Allow", probe.header.Get("Allow"))
		p.Detail = fmt.Sprintf("%s takes %s", r.URL.Path, probe.header.Get("Allow"))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// The client is gone when this fails; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Routes []string `json:"routes"`
}

// statusProbe takes the mux's own answer for an unmatched request, to learn which of 404 and 405 it is.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{\"status\":\"ok\"}\n"))
}
