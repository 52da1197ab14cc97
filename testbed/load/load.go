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

// Shape is what items look like.
type Shape string

// The shapes.
const (
	// Platform is what the services of a platform send, in 24 services.
	Platform Shape = ""
	// Jaeger are spans of the shape that Jaeger's published benchmark has: traces of 10 spans, 10 services, 11 attributes
	// a span out of 97 keys with 1000 values.
	Jaeger Shape = "jaeger"
	// LongBodies are log records with bodies of 300 bytes.
	LongBodies Shape = "long-bodies"
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
	// Shape says what the items look like. Default Platform.
	Shape Shape
	// PerSecond bounds the items sent in a second; a latency then counts from when its request was due. 0: no bound.
	PerSecond float64
	// For ends a run after this time, whatever the total. 0: no bound.
	For time.Duration
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
	case s.Shape != Platform && (s.Shape != Jaeger || s.Signal != Spans) && (s.Shape != LongBodies || s.Signal != Logs):
		return s, fmt.Errorf("shape %q: want none, jaeger for spans or long-bodies for logs", s.Shape)
	case s.PerSecond < 0 || s.For < 0:
		return s, errors.New("items per second and duration must not be negative")
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
	Waits int64
	// Untold are those of them that didn't say when, UntoldSample is one of them.
	Untold       int64
	UntoldSample string
	Bytes        int64
	Elapsed      time.Duration
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

// again is what a receiver that is full asks for: the same once more.
type again struct {
	// wait is positive if it asks.
	wait time.Duration
	// told is set if it said when.
	told bool
}

// transport sends one marshalled request.
type transport interface {
	send(ctx context.Context, signal Signal, body []byte) (again, error)
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := time.Now()
	r := runner{settings: s, templates: templates, requests: requests, started: started}
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
	started   time.Time

	next                        atomic.Int64
	items, waits, untold, bytes atomic.Int64
	sample                      atomic.Value // string
	mu                          sync.Mutex
	latencies                   []time.Duration
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
		if n >= r.requests || ctx.Err() != nil || r.settings.For > 0 && time.Since(r.started) > r.settings.For {
			break
		}
		tpl := &r.templates[n%int64(len(r.templates))]
		began, err := r.due(ctx, n)
		if err != nil {
			return errors.Join(err, tr.close())
		}
		body = tpl.fill(body, r.settings.Seed, uint64(n), time.Now())
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

// due waits until the n-th request may go and gives the time from which its latency counts.
func (r *runner) due(ctx context.Context, n int64) (time.Time, error) {
	if r.settings.PerSecond == 0 {
		return time.Now(), nil
	}
	at := r.started.Add(time.Duration(float64(n) * float64(r.settings.PerRequest) / r.settings.PerSecond * float64(time.Second)))
	return at, wait(ctx, time.Until(at))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// deliver sends until it is acknowledged; a receiver that is full is given its time.
func (r *runner) deliver(ctx context.Context, tr transport, body []byte) error {
	for {
		answer, err := tr.send(ctx, r.settings.Signal, body)
		if err == nil || answer.wait == 0 {
			return err
		}
		r.waits.Add(1)
		if !answer.told {
			r.untold.Add(1)
			r.sample.Store(err.Error())
		}
		if stopped := wait(ctx, answer.wait); stopped != nil {
			return errors.Join(stopped, err)
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
	sample, _ := r.sample.Load().(string)
	return Result{
		UntoldSample: sample,
		Items:        r.items.Load(), Requests: int64(len(r.latencies)), Waits: r.waits.Load(), Untold: r.untold.Load(), Bytes: r.bytes.Load(), Elapsed: elapsed,
		P50: at(0.50), P95: at(0.95), P99: at(0.99),
	}
}
