package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/testbed/figure"
	"github.com/summitobs/summit/testbed/process"
)

// coldRepeats is how often a question is asked of a store that has forgotten everything.
const coldRepeats = 3

// window are the bounds of every question: all that the store holds, as somebody asks who doesn't know when.
const (
	window    = "?from=now-3h&to=now"
	timeBound = "tenant_id = (SELECT any(tenant_id) FROM resources_v1) AND ts_bucket >= now() - INTERVAL 3 HOUR"
)

// subjects are what is asked for, as many of each as there are repeats.
type subjects struct {
	traces, users, references, services []string
	// callers are services that have a span of the user with the same number.
	callers []string
	// writers are users that log records name.
	writers []string
	metric  string
}

func (b *bench) subjects(ctx context.Context) (s subjects, err error) {
	n := b.repeat + coldRepeats
	for _, c := range []struct {
		into  *[]string
		query string
	}{
		{&s.traces, "SELECT lower(hex(trace_id)) FROM trace_index_v1 GROUP BY trace_id ORDER BY cityHash64(trace_id)"},
		{&s.users, "SELECT attrs_str['user.id'] AS u FROM events_trace_v1 GROUP BY u ORDER BY cityHash64(u)"},
		{&s.callers, "SELECT argMin(service_name, cityHash64(span_id)), attrs_str['user.id'] AS u FROM events_trace_v1 GROUP BY u ORDER BY cityHash64(u)"},
		{&s.writers, "SELECT attrs_str['user.id'] AS u FROM logs_v1 GROUP BY u ORDER BY cityHash64(u)"},
		{&s.references, "SELECT extract(body, 'ref=([0-9]+)') AS r FROM logs_v1 GROUP BY r ORDER BY cityHash64(r)"},
		{&s.services, "SELECT service_name FROM logs_v1 GROUP BY service_name ORDER BY cityHash64(service_name)"},
	} {
		if *c.into, err = b.column(ctx, fmt.Sprintf("%s LIMIT %d", c.query, n)); err != nil {
			return s, err
		}
		if len(*c.into) < n {
			return s, fmt.Errorf("%s: %d answers, want %d", c.query, len(*c.into), n)
		}
	}
	var names struct {
		Data []string `json:"data"`
	}
	if _, err = process.GetJSON(ctx, "http://"+b.places.Listen+"/prometheus/api/v1/label/__name__/values", &names); err != nil {
		return s, err
	}
	for _, name := range names.Data {
		if strings.HasPrefix(name, "shop_metric_01") {
			s.metric = name
		}
	}
	if s.metric == "" {
		return s, fmt.Errorf("no metric shop_metric_01 among %d names", len(names.Data))
	}
	return s, nil
}

// question is asked about the i-th subject. It is a path of queryd, or a statement where no face has it.
type question struct {
	name, note string
	path       func(i int) string
	sql        func(i int) string
	// nothing is the right answer; of any other question it is an error.
	nothing bool
}

var errNothing = errors.New("an answer without anything in it")

func questions(s subjects) []question {
	return []question{
		{name: "trace", note: "a trace with all attributes, by its id alone", path: func(i int) string { return "/api/v1/traces/" + s.traces[i] }},
		{name: "traces.service_attribute", note: "newest traces of a service with a user's id", path: func(i int) string {
			return "/api/v1/traces" + window + "&service=" + url.QueryEscape(s.callers[i]) + "&attr=" + url.QueryEscape("user.id="+s.users[i])
		}},
		{name: "traces.attribute", note: "newest traces of any service with a user's id", path: func(i int) string {
			return "/api/v1/traces" + window + "&attr=" + url.QueryEscape("user.id="+s.users[i])
		}},
		{name: "traces.service", note: "newest traces of a service", path: func(i int) string { return "/api/v1/traces" + window + "&service=" + url.QueryEscape(s.services[i]) }},
		{name: "errors", note: "error groups with their trend", path: func(i int) string { return fmt.Sprintf("/api/v1/errors%s&limit=%d", window, 50+i) }},
		{name: "services", note: "services with spans and errors", path: func(i int) string { return fmt.Sprintf("/api/v1/services%s&limit=%d", window, 50+i) }},
		{name: "promql.range", note: "sum by (http_route) (rate(counter[5m])) over an hour, every 15 s", path: func(i int) string {
			end := time.Now().Unix()
			return fmt.Sprintf("/prometheus/api/v1/query_range?query=%s&start=%d&end=%d&step=15",
				url.QueryEscape("sum by (http_route) (rate("+s.metric+"[5m]))"), end-3600-15*int64(i), end)
		}},
		{name: "logs.needle", note: "SQL: the line with a reference", sql: func(i int) string { return needle(logTable, s.references[i]) }},
		{name: "logs.needle_absent", nothing: true, note: "SQL: a reference that nobody wrote", sql: func(i int) string { return needle(logTable, fmt.Sprintf("absent%07d", i)) }},
		{name: "logs.service", note: "SQL: newest 100 lines of a service", sql: func(i int) string { return newest(logTable, s.services[i]) }},
		{name: "logs.attribute", note: "SQL: newest 100 lines with a user's id", sql: func(i int) string { return withUser(logTable, s.writers[i], "timestamp, body") }},
	}
}

