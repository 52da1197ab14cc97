// Command cibench measures what a CI delivery costs and how long its sender waits. It takes GitHub's own examples of
// workflow_job, under ids that were never seen: in this process through the receiver alone, from the bytes of the request
// with its signature to the records and spans that leave it; and with the built collector, 200 deliveries a second over
// HTTP, each answered when it is durable. `make bench-ci` runs it; it prints one line per figure and rewrites its table in
// docs/performance.md.
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
	n      int
	rate   int
	length time.Duration
	best   int
	report bool
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 20_000, "deliveries of one measurement of the processor time")
	flag.IntVar(&o.rate, "rate", 200, "deliveries a second over HTTP")
	flag.DurationVar(&o.length, "length", 30*time.Second, "how long to deliver over HTTP")
	flag.IntVar(&o.best, "best", 3, "measure the processor time this many times and keep the best")
	flag.BoolVar(&o.report, "report", true, "rewrite the table in docs/performance.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cibench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.n < 1 || o.rate < 1 || o.best < 1 || o.length < time.Second {
		return errors.New("-n, -rate and -best must be at least 1, -length at least 1s")
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	ex, err := readExamples(root)
	if err != nil {
		return err
	}
	cpu, err := o.cpu(ctx, ex)
	if err != nil {
		return fmt.Errorf("measure the receiver: %w", err)
	}
	lat, err := o.latency(ctx, ex)
	if err != nil {
		return fmt.Errorf("measure the collector: %w", err)
	}
	figures := []figure.Figure{
		{Name: "ci.delivery.cpu", Value: cpu, Unit: "µs", Limit: figure.AtMost(150), Note: fmt.Sprintf(
			"user and system time from the signed bytes to logs and spans, mean delivery %.1f kB", ex.meanKB())},
		{Name: "ci.delivery.p99", Value: lat.p99, Unit: "ms", Limit: figure.AtMost(100), Note: fmt.Sprintf(
			"%d deliveries at %d/s over HTTP, answered when durable; median %.1f ms, slowest %.0f ms", lat.n, o.rate, lat.p50, lat.max)},
	}
	for _, f := range figures {
		fmt.Println(f)
	}
	if !o.report {
		return nil
	}
	how := fmt.Sprintf("%d deliveries in one process, best of %d; then %s over HTTP", o.n, o.best, o.length)
	return figure.Table{Bench: "bench-ci", How: how, Figures: figures}.Write(filepath.Join(root, "docs", "performance.md"), time.Now())
}
