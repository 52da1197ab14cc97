package fingerprint

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// call is a frame before a language has written it down.
type call struct {
	class, method string
	line          int
}

func calls(t *rapid.T, label string) []call {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) call {
		return call{
			class:  rapid.SampledFrom([]string{"Cart", "Order", "Stock", "Price"}).Draw(t, "class"),
			method: rapid.StringMatching(`[a-z][a-z]{2,8}`).Draw(t, "method"),
			line:   rapid.IntRange(1, 9999).Draw(t, "line"),
		}
	}), 1, 12).Draw(t, label)
}

// writers give a stack in each language's form; library is one call of a runtime or framework.
var writers = map[string]struct {
	write   func(c call) string
	library string
	last    bool // innermost call last
}{
	"java": {write: func(c call) string {
		return fmt.Sprintf("\tat com.acme.%s.%s(%s.java:%d)\n", c.class, c.method, c.class, c.line)
	}, library: "\tat org.springframework.web.Filter.go(Filter.java:7)\n"},
	"python": {write: func(c call) string {
		return fmt.Sprintf("  File \"/srv/%s.py\", line %d, in %s\n    x()\n", c.class, c.line, c.method)
	}, library: "  File \"/usr/lib/python3/site-packages/web.py\", line 4, in go\n", last: true},
	"nodejs": {write: func(c call) string { return fmt.Sprintf("    at %s (/srv/%s.js:%d:3)\n", c.method, c.class, c.line) }, library: "    at go (/srv/node_modules/x/y.js:1:2)\n"},
	"go": {write: func(c call) string {
		return fmt.Sprintf("acme.io/shop.(*%s).%s(0x%x)\n\t/src/%s.go:%d +0x%x\n", c.class, c.method, c.line, c.class, c.line, c.line)
	}, library: "net/http.serve(0x1)\n\t/usr/local/go/src/net/http/server.go:1 +0x1\n"},
	"dotnet": {write: func(c call) string {
		return fmt.Sprintf("   at Acme.%s.%s(String s) in /src/%s.cs:line %d\n", c.class, c.method, c.class, c.line)
	}, library: "   at System.Linq.Go()\n"},
	"ruby": {write: func(c call) string { return fmt.Sprintf("/srv/%s.rb:%d:in `%s'\n", c.class, c.line, c.method) }, library: "/usr/gems/web.rb:1:in `go'\n"},
}

func write(language string, cs []call, libraries func(i int) int) string {
	w := writers[language]
	var b strings.Builder
	for i := range cs {
		c := cs[i]
		if w.last {
			c = cs[len(cs)-1-i]
		}
		b.WriteString(strings.Repeat(w.library, libraries(i)))
		b.WriteString(w.write(c))
	}
	b.WriteString(strings.Repeat(w.library, libraries(len(cs))))
	return b.String()
}

func none(int) int { return 0 }

// What changes from build to build or from request to request leaves the group alone, in every language: line numbers,
// library calls between the project's own, the message, and anything that runs outside of the hashed calls.
func TestGroupIsStable(t *testing.T) {
	for language := range writers {
		t.Run(language, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				cs := calls(t, "calls")
				want := Exception(language, "E", "first", write(language, cs, none))
				if !want.Parsed || len(want.Frames) != len(cs) {
					t.Fatalf("read %d frames of %d", len(want.Frames), len(cs))
				}
				moved := append([]call(nil), cs...)
				for i := range moved {
					moved[i].line = rapid.IntRange(1, 99999).Draw(t, "moved line")
				}
				libs := rapid.SliceOfN(rapid.IntRange(0, 3), len(cs)+1, len(cs)+1).Draw(t, "library calls")
				got := Exception(language, "E", "second", write(language, moved, func(i int) int { return libs[i] }))
				if got.FP != want.FP {
					t.Fatalf("lines and libraries moved the group:\n%s", write(language, moved, func(i int) int { return libs[i] }))
				}
				if got.Culprit != want.Culprit {
					t.Fatalf("culprit %q became %q", want.Culprit, got.Culprit)
				}
			})
		})
	}
}

// Another innermost call is another group.
func TestGroupTellsCallsApart(t *testing.T) {
	for language := range writers {
		t.Run(language, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				cs := calls(t, "calls")
				other := append([]call{{class: "Zed", method: "never", line: 1}}, cs...)
				if Exception(language, "E", "", write(language, cs, none)).FP == Exception(language, "E", "", write(language, other, none)).FP {
					t.Fatal("a new innermost call left the group unchanged")
				}
			})
		})
	}
}

func TestNumbersInMessagesDontCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := "order %d of %08x1 at 2026-01-%02d failed after %dms"
		draw := func() string {
			return fmt.Sprintf(form, rapid.IntRange(0, 1e9).Draw(t, "id"), rapid.Uint32Range(0xa0000000, 0xffffffff).Draw(t, "hex"),
				rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(1, 1e6).Draw(t, "ms"))
		}
		if a, b := draw(), draw(); Exception("", "E", a, "").FP != Exception("", "E", b, "").FP {
			t.Fatalf("%q and %q are apart: %q, %q", a, b, parameterise(a), parameterise(b))
		}
	})
}

func FuzzException(f *testing.F) {
	for language := range writers {
		f.Add(language, "E", "m 1", write(language, []call{{"A", "bcd", 1}, {"E", "fgh", 2}}, func(int) int { return 1 }))
	}
	f.Add("", "", "'", "Caused by: \nat (\nat a.b(\n ---> \n@:1:1\nFile \"\", line , in \n:in `'\ngoroutine :\n\t.go:1")
	f.Fuzz(func(t *testing.T, language, typ, message, stack string) {
		a, b := Exception(language, typ, message, stack), Exception(language, typ, message, stack)
		if String(a.FP) != String(b.FP) {
			t.Fatal("not deterministic")
		}
		if len(a.Frames) > maxFrames || a.Parsed != (len(a.Frames) > 0) {
			t.Fatalf("%d frames, parsed %v", len(a.Frames), a.Parsed)
		}
		if a.Parsed && utf8.ValidString(stack) {
			for _, fr := range a.Frames {
				if fr.Function == "" && fr.File == "" && fr.Module == "" {
					t.Fatalf("an empty frame out of %q", stack)
				}
			}
		}
		if back, err := Parse(String(a.FP)); err != nil || back != a.FP {
			t.Fatalf("text form: %v", err)
		}
	})
}

func BenchmarkException(b *testing.B) {
	for _, language := range []string{"java", "python", "nodejs", "go", "dotnet", "ruby"} {
		b.Run(language, func(b *testing.B) {
			cs := make([]call, 30)
			for i := range cs {
				cs[i] = call{class: "Cart", method: fmt.Sprintf("step%c", 'a'+i%26), line: i}
			}
			stack := write(language, cs, none)
			b.SetBytes(int64(len(stack)))
			b.ReportAllocs()
			for b.Loop() {
				Exception(language, "E", "m", stack)
			}
		})
	}
	b.Run("message", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Exception("cpp", "E", "order 4711 of 'joe' at 2026-11-25T10:00:00Z failed after 12.5ms", "")
		}
	})
}
