package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/faker"
	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

const (
	// perRequest is the size of a request of telemetry: that of an SDK's or agent's batch.
	perRequest = 500
	// commitEvery and askEvery are the pauses between two commits with their builds, and between two queries.
	commitEvery = 10 * time.Second
	askEvery    = 2 * time.Second
)

// sent is what was acknowledged.
type sent struct {
	items      map[load.Signal]int64
	refusals   int64
	deliveries int
	// runs are the ids of the build runs of all deliveries.
	runs map[string]bool
}

// telemetry sends all signals at their rates for the length of the soak.
func (s *soak) telemetry(ctx context.Context) error {
	signals := map[load.Signal]float64{load.Spans: s.perSecond, load.Logs: s.perSecond, load.Points: s.perSecond / 2}
	var mu sync.Mutex
	var all sync.WaitGroup
	var errs error
	for signal, rate := range signals {
		all.Go(func() {
			res, err := load.Run(ctx, load.Settings{
				Signal: signal, Protocol: "grpc", Address: s.places.OTLPGRPC, Total: math.MaxInt32, PerRequest: perRequest,
				PerSecond: rate, For: s.length, Seed: uint64(time.Now().UnixNano()),
			})
			mu.Lock()
			defer mu.Unlock()
			s.sent.items[signal] = res.Items
			s.sent.refusals += res.Waits
			if err != nil {
				errs = errors.Join(errs, fmt.Errorf("send %s: %w", signal, err))
			}
		})
	}
	all.Wait()
	return errs
}

// builds delivers what the CI system of a shop says of one commit after the other.
func (s *soak) builds(ctx context.Context) error {
	world, err := faker.New(faker.Settings{Seed: 1, Base: time.Now(), History: 3 * time.Hour, Traces: 1})
	if err != nil {
		return err
	}
	for n := 0; pause(ctx, commitEvery) == nil; n++ {
		for _, d := range world.LiveChange(n, time.Now().Add(-30*time.Minute)) {
			status, answer, err := process.Post(ctx, "http://"+s.places.Door+d.Path, d.Header([]byte(process.Secret)), d.Body)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("deliver %s: %w", d.Event, err)
			}
			if status > 299 {
				return fmt.Errorf("deliver %s: status %d: %s", d.Event, status, answer)
			}
			s.sent.deliveries++
			if run := runOf(d.Body); run != "" {
				s.sent.runs[run] = true
			}
		}
	}
	return nil
}

// runOf is the id of the build run that a delivery is about, "" for other deliveries.
func runOf(body []byte) string {
	var event struct {
		Run struct {
			ID int64 `json:"id"`
		} `json:"workflow_run"`
	}
	if json.Unmarshal(body, &event) != nil || event.Run.ID == 0 {
		return ""
	}
	return strconv.FormatInt(event.Run.ID, 10)
}

// questions are those of people and dashboards.
var questions = []string{
	"/api/v1/services",
	"/api/v1/traces?service=service-03&limit=20",
	"/api/v1/traces?error=true&limit=20",
	"/api/v1/errors",
	"/api/v1/builds",
	"/prometheus/api/v1/query?query=" + url.QueryEscape("sum by (pod) (rate({__name__=~\"shop_metric_0.*\"}[5m]))"),
	"/prometheus/api/v1/query_range?step=15&query=" + url.QueryEscape("{__name__=~\"shop_metric_01.*\"}"),
	"/prometheus/api/v1/labels",
}

// ask asks one question after the other. An answer of an error ends the soak.
func (s *soak) ask(ctx context.Context) error {
	for n := 0; pause(ctx, askEvery) == nil; n++ {
		question := questions[n%len(questions)]
		if strings.Contains(question, "query_range") {
			now := time.Now()
			question += fmt.Sprintf("&start=%d&end=%d", now.Add(-15*time.Minute).Unix(), now.Unix())
		}
		status, err := process.GetJSON(ctx, "http://"+s.places.Listen+question, nil)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("ask %s: status %d", question, status), err)
		}
		s.asked++
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
