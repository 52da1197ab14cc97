package fingerprint

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// exceptionText is an input file: three headers, a line of dashes, the stack.
type exceptionText struct{ language, typ, message, stack string }

func readException(t testing.TB, path string) exceptionText {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	head, stack, ok := strings.Cut(string(b), "---\n")
	require.True(t, ok, "%s lacks its line of dashes", path)
	e := exceptionText{stack: stack}
	for line := range strings.Lines(head) {
		k, v, _ := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		switch k {
		case "language":
			e.language = v
		case "type":
			e.typ = v
		case "message":
			e.message = v
		}
	}
	return e
}

func (e exceptionText) result() Result { return Exception(e.language, e.typ, e.message, e.stack) }

// golden is what the files beside the inputs hold: the result and the keys that were hashed.
type golden struct {
	Fingerprint string
	Culprit     string
	Chain       []goldenSection
	Message     string
}

type goldenSection struct {
	Type   string
	Hashed []string
	Frames []Frame
}

func describe(e exceptionText) golden {
	res := e.result()
	g := golden{Fingerprint: String(res.FP), Culprit: res.Culprit}
	chain := parse(e.language, e.stack)
	onlyApp := false
	for _, f := range res.Frames {
		onlyApp = onlyApp || f.InApp
	}
	for _, s := range chain {
		keys := collapse(keysOf(s, onlyApp))
		for i, k := range keys {
			keys[i] = strings.ReplaceAll(k, "\x01", " | ")
		}
		g.Chain = append(g.Chain, goldenSection{Type: s.typ, Hashed: keys, Frames: s.frames})
	}
	if !res.Parsed {
		g.Message = parameterise(e.message)
	}
	return g
}

func TestExceptionGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/stacks/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, in := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(in), ".txt"), func(t *testing.T) {
			var buf strings.Builder
			enc := json.NewEncoder(&buf)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			require.NoError(t, enc.Encode(describe(readException(t, in))))
			got := buf.String()
			path := strings.TrimSuffix(in, ".txt") + ".json"
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), got))
		})
	}
}

func TestLanguageIsSniffed(t *testing.T) {
	inputs, err := filepath.Glob("testdata/stacks/*.txt")
	require.NoError(t, err)
	for _, in := range inputs {
		e := readException(t, in)
		want := e.result()
		for _, language := range []string{"", "cobol", "java", "ruby"} {
			e.language = language
			require.Equal(t, want, e.result(), "%s read as %q", in, language)
		}
	}
}

func TestSameGroup(t *testing.T) {
	for _, tc := range []struct{ name, language, a, b string }{
		{
			"proxies and lambdas of another build", "java",
			"at com.acme.A$$EnhancerBySpringCGLIB$$11.pay(<generated>)\nat com.acme.B.lambda$run$1(B.java:3)\nat com.acme.C$$Lambda$14/0x01.go(C.java:1)",
			"at com.acme.A$$SpringCGLIB$$0.pay(<generated>)\nat com.acme.B.lambda$run$27(B.java:9)\nat com.acme.C$$Lambda/0x7f01.go(C.java:1)",
		},
		{
			"deeper recursion", "python",
			"  File \"/a/t.py\", line 3, in walk\n    walk(n)\n  File \"/a/t.py\", line 3, in walk\n    walk(n)\n  File \"/a/t.py\", line 4, in leaf\n",
			strings.Repeat("  File \"/a/t.py\", line 3, in walk\n    walk(n)\n", 90) + "  File \"/a/t.py\", line 4, in leaf\n",
		},
		{
			"mutual recursion", "ruby",
			"a.rb:1:in `odd'\na.rb:2:in `even'\na.rb:1:in `odd'\na.rb:2:in `even'\nb.rb:1:in `main'",
			strings.Repeat("a.rb:1:in `odd'\na.rb:2:in `even'\n", 31) + "b.rb:1:in `main'",
		},
		{
			"asset hash", "webjs",
			"at pay (https://cdn/app.3f2a9c1b.js:1:2)", "at pay (https://cdn/app.77aa0011.js?x=1:9:8)",
		},
		{
			"closures and type arguments", "go",
			"main.Run[int].func1()\n\t/s/main.go:1 +0x1\n", "main.Run[go.shape.string].func12.3()\n\t/s/main.go:7 +0x1\n",
		},
		{
			"library frames between", "dotnet",
			"at Acme.A.B() in /s/A.cs:line 1", "at System.X.Y()\nat Acme.A.B() in /s/A.cs:line 9\nat Microsoft.Z.W()",
		},
		{
			"another Ruby", "ruby", "/a/cart.rb:1:in `block in add'\n", "/a/cart.rb:1:in 'Cart#add'\n",
		},
		{
			"carriage returns", "java",
			"at com.acme.A.b(A.java:1)\n", "E: m\r\n\tat com.acme.A.b(A.java:1)\r\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := Exception(tc.language, "E", "m", tc.a), Exception(tc.language, "E", "other", tc.b)
			require.True(t, a.Parsed)
			require.Equal(t, String(a.FP), String(b.FP))
		})
	}
}

