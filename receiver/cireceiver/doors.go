package cireceiver

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/azuredevops"
	"github.com/summitobs/summit/receiver/cireceiver/internal/bitbucket"
	"github.com/summitobs/summit/receiver/cireceiver/internal/buildkite"
	"github.com/summitobs/summit/receiver/cireceiver/internal/cdevents"
	"github.com/summitobs/summit/receiver/cireceiver/internal/circleci"
	"github.com/summitobs/summit/receiver/cireceiver/internal/github"
	"github.com/summitobs/summit/receiver/cireceiver/internal/gitlab"
	"github.com/summitobs/summit/receiver/cireceiver/internal/jenkins"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// webhookDoor is a provider with its options and route. A provider without options has no route.
type webhookDoor struct {
	provider wire.Provider
	cfg      *WebhookConfig
	route    string

	secrets [][]byte
	// unset are the variables of secrets that aren't set.
	unset []string

	// mu guards labels, the types of delivery that are counted although they aren't used.
	mu     sync.Mutex
	labels map[string]bool
}

// doors lists all providers.
func doors(cfg *WebhooksConfig) []*webhookDoor {
	list := []*webhookDoor{
		{provider: github.Provider{}, cfg: cfg.GitHub},
		{provider: gitlab.Provider{}, cfg: cfg.GitLab},
		{provider: buildkite.Provider{}, cfg: cfg.Buildkite},
		{provider: circleci.Provider{}, cfg: cfg.CircleCI},
		{provider: azuredevops.Provider{}, cfg: cfg.Azure},
		{provider: bitbucket.Provider{}, cfg: cfg.Bitbucket},
		{provider: cdevents.Provider{}, cfg: cfg.CDEvents},
		{provider: jenkins.New(), cfg: cfg.Jenkins, route: "POST /v1/ci/jenkins/v1/traces"},
	}
	for _, d := range list {
		if d.route == "" {
			d.route = "POST /v1/ci/" + d.provider.Name()
		}
	}
	return list
}

// open reads the secrets of a provider and registers its route.
func (r *ciReceiver) open(d *webhookDoor, routes router) error {
	if d.cfg == nil {
		return nil
	}
	var err error
	name := d.provider.Name()
	if d.secrets, d.unset, err = load(d.cfg.Secrets); err != nil {
		return fmt.Errorf("webhooks::%s::secrets: %w", name, err)
	}
	switch {
	case len(d.unset) > 0 && len(d.secrets) == 0:
		r.set.Logger.Info("CI webhooks: the route is closed until a secret is set",
			zap.String("provider", name), zap.Strings("variables", d.unset))
	case len(d.unset) > 0:
		r.set.Logger.Warn("CI webhooks: secrets are not set; deliveries are refused unless another secret fits",
			zap.String("provider", name), zap.Strings("variables", d.unset))
	case len(d.secrets) == 0:
		r.set.Logger.Warn("CI webhooks: anybody may deliver, as insecure: true says", zap.String("provider", name))
	}
	return routes.Handle(d.route, r.handler(name, func(req *http.Request, body []byte) (result, *wire.Problem) {
		return r.serveWebhook(d, req, body)
	}))
}

// otherEvent stands for all types of delivery that could make our counter grow without bound.
const otherEvent = "other"

var eventName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.: -]{0,63}$`)

func (r *ciReceiver) serveWebhook(d *webhookDoor, req *http.Request, body []byte) (result, *wire.Problem) {
	delivery := &wire.Delivery{Header: req.Header, Query: req.URL.Query(), Body: body}
	if p := d.verify(delivery); p != nil {
		// Not even the type of a delivery that isn't believed is taken over.
		return result{}, p
	}
	head, p := d.provider.Head(delivery)
	label := d.label(head)
	if p != nil {
		return result{event: label}, p
	}
	switch head.Kind {
	case wire.Ping:
		return result{Status: "pong", code: http.StatusOK, event: label}, nil
	case wire.Ignored:
		return result{Status: "ignored", Detail: "event " + wire.Cut(head.Event, 64) + " is not used", code: http.StatusAccepted, event: label}, nil
	}
	parsed, p := d.provider.Parse(head, now())
	if p != nil {
		return result{event: label}, p
	}
	bound(parsed.Events)
	res, p := r.takeParsed(req.Context(), deliveryID(d.provider.Name(), head.ID), parsed)
	res.event = label
	if a, ok := d.provider.(wire.Answerer); ok && p == nil {
		res.contentType, res.body = a.Answer(delivery)
	}
	if parsed.Dropped > 0 && p == nil {
		r.dropped.Add(req.Context(), int64(parsed.Dropped), metric.WithAttributes(
			attribute.String("source", d.provider.Name()), attribute.String("reason", "too_many_open_builds")))
	}
	return res, p
}

// bound cuts the texts of runs and jobs to what is kept of those of the generic door: they stay in memory with the index.
func bound(events []build.Event) {
	for _, ev := range events {
		var s *build.State
		switch e := ev.(type) {
		case *build.Run:
			s = &e.State
		case *build.Task:
			s = &e.State
		default:
			continue
		}
		s.Message = wire.Cut(s.Message, wire.MaxMessage)
		for _, text := range []*string{&s.Name, &s.Pipeline, &s.Branch, &s.URL} {
			*text = wire.Cut(*text, maxText)
		}
		for k, v := range s.Attrs {
			if len(v) > maxText {
				s.Attrs[k] = wire.Cut(v, maxText)
			}
		}
	}
}

// verify checks the sender before anything of the body is read.
func (d *webhookDoor) verify(delivery *wire.Delivery) *wire.Problem {
	if len(d.secrets) == 0 {
		if len(d.unset) > 0 && !d.cfg.Insecure {
			return wire.NewProblem(http.StatusServiceUnavailable, "no_secret", fmt.Sprintf(
				"this route is closed until a webhook secret is set: %s is not set", strings.Join(d.unset, ", ")))
		}
		return nil
	}
	if err := d.provider.Verify(delivery, d.secrets); err != nil {
		return wire.NewProblem(http.StatusUnauthorized, "signature", err.Error())
	}
	return nil
}

// maxLabels is how many types of delivery that aren't used a provider may add to our counter.
const maxLabels = 32

// label is the type of delivery as a value of our counter. The types that are used are few; others are the sender's words
// and may be as many as he likes.
func (d *webhookDoor) label(h wire.Head) string {
	if !eventName.MatchString(h.Event) || h.Kind == wire.Ignored && len(d.secrets) == 0 {
		return otherEvent
	}
	if h.Kind != wire.Ignored {
		return h.Event
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.labels[h.Event] {
		if len(d.labels) >= maxLabels {
			return otherEvent
		}
		if d.labels == nil {
			d.labels = make(map[string]bool)
		}
		d.labels[h.Event] = true
	}
	return h.Event
}
