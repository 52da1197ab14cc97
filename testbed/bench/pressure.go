package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

const spanParts = "SELECT count() FROM system.parts WHERE active AND database = 'summit' AND table = 'events_trace_v1'"

// small measures many senders of little against the rate of few senders of much.
func (b *bench) small(ctx context.Context) error {
	var most int64
	var o outcome
	err := b.watch(ctx, 250*time.Millisecond, func(ctx context.Context) error {
		n, err := b.number(ctx, spanParts)
		most = max(most, n)
		return err
	}, func() (err error) {
		o, err = b.once(ctx, load.Settings{Signal: load.Spans, PerRequest: 64, Connections: 200, Seed: 303, Total: b.total})
		return err
	})
	if err != nil {
		return err
	}
	parts, err := b.number(ctx, spanParts)
	if err != nil {
		return err
	}
	b.add("write.small.ratio", o.stored()/b.stored, "of the big-batch rate", fmt.Sprintf("200 clients of 64-span requests: %.0fk/s end to end, %.2f cpu-s/M, acknowledged after %s (p99), %d refusals; at most %d parts of the span table, %d in the end",
		o.stored()/1000, o.perMillion(), o.P99.Round(time.Millisecond), o.Waits, most, parts))
	return nil
}

// overload offers more than can be stored, by both protocols, to a collector whose queue is soon full, and looks at its
// memory and at how it says no.
func (b *bench) overload(ctx context.Context) error {
	if err := b.serve(ctx, process.System{Dir: "overload", Set: []string{"exporters::summit_clickhouse::queue::max_bytes: 67108864"}}); err != nil {
		return err
	}
	length := 30 * time.Second
	if b.long {
		length = 5 * time.Minute
	}
	var rss int64
	var grpc, http load.Result
	err := b.watch(ctx, 100*time.Millisecond, func(context.Context) error {
		n, err := b.server.RSS()
		rss = max(rss, n)
		return err
	}, func() (err error) {
		if grpc, http, err = b.press(ctx, length); err == nil {
			_, _, err = b.settle(ctx, load.Spans, grpc.Items+http.Items)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b.server.Tail())
	}
	const mib = 1 << 20
	b.add("write.rss.max", float64(rss)/mib, "MiB", fmt.Sprintf("16 clients by gRPC and 16 by HTTP, 8,192 spans a request, as fast as they can for %s, queue of 64 MiB: %.0fk/s taken and stored",
		length, (grpc.PerSecond()+http.PerSecond())/1000))
	untold := grpc.Untold + http.Untold
	b.add("write.refused.untold", float64(untold), "refusals", fmt.Sprintf("without a time to try again, of %d by gRPC (RESOURCE_EXHAUSTED with RetryInfo) and %d by HTTP (429 with Retry-After)", grpc.Waits, http.Waits))
	if untold > 0 {
		b.broken = fmt.Errorf("%d refusals didn't say when to try again, such as: %s", untold, cmp.Or(grpc.UntoldSample, http.UntoldSample))
	}
	return nil
}

// press sends by both protocols at once.
func (b *bench) press(ctx context.Context, length time.Duration) (grpc, http load.Result, err error) {
	send := func(protocol, address string, seed uint64) (load.Result, error) {
		return load.Run(ctx, load.Settings{
			Signal: load.Spans, Protocol: protocol, Address: address, Total: math.MaxInt32, Connections: 16, For: length, Seed: seed,
		})
	}
	var httpErr error
	var wg sync.WaitGroup
	wg.Go(func() { http, httpErr = send("http", b.places.OTLPHTTP, 405) })
	grpc, err = send("grpc", b.places.OTLPGRPC, 404)
	wg.Wait()
	return grpc, http, errors.Join(err, httpErr)
}

// growth measures whether a row costs more when many are there. Its short form makes segments so small that each step
// holds merges, as each step of the long form does.
func (b *bench) growth(ctx context.Context) error {
	const steps = 5
	step, s := 1_000_000, process.System{Dir: "growth", Set: []string{"exporters::summit_clickhouse::queue::seal_rows_traces: 50000"}}
	if b.long {
		step, s.Set = 10_000_000, nil
	}
	if err := b.serve(ctx, s); err != nil {
		return err
	}
	var first, last float64
	for n := range steps {
		o, err := b.once(ctx, load.Settings{Signal: load.Spans, Total: step, Seed: uint64(500 + n)})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "bench: growth: step %d of %d: %.2f cpu-s/M\n", n+1, steps, o.perMillion())
		last = o.perMillion()
		if n == 0 {
			first = last
		}
	}
	parts, err := b.number(ctx, spanParts)
	if err != nil {
		return err
	}
	b.add("write.flat.growth", last/first-1, "of the first", fmt.Sprintf("spans: of %d million the last %d cost %.2f cpu-s/M, the first %.2f; %d parts in the end", steps*step/1e6, step/1e6, last, first, parts))
	return nil
}

// watch looks again and again while run runs.
func (b *bench) watch(ctx context.Context, every time.Duration, look func(context.Context) error, run func() error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	looked := make(chan error, 1)
	go func() {
		for pause(watching, every) == nil {
			if err := look(ctx); err != nil {
				looked <- err
				return
			}
		}
		looked <- nil
	}()
	err := run()
	stop()
	return errors.Join(err, <-looked)
}
