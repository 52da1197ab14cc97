// Command upstream measures Summit's exporter beside contrib's clickhouseexporter, in one run: the same spans by the same
// way into the same embedded engine, which another process serves over HTTP. Each exporter runs in a collector of its
// own, made from this program, behind the OTLP receiver and with its durable queue; a third collector without an
// exporter tells what the receiver costs. `make bench-upstream` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/summitobs/summit/testbed/figure"
	"github.com/summitobs/summit/testbed/process"
)

type options struct {
	total, best int
	keep        bool
	report      bool
	collector   string
}

func main() {
	var o options
	flag.IntVar(&o.total, "total", 1_000_000, "spans of one measurement")
	flag.IntVar(&o.best, "best", 1, "measure each side this many times and keep the best")
	flag.BoolVar(&o.keep, "keep", false, "keep the data folder")
	flag.BoolVar(&o.report, "report", true, "rewrite the table in docs/performance.md")
	flag.StringVar(&o.collector, "collector", "", "run as a collector with this configuration file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if o.collector != "" {
		err = collect(ctx, o.collector)
	} else {
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.total < 1 || o.best < 1 {
		return errors.New("-total and -best must be at least 1")
	}
	dir, err := os.MkdirTemp("", "summit-upstream-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	}
	b := &bench{options: o, dir: dir}
	if err := b.startEngine(ctx); err != nil {
		return err
	}
	figures, err := b.measure(ctx)
	if err := errors.Join(err, b.engine.Stop(time.Minute)); err != nil {
		return err
	}
	for _, f := range figures {
		fmt.Println(f)
	}
	if !o.report {
		return nil
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	t := figure.Table{Bench: "bench-upstream", How: fmt.Sprintf("%d spans a side, best of %d", o.total, o.best), Figures: figures}
	return t.Write(filepath.Join(root, "docs", "performance.md"), time.Now())
}

// figures compares what the sides came to.
func figures(receiver, ours, theirs outcome) []figure.Figure {
	cpu := func(o outcome) float64 { return o.perMillion() - receiver.perMillion() }
	return []figure.Figure{
		{Name: "upstream.cpu.ratio", Value: cpu(ours) / cpu(theirs), Unit: "ours/theirs", Note: fmt.Sprintf(
			"exporter and queue, outside the engine: %.2f and %.2f cpu-s/M; the whole collectors %.2f and %.2f, of which receiving is %.2f; the engine %.2f and %.2f",
			cpu(ours), cpu(theirs), ours.perMillion(), theirs.perMillion(), receiver.perMillion(), ours.enginePerMillion(), theirs.enginePerMillion())},
		{Name: "upstream.rate.ratio", Value: ours.rate() / theirs.rate(), Unit: "ours/theirs", Note: fmt.Sprintf(
			"from the first request until all rows can be asked for: %.0fk/s and %.0fk/s", ours.rate()/1000, theirs.rate()/1000)},
		{Name: "upstream.bytes.ratio", Value: ours.bytes / theirs.bytes, Unit: "ours/theirs", Note: fmt.Sprintf(
			"all tables and indexes, merges done: %.1f and %.1f B a span", ours.bytes, theirs.bytes)},
	}
}
