package writer

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/promoted"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// slotsPerBucket parts a bucket in the sort key of logs: within a slot rows lie by pattern.
const slotsPerBucket = 16

// flagSeverity in time_flags: the severity number doesn't fit its column, the original is the first of its name in
// attrs_int.
const flagSeverity = 8

// bodyKey names the body in the list of values that were cut.
const bodyKey = "body"

// bodyType is the Enum8 body_type of logs_v1.
type bodyType = int8

var bodyTypes = [...]bodyType{
	pcommon.ValueTypeEmpty: 0, pcommon.ValueTypeStr: 1, pcommon.ValueTypeBool: 2, pcommon.ValueTypeInt: 3, pcommon.ValueTypeDouble: 4,
	pcommon.ValueTypeBytes: 5, pcommon.ValueTypeSlice: 6, pcommon.ValueTypeMap: 7,
}

// logColumns is logs_v1.
type logColumns struct {
	Origin       originColumns
	Scope        scopeColumns
	Attrs        attrColumns
	Bucket       *column.Num[uint32] `col:"ts_bucket"`
	Slot         *column.Num[uint8]  `col:"ts_slot"`
	Pattern      *column.Num[uint64] `col:"pattern_id"`
	At           *column.Num[int64]  `col:"timestamp"`
	Observed     *column.Num[int64]  `col:"observed_delta_ns"`
	TimeFlags    *column.Num[uint8]  `col:"time_flags"`
	Severity     *column.Num[uint8]  `col:"severity"`
	SeverityText *column.LowCard     `col:"severity_text"`
	EventName    *column.LowCard     `col:"event_name"`
	Body         *column.Str         `col:"body"`
	BodyType     *column.Num[int8]   `col:"body_type"`
	BodyAny      *column.Str         `col:"body_any"`
	TraceID      *column.Fixed       `col:"trace_id"`
	SpanID       *column.Num[uint64] `col:"span_id"`
	Flags        *column.Num[uint32] `col:"flags"`
	Dropped      *column.Num[uint32] `col:"dropped_attributes"`
	Session      *column.Str         `col:"session_id"`
}

// Logs encodes log records; build events among them become rows of the build tables. Release the batch in any case.
func (e *Encoder) Logs(ld plog.Logs) (*Batch, error) {
	b := e.begin()
	w := logWriter{b: b, clock: b.clock(e.opts.Retention.Logs)}
	for _, rl := range ld.ResourceLogs().All() {
		w.resource(rl)
	}
	b.learn(catalog.LogSource)
	return b, nil
}

// logWriter is one request's way through its records.
type logWriter struct {
	b     *Batch
	c     *logColumns
	clock clock
	from  plog.ResourceLogs
	res   resource
}

func (w *logWriter) resource(rl plog.ResourceLogs) {
	var err error
	w.from = rl
	if w.res, err = w.b.resource(rl.Resource(), rl.SchemaUrl(), SignalLogs); err != nil {
		w.quarantine(err)
		return
	}
	w.c = use[logColumns](w.b, table.Logs)
	before := w.c.At.Rows()
	for _, sl := range rl.ScopeLogs().All() {
		inScope := w.c.At.Rows()
		for _, lr := range sl.LogRecords().All() {
			if !w.b.addBuild(&w.res, lr) {
				w.record(lr)
			}
		}
		w.c.Scope.appendN(w.b, sl.Scope(), sl.SchemaUrl(), SignalLogs, w.c.At.Rows()-inScope)
	}
	n := w.c.At.Rows() - before
	w.c.Origin.appendN(&w.res, w.b.enc.opts.Retention.Logs, n)
	if n > 0 {
		w.b.recordWidth(w.res.tenant, table.Logs, logBucket)
	}
}

// quarantine keeps all records of a resource that has no valid tenant.
func (w *logWriter) quarantine(cause error) {
	ld := plog.NewLogs()
	w.from.CopyTo(ld.ResourceLogs().AppendEmpty())
	// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
	payload, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	w.b.quarantine(&w.res, SignalLogs, reasonTenant, cause.Error(), ld.LogRecordCount(), payload)
}

