package metamorphic_test

import (
	"fmt"
	"maps"
	"time"
)

// class is where rows lie and when they go: a day before the base and a retention in days.
type class struct {
	daysAgo   int
	retention uint16
}

// expired tells that the class is past its retention. The classes drawn are days away from that border.
func (c class) expired() bool { return c.daysAgo > int(c.retention) }

// classes are some that live and some that are past their retention when they come.
var classes = []class{{0, 7}, {0, 30}, {20, 30}, {20, 7}, {90, 30}}

// span is one row of the base table.
type span struct {
	id       uint64
	class    class
	service  string
	at       time.Time
	duration int64
	failed   bool
}

// trace is the trace of a span: spans of different classes never share one.
func (s span) trace() string {
	return fmt.Sprintf("%04d-%04d-%06d", s.class.daysAgo, s.class.retention, s.id/4)
}

// indexed is what trace_index_v1 says of one trace.
type indexed struct {
	Spans, Errors uint64
	From          time.Time
}

// red is what red_1m_v1 says of one service.
type red struct {
	Calls, Errors, Duration float64
}

// model is the store as it should be: bags of rows, and the tokens that it remembers.
type model struct {
	spans  map[uint64]span
	copies map[uint64]int
	red    map[string]red
	tokens map[string]bool
}

func newModel() *model {
	return &model{spans: map[uint64]span{}, copies: map[uint64]int{}, red: map[string]red{}, tokens: map[string]bool{}}
}

func (m *model) insert(token string, rows []span) {
	if m.tokens[token] {
		return
	}
	m.tokens[token] = true
	for _, s := range rows {
		m.spans[s.id] = s
		m.copies[s.id]++
		r := m.red[s.service]
		r.Calls++
		r.Duration += float64(s.duration)
		if s.failed {
			r.Errors++
		}
		m.red[s.service] = r
	}
}

// expire drops what is past its retention. The rollup per minute has a retention of its own, which nothing here reaches.
func (m *model) expire() {
	maps.DeleteFunc(m.copies, func(id uint64, _ int) bool { return m.spans[id].class.expired() })
}

// snapshot is the model of a backup: rows without the memory of tokens.
func (m *model) snapshot() *model {
	return &model{spans: maps.Clone(m.spans), copies: maps.Clone(m.copies), red: maps.Clone(m.red), tokens: map[string]bool{}}
}

// live gives the copies of the spans that no merge may drop, and bounds those that one may have dropped already.
func (m *model) live() (live, maybe map[uint64]int) {
	live, maybe = map[uint64]int{}, map[uint64]int{}
	for id, n := range m.copies {
		if m.spans[id].class.expired() {
			maybe[id] = n
		} else {
			live[id] = n
		}
	}
	return live, maybe
}

// index computes trace_index_v1 of the live spans.
func (m *model) index() map[string]indexed {
	out := map[string]indexed{}
	live, _ := m.live()
	for id, n := range live {
		s := m.spans[id]
		x, ok := out[s.trace()]
		if at := s.at.Truncate(time.Millisecond); !ok || at.Before(x.From) {
			x.From = at
		}
		x.Spans += uint64(n)
		if s.failed {
			x.Errors += uint64(n)
		}
		out[s.trace()] = x
	}
	return out
}
