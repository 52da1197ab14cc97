package writer

import (
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/quota"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/tenant"
)

// maxPatterns is the number of patterns that a tenant may have a day in one process. Records beyond it have none: bodies
// that all differ would fill the table of templates and help no query.
const maxPatterns = 50_000

// patternColumns is log_patterns_v1.
type patternColumns struct {
	Tenant   *column.Fixed       `col:"tenant_id"`
	ID       *column.Num[uint64] `col:"pattern_id"`
	Day      *column.Num[uint16] `col:"day"`
	Template *column.Str         `col:"template"`
	Sample   *column.Str         `col:"sample"`
	First    *column.Num[int64]  `col:"first_seen"`
	Last     *column.Num[int64]  `col:"last_seen"`
	Days     *column.Num[uint16] `col:"retention_days"`
}

// pattern gives a body's pattern id, 0 for none, and writes the pattern's row if it is the first of the record's day.
func (b *Batch) pattern(id tenant.ID, body string, at int64) uint64 {
	template, hash := b.own.masker.Pattern(body)
	if hash == 0 {
		return 0
	}
	day := dayOf(time.Unix(0, at))
	key := storedKey{tenant: id, kind: storedPattern, day: day, lo: hash}
	if b.known(key) {
		return hash
	}
	owner := quota.Key{Tenant: id, Day: day}
	if !b.enc.own.patterns.Admits(owner, b.own.patterns[owner]) {
		return 0
	}
	b.first(key)
	b.own.patterns[owner]++
	c := use[patternColumns](b, table.LogPatterns)
	c.Tenant.AppendUUID(id)
	c.ID.Append(hash)
	c.Day.Append(uint16(day))
	c.Template.AppendBytes(template)
	c.Sample.Append(body)
	c.First.Append(at)
	c.Last.Append(at)
	c.Days.Append(b.enc.opts.Retention.Logs)
	return hash
}

// known tells whether the row was written, by this batch or before.
func (b *Batch) known(k storedKey) bool {
	_, ok := b.pending[k]
	return ok || b.enc.stored.has(k)
}
