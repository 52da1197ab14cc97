package fingerprint

import "strings"

// goStandard are the first path elements of the standard library's packages. A module of the project may lack a dot in
// its first element as well, so the absence of one proves nothing.
var goStandard = map[string]bool{}

func init() {
	for _, p := range strings.Fields(`archive arena bufio builtin bytes cmp compress container context crypto database debug embed encoding errors expvar
		flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings
		structs sync syscall testing text time unicode unique unsafe vendor weak`) {
		goStandard[p] = true
	}
}

var goLibraries = []string{"golang.org/x/", "google.golang.org/", "go.opentelemetry.io/", "google.golang.org/grpc", "github.com/gin-gonic/", "github.com/labstack/echo", "github.com/go-chi/", "github.com/gorilla/"}

// parseGo reads the runtime's goroutine dump and the form of errors that print their stack with %+v: a line with the
// function, a line with its position.
func parseGo(stack string) []section {
	s := section{syntax: syntaxGo}
	call, goroutines := "", 0
	lines(stack, func(line string) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "goroutine ") && strings.HasSuffix(text, ":"):
			goroutines++
		case goroutines > 1:
			// Only the goroutine that failed counts; the others are what else ran.
		case line != text && call != "":
			if f, ok := goFrame(call, text); ok {
				if call == "panic" {
					s.frames = s.frames[:0] // above the panic is what recovered and printed it
				} else {
					s.add(f)
				}
			}
			call = ""
		case line == text:
			call = goCall(text)
		}
	})
	return []section{s}
}

// goCall takes the function's name from "github.com/acme/shop.(*Cart).Add(0xc000, 0x1)" or "created by main.x in goroutine 1".
func goCall(text string) string {
	text = strings.TrimPrefix(text, "created by ")
	if name, _, ok := strings.Cut(text, " in goroutine "); ok {
		text = name
	}
	if strings.HasSuffix(text, ")") {
		depth := 0
		for i := len(text) - 1; i >= 0; i-- {
			switch text[i] {
			case ')':
				depth++
			case '(':
				depth--
			}
			if depth == 0 {
				text = text[:i]
				break
			}
		}
	}
	if strings.ContainsAny(text, " \t:") && !strings.Contains(text, "[") {
		return ""
	}
	return text
}

func goFrame(call, where string) (Frame, bool) {
	where, _, _ = strings.Cut(where, " +0x")
	file, line, ok := cutLast(where, ":")
	if !ok || !isDigits(line) || !strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, ".s") {
		return Frame{}, false
	}
	f := Frame{Function: call, File: file, Line: number(line)}
	slash := strings.LastIndexByte(bareOfGenerics(call), '/')
	if dot := strings.IndexByte(call[slash+1:], '.'); dot >= 0 {
		f.Module, f.Function = call[:slash+1+dot], call[slash+2+dot:]
	}
	f.InApp = goInApp(f.Module, file)
	return f, true
}

// bareOfGenerics cuts a name at its type arguments, whose import paths have slashes too.
func bareOfGenerics(call string) string {
	if i := strings.IndexByte(call, '['); i >= 0 {
		return call[:i]
	}
	return call
}

func goInApp(module, file string) bool {
	first, _, _ := strings.Cut(module, "/")
	switch {
	case module == "" || goStandard[first] && !strings.Contains(first, "."):
		return false
	case strings.Contains(file, "/pkg/mod/") || strings.Contains(file, "/vendor/") || strings.Contains(file, "@v"):
		return false
	}
	return !hasAnyPrefix(module, goLibraries)
}
