package output

import (
	"strconv"
	"time"
)

// Duration writes nanoseconds with three digits of meaning or more. The bounds are where the shorter unit would round up
// to the next.
func Duration(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 0:
		return "-"
	case d < time.Microsecond:
		return strconv.FormatInt(ns, 10) + "ns"
	case d < time.Millisecond-50*time.Nanosecond:
		return strconv.FormatFloat(float64(ns)/1e3, 'f', 1, 64) + "µs"
	case d < time.Second-50*time.Microsecond:
		return strconv.FormatFloat(float64(ns)/1e6, 'f', 1, 64) + "ms"
	case d < time.Minute-5*time.Millisecond:
		return strconv.FormatFloat(float64(ns)/1e9, 'f', 2, 64) + "s"
	}
	return d.Round(time.Second).String()
}

// Time writes a time of the API in UTC to the second; an absent one is "-".
func Time(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// Short cuts an id, such as a commit, to what people compare.
func Short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// Cut cuts a text to n characters.
func Cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// Count writes a number.
func Count[N ~int | ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }
