package fingerprint

import "strings"

var rubyLibraries = []string{"/gems/", "/lib/ruby/", "<internal:", "/rubygems/", "/bundler/"}

// parseRuby reads Exception#full_message and backtraces: "app/cart.rb:12:in `add'", since Ruby 3.4 "in 'Cart#add'".
func parseRuby(stack string) []section {
	s := section{syntax: syntaxRuby}
	lines(stack, func(line string) {
		text := strings.TrimSpace(line)
		f, rest, ok := rubyFrame(strings.TrimPrefix(text, "from "))
		if !ok {
			return
		}
		// The first line goes on with ": message (Type)".
		if msg, found := strings.CutPrefix(rest, ": "); found && s.typ == "" {
			if _, typ, found := cutLast(msg, " ("); found && strings.HasSuffix(typ, ")") {
				s.typ = typeName(strings.TrimSuffix(typ, ")"))
			}
		}
		s.add(f)
	})
	return []section{s}
}

func rubyFrame(s string) (f Frame, rest string, ok bool) {
	where, in, found := strings.Cut(s, ":in ")
	if !found || len(in) < 2 || in[0] != '`' && in[0] != '\'' {
		return f, "", false
	}
	function, rest, found := strings.Cut(in[1:], "'")
	if !found {
		return f, "", false
	}
	file, line, _, ok := cutPosition(where)
	if !ok || file == "" {
		return f, "", false
	}
	return Frame{File: file, Function: function, Line: line, InApp: !containsAny(file, rubyLibraries)}, rest, true
}
