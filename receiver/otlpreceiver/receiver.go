// Package otlpreceiver is the receiver summit_otlp: the doors of OTLP with two ways behind them. Where only processors of
// ours that stamp resources stand between it and the exporter named in direct_to, requests go there as the bytes they
// came as, and become columns without ever being pdata: the fast lane. All others are decoded and go through the
// pipeline, as with the collector's own receiver, whose configuration and answers this one shares.
package otlpreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const scope = "github.com/summitobs/summit/receiver/otlpreceiver"

// otlpReceiver owns the doors; the ways behind them are those of the signals.
type otlpReceiver struct {
	cfg *Config
	set receiver.Settings

	traces  traces
	logs    logs
	metrics metrics

	// inFlight are the bytes of the requests that are worked on.
	inFlight atomic.Int64
	refused  metric.Int64Counter
	reports  map[string]*receiverhelper.ObsReport

	// mu guards starting and stopping, which each signal's component does once.
	mu      sync.Mutex
	started bool
	grpc    *grpc.Server
	http    *http.Server
	serving sync.WaitGroup
	// forget removes the receiver from the factory's table.
	forget func()
}

// receivers gives the components that were made from one configuration the same receiver.
type receivers struct {
	mu       sync.Mutex
	byConfig map[*Config]*otlpReceiver
}

func (t *receivers) get(set receiver.Settings, config component.Config, join func(*otlpReceiver)) (*otlpReceiver, error) {
	cfg := config.(*Config)
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byConfig[cfg]
	if r == nil {
		var err error
		if r, err = newReceiver(set, cfg); err != nil {
			return nil, err
		}
		r.forget = func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			delete(t.byConfig, cfg)
		}
		t.byConfig[cfg] = r
	}
	join(r)
	return r, nil
}

func newReceiver(set receiver.Settings, cfg *Config) (*otlpReceiver, error) {
	r := &otlpReceiver{cfg: cfg, set: set, reports: map[string]*receiverhelper.ObsReport{}}
	for _, transport := range []string{"grpc", "http"} {
		report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
			ReceiverID: set.ID, Transport: transport, ReceiverCreateSettings: set,
		})
		if err != nil {
			return nil, fmt.Errorf("make the instruments of %s: %w", transport, err)
		}
		r.reports[transport] = report
	}
	var err error
	r.refused, err = set.MeterProvider.Meter(scope).Int64Counter("summit_otlp_refused_total", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were refused before the exporter saw them, by signal and reason."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of refusals: %w", err)
	}
	return r, nil
}

// Start opens the doors when the first of the signals' components starts.
func (r *otlpReceiver) Start(ctx context.Context, host component.Host) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return nil
	}
	r.started = true
	if err := r.planLanes(ctx, host); err != nil {
		return err
	}
	if err := r.startGRPC(ctx, host); err != nil {
		return err
	}
	if err := r.startHTTP(ctx, host); err != nil {
		return errors.Join(err, r.stop(ctx))
	}
	return nil
}

// Shutdown closes the doors and waits for the requests behind them.
func (r *otlpReceiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	return r.stop(ctx)
}

func (r *otlpReceiver) stop(ctx context.Context) error {
	var err error
	if r.http != nil {
		err = r.http.Shutdown(ctx)
		r.http = nil
	}
	if r.grpc != nil {
		r.grpc.GracefulStop()
		r.grpc = nil
	}
	r.serving.Wait()
	return err
}

func (r *otlpReceiver) startGRPC(ctx context.Context, host component.Host) error {
	if !r.cfg.Protocols.GRPC.HasValue() {
		return nil
	}
	cfg := r.cfg.Protocols.GRPC.Get()
	// The codec comes last, so that it stands in for that of any middleware: decoding, and what must come before, is done
	// behind it.
	server, err := cfg.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, configgrpc.WithGrpcServerOption(grpc.ForceServerCodecV2(rawCodec{})))
	if err != nil {
		return fmt.Errorf("make the gRPC server: %w", err)
	}
	r.register(server)
	listener, err := cfg.NetAddr.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen for OTLP over gRPC: %w", err)
	}
	r.grpc = server
	r.serve(host, "gRPC", listener, func() error {
		if err := server.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
			return err
		}
		return nil
	})
	return nil
}

func (r *otlpReceiver) startHTTP(ctx context.Context, host component.Host) error {
	if !r.cfg.Protocols.HTTP.HasValue() {
		return nil
	}
	cfg := r.cfg.Protocols.HTTP.Get()
	server, err := cfg.ServerConfig.ToServer(ctx, host.GetExtensions(), r.set.TelemetrySettings, r.handler(cfg), confighttp.WithErrorHandler(answerError))
	if err != nil {
		return fmt.Errorf("make the HTTP server: %w", err)
	}
	listener, err := cfg.ServerConfig.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("listen for OTLP over HTTP: %w", err)
	}
	r.http = server
	r.serve(host, "HTTP", listener, func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (r *otlpReceiver) serve(host component.Host, protocol string, listener net.Listener, serve func() error) {
	r.set.Logger.Info("listening for OTLP", zap.String("protocol", protocol), zap.String("address", listener.Addr().String()))
	r.serving.Go(func() {
		if err := serve(); err != nil {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
	})
}

// countRefused counts a request that was refused here.
func (r *otlpReceiver) countRefused(ctx context.Context, signal, reason string) {
	r.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("signal", signal), attribute.String("reason", reason)))
}
