// Package gitlab reads GitLab's webhooks: pipelines and jobs, deployments, pushes, merge requests and releases. Package
// cireceiver gives it deliveries.
package gitlab

import (
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is GitLab, its own or a company's.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderGitLab }

// Verify compares the token that GitLab sends with our secrets.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	return wire.VerifyToken("the header X-Gitlab-Token", d.Header.Get("X-Gitlab-Token"), secrets)
}

// kinds are the deliveries that are read, by the header X-Gitlab-Event.
var kinds = map[string]string{
	"Pipeline Hook": "pipeline", "Job Hook": "job", "Build Hook": "job", "Deployment Hook": "deployment", "Push Hook": "push",
	"Tag Push Hook": "tag_push", "Merge Request Hook": "merge_request", "Release Hook": "release",
}

// used are the kinds of object in a body.
var used = map[string]string{
	"pipeline": "pipeline", "build": "job", "job": "job", "deployment": "deployment", "push": "push", "tag_push": "tag_push",
	"merge_request": "merge_request", "release": "release",
}

// Head names the delivery by its header. Hooks of a whole server say only in the body what they are about.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{ID: d.Header.Get("Idempotency-Key"), Payload: d.Body}
	event := d.Header.Get("X-Gitlab-Event")
	if kind, ok := kinds[event]; ok {
		h.Event = kind
		return h, nil
	}
	if event != "" && event != "System Hook" {
		h.Event, h.Kind = event, wire.Ignored
		return h, nil
	}
	var body struct {
		ObjectKind string `json:"object_kind"`
		EventName  string `json:"event_name"`
	}
	if p := wire.Decode(d.Body, &body, false); p != nil {
		return h, p
	}
	name := wire.Or(body.ObjectKind, body.EventName)
	if name == "" {
		return h, wire.WrongField("X-Gitlab-Event", "the header is missing, and the body has no object_kind")
	}
	kind, ok := used[name]
	if !ok {
		h.Event, h.Kind = name, wire.Ignored
		return h, nil
	}
	h.Event = kind
	return h, nil
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	switch h.Event {
	case "pipeline":
		return read(h.Payload, pipelineEvents)
	case "job":
		return read(h.Payload, jobEvents)
	case "deployment":
		return read(h.Payload, deploymentEvents)
	case "push", "tag_push":
		return read(h.Payload, pushEvents)
	case "merge_request":
		return read(h.Payload, mergeEvents)
	case "release":
		return read(h.Payload, releaseEvents)
	default:
		return wire.Parsed{}, wire.NewProblem(400, "event", "event "+h.Event+" is none that is read")
	}
}

func read[T any](body []byte, events func(*T) ([]build.Event, *wire.Problem)) (wire.Parsed, *wire.Problem) {
	hook := new(T)
	if p := wire.Decode(body, hook, false); p != nil {
		return wire.Parsed{}, p
	}
	list, p := events(hook)
	return wire.Parsed{Events: list}, p
}

// place says what the source of an event must have.
func (s source) check(field string, id int64) *wire.Problem {
	switch {
	case s.repo == "":
		return wire.WrongField("project.path_with_namespace", "is missing")
	case id == 0:
		return wire.WrongField(field, "is missing")
	default:
		return nil
	}
}
