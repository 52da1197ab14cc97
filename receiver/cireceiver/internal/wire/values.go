package wire

import (
	"net/url"
	"strconv"
	"strings"
)

// MaxMessage is the longest message that is kept, in bytes.
const MaxMessage = 16 << 10

// Attrs makes a map of the pairs whose value isn't empty; nil if there are none.
func Attrs(pairs ...string) map[string]string { return With(nil, pairs...) }

// With adds pairs whose value isn't empty.
func With(m map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// Or is the first of two texts that isn't empty.
func Or(s, def string) string {
	if s != "" {
		return s
	}
	return def
}

// Number writes a number; zero is no number.
func Number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// FirstLine is the first line of a commit's message.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

// Cut shortens an error message or description to what is worth keeping.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// Host is the host of a URL with its port, unless the URL's scheme implies it; def where there is none.
func Host(raw, def string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return def
	}
	if port := u.Port(); port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		return strings.ToLower(u.Hostname())
	}
	return strings.ToLower(u.Host)
}

// SHA is a commit's hash; empty for the zeros that stand for no commit and for what is no hash.
func SHA(s string) string {
	s = strings.ToLower(s)
	if len(s) < 7 || len(s) > 64 || strings.Trim(s, "0123456789abcdef") != "" || strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// Name makes a text fit for a part of an id, where a colon parts the parts.
func Name(s string) string { return strings.ReplaceAll(s, ":", "_") }

// Branch is the short name of a reference to a branch; empty for a tag.
func Branch(ref string) string {
	if strings.HasPrefix(ref, "refs/tags/") {
		return ""
	}
	return strings.TrimPrefix(ref, "refs/heads/")
}
