// Package azuredevops reads the service hooks of Azure DevOps: builds, runs and jobs of pipelines, pushes and pull requests.
// Package cireceiver gives it deliveries.
package azuredevops

import (
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is Azure DevOps.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderAzure }

// Verify compares the password of basic authentication with our secrets: service hooks sign nothing.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	return wire.VerifyBasic(d.Header, secrets)
}

// The types of delivery that are read.
const (
	buildComplete = "build.complete"
	runChanged    = "ms.vss-pipelines.run-state-changed-event"
	jobChanged    = "ms.vss-pipelines.job-state-changed-event"
	gitPush       = "git.push"
	prCreated     = "git.pullrequest.created"
	prUpdated     = "git.pullrequest.updated"
	prMerged      = "git.pullrequest.merged"
)

// Head names the delivery by its body: service hooks have no headers of their own.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	var body struct {
		ID        string `json:"id"`
		EventType string `json:"eventType"`
	}
	h := wire.Head{Payload: d.Body}
	if p := wire.Decode(d.Body, &body, false); p != nil {
		return h, p
	}
	h.Event, h.ID = body.EventType, body.ID
	switch h.Event {
	case "":
		return h, wire.WrongField("eventType", "is missing")
	case buildComplete, runChanged, jobChanged, gitPush, prCreated, prUpdated, prMerged:
	default:
		h.Kind = wire.Ignored
	}
	return h, nil
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	switch h.Event {
	case buildComplete:
		return read(h.Payload, buildEvents)
	case runChanged:
		return read(h.Payload, runEvents)
	case jobChanged:
		return read(h.Payload, jobEvents)
	case gitPush:
		return read(h.Payload, pushEvents)
	default:
		return read(h.Payload, changeEvents)
	}
}

func read[T any](body []byte, events func(*delivery[T]) ([]build.Event, *wire.Problem)) (wire.Parsed, *wire.Problem) {
	d := new(delivery[T])
	if p := wire.Decode(body, d, false); p != nil {
		return wire.Parsed{}, p
	}
	list, p := events(d)
	return wire.Parsed{Events: list}, p
}
