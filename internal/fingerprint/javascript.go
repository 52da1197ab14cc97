package fingerprint

import "strings"

// jsLibraries mark code that the project didn't write: the runtime, packages, browser extensions.
var jsLibraries = []string{"node_modules/", `node_modules\`, "node:", "internal/", "chrome-extension://", "moz-extension://", "safari-extension://", "safari-web-extension://", "[native code]"}

// parseJS reads Error.stack of V8 (Node, Chrome, Edge) and of SpiderMonkey and JavaScriptCore (Firefox, Safari).
func parseJS(stack string) []section {
	chain := []section{{syntax: syntaxJS}}
	lines(stack, func(line string) {
		text := strings.TrimSpace(line)
		if rest, ok := jsCause(text); ok {
			next := section{syntax: syntaxJS, typ: typeName(rest)}
			if len(chain) == maxSections {
				chain[len(chain)-1] = next
				return
			}
			chain = append(chain, next)
			return
		}
		cur := &chain[len(chain)-1]
		f, ok := jsFrame(text)
		switch {
		case ok:
			cur.add(f)
		case len(cur.frames) == 0 && cur.typ == "":
			cur.typ = typeName(strings.TrimPrefix(text, "Uncaught "))
		}
	})
	for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
		chain[i], chain[j] = chain[j], chain[i]
	}
	return chain
}

func jsCause(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "[cause]: "); ok {
		return rest, true
	}
	return strings.CutPrefix(text, "Caused by: ")
}

func jsFrame(text string) (Frame, bool) {
	if rest, ok := strings.CutPrefix(text, "at "); ok {
		return v8Frame(strings.TrimRight(rest, " {"))
	}
	return geckoFrame(text)
}

// v8Frame reads "async Shop.pay [as run] (file:///srv/shop.js:4:12)" and "file.js:4:12".
func v8Frame(s string) (Frame, bool) {
	function, where := "", s
	open := strings.Index(s, " (eval at ")
	if open < 0 {
		open = strings.LastIndex(s, " (")
	}
	if open >= 0 && strings.HasSuffix(s, ")") {
		function, where = s[:open], s[open+2:len(s)-1]
	} else {
		where = strings.TrimPrefix(where, "async ")
	}
	// Code made by eval names its origin: "eval at pay (app.js:1:2), <anonymous>:1:1".
	if rest, ok := strings.CutPrefix(where, "eval at "); ok {
		if _, origin, found := strings.Cut(rest, "("); found {
			where, _, _ = strings.Cut(origin, ")")
		}
	}
	if where == "native" || where == "<anonymous>" {
		return Frame{Function: function, File: where}, function != ""
	}
	file, line, col, ok := cutPosition(where)
	if !ok || file == "" || col == 0 && line == 0 || strings.Contains(file, " in ") {
		return Frame{}, false
	}
	if col == 0 && !strings.ContainsAny(file, "./:") {
		return Frame{}, false
	}
	return Frame{Function: function, File: file, Line: line, Col: col, InApp: jsInApp(file)}, true
}

// geckoFrame reads "pay/<@https://shop.example/app.js:4:12".
func geckoFrame(s string) (Frame, bool) {
	function, where, ok := strings.Cut(s, "@")
	if !ok || strings.ContainsRune(function, ' ') {
		return Frame{}, false
	}
	// "app.js line 3 > eval:1:1" names the origin first.
	if origin, _, evaluated := strings.Cut(where, " line "); evaluated {
		return Frame{Function: function, File: origin, InApp: jsInApp(origin)}, true
	}
	if where == "[native code]" {
		return Frame{Function: function, File: where}, true
	}
	file, line, col, ok := cutPosition(where)
	if !ok || file == "" || strings.ContainsRune(file, ' ') || !strings.ContainsAny(file, "./") {
		return Frame{}, false
	}
	return Frame{Function: function, File: file, Line: line, Col: col, InApp: jsInApp(file)}, true
}

func jsInApp(file string) bool {
	return !containsAny(file, jsLibraries) && !strings.HasPrefix(file, "<")
}
