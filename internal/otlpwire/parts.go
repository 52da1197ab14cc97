package otlpwire

import (
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/otlpdepth"
	"github.com/summitobs/summit/internal/otlpitem"
)

// parts are what a request is made of. The three signals have the same two levels above their items, with the same
// numbers: the request's resources are its field 1, their scopes field 2, the scopes' items field 2.
type parts struct {
	// head is the request without its items.
	head []byte
	// items are the items' bytes; scopes has for each scope its first item, resources for each resource its first scope.
	items     [][]byte
	scopes    []int
	resources []int
	// maxDepth bounds the nesting of values, 0 for requests that are too small to nest dangerously.
	maxDepth int
	wrapped  []byte
}

const (
	tagOne = 1<<3 | bytesType
	tagTwo = 2<<3 | bytesType
)

// split parts a request.
func (p *parts) split(signal otlpdepth.Signal, body []byte, maxDepth int) error {
	p.head, p.items, p.scopes, p.resources = p.head[:0], p.items[:0], p.scopes[:0], p.resources[:0]
	p.maxDepth = 0
	if len(body) >= otlpdepth.MinBytes {
		p.maxDepth = maxDepth
	}
	err := p.descend(body, 1, func(b []byte) error {
		p.resources = append(p.resources, len(p.scopes))
		return p.message(tagOne, b, 2, func(b []byte) error {
			p.scopes = append(p.scopes, len(p.items))
			return p.message(tagTwo, b, 2, func(b []byte) error {
				p.items = append(p.items, b)
				return nil
			})
		})
	})
	if err != nil {
		return err
	}
	return p.shallow(signal, p.head)
}

// message writes a message into the head, but for the fields of that number, which visit is given.
func (p *parts) message(tag byte, b []byte, id int32, visit func([]byte) error) error {
	p.head = append(p.head, tag)
	start := len(p.head)
	if err := p.descend(b, id, visit); err != nil {
		return err
	}
	p.head = insertLength(p.head, start)
	return nil
}

func (p *parts) descend(b []byte, id int32, visit func([]byte) error) error {
	var f field
	for pos := 0; pos < len(b); {
		start := pos
		var err error
		if pos, err = f.next(b, pos); err != nil {
			return err
		}
		if f.id != id {
			p.head = append(p.head, b[start:pos]...)
			continue
		}
		if err := f.want(bytesType); err != nil {
			return err
		}
		if err := visit(f.bytes); err != nil {
			return err
		}
	}
	return nil
}

// insertLength puts the length of what was appended since start before it.
func insertLength(dst []byte, start int) []byte {
	n := len(dst) - start
	var prefix [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(prefix[:], uint64(n))
	dst = append(dst, prefix[:w]...)
	copy(dst[start+w:], dst[start:start+n])
	copy(dst[start:], prefix[:w])
	return dst
}

// shallow refuses bytes whose values nest too deeply to be decoded.
func (p *parts) shallow(signal otlpdepth.Signal, b []byte) error {
	if p.maxDepth == 0 {
		return nil
	}
	return otlpdepth.Check(signal, b, p.maxDepth)
}

// wrap puts bytes into messages, each the only field of the next: tags are from the outside to the inside.
func (p *parts) wrap(b []byte, tags ...byte) []byte {
	dst := append(p.wrapped[:0], b...)
	for i := len(tags) - 1; i >= 0; i-- {
		dst = insertLength(dst, 0)
		dst = append(dst, 0)
		copy(dst[1:], dst)
		dst[0] = tags[i]
	}
	p.wrapped = dst
	return dst
}

// Tags that lead to values and points.
const (
	tagBody   = 5<<3 | bytesType // LogRecord.body
	tagGauge  = 5<<3 | bytesType // Metric.gauge
	tagPoints = 1<<3 | bytesType // Gauge.data_points
)

// other decodes a value that has no form here: as the body of a log record, which is the shortest way to one.
func (p *parts) other(b []byte) (otlpitem.Value, error) {
	wrapped := p.wrap(b, tagOne, tagTwo, tagTwo, tagBody)
	lr, err := p.decodeRecord(wrapped)
	if err != nil {
		return otlpitem.Value{}, err
	}
	return otlpitem.ValueOf(lr.Body()), nil
}

func (p *parts) wholeRecord(b []byte) (plog.LogRecord, error) {
	return p.decodeRecord(p.wrap(b, tagOne, tagTwo, tagTwo))
}

func (p *parts) decodeRecord(request []byte) (plog.LogRecord, error) {
	if err := p.shallow(otlpdepth.Logs, request); err != nil {
		return plog.LogRecord{}, err
	}
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(request)
	if err != nil {
		return plog.LogRecord{}, err
	}
	return ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0), nil
}

func (p *parts) wholeSpan(b []byte) (ptrace.Span, error) {
	request := p.wrap(b, tagOne, tagTwo, tagTwo)
	if err := p.shallow(otlpdepth.Traces, request); err != nil {
		return ptrace.Span{}, err
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(request)
	if err != nil {
		return ptrace.Span{}, err
	}
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0), nil
}

func (p *parts) wholeMetric(b []byte) (pmetric.Metric, error) {
	return p.decodeMetric(p.wrap(b, tagOne, tagTwo, tagTwo))
}

func (p *parts) wholePoint(b []byte) (pmetric.NumberDataPoint, error) {
	m, err := p.decodeMetric(p.wrap(b, tagOne, tagTwo, tagTwo, tagGauge, tagPoints))
	if err != nil {
		return pmetric.NumberDataPoint{}, err
	}
	return m.Gauge().DataPoints().At(0), nil
}

func (p *parts) decodeMetric(request []byte) (pmetric.Metric, error) {
	if err := p.shallow(otlpdepth.Metrics, request); err != nil {
		return pmetric.Metric{}, err
	}
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(request)
	if err != nil {
		return pmetric.Metric{}, err
	}
	return md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0), nil
}

// place is one resource of a request.
type place struct {
	*parts
	first, behind int
}

// places gives the resources, in their order.
func (p *parts) place(i int) place {
	behind := len(p.scopes)
	if i+1 < len(p.resources) {
		behind = p.resources[i+1]
	}
	return place{p, p.resources[i], behind}
}

// Len is the number of items in a scope.
func (l *place) Len(scope int) int {
	from := l.first + scope
	if from+1 < len(l.scopes) {
		return l.scopes[from+1] - l.scopes[from]
	}
	return len(l.items) - l.scopes[from]
}

func (l *place) index(scope, i int) int { return l.scopes[l.first+scope] + i }

// all gives the items of all scopes of the resource.
func (l *place) bounds() (from, behind int) {
	if l.first == l.behind {
		return 0, 0
	}
	return l.scopes[l.first], l.index(l.behind-1-l.first, l.Len(l.behind-1-l.first))
}
