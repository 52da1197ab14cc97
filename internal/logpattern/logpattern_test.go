package logpattern_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/logpattern"
)

func TestPattern(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no digits", "connection closed by peer", "connection closed by peer"},
		{"number", "took 35 ms", "took <*> ms"},
		{"word with digit", "user u42x logged in", "user <*> logged in"},
		{"digit at both ends", "7 of 9", "<*> of <*>"},
		{"whole body", "0", "<*>"},
		{"separators stay", "id=af03-00b1/x_1: ok.", "id=<*>-<*>/x_<*>: ok."},
		{"decimal is two tokens", "load 0.25", "load <*>.<*>"},
		{"non-ASCII joins a token", "größe12 straße", "<*> straße"},
		{"non-ASCII digits are letters", "zahl ٣ hier", "zahl ٣ hier"},
		{"a mask in the body", "<*> and 5", "<*> and <*>"},
		{"lines", "at a(b.go:12)\nat c(d.go:3)", "at a(b.go:<*>)\nat c(d.go:<*>)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m logpattern.Masker
			template, id := m.Pattern(tt.body)
			require.Equal(t, tt.want, string(template))
			require.NotZero(t, id)
		})
	}
}

func TestPatternOfNonText(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "not UTF-8": "caf\xe9 closed", "binary": "\x00\x01abc", "too long": strings.Repeat("a ", logpattern.MaxBody/2) + "b",
	} {
		t.Run(name, func(t *testing.T) {
			var m logpattern.Masker
			template, id := m.Pattern(body)
			require.Nil(t, template)
			require.Zero(t, id)
		})
	}
}

// The hash is stored: rows of earlier versions must find their template.
func TestIDsNeverChange(t *testing.T) {
	var m logpattern.Masker
	_, id := m.Pattern("user 42 logged in")
	require.Equal(t, uint64(0x85293f77854e0b71), id)
	_, other := m.Pattern("user 43 logged in")
	require.Equal(t, id, other)
	_, other = m.Pattern("user 43 logged out")
	require.NotEqual(t, id, other)
}

// slow is the rule read off the description: split, then mask.
func slow(body string) string {
	var out, token strings.Builder
	flush := func() {
		if strings.ContainsAny(token.String(), "0123456789") {
			out.WriteString(logpattern.Mask)
		} else {
			out.WriteString(token.String())
		}
		token.Reset()
	}
	for _, r := range body {
		if r > unicode.MaxASCII || unicode.IsLetter(r) || unicode.IsDigit(r) {
			token.WriteRune(r)
			continue
		}
		flush()
		out.WriteRune(r)
	}
	flush()
	return out.String()
}

func TestPatternAgreesWithTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringOf(rapid.RuneFrom([]rune("ab1 2-_.é<*>\n"))).Filter(func(s string) bool { return s != "" }).Draw(t, "body")
		var m logpattern.Masker
		template, _ := m.Pattern(body)
		require.Equal(t, slow(body), string(template))
	})
}

func TestPatternAllocatesNothing(t *testing.T) {
	var m logpattern.Masker
	m.Pattern(line)
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Pattern(line) }))
}

const line = `2026-05-04T10:11:12.345Z INFO [http-nio-8080-exec-7] c.a.shop.checkout.PaymentService - payment 8f3a9c1e2b7d4a60 for order 482913 ` +
	`of customer c-77120 authorised by gateway in 132 ms, amount=49.90 currency=EUR attempt=1 trace=4bf92f3577b34da6 retries left: none, next step: ship`

func BenchmarkPattern(b *testing.B) {
	var m logpattern.Masker
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		m.Pattern(line)
	}
}
