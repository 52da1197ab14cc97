package cireceiver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// result is the answer to a delivery that is no problem.
type result struct {
	// Status is stored, unchanged, duplicate, ignored or pong.
	Status string `json:"status"`
	// Events and Spans are how many were stored.
	Events int    `json:"events"`
	Spans  int    `json:"spans"`
	Detail string `json:"detail,omitempty"`

	code  int
	event string
	// contentType and body stand for the JSON of the result where a protocol has its own answer.
	contentType string
	body        []byte
}

type serveFunc func(r *http.Request, body []byte) (result, *wire.Problem)

// handler reads the body, calls serve, answers and counts.
func (r *ciReceiver) handler(source string, serve serveFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.enter() {
			p := wire.NewProblem(http.StatusServiceUnavailable, "shutdown", "the receiver is shutting down")
			p.RetryAfter = "5"
			p.Write(w)
			return
		}
		defer r.leave()
		body, prob := wire.ReadBody(req)
		var res result
		if prob == nil {
			res, prob = serve(req, body)
		}
		if res.event == "" {
			res.event = otherEvent
		}
		if prob != nil {
			outcome := "refused"
			if prob.Status == http.StatusServiceUnavailable {
				outcome = "retry"
			}
			r.count(req.Context(), source, res.event, outcome, prob.Reason)
			prob.Write(w)
			return
		}
		r.count(req.Context(), source, res.event, res.Status, "")
		if res.contentType != "" {
			w.Header().Set("Content-Type", res.contentType)
			w.WriteHeader(res.code)
			_, _ = w.Write(res.body)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(res.code)
		// The client is gone when this fails; it will deliver again, which changes nothing.
		_ = json.NewEncoder(w).Encode(res)
	})
}

func (r *ciReceiver) count(ctx context.Context, source, event, outcome, reason string) {
	attrs := []attribute.KeyValue{attribute.String("source", source), attribute.String("event", event), attribute.String("outcome", outcome)}
	if reason != "" {
		attrs = append(attrs, attribute.String("reason", reason))
	}
	r.deliveries.Add(ctx, 1, metric.WithAttributes(attrs...))
}

func (r *ciReceiver) serveEvents(req *http.Request, body []byte) (result, *wire.Problem) {
	if len(r.tokens) == 0 && len(r.tokensUnset) > 0 {
		return result{event: "events"}, wire.NewProblem(http.StatusServiceUnavailable, "no_token", fmt.Sprintf(
			"this route is closed until a token is set: %s is not set", strings.Join(r.tokensUnset, ", ")))
	}
	if err := checkToken(req, r.tokens); err != nil {
		return result{event: "events"}, wire.NewProblem(http.StatusUnauthorized, "token", err.Error())
	}
	list, p := parseEvents(body, now())
	if p != nil {
		return result{event: "events"}, p
	}
	res, p := r.take(req.Context(), deliveryID("events", req.Header.Get("Idempotency-Key")), withContext(list))
	res.event = "events"
	if len(list) == 1 {
		res.event = eventTypeOf(list[0].event)
	}
	return res, p
}

// deliveryID is a hash: how long an id is, is the sender's choice, and very many are remembered.
func deliveryID(source, id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return string(sum[:])
}
