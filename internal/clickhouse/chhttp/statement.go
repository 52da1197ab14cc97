package chhttp

import (
	"strings"
)

// insertStatement is an INSERT taken apart.
type insertStatement struct {
	// text is the statement without FORMAT and data, as the engine wants it for a streamed insert.
	text string
	// format is the format of the data; empty where the INSERT reads from a SELECT.
	format string
	// inline is the beginning of the data, where it follows the statement.
	inline string
}

// splitInsert takes an INSERT apart; it gives nil for every other statement.
func splitInsert(sql string) *insertStatement {
	s := scanner{text: sql}
	if first := s.next(); !strings.EqualFold(first, "INSERT") {
		return nil
	}
	for {
		word := s.next()
		if word == "" {
			return &insertStatement{text: sql}
		}
		if s.depth > 0 {
			continue
		}
		switch strings.ToUpper(word) {
		case "SELECT", "WITH", "FROM":
			return &insertStatement{text: sql}
		case "VALUES":
			return &insertStatement{text: sql[:s.start], format: "Values", inline: sql[s.pos:]}
		case "FORMAT":
			before := s.start
			format := s.next()
			if format == "" {
				return &insertStatement{text: sql}
			}
			return &insertStatement{text: strings.TrimSpace(sql[:before]), format: format, inline: inlineData(sql[s.pos:])}
		}
	}
}

// inlineData skips the white space between the format's name and the data: blanks and one line end.
func inlineData(rest string) string {
	rest = strings.TrimLeft(rest, " \t\r")
	rest = strings.TrimPrefix(rest, ";")
	return strings.TrimPrefix(rest, "\n")
}

// leadingKeyword gives the first word of a statement in capitals.
func leadingKeyword(sql string) string {
	s := scanner{text: sql}
	return strings.ToUpper(s.next())
}

// outputFormat gives the format that a FORMAT clause at the end of a reading statement names, else "".
func outputFormat(sql string) string {
	s := scanner{text: sql}
	format := ""
	for word := s.next(); word != ""; word = s.next() {
		if s.depth == 0 && strings.EqualFold(word, "FORMAT") {
			format = s.next()
		}
	}
	return format
}

// scanner walks over the bare words of a statement; strings, quoted names, comments and brackets are skipped.
type scanner struct {
	text string
	// start and pos are the ends of the last word.
	start, pos int
	depth      int
}

// next gives the next bare word, "" at the end.
func (s *scanner) next() string {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c == '\'' || c == '"' || c == '`':
			s.skipQuoted(c)
		case c == '(' || c == '[' || c == '{':
			s.depth++
			s.pos++
		case c == ')' || c == ']' || c == '}':
			s.depth--
			s.pos++
		case strings.HasPrefix(s.text[s.pos:], "--"), c == '#':
			s.skipUntil("\n")
		case strings.HasPrefix(s.text[s.pos:], "/*"):
			s.skipUntil("*/")
		case c == '$' && s.skipHeredoc():
		case isWord(c):
			s.start = s.pos
			for s.pos < len(s.text) && isWord(s.text[s.pos]) {
				s.pos++
			}
			return s.text[s.start:s.pos]
		default:
			s.pos++
		}
	}
	return ""
}

func (s *scanner) skipQuoted(quote byte) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case quote:
			s.pos++
			return
		}
	}
}

func (s *scanner) skipUntil(end string) {
	if i := strings.Index(s.text[s.pos:], end); i >= 0 {
		s.pos += i + len(end)
		return
	}
	s.pos = len(s.text)
}

// skipHeredoc skips $tag$…$tag$.
func (s *scanner) skipHeredoc() bool {
	end := strings.IndexByte(s.text[s.pos+1:], '$')
	if end < 0 {
		return false
	}
	tag := s.text[s.pos : s.pos+end+2]
	for i := 1; i < len(tag)-1; i++ {
		if !isWord(tag[i]) {
			return false
		}
	}
	s.pos += len(tag)
	s.skipUntil(tag)
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quoteString writes a ClickHouse string literal.
func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// quoteName writes a quoted identifier.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}
