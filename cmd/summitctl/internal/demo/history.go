package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/faker"
)

func escape(id string) string { return url.PathEscape(id) }

// sendHistory sends the builds first and waits until they can be seen, so that the telemetry after them is joined to
// them on its way in.
func (s *session) sendHistory(ctx context.Context) error {
	started := time.Now()
	deliveries := s.world.Deliveries()
	err := s.door.deliverAll(ctx, deliveries, func(n int) { s.talk.step("demo: CI history", n, len(deliveries), "deliveries") })
	if err != nil {
		return err
	}
	if err := s.waitForBuilds(ctx); err != nil {
		return err
	}
	if err := s.sendTelemetry(ctx); err != nil {
		return err
	}
	s.talk.say(fmt.Sprintf("demo: history sent in %.1f s", time.Since(started).Seconds()))
	return nil
}

// waitForBuilds waits until the API shows the run of the bad commit finished, with its image and its deployments.
func (s *session) waitForBuilds(ctx context.Context) error {
	story := s.world.Story()
	return s.poll(ctx, shownTimeout, "the builds to be shown", func(ctx context.Context) (bool, error) {
		raw, err := s.api.Get(ctx, "/builds/"+escape(story.BadRunID), nil)
		if err != nil {
			return false, err
		}
		var b struct {
			Status      string `json:"status"`
			Artifacts   []any  `json:"artifacts"`
			Deployments []struct {
				Status string `json:"status"`
			} `json:"deployments"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return false, err
		}
		deployed := 0
		for _, d := range b.Deployments {
			if d.Status == "success" {
				deployed++
			}
		}
		return b.Status == "success" && len(b.Artifacts) > 0 && deployed == 2, nil
	})
}

// request is what goes out at once: several minutes of the history.
type request struct {
	traces  ptrace.Traces
	logs    plog.Logs
	metrics pmetric.Metrics
	until   time.Time
}

func newRequest() request {
	return request{traces: ptrace.NewTraces(), logs: plog.NewLogs(), metrics: pmetric.NewMetrics()}
}

func (r *request) add(b faker.Batch) {
	b.Traces.ResourceSpans().MoveAndAppendTo(r.traces.ResourceSpans())
	b.Logs.ResourceLogs().MoveAndAppendTo(r.logs.ResourceLogs())
	b.Metrics.ResourceMetrics().MoveAndAppendTo(r.metrics.ResourceMetrics())
	r.until = b.To
}

func (r *request) items() int {
	return r.traces.SpanCount() + r.logs.LogRecordCount() + r.metrics.DataPointCount()
}

// itemsPerRequest keeps a request within a few megabytes.
const itemsPerRequest = 6000

func (s *session) sendTelemetry(ctx context.Context) error {
	sent := 0
	minutes := int(s.world.Base().Sub(s.world.Start()) / time.Minute)
	r := newRequest()
	flush := func() error {
		sent += r.items()
		if err := s.send(ctx, r); err != nil {
			return err
		}
		s.talk.step(fmt.Sprintf("demo: telemetry, %d items", sent), int(r.until.Sub(s.world.Start())/time.Minute), minutes, "minutes")
		r = newRequest()
		return nil
	}
	for b := range s.gen.History() {
		r.add(b)
		if r.items() >= itemsPerRequest {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if r.items() == 0 {
		return nil
	}
	return flush()
}

// send sends the three signals side by side: spans and metrics by gRPC, logs by HTTP.
func (s *session) send(ctx context.Context, r request) error {
	results := make(chan error, 3)
	go func() { results <- describe("spans", s.places.OTLPGRPC, s.grpc.Traces(ctx, r.traces)) }()
	go func() { results <- describe("metrics", s.places.OTLPGRPC, s.grpc.Metrics(ctx, r.metrics)) }()
	go func() { results <- describe("logs", s.places.OTLPHTTP, s.http.Logs(ctx, r.logs)) }()
	var all error
	for range cap(results) {
		all = errors.Join(all, <-results)
	}
	if all != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return all
}

func describe(what, where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("send %s to %s: %w", what, where, err)
}
