// Command soak runs the built collector under moderate, mixed load for a long time (traces, logs, metrics, CI deliveries and
// queries) and looks at what must not grow: resident memory, descriptors, threads, goroutines, parts, the queue. In the
// end it counts that all that was acknowledged is stored. `make soak` runs it for half an hour, ARGS="-for 24h" longer. It
// prints one line per figure, writes docs/soak.md and its plot, and ends with an error where something grows or is lost.
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
	length, warm, every time.Duration
	// perSecond is the number of spans a second; as many log records and half as many points are sent.
	perSecond float64
	report    bool
	keep      bool
	limits    limits
}

// limits are what the verdict allows.
type limits struct {
	// rss is in MB an hour; descriptors, threads and goroutines are pieces an hour.
	rss, descriptors, threads, goroutines float64
	// parts is the most that a table may have, queue the most MB that may wait.
	parts, queue float64
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 30*time.Minute, "how long")
	flag.DurationVar(&o.warm, "warm", 0, "how long from the start on nothing is judged; default a third, at most 20m")
	flag.DurationVar(&o.every, "every", 10*time.Second, "time between two samples")
	flag.Float64Var(&o.perSecond, "rate", 3000, "spans a second; as many log records and half as many points")
	flag.BoolVar(&o.report, "report", true, "rewrite docs/soak.md and its plot")
	flag.BoolVar(&o.keep, "keep", false, "keep the data folder")
	flag.Float64Var(&o.limits.rss, "rss", 60, "allowed slope of resident memory in MB an hour")
	flag.Float64Var(&o.limits.descriptors, "descriptors", 20, "allowed slope of open descriptors an hour")
	flag.Float64Var(&o.limits.threads, "threads", 10, "allowed slope of threads an hour")
	flag.Float64Var(&o.limits.goroutines, "goroutines", 10, "allowed slope of goroutines an hour")
	flag.Float64Var(&o.limits.parts, "parts", 150, "parts that a table may have")
	flag.Float64Var(&o.limits.queue, "queue", 64, "MB that may wait in the queue")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func (o *options) check() error {
	if o.warm == 0 {
		o.warm = min(o.length/3, 20*time.Minute)
	}
	if o.every < time.Second || o.length-o.warm < 3*o.every || o.perSecond < 100 {
		return fmt.Errorf("-every must be at least 1s, -for longer than -warm by at least three times -every, -rate at least 100; got %s, %s, %s, %g",
			o.every, o.length, o.warm, o.perSecond)
	}
	return nil
}

func run(ctx context.Context, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "summit-soak-")
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Fprintln(os.Stderr, "soak: data in", dir)
	} else {
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	}
	s := &soak{options: o, dir: dir}
	err = s.soak(ctx)
	if s.server != nil {
		err = errors.Join(err, s.server.Stop(time.Minute))
	}
	if err != nil {
		return err
	}
	figures, faults := s.verdict()
	for _, f := range figures {
		fmt.Println(f)
	}
	if o.report {
		err = s.write(figures, faults)
	}
	return errors.Join(err, errors.Join(faults...))
}

// write rewrites the report and the plot.
func (s *soak) write(figures []figure.Figure, faults []error) error {
	root, err := process.Root()
	if err != nil {
		return err
	}
	how := fmt.Sprintf("%s, judged after %s, a sample each %s, %.0f spans, %.0f log records and %.0f points a second, %d CI deliveries, %d queries; ",
		s.length, s.warm, s.every, s.perSecond, s.perSecond, s.perSecond/2, s.sent.deliveries, s.asked)
	if len(faults) == 0 {
		how += "verdict: flat, nothing lost"
	} else {
		how += "verdict: " + strings.ReplaceAll(errors.Join(faults...).Error(), "\n", "; ")
	}
	t := figure.Table{Bench: "soak", How: how, Figures: figures}
	if err := t.Write(filepath.Join(root, "docs", "soak.md"), time.Now()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "docs", "soak.svg"), plot(s.samples, s.warm), 0o644)
}
