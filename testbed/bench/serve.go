package main

import (
	"context"
	"fmt"
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
	return []step{
		{"spans", b.spans},
		{"logs", b.logs},
		{"points", b.points},
		{"queue", b.queue},
		{"latencies", b.latencies},
		{"small", b.small},
		{"pdata", b.pdata},
		{"shapes", b.shapes},
		{"overload", b.overload},
		{"growth", b.growth},
	}
}

// spans, logs and points measure the default role: bytes from the wire go into columns.
func (b *bench) spans(ctx context.Context) error {
	o, err := b.signal(ctx, measurement{load.Settings{Signal: load.Spans}, "write.spans.fast.cpu", "write.platform.spans.bytes"})
	if err == nil {
		b.stored, b.sustained = o.stored(), o.sustainable()
	}
	return err
}

func (b *bench) logs(ctx context.Context) error {
	_, err := b.signal(ctx, measurement{load.Settings{Signal: load.Logs}, "write.logs.cpu", "write.platform.logs.bytes"})
	return err
}

func (b *bench) points(ctx context.Context) error {
	_, err := b.signal(ctx, measurement{load.Settings{Signal: load.Points}, "write.points.cpu", "write.points.bytes"})
	return err
}

// pdata measures spans by the way that they take through processors that change them.
func (b *bench) pdata(ctx context.Context) error {
	if err := b.serve(ctx, process.System{Dir: "pdata", Overlays: []string{"pdata"}}); err != nil {
		return err
	}
	_, err := b.signal(ctx, measurement{load.Settings{Signal: load.Spans}, "write.spans.cpu", ""})
	return err
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
	if err := b.serve(ctx, process.System{Dir: "main"}); err != nil {
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

// shapes measures other data in a store of their own, so that only their bytes are there.
func (b *bench) shapes(ctx context.Context) error {
	if err := b.serve(ctx, process.System{Dir: "shapes"}); err != nil {
		return err
	}
	jaeger := load.Settings{Signal: load.Spans, Shape: load.Jaeger, PerRequest: 8190}
	if b.long {
		jaeger.Total = 10_000_000
	}
	if _, err := b.signal(ctx, measurement{jaeger, "write.jaeger.cpu", "write.spans.bytes"}); err != nil {
		return err
	}
	_, err := b.signal(ctx, measurement{load.Settings{Signal: load.Logs, Shape: load.LongBodies}, "write.logs300.cpu", "write.logs.bytes"})
	return err
}

// serve ends the server that runs and starts one in the standalone role on a folder of its own, with pprof. s says what is
// special about it.
func (b *bench) serve(ctx context.Context, s process.System) error {
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
	s.Role, s.Places, s.Dir = "standalone", b.places, filepath.Join(b.dir, s.Dir)
	s.Set = append(s.Set, "extensions::pprof::endpoint: "+b.pprof, "service::extensions: ["+strings.Join(append(extensions, "pprof"), ", ")+"]")
	s.Set = append(s.Set, b.set...)
	if b.server, err = s.Start(); err != nil {
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
