package testreport

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// junit reads testsuites, testsuite and testcase elements in the dialects of surefire, pytest, jest-junit, mocha, gotestsum,
// phpunit, nose, node and others: suites within suites, retries as elements of a case (surefire) or as cases of the same
// name, one element of a failure or several.
type junit struct {
	c      *collector
	suites []junitSuite
	open   *Execution
	// retries are executions before the last, which surefire writes within the case.
	retries []Execution
	failed  *Execution
	// in is the element whose text is read.
	in   string
	text strings.Builder
}

type junitSuite struct {
	name, file string
	at         time.Time
}

func parseJUnit(r *bufio.Reader, c *collector) error {
	d := newXML(r, c.limits)
	p := junit{c: c}
	root := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !root {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if !root && t.Name.Local != "testsuites" && t.Name.Local != "testsuite" && t.Name.Local != "assemblies" {
				return errors.Join(ErrUnknown, errors.New("the root element is "+cutText(t.Name.Local, 40)+", want testsuites or testsuite"))
			}
			root = true
			p.start(t)
		case xml.EndElement:
			p.end(t.Name.Local)
		case xml.CharData:
			if p.in != "" && p.text.Len() < c.limits.MaxText {
				p.text.Write(t[:min(len(t), 4*c.limits.MaxText)])
			}
		}
	}
}

func (p *junit) start(e xml.StartElement) {
	switch name := e.Name.Local; name {
	case "testsuite":
		s := junitSuite{name: attr(e, "name"), file: attr(e, "file", "filepath"), at: timeOf(attr(e, "timestamp"))}
		if len(p.suites) > 0 && s.at.IsZero() {
			s.at = p.suites[len(p.suites)-1].at
		}
		p.suites = append(p.suites, s)
	case "testcase":
		p.begin(e)
	case "failure", "error", "skipped", "rerunFailure", "rerunError", "flakyFailure", "flakyError":
		if p.open != nil {
			p.result(name, e)
		}
	case "stackTrace":
		if p.failed != nil {
			p.in = name
			p.text.Reset()
		}
	}
}

func (p *junit) begin(e xml.StartElement) {
	x := Execution{
		Suite: attr(e, "classname", "class"), Name: attr(e, "name"), File: attr(e, "file", "filepath"), Outcome: Pass, Duration: seconds(attr(e, "time")),
		At: timeOf(attr(e, "timestamp")),
	}
	x.Line, _ = strconv.Atoi(attr(e, "line", "lineno")) // 0 where it says nothing of use
	if n := len(p.suites); n > 0 {
		s := p.suites[n-1]
		if x.Suite == "" || x.Suite == "test" { // node writes the kind of test there
			x.Suite = s.path(p.suites)
		}
		if x.File == "" {
			x.File = s.file
		}
		if x.At.IsZero() {
			x.At = s.at
		}
	}
	switch attr(e, "status", "result") {
	case "notrun", "skipped", "disabled":
		x.Outcome = Skip
	}
	p.open, p.retries = &x, p.retries[:0]
}

// path is the names of the suites around a case.
func (s junitSuite) path(all []junitSuite) string {
	names := make([]string, 0, len(all))
	for _, one := range all {
		if one.name != "" {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, " › ")
}

// result reads an element that says how a case ended. A rerun is an execution before the last failed one too: surefire
// writes the first failure as failure and those after it as rerunFailure, all of them failures.
func (p *junit) result(name string, e xml.StartElement) {
	outcome := Fail
	switch name {
	case "error", "rerunError", "flakyError":
		outcome = Error
	case "skipped":
		outcome = Skip
	}
	kind := attr(e, "type")
	if strings.Contains(strings.ToLower(kind), "timeout") && outcome == Error {
		outcome = Timeout
	}
	target := p.open
	if strings.HasPrefix(name, "rerun") || strings.HasPrefix(name, "flaky") {
		if len(p.retries) >= p.c.limits.MaxExecutions {
			p.c.lost["too_many_executions"]++
			return
		}
		r := *p.open
		r.Duration = seconds(attr(e, "time"))
		p.retries = append(p.retries, r)
		target = &p.retries[len(p.retries)-1]
		target.Message = ""
	} else if p.open.Outcome == Fail || p.open.Outcome == Error {
		return // a second failure of the same execution
	}
	target.Outcome, target.Type, target.Message = outcome, kind, attr(e, "message")
	p.failed, p.in = target, name
	p.text.Reset()
}

func (p *junit) end(name string) {
	if name == p.in {
		if p.failed != nil {
			text := strings.TrimSpace(p.text.String())
			if p.failed.Message == "" {
				p.failed.Message, _, _ = strings.Cut(text, "\n")
			}
			p.failed.Stack = text
		}
		p.in = ""
	}
	switch name {
	case "failure", "error", "skipped", "rerunFailure", "rerunError", "flakyFailure", "flakyError":
		p.failed = nil
	case "testcase":
		if p.open == nil {
			return
		}
		for _, r := range p.retries {
			p.c.add(r)
		}
		p.c.add(*p.open)
		p.open = nil
	case "testsuite":
		if n := len(p.suites); n > 0 {
			p.suites = p.suites[:n-1]
		}
	}
}

// timeOf reads the times that reports have; zero where there is none.
func timeOf(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
