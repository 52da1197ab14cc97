// Package buildindexextension hosts the index that joins telemetry to builds, one for all pipelines of the process. The
// CI receivers of the process feed it at once; what other processes wrote comes from the store, read at start and polled
// after that. Pipelines never wait for it: what isn't known yet stays uncorrelated.
package buildindexextension

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/telemetry"
)

const (
	scope = "github.com/summitobs/summit/extension/buildindexextension"
	// startWait is how long the start of the pipelines may wait for the index to be rebuilt; it goes on behind them.
	startWait = 5 * time.Second
	// maxBackoff bounds the pause after reads that went wrong.
	maxBackoff = 30 * time.Second
	// readTimeout bounds one read of the store.
	readTimeout = 30 * time.Second
)

type buildIndex struct {
	cfg   *Config
	log   *zap.Logger
	index *correlation.Index

	storeErrors  metric.Int64Counter
	registration metric.Registration
	throttle     *telemetry.Throttle

	// rebuilt is closed when the index holds what the store had at start, or has no store to ask.
	rebuilt chan struct{}
	cancel  context.CancelFunc
	polling sync.WaitGroup
}

func newExtension(cfg *Config, set component.TelemetrySettings) (*buildIndex, error) {
	x := &buildIndex{
		cfg: cfg, log: set.Logger, index: correlation.New(cfg.options()), throttle: telemetry.NewThrottle(time.Minute),
		rebuilt: make(chan struct{}), cancel: func() {},
	}
	meter := set.MeterProvider.Meter(scope)
	entries, err := meter.Int64ObservableGauge("summit_buildindex_entries", metric.WithUnit("{entity}"),
		metric.WithDescription("Entities in the index."))
	if err != nil {
		return nil, fmt.Errorf("make the gauge of entries: %w", err)
	}
	evicted, err := meter.Int64ObservableCounter("summit_buildindex_evicted_total", metric.WithUnit("{entity}"),
		metric.WithDescription("Entities dropped because the index was full."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of evictions: %w", err)
	}
	x.storeErrors, err = meter.Int64Counter("summit_buildindex_store_errors_total", metric.WithUnit("{read}"),
		metric.WithDescription("Reads of the store that didn't succeed and will be tried again."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of store errors: %w", err)
	}
	x.registration, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(entries, int64(x.index.Len()))
		o.ObserveInt64(evicted, int64(x.index.Evicted()))
		return nil
	}, entries, evicted)
	if err != nil {
		return nil, fmt.Errorf("register the index's metrics: %w", err)
	}
	return x, nil
}

// Index is shared by all components of the process that ask for it.
func (x *buildIndex) Index() *correlation.Index { return x.index }

// Rebuilt is closed when the index holds what the store had at start. Who completes events by their last known state waits
// for it, or what was known before the restart would be overwritten.
func (x *buildIndex) Rebuilt() <-chan struct{} { return x.rebuilt }

// Dependencies makes the store start first and stop last.
func (x *buildIndex) Dependencies() []component.ID {
	if !x.cfg.hasStore() {
		return nil
	}
	return []component.ID{x.cfg.Store}
}

// Start begins to read the store. It waits a few seconds for the index to be rebuilt, so that the first telemetry after
// a restart is joined too, and doesn't insist on it.
func (x *buildIndex) Start(ctx context.Context, host component.Host) error {
	if !x.cfg.hasStore() && x.cfg.Endpoint == "" {
		close(x.rebuilt)
		return nil
	}
	from, err := newSource(x.cfg, host)
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	x.polling.Go(func() {
		x.follow(run, host, from)
		if err := from.close(); err != nil {
			x.log.Warn("build index can't close its connection to the store", zap.Error(err))
		}
	})
	select {
	case <-x.rebuilt:
	case <-ctx.Done():
	case <-time.After(startWait):
	}
	return nil
}

// Shutdown ends the polling.
func (x *buildIndex) Shutdown(context.Context) error {
	x.cancel()
	x.polling.Wait()
	if err := x.registration.Unregister(); err != nil {
		return fmt.Errorf("unregister the index's metrics: %w", err)
	}
	return nil
}

// follow rebuilds the index and then polls until ctx ends. After an error it pauses for longer each time; the state that
// a read begins from moves only when the read succeeded, so nothing is skipped.
func (x *buildIndex) follow(ctx context.Context, host component.Host, from *source) {
	r := reader{index: x.index, cfg: x.cfg, log: x.log, throttle: x.throttle}
	done, pause, failing := false, x.cfg.PollInterval, false
	for {
		err := x.read(ctx, &r, from, done)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			pause = min(2*pause, maxBackoff)
			x.report(ctx, host, err, pause)
			failing = true
		default:
			if !done {
				done = true
				x.log.Info("build index is rebuilt from the store", zap.Int("entries", x.index.Len()))
				close(x.rebuilt)
			}
			if failing {
				componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
				failing = false
			}
			pause = x.cfg.PollInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (x *buildIndex) read(ctx context.Context, r *reader, from *source, rebuilt bool) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	store, err := from.store(ctx)
	if err != nil {
		return err
	}
	if rebuilt {
		return r.poll(ctx, store.Conn())
	}
	return r.rebuild(ctx, store.Conn())
}

func (x *buildIndex) report(ctx context.Context, host component.Host, err error, pause time.Duration) {
	x.storeErrors.Add(ctx, 1)
	componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
	if silent, ok := x.throttle.Allow("store"); ok {
		x.log.Warn("build index can't read the store; builds of other processes are joined once it answers",
			zap.Error(err), zap.Duration("next_try_in", pause), zap.Int("not_logged_before", silent))
	}
}
