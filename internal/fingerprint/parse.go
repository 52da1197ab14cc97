package fingerprint

import (
	"strconv"
	"strings"
)

// syntax is the form of stack trace that a section was read from; it decides how names are normalised.
type syntax uint8

const (
	syntaxJava syntax = iota + 1
	syntaxPython
	syntaxJS
	syntaxGo
	syntaxDotNet
	syntaxRuby
)

// section is one exception of a chain of causes with its frames, the innermost call first.
type section struct {
	syntax syntax
	typ    string
	frames []Frame
}

// add keeps a frame unless the section is full.
func (s *section) add(f Frame) {
	if len(s.frames) < maxFrames {
		s.frames = append(s.frames, f)
	}
}

// addLast keeps a frame and forgets the oldest ones, for traces that name the innermost call last.
func (s *section) addLast(f Frame) {
	if len(s.frames) >= 2*maxFrames {
		s.frames = append(s.frames[:0], s.frames[maxFrames:]...)
	}
	s.frames = append(s.frames, f)
}

// reverse turns a section read with addLast into the order of all others.
func (s *section) reverse() {
	for i, j := 0, len(s.frames)-1; i < j; i, j = i+1, j-1 {
		s.frames[i], s.frames[j] = s.frames[j], s.frames[i]
	}
	if len(s.frames) > maxFrames {
		s.frames = s.frames[:maxFrames]
	}
}

type parser func(stack string) []section

var parsers = map[string]parser{
	"java": parseJava, "kotlin": parseJava, "scala": parseJava, "android": parseJava,
	"python": parsePython,
	"nodejs": parseJS, "webjs": parseJS, "javascript": parseJS,
	"go":     parseGo,
	"dotnet": parseDotNet, "csharp": parseDotNet,
	"ruby": parseRuby,
}

// sniffing is the order in which a stack of unknown language is tried; the stricter line forms come first.
var sniffing = []parser{parsePython, parseJava, parseJS, parseDotNet, parseGo, parseRuby}

// parse gives the chain of exceptions, the root cause first; empty when no frame could be read. A wrong language is
// worth no more than none: the other forms are tried as well.
func parse(language, stack string) []section {
	if stack == "" {
		return nil
	}
	if p, ok := parsers[strings.ToLower(language)]; ok {
		if chain := withFrames(p(stack)); len(chain) > 0 {
			return chain
		}
	}
	for _, p := range sniffing {
		if chain := withFrames(p(stack)); len(chain) > 0 {
			return chain
		}
	}
	return nil
}

func withFrames(chain []section) []section {
	for _, s := range chain {
		if len(s.frames) > 0 {
			return chain
		}
	}
	return nil
}

// lines walks over the lines of a stack, each cut to what a parser looks at.
func lines(stack string, yield func(line string)) {
	for line := range strings.SplitSeq(stack, "\n") {
		if len(line) > maxLineBytes {
			line = line[:maxLineBytes]
		}
		yield(strings.TrimRight(line, "\r"))
	}
}

// number reads a line or column number; what is out of range or not a number is 0, which means unknown.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// cutPosition splits "file:12:3" or "file:12" from the right; ok is false without a number at the end.
func cutPosition(s string) (file string, line, col uint32, ok bool) {
	file, last, found := cutLast(s, ":")
	if !found || !isDigits(last) {
		return s, 0, 0, false
	}
	if f, mid, found := cutLast(file, ":"); found && isDigits(mid) {
		return f, number(mid), number(last), true
	}
	return file, number(last), 0, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// typeName takes the type from a headline "com.acme.Type: message"; "" when the line doesn't look like one.
func typeName(line string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 256 || strings.ContainsAny(name, " \t(){}\"'<>/\\") {
		return ""
	}
	return name
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// basename is the last element of a path written with either slash.
func basename(path string) string {
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		return path[i+1:]
	}
	return path
}
