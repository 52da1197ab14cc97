// Package writer turns pdata into rows of the store. On the way in an Encoder makes of one request a Batch: the columns
// of all tables that the request has rows for, in one compressed record for the durable queue. On the way out a Set
// gathers the records of a queue segment and gives one sorted block per table. Both run on columns; no row is ever a
// value of its own.
//
// Files are named by what they fill: spans, errors, resources, build; logs, metrics, series, catalog.
package writer

import (
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/bind"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/printcache"
	"github.com/summitobs/summit/internal/clickhouse/quota"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// Retention is the number of days that new rows are kept.
type Retention struct {
	Traces, Logs, Metrics, Errors, Builds uint16
}

// rollupDays are kept of what summarises rows or is pointed to by them, where no raw class asks for more.
const rollupDays = 400

// rollups is the retention of resources, series and counts: never shorter than that of what points to them.
func (r Retention) rollups() uint16 {
	return max(rollupDays, r.Traces, r.Logs, r.Metrics, r.Errors, r.Builds)
}

// Options of an Encoder. Zero values take the defaults that are named.
type Options struct {
	// MaxValueBytes is the longest string, bytes, array or map value of an attribute, as stored. Default 65536.
	MaxValueBytes int
	// MaxFuture and MaxPast bound timestamps around Now. Default 24h; MaxPast: the retention of the signal.
	MaxFuture time.Duration
	MaxPast   time.Duration
	// Retention defaults to the tables' own: 30 days, errors 90, builds 730.
	Retention Retention
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxValueBytes, 64<<10)
	setDefault(&o.MaxFuture, 24*time.Hour)
	setDefault(&o.Retention.Traces, 30)
	setDefault(&o.Retention.Logs, 30)
	setDefault(&o.Retention.Metrics, 30)
	setDefault(&o.Retention.Errors, 90)
	setDefault(&o.Retention.Builds, 730)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T int | uint16 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Encoder makes batches. It is safe for concurrent use.
type Encoder struct {
	opts    Options
	stored  stored
	prints  *printcache.Cache
	own     encoderOwn
	batches sync.Pool
}

// New makes an Encoder.
func New(opts Options) *Encoder {
	e := &Encoder{opts: opts.withDefaults(), prints: printcache.New()}
	e.stored.init()
	e.own.init()
	e.batches.New = func() any { return newBatch(e) }
	return e
}

// Drop counts items that a batch left out or changed, by a reason of summit_dropped_total.
type Drop struct {
	Reason string
	Signal Signal
	Items  int
}

// Signal is what kind of item a Drop counts; the values are those of summit_dropped_total.
type Signal string

// The signals.
const (
	SignalTraces  Signal = "traces"
	SignalLogs    Signal = "logs"
	SignalMetrics Signal = "metrics"
	SignalBuilds  Signal = "builds"
)

// Batch is what one request gives: columns of every table that it has rows for. It is used by one goroutine, and good
// until Release.
type Batch struct {
	enc *Encoder
	// now is the time of arrival.
	now    time.Time
	blocks []block
	drops  []Drop
	// pending are the rows of this batch that are written once a day; Committed makes the encoder remember them.
	pending map[storedKey]struct{}

	// cutKeys lists the keys of the present record whose values were cut.
	cutKeys []byte
	cuts    int
	// canon and pairs are room for the canonical form of a resource, value for an attribute's bytes, raw for the record.
	canon []byte
	pairs []attribute
	value []byte
	raw   []byte
	own   batchOwn
}

// block holds the columns of one table: cols is a pointer to the struct that use was asked for.
type block struct {
	cols  any
	named []column.Named
}

func (b *block) rows() int {
	if len(b.named) == 0 {
		return 0
	}
	return b.named[0].Column.Rows()
}

func newBatch(e *Encoder) *Batch {
	return &Batch{
		enc: e, blocks: make([]block, len(table.All())),
		pending: make(map[storedKey]struct{}),
		own:     batchOwn{patterns: map[quota.Key]int{}},
	}
}

// begin takes a batch from the pool.
func (e *Encoder) begin() *Batch {
	b := e.batches.Get().(*Batch)
	b.now = e.opts.Now()
	return b
}

// use gives the batch's columns of a table as the struct T, whose fields are bound to them by their tags.
func use[T any](b *Batch, t *table.Table) *T {
	bl := &b.blocks[t.Index]
	if bl.cols == nil {
		cols := new(T)
		bl.named, bl.cols = bind.Columns(t, cols), cols
	}
	return bl.cols.(*T)
}

// drop counts items that are left out or changed.
func (b *Batch) drop(reason string, signal Signal, items int) {
	for i := range b.drops {
		if d := &b.drops[i]; d.Reason == reason && d.Signal == signal {
			d.Items += items
			return
		}
	}
	b.drops = append(b.drops, Drop{reason, signal, items})
}

// Dropped tells what was left out or changed, to be counted once the batch's record is in the queue.
func (b *Batch) Dropped() []Drop { return b.drops }

// Rows is the number of rows of the table that has most, which is what bounds an INSERT.
func (b *Batch) Rows() int {
	n := 0
	for i := range b.blocks {
		n = max(n, b.blocks[i].rows())
	}
	return n
}

// RawBytes is the size of the batch's blocks without compression.
func (b *Batch) RawBytes() int { return len(b.encoded()) }

// Committed tells the encoder that the batch's record is in the queue for good, so that what is written once a day, for
// example a resource, needn't be written by the next batch. Without this call it is written again.
func (b *Batch) Committed() {
	b.enc.stored.add(b.pending, func(k storedKey) {
		if k.kind == storedPattern {
			b.enc.own.patterns.Count(quota.Key{Tenant: k.tenant, Day: k.day}, 1)
		}
	})
}

// maxPooledBytes is the largest batch whose memory is kept for the next one.
const maxPooledBytes = 64 << 20

// maxKeptKeys is the largest map that is emptied; a larger one is left to the collector, since emptying costs what the map
// once held, for each batch that comes after.
const maxKeptKeys = 1024

func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > maxKeptKeys {
		return map[K]V{}
	}
	clear(m)
	return m
}

// Release gives the batch's memory back. Neither the batch nor its strings may be used afterwards.
func (b *Batch) Release() {
	if cap(b.raw) > maxPooledBytes {
		return
	}
	for i := range b.blocks {
		for _, c := range b.blocks[i].named {
			c.Column.Reset()
		}
	}
	b.pending, b.own.patterns = emptied(b.pending), emptied(b.own.patterns)
	clear(b.pairs[:cap(b.pairs)]) // they point into the request
	b.drops, b.raw = b.drops[:0], b.raw[:0]
	b.enc.batches.Put(b)
}
