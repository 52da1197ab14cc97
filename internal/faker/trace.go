package faker

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// visit is one trace in the making.
type visit struct {
	g           *Generator
	c           *collector
	r           *rand.Rand
	environment string
	id          pcommon.TraceID
	user        string
	session     string
	product     int
}

// outcome is how an operation ended.
type outcome struct {
	end    time.Time
	failed bool
	// status is the HTTP status that the operation answered.
	status int
}

const network = 400 * time.Microsecond

func (v *visit) spanID() pcommon.SpanID {
	var id pcommon.SpanID
	fill(v.r, id[:])
	return id
}

func (v *visit) begin(src source, parent pcommon.SpanID, name string, kind ptrace.SpanKind, at time.Time) ptrace.Span {
	sp := v.c.span(src)
	sp.SetTraceID(v.id)
	sp.SetSpanID(v.spanID())
	sp.SetParentSpanID(parent)
	sp.SetName(name)
	sp.SetKind(kind)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	return sp
}

func finish(sp ptrace.Span, out outcome) {
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(out.end))
	if out.failed {
		sp.Status().SetCode(ptrace.StatusCodeError)
	}
}

// call runs an operation on behalf of caller: a piece of its own work, or a request over the network, which gives two
// spans.
func (v *visit) call(caller source, parent pcommon.SpanID, o *op, at time.Time) outcome {
	switch o.kind {
	case inner, dbOp, cacheOp:
		return v.own(caller, parent, o, at)
	case queueOp:
		return v.publish(caller, parent, o, at)
	default:
	}
	name := o.method
	if o.kind == rpcOp {
		name = o.name
	}
	sp := v.begin(caller, parent, name, ptrace.SpanKindClient, at)
	a := sp.Attributes()
	a.PutStr("server.address", o.service)
	a.PutInt("server.port", 8080)
	out := v.serve(o, sp.SpanID(), at.Add(network))
	out.end = out.end.Add(network)
	v.answer(o, a, out.status)
	if o.kind == httpOp {
		a.PutStr("url.full", "http://"+o.service+":8080"+v.path(o))
	}
	finish(sp, out)
	return out
}

// answer writes the attributes of a request and its answer.
func (v *visit) answer(o *op, a pcommon.Map, status int) {
	if o.kind == rpcOp {
		a.PutStr("rpc.system.name", "grpc")
		a.PutStr("rpc.method", o.name)
		code := "OK"
		if status >= 500 {
			code = "INTERNAL"
		} else if status >= 400 {
			code = "FAILED_PRECONDITION"
		}
		a.PutStr("rpc.response.status_code", code)
		return
	}
	a.PutStr("http.request.method", o.method)
	a.PutInt("http.response.status_code", int64(status))
}

func (v *visit) path(o *op) string {
	if o.name == "/v1/products/{id}" || o.name == "/products/{id}" {
		return o.name[:len(o.name)-len("{id}")] + strconv.Itoa(v.product)
	}
	return o.name
}

// serve is the side of an operation that does the work.
func (v *visit) serve(o *op, parent pcommon.SpanID, at time.Time) outcome {
	src := v.g.w.source(o.service, v.environment, v.r.IntN(8), at)
	name := o.name
	if o.kind == httpOp {
		name = o.method + " " + o.name
	}
	sp := v.begin(src, parent, name, ptrace.SpanKindServer, at)
	a := sp.Attributes()
	out := v.work(src, sp, o, at)
	v.answer(o, a, out.status)
	if o.kind == httpOp {
		a.PutStr("http.route", o.name)
		a.PutStr("url.path", v.path(o))
		a.PutStr("url.scheme", "http")
	}
	// The visitor travels as baggage and is put on every request.
	a.PutStr("user.id", v.user)
	a.PutStr("session.id", v.session)
	if parent.IsEmpty() {
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
		a.PutStr("client.address", "203.0.113."+strconv.Itoa(v.product%250))
	}
	finish(sp, out)
	v.g.observe(src, o, out, sp)
	v.accessLog(src, sp, o, at, out)
	return out
}

// work does what an operation consists of, one call after the other, and lets it fail as its faults say.
func (v *visit) work(src source, sp ptrace.Span, o *op, at time.Time) outcome {
	out := outcome{end: at.Add(scatter(v.r, o.self/2)), status: 200}
	f := faultOf(o.service, o.name, src.change)
	fails := f != nil && v.r.Float64() < f.share
	for i := range o.calls {
		// What fails does so half-way: the rest of its work doesn't happen.
		if fails && i > len(o.calls)/2 {
			break
		}
		sub := v.call(src, sp.SpanID(), &o.calls[i], out.end)
		out.end = sub.end
		if sub.failed {
			out.failed, out.status = true, max(sub.status, 502)
			break
		}
		if o.calls[i].name == loadProduct.name && src.change.kind == slowChange {
			for range extraQueries {
				out.end = v.own(src, sp.SpanID(), &loadHistory, out.end).end
			}
		}
	}
	out.end = out.end.Add(scatter(v.r, o.self/2))
	if fails && !out.failed {
		out.failed, out.status = true, 500
		if f.exc.handled {
			out.status = 409
		}
		v.throw(src, sp, f, out.end)
	}
	return out
}

