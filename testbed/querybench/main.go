// Command querybench measures what reading costs: it fills a store with distinct spans, logs and points by the way that
// they always take, merges it, and asks the questions that people ask, through queryd where a face has them. With -variants
// it also copies the rows into tables that differ in an index or a codec and asks those the same, so that what a change of
// the schema costs reads is on record. `make bench-query` runs it and rewrites its tables in docs/performance.md.
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
	// spans, logs and points are how many of each the store holds.
	spans, logs, points int
	// repeat is how often a question is asked, each time about something else.
	repeat       int
	variants     bool
	keep, report bool
	// variant is a part of the names of those to measure.
	variant string
}

func main() {
	var o options
	flag.IntVar(&o.spans, "spans", 2_000_000, "spans in the store")
	flag.IntVar(&o.logs, "logs", 1_000_000, "log records with bodies of 300 bytes in the store")
	flag.IntVar(&o.points, "points", 1_000_000, "samples in the store")
	flag.IntVar(&o.repeat, "repeat", 9, "how often a question is asked")
	flag.BoolVar(&o.variants, "variants", false, "measure copies of the tables with other indexes and codecs too")
	flag.StringVar(&o.variant, "variant", "", "with -variants: only those whose `name` holds this; the table is left as it is")
	flag.BoolVar(&o.keep, "keep", false, "keep the data folder")
	flag.BoolVar(&o.report, "report", true, "rewrite the tables in docs/performance.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "querybench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.spans < 10_000 || o.logs < 10_000 || o.points < 10_000 || o.repeat < 1 {
		return errors.New("-spans, -logs and -points must be at least 10000, -repeat at least 1")
	}
	dir, err := os.MkdirTemp("", "summit-querybench-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	}
	b := &bench{options: o, dir: dir}
	if b.places, err = process.NewPlaces(ctx); err != nil {
		return err
	}
	if b.server, err = process.Standalone(dir, b.places); err != nil {
		return err
	}
	err = b.measure(ctx)
	if err := errors.Join(err, b.server.Stop(time.Minute)); err != nil {
		return err
	}
	return b.write()
}

type bench struct {
	options
	dir              string
	places           process.Places
	server           *process.Process
	figures, altered []figure.Figure
}

func (b *bench) measure(ctx context.Context) error {
	if err := b.server.WaitReady(ctx, b.places); err != nil {
		return err
	}
	if err := b.fill(ctx); err != nil {
		return fmt.Errorf("fill the store: %w", err)
	}
	about, err := b.subjects(ctx)
	if err != nil {
		return fmt.Errorf("choose what to ask for: %w", err)
	}
	for _, q := range questions(about) {
		r, err := b.ask(ctx, q)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", q.name, err)
		}
		b.figures = append(b.figures, r.figures("query."+q.name, q.note)...)
	}
	if !b.variants {
		return nil
	}
	return b.compare(ctx, about)
}

// write prints the figures and puts them into the report.
func (b *bench) write() error {
	for _, f := range append(append([]figure.Figure(nil), b.figures...), b.altered...) {
		fmt.Println(f)
	}
	if !b.report || b.variant != "" {
		return nil
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	how := fmt.Sprintf("%d spans, %d logs of 300 bytes, %d samples, merged; median of %d", b.spans, b.logs, b.points, b.repeat)
	path := filepath.Join(root, "docs", "performance.md")
	if err := (figure.Table{Bench: "bench-query", How: how, Figures: b.figures}).Write(path, time.Now()); err != nil {
		return err
	}
	if len(b.altered) == 0 {
		return nil
	}
	return figure.Table{Bench: "bench-variants", How: how, Figures: tabled(b.altered)}.Write(path, time.Now())
}
