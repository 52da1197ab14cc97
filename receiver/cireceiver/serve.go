package cireceiver

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
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
}

type serveFunc func(r *http.Request, body []byte) (result, *problem)

// handler reads the body, calls serve, answers and counts.
func (r *ciReceiver) handler(source string, serve serveFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.enter() {
			p := newProblem(http.StatusServiceUnavailable, "shutdown", "the receiver is shutting down")
			p.retryAfter = "5"
			p.write(w)
			return
		}
		defer r.leave()
		body, prob := readBody(req)
		var res result
		if prob == nil {
			res, prob = serve(req, body)
		}
		if res.event == "" {
			res.event = eventLabel(source, req)
		}
		if prob != nil {
			outcome := "refused"
			if prob.Status == http.StatusServiceUnavailable {
				outcome = "retry"
			}
			r.count(req.Context(), source, res.event, outcome, prob.reason)
			prob.write(w)
			return
		}
		r.count(req.Context(), source, res.event, res.Status, "")
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

var eventName = regexp.MustCompile(`^[a-z_]{1,40}$`)

// eventLabel is the event's type as a value of our counter: the header is the sender's and mustn't make it grow.
func eventLabel(source string, r *http.Request) string {
	if source == "events" {
		return source
	}
	if name := r.Header.Get("X-GitHub-Event"); slices.Contains(githubEvents, name) {
		return name
	}
	return "other"
}

func (r *ciReceiver) serveGitHub(req *http.Request, body []byte) (result, *problem) {
	if p := r.checkGitHub(req, body); p != nil {
		return result{}, p
	}
	event := req.Header.Get("X-GitHub-Event")
	label := event
	if !eventName.MatchString(event) {
		label = "other"
	}
	switch {
	case event == "":
		return result{}, wrongField("X-GitHub-Event", "the header is missing")
	case event == "ping":
		return result{Status: "pong", code: http.StatusOK, event: label}, nil
	case !slices.Contains(githubEvents, event):
		// A sender that has signed may have few types, but an open door has no such bound.
		if len(r.githubSecrets) == 0 {
			label = "other"
		}
		return result{Status: "ignored", Detail: "event " + event + " is not used", code: http.StatusAccepted, event: label}, nil
	}
	payload, p := githubPayload(req, body)
	if p != nil {
		return result{event: label}, p
	}
	events, p := parseGitHub(event, payload)
	if p != nil {
		return result{event: label}, p
	}
	res, p := r.take(req.Context(), deliveryID(github, req.Header.Get("X-GitHub-Delivery")), events)
	res.event = label
	return res, p
}

func (r *ciReceiver) checkGitHub(req *http.Request, body []byte) *problem {
	if len(r.githubSecrets) == 0 {
		if len(r.githubUnset) > 0 && !r.cfg.Webhooks.GitHub.Insecure {
			return newProblem(http.StatusServiceUnavailable, "no_secret", fmt.Sprintf(
				"this route is closed until a webhook secret is set: %s is not set", strings.Join(r.githubUnset, ", ")))
		}
		return nil
	}
	if err := checkSignature(req.Header.Get("X-Hub-Signature-256"), body, r.githubSecrets); err != nil {
		return newProblem(http.StatusUnauthorized, "signature", err.Error())
	}
	return nil
}

// githubPayload takes the JSON out of either content type that GitHub offers.
func githubPayload(req *http.Request, body []byte) ([]byte, *problem) {
	if !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("payload") == "" {
		return nil, wrongField("payload", "the form has no payload")
	}
	return []byte(form.Get("payload")), nil
}

func (r *ciReceiver) serveEvents(req *http.Request, body []byte) (result, *problem) {
	if len(r.tokens) == 0 && len(r.tokensUnset) > 0 {
		return result{event: "events"}, newProblem(http.StatusServiceUnavailable, "no_token", fmt.Sprintf(
			"this route is closed until a token is set: %s is not set", strings.Join(r.tokensUnset, ", ")))
	}
	if err := checkToken(req, r.tokens); err != nil {
		return result{event: "events"}, newProblem(http.StatusUnauthorized, "token", err.Error())
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
