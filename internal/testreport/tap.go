package testreport

import (
	"bufio"
	"regexp"
	"strings"
	"time"
)

// tap reads the Test Anything Protocol, versions 13 and 14: test points, subtests by indentation, and the durations and
// errors of their YAML blocks.
type tap struct {
	c *collector
	// names are the subtests around the present line, by their depth.
	names []string
	// point waits for its YAML block.
	point *Execution
	depth int
	yaml  bool
	key   string
	stack strings.Builder
	tests int
	// parents are subtests that have points of their own: their closing point isn't a test.
	parents map[string]bool
}

var (
	tapPoint   = regexp.MustCompile(`^(not )?ok\b(?:\s+\d+)?(?:\s+-)?\s*(.*)$`)
	tapSubtest = regexp.MustCompile(`^# Subtest:?\s*(.*)$`)
	tapComment = regexp.MustCompile(`(?i)\s#\s*(skip|todo)\b\S*\s*(.*)$`)
	tapBail    = regexp.MustCompile(`^Bail out!\s*(.*)$`)
)

func parseTAP(r *bufio.Reader, c *collector) error {
	p := tap{c: c, parents: map[string]bool{}}
	err := lines(r, c, func(line []byte) {
		p.line(strings.TrimRight(strings.ToValidUTF8(string(line), "\uFFFD"), "\r\n"))
	})
	p.flush()
	return err
}

func (p *tap) line(line string) {
	text := strings.TrimLeft(line, " ")
	depth := (len(line) - len(text)) / 4
	if p.yaml {
		if strings.TrimSpace(text) == "..." {
			p.yaml = false
			p.flush()
			return
		}
		p.block(text)
		return
	}
	if p.point != nil && text == "---" {
		p.yaml, p.key = true, ""
		p.stack.Reset()
		return
	}
	if m := tapSubtest.FindStringSubmatch(text); m != nil {
		p.flush()
		// The comment stands at the depth of its points in version 14 and one out in what node writes.
		p.name(depth, m[1])
		return
	}
	if m := tapBail.FindStringSubmatch(text); m != nil {
		p.flush()
		p.c.add(Execution{Suite: p.suite(depth), Name: "Bail out!", Outcome: Error, Message: m[1]})
		return
	}
	if m := tapPoint.FindStringSubmatch(text); m != nil {
		p.flush()
		p.begin(depth, m[1] == "", m[2])
	}
}

func (p *tap) name(depth int, name string) {
	for len(p.names) <= depth {
		p.names = append(p.names, "")
	}
	p.names = p.names[:depth+1]
	p.names[depth] = name
}

// suite is the names of the subtests around a depth.
func (p *tap) suite(depth int) string {
	var names []string
	for _, n := range p.names[:min(depth, len(p.names))] {
		if n != "" {
			names = append(names, n)
		}
	}
	return strings.Join(names, " › ")
}

func (p *tap) begin(depth int, ok bool, rest string) {
	p.tests++
	x := Execution{Suite: p.suite(depth), Outcome: Fail}
	if ok {
		x.Outcome = Pass
	}
	if m := tapComment.FindStringSubmatch(" " + rest); m != nil {
		rest = strings.TrimSpace(strings.TrimSuffix(" "+rest, m[0]))
		if strings.EqualFold(m[1], "skip") || !ok {
			x.Outcome, x.Message = Skip, m[2] // a todo that fails is expected to
		}
	}
	x.Name = strings.ReplaceAll(strings.TrimSpace(rest), `\#`, "#")
	if x.Name == "" {
		x.Name = "test " + itoa(p.tests)
	}
	if depth > 0 {
		p.parents[p.suite(depth)] = true
	}
	p.point, p.depth = &x, depth
}

// block reads a line of a YAML block: flat keys, and what is indented below a key that holds lines.
func (p *tap) block(text string) {
	key, value, ok := strings.Cut(strings.TrimSpace(text), ":")
	value = strings.Trim(strings.TrimSpace(value), `'"`)
	if ok && !strings.ContainsAny(key, " ()/") {
		switch p.key = key; key {
		case "duration_ms":
			p.point.Duration = duration(value, time.Millisecond)
		case "error", "message":
			if value != "|-" && value != "|" && value != ">-" {
				p.point.Message = value
			}
		case "name", "code":
			if p.point.Type == "" {
				p.point.Type = value
			}
		case "failureType":
			if value == "testTimeoutFailure" {
				p.point.Outcome = Timeout
			}
		case "location", "at":
			p.point.File, p.point.Line = location(value)
		}
		return
	}
	switch p.key {
	case "error", "message":
		if p.point.Message == "" {
			p.point.Message = strings.TrimSpace(text)
		}
	case "stack":
		if p.stack.Len() < p.c.limits.MaxText {
			p.stack.WriteString(strings.TrimSpace(text) + "\n")
		}
	}
}

// location reads "/path/file.js:12:3".
func location(s string) (file string, line int) {
	parts := strings.Split(s, ":")
	for len(parts) > 1 {
		n, err := parseFloat(parts[len(parts)-1])
		if err != nil {
			break
		}
		line = int(n)
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ":"), line
}

// flush hands over the last point. The closing point of a subtest that has points of its own repeats what they said.
func (p *tap) flush() {
	if p.point == nil {
		return
	}
	x := *p.point
	p.point = nil
	x.Stack = p.stack.String()
	p.stack.Reset()
	own := x.Name
	if x.Suite != "" {
		own = x.Suite + " › " + x.Name
	}
	if p.parents[own] {
		delete(p.parents, own)
		return
	}
	p.c.add(x)
}
