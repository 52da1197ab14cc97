package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/summitobs/summit/testbed/load"
	"github.com/summitobs/summit/testbed/process"
)

// The tables that hold a row an item.
const (
	spanTable   = "events_trace_v1"
	logTable    = "logs_v1"
	sampleTable = "metrics_runtime_v1"
)

const fillLimit = 5 * time.Minute

// fill sends what the store is to hold, waits until it is there, and merges it, which builds the indexes that inserts
// leave out.
func (b *bench) fill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fillLimit)
	defer cancel()
	for _, s := range []struct {
		table string
		load.Settings
	}{
		{spanTable, load.Settings{Signal: load.Spans, Total: b.spans}},
		{logTable, load.Settings{Signal: load.Logs, Shape: load.LongBodies, Total: b.logs}},
		{sampleTable, load.Settings{Signal: load.Points, Total: b.points}},
	} {
		s.Protocol, s.Address, s.Seed = "grpc", b.places.OTLPGRPC, 11
		res, err := load.Run(ctx, s.Settings)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, b.server.Tail())
		}
		err = b.server.WaitFor(ctx, string(s.Signal)+" to be stored", func(ctx context.Context) (bool, error) {
			rows, err := b.number(ctx, "SELECT count() FROM "+s.table)
			return rows >= res.Items, err
		})
		if err != nil {
			return err
		}
		if err := b.exec(ctx, "OPTIMIZE TABLE "+s.table+" FINAL"); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement that has no answer.
func (b *bench) exec(ctx context.Context, statement string) error {
	status, answer, err := process.Post(ctx, "http://"+b.places.Store+"/?database=summit", nil, []byte(statement))
	if err != nil {
		return fmt.Errorf("%.80s: %w", statement, err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("%.80s: status %d: %.300s", statement, status, answer)
	}
	return nil
}

func (b *bench) number(ctx context.Context, query string) (int64, error) {
	values, err := b.column(ctx, query)
	if err != nil {
		return 0, err
	}
	if len(values) != 1 {
		return 0, fmt.Errorf("%s: want one number, got %v", query, values)
	}
	return strconv.ParseInt(values[0], 10, 64)
}

// column gives the first cell of each row.
func (b *bench) column(ctx context.Context, query string) ([]string, error) {
	rows, err := process.SQL(ctx, b.places, query)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r[0]
	}
	return out, nil
}

// amounts are what the engine has read since it started. Its answers to everybody are in it, so a difference is that of a
// query only where nobody else asks much.
type amounts struct{ rows, bytes int64 }

func (b *bench) amounts(ctx context.Context) (a amounts, err error) {
	if a.rows, err = b.number(ctx, "SELECT sumIf(value, event = 'SelectedRows') FROM system.events"); err != nil {
		return a, err
	}
	a.bytes, err = b.number(ctx, "SELECT sumIf(value, event = 'ReadCompressedBytes') FROM system.events")
	return a, err
}

// forget empties the engine's caches and the system's of the store's files.
func (b *bench) forget(ctx context.Context) error {
	var all error
	for _, cache := range []string{"MARK CACHE", "INDEX MARK CACHE", "UNCOMPRESSED CACHE", "INDEX UNCOMPRESSED CACHE", "PRIMARY INDEX CACHE", "QUERY CONDITION CACHE"} {
		all = errors.Join(all, b.exec(ctx, "SYSTEM DROP "+cache))
	}
	if all != nil {
		return all
	}
	return forgetFiles(b.dir)
}
