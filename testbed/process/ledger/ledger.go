// Package ledger sends telemetry to systems of which something is killed, and keeps the fate of every request. Afterwards
// it compares that with what the tables hold: what was acknowledged is there exactly once, in base tables and in rollups.
// It serves the tests of testbed that kill.
package ledger

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	service    = "crash"
	metricName = "crash.points"
	// perRequest items make a request.
	perRequest = 50
	// errorsPerRequest of its spans carry an exception.
	errorsPerRequest = 2
)

// fate is what the sender knows of a request.
type fate uint8

const (
	// unanswered requests may be there once or not at all.
	unanswered fate = iota
	// refused requests were answered with an error, and must not be there.
	refused
	acknowledged
)

// Signal tells requests of different content apart.
type Signal uint8

// The signals.
const (
	Traces Signal = iota
	Logs
	Points
	signals
)

func (s Signal) String() string { return [...]string{"traces", "logs", "points"}[s] }

// Ledger keeps the fate of every request by its number. It is safe for concurrent use.
type Ledger struct {
	// Pace is how long a sender waits after each acknowledgement. Set it before anything is sent.
	Pace time.Duration

	mu   sync.Mutex
	base time.Time
	next uint64
	fate [signals]map[uint64]fate
	// untold are the refusals that didn't say when to come back, sample is the last one's message.
	untold int
	sample string
	// first is told after the first acknowledgement since Round.
	first chan struct{}
}

// New makes an empty ledger. The items of its requests have times from base on.
func New(base time.Time) *Ledger {
	l := &Ledger{base: base, first: make(chan struct{}, 1)}
	for s := range l.fate {
		l.fate[s] = map[uint64]fate{}
	}
	return l
}

func (l *Ledger) begin(s Signal) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	l.fate[s][l.next] = unanswered
	return l.next
}

// refuse notes a refusal that said when to come back, or didn't.
func (l *Ledger) refuse(s Signal, n uint64, told bool, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fate[s][n] = refused
	l.sample = message
	if !told {
		l.untold++
	}
}

// Refusals are the requests that were refused.
type Refusals struct {
	Requests int
	// Items is how many they had.
	Items int
	// Untold are those of the requests whose answer didn't say when to come back.
	Untold int
	// Sample is the message of one of them.
	Sample string
}

// Refused tells of all refusals so far.
func (l *Ledger) Refused() Refusals {
	n := 0
	for s := range signals {
		n += l.count(s, refused)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return Refusals{Requests: n, Items: n * perRequest, Untold: l.untold, Sample: l.sample}
}

func (l *Ledger) acknowledge(s Signal, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fate[s][n] = acknowledged
	select {
	case l.first <- struct{}{}:
	default:
	}
}

// Round gives a channel that is told at the next acknowledgement.
func (l *Ledger) Round() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = make(chan struct{}, 1)
	return l.first
}

// Acknowledged is the number of requests that were answered with success.
func (l *Ledger) Acknowledged(s Signal) int { return l.count(s, acknowledged) }

func (l *Ledger) count(s Signal, f fate) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, have := range l.fate[s] {
		if have == f {
			n++
		}
	}
	return n
}

// at is the time of an item: requests are told apart by it where they have no id.
func (l *Ledger) at(n uint64, i int) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(l.base.Add(time.Duration(n*perRequest+uint64(i)) * time.Microsecond))
}

// days is over how many days the spans and records are spread: an INSERT then makes several parts, and a kill may come
// between two of them.
const days = 3

// day puts a request's spans and records on one of the days.
func day(n uint64) time.Duration { return -time.Duration(n/uint64(signals)%days) * 24 * time.Hour }

func traceID(n uint64) (id pcommon.TraceID) {
	copy(id[:], "crashrun")
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func (l *Ledger) spans(n uint64) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range perRequest {
		sp := spans.AppendEmpty()
		sp.SetTraceID(traceID(n))
		var id pcommon.SpanID
		binary.BigEndian.PutUint64(id[:], n*perRequest+uint64(i)+1)
		sp.SetSpanID(id)
		sp.SetName("work")
		at := pcommon.NewTimestampFromTime(l.at(n, i).AsTime().Add(day(n)))
		sp.SetStartTimestamp(at)
		sp.SetEndTimestamp(at + 1000)
		if i < errorsPerRequest {
			sp.Status().SetCode(ptrace.StatusCodeError)
			ev := sp.Events().AppendEmpty()
			ev.SetName("exception")
			ev.SetTimestamp(at)
			ev.Attributes().PutStr("exception.type", fmt.Sprintf("Crash%d", i))
			ev.Attributes().PutStr("exception.message", "no frames")
		}
	}
	return td
}

func (l *Ledger) records(n uint64) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range perRequest {
		lr := records.AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(l.at(n, i).AsTime().Add(day(n))))
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.Body().SetStr(fmt.Sprintf("line %d", i))
		lr.SetTraceID(traceID(n))
	}
	return ld
}

func (l *Ledger) samples(n uint64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", service)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(metricName)
	dps := m.SetEmptyGauge().DataPoints()
	for i := range perRequest {
		p := dps.AppendEmpty()
		p.SetTimestamp(l.at(n, i))
		p.SetIntValue(int64(i))
		p.Attributes().PutStr("connection", fmt.Sprint(n%7))
	}
	return md
}
