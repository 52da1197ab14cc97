// Package logpattern turns the body of a log record into its pattern: the text with every token that holds a digit
// masked, and a hash of it. The column encoder writes the hash into the sort key of logs_v1, so that rows of one pattern
// lie side by side, and the template into log_patterns_v1, where searches for words are answered. A pattern depends on
// the body alone: it is the same on every machine and in every order of records.
package logpattern

import (
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// Mask stands in a template for a token with a digit.
const Mask = "<*>"

// MaxBody is the longest body that has a pattern: longer ones are dumps whose templates would hardly repeat.
const MaxBody = 8 << 10

// class holds the two properties of a byte that matter. A token is a run of letters, digits and bytes of non-ASCII
// characters, as in the engine's splitByNonAlpha: a word without digits is therefore always in the template, and a token
// with digits never.
type class uint8

const (
	inToken class = 1 << iota
	digit
)

var classes = func() (t [256]class) {
	for b := range t {
		switch {
		case b >= '0' && b <= '9':
			t[b] = inToken | digit
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= utf8.RuneSelf:
			t[b] = inToken
		}
	}
	return t
}()

// Masker makes patterns, reusing its memory. It must not be used by two goroutines at once.
type Masker struct{ buf []byte }

// Pattern gives a body's template and its hash, never 0. The template is valid until the next call. A body that is empty,
// longer than MaxBody or not text has none: nil and 0.
func (m *Masker) Pattern(body string) (template []byte, id uint64) {
	if body == "" || len(body) > MaxBody || !isText(body) {
		return nil, 0
	}
	m.buf = appendTemplate(m.buf[:0], body)
	return m.buf, max(1, xxhash.Sum64(m.buf))
}

// isText refuses what no person reads: bytes that aren't UTF-8, and NUL, which binary formats hold.
func isText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// appendTemplate looks for digits only; where one is found, the ends of its token are looked for on both sides.
func appendTemplate(dst []byte, body string) []byte {
	kept := 0
	for i := 0; i < len(body); i++ {
		if classes[body[i]]&digit == 0 {
			continue
		}
		from, to := i, i+1
		for from > kept && classes[body[from-1]]&inToken != 0 {
			from--
		}
		for to < len(body) && classes[body[to]]&inToken != 0 {
			to++
		}
		dst = append(dst, body[kept:from]...)
		dst = append(dst, Mask...)
		kept, i = to, to
	}
	return append(dst, body[kept:]...)
}