func needle(table, word string) string {
	return fmt.Sprintf("SELECT timestamp, service_name, body FROM %s WHERE %s AND hasToken(lower(body), '%s') ORDER BY timestamp DESC LIMIT 100", table, timeBound, word)
}

func newest(table, service string) string {
	return fmt.Sprintf("SELECT timestamp, body FROM %s WHERE %s AND service_name = '%s' ORDER BY ts_bucket DESC, ts_slot DESC, timestamp DESC LIMIT 100", table, timeBound, service)
}

func withUser(table, user, columns string) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s AND has(mapValues(attrs_str), '%s') AND attrs_str['user.id'] = '%s' ORDER BY timestamp DESC LIMIT 100", columns, table, timeBound, user, user)
}

func spansOf(table, trace string) string {
	return fmt.Sprintf("SELECT * FROM %s WHERE %s AND trace_id = unhex('%s')", table, timeBound, trace)
}

// reading is what a question came to.
type reading struct {
	warm, cold time.Duration
	// read is what one question makes the engine read, warm.
	read amounts
}

// ask asks of a store that has forgotten everything, then of one that has not, each time about something else.
func (b *bench) ask(ctx context.Context, q question) (r reading, err error) {
	var cold, warm []time.Duration
	for i := range coldRepeats {
		if err := b.forget(ctx); err != nil {
			return r, err
		}
		d, err := b.once(ctx, q, b.repeat+i)
		if err != nil {
			return r, err
		}
		cold = append(cold, d)
	}
	before, err := b.amounts(ctx)
	if err != nil {
		return r, err
	}
	for i := range b.repeat {
		d, err := b.once(ctx, q, i)
		if err != nil {
			return r, err
		}
		warm = append(warm, d)
	}
	after, err := b.amounts(ctx)
	n := int64(b.repeat)
	return reading{median(warm), median(cold), amounts{(after.rows - before.rows) / n, (after.bytes - before.bytes) / n}}, err
}

func (b *bench) once(ctx context.Context, q question, i int) (time.Duration, error) {
	began := time.Now()
	if q.sql != nil {
		rows, err := process.SQL(ctx, b.places, q.sql(i)+" SETTINGS use_query_condition_cache = 0")
		took := time.Since(began)
		if err == nil && len(rows) == 0 != q.nothing {
			err = errNothing
		}
		return took, err
	}
	var a answer
	status, err := process.GetJSON(ctx, "http://"+b.places.Listen+q.path(i), &a)
	took := time.Since(began)
	switch {
	case err != nil:
	case status != http.StatusOK:
		err = errors.New(q.path(i) + ": " + http.StatusText(status))
	case a.empty():
		err = fmt.Errorf("%s: %w", q.path(i), errNothing)
	}
	return took, err
}

// answer is what the faces' answers have in common: one of these lists.
type answer struct {
	Items []json.RawMessage `json:"items"`
	Spans []json.RawMessage `json:"spans"`
	Data  struct {
		Result []json.RawMessage `json:"result"`
	} `json:"data"`
}

func (a answer) empty() bool { return len(a.Items)+len(a.Spans)+len(a.Data.Result) == 0 }

// median sorts what it is given.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// text tells what was read.
func (a amounts) text() string {
	return fmt.Sprintf("%.0fk rows, %.1f MB", float64(a.rows)/1e3, float64(a.bytes)/1e6)
}

func (r reading) figures(name, note string) []figure.Figure {
	return []figure.Figure{
		{Name: name + ".ms", Value: millis(r.warm), Unit: "ms", Note: note + "; reads " + r.read.text()},
		{Name: name + ".cold.ms", Value: millis(r.cold), Unit: "ms", Note: "the same, all caches empty"},
	}
}
