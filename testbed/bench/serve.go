package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/summitobs/summit/distributions"
	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

type step struct {
	name string
	run  func(context.Context) error
}

// steps are what measures the write path. Those that need the sustainable rate come after the spans.
func (b *bench) steps() []step {
	of := func(s load.Signal) func(context.Context) error {
		return func(ctx context.Context) error { return b.signal(ctx, load.Settings{Signal: s}, string(s)) }
	}
	return []step{
		{"spans", of(load.Spans)},
		{"logs", of(load.Logs)},
		{"points", of(load.Points)},
		{"queue", b.queue},
		{"latencies", b.latencies},
		{"small", b.small},
		{"shapes", b.shapes},
		{"overload", b.overload},
		{"growth", b.growth},
	}
}

// chosen are the steps to take.
func (b *bench) chosen() ([]step, error) {
	all := b.steps()
	if len(b.only) == 0 {
		return all, nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	for _, o := range b.only {
		if !slices.Contains(names, o) {
			return nil, fmt.Errorf("-only %s: want some of %s", o, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(all, func(s step) bool { return !slices.Contains(b.only, s.name) }), nil
}

// measureWrites measures the write path.
func (b *bench) measureWrites(ctx context.Context) error {
	steps, err := b.chosen()
	if err != nil {
		return err
	}
	if err := b.serve(ctx, "main"); err != nil {
		return err
	}
	for _, s := range steps {
		if slices.Contains([]string{"queue", "latencies", "small"}, s.name) && b.sustained == 0 {
			return fmt.Errorf("-only %s: needs spans before it", s.name)
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", s.name, err)
		}
	}
	return nil
}

// shapes measures other data in stores of their own, so that only their bytes are there.
func (b *bench) shapes(ctx context.Context) error {
	if err := b.serve(ctx, "shapes"); err != nil {
		return err
	}
	jaeger := load.Settings{Signal: load.Spans, Shape: load.Jaeger, PerRequest: 8190}
	if b.long {
		jaeger.Total = 10_000_000
	}
	if err := b.signal(ctx, jaeger, "jaeger"); err != nil {
		return err
	}
	return b.signal(ctx, load.Settings{Signal: load.Logs, Shape: load.LongBodies}, "logs300")
}

// serve ends the server that runs and starts one on a folder of its own, with pprof. more is configuration in the form
// key::key: value.
func (b *bench) serve(ctx context.Context, name string, more ...string) error {
	if b.server != nil {
		if err := b.server.Stop(time.Minute); err != nil {
			return err
		}
		b.server = nil
	}
	var err error
	if b.places, err = process.NewPlaces(ctx); err != nil {
		return err
	}
	spare, err := process.NewPlaces(ctx)
	if err != nil {
		return err
	}
	b.pprof = spare.Health
	extensions, err := extensions()
	if err != nil {
		return err
	}
	args := []string{
		"--config=role:standalone", "--config=yaml:extensions::pprof::endpoint: " + b.pprof,
		"--config=yaml:service::extensions: [" + strings.Join(append(extensions, "pprof"), ", ") + "]",
	}
	for _, m := range append(more, b.set...) {
		args = append(args, "--config=yaml:"+m)
	}
	data := filepath.Join(b.dir, name)
	if err := os.MkdirAll(data, 0o750); err != nil {
		return err
	}
	b.server, err = process.Start(process.Spec{
		Binary: "summit", Args: args, Log: filepath.Join(b.dir, name+".log"),
		Env: append(b.places.Env(), "SUMMIT_DATA_DIR="+data, "SUMMIT_GITHUB_SECRET="+process.Secret),
	})
	if err != nil {
		return err
	}
	return b.server.WaitReady(ctx, b.places)
}

// extensions are those of the standalone role: a list in a later configuration replaces the one before.
func extensions() ([]string, error) {
	yaml, err := distributions.Config("standalone")
	if err != nil {
		return nil, err
	}
	retrieved, err := confmap.NewRetrievedFromYAML(yaml)
	if err != nil {
		return nil, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return nil, err
	}
	list, ok := conf.Get("service::extensions").([]any)
	if !ok {
		return nil, fmt.Errorf("role standalone: service::extensions is %T", conf.Get("service::extensions"))
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = fmt.Sprint(e)
	}
	return names, nil
}
