// Package cdevents reads CDEvents that come as CloudEvents over HTTP: pipeline and task runs, builds, artifacts, services
// and changes. Package cireceiver gives it deliveries.
package cdevents

import (
	"encoding/json"
	"mime"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is any sender of CDEvents.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderCDEvents }

// Verify wants a bearer token, as the HTTP binding of CloudEvents webhooks has it.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	return wire.VerifyBearer(d.Header, secrets)
}

// structured is a CloudEvent whose attributes are in the body with its data.
type structured struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
}

// used are the events that are read, as subject.predicate.
var used = map[string]bool{
	"pipelinerun.queued": true, "pipelinerun.started": true, "pipelinerun.finished": true,
	"taskrun.queued": true, "taskrun.started": true, "taskrun.finished": true,
	"build.queued": true, "build.started": true, "build.finished": true,
	"artifact.packaged": true, "artifact.published": true, "artifact.signed": true,
	"service.deployed": true, "service.upgraded": true, "service.rolledback": true, "service.removed": true,
	"change.created": true, "change.updated": true, "change.merged": true, "change.abandoned": true,
}

const typePrefix = "dev.cdevents."

// Head takes the event out of either form of a CloudEvent and names it. An event without a CloudEvent around it is taken
// too.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{Payload: d.Body}
	kind, source := d.Header.Get("ce-type"), d.Header.Get("ce-source")
	h.ID = d.Header.Get("ce-id")
	media, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	switch {
	case media == "application/cloudevents-batch+json":
		return h, wire.NewProblem(415, "media_type", "batches of CloudEvents are not taken: send one event a request")
	case media == "application/cloudevents+json" || kind == "":
		var ce structured
		if p := wire.Decode(d.Body, &ce, false); p != nil {
			return h, p
		}
		if ce.SpecVersion != "" || len(ce.Data) > 0 {
			kind, source, h.ID, h.Payload = ce.Type, ce.Source, ce.ID, ce.Data
		}
	}
	if kind == "" {
		var ev event
		if p := wire.Decode(h.Payload, &ev, false); p != nil {
			return h, p
		}
		kind, source, h.ID = ev.Context.Type, ev.Context.Source, ev.Context.ID
	}
	if h.ID != "" {
		// An id is unique in its source only.
		h.ID = source + "\x00" + h.ID
	}
	return named(h, kind)
}

// named reads "dev.cdevents.subject.predicate.version".
func named(h wire.Head, kind string) (wire.Head, *wire.Problem) {
	rest, ok := strings.CutPrefix(kind, typePrefix)
	parts := strings.SplitN(rest, ".", 3)
	if !ok || len(parts) < 2 {
		return h, wire.WrongField("type", "is no type of CDEvents: want dev.cdevents.<subject>.<predicate>.<version>")
	}
	h.Event = parts[0] + "." + parts[1]
	if !used[h.Event] {
		h.Kind = wire.Ignored
	}
	return h, nil
}

// Parse turns an event into build events.
func (Provider) Parse(h wire.Head, now time.Time) (wire.Parsed, *wire.Problem) {
	var ev event
	if p := wire.Decode(h.Payload, &ev, false); p != nil {
		return wire.Parsed{}, p
	}
	switch {
	case ev.Subject.ID == "":
		return wire.Parsed{}, wire.WrongField("subject.id", "is missing")
	case ev.Context.Source == "" && ev.Subject.Source == "":
		return wire.Parsed{}, wire.WrongField("context.source", "is missing")
	}
	r := reader{event: &ev, at: wire.FirstTime(ev.Context.Timestamp.Time, now)}
	subject, predicate, _ := strings.Cut(h.Event, ".")
	switch subject {
	case "pipelinerun":
		return wire.Of(r.pipeline(predicate)), nil
	case "taskrun":
		return wire.Of(r.task(predicate)...), nil
	case "build":
		return wire.Of(r.build(predicate)...), nil
	case "artifact":
		return wire.Of(r.artifact(ev.Subject.ID, build.RunKey{})...), nil
	case "service":
		return wire.Of(r.service(predicate)...), nil
	default:
		return wire.Of(r.change(predicate)...), nil
	}
}
