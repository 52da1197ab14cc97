package writer

import (
	"math"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/tenant"
)

// Bits of time_flags.
const (
	// flagNoStart: the item had no time of its own, the row has the time of arrival.
	flagNoStart = 1
	// flagNoEnd: a span had no end, a log record no observed time.
	flagNoEnd = 2
	// flagClamped: a time was out of range, the original is the first of its name in attrs_int.
	flagClamped = 4
	// flagKind and flagStatus: the number was outside the enumeration, the original is in attrs_int likewise.
	flagKind   = 8
	flagStatus = 16
)

// Widths of ts_bucket in seconds. They are the same for all tenants and times: a row's bucket is its timestamp rounded
// down to the width of its table, so any process finds it without asking. bucket_history_v1 has them as rows, valid from
// 1970, so that readers needn't know these numbers and a later build may change them.
const (
	spanBucket   = 300
	logBucket    = 300
	errorBucket  = 3600
	metricBucket = 3600
)

// bucketOf rounds a time in ns down to the width, in seconds. Times before 1970 are in the bucket of 1970.
func bucketOf(ns int64, width uint32) uint32 {
	s := uint32(max(ns, 0) / int64(time.Second))
	return s - s%width
}

// clock says which times are taken as they are.
type clock struct{ now, low, high int64 }

// clock of rows that are kept for the given days. A row that its table's TTL would take at once is out of range, too:
// rows go by whole days in UTC.
func (b *Batch) clock(retentionDays uint16) clock {
	const day = 24 * time.Hour
	now := b.now.UnixNano()
	low := b.now.UTC().Truncate(day).UnixNano() - int64(retentionDays-1)*int64(day)
	if past := b.enc.opts.MaxPast; past > 0 {
		low = max(low, now-int64(past))
	}
	return clock{now: now, low: low, high: now + int64(b.enc.opts.MaxFuture)}
}

// holds tells whether a time is within the bounds.
func (c clock) holds(ns uint64) bool {
	return ns <= math.MaxInt64 && int64(ns) >= c.low && int64(ns) <= c.high
}

type bucketColumns struct {
	Tenant *column.Fixed       `col:"tenant_id"`
	Table  *column.LowCard     `col:"table_name"`
	From   *column.Num[uint32] `col:"valid_from"`
	Width  *column.Num[uint32] `col:"width_s"`
	Days   *column.Num[uint16] `col:"retention_days"`
	At     *column.Num[int64]  `col:"updated_at"`
}

// recordWidth writes the width of a table's buckets for a tenant, once a day.
func (b *Batch) recordWidth(id tenant.ID, t *table.Table, width uint32) {
	if !b.first(storedKey{tenant: id, kind: storedBucket, day: dayOf(b.now), hi: uint64(t.Index), lo: uint64(width)}) {
		return
	}
	c := use[bucketColumns](b, table.BucketHistory)
	c.Tenant.AppendUUID(id)
	c.Table.Append(t.Name)
	c.From.Append(0)
	c.Width.Append(width)
	c.Days.Append(max(2*rollupDays, b.enc.opts.Retention.rollups()))
	c.At.Append(b.now.UnixMilli())
}
