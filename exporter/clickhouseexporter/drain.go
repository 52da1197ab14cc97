package clickhouseexporter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/blockqueue"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/telemetry"
)

// drainer turns sealed segments into INSERTs.
type drainer struct {
	sink *sink
	// done are the tables of a segment whose outcome is known, nil or why the store refused the block, so that a retry
	// repeats only what failed. After a restart all are repeated, and the token makes that a no-op.
	mu   sync.Mutex
	done map[uint64]map[string]error
	// read are the segments in hand whose unreadable records were set aside.
	read map[uint64]bool
}

// consume inserts one segment: one INSERT of one sorted block per table. An error that it returns is retried by the
// queue, unless the store refused a block for good: then the other tables go in and the segment is set aside.
func (d *drainer) consume(ctx context.Context, seg *blockqueue.Segment) error {
	store, err := d.sink.store.get(ctx)
	if err != nil {
		d.sink.health(err)
		return err
	}
	settings, err := parseSettings(seg.Meta)
	if err != nil {
		d.sink.log.Warn("using the present insert settings", zap.Uint64("segment", seg.Number), zap.Error(err))
		settings = currentSettings()
	}
	d.sink.rollups.start(store)
	began := time.Now()
	set := d.gather(seg)
	defer set.Release()
	windows := set.SampleWindows()
	run := &segmentRun{drainer: d, ctx: ctx, seg: seg, store: store, settings: settings}
	_, err = guarded(func() (struct{}, error) { return struct{}{}, set.Each(run.insert) })
	switch {
	case run.failed != nil:
		d.sink.health(run.failed)
		return run.failed
	case err != nil:
		// Not an INSERT failed but the making of a block: the segment's content is at fault, or this build.
		err = fmt.Errorf("make the blocks of a segment: %w", err)
		run.refused = append(run.refused, err)
		d.countUnmade(ctx, seg, err)
	}
	if err := set.Failure(); err != nil {
		// Counted when the segment is through: attempts that the store ended are made again.
		d.sink.tel.underived.Add(ctx, 1, metric.WithAttributes(d.sink.tel.id))
		d.sink.log.Error("rows that are computed from a segment are missing; the segment's own rows are stored",
			zap.Uint64("segment", seg.Number), zap.Error(err))
	}
	d.sink.health(nil)
	d.forget(seg.Number)
	d.sink.rollups.touch(windows)
	d.sink.log.Debug("a segment is stored", zap.Uint64("segment", seg.Number), zap.Int("records", len(seg.Records)),
		zap.Duration("took", time.Since(began)), zap.Duration("age", time.Since(seg.OpenedAt)))
	if len(run.refused) > 0 {
		return blockqueue.Permanent(errors.Join(run.refused...))
	}
	return nil
}

// countUnmade counts the rows of a segment whose blocks could not be made.
func (d *drainer) countUnmade(ctx context.Context, seg *blockqueue.Segment, err error) {
	rows := map[telemetry.Signal]int{}
	for _, r := range seg.Records {
		rows[classSignals[r.Class]] += r.Rows
	}
	for signal, n := range rows {
		d.sink.tel.drops.Add(ctx, n, "segment_refused", signal, zap.Error(err))
	}
}

// gather reads the records. One that cannot be read is set aside alone.
func (d *drainer) gather(seg *blockqueue.Segment) rowSet {
	set := d.sink.codec.newSet(seg.OpenedAt)
	first := d.firstReading(seg.Number)
	for i, r := range seg.Records {
		_, err := guarded(func() (struct{}, error) { return struct{}{}, set.Add(r.Payload) })
		if err != nil && first {
			seg.SetAside(i, fmt.Errorf("read a record: %w", err))
		}
	}
	return set
}

// firstReading tells whether the segment's records are read for the first time: not every attempt comes so far.
func (d *drainer) firstReading(segment uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.read[segment]
	d.read[segment] = true
	return first
}

func (d *drainer) outcome(segment uint64, table string) (refused error, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	refused, done = d.done[segment][table]
	return refused, done
}

func (d *drainer) settle(segment uint64, table string, refused error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done[segment] == nil {
		d.done[segment] = map[string]error{}
	}
	d.done[segment][table] = refused
}

func (d *drainer) forget(segment uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.done, segment)
	delete(d.read, segment)
}

// segmentRun is one attempt at one segment.
type segmentRun struct {
	*drainer
	ctx      context.Context
	seg      *blockqueue.Segment
	store    clickhouse.Store
	settings insertSettings
	// failed is the error that ended the attempt, refused are the errors of blocks that no retry helps.
	failed  error
	refused []error
}

// insert sends one table's block, unless an earlier attempt settled it.
func (r *segmentRun) insert(b tableBlock) error {
	if b.rows == 0 {
		return nil
	}
	refused, done := r.outcome(r.seg.Number, b.table)
	if !done {
		var err error
		if refused, err = r.send(b); err != nil {
			r.failed = err
			return err
		}
		r.settle(r.seg.Number, b.table, refused)
	}
	if refused != nil {
		r.refused = append(r.refused, refused)
	}
	return nil
}

// send makes the INSERT. refused is an error that no retry helps, failed one that may pass.
func (r *segmentRun) send(b tableBlock) (refused, failed error) {
	body := &blockBody{write: b.write}
	began := time.Now()
	err := r.store.Insert(r.ctx, clickhouse.Insert{
		Table: b.table, Columns: b.columns, Body: body.writeTo,
		Settings: r.settings.forTable(b.table, r.seg.Token(b.table)),
	})
	if err == nil {
		r.sink.tel.inserted(r.ctx, b.table, b.rows, time.Since(began))
		return nil, nil
	}
	err = fmt.Errorf("insert %d rows of segment %d into %s: %w", b.rows, r.seg.Number, b.table, err)
	if r.ctx.Err() != nil || !refusedForGood(err) && !body.broken {
		// What a store says of a block that was broken off by a shutdown tells nothing of the block.
		return nil, err
	}
	r.sink.tel.drops.Add(r.ctx, b.rows, "store_refused", tableSignal(b.table), zap.Error(err))
	return err, nil
}

// blockBody tells a block that cannot be made from a connection that broke.
type blockBody struct {
	write  func(io.Writer) error
	broken bool
}

func (b *blockBody) writeTo(w io.Writer) error {
	tracked := &trackedWriter{w: w}
	_, err := guarded(func() (struct{}, error) { return struct{}{}, b.write(tracked) })
	b.broken = err != nil && !tracked.failed
	return err
}

type trackedWriter struct {
	w      io.Writer
	failed bool
}

func (t *trackedWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.failed = t.failed || err != nil
	return n, err
}

func tableSignal(table string) telemetry.Signal {
	switch {
	case strings.HasPrefix(table, "metrics_build"), strings.HasPrefix(table, "deploys"), strings.HasPrefix(table, "graph_"):
		return telemetry.Builds
	case strings.HasPrefix(table, "metric"):
		return telemetry.Metrics
	case strings.HasPrefix(table, "log"):
		return telemetry.Logs
	case strings.HasPrefix(table, "events_"), strings.HasPrefix(table, "trace_"):
		return telemetry.Traces
	default:
		return telemetry.Unknown
	}
}
