package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/summitobs/summit/testbed/process"
)

// sample is the state at one moment.
type sample struct {
	at time.Duration
	// rss and queue are in MB; cpu is of one core since the sample before.
	rss, queue, cpu                  float64
	descriptors, threads, goroutines float64
	// parts is of all tables, most of the table with the most.
	parts, most float64
}

const partsQuery = `SELECT sum(n), max(n) FROM
	(SELECT count() AS n FROM system.parts WHERE active AND database = 'summit' GROUP BY table)`

// look takes a sample.
func (s *soak) look(ctx context.Context) (sample, error) {
	out := sample{at: time.Since(s.began)}
	rss, err := s.server.RSS()
	if err != nil {
		return out, err
	}
	descriptors, err := s.server.Descriptors()
	if err != nil {
		return out, err
	}
	threads, err := s.server.Threads()
	if err != nil {
		return out, err
	}
	goroutines, err := process.Goroutines(ctx, s.pprof)
	if err != nil {
		return out, err
	}
	own, err := process.ReadMetrics(ctx, s.places)
	if err != nil {
		return out, err
	}
	queue, ok := own.Sum("summit_queue_bytes")
	if !ok {
		return out, fmt.Errorf("no summit_queue_bytes among the metrics")
	}
	rows, err := process.SQL(ctx, s.places, partsQuery)
	if err != nil {
		return out, err
	}
	out.rss, out.queue = float64(rss)/1e6, queue/1e6
	out.descriptors, out.threads, out.goroutines = float64(descriptors), float64(threads), float64(goroutines)
	if len(rows) == 1 && len(rows[0]) == 2 {
		out.parts, err = strconv.ParseFloat(rows[0][0], 64)
		if err == nil {
			out.most, err = strconv.ParseFloat(rows[0][1], 64)
		}
	}
	return out, err
}

// watch takes samples until the load ends, and tells of the state each minute.
func (s *soak) watch(ctx context.Context) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	used, err := s.server.CPU()
	if err != nil {
		return err
	}
	var last, told time.Duration
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.server.Done():
			return fmt.Errorf("the collector ended: %s", s.server.Tail())
		case <-tick.C:
		}
		now, err := s.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look at the collector: %w\n%s", err, s.server.Tail())
		}
		cpu, err := s.server.CPU()
		if err != nil {
			return err
		}
		now.cpu = (cpu - used).Seconds() / (now.at - last).Seconds()
		used, last = cpu, now.at
		s.samples = append(s.samples, now)
		if told == 0 || now.at-told >= time.Minute {
			told = now.at
			s.tell(now)
		}
	}
}
