// Package otlpguardextension is the extension summit_otlpguard. It stands as a middleware between a listener and the OTLP
// decoder and refuses requests that would end the process: pdata decodes nested values by recursion, and a few megabytes
// of arrays inside arrays outgrow the largest stack that Go allows, which nothing can recover. On the way back it turns the
// memory limiter's refusals into answers that tell when to come back. Receivers ask it how the collector is configured.
package otlpguardextension

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/summitobs/summit/internal/otlpdepth"
)

const scope = "github.com/summitobs/summit/extension/otlpguardextension"

type guard struct {
	max     int
	refused metric.Int64Counter
	config  atomic.Pointer[confmap.Conf]
}

var (
	_ extension.Extension            = (*guard)(nil)
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

func newGuard(cfg *Config, set component.TelemetrySettings) (*guard, error) {
	refused, err := set.MeterProvider.Meter(scope).Int64Counter("summit_otlpguard_refused_total",
		metric.WithDescription("Requests refused before they were decoded, or for want of memory, by request and reason."), metric.WithUnit("{request}"))
	return &guard{max: cfg.MaxDepth, refused: refused}, err
}

// Start implements component.Component.
func (g *guard) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (g *guard) Shutdown(context.Context) error { return nil }

// signals are the requests by the words that their HTTP paths and Go types hold.
var signals = []struct {
	path, typ string
	signal    otlpdepth.Signal
}{
	{"/v1/traces", "ExportTraceServiceRequest", otlpdepth.Traces},
	{"/v1/logs", "ExportLogsServiceRequest", otlpdepth.Logs},
	{"/v1/metrics", "ExportMetricsServiceRequest", otlpdepth.Metrics},
}

func (g *guard) check(ctx context.Context, signal otlpdepth.Signal, name string, body []byte) error {
	if len(body) < otlpdepth.MinBytes {
		return nil
	}
	err := otlpdepth.Check(signal, body, g.max)
	if err != nil {
		g.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("request", name), attribute.String("reason", "nested_too_deeply")))
	}
	return err
}

// GetHTTPHandler implements extensionmiddleware.HTTPServer. The listener has undone the content encoding before.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, base http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			held := &throttledWriter{ResponseWriter: w}
			g.serve(held, r, base)
			held.finish(func() { g.countMemory(r.Context(), r.URL.Path) })
		}), nil
	}, nil
}

func (g *guard) serve(w http.ResponseWriter, r *http.Request, base http.Handler) {
	for _, s := range signals {
		if !strings.HasSuffix(r.URL.Path, s.path) || r.ContentLength >= 0 && r.ContentLength < otlpdepth.MinBytes {
			continue
		}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			break // its decoder bounds the depth itself
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			code := http.StatusBadRequest
			if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
				code = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "read the request: "+err.Error(), code)
			return
		}
		if err := g.check(r.Context(), s.signal, s.typ, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		break
	}
	base.ServeHTTP(w, r)
}

// GetGRPCServerOptions implements extensionmiddleware.GRPCServer: the codec is the only place before the decoder.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	delegate := encoding.GetCodecV2("proto")
	if delegate == nil {
		return nil, errors.New("no gRPC codec named proto is registered")
	}
	return []grpc.ServerOption{grpc.ForceServerCodecV2(&codec{CodecV2: delegate, guard: g}), grpc.ChainUnaryInterceptor(g.throttle)}, nil
}

// codec checks a message before it is decoded.
type codec struct {
	encoding.CodecV2
	guard *guard
}

// Unmarshal implements encoding.CodecV2.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	if data.Len() < otlpdepth.MinBytes {
		return c.CodecV2.Unmarshal(data, v)
	}
	// One buffer for the check and the decoder, which would make one of its own.
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	name := fmt.Sprintf("%T", v)
	for _, s := range signals {
		if strings.HasSuffix(name, s.typ) {
			if err := c.guard.check(context.Background(), s.signal, s.typ, whole.ReadOnlyData()); err != nil {
				return err
			}
			break
		}
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
}