// throw reports an exception the way the service does it: as an event of the span, or as a log record.
func (v *visit) throw(src source, sp ptrace.Span, f *fault, at time.Time) {
	message, stack := f.exc.at(src.change.index%9, 1000+v.r.IntN(9000))
	put := func(a pcommon.Map) {
		a.PutStr("exception.type", f.exc.typ)
		a.PutStr("exception.message", message)
		a.PutStr("exception.stacktrace", stack)
	}
	sp.Status().SetMessage(message)
	sp.Attributes().PutStr("error.type", f.exc.typ)
	level, text := plog.SeverityNumberError, "ERROR"
	if f.exc.handled {
		level, text = plog.SeverityNumberWarn, "WARN"
	}
	if f.asLog {
		lr := v.line(src, sp, at, level, text, "request failed: "+message)
		put(lr.Attributes())
		return
	}
	ev := sp.Events().AppendEmpty()
	ev.SetName("exception")
	ev.SetTimestamp(pcommon.NewTimestampFromTime(at))
	put(ev.Attributes())
	ev.Attributes().PutBool("exception.escaped", !f.exc.handled)
	v.line(src, sp, at, level, text, f.exc.typ+" in "+sp.Name()).Attributes().PutStr("error.type", f.exc.typ)
}

// own is a piece of the caller's own work, or its call of a database.
func (v *visit) own(src source, parent pcommon.SpanID, o *op, at time.Time) outcome {
	kind := ptrace.SpanKindClient
	if o.kind == inner {
		kind = ptrace.SpanKindInternal
	}
	sp := v.begin(src, parent, o.name, kind, at)
	if o.kind != inner {
		a := sp.Attributes()
		a.PutStr("db.system.name", o.system)
		a.PutStr("db.namespace", "shop")
		a.PutStr("db.query.summary", o.name)
		a.PutStr("db.query.text", o.text)
		a.PutStr("server.address", o.system+".shop.svc")
		a.PutInt("db.response.returned_rows", int64(1+v.r.IntN(20)))
	}
	out := outcome{end: at.Add(scatter(v.r, o.self)), status: 200}
	finish(sp, out)
	return out
}

// publish sends a message; its consumer works later and fails for itself.
func (v *visit) publish(src source, parent pcommon.SpanID, o *op, at time.Time) outcome {
	sp := v.begin(src, parent, "send "+o.name, ptrace.SpanKindProducer, at)
	out := outcome{end: at.Add(scatter(v.r, 2*time.Millisecond)), status: 200}
	messaging(sp.Attributes(), o, "send")
	finish(sp, out)

	later := out.end.Add(scatter(v.r, 25*time.Millisecond))
	to := v.g.w.source(o.service, v.environment, v.r.IntN(8), later)
	consumer := v.begin(to, sp.SpanID(), "process "+o.name, ptrace.SpanKindConsumer, later)
	link := consumer.Links().AppendEmpty()
	link.SetTraceID(v.id)
	link.SetSpanID(sp.SpanID())
	link.Attributes().PutStr("messaging.message.id", strconv.Itoa(v.product))
	messaging(consumer.Attributes(), o, "process")
	done := v.work(to, consumer, o, later)
	finish(consumer, done)
	v.g.observe(to, o, done, consumer)
	return out
}

func messaging(a pcommon.Map, o *op, operation string) {
	a.PutStr("messaging.system", o.system)
	a.PutStr("messaging.destination.name", o.name)
	a.PutStr("messaging.operation.name", operation)
}

// accessLog writes a line for some of the requests.
func (v *visit) accessLog(src source, sp ptrace.Span, o *op, at time.Time, out outcome) {
	if out.status < 500 && v.r.Float64() > 0.35 {
		return
	}
	took := out.end.Sub(at)
	body := fmt.Sprintf("%s %s %d in %.1fms", o.method, v.path(o), out.status, float64(took.Microseconds())/1000)
	level, text := plog.SeverityNumberInfo, "INFO"
	if out.status >= 500 {
		level, text = plog.SeverityNumberError, "ERROR"
	}
	a := v.line(src, sp, out.end, level, text, body).Attributes()
	a.PutInt("http.response.status_code", int64(out.status))
	a.PutDouble("duration_ms", float64(took.Microseconds())/1000)
	a.PutStr("code.function.name", "access")
}

// line writes a log record in the context of a span.
func (v *visit) line(src source, sp ptrace.Span, at time.Time, level plog.SeverityNumber, text, body string) plog.LogRecord {
	lr := v.c.log(src)
	lr.SetTimestamp(pcommon.NewTimestampFromTime(at))
	lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
	lr.SetSeverityNumber(level)
	lr.SetSeverityText(text)
	lr.Body().SetStr(body)
	lr.SetTraceID(v.id)
	lr.SetSpanID(sp.SpanID())
	lr.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
	return lr
}
