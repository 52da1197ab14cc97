package api

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
)

const timeForms = "want RFC 3339, unix nanoseconds, now, or now with a span as in now-1h"

// parseRange reads both ends of a time range. One end alone takes the other's default.
func parseRange(from, to string, now time.Time) (start, end time.Time, err error) {
	if to == "" {
		to = "now"
	}
	if end, err = parseTime("to", to, now); err != nil {
		return start, end, err
	}
	if from == "" {
		return end.Add(-time.Hour), end, nil
	}
	if start, err = parseTime("from", from, now); err != nil {
		return start, end, err
	}
	if !start.Before(end) {
		return start, end, runner.Wrong("from", "from must be before to")
	}
	return start, end, nil
}

// Bounds of what the store can hold as a time.
var (
	firstTime = time.Unix(0, 0)
	lastTime  = time.Unix(0, math.MaxInt64)
)

func parseTime(field, s string, now time.Time) (time.Time, error) {
	t, ok := readTime(s, now)
	if !ok {
		return t, runner.Wrong(field, field+" "+strconv.Quote(s)+" is no time: "+timeForms)
	}
	if t.Before(firstTime) || t.After(lastTime) {
		return t, runner.Wrong(field, field+" must be from 1970 to 2262")
	}
	return t.UTC(), nil
}

func readTime(s string, now time.Time) (time.Time, bool) {
	if rest, ok := strings.CutPrefix(s, "now"); ok {
		return readRelative(rest, now)
	}
	if ns, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(0, ns), true
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

func readRelative(rest string, now time.Time) (time.Time, bool) {
	if rest == "" {
		return now, true
	}
	sign := time.Duration(1)
	switch rest[0] {
	case '-':
		sign = -1
	case '+', ' ': // a plus sign in a query that wasn't encoded arrives as a space
	default:
		return now, false
	}
	d, err := model.ParseDuration(rest[1:])
	if err != nil {
		return now, false
	}
	return now.Add(sign * time.Duration(d)), true
}

func parseAttrs(in []string) ([]query.AttrFilter, error) {
	var out []query.AttrFilter
	for _, s := range in {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, runner.Wrong("attr", "attr "+strconv.Quote(s)+" must be key=value")
		}
		out = append(out, query.AttrFilter{Key: key, Value: value})
	}
	return out, nil
}
