package fingerprint

import "strings"

// maxPeriod is the longest cycle of calls that collapse recognises as recursion.
const maxPeriod = 4

// key is the identity of a frame: where its code lives and what it is called, without what changes from build to build.
func key(syn syntax, f Frame) string {
	module, function := f.Module, f.Function
	switch syn {
	case syntaxJava:
		module, function = stripProxy(module), javaFunction(function)
	case syntaxGo:
		module, function = stripBrackets(module), goFunction(function)
	case syntaxDotNet:
		module, function = dotNetNames(module, function)
	case syntaxJS:
		module, function = strings.ToLower(stripAssetHash(basename(stripQuery(f.File)))), jsFunction(function)
	case syntaxPython, syntaxRuby:
		module, function = strings.ToLower(basename(f.File)), rubyFunction(function)
	}
	return module + "\x01" + function
}

// collapse folds repeated cycles of calls into one, so that the depth of a recursion doesn't count.
func collapse(keys []string) []string {
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, k)
		for p := 1; p <= maxPeriod && 2*p <= len(out); p++ {
			if equal(out[len(out)-p:], out[len(out)-2*p:len(out)-p]) {
				out = out[:len(out)-p]
				break
			}
		}
	}
	return out
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// stripProxy cuts what code generators append to a class: CGLIB and ByteBuddy proxies, lambdas, anonymous classes,
// numbered proxies and accessors.
func stripProxy(class string) string {
	for _, mark := range []string{"$$", "_$$_", "$ByteBuddy$", "$HibernateProxy$", "$MockitoMock$", "/0x"} {
		if i := strings.Index(class, mark); i > 0 {
			class = class[:i]
		}
	}
	return strings.TrimRight(strings.TrimRight(class, "0123456789"), "$")
}

// javaFunction reduces lambda$pay$3, access$000 and $anonfun$pay$1 to the method they were written in.
func javaFunction(name string) string {
	for _, mark := range []string{"lambda$", "$anonfun$", "access$"} {
		if rest, ok := strings.CutPrefix(name, mark); ok && rest != "" {
			name = rest
			break
		}
	}
	if i := strings.IndexByte(name, '$'); i > 0 {
		name = name[:i]
	}
	return strings.TrimRight(name, "0123456789")
}

// goFunction drops the compiler's names of closures and wrappers: pay.func1.2, pay.gowrap1, pay-fm, pay.deferwrap1.
func goFunction(name string) string {
	name = stripBrackets(strings.TrimSuffix(name, "-fm"))
	for {
		before, last, ok := cutLast(name, ".")
		if !ok || !isGoClosure(last) {
			return name
		}
		name = before
	}
}

func isGoClosure(s string) bool {
	s, _, _ = strings.Cut(s, "-range")
	for _, mark := range []string{"func", "gowrap", "deferwrap", ""} {
		if rest, ok := strings.CutPrefix(s, mark); ok && isDigits(rest) {
			return true
		}
	}
	return false
}

// stripBrackets drops type arguments: Map[go.shape.int] and List`1[System.String] differ by build.
func stripBrackets(s string) string {
	open := strings.IndexByte(s, '[')
	if open < 0 {
		return s
	}
	end := strings.LastIndexByte(s, ']')
	if end < open {
		return s[:open]
	}
	return s[:open] + s[end+1:]
}

// dotNetNames undoes the compiler's state machines and closures: Cart+<Add>d__12.MoveNext and Cart.<>c.<Add>b__0 are
// both Cart.Add; generic arity goes too.
func dotNetNames(module, function string) (string, string) {
	function = stripArity(stripBrackets(function))
	module = stripArity(stripBrackets(strings.ReplaceAll(module, "+", ".")))
	if method := between(function, '<', '>'); method != "" {
		function = method
	}
	if i := strings.Index(module, ".<"); i >= 0 {
		if method := between(module[i:], '<', '>'); method != "" {
			function = method
		}
		module = module[:i]
	}
	return module, function
}

func stripArity(s string) string {
	for {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			return s
		}
		end := i + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		s = s[:i] + s[end:]
	}
}

func between(s string, open, end byte) string {
	i := strings.IndexByte(s, open)
	if i < 0 {
		return ""
	}
	j := strings.IndexByte(s[i:], end)
	if j < 1 {
		return ""
	}
	return s[i+1 : i+j]
}

func stripQuery(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		return url[:i]
	}
	return url
}

// stripAssetHash drops the content hash that bundlers put before the extension: app.3f2a9c1b.js, index-BX2k9_aQ.js.
func stripAssetHash(name string) string {
	stem, ext, ok := cutLast(name, ".")
	if !ok {
		return name
	}
	i := strings.LastIndexAny(stem, ".-")
	if i > 0 && len(stem)-i-1 >= 8 && strings.ContainsAny(stem[i+1:], "0123456789") {
		stem = stem[:i]
	}
	return stem + "." + ext
}

// jsFunction drops what engines add to a name: async, new, the receiver's type, aliases and marks of closures.
func jsFunction(name string) string {
	name, _, _ = strings.Cut(name, " [as ")
	for _, p := range []string{"async ", "new "} {
		name = strings.TrimPrefix(name, p)
	}
	for _, p := range []string{"async*", "Object.", "Module.", "Function.", "exports.", "window.", "globalThis."} {
		name = strings.TrimPrefix(name, p)
	}
	if i := strings.IndexAny(name, "/<"); i > 0 {
		name = name[:i]
	}
	if name == "" || name == "<anonymous>" || name == "anonymous" {
		return "<anonymous>"
	}
	return name
}

// rubyFunction reduces "block (2 levels) in add", "rescue in add" and the newer "Cart#add" to the method; Python's names
// lose what encloses a nested function.
func rubyFunction(name string) string {
	if _, method, ok := cutLast(name, " in "); ok {
		name = method
	}
	for _, mark := range []string{"#", "<locals>."} {
		if _, last, ok := cutLast(name, mark); ok {
			name = last
		}
	}
	return name
}
