package rowset

import (
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

func init() { derivers["log counts"] = (*Set).deriveLogCounts }

// Widths of the counts of log records, in seconds, and how long the counts are kept at least, in days.
const (
	minuteWidth  = 60
	patternWidth = 900
	patternDays  = 90
	rowDays      = 400
)

// minuteColumns is logs_1m_v1.
type minuteColumns struct {
	Tenant   *column.Fixed       `col:"tenant_id"`
	Service  *column.LowCard     `col:"service_name"`
	Env      *column.LowCard     `col:"environment"`
	Severity *column.Num[uint8]  `col:"severity"`
	Minute   *column.Num[uint32] `col:"minute"`
	Records  *column.Num[uint64] `col:"records"`
	Bytes    *column.Num[uint64] `col:"body_bytes"`
	Days     *column.Num[uint16] `col:"retention_days"`
}

// slotColumns is log_patterns_15m_v1.
type slotColumns struct {
	Tenant   *column.Fixed       `col:"tenant_id"`
	Service  *column.LowCard     `col:"service_name"`
	Pattern  *column.Num[uint64] `col:"pattern_id"`
	At       *column.Num[uint32] `col:"ts"`
	Env      *column.LowCard     `col:"environment"`
	Version  *column.LowCard     `col:"service_version"`
	Severity *column.Num[uint8]  `col:"severity"`
	Records  *column.Num[uint64] `col:"records"`
	Days     *column.Num[uint16] `col:"retention_days"`
}

// logRows are the gathered columns of logs_v1 that the counts are made of.
type logRows struct {
	tenants               *column.Fixed
	at                    *column.Num[int64]
	service, env, version *column.LowCard
	severity              *column.Num[uint8]
	pattern               *column.Num[uint64]
	body                  *column.Str
}

func (s *Set) logRows() (r logRows, ok bool) {
	all := true
	find := func(found bool) { all = all && found }
	r.tenants, ok = columnOf[*column.Fixed](s, table.Logs, "tenant_id")
	find(ok)
	r.at, ok = columnOf[*column.Num[int64]](s, table.Logs, "timestamp")
	find(ok)
	r.service, ok = columnOf[*column.LowCard](s, table.Logs, "service_name")
	find(ok)
	r.env, ok = columnOf[*column.LowCard](s, table.Logs, "environment")
	find(ok)
	r.version, ok = columnOf[*column.LowCard](s, table.Logs, "service_version")
	find(ok)
	r.severity, ok = columnOf[*column.Num[uint8]](s, table.Logs, "severity")
	find(ok)
	r.pattern, ok = columnOf[*column.Num[uint64]](s, table.Logs, "pattern_id")
	find(ok)
	r.body, ok = columnOf[*column.Str](s, table.Logs, "body")
	find(ok)
	return r, all
}

// logKey is what the records of one row of counts have in common; strings are keys of the columns' dictionaries.
type logKey struct {
	tenant, at   uint32
	service, env uint32
	version      uint32
	severity     uint8
	pattern      uint64
}

// logCount is a row of counts, with a record that has its key's values.
type logCount struct{ row, records, bytes uint64 }

// counts gathers rows of counts in the order of their first records.
type counts struct {
	places map[logKey]int
	rows   []logCount
	last   logKey
	place  int
}

func (c *counts) add(k logKey, row, bytes int) {
	if len(c.rows) == 0 || k != c.last {
		place, ok := c.places[k]
		if !ok {
			place = len(c.rows)
			c.places[k] = place
			c.rows = append(c.rows, logCount{row: uint64(row)})
		}
		c.last, c.place = k, place
	}
	c.rows[c.place].records++
	c.rows[c.place].bytes += uint64(bytes)
}

// deriveLogCounts counts the segment's records by minute and severity, and by pattern.
func (s *Set) deriveLogCounts() error {
	r, ok := s.logRows()
	if !ok {
		return nil
	}
	tenants := r.tenants.Ordinals(nil)
	minutes, slots := counts{places: map[logKey]int{}}, counts{places: map[logKey]int{}}
	for row := range r.at.Rows() {
		k := logKey{tenant: uint32(tenants[row]), at: bucketOf(r.at.Data[row], minuteWidth), service: r.service.KeyAt(row), env: r.env.KeyAt(row),
			severity: r.severity.Data[row]}
		minutes.add(k, row, len(r.body.At(row)))
		k.at, k.version, k.pattern = bucketOf(r.at.Data[row], patternWidth), r.version.KeyAt(row), r.pattern.Data[row]
		slots.add(k, row, 0)
	}
	if err := derive(s, table.LogMinutes, func(c *minuteColumns) { c.fill(&r, minutes.rows, s.longest(table.Logs, rowDays)) }); err != nil {
		return err
	}
	return derive(s, table.PatternSlots, func(c *slotColumns) { c.fill(&r, slots.rows, s.longest(table.Logs, patternDays)) })
}

func (c *minuteColumns) fill(r *logRows, rows []logCount, days uint16) {
	for _, n := range rows {
		row := int(n.row)
		c.Tenant.Append(r.tenants.At(row))
		c.Service.Append(r.service.At(row))
		c.Env.Append(r.env.At(row))
		c.Severity.Append(r.severity.Data[row])
		c.Minute.Append(bucketOf(r.at.Data[row], minuteWidth))
		c.Records.Append(n.records)
		c.Bytes.Append(n.bytes)
		c.Days.Append(days)
	}
}

func (c *slotColumns) fill(r *logRows, rows []logCount, days uint16) {
	for _, n := range rows {
		row := int(n.row)
		c.Tenant.Append(r.tenants.At(row))
		c.Service.Append(r.service.At(row))
		c.Pattern.Append(r.pattern.Data[row])
		c.At.Append(bucketOf(r.at.Data[row], patternWidth))
		c.Env.Append(r.env.At(row))
		c.Version.Append(r.version.At(row))
		c.Severity.Append(r.severity.Data[row])
		c.Records.Append(n.records)
		c.Days.Append(days)
	}
}
