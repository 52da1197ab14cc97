package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// drainLimit is how long the store may take in the end for what is in the queue.
const drainLimit = 2 * time.Minute

type soak struct {
	options
	dir    string
	places process.Places
	server *process.Process
	// pprof is where the collector gives profiles.
	pprof string
	began time.Time

	samples []sample
	sent    sent
	asked   int
	// lost and doubled are rows, missing are build runs.
	lost, doubled int64
	missing       []string
}

func (s *soak) soak(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	s.sent = sent{items: map[load.Signal]int64{}, runs: map[string]bool{}}
	fmt.Fprintf(os.Stderr, "soak: %s from now on, until %s\n", s.length, time.Now().Add(s.length).Format("15:04:05"))
	if err := s.load(ctx); err != nil {
		return err
	}
	return s.count(ctx)
}

// start starts the standalone role with a way to count its goroutines.
func (s *soak) start(ctx context.Context) error {
	var err error
	if s.places, err = process.NewPlaces(ctx); err != nil {
		return err
	}
	spare, err := process.NewPlaces(ctx)
	if err != nil {
		return err
	}
	s.pprof = spare.Health
	extensions, err := process.Extensions("standalone", "pprof")
	if err != nil {
		return err
	}
	s.server, err = process.System{
		Role: "standalone", Dir: s.dir, Places: s.places, Set: []string{"extensions::pprof::endpoint: " + s.pprof, extensions},
	}.Start()
	if err != nil {
		return err
	}
	return s.server.WaitReady(ctx, s.places)
}

// load runs everything until the telemetry's time is over or something fails.
func (s *soak) load(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.began = time.Now()
	var all sync.WaitGroup
	parts := []func(context.Context) error{s.telemetry, s.builds, s.ask, s.watch}
	errs := make([]error, len(parts))
	for i, part := range parts {
		all.Go(func() {
			errs[i] = part(ctx)
			if i == 0 || errs[i] != nil { // the telemetry's end is the end
				cancel()
			}
		})
	}
	all.Wait()
	// What one failure ends tells no more than that it was ended.
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, context.Canceled) && ctx.Err() != nil })...)
}

// counts are the questions for the rows of what was sent.
var counts = map[load.Signal]string{
	load.Spans:  "SELECT count() FROM events_trace_v1 WHERE startsWith(service_name, 'service-')",
	load.Logs:   "SELECT count() FROM logs_v1 WHERE startsWith(service_name, 'service-')",
	load.Points: "SELECT count() FROM metrics_runtime_v1 WHERE startsWith(metric_name, 'shop.metric_')",
}

// count compares what was acknowledged with what is stored.
func (s *soak) count(ctx context.Context) error {
	drain, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	if err := s.server.WaitDrained(drain, s.places); err != nil {
		return err
	}
	for signal, query := range counts {
		rows, err := process.SQL(ctx, s.places, query)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(rows[0][0], 10, 64)
		if err != nil {
			return err
		}
		s.lost += max(0, s.sent.items[signal]-n)
		s.doubled += max(0, n-s.sent.items[signal])
	}
	rows, err := process.SQL(ctx, s.places, "SELECT DISTINCT run_id FROM metrics_build_v1 WHERE entity = 'run'")
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, row := range rows {
		there[row[0]] = true
	}
	for run := range s.sent.runs {
		if !there[run] {
			s.missing = append(s.missing, run)
		}
	}
	return nil
}

// tell says where the soak is.
func (s *soak) tell(n sample) {
	fmt.Fprintf(os.Stderr, "soak: %s of %s: %.0f MB, %.2f cores, %.0f descriptors, %.0f threads, %.0f goroutines, %.0f parts (most %.0f), queue %.1f MB\n",
		n.at.Round(time.Second), s.length, n.rss, n.cpu, n.descriptors, n.threads, n.goroutines, n.parts, n.most, n.queue)
}
