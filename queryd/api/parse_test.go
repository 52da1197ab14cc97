package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/queryd/query"
)

func TestParseRange(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	for _, tc := range []struct {
		name, from, to string
		start, end     time.Time
		err            string
	}{
		{name: "defaults", start: now.Add(-time.Hour), end: now},
		{name: "one end", to: "now-1d", start: now.Add(-25 * time.Hour), end: now.Add(-24 * time.Hour)},
		{name: "relative", from: "now-1w", to: "now+5m", start: now.AddDate(0, 0, -7), end: now.Add(5 * time.Minute)},
		{name: "plus as a space", from: "now", to: "now 5m", start: now, end: now.Add(5 * time.Minute)},
		{name: "nanoseconds", from: "1", to: "2", start: time.Unix(0, 1).UTC(), end: time.Unix(0, 2).UTC()},
		{name: "RFC 3339", from: "2026-03-01T00:00:00.000000001Z", start: time.Date(2026, 3, 1, 0, 0, 0, 1, time.UTC), end: now},
		{name: "zone", from: "2026-03-01T02:00:00+02:00", start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), end: now},
		{name: "empty range", from: "now", to: "now", err: "from must be before to"},
		{name: "no time", from: "tomorrow", err: `from "tomorrow" is no time`},
		{name: "no unit", to: "now-5", err: `to "now-5" is no time`},
		{name: "half a word", to: "nowadays", err: "is no time"},
		{name: "too old", from: "now-200y", err: "from must be from 1970"},
		{name: "negative", from: "-1", err: "from must be from 1970"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start, end, err := parseRange(tc.from, tc.to, now)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []time.Time{tc.start, tc.end}, []time.Time{start, end})
		})
	}
}

func TestParseAttrs(t *testing.T) {
	got, err := parseAttrs([]string{"a=b", "a.b=c=d", "e="})
	require.NoError(t, err)
	require.Equal(t, []query.AttrFilter{{Key: "a", Value: "b"}, {Key: "a.b", Value: "c=d"}, {Key: "e", Value: ""}}, got)
	for _, wrong := range []string{"", "a", "=b"} {
		_, err := parseAttrs([]string{wrong})
		require.ErrorContains(t, err, "must be key=value", wrong)
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"now", "now-1h", "now+", "1", "2026-03-01T00:00:00Z", "-", "9223372036854775807", "now-9999999999h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime("from", s, time.Unix(1_800_000_000, 0))
		if err == nil {
			require.False(t, got.Before(firstTime) || got.After(lastTime), "%q gave %s", s, got)
		}
	})
}
