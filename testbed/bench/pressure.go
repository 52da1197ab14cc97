package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/summitobs/summit/testbed/load"
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

// overload offers more than can be stored to a collector whose queue is soon full, and looks at its memory and at how
// it says no.
func (b *bench) overload(ctx context.Context) error {
	if err := b.serve(ctx, "overload", "exporters::summit_clickhouse::queue::max_bytes: 67108864"); err != nil {
		return err
	}
	length := 30 * time.Second
	if b.long {
		length = 5 * time.Minute
	}
	var rss int64
	var res load.Result
	err := b.watch(ctx, 100*time.Millisecond, func(context.Context) error {
		n, err := b.server.RSS()
		rss = max(rss, n)
		return err
	}, func() (err error) {
		res, err = load.Run(ctx, load.Settings{
			Signal: load.Spans, Protocol: "grpc", Address: b.places.OTLPGRPC, Total: math.MaxInt32, Connections: 32, For: length, Seed: 404,
		})
		if err == nil {
			_, _, err = b.settle(ctx, load.Spans, res.Items)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b.server.Tail())
	}
	untold := ""
	if res.Untold > 0 {
		untold = ", such as: " + strings.ReplaceAll(res.UntoldSample, "|", "/")
	}
	b.add("write.rss.max", float64(rss)/1e6, "MB", fmt.Sprintf("32 clients of 8,192-span requests as fast as they can for %s, queue of 64 MiB: %.0fk/s taken and stored, %d refusals with a time to try again, %d without%s",
		length, res.PerSecond()/1000, res.Waits-res.Untold, res.Untold, untold))
	return nil
}

// growth measures whether a row costs more when many are there.
func (b *bench) growth(ctx context.Context) error {
	if !b.long {
		return nil
	}
	if err := b.serve(ctx, "growth"); err != nil {
		return err
	}
	const step, steps = 10_000_000, 5
	var first, last float64
	for n := range steps {
		o, err := b.once(ctx, load.Settings{Signal: load.Spans, Total: step, Seed: uint64(500 + n)})
		if err != nil {
			return err
		}
		last = o.perMillion()
		if n == 0 {
			first = last
		}
	}
	b.add("write.flat.growth", last/first-1, "of the first", fmt.Sprintf("spans 40 to 50 million cost %.2f cpu-s/M, the first 10 million %.2f", last, first))
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
