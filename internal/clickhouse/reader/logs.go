package reader

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/envelope"
)

// Bits of time_flags. flagSeverity is one of logs_v1 alone: the severity number is in attrs_int.
const (
	flagNoStart  = 1
	flagNoEnd    = 2
	flagClamped  = 4
	flagSeverity = 8
)

var logSelect = "SELECT " + originColumns + ", " + scopeColumns + ", toUnixTimestamp64Nano(timestamp), observed_delta_ns, time_flags, severity, severity_text, " +
	"event_name, body, toInt8(body_type), body_any, toString(trace_id), span_id, flags, dropped_attributes, " + attrColumns +
	" FROM logs_v1 WHERE " + inTime(maxBucket) +
	" ORDER BY resource_fp, commit_sha, build_run_id, deployment_id, correlation_basis, scope_name, scope_version, scope_extra, timestamp"

// Logs reads the scope's log records, each resource's in the order of their times.
func Logs(ctx context.Context, conn driver.Conn, s Scope) (plog.Logs, error) {
	var list []logRow
	fps := map[uint64]bool{}
	err := s.each(ctx, conn, "log records", logSelect, func(rows driver.Rows) error {
		var r logRow
		err := r.scan(rows)
		fps[r.origin.fp] = true
		list = append(list, r)
		return err
	})
	if err != nil {
		return plog.Logs{}, err
	}
	resources, err := s.resources(ctx, conn, fps)
	if err != nil {
		return plog.Logs{}, err
	}
	return assembleLogs(list, resources)
}

// assembleLogs puts rows that are sorted by origin and scope under their resources.
func assembleLogs(list []logRow, resources map[uint64]*resource) (plog.Logs, error) {
	ld := plog.NewLogs()
	var rl plog.ResourceLogs
	var sl plog.ScopeLogs
	for i := range list {
		r := &list[i]
		newOrigin := i == 0 || r.origin != list[i-1].origin
		if newOrigin {
			rl = ld.ResourceLogs().AppendEmpty()
			res := resources[r.origin.fp]
			rl.SetSchemaUrl(res.schemaURL)
			if err := res.into(rl.Resource(), r.origin.correlation); err != nil {
				return ld, err
			}
		}
		if newOrigin || r.scope != list[i-1].scope {
			sl = rl.ScopeLogs().AppendEmpty()
			url, err := r.scope.into(sl.Scope())
			if err != nil {
				return ld, err
			}
			sl.SetSchemaUrl(url)
		}
		if err := r.fill(sl.LogRecords().AppendEmpty()); err != nil {
			return ld, fmt.Errorf("log record: %w", err)
		}
	}
	return ld, nil
}

// logRow is a row of logs_v1.
type logRow struct {
	origin                  origin
	scope                   scopeRow
	at, observed            int64
	timeFlags, severity     uint8
	severityText, eventName string
	body                    string
	bodyType                int8
	bodyAny                 string
	trace                   string
	span                    uint64
	flags, dropped          uint32
	attrs                   attrs
}

func (r *logRow) scan(rows driver.Rows) error {
	var basis int8
	dest := append(r.origin.dest(&basis), r.scope.dest()...)
	dest = append(dest, &r.at, &r.observed, &r.timeFlags, &r.severity, &r.severityText, &r.eventName, &r.body, &r.bodyType, &r.bodyAny,
		&r.trace, &r.span, &r.flags, &r.dropped)
	err := rows.Scan(append(dest, r.attrs.dest()...)...)
	r.origin.correlation.Basis = envelope.Basis(basis)
	return err
}

func (r *logRow) fill(lr plog.LogRecord) error {
	if err := r.times(lr); err != nil {
		return err
	}
	lr.SetSeverityNumber(plog.SeverityNumber(r.severity))
	if r.timeFlags&flagSeverity != 0 {
		n, err := r.attrs.takeInt(envelope.AttrOTLPSeverity)
		if err != nil {
			return err
		}
		lr.SetSeverityNumber(plog.SeverityNumber(n))
	}
	lr.SetSeverityText(r.severityText)
	lr.SetEventName(r.eventName)
	lr.SetFlags(plog.LogRecordFlags(r.flags))
	lr.SetDroppedAttributesCount(r.dropped)
	lr.SetTraceID(traceID(r.trace))
	lr.SetSpanID(spanID(r.span))
	if err := r.bodyInto(lr.Body()); err != nil {
		return err
	}
	return r.attrs.into(lr.Attributes())
}

func (r *logRow) times(lr plog.LogRecord) error {
	if r.timeFlags&flagNoStart == 0 {
		lr.SetTimestamp(pcommon.Timestamp(r.at))
	}
	if r.timeFlags&flagClamped != 0 {
		at, err := r.attrs.takeInt(envelope.AttrOTLPTime)
		if err != nil {
			return err
		}
		lr.SetTimestamp(pcommon.Timestamp(at))
	}
	if r.timeFlags&flagNoEnd == 0 {
		lr.SetObservedTimestamp(pcommon.Timestamp(r.at + r.observed))
	}
	return nil
}

// bodyInto writes the body: a string is its text, every other type has its exact bytes.
func (r *logRow) bodyInto(v pcommon.Value) error {
	const empty, text = 0, 1
	switch r.bodyType {
	case empty:
		return nil
	case text:
		v.SetStr(r.body)
		return nil
	}
	return anyvalue.Decode([]byte(r.bodyAny), v)
}

func spanID(n uint64) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}
