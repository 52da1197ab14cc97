// Package load makes load: OTLP requests that were marshalled beforehand and are made distinct by patching ids and
// times into the bytes, so that the generator costs little beside the server that it measures. The bench sends with it
// from a process of its own, so that the server's cost can be counted apart.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Signal is what is sent.
type Signal string

// The signals.
const (
	Spans  Signal = "spans"
	Logs   Signal = "logs"
	Points Signal = "points"
)

// Settings of one run.
type Settings struct {
	Signal Signal
	// Protocol is grpc or http.
	Protocol string
	// Address is host:port.
	Address string
	// Total is the number of items to send, rounded up to whole requests.
	Total int
	// PerRequest is the number of items of a request. Default 8192.
	PerRequest int
	// Connections send side by side, one request at a time each. Default 2.
	Connections int
	// Seed makes runs differ: two runs with the same seed send the same ids.
	Seed uint64
}

func (s Settings) withDefaults() (Settings, error) {
	if s.PerRequest == 0 {
		s.PerRequest = 8192
	}
	if s.Connections == 0 {
		s.Connections = 2
	}
	switch {
	case !slices.Contains([]Signal{Spans, Logs, Points}, s.Signal):
		return s, fmt.Errorf("signal %q: want spans, logs or points", s.Signal)
	case s.Protocol != "grpc" && s.Protocol != "http":
		return s, fmt.Errorf("protocol %q: want grpc or http", s.Protocol)
	case s.Total < 1 || s.PerRequest < 1 || s.Connections < 1:
		return s, errors.New("total, items per request and connections must be at least 1")
	}
	return s, nil
}

// Result is what a run came to.
type Result struct {
	// Items were acknowledged.
	Items    int64
	Requests int64
	// Waits counts the answers that asked to send the same again later.
	Waits   int64
	Bytes   int64
	Elapsed time.Duration
	// Latencies of acknowledgement at these shares of the requests.
	P50, P95, P99 time.Duration
}

// PerSecond is the rate of acknowledged items.
func (r Result) PerSecond() float64 { return float64(r.Items) / r.Elapsed.Seconds() }

// String tells the result in one line.
func (r Result) String() string {
	return fmt.Sprintf("%d items in %.1f s, %.0f/s, %.0f B an item, %d requests, %d waits, acknowledged after %s (p50) %s (p95) %s (p99)",
		r.Items, r.Elapsed.Seconds(), r.PerSecond(), float64(r.Bytes)/float64(max(1, r.Items)), r.Requests, r.Waits,
		r.P50.Round(100*time.Microsecond), r.P95.Round(100*time.Microsecond), r.P99.Round(100*time.Microsecond))
}

// transport sends one marshalled request. wait is positive when the receiver asks for the same again.
type transport interface {
	send(ctx context.Context, signal Signal, body []byte) (wait time.Duration, err error)
	close() error
}

// Run sends until the total is acknowledged.
func Run(ctx context.Context, s Settings) (Result, error) {
	s, err := s.withDefaults()
	if err != nil {
		return Result{}, err
	}
	templates, err := makeTemplates(s)
	if err != nil {
		return Result{}, err
	}
	requests := int64((s.Total + s.PerRequest - 1) / s.PerRequest)
	r := runner{settings: s, templates: templates, requests: requests}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, s.Connections)
	for i := range s.Connections {
		wg.Go(func() {
			if errs[i] = r.connection(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return r.result(time.Since(started)), errors.Join(errs...)
}

type runner struct {
	settings  Settings
	templates []template
	requests  int64

	next                atomic.Int64
	items, waits, bytes atomic.Int64
	mu                  sync.Mutex
	latencies           []time.Duration
}

func (r *runner) connection(ctx context.Context) error {
	tr, err := dial(r.settings)
	if err != nil {
		return err
	}
	var body []byte
	var latencies []time.Duration
	for {
		n := r.next.Add(1) - 1
		if n >= r.requests || ctx.Err() != nil {
			break
		}
		tpl := &r.templates[n%int64(len(r.templates))]
		body = tpl.fill(body, r.settings.Seed, uint64(n), time.Now())
		began := time.Now()
		if err := r.deliver(ctx, tr, body); err != nil {
			return errors.Join(err, tr.close())
		}
		latencies = append(latencies, time.Since(began))
		r.items.Add(int64(tpl.items))
		r.bytes.Add(int64(len(body)))
	}
	r.mu.Lock()
	r.latencies = append(r.latencies, latencies...)
	r.mu.Unlock()
	return errors.Join(ctx.Err(), tr.close())
}

// deliver sends until it is acknowledged; a receiver that is full is given its time.
func (r *runner) deliver(ctx context.Context, tr transport, body []byte) error {
	for {
		wait, err := tr.send(ctx, r.settings.Signal, body)
		if err == nil || wait == 0 {
			return err
		}
		r.waits.Add(1)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
	}
}

func (r *runner) result(elapsed time.Duration) Result {
	slices.Sort(r.latencies)
	at := func(share float64) time.Duration {
		if len(r.latencies) == 0 {
			return 0
		}
		return r.latencies[min(len(r.latencies)-1, int(share*float64(len(r.latencies))))]
	}
	return Result{
		Items: r.items.Load(), Requests: int64(len(r.latencies)), Waits: r.waits.Load(), Bytes: r.bytes.Load(), Elapsed: elapsed,
		P50: at(0.50), P95: at(0.95), P99: at(0.99),
	}
}
