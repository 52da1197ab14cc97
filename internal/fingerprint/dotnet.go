package fingerprint

import "strings"

var dotNetLibraries = []string{
	"System.", "Microsoft.", "Newtonsoft.", "Npgsql.", "MySql.", "StackExchange.", "OpenTelemetry.", "Serilog.", "NLog.", "AutoMapper.", "MediatR.", "Polly.",
	"Castle.", "Dapper.", "FluentValidation.", "Grpc.", "NUnit.", "Xunit.", "lambda_method", "dynamicClass.", "Interop.", "Internal.",
}

// parseDotNet reads Exception.ToString: headlines outermost first, then the frames of the innermost, each inner
// exception closed by a mark.
func parseDotNet(stack string) []section {
	var types []string
	var chain []section
	cur := section{syntax: syntaxDotNet}
	lines(stack, func(line string) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "at "):
			if f, ok := dotNetFrame(text[3:]); ok {
				cur.add(f)
			}
		case strings.HasPrefix(text, "--- End of inner exception"):
			cur.typ, types = popType(types)
			if len(chain) < maxSections {
				chain = append(chain, cur)
			}
			cur = section{syntax: syntaxDotNet}
		case strings.HasPrefix(text, "---> "):
			types = pushType(types, dotNetType(text[len("---> "):]))
		case len(types) == 0 && len(cur.frames) == 0:
			// Older runtimes write the inner headline on the same line.
			outer, inner, both := strings.Cut(text, " ---> ")
			types = pushType(types, dotNetType(outer))
			if both {
				types = pushType(types, dotNetType(inner))
			}
		}
	})
	cur.typ, _ = popType(types)
	return append(chain, cur)
}

// dotNetType drops the index that aggregate exceptions put before the headline: "(Inner Exception #0) Type: message".
func dotNetType(headline string) string {
	if rest, ok := strings.CutPrefix(headline, "(Inner Exception #"); ok {
		if _, after, found := strings.Cut(rest, ") "); found {
			headline = after
		}
	}
	return typeName(headline)
}

func pushType(types []string, t string) []string {
	if len(types) < maxSections {
		types = append(types, t)
	}
	return types
}

func popType(types []string) (string, []string) {
	if len(types) == 0 {
		return "", nil
	}
	return types[len(types)-1], types[:len(types)-1]
}

// dotNetFrame reads `Acme.Shop.Cart.Add(String sku) in /src/Cart.cs:line 42`.
func dotNetFrame(s string) (Frame, bool) {
	call, rest, ok := strings.Cut(s, "(")
	if !ok || call == "" || strings.ContainsAny(call, " @/\\:") && !strings.Contains(call, "<") {
		return Frame{}, false
	}
	_, where, ok := strings.Cut(rest, ")")
	if !ok {
		return Frame{}, false
	}
	where = strings.TrimSpace(where)
	file, line := "", uint32(0)
	if where != "" {
		place, found := strings.CutPrefix(where, "in ")
		if !found {
			return Frame{}, false
		}
		path, n, _ := strings.Cut(place, ":line ")
		file, line = path, number(n)
	}
	module, function := splitMember(call)
	if module == "" {
		return Frame{}, false
	}
	return Frame{
		Module: module, Function: function, File: file, Line: line,
		InApp: !hasAnyPrefix(module+".", dotNetLibraries) && !strings.HasPrefix(call, "lambda_method"),
	}, true
}

// splitMember cuts "Ns.Class.Method" before the method; constructors are written "Ns.Class..ctor".
func splitMember(call string) (module, function string) {
	for _, ctor := range []string{"..ctor", "..cctor"} {
		if rest, ok := strings.CutSuffix(call, ctor); ok {
			return rest, ctor[1:]
		}
	}
	end := len(call)
	// Type arguments of the method hold dots too.
	if i := strings.IndexByte(call, '['); i >= 0 {
		end = i
	}
	dot := strings.LastIndexByte(call[:end], '.')
	if dot < 0 {
		return "", call
	}
	return call[:dot], call[dot+1:]
}
