package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/summitobs/summit/testbed/figure"
	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// quiet is how long no merge may run before a measurement ends; patience is how long that may take.
const (
	quiet    = 10 * time.Second
	patience = 5 * time.Minute
	poll     = 200 * time.Millisecond
)

const engineConfig = `
extensions:
  summit_store: {path: "%[1]s", endpoint: "%[2]s"}
  health_check: {endpoint: "%[3]s"}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "%[4]s"}
exporters:
  nop:
service:
  extensions: [summit_store, health_check]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
`

type bench struct {
	options
	dir    string
	places process.Places
	engine *process.Process
	runs   int
}

// side is one of the collectors that are compared. table is empty where nothing is stored.
type side struct{ name, config, database, table string }

// outcome is what a side came to.
type outcome struct {
	load.Result
	// cpu is the collector's, engine the engine's, until nothing was merged any more.
	cpu, engine time.Duration
	// whole is the time until all rows could be asked for.
	whole time.Duration
	// bytes is the size of a span on disk.
	bytes float64
}

func (o outcome) perMillion() float64       { return o.cpu.Seconds() / float64(o.Items) * 1e6 }
func (o outcome) enginePerMillion() float64 { return o.engine.Seconds() / float64(o.Items) * 1e6 }
func (o outcome) rate() float64             { return float64(o.Items) / o.whole.Seconds() }

func (b *bench) startEngine(ctx context.Context) (err error) {
	if b.places, err = process.NewPlaces(ctx); err != nil {
		return err
	}
	config := fmt.Sprintf(engineConfig, filepath.Join(b.dir, "store"), b.places.Store, b.places.Health, b.places.Door)
	file := filepath.Join(b.dir, "engine.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	b.engine, err = process.Start(process.Spec{Binary: "summit", Args: []string{"--config=" + file}, Log: filepath.Join(b.dir, "engine.log"), Env: []string{"SUMMIT_DATA_DIR=" + b.dir}})
	if err != nil {
		return err
	}
	return b.engine.WaitHealthy(ctx, b.places)
}

func (b *bench) measure(ctx context.Context) ([]figure.Figure, error) {
	var best [3]outcome
	for n := range b.best {
		for i, s := range []side{
			{"receiver", receiverConfig, "", ""},
			{"summit", summitConfig, "summit", "events_trace_v1"},
			{"contrib", contribConfig, "otel", "otel_traces"},
		} {
			o, err := b.side(ctx, s, uint64(n+1))
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w\n%s", s.name, err, b.engine.Tail())
			}
			fmt.Fprintf(os.Stderr, "upstream: %s: %.2f cpu-s/M, the engine %.2f, %.0f/s, %.1f B a span; %s\n", s.name, o.perMillion(), o.enginePerMillion(), o.rate(), o.bytes, o.Result)
			if n == 0 || o.perMillion() < best[i].perMillion() {
				best[i] = o
			}
		}
	}
	return figures(best[0], best[1], best[2]), nil
}

// side starts the collector of a side, sends to it, and waits until all is stored and merged.
func (b *bench) side(ctx context.Context, s side, seed uint64) (o outcome, err error) {
	b.runs++
	places, err := process.NewPlaces(ctx)
	if err != nil {
		return o, err
	}
	name := fmt.Sprintf("%s-%d", s.name, b.runs)
	file := filepath.Join(b.dir, name+".yaml")
	queue := filepath.Join(b.dir, "queue-"+name)
	if err := os.WriteFile(file, fmt.Appendf(nil, s.config, places.OTLPGRPC, b.places.Store, queue), 0o600); err != nil {
		return o, err
	}
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	collector, err := process.Start(process.Spec{Path: self, Args: []string{"-collector=" + file}, Log: filepath.Join(b.dir, name+".log")})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, collector.Stop(time.Minute)) }()
	if err := waitOpen(ctx, collector, places.OTLPGRPC); err != nil {
		return o, err
	}
	if o, err = b.send(ctx, s, seed, collector, places.OTLPGRPC); err != nil {
		return o, fmt.Errorf("%w\n%s", err, collector.Tail())
	}
	return o, nil
}

func (b *bench) send(ctx context.Context, s side, seed uint64, collector *process.Process, address string) (o outcome, err error) {
	rows, size, err := b.stored(ctx, s)
	if err != nil {
		return o, err
	}
	ours, engines, err := cpu(collector, b.engine)
	if err != nil {
		return o, err
	}
	began := time.Now()
	if o.Result, err = load.Run(ctx, load.Settings{Signal: load.Spans, Protocol: "grpc", Address: address, Total: b.total, Seed: seed}); err != nil {
		return o, err
	}
	o.whole = o.Elapsed
	if s.table != "" {
		complete, err := b.settle(ctx, s, rows+o.Items)
		if err != nil {
			return o, err
		}
		o.whole = complete.Sub(began)
	}
	oursAfter, enginesAfter, err := cpu(collector, b.engine)
	if err != nil {
		return o, err
	}
	o.cpu, o.engine = oursAfter-ours, enginesAfter-engines
	_, sizeAfter, err := b.stored(ctx, s)
	o.bytes = float64(sizeAfter-size) / float64(o.Items)
	return o, err
}

func cpu(collector, engine *process.Process) (ours, engines time.Duration, err error) {
	if ours, err = collector.CPU(); err != nil {
		return 0, 0, err
	}
	engines, err = engine.CPU()
	return ours, engines, err
}

// settle waits until all rows are there and no merge has run for a while. It gives the time when all were there.
func (b *bench) settle(ctx context.Context, s side, want int64) (complete time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := time.Now()
	for {
		rows, _, err := b.stored(ctx, s)
		if err != nil {
			return complete, err
		}
		merges, err := b.number(ctx, "SELECT count() FROM system.merges")
		if err != nil {
			return complete, err
		}
		switch {
		case rows > want:
			return complete, fmt.Errorf("%d rows of %d sent: some are there twice", rows, want)
		case rows < want || merges > 0:
			last = time.Now()
		case time.Since(last) > quiet:
			return complete, nil
		}
		if complete.IsZero() && rows == want {
			complete = time.Now()
		}
		timer := time.NewTimer(poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return complete, fmt.Errorf("%d of %d rows and %d merges after %s: %w", rows, want, merges, patience, ctx.Err())
		case <-timer.C:
		}
	}
}

// stored is the number of spans that a side has stored and what all of its tables hold on disk.
func (b *bench) stored(ctx context.Context, s side) (rows, size int64, err error) {
	if s.table == "" {
		return 0, 0, nil
	}
	// From the parts: a table that wasn't made yet has none.
	parts := "FROM system.parts WHERE active AND database = '" + s.database + "'"
	if rows, err = b.number(ctx, "SELECT sum(rows) "+parts+" AND table = '"+s.table+"'"); err != nil {
		return 0, 0, err
	}
	size, err = b.number(ctx, "SELECT sum(bytes_on_disk) "+parts)
	return rows, size, err
}

func (b *bench) number(ctx context.Context, query string) (int64, error) {
	rows, err := process.SQL(ctx, b.places, query)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("%s: want one number, got %v", query, rows)
	}
	return strconv.ParseInt(rows[0][0], 10, 64)
}

// waitOpen waits until a collector listens, which it does when all behind its receivers has started.
func waitOpen(ctx context.Context, p *process.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return p.WaitFor(ctx, "the OTLP receiver", func(ctx context.Context) (bool, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
}
