// Package rollup computes metrics_runtime_5m_v1 from metrics_runtime_v1 by a statement over closed windows, which costs the
// engine a third of what a materialised view would. The exporter that inserts samples owns one Job and tells it which
// windows each insert touched; a window is computed when it is over and quiet, and again when samples come late. Rows of a
// window replace the earlier ones, so computing twice is harmless, and a crash loses nothing: at its start the job compares
// the counts of the recent windows and computes those that differ.
package rollup

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/clickhouse"
)

//go:embed compute.sql
var computeStatement string

//go:embed behind.sql
var behindStatement string

// Settings configure a Job.
type Settings struct {
	// Delay is how long after its end, and after its last insert, a window is computed. Default 90 s.
	Delay time.Duration
	// Interval is the time between two looks for windows that are due. Default 15 s.
	Interval time.Duration
	// LookBack is how far back the start looks for windows that were left uncomputed. Default 6 h.
	LookBack time.Duration
	// RetentionDays is kept in the rows. Default 400.
	RetentionDays uint16
	// Logger hears of failures, which are tried again. Default none.
	Logger *zap.Logger
}

func (s *Settings) setDefaults() {
	if s.Delay == 0 {
		s.Delay = 90 * time.Second
	}
	if s.Interval == 0 {
		s.Interval = 15 * time.Second
	}
	if s.LookBack == 0 {
		s.LookBack = 6 * time.Hour
	}
	if s.RetentionDays == 0 {
		s.RetentionDays = 400
	}
	if s.Logger == nil {
		s.Logger = zap.NewNop()
	}
}

// Job computes windows until it is stopped. Its methods are safe for concurrent use.
type Job struct {
	store  store
	set    Settings
	cancel context.CancelFunc
	done   chan struct{}

	// mu guards pending; never held across a statement.
	mu      sync.Mutex
	pending dirty
}

// store is what a Job asks of ClickHouse.
type store interface {
	compute(ctx context.Context, s span, retention uint16) error
	behind(ctx context.Context, from, to time.Time) ([]int64, error)
}

// New makes a Job that reads and writes through conn.
func New(conn driver.Conn, set Settings) *Job { return newJob(engine{conn}, set) }

func newJob(s store, set Settings) *Job {
	set.setDefaults()
	return &Job{store: s, set: set, pending: dirty{}}
}

// Start begins the work in a goroutine that Stop ends.
func (j *Job) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel, j.done = cancel, make(chan struct{})
	go j.loop(ctx)
}

// Stop ends the work, in the middle of a statement if need be; the next start computes what was left.
func (j *Job) Stop() {
	if j.cancel == nil {
		return
	}
	j.cancel()
	<-j.done
}

// Touch says that samples were inserted whose windows contain these times, in unix seconds.
func (j *Job) Touch(times []int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending.touch(times, time.Now())
}

// Pending is the number of windows that wait to be computed.
func (j *Job) Pending() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.pending)
}

func (j *Job) loop(ctx context.Context) {
	defer close(j.done)
	tick := time.NewTicker(j.set.Interval)
	defer tick.Stop()
	caughtUp := false
	for {
		if !caughtUp {
			caughtUp = j.report(ctx, "find metric windows left uncomputed", j.CatchUp(ctx))
		}
		j.report(ctx, "compute metric windows", j.ComputeDue(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (j *Job) report(ctx context.Context, doing string, err error) bool {
	if err == nil {
		return true
	}
	if ctx.Err() == nil {
		j.set.Logger.Warn(doing+" did not work and will be tried again", zap.Error(err), zap.Int("windows", j.Pending()))
	}
	return false
}

// CatchUp looks for windows of the recent past whose rows don't count all samples, and lets the next ComputeDue have them.
func (j *Job) CatchUp(ctx context.Context) error {
	now := time.Now()
	from := now.Add(-j.set.LookBack).Truncate(Window)
	windows, err := j.store.behind(ctx, from, now)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range windows {
		if _, ok := j.pending[w]; !ok {
			j.pending[w] = now.Add(-j.set.Delay)
		}
	}
	return nil
}

// ComputeDue computes the windows that are due. Those that fail stay due.
func (j *Job) ComputeDue(ctx context.Context) error {
	j.mu.Lock()
	now := time.Now()
	due := j.pending.take(now, j.set.Delay)
	j.mu.Unlock()
	var errs []error
	for _, s := range due {
		if err := j.store.compute(ctx, s, j.set.RetentionDays); err != nil {
			errs = append(errs, err)
			j.giveBack(s, now.Add(-j.set.Delay))
		}
	}
	return errors.Join(errs...)
}

// giveBack makes a span due again, unless samples came meanwhile: then the later time holds.
func (j *Job) giveBack(s span, touched time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range s.starts() {
		if _, ok := j.pending[w]; !ok {
			j.pending[w] = touched
		}
	}
}

type engine struct{ conn driver.Conn }

func (e engine) compute(ctx context.Context, s span, retention uint16) error {
	err := e.conn.Exec(ctx, computeStatement, clickhouse.Named("hour", s.hour()), clickhouse.Named("from", s.from),
		clickhouse.Named("to", s.to), clickhouse.Named("retention", retention))
	if err != nil {
		return fmt.Errorf("compute metric windows from %s to %s: %w", utc(s.from), utc(s.to), err)
	}
	return nil
}

func (e engine) behind(ctx context.Context, from, to time.Time) (windows []int64, err error) {
	rows, err := e.conn.Query(ctx, behindStatement, clickhouse.Named("from", from.Unix()), clickhouse.Named("to", to.Unix()))
	if err != nil {
		return nil, fmt.Errorf("compare metric windows with their samples: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var at uint32
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("compare metric windows with their samples: %w", err)
		}
		windows = append(windows, int64(at))
	}
	return windows, rows.Err()
}

func utc(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
