package otlpguardextension

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/summitobs/summit/internal/otlpanswer"
)

// throttle answers what the memory limiter refuses as the protocol has it for a server that is too busy: the limiter's own
// error says that nobody is there.
func (g *guard) throttle(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	out, err := next(ctx, req)
	if err == nil || !otlpanswer.IsMemory(err.Error()) {
		return out, err
	}
	g.countMemory(ctx, info.FullMethod)
	return nil, otlpanswer.Of(err).Err()
}

func (g *guard) countMemory(ctx context.Context, request string) {
	g.refused.Add(ctx, 1, metric.WithAttributes(attribute.String("request", request), attribute.String("reason", "memory_limit")))
}

// maxHeldAnswer bounds the answer that is held back to be looked at.
const maxHeldAnswer = 64 << 10

// throttledWriter holds back an answer that the receiver isn't available, until it is known why.
type throttledWriter struct {
	http.ResponseWriter
	held bool
	body bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *throttledWriter) WriteHeader(code int) {
	if code == http.StatusServiceUnavailable {
		w.held = true
		return
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *throttledWriter) Write(b []byte) (int, error) {
	if !w.held {
		return w.ResponseWriter.Write(b)
	}
	if room := maxHeldAnswer - w.body.Len(); len(b) > room {
		w.body.Write(b[:room])
		return len(b), nil
	}
	return w.body.Write(b)
}

// Unwrap lets http.ResponseController find the writer below.
func (w *throttledWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish sends an answer that was held back, as 429 with the time to come back if it is the memory limiter's.
func (w *throttledWriter) finish(memory func()) {
	if !w.held {
		return
	}
	code, body := http.StatusServiceUnavailable, w.body.Bytes()
	if otlpanswer.IsMemory(w.body.String()) {
		memory()
		st := otlpanswer.Throttled("data refused due to high memory usage", otlpanswer.MemoryRetry)
		if made, err := marshal(w.Header().Get("Content-Type"), st.Proto()); err == nil {
			body = made
		}
		code = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(otlpanswer.MemoryRetry/time.Second)))
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(code)
	_, _ = w.ResponseWriter.Write(body) // a client that has gone needs no answer
}

func marshal(contentType string, st *spb.Status) ([]byte, error) {
	if contentType == "application/json" {
		return protojson.Marshal(st)
	}
	return proto.Marshal(st)
}
