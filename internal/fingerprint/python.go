package fingerprint

import "strings"

var (
	pythonLibraries = []string{"/site-packages/", "/dist-packages/", "/lib/python", "/lib64/python", "<frozen ", "<__array_function__", `\site-packages\`, `\lib\`, "/.venv/lib/"}
	pythonChained   = []string{
		"The above exception was the direct cause of the following exception:",
		"During handling of the above exception, another exception occurred:",
	}
)

// parsePython reads the traceback module's form: root cause first, and in each exception the innermost call last.
func parsePython(stack string) []section {
	var chain []section
	cur := section{syntax: syntaxPython}
	flush := func() {
		cur.reverse()
		if len(cur.frames) > 0 {
			if len(chain) == maxSections {
				chain = append(chain[:maxSections/2], chain[maxSections/2+1:]...)
			}
			chain = append(chain, cur)
		}
		cur = section{syntax: syntaxPython}
	}
	lines(stack, func(line string) {
		// Exception groups draw a margin of these.
		text := strings.TrimLeft(line, " \t|+-")
		switch {
		case strings.HasPrefix(text, `File "`):
			if f, ok := pythonFrame(text); ok {
				cur.addLast(f)
			}
		case hasAnyPrefix(text, pythonChained):
			flush()
		case len(cur.frames) > 0 && cur.typ == "" && line == text:
			cur.typ = typeName(text)
		}
	})
	flush()
	return chain
}

// pythonFrame reads `File "/srv/app/views.py", line 12, in pay`.
func pythonFrame(s string) (Frame, bool) {
	file, rest, ok := strings.Cut(s[len(`File "`):], `"`)
	if !ok || file == "" {
		return Frame{}, false
	}
	rest, ok = strings.CutPrefix(rest, ", line ")
	if !ok {
		return Frame{}, false
	}
	line, function, _ := strings.Cut(rest, ", in ")
	if !isDigits(line) {
		return Frame{}, false
	}
	return Frame{
		File: file, Function: strings.TrimSpace(function), Line: number(line),
		InApp: !containsAny(file, pythonLibraries),
	}, true
}
