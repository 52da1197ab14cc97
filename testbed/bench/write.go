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

// write measures one signal: the processor time of the collector from the first request until all rows can be asked for
// and nothing has been merged for a while.
func (b *bench) write(ctx context.Context, signal load.Signal) error {
	var best, stored float64
	var note string
	for n := range b.best {
		res, cpu, err := b.writeOnce(ctx, signal, uint64(n+1))
		if err != nil {
			return err
		}
		perMillion := cpu.Seconds() / float64(res.Items) * 1e6
		fmt.Fprintf(os.Stderr, "bench: %s: %.2f cpu-s/M, %s\n", signal, perMillion, res)
		if n == 0 || perMillion < best {
			best = perMillion
			note = fmt.Sprintf("%.0fk/s taken, acknowledged after %s (p50) %s (p99)", res.PerSecond()/1000, res.P50.Round(time.Millisecond), res.P99.Round(time.Millisecond))
		}
		if stored, err = b.bytesPerRow(ctx, signal); err != nil {
			return err
		}
	}
	b.add("write."+string(signal)+".cpu", best, "cpu-s/M", note)
	b.add("write."+string(signal)+".bytes", stored, "B", "on disk per item, all tables of the signal")
	return nil
}

func (b *bench) writeOnce(ctx context.Context, signal load.Signal, seed uint64) (load.Result, time.Duration, error) {
	rows, err := b.rows(ctx, signal)
	if err != nil {
		return load.Result{}, 0, err
	}
	before, err := b.server.CPU()
	if err != nil {
		return load.Result{}, 0, err
	}
	res, err := load.Run(ctx, load.Settings{Signal: signal, Protocol: "grpc", Address: b.places.OTLPGRPC, Total: b.total, Seed: seed})
	if err != nil {
		return res, 0, fmt.Errorf("%w\n%s", err, b.server.Tail())
	}
	if err := b.settle(ctx, signal, rows+res.Items); err != nil {
		return res, 0, err
	}
	after, err := b.server.CPU()
	return res, after - before, err
}

// settle waits until all rows are there and no merge has run for a while.
func (b *bench) settle(ctx context.Context, signal load.Signal, want int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := time.Now()
	for {
		rows, err := b.rows(ctx, signal)
		if err != nil {
			return err
		}
		merges, err := b.number(ctx, "SELECT count() FROM system.merges")
		if err != nil {
			return err
		}
		if rows > want {
			return fmt.Errorf("%d rows of %d sent: some are there twice", rows, want)
		}
		if rows < want || merges > 0 {
			last = time.Now()
		}
		if time.Since(last) > quiet {
			return nil
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d rows and %d merges after %s: %w", rows, want, merges, patience, err)
		}
	}
}

func (b *bench) rows(ctx context.Context, signal load.Signal) (int64, error) {
	return b.number(ctx, "SELECT count() FROM "+tables[signal][0])
}

func (b *bench) bytesPerRow(ctx context.Context, signal load.Signal) (float64, error) {
	size, err := b.number(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'summit' AND table IN ('"+strings.Join(tables[signal], "','")+"')")
	if err != nil {
		return 0, err
	}
	rows, err := b.rows(ctx, signal)
	return float64(size) / float64(max(rows, 1)), err
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