func TestOtherGroup(t *testing.T) {
	base := Exception("java", "E", "m", "at com.acme.A.b(A.java:1)")
	for name, r := range map[string]Result{
		"type":        Exception("java", "F", "m", "at com.acme.A.b(A.java:1)"),
		"function":    Exception("java", "E", "m", "at com.acme.A.c(A.java:1)"),
		"class":       Exception("java", "E", "m", "at com.acme.B.b(A.java:1)"),
		"one more":    Exception("java", "E", "m", "at com.acme.A.b(A.java:1)\nat com.acme.A.c(A.java:2)"),
		"a cause":     Exception("java", "E", "m", "at com.acme.A.b(A.java:1)\nCaused by: X: y\n\tat com.acme.A.z(A.java:1)"),
		"no frames":   Exception("java", "E", "m", ""),
		"moved break": Exception("java", "E\x00com.acme.A", "m", "at b(A.java:1)"),
	} {
		require.NotEqual(t, base.FP, r.FP, name)
	}
}

func TestMessagesWithoutFrames(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"  spaced \n out ", "spaced out"},
		{"user 42 not found", "user <n> not found"},
		{"took 1h2m3s, limit 500ms", "took <duration>, limit <duration>"},
		{"can't open 'a b' or \"c\"", "can't open <value> or <value>"},
		{"at 10.0.0.1:80 and fe80::1:2:3:4", "at <ip> and <ip>"},
		{"on 2026-11-25 10:00:00.5 UTC", "on <date> <date> UTC"},
		{"commit 3f2a9c1bdeadbeef at 0xC0FFEE", "commit <hex> at <hex>"},
		{"GET https://a.example/b?c=1.", "GET <url>."},
		{"mail joe@acme.example now", "mail <email> now"},
		{"node-12 gone, -3.5e-7 left (99%)", "node-<n> gone, <n> left (<n>)"},
		{"deadbeef feedface", "deadbeef feedface"},
		{"größe 7 überschritten", "größe <n> überschritten"},
		{"unclosed 'quote", "unclosed 'quote"},
	} {
		require.Equal(t, tc.want, parameterise(tc.in), tc.in)
	}
}

func TestStringAndParse(t *testing.T) {
	fp := Exception("", "E", "m", "").FP
	got, err := Parse(String(fp))
	require.NoError(t, err)
	require.Equal(t, fp, got)
	for _, bad := range []string{"", "v1:", "v2:" + String(fp)[3:], String(fp)[3:], String(fp) + "0", "v1:" + strings.Repeat("g", 32), strings.ToUpper(String(fp)), "v1:" + strings.Repeat("A", 32)} {
		_, err := Parse(bad)
		require.ErrorContains(t, err, "fingerprint", bad)
	}
}

// A hostile stack costs bounded work and memory: what comes out is capped however much goes in.
func TestHostileStackIsBounded(t *testing.T) {
	for name, stack := range map[string]string{
		"many frames":  strings.Repeat("\tat com.acme.A.b(A.java:1)\n\tat com.acme.C.d(A.java:1)\n\tat com.acme.E.f1x(A.java:1)\n", 1<<15),
		"many causes":  strings.Repeat("Caused by: a.B: c\n\tat com.acme.A.b(A.java:1)\n", 1<<14),
		"one line":     "at " + strings.Repeat("x.", 1<<20) + "y(A.java:1)",
		"deep python":  strings.Repeat("  File \"/a.py\", line 1, in f\n", 1<<15),
		"python chain": strings.Repeat("  File \"/a.py\", line 1, in f\nE: x\n"+pythonChained[0]+"\n", 1<<13),
		"dotnet chain": strings.Repeat(" ---> A: b\n", 1<<15) + strings.Repeat("at A.B()\n--- End of inner exception stack trace ---\n", 1<<13),
	} {
		t.Run(name, func(t *testing.T) {
			for _, language := range []string{"", "java", "python", "nodejs", "go", "dotnet", "ruby"} {
				res := Exception(language, "E", "m", stack)
				require.LessOrEqual(t, len(res.Frames), maxFrames)
				require.LessOrEqual(t, len(res.Culprit), 2*maxLineBytes)
			}
			require.LessOrEqual(t, len(parse("", bound(stack))), maxSections+1)
		})
	}
}

func TestRootCauseSurvivesTheCut(t *testing.T) {
	root := "Caused by: root.Cause: x\n\tat com.acme.Root.cause(Root.java:1)\n"
	stack := "a.B: c\n" + strings.Repeat("\tat com.acme.Deep.call(Deep.java:1)\n", 1<<15) + root
	res := Exception("java", "a.B", "c", stack)
	require.Equal(t, "com.acme.Root.cause", res.Culprit)
}
