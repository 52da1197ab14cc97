package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Time reads a time as providers write it: RFC 3339 with or without fractions, with a space for the T, without a
// zone, or as Unix seconds. Null, the empty string and the first day of the first year are no time.
type Time struct{ time.Time }

var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05 MST",
	"2006-01-02 15:04:05.999999999",
}

// UnmarshalJSON names the text that is no time.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = time.Time{}
	if bytes.Equal(b, []byte("null")) || bytes.Equal(b, []byte(`""`)) {
		return nil
	}
	if b[0] != '"' {
		n, err := strconv.ParseInt(string(b), 10, 64)
		got := time.Unix(n, 0).UTC()
		if err != nil || !InRange(got) {
			return WrongField("time", fmt.Sprintf("%s is no time: want RFC 3339 or Unix seconds", b))
		}
		t.Time = got
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if strings.HasPrefix(s, "0001-01-01") {
		// The zero time of Go and .NET programs.
		return nil
	}
	for _, layout := range timeLayouts {
		if got, err := time.Parse(layout, s); err == nil && InRange(got) {
			t.Time = got.UTC()
			return nil
		}
	}
	return WrongField("time", fmt.Sprintf("%q is no time: want RFC 3339, for example 2026-03-01T12:00:00Z", s))
}

// InRange tells the times that the store's columns hold: the years 1970 to 2261 in UTC.
func InRange(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1970 && year < 2262
}

// FirstTime is the first that is known.
func FirstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}
