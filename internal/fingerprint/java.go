package fingerprint

import "strings"

// javaLibraries are the package prefixes of runtimes and frameworks.
var javaLibraries = []string{
	"java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "kotlin.", "kotlinx.", "scala.", "groovy.", "org.codehaus.groovy.",
	"android.", "androidx.", "com.android.", "dalvik.", "org.springframework.", "org.apache.", "org.hibernate.", "org.eclipse.", "org.jboss.",
	"org.junit.", "org.testng.", "org.gradle.", "org.slf4j.", "org.postgresql.", "org.aspectj.", "org.quartz.", "com.fasterxml.", "com.google.common.",
	"com.google.inject.", "com.zaxxer.", "com.mysql.", "com.mongodb.", "com.netflix.", "ch.qos.logback.", "io.netty.", "io.grpc.", "io.micrometer.",
	"io.opentelemetry.", "io.undertow.", "io.vertx.", "io.micronaut.", "io.quarkus.", "io.lettuce.", "reactor.", "akka.", "feign.", "okhttp3.", "okio.",
	"retrofit2.", "rx.", "net.sf.cglib.", "javassist.", "redis.clients.", "com.amazonaws.", "software.amazon.awssdk.",
}

// javaGenerated mark classes that a framework made at run time around the project's own.
var javaGenerated = []string{"$$EnhancerBy", "$$FastClass", "$$SpringCGLIB", "$Proxy", "GeneratedMethodAccessor", "$ByteBuddy$", "$HibernateProxy$", "_$$_jvst", "_$$_javassist"}

// parseJava reads Throwable.printStackTrace: the outermost exception first, each cause after it.
func parseJava(stack string) []section {
	chain := []section{{syntax: syntaxJava}}
	suppressed, headline := false, true
	lines(stack, func(line string) {
		text := strings.TrimSpace(line)
		cur := &chain[len(chain)-1]
		switch {
		case strings.HasPrefix(text, "at "):
			headline = false
			if f, ok := javaFrame(text[3:]); ok && !suppressed {
				cur.add(f)
			}
		case strings.HasPrefix(text, "Suppressed: "):
			// A suppressed exception stands beside the chain; its frames are indented once more, as are its causes.
			suppressed = true
		case strings.HasPrefix(text, "Caused by: "):
			if suppressed && line != text {
				return
			}
			suppressed = false
			next := section{syntax: syntaxJava, typ: typeName(text[len("Caused by: "):])}
			if len(chain) == maxSections {
				chain[len(chain)-1] = next // the root cause counts, not the middle of the chain
				return
			}
			chain = append(chain, next)
		case headline && cur.typ == "":
			cur.typ = typeName(afterThread(text))
		}
	})
	for i, j := 0, len(chain)-1; i < j; i, j = i+1, j-1 {
		chain[i], chain[j] = chain[j], chain[i]
	}
	return chain
}

// afterThread drops what the default handler puts before the headline: `Exception in thread "main" `.
func afterThread(text string) string {
	if rest, ok := strings.CutPrefix(text, `Exception in thread "`); ok {
		if _, headline, found := strings.Cut(rest, `" `); found {
			return headline
		}
	}
	return text
}

// javaFrame reads "loader/module@1.2/com.acme.Shop.pay(Shop.java:42) ~[shop.jar:1.0]".
func javaFrame(s string) (Frame, bool) {
	call, rest, ok := strings.Cut(s, "(")
	if !ok || strings.ContainsAny(call, " :@\\") && !strings.Contains(call, "/") {
		return Frame{}, false
	}
	where, _, ok := strings.Cut(rest, ")")
	if !ok {
		return Frame{}, false
	}
	if i := strings.LastIndexByte(call, '/'); i >= 0 && !strings.Contains(call[:i], "$$Lambda") {
		call = call[i+1:]
	}
	module, function, ok := cutLast(call, ".")
	if !ok || module == "" || strings.ContainsRune(call, ' ') {
		return Frame{}, false
	}
	f := Frame{Module: module, Function: function}
	file, line, positioned := strings.Cut(where, ":")
	switch {
	case where == "Native Method" || where == "Unknown Source" || where == "<generated>" || where == "SourceFile":
	case positioned && isDigits(line) && !strings.ContainsAny(file, `/\ `):
		f.File, f.Line = file, number(line)
	case hasJavaSuffix(where):
		f.File = where
	default:
		return Frame{}, false
	}
	f.InApp = !hasAnyPrefix(module, javaLibraries) && !containsAny(module, javaGenerated)
	return f, true
}

func hasJavaSuffix(s string) bool {
	for _, suffix := range []string{".java", ".kt", ".scala", ".groovy", ".clj"} {
		if strings.HasSuffix(s, suffix) && !strings.ContainsRune(s, ' ') {
			return true
		}
	}
	return false
}
