// Package reader turns rows of the store back into pdata: the exact inverse of package writer, for export, replay and
// the proof that nothing of OTLP is lost. The correlation that the writer lifted out of resources is put back into them,
// the tenant is not: it is the caller's own. Order is kept among the attributes of one type, not between types.
package reader

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// Scope says which rows are read: those of one tenant with a time in [From, To).
type Scope struct {
	Tenant   tenant.ID
	From, To time.Time
}

// maxBucket is how far before a row its ts_bucket may start.
const maxBucket = 24 * time.Hour

// inTime is the condition for tables with ts_bucket and timestamp, whose buckets are at most that wide.
func inTime(width time.Duration) string {
	return "tenant_id = {tenant:UUID}" +
		" AND ts_bucket >= toDateTime(greatest({from_s:Int64} - " + strconv.Itoa(int(width/time.Second)) + ", 0), 'UTC')" +
		" AND ts_bucket <= toDateTime({to_s:Int64}, 'UTC')" +
		" AND timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')"
}

// inDays is the condition for tables with a row per day.
const inDays = "tenant_id = {tenant:UUID} AND day >= toDate(toDateTime({from_s:Int64}, 'UTC')) AND day <= toDate(toDateTime({to_s:Int64}, 'UTC'))"

// args are the values of the conditions' parameters.
func (s Scope) args() ([]any, error) {
	if s.Tenant.IsZero() {
		return nil, errors.New("no tenant")
	}
	if !s.From.Before(s.To) {
		return nil, fmt.Errorf("the window starts at %s, not before its end %s", s.From, s.To)
	}
	number := func(name string, n int64) any { return clickhouse.Named(name, strconv.FormatInt(n, 10)) }
	return []any{
		clickhouse.Named("tenant", s.Tenant.String()),
		number("from_s", max(s.From.Unix(), 0)), number("to_s", max(s.To.Unix(), 0)),
		number("from_ns", s.From.UnixNano()), number("to_ns", s.To.UnixNano()),
	}, nil
}

// each calls visit for each row of a query; what names the rows in errors, more are values of further parameters.
func (s Scope) each(ctx context.Context, conn driver.Conn, what, sql string, visit func(driver.Rows) error, more ...any) error {
	args, err := s.args()
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	rows, err := conn.Query(ctx, sql, append(args, more...)...)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// attrColumns are the columns of a record's attributes, in the order of attrs.dest. Keys and values come apart because a
// Go map would lose one of two equal keys.
const attrColumns = "mapKeys(attrs_str), mapValues(attrs_str), mapKeys(attrs_num), mapValues(attrs_num), mapKeys(attrs_int), mapValues(attrs_int), " +
	"mapKeys(attrs_bool), mapValues(attrs_bool), mapKeys(attrs_any), mapValues(attrs_any)"

// attrs are a record's attributes by type.
type attrs struct {
	strKeys, numKeys, intKeys, boolKeys, anyKeys []string
	strs, others                                 []string
	nums                                         []float64
	ints                                         []int64
	bools                                        []bool
}

func (a *attrs) dest() []any {
	return []any{&a.strKeys, &a.strs, &a.numKeys, &a.nums, &a.intKeys, &a.ints, &a.boolKeys, &a.bools, &a.anyKeys, &a.others}
}

// firstInt tells whether the first of the integers has the key: there the writer puts what a column couldn't hold.
func (a *attrs) firstInt(key string) bool { return len(a.intKeys) > 0 && a.intKeys[0] == key }

// takeInt takes the first of the integers, which must have the key.
func (a *attrs) takeInt(key string) (int64, error) {
	if !a.firstInt(key) {
		return 0, fmt.Errorf("the flags promise an attribute %s, which is not there", key)
	}
	v := a.ints[0]
	a.intKeys, a.ints = a.intKeys[1:], a.ints[1:]
	return v, nil
}

// into puts the attributes into an empty map.
func (a *attrs) into(m pcommon.Map) error {
	var mb xpdata.MapBuilder
	err := a.build(&mb)
	mb.UnsafeIntoMap(m)
	return err
}

// build appends the attributes to a builder's.
func (a *attrs) build(mb *xpdata.MapBuilder) error {
	for i, k := range a.strKeys {
		mb.AppendEmpty(k).SetStr(a.strs[i])
	}
	for i, k := range a.numKeys {
		mb.AppendEmpty(k).SetDouble(a.nums[i])
	}
	for i, k := range a.intKeys {
		mb.AppendEmpty(k).SetInt(a.ints[i])
	}
	for i, k := range a.boolKeys {
		mb.AppendEmpty(k).SetBool(a.bools[i])
	}
	for i, k := range a.anyKeys {
		if err := anyvalue.Decode([]byte(a.others[i]), mb.AppendEmpty(k)); err != nil {
			return fmt.Errorf("attribute %q: %w", k, err)
		}
	}
	return nil
}

// origin is what a row has of its resource.
type origin struct {
	fp          uint64
	correlation envelope.Correlation
}

const originColumns = "resource_fp, commit_sha, build_run_id, deployment_id, toInt8(correlation_basis)"

func (o *origin) dest(basis *int8) []any {
	return []any{&o.fp, &o.correlation.CommitSHA, &o.correlation.BuildRunID, &o.correlation.DeploymentID, basis}
}

// stamps puts back what the writer lifted out of the resource.
func stamps(c envelope.Correlation, mb *xpdata.MapBuilder) {
	for _, s := range []struct{ key, value string }{
		{envelope.AttrCommitSHA, c.CommitSHA}, {envelope.AttrBuildRunID, c.BuildRunID}, {envelope.AttrDeploymentID, c.DeploymentID},
	} {
		if s.value != "" {
			mb.AppendEmpty(s.key).SetStr(s.value)
		}
	}
	if c.Basis != envelope.BasisNone {
		mb.AppendEmpty(envelope.AttrBasis).SetStr(c.Basis.String())
	}
}

// scopeRow is what a row has of its instrumentation scope.
type scopeRow struct{ name, version, extra string }

const scopeColumns = "scope_name, scope_version, scope_extra"

func (s *scopeRow) dest() []any { return []any{&s.name, &s.version, &s.extra} }

// Fields of scope_extra, which are those of ScopeSpans.
const (
	extraScope     = 1
	extraSchemaURL = 3
)

// into puts the scope into an empty one and gives its schema URL.
func (s *scopeRow) into(to pcommon.InstrumentationScope) (schemaURL string, err error) {
	to.SetName(s.name)
	to.SetVersion(s.version)
	if s.extra == "" {
		return "", nil
	}
	inner, err := anyvalue.Field([]byte(s.extra), extraScope)
	if err != nil {
		return "", err
	}
	url, err := anyvalue.Field([]byte(s.extra), extraSchemaURL)
	if err != nil {
		return "", err
	}
	return string(url), anyvalue.DecodeScope(inner, to)
}
