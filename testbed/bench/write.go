package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// tables are those that the rows of a signal go to; the first holds one row an item.
var tables = map[load.Signal][]string{
	load.Spans:  {"events_trace_v1", "trace_index_v1", "red_1m_v1", "service_edges_1m_v1", "events_error_v1", "error_groups_v1", "error_groups_1h_v1"},
	load.Logs:   {"logs_v1", "log_patterns_v1", "logs_1m_v1", "log_patterns_15m_v1"},
	load.Points: {"metrics_runtime_v1", "metrics_hist_v1", "metric_exemplars_v1", "metric_series_v1", "metric_meta_v1", "metric_labels_v1", "metrics_runtime_5m_v1"},
}

// quiet is how long no merge may run before a measurement ends; patience is how long that may take.
const (
	quiet    = 10 * time.Second
	patience = 5 * time.Minute
)

// outcome is what one measurement came to.
type outcome struct {
	load.Result
	// cpu is the collector's, until nothing was merged any more.
	cpu time.Duration
	// whole is the time from the first request until all rows could be asked for, merged until nothing was merged any more.
	whole, merged time.Duration
}

func (o outcome) perMillion() float64 { return o.cpu.Seconds() / float64(o.Items) * 1e6 }

// stored is the rate end to end.
func (o outcome) stored() float64 { return float64(o.Items) / o.whole.Seconds() }

// sustainable is the rate at which merging keeps up too.
func (o outcome) sustainable() float64 { return float64(o.Items) / max(o.whole, o.merged).Seconds() }

// measurement is what to send, and the names of the figures that come of it.
type measurement struct {
	load.Settings
	cpu, bytes string
}

// signal measures one signal: the processor time of the collector from the first request until all rows can be asked for
// and nothing has been merged for a while, and the bytes that rows take.
func (b *bench) signal(ctx context.Context, m measurement) (outcome, error) {
	var best outcome
	for n := range b.best {
		m.Seed = uint64(n + 1)
		o, err := b.once(ctx, m.Settings)
		if err != nil {
			return best, err
		}
		fmt.Fprintf(os.Stderr, "bench: %s: %.2f cpu-s/M, %s\n", m.cpu, o.perMillion(), o.Result)
		if n == 0 || o.perMillion() < best.perMillion() {
			best = o
		}
	}
	b.add(m.cpu, best.perMillion(), "cpu-s/M", fmt.Sprintf("%.0fk/s taken, %.0fk/s end to end, acknowledged after %s (p50) %s (p99)",
		best.PerSecond()/1000, best.stored()/1000, best.P50.Round(time.Millisecond), best.P99.Round(time.Millisecond)))
	if m.bytes == "" {
		return best, nil
	}
	left, merged, err := b.sizes(ctx, m.Signal)
	if err != nil {
		return best, err
	}
	b.add(m.bytes, max(left, merged), "B", fmt.Sprintf("on disk per item, all tables of the signal: %.1f as merges have left it, %.1f in one part with all of its indexes", left, merged))
	return best, nil
}

// sizes are the bytes that a row of a signal takes in the store: as merges have left it, and when all is merged, which
// builds the indexes that inserts leave out.
func (b *bench) sizes(ctx context.Context, signal load.Signal) (left, merged float64, err error) {
	if left, err = b.perRow(ctx, signal); err != nil {
		return 0, 0, err
	}
	if _, err := process.SQL(ctx, b.places, "OPTIMIZE TABLE "+tables[signal][0]+" FINAL"); err != nil {
		return 0, 0, err
	}
	merged, err = b.perRow(ctx, signal)
	return left, merged, err
}

func (b *bench) perRow(ctx context.Context, signal load.Signal) (float64, error) {
	rows, err := b.rows(ctx, signal)
	if err != nil {
		return 0, err
	}
	bytes, err := b.bytes(ctx, signal)
	return float64(bytes) / float64(rows), err
}

// once sends to the collector and waits until all is stored and merged.
func (b *bench) once(ctx context.Context, s load.Settings) (outcome, error) {
	s.Protocol, s.Address = "grpc", b.places.OTLPGRPC
	if s.Total == 0 {
		s.Total = b.total
	}
	var o outcome
	rows, err := b.rows(ctx, s.Signal)
	if err != nil {
		return o, err
	}
	before, err := b.server.CPU()
	if err != nil {
		return o, err
	}
	began := time.Now()
	if o.Result, err = load.Run(ctx, s); err != nil {
		return o, fmt.Errorf("%w\n%s", err, b.server.Tail())
	}
	complete, merged, err := b.settle(ctx, s.Signal, rows+o.Items)
	if err != nil {
		return o, err
	}
	after, err := b.server.CPU()
	o.cpu, o.whole, o.merged = after-before, complete.Sub(began), merged.Sub(began)
	return o, err
}

// settle waits until all rows are there and no merge has run for a while. It gives the times
// when all were there and when the last merge was seen.
func (b *bench) settle(ctx context.Context, signal load.Signal, want int64) (complete, merged time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := time.Now()
	for {
		rows, err := b.rows(ctx, signal)
		if err != nil {
			return complete, last, err
		}
		if complete.IsZero() && rows == want {
			complete = time.Now()
		}
		merges, err := b.number(ctx, "SELECT count() FROM system.merges")
		if err != nil {
			return complete, last, err
		}
		if rows > want {
			return complete, last, fmt.Errorf("%d rows of %d sent: some are there twice", rows, want)
		}
		if rows < want || merges > 0 {
			last = time.Now()
		}
		if time.Since(last) > quiet {
			return complete, last, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return complete, last, fmt.Errorf("%d of %d rows and %d merges after %s: %w", rows, want, merges, patience, err)
		}
	}
}

func (b *bench) rows(ctx context.Context, signal load.Signal) (int64, error) {
	return b.number(ctx, "SELECT count() FROM "+tables[signal][0])
}

// bytes is what the tables of a signal hold on disk.
func (b *bench) bytes(ctx context.Context, signal load.Signal) (int64, error) {
	return b.number(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'summit' AND table IN ('"+strings.Join(tables[signal], "','")+"')")
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
