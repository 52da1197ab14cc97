package fingerprint

import "strings"

const (
	// maxMessageBytes of a message take part in a fingerprint.
	maxMessageBytes = 1 << 10
	// maxQuotedBytes is the longest quoted value that is taken for one.
	maxQuotedBytes = 256
)

// parameterise replaces what differs from one occurrence of an error to the next by placeholders, in one pass: the
// message is cut into words, and each word that looks like a value becomes the name of its kind.
func parameterise(message string) string {
	if len(message) > maxMessageBytes {
		message = message[:maxMessageBytes]
	}
	var b strings.Builder
	b.Grow(len(message))
	space := false
	for i := 0; i < len(message); {
		c := message[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			space = b.Len() > 0
			i++
			continue
		case space:
			b.WriteByte(' ')
			space = false
		}
		if end := quotedEnd(message, i); end > 0 {
			b.WriteString("<value>")
			i = end
			continue
		}
		if !isWordByte(c) {
			b.WriteByte(c)
			i++
			continue
		}
		end := wordEnd(message, i)
		b.WriteString(placeholder(message[i:end]))
		i = end
	}
	return b.String()
}

// quotedEnd gives the end of a quoted value that starts at i, or 0. A quote inside a word is an apostrophe.
func quotedEnd(s string, i int) int {
	q := s[i]
	if q != '"' && q != '\'' && q != '`' || i > 0 && isAlnum(s[i-1]) {
		return 0
	}
	limit := min(len(s), i+1+maxQuotedBytes)
	for j := i + 1; j < limit; j++ {
		if s[j] == q && (j+1 == len(s) || !isAlnum(s[j+1])) {
			return j + 1
		}
	}
	return 0
}

// wordEnd gives the end of the word at i: what a value may be made of, without punctuation at its end.
func wordEnd(s string, i int) int {
	end := i
	for end < len(s) && isWordByte(s[end]) {
		end++
	}
	for end > i+1 && strings.IndexByte(".:,/-", s[end-1]) >= 0 {
		end--
	}
	return end
}

func isWordByte(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte("_.:@/%+-~&?=#", c) >= 0
}

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// placeholder is the kind of value that a word is, or the word itself with its numbers replaced.
func placeholder(w string) string {
	switch {
	case strings.Contains(w, "://"):
		return "<url>"
	case isEmail(w):
		return "<email>"
	case isUUID(w):
		return "<uuid>"
	case isDate(w):
		return "<date>"
	case isIP(w):
		return "<ip>"
	case isHex(w):
		return "<hex>"
	case isDuration(w):
		return "<duration>"
	case isNumber(w):
		return "<n>"
	}
	return replaceDigits(w)
}

func isEmail(w string) bool {
	local, domain, ok := strings.Cut(w, "@")
	return ok && local != "" && strings.IndexByte(domain, '.') > 0
}

func isUUID(w string) bool {
	if len(w) != 36 {
		return false
	}
	for i := range len(w) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if w[i] != '-' {
				return false
			}
		} else if !isHexDigit(w[i]) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isDate takes 2026-11-25, 2026-11-25T10:00:00.123Z, 2026/11/25 and 10:00:00.
func isDate(w string) bool {
	if len(w) >= 10 && isDigits(w[:4]) && (w[4] == '-' || w[4] == '/') && isDigits(w[5:7]) && w[7] == w[4] && isDigits(w[8:10]) {
		return len(w) == 10 || w[10] == 'T' || w[10] == '_' || w[10] == ':'
	}
	return len(w) >= 8 && isDigits(w[:2]) && w[2] == ':' && isDigits(w[3:5]) && w[5] == ':' && isDigits(w[6:8])
}

// isIP takes dotted IPv4 with or without a port, and IPv6 by its two or more colons between hex groups.
func isIP(w string) bool {
	dots, colons, digits := 0, 0, 0
	for i := range len(w) {
		switch c := w[i]; {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case isDigit(c):
			digits++
		case !isHexDigit(c):
			return false
		}
	}
	return digits > 0 && (dots == 3 && colons <= 1 && isDigit(w[0]) || dots == 0 && colons >= 3)
}

// isHex takes 0x…, and eight or more hex digits with at least one digit among them.
func isHex(w string) bool {
	rest, marked := strings.CutPrefix(strings.ToLower(w), "0x")
	digits := 0
	for i := range len(rest) {
		if !isHexDigit(rest[i]) {
			return false
		}
		if isDigit(rest[i]) {
			digits++
		}
	}
	return marked && rest != "" || len(rest) >= 8 && digits > 0 && digits < len(rest)
}

var units = map[string]bool{"ns": true, "us": true, "µs": true, "μs": true, "ms": true, "s": true, "sec": true, "secs": true, "m": true, "min": true, "h": true, "d": true}

// isDuration takes 12ms, 1.5s and 1h2m3s.
func isDuration(w string) bool {
	for w != "" {
		n := numberPrefix(w)
		if n == 0 {
			return false
		}
		w = w[n:]
		u := 0
		for u < len(w) && !isDigit(w[u]) {
			u++
		}
		if !units[w[:u]] {
			return false
		}
		w = w[u:]
	}
	return true
}

// numberPrefix is the length of the unsigned decimal number that w starts with.
func numberPrefix(w string) int {
	n := 0
	for n < len(w) && (isDigit(w[n]) || w[n] == '.' && n > 0) {
		n++
	}
	return n
}

func isNumber(w string) bool {
	w = strings.TrimSuffix(strings.TrimLeft(w, "+-"), "%")
	digits := false
	for i := range len(w) {
		c := w[i]
		digits = digits || isDigit(c)
		if !isDigit(c) && c != '.' && !(digits && (c == 'e' || c == 'E' || c == '+' || c == '-')) {
			return false
		}
	}
	return digits
}

// replaceDigits keeps a word such as node-12 or order_7 apart from its number.
func replaceDigits(w string) string {
	if !strings.ContainsAny(w, "0123456789") {
		return w
	}
	var b strings.Builder
	for i := 0; i < len(w); {
		if !isDigit(w[i]) {
			b.WriteByte(w[i])
			i++
			continue
		}
		for i < len(w) && isDigit(w[i]) {
			i++
		}
		b.WriteString("<n>")
	}
	return b.String()
}
