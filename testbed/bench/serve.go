package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/summitobs/summit/distributions"
	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// measureWrites measures the write path: the signals, the queue, latencies, small senders, other shapes, overload.
func (b *bench) measureWrites(ctx context.Context) error {
	if err := b.serve(ctx, "main"); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"spans", func(ctx context.Context) error { return b.signal(ctx, load.Settings{Signal: load.Spans}, "spans") }},
		{"logs", func(ctx context.Context) error { return b.signal(ctx, load.Settings{Signal: load.Logs}, "logs") }},
		{"points", func(ctx context.Context) error { return b.signal(ctx, load.Settings{Signal: load.Points}, "points") }},
		{"the queue", b.queue},
		{"latencies", b.latencies},
		{"small senders", b.small},
		{"other shapes", b.shapes},
		{"overload", b.overload},
		{"growth", b.growth},
	} {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", step.what, err)
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
	for _, m := range more {
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
