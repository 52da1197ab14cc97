package faker

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"
)

// Paths of the ingest door.
const (
	PathGitHub = "/v1/ci/github"
	PathEvents = "/v1/ci/events"
)

// Delivery is one HTTP request that a CI system makes to the ingest door.
type Delivery struct {
	// At is when it would have arrived.
	At   time.Time
	Path string
	// Event is the name of GitHub's event; empty for the generic door.
	Event string
	// ID is GitHub's id of the delivery.
	ID   string
	Body []byte
}

// Header gives the request's header; a GitHub delivery is signed with the webhook's secret.
func (d Delivery) Header(secret []byte) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if d.Path != PathGitHub {
		return h
	}
	h.Set("User-Agent", "GitHub-Hookshot/faker")
	h.Set("X-GitHub-Event", d.Event)
	h.Set("X-GitHub-Delivery", d.ID)
	h.Set("X-Hub-Signature-256", Sign(secret, d.Body))
	return h
}

// Sign gives the value of X-Hub-Signature-256 for a body.
func Sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Deliveries are all that CI systems sent up to the base time, in the order of time.
func (w *World) Deliveries() []Delivery {
	var all []Delivery
	for i := range w.changes {
		all = append(all, w.deliveriesOf(&w.changes[i])...)
	}
	all = slices.DeleteFunc(all, func(d Delivery) bool { return d.At.After(w.settings.Base) })
	slices.SortStableFunc(all, func(a, b Delivery) int { return a.At.Compare(b.At) })
	return all
}

// deliveriesOf gives what a change makes the CI system send, in no order.
func (w *World) deliveriesOf(c *change) []Delivery {
	r := w.random(streamCommit, uint64(c.index), 7)
	var out []Delivery
	hook := func(at time.Time, event string, payload any) {
		out = append(out, Delivery{At: at, Path: PathGitHub, Event: event, ID: uuidOf(r), Body: marshal(payload)})
	}
	generic := func(at time.Time, payload any) {
		out = append(out, Delivery{At: at, Path: PathEvents, Body: marshal(payload)})
	}
	hook(c.at, "push", c.push())
	for _, a := range c.attempts {
		hook(a.createdAt, "workflow_run", c.runEvent(a, "requested", "queued", a.createdAt))
		hook(a.startedAt, "workflow_run", c.runEvent(a, "in_progress", "in_progress", a.startedAt))
		for i := range a.jobs {
			j := &a.jobs[i]
			hook(j.createdAt, "workflow_job", c.jobEvent(a, i, "queued"))
			hook(j.startedAt, "workflow_job", c.jobEvent(a, i, "in_progress"))
			hook(j.finishedAt, "workflow_job", c.jobEvent(a, i, "completed"))
		}
		generic(a.jobs[integrationJob].finishedAt, c.testEvent(a))
		hook(a.finishedAt, "workflow_run", c.runEvent(a, "completed", "completed", a.finishedAt))
		if a.success {
			generic(a.jobs[imageJob].finishedAt, c.artifactEvent(a))
		}
	}
	for _, d := range c.deploys {
		hook(d.createdAt, "deployment", c.deploymentEvent(d, "", d.createdAt))
		hook(d.createdAt.Add(2*time.Second), "deployment_status", c.deploymentEvent(d, "in_progress", d.createdAt.Add(2*time.Second)))
		hook(d.finishedAt, "deployment_status", c.deploymentEvent(d, "success", d.finishedAt))
		generic(d.finishedAt, c.digestDeployed(d))
	}
	return out
}

// LiveChange makes up one more commit of a service, pushed at a time after the history, with the run that builds it: its
// deliveries in the order of time. It isn't deployed, so that what runs stays what the history left. n counts the changes.
func (w *World) LiveChange(n int, at time.Time) []Delivery {
	s := &shop[n%len(shop)]
	r := w.random(streamLive, uint64(n))
	p := planned{service: s, kind: ordinary, subject: s.subjects[r.IntN(len(s.subjects))]}
	c := w.makeChange(len(w.changes)+n, p, 100+n%10000, "", at)
	c.deploys = nil
	out := w.deliveriesOf(&c)
	slices.SortStableFunc(out, func(a, b Delivery) int { return a.At.Compare(b.At) })
	return out
}