func (w *logWriter) record(lr plog.LogRecord) {
	c, trace, span := w.c, lr.TraceID(), lr.SpanID()
	c.TraceID.Append(trace[:])
	c.SpanID.Append(binary.BigEndian.Uint64(span[:]))
	c.Flags.Append(uint32(lr.Flags()))
	c.Dropped.Append(lr.DroppedAttributesCount())
	c.SeverityText.Append(lr.SeverityText())
	c.EventName.Append(lr.EventName())

	at, flags := w.times(lr)
	flags |= w.severity(lr.SeverityNumber())
	c.TimeFlags.Append(flags)
	bucket := bucketOf(at, logBucket)
	c.Bucket.Append(bucket)
	c.Slot.Append(uint8((at/1e9 - int64(bucket)) * slotsPerBucket / logBucket))
	w.body(lr.Body(), at)

	session := w.res.session
	x := exception{named: lr.EventName() == exceptionEvent}
	for k, v := range lr.Attributes().All() {
		if k == "session.id" {
			session = promoted.Text(v)
		}
		x.look(k, v)
		c.Attrs.put(w.b, k, v)
	}
	c.Attrs.endRow(w.b, SignalLogs)
	c.Session.Append(session)
	if x.is() {
		x.session = session
		w.exception(&x, lr, at)
	}
}

// times writes the record's times. The observed time is kept as its distance from the timestamp, modulo 2^64, so it comes
// back whatever it was.
func (w *logWriter) times(lr plog.LogRecord) (at int64, flags uint8) {
	own, observed := uint64(lr.Timestamp()), uint64(lr.ObservedTimestamp())
	usable := own
	if own == 0 {
		flags |= flagNoStart
		usable = observed
	}
	at = int64(usable)
	switch {
	case usable == 0:
		at = w.clock.now
	case !w.clock.holds(usable):
		at = w.clock.now
		w.b.drop(reasonClamped, SignalLogs, 1)
		if own != 0 {
			flags |= flagClamped
			w.c.Attrs.putInt(envelope.AttrOTLPTime, int64(own))
		}
	}
	delta := int64(observed) - at
	if observed == 0 {
		flags |= flagNoEnd
		delta = 0
	}
	w.c.At.Append(at)
	w.c.Observed.Append(delta)
	return at, flags
}

func (w *logWriter) severity(n plog.SeverityNumber) uint8 {
	if n < 0 || n > math.MaxUint8 {
		w.c.Attrs.putInt(envelope.AttrOTLPSeverity, int64(n))
		w.c.Severity.Append(0)
		return flagSeverity
	}
	w.c.Severity.Append(uint8(n))
	return 0
}

// body writes the text, the exact value where the text isn't it, and the pattern.
func (w *logWriter) body(v pcommon.Value, at int64) {
	c, b := w.c, w.b
	c.BodyType.Append(bodyTypes[v.Type()])
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text := b.text(bodyKey, v.Str())
		c.Body.Append(text)
		c.BodyAny.Append("")
		c.Pattern.Append(b.pattern(w.res.tenant, text, at))
		return
	case pcommon.ValueTypeEmpty:
		c.Body.Append("")
		c.BodyAny.Append("")
	default:
		c.BodyAny.AppendBytes(b.encode(bodyKey, v))
		b.own.text = anyvalue.AppendJSON(b.own.text[:0], v, b.enc.opts.MaxValueBytes)
		c.Body.AppendBytes(b.own.text)
	}
	c.Pattern.Append(0)
}

// exception writes the error row of a record that tells of one.
func (w *logWriter) exception(x *exception, lr plog.LogRecord, at int64) {
	x.at, x.trace, x.span, x.weight, x.kept = at, lr.TraceID(), lr.SpanID(), 1, true
	x.source, x.level = sourceLog, levelOf(lr.SeverityNumber())
	x.event = w.eventID(lr)
	w.b.addError(&w.res, x)
}

// eventID is the id that the envelope processor gives the record, whether it ran or not.
func (w *logWriter) eventID(lr plog.LogRecord) envelope.EventID {
	if v, ok := lr.Attributes().Get(envelope.AttrEventID); ok {
		if id, err := tenant.Parse(promoted.Text(v)); err == nil {
			return envelope.EventID(id)
		}
	}
	resource := envelope.ResourceHash(w.from.Resource().Attributes())
	return envelope.LogEventID(w.res.tenant, resource, int64(lr.Timestamp()), int64(lr.ObservedTimestamp()), lr.TraceID(), lr.SpanID(),
		envelope.LogContent(lr))
}

// levelOf is the level of an exception in a record of that severity; a record without one is taken for an error.
func levelOf(n plog.SeverityNumber) int8 {
	switch {
	case n >= plog.SeverityNumberFatal:
		return levelFatal
	case n >= plog.SeverityNumberError, n < plog.SeverityNumberTrace:
		return levelError
	case n >= plog.SeverityNumberWarn:
		return levelWarning
	case n >= plog.SeverityNumberInfo:
		return levelInfo
	}
	return levelDebug
}
