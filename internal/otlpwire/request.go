package otlpwire

import (
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpdepth"
	"github.com/summitobs/summit/internal/otlpitem"
)

// rooms keeps the memory of parts for the next request.
var rooms = sync.Pool{New: func() any { return new(parts) }}

// maxKeptItems is the largest request whose parts' memory is kept.
const maxKeptItems = 1 << 17

func (p *parts) release() {
	if cap(p.items) > maxKeptItems || cap(p.wrapped) > 1<<20 || cap(p.head) > 1<<20 {
		return
	}
	clear(p.items) // they point into the request
	rooms.Put(p)
}

// malformed marks an error as the sender's.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return &otlpitem.MalformedError{Err: err}
}

func split(signal otlpdepth.Signal, body []byte, maxDepth int) (*parts, error) {
	p := rooms.Get().(*parts)
	if err := p.split(signal, body, maxDepth); err != nil {
		p.release()
		return nil, malformed(err)
	}
	return p, nil
}

// Traces is an export request of spans. Nothing of it may be used after Release, or once the body has changed.
type Traces struct {
	*parts
	// Head has the resources and scopes.
	Head ptrace.Traces
	// From gives the spans of each resource.
	From []otlpitem.Spans
	// Count is the number of spans.
	Count int
}

// ReadTraces parts a request. Values may be nested maxDepth levels deep.
func ReadTraces(body []byte, maxDepth int) (*Traces, error) {
	p, err := split(otlpdepth.Traces, body, maxDepth)
	if err != nil {
		return nil, err
	}
	head, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(p.head)
	if err != nil {
		p.release()
		return nil, malformed(err)
	}
	t := &Traces{parts: p, Head: head, Count: len(p.items) + head.SpanCount()}
	for i, rs := range head.ResourceSpans().All() {
		at := p.place(i)
		if rs.ScopeSpans().Len() != at.behind-at.first {
			// Scopes that came under the number they had before OTLP 0.15 are whole in the head.
			t.From = append(t.From, otlpitem.PDataSpans{ResourceSpans: rs})
			continue
		}
		t.From = append(t.From, &spans{at, rs})
	}
	return t, nil
}

// Release gives the request's memory back.
func (t *Traces) Release() { t.release() }

// Newest is the time of a resource's newest span.
func (t *Traces) Newest(resource int) pcommon.Timestamp {
	s, ok := t.From[resource].(*spans)
	if !ok {
		return newestSpan(t.Head.ResourceSpans().At(resource))
	}
	newest := uint64(0)
	from, behind := s.bounds()
	for _, b := range s.items[from:behind] {
		newest = max(newest, timeOf(b, 7))
	}
	return pcommon.Timestamp(newest)
}

func newestSpan(rs ptrace.ResourceSpans) (newest pcommon.Timestamp) {
	for _, ss := range rs.ScopeSpans().All() {
		for _, sp := range ss.Spans().All() {
			newest = max(newest, sp.StartTimestamp())
		}
	}
	return newest
}

type spans struct {
	place
	head ptrace.ResourceSpans
}

func (s *spans) Head() ptrace.ResourceSpans { return s.head }

func (s *spans) Read(scope, i int, into *otlpitem.Span) error {
	return malformed(s.readSpan(s.items[s.index(scope, i)], into))
}

func (s *spans) Whole(scope, i int) (ptrace.Span, error) {
	sp, err := s.wholeSpan(s.items[s.index(scope, i)])
	return sp, malformed(err)
}

// Logs is an export request of log records. Nothing of it may be used after Release, or once the body has changed.
type Logs struct {
	*parts
	Head  plog.Logs
	From  []otlpitem.Records
	Count int
	// Untrusted is put before the names of events that only components of this process may send, and Renamed counts
	// them as they are read. Empty: they are believed.
	Untrusted string
	Renamed   int
}

// ReadLogs parts a request. Values may be nested maxDepth levels deep.
func ReadLogs(body []byte, maxDepth int) (*Logs, error) {
	p, err := split(otlpdepth.Logs, body, maxDepth)
	if err != nil {
		return nil, err
	}
	head, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(p.head)
	if err != nil {
		p.release()
		return nil, malformed(err)
	}
	l := &Logs{parts: p, Head: head, Count: len(p.items) + head.LogRecordCount()}
	for i, rl := range head.ResourceLogs().All() {
		at := p.place(i)
		if rl.ScopeLogs().Len() != at.behind-at.first {
			l.From = append(l.From, otlpitem.PDataRecords{ResourceLogs: rl})
			continue
		}
		l.From = append(l.From, &records{at, rl, l})
	}
	return l, nil
}

// Release gives the request's memory back.
func (l *Logs) Release() { l.release() }

// Newest is the time of a resource's newest record.
func (l *Logs) Newest(resource int) pcommon.Timestamp {
	newest := uint64(0)
	r, ok := l.From[resource].(*records)
	if !ok {
		for _, sl := range l.Head.ResourceLogs().At(resource).ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				newest = max(newest, recordTime(uint64(lr.Timestamp()), uint64(lr.ObservedTimestamp())))
			}
		}
		return pcommon.Timestamp(newest)
	}
	from, behind := r.bounds()
	for _, b := range r.items[from:behind] {
		at := timeOf(b, 1)
		if at == 0 {
			at = timeOf(b, 11)
		}
		newest = max(newest, at)
	}
	return pcommon.Timestamp(newest)
}

func recordTime(at, observed uint64) uint64 {
	if at == 0 {
		return observed
	}
	return at
}

type records struct {
	place
	head plog.ResourceLogs
	of   *Logs
}

func (r *records) Head() plog.ResourceLogs { return r.head }

func (r *records) Read(scope, i int, into *otlpitem.Record) error {
	if err := r.readRecord(r.items[r.index(scope, i)], into); err != nil {
		return malformed(err)
	}
	if r.of.Untrusted != "" && strings.HasPrefix(into.EventName, envelope.OwnEvents) {
		into.EventName = r.of.Untrusted + into.EventName
		r.of.Renamed++
	}
	return nil
}

func (r *records) Whole(scope, i int) (plog.LogRecord, error) {
	lr, err := r.wholeRecord(r.items[r.index(scope, i)])
	if err == nil && r.of.Untrusted != "" && strings.HasPrefix(lr.EventName(), envelope.OwnEvents) {
		lr.SetEventName(r.of.Untrusted + lr.EventName())
	}
	return lr, malformed(err)
}

// Metrics is an export request of data points. Nothing of it may be used after Release, or once the body has changed.
type Metrics struct {
	*parts
	Head  pmetric.Metrics
	From  []otlpitem.Metrics
	Count int

	read   []oneMetric
	points [][]byte
}
