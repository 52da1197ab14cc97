// Package buildkite reads Buildkite's webhooks: builds and jobs. Package cireceiver gives it deliveries.
package buildkite

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// Provider is Buildkite.
type Provider struct{}

var _ wire.Provider = Provider{}

// Name is the provider's name.
func (Provider) Name() string { return build.ProviderBuildkite }

// Verify checks the signature over time and body, or the token where Buildkite is set to send it as it is.
func (Provider) Verify(d *wire.Delivery, secrets [][]byte) error {
	const header = "X-Buildkite-Signature"
	value := d.Header.Get(header)
	if value == "" {
		return wire.VerifyToken("the header X-Buildkite-Signature or X-Buildkite-Token", d.Header.Get("X-Buildkite-Token"), secrets)
	}
	stamp, signature := "", ""
	for part := range strings.SplitSeq(value, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch k {
		case "timestamp":
			stamp = v
		case "signature":
			signature = v
		}
	}
	if stamp == "" || signature == "" {
		return errors.New("the header X-Buildkite-Signature is none: want timestamp=…,signature=…")
	}
	return wire.VerifyHMAC(header, signature, "", slices.Concat([]byte(stamp), []byte("."), d.Body), secrets)
}

var events = []string{
	"build.scheduled", "build.running", "build.failing", "build.finished", "build.skipped", "job.scheduled", "job.started", "job.finished", "job.activated",
}

// Head names the delivery by its header. Buildkite gives deliveries no id.
func (Provider) Head(d *wire.Delivery) (wire.Head, *wire.Problem) {
	h := wire.Head{Event: d.Header.Get("X-Buildkite-Event"), Payload: d.Body}
	switch {
	case h.Event == "":
		return h, wire.WrongField("X-Buildkite-Event", "the header is missing")
	case h.Event == "ping":
		h.Kind = wire.Ping
	case !slices.Contains(events, h.Event):
		h.Kind = wire.Ignored
	}
	return h, nil
}

// Parse turns a delivery into build events.
func (Provider) Parse(h wire.Head, _ time.Time) (wire.Parsed, *wire.Problem) {
	var p payload
	if prob := wire.Decode(h.Payload, &p, false); prob != nil {
		return wire.Parsed{}, prob
	}
	p.Event = h.Event
	if prob := p.check(); prob != nil {
		return wire.Parsed{}, prob
	}
	run := p.run()
	out := wire.Of(run)
	if sha := wire.SHA(p.Build.Commit); sha != "" && p.Build.Message != "" {
		out.Events = append(out.Events, &build.Commit{
			Provider: build.ProviderBuildkite, Host: build.HostBuildkite, Repo: p.repo(), SHA: sha, Message: wire.FirstLine(p.Build.Message),
			Branch: p.Build.Branch, CommittedAt: p.Build.CreatedAt.Time, Version: build.VersionOf(10, p.Build.CreatedAt.Time),
		})
	}
	if strings.HasPrefix(h.Event, "job.") && p.Job.Type != "waiter" {
		out.Events = append(out.Events, p.task(&run.State)...)
	}
	return out, nil
}
