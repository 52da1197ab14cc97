package writer

import (
	"crypto/sha256"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/promoted"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/fingerprint"
	"github.com/summitobs/summit/internal/otlpitem"
)

// exceptionEvent is the name of a span event that records an exception.
const exceptionEvent = "exception"

// The values of events_error_v1.source, level and handled that the encoder writes.
const (
	sourceSpanEvent = 1
	sourceLog       = 2
	sourceSentry    = 3
	sourceBuild     = 5

	levelDebug   = 1
	levelInfo    = 2
	levelWarning = 3
	levelError   = 4
	levelFatal   = 5

	handledYes = 1
	handledNo  = 2
)

// exception is what is known of one exception; look fills it from attributes, its finder adds the rest.
type exception struct {
	// named tells that the item says by its name that it is an exception.
	named               bool
	typ, message, stack string
	handled             int8
	// client is a fingerprint that the sender set.
	client string

	source, level int8
	at            int64
	event         envelope.EventID
	index         int
	trace         [16]byte
	span          [8]byte
	session       string
	user          promoted.User
	weight        float32
	// kept tells that a span or log record keeps the stack's text.
	kept bool
	tags map[string]string
}

// look remembers the attribute if it is one of an exception.
func (x *exception) look(key string, v *otlpitem.Value) {
	switch key {
	case "exception.type":
		x.typ = v.Text()
	case "exception.message":
		x.message = v.Text()
	case "exception.stacktrace":
		x.stack = v.Text()
	case "exception.escaped":
		x.handled = handledYes
		if v.Type == pcommon.ValueTypeBool && v.Bool() || v.Str == "true" {
			x.handled = handledNo
		}
	case envelope.AttrErrorFingerprint:
		x.client = v.Text()
	default:
		x.user.Look(key, v)
	}
}

// is tells an exception from other events.
func (x *exception) is() bool { return x.named || x.typ != "" || x.stack != "" }

// errorColumns is events_error_v1. Contexts and breadcrumbs stay empty here; what is left out takes its default.
type errorColumns struct {
	Origin    originColumns
	Bucket    *column.Num[uint32]  `col:"ts_bucket"`
	At        *column.Num[int64]   `col:"timestamp"`
	EventID   *column.Fixed        `col:"event_id"`
	FP        *column.Fixed        `col:"error_fp"`
	FPVersion *column.Num[uint8]   `col:"error_fp_version"`
	Source    *column.Num[int8]    `col:"source"`
	Level     *column.Num[int8]    `col:"level"`
	Handled   *column.Num[int8]    `col:"handled"`
	Platform  *column.LowCard      `col:"platform"`
	Type      *column.LowCard      `col:"exception_type"`
	Message   *column.Str          `col:"exception_message"`
	Culprit   *column.Str          `col:"culprit"`
	Stack     *column.Str          `col:"raw_stack"`
	TraceID   *column.Fixed        `col:"trace_id"`
	SpanID    *column.Num[uint64]  `col:"span_id"`
	Index     *column.Num[uint16]  `col:"source_index"`
	Session   *column.Str          `col:"session_id"`
	User      *column.Str          `col:"user_hash"`
	Weight    *column.Num[float32] `col:"sample_weight"`
	Tags      *column.Map          `col:"tags"`
	Frames    frameColumns
}

// frameColumns are the arrays of a stack's frames.
type frameColumns struct {
	Module   *column.Array `col:"frames.module"`
	Function *column.Array `col:"frames.function"`
	File     *column.Array `col:"frames.file"`
	Line     *column.Array `col:"frames.line"`
	Col      *column.Array `col:"frames.col"`
	InApp    *column.Array `col:"frames.in_app"`
	Context  *column.Array `col:"frames.context"`
}

func (c *frameColumns) append(frames []fingerprint.Frame) {
	for i := range frames {
		f := &frames[i]
		c.Module.Elem.(*column.LowCard).Append(f.Module)
		c.Function.Elem.(*column.LowCard).Append(f.Function)
		c.File.Elem.(*column.LowCard).Append(f.File)
		c.Line.Elem.(*column.Num[uint32]).Append(f.Line)
		c.Col.Elem.(*column.Num[uint32]).Append(f.Col)
		c.InApp.Elem.(*column.Num[uint8]).Append(boolByte(f.InApp))
		c.Context.Elem.(*column.Str).Append("")
	}
	for _, a := range []*column.Array{c.Module, c.Function, c.File, c.Line, c.Col, c.InApp, c.Context} {
		a.EndRow()
	}
}

// addError writes the row of an exception and gives its fingerprint.
func (b *Batch) addError(r *resource, x *exception) (fp [16]byte, version uint8) {
	c := use[errorColumns](b, table.Errors)
	if clock := b.clock(b.enc.opts.Retention.Errors); !clock.holds(uint64(x.at)) {
		x.at = clock.now // the item's own time was in range, but its error is kept for fewer days
	}
	res := b.enc.prints.Exception(r.language, x.typ, x.message, x.stack)
	fp, version = res.FP, res.Version
	if x.client != "" {
		fp = clientPrint(x.client)
	}
	c.Origin.appendN(r, b.enc.opts.Retention.Errors, 1)
	c.Bucket.Append(bucketOf(x.at, errorBucket))
	c.At.Append(x.at)
	c.EventID.AppendUUID(envelope.ErrorEventID(x.event, x.index))
	c.FP.Append(fp[:])
	c.FPVersion.Append(version)
	c.Source.Append(x.source)
	c.Level.Append(x.level)
	c.Handled.Append(x.handled)
	c.Platform.Append(r.language)
	c.Type.Append(x.typ)
	c.Message.Append(b.bounded(x.message))
	c.Culprit.Append(res.Culprit)
	stack := ""
	if !res.Parsed || !x.kept {
		stack = b.bounded(x.stack)
	}
	c.Stack.Append(stack)
	c.TraceID.Append(x.trace[:])
	c.SpanID.Append(spanNumber(x.span))
	c.Index.Append(uint16(min(x.index, math.MaxUint16)))
	c.Session.Append(x.session)
	c.User.Append(x.user.Pseudonym(r.tenant))
	c.Weight.Append(x.weight)
	for k, v := range x.tags {
		c.Tags.Keys.Append(k)
		c.Tags.Values.(*column.Str).Append(v)
	}
	c.Tags.EndRow()
	c.Frames.append(res.Frames)
	return fp, version
}

// bounded cuts a copy of an attribute, whose own cut was counted.
func (b *Batch) bounded(s string) string {
	if limit := b.enc.opts.MaxValueBytes; len(s) > limit {
		return cutCopy(s, limit)
	}
	return s
}

// clientPrint is a fingerprint that a client set: ours in text form, or any words that name a group.
func clientPrint(s string) [16]byte {
	if fp, err := fingerprint.Parse(s); err == nil {
		return fp
	}
	h := sha256.Sum256([]byte("summit.client.fingerprint.v1" + s))
	return [16]byte(h[:16])
}
