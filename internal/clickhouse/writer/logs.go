package writer

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/catalog"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
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
	from := make([]otlpitem.Records, 0, ld.ResourceLogs().Len())
	for _, rl := range ld.ResourceLogs().All() {
		from = append(from, otlpitem.PDataRecords{ResourceLogs: rl})
	}
	return e.Records(from)
}

// Records encodes log records of any source, as Logs does. An error says what is malformed in it.
func (e *Encoder) Records(from []otlpitem.Records) (*Batch, error) {
	b := e.begin()
	w := logWriter{b: b, clock: b.clock(e.opts.Retention.Logs), item: &b.own.record}
	for _, rl := range from {
		if err := w.resource(rl); err != nil {
			b.Release()
			return nil, err
		}
	}
	b.learn(catalog.LogSource)
	return b, nil
}

// logWriter is one request's way through its records.
type logWriter struct {
	b     *Batch
	c     *logColumns
	clock clock
	from  otlpitem.Records
	item  *otlpitem.Record
	res   resource
	// scope and index are the present record's place.
	scope, index int
}

func (w *logWriter) resource(from otlpitem.Records) error {
	head := from.Head()
	res, invalid := w.b.resource(head.Resource(), head.SchemaUrl(), SignalLogs)
	w.res, w.from = res, from
	if invalid != nil {
		return w.quarantine(invalid)
	}
	w.c = use[logColumns](w.b, table.Logs)
	before := w.c.At.Rows()
	for i, sl := range head.ScopeLogs().All() {
		inScope := w.c.At.Rows()
		for j := range from.Len(i) {
			w.scope, w.index = i, j
			if err := w.next(); err != nil {
				return err
			}
		}
		w.c.Scope.appendN(w.b, sl.Scope(), sl.SchemaUrl(), SignalLogs, w.c.At.Rows()-inScope)
	}
	n := w.c.At.Rows() - before
	w.c.Origin.appendN(&w.res, w.b.enc.opts.Retention.Logs, n)
	if n > 0 {
		w.b.recordWidth(w.res.tenant, table.Logs, logBucket)
	}
	return nil
}

// next reads a record and writes its rows.
func (w *logWriter) next() error {
	if err := w.from.Read(w.scope, w.index, w.item); err != nil {
		return err
	}
	if strings.HasPrefix(w.item.EventName, envelope.OwnEvents) {
		lr, err := w.from.Whole(w.scope, w.index)
		if err != nil || w.b.addBuild(&w.res, lr) {
			return err
		}
	}
	return w.record(w.item)
}

// quarantine keeps all records of a resource that has no valid tenant.
func (w *logWriter) quarantine(cause error) error {
	ld, head := plog.NewLogs(), w.from.Head()
	rl := ld.ResourceLogs().AppendEmpty()
	head.Resource().CopyTo(rl.Resource())
	rl.SetSchemaUrl(head.SchemaUrl())
	for i, sl := range head.ScopeLogs().All() {
		to := rl.ScopeLogs().AppendEmpty()
		sl.Scope().CopyTo(to.Scope())
		to.SetSchemaUrl(sl.SchemaUrl())
		for j := range w.from.Len(i) {
			lr, err := w.from.Whole(i, j)
			if err != nil {
				return err
			}
			lr.CopyTo(to.LogRecords().AppendEmpty())
		}
	}
	// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
	payload, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	w.b.quarantine(&w.res, SignalLogs, reasonTenant, cause.Error(), ld.LogRecordCount(), payload)
	return nil
}

func (w *logWriter) record(lr *otlpitem.Record) error {
	c := w.c
	c.TraceID.Append(lr.TraceID[:])
	c.SpanID.Append(spanNumber(lr.SpanID))
	c.Flags.Append(lr.Flags)
	c.Dropped.Append(lr.Dropped)
	c.SeverityText.Append(lr.SeverityText)
	c.EventName.Append(lr.EventName)

	at, flags := w.times(lr.At, lr.Observed)
	flags |= w.severity(lr.Severity)
	c.TimeFlags.Append(flags)
	bucket := bucketOf(at, logBucket)
	c.Bucket.Append(bucket)
	c.Slot.Append(uint8((at/1e9 - int64(bucket)) * slotsPerBucket / logBucket))
	w.body(&lr.Body, at)

	session := w.res.session
	x := exception{named: lr.EventName == exceptionEvent}
	for i := range lr.Attrs {
		a := &lr.Attrs[i]
		if a.Key == "session.id" {
			session = a.Text()
		}
		x.look(a.Key, &a.Value)
		c.Attrs.put(w.b, a.Key, &a.Value)
	}
	c.Attrs.endRow(w.b, SignalLogs)
	c.Session.Append(session)
	if !x.is() {
		return nil
	}
	x.session = session
	return w.exception(&x, lr, at)
}

// times writes the record's times. The observed time is kept as its distance from the timestamp, modulo 2^64, so it comes
// back whatever it was.
func (w *logWriter) times(own, observed uint64) (at int64, flags uint8) {
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

func (w *logWriter) severity(n int32) uint8 {
	if n < 0 || n > math.MaxUint8 {
		w.c.Attrs.putInt(envelope.AttrOTLPSeverity, int64(n))
		w.c.Severity.Append(0)
		return flagSeverity
	}
	w.c.Severity.Append(uint8(n))
	return 0
}

// body writes the text, the exact value where the text isn't it, and the pattern.
func (w *logWriter) body(v *otlpitem.Value, at int64) {
	c, b := w.c, w.b
	c.BodyType.Append(bodyTypes[v.Type])
	switch v.Type {
	case pcommon.ValueTypeStr:
		text := b.text(bodyKey, v.Str)
		c.Body.Append(text)
		c.BodyAny.Append("")
		c.Pattern.Append(b.pattern(w.res.tenant, text, at))
		return
	case pcommon.ValueTypeEmpty:
		c.Body.Append("")
		c.BodyAny.Append("")
	default:
		whole := v.PData()
		c.BodyAny.AppendBytes(b.encode(bodyKey, whole))
		b.own.text = anyvalue.AppendJSON(b.own.text[:0], whole, b.enc.opts.MaxValueBytes)
		c.Body.AppendBytes(b.own.text)
	}
	c.Pattern.Append(0)
}

// exception writes the error row of a record that tells of one.
func (w *logWriter) exception(x *exception, lr *otlpitem.Record, at int64) error {
	x.at, x.trace, x.span, x.weight, x.kept = at, lr.TraceID, lr.SpanID, 1, true
	x.source, x.level = sourceLog, levelOf(plog.SeverityNumber(lr.Severity))
	whole, err := w.from.Whole(w.scope, w.index)
	if err != nil {
		return err
	}
	x.event = w.eventID(whole)
	w.b.addError(&w.res, x)
	return nil
}

// eventID is the id that the envelope processor gives the record, whether it ran or not.
func (w *logWriter) eventID(lr plog.LogRecord) envelope.EventID {
	if v, ok := lr.Attributes().Get(envelope.AttrEventID); ok && v.Type() == pcommon.ValueTypeStr {
		if id, err := tenant.Parse(v.Str()); err == nil {
			return envelope.EventID(id)
		}
	}
	resource := envelope.ResourceHash(w.from.Head().Resource().Attributes())
	return envelope.RecordEventID(w.res.tenant, resource, lr)
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
