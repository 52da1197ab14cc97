// Command bench measures what Summit costs: start, idle, and per signal the processor time from the wire until every
// row is merged and queryable, and the bytes of a row. It starts the built collector in a temporary folder, sends with
// testbed/load from its own process, and reads the collector's cost from /proc. `make bench` runs it; with -write
// (`make bench-write`) it measures the write path alone, and more of it: the queue, latencies, small senders, overload. It
// prints one line per figure and rewrites its table in docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/summitobs/summit/testbed/figure"
	"github.com/summitobs/summit/testbed/process"
)

type options struct {
	best   int
	total  int
	idle   time.Duration
	keep   bool
	report bool
	// write measures the write path alone; long adds what takes long.
	write, long bool
	// only are the steps of write to take, all if empty; set is configuration of the collector beside its role's.
	only, set []string
}

func main() {
	var o options
	flag.IntVar(&o.best, "best", 1, "measure each signal this many times and keep the best")
	flag.IntVar(&o.total, "total", 1_000_000, "items of one measurement")
	flag.DurationVar(&o.idle, "idle", 20*time.Second, "how long to watch the idle process")
	flag.BoolVar(&o.keep, "keep", false, "keep the data folder")
	flag.BoolVar(&o.report, "report", true, "rewrite the table in docs/performance.md")
	flag.BoolVar(&o.write, "write", false, "measure the write path alone, in full")
	flag.BoolVar(&o.long, "long", false, "with -write: measure growth up to 50 million rows in place of 5, and each of the others longer")
	flag.Func("only", "with -write: take only these `steps`, by commas; the table is left as it is", func(v string) error {
		o.only = strings.Split(v, ",")
		return nil
	})
	flag.Func("set", "with -write: `configuration` of the collector, as key::key: value; may be given again; the table is left as it is", func(v string) error {
		o.set = append(o.set, v)
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.best < 1 || o.total < 1 || o.idle < time.Second {
		return errors.New("-best and -total must be at least 1, -idle at least 1s")
	}
	dir, err := os.MkdirTemp("", "summit-bench-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	}
	b := &bench{options: o, dir: dir}
	err = b.measure(ctx)
	if b.server != nil {
		err = errors.Join(err, b.server.Stop(time.Minute))
	}
	if err != nil {
		return err
	}
	for _, f := range b.figures {
		fmt.Println(f)
	}
	if !o.report || len(o.only)+len(o.set) > 0 {
		return b.broken
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	t := figure.Table{Bench: "bench", How: fmt.Sprintf("%d items a measurement, best of %d", o.total, o.best), Figures: b.figures}
	if o.write {
		t.Bench = "bench-write"
	}
	return errors.Join(t.Write(filepath.Join(root, "docs", "performance.md"), time.Now()), b.broken)
}

type bench struct {
	options
	dir     string
	places  process.Places
	server  *process.Process
	figures []figure.Figure
	// stored is the rate of spans end to end at saturation; sustained that at which merging keeps up too.
	stored, sustained float64
	// pprof is where a server started by serve gives profiles.
	pprof string
	// broken is what was promised and not kept; the other figures are measured none the less.
	broken error
}

// limits are what the figures should keep to.
var limits = map[string]figure.Limit{
	"write.spans.fast.cpu": figure.AtMost(6.5),
	"write.spans.cpu":      figure.AtMost(8.5),
	"write.spans.bytes":    figure.AtMost(60),
	"write.logs.cpu":       figure.AtMost(7.5),
	"write.logs.bytes":     figure.AtMost(95),
	"write.points.cpu":     figure.AtMost(3),
	"write.queue.cpu":      figure.AtMost(0.7),
	"write.ack.p99":        figure.AtMost(500),
	"write.visible.p99":    figure.AtMost(2000),
	"write.small.ratio":    figure.AtLeast(0.6),
	"write.flat.growth":    figure.AtMost(0.2),
	"write.rss.max":        figure.AtMost(1536),
	"write.refused.untold": figure.AtMost(0),
}

func (b *bench) add(name string, value float64, unit, note string) {
	f := figure.Figure{Name: name, Value: value, Unit: unit, Note: note, Limit: limits[name]}
	b.figures = append(b.figures, f)
	fmt.Fprintln(os.Stderr, f, note)
}

func (b *bench) measure(ctx context.Context) error {
	if b.options.write {
		return b.measureWrites(ctx)
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	for _, run := range []func(context.Context) error{b.spans, b.logs, b.points} {
		if err := run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start measures the time from the start of the process until queryd says that it is ready, on an empty folder first,
// which makes all tables, and then the figure: on one that has them.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.places, err = process.NewPlaces(ctx); err != nil {
		return err
	}
	first, err := b.startOnce(ctx)
	if err != nil {
		return err
	}
	if err := b.server.Stop(time.Minute); err != nil {
		return err
	}
	again, err := b.startOnce(ctx)
	if err != nil {
		return err
	}
	b.add("start.first.s", first.Seconds(), "s", "from exec to ready on an empty folder, tables are made")
	b.add("start.ready.s", again.Seconds(), "s", "from exec to ready on an existing folder")
	return nil
}

func (b *bench) startOnce(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	server, err := process.Standalone(b.dir, b.places)
	if err != nil {
		return 0, err
	}
	b.server = server
	err = server.WaitReady(ctx, b.places)
	return time.Since(began), err
}

// rest measures memory and processor time of the process that nobody talks to.
func (b *bench) rest(ctx context.Context) error {
	if err := pause(ctx, 10*time.Second); err != nil {
		return err
	}
	before, err := b.server.CPU()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	after, err := b.server.CPU()
	if err != nil {
		return err
	}
	rss, err := b.server.RSS()
	if err != nil {
		return err
	}
	b.add("start.idle_rss", float64(rss)/1e6, "MB", "resident memory at rest")
	b.add("start.idle_cpu", (after-before).Seconds()/time.Since(began).Seconds(), "of one core", fmt.Sprintf("over %s at rest", b.idle))
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
