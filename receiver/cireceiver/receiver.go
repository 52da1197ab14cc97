// Package cireceiver takes what CI systems tell: webhooks of providers and a generic door for what those don't carry. It
// checks the sender, turns each delivery into build events, completes them by what is known of their entities, and answers
// with success only when the pipelines have taken them. Build events go out as log records, finished runs as spans.
package cireceiver

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/tenant"
)

const scope = "github.com/summitobs/summit/receiver/cireceiver"

// router is what the receiver needs of the door.
type router interface {
	Handle(pattern string, h http.Handler) error
}

// indexed is what the receiver needs of the build index.
type indexed interface{ Index() *correlation.Index }

type ciReceiver struct {
	cfg    *Config
	set    receiver.Settings
	tenant tenant.ID
	// logs and traces are nil where the receiver isn't in such a pipeline.
	logs   consumer.Logs
	traces consumer.Traces

	obs        *receiverhelper.ObsReport
	deliveries metric.Int64Counter
	dropped    metric.Int64Counter
	seen       *deliveries
	// spanned holds what has its spans although its events were refused after them.
	spanned *deliveries
	index   *correlation.Index
	// rebuilt is closed when the index knows what was stored before this start; nil: at once.
	rebuilt <-chan struct{}
	// waitUntil is when deliveries don't wait for rebuilt any more.
	waitUntil time.Time
	keys      keyLocks

	tokens      [][]byte
	tokensUnset []string

	startOnce, stopOnce sync.Once
	startErr            error
	// forget takes the receiver out of its factory.
	forget func()

	// mu guards closed; inflight counts the requests that Shutdown waits for.
	mu       sync.RWMutex
	closed   bool
	inflight sync.WaitGroup

	// stopReconciler ends the goroutine that reconciling waits for.
	stopReconciler context.CancelFunc
	reconciling    sync.WaitGroup
	throttle       *telemetry.Throttle
}

func newReceiver(set receiver.Settings, cfg *Config) (*ciReceiver, error) {
	id, err := tenant.Parse(cfg.Tenant)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "http", ReceiverCreateSettings: set})
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's metrics: %w", err)
	}
	counter, err := set.MeterProvider.Meter(scope).Int64Counter("summit_ci_deliveries_total", metric.WithUnit("{delivery}"),
		metric.WithDescription("Deliveries by source, event type and outcome (stored, duplicate, unchanged, ignored, refused, retry)."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of deliveries: %w", err)
	}
	dropped, err := set.MeterProvider.Meter(scope).Int64Counter("summit_dropped_total", metric.WithUnit("{part}"),
		metric.WithDescription("Parts of builds that are not kept, by source and reason."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of what is dropped: %w", err)
	}
	return &ciReceiver{
		cfg: cfg, set: set, tenant: id, obs: obs, deliveries: counter, dropped: dropped, seen: newDeliveries(dedupeWindow, dedupeEntries),
		spanned: newDeliveries(dedupeWindow, dedupeEntries), forget: func() {},
		stopReconciler: func() {}, throttle: telemetry.NewThrottle(time.Minute),
	}, nil
}

// Start registers the routes. It is called once for each pipeline and works once.
func (r *ciReceiver) Start(_ context.Context, host component.Host) error {
	r.startOnce.Do(func() { r.startErr = r.start(host) })
	return r.startErr
}

func (r *ciReceiver) start(host component.Host) error {
	if err := r.findIndex(host); err != nil {
		return err
	}
	door, ok := host.GetExtensions()[r.cfg.Door]
	if !ok {
		return fmt.Errorf("door: there is no extension %q; add it to service::extensions", r.cfg.Door)
	}
	routes, ok := door.(router)
	if !ok {
		return fmt.Errorf("door: extension %q takes no routes; want one like summit_door", r.cfg.Door)
	}
	var err error
	if r.tokens, r.tokensUnset, err = load(r.cfg.Events.Tokens); err != nil {
		return fmt.Errorf("events::tokens: %w", err)
	}
	if len(r.tokensUnset) > 0 {
		r.set.Logger.Warn("CI events: tokens are not set", zap.Strings("variables", r.tokensUnset))
	}
	if err := routes.Handle("POST /v1/ci/events", r.handler("events", r.serveEvents)); err != nil {
		return err
	}
	for _, d := range doors(&r.cfg.Webhooks) {
		if err := r.open(d, routes); err != nil {
			return err
		}
	}
	return r.startReconciler()
}

func (r *ciReceiver) findIndex(host component.Host) error {
	if r.cfg.BuildIndex == (component.ID{}) {
		r.index = correlation.New(correlation.DefaultOptions)
		return nil
	}
	ext, ok := host.GetExtensions()[r.cfg.BuildIndex]
	if !ok {
		return fmt.Errorf("build_index: there is no extension %q; add it to service::extensions", r.cfg.BuildIndex)
	}
	x, ok := ext.(indexed)
	if !ok {
		return fmt.Errorf("build_index: extension %q is no build index; want one like summit_buildindex", r.cfg.BuildIndex)
	}
	r.index = x.Index()
	if w, ok := ext.(interface{ Rebuilt() <-chan struct{} }); ok {
		r.rebuilt, r.waitUntil = w.Rebuilt(), time.Now().Add(rebuildWait)
	}
	return nil
}

// Shutdown refuses what comes now and waits for the requests under way.
func (r *ciReceiver) Shutdown(ctx context.Context) error {
	r.stopOnce.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.forget()
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.stopReconciler()
		r.inflight.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for CI deliveries under way: %w", ctx.Err())
	}
}

// enter admits a request; leave must be called when it returns true.
func (r *ciReceiver) enter() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return false
	}
	r.inflight.Add(1)
	return true
}

func (r *ciReceiver) leave() { r.inflight.Done() }

func now() time.Time { return time.Now().UTC() }
