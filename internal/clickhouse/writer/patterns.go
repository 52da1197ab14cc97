package writer

import (
	"sync"
	"time"

	"github.com/summitobs/summit/internal/clickhouse/column"
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
	quota := tenantDay{id, day}
	if !b.enc.own.patterns.admits(quota, b.own.patterns[quota]) {
		return 0
	}
	b.first(key)
	b.own.patterns[quota]++
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

// patternQuota counts the patterns of each tenant and day that were stored. It is safe for concurrent use.
type patternQuota struct {
	mu   sync.Mutex
	used map[tenantDay]int
}

type tenantDay struct {
	tenant tenant.ID
	day    int32
}

// maxQuotas bounds the tenants and days that are counted; beyond it counting begins anew.
const maxQuotas = 10_000

// admits tells whether one more pattern may be written by a batch that has so many new ones already. It counts nothing:
// a batch that is refused comes again.
func (q *patternQuota) admits(k tenantDay, pending int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used[k]+pending < maxPatterns
}

// count counts a pattern that was stored.
func (q *patternQuota) count(k tenantDay) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used == nil || len(q.used) >= maxQuotas {
		q.used = map[tenantDay]int{}
	}
	q.used[k]++
}
