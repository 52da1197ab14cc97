package testreport

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// budget bounds what the JSON decoder may hold: it reads on and on to the end of a value, and gives up where the value is
// larger than fits.
type budget struct {
	r    io.Reader
	left int
	max  int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: a value of more than %d bytes", ErrTooLarge, b.max)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// maxElement is the largest element of a list of results, in times MaxNode: the results of one file of tests.
const maxElement = 8

// stream walks a report of jest, vitest, playwright or mocha, an element at a time.
type stream struct {
	c   *collector
	d   *json.Decoder
	b   *budget
	err error
}

func parseJSON(r *bufio.Reader, c *collector) error {
	b := &budget{r: r, max: maxElement * c.limits.MaxNode}
	s := stream{c: c, d: json.NewDecoder(b), b: b}
	if err := s.open('{'); err != nil {
		return err
	}
	found := false
	for s.more() {
		key, err := s.key()
		if err != nil {
			return err
		}
		switch key {
		case "testResults":
			found, err = true, s.list(func() error { return each(&s, s.jestFile) })
		case "suites":
			if c.format == Mocha {
				err = s.skip()
				break
			}
			c.format, c.framework = Playwright, string(Playwright)
			found, err = true, s.list(func() error { return each(&s, s.playwrightFile) })
		case "tests":
			c.format, c.framework = Mocha, string(Mocha)
			found, err = true, s.list(func() error { return each(&s, s.mochaTest) })
		default:
			err = s.skip()
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%w: the JSON has none of testResults, suites and tests", ErrUnknown)
	}
	return nil
}

func (s *stream) refill() { s.b.left = s.b.max }

func (s *stream) open(delim json.Delim) error {
	s.refill()
	t, err := s.d.Token()
	if err != nil {
		return unexpected(err)
	}
	if t != delim {
		return fmt.Errorf("found %v, want %v", t, delim)
	}
	return nil
}

func (s *stream) more() bool {
	s.refill()
	return s.d.More()
}

func (s *stream) key() (string, error) {
	s.refill()
	t, err := s.d.Token()
	if err != nil {
		return "", unexpected(err)
	}
	key, _ := t.(string)
	return key, nil
}

// list calls f for each element of the array that comes; null is an empty one.
func (s *stream) list(f func() error) error {
	s.refill()
	t, err := s.d.Token()
	if err != nil {
		return unexpected(err)
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		return fmt.Errorf("found %v, want a list", t)
	}
	for s.more() {
		if err := f(); err != nil {
			return err
		}
	}
	s.refill()
	_, err = s.d.Token()
	return unexpectedOrNil(err)
}

func unexpectedOrNil(err error) error {
	if err == nil {
		return nil
	}
	return unexpected(err)
}

// skip reads over a value of any size, token by token.
func (s *stream) skip() error {
	for depth := 0; ; {
		s.refill()
		t, err := s.d.Token()
		if err != nil {
			return unexpected(err)
		}
		if d, ok := t.(json.Delim); ok {
			switch d {
			case '{', '[':
				if depth++; depth > s.c.limits.MaxDepth {
					return fmt.Errorf("%w: values are nested deeper than %d", ErrTooLarge, s.c.limits.MaxDepth)
				}
			default:
				depth--
			}
		}
		if depth == 0 {
			return nil
		}
	}
}

// each decodes the next element and hands it on.
func each[T any](s *stream, f func(*T)) error {
	s.refill()
	var v T
	if err := s.d.Decode(&v); err != nil {
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) {
			s.c.lost["malformed"]++
			return nil
		}
		return unexpected(err)
	}
	f(&v)
	return nil
}

// jestFile is an element of testResults in jest's and vitest's JSON.
type jestFile struct {
	Name             string  `json:"name"`
	Status           string  `json:"status"`
	Message          string  `json:"message"`
	StartTime        float64 `json:"startTime"`
	EndTime          float64 `json:"endTime"`
	AssertionResults []struct {
		AncestorTitles  []string `json:"ancestorTitles"`
		Title           string   `json:"title"`
		Status          string   `json:"status"`
		Duration        *float64 `json:"duration"`
		FailureMessages []string `json:"failureMessages"`
		Invocations     int      `json:"invocations"`
		RetryReasons    []string `json:"retryReasons"`
		Location        *struct {
			Line int `json:"line"`
		} `json:"location"`
	} `json:"assertionResults"`
}

var jestOutcomes = map[string]Outcome{"passed": Pass, "failed": Fail, "pending": Skip, "skipped": Skip, "todo": Skip, "disabled": Skip}

func (s *stream) jestFile(f *jestFile) {
	at := millis(f.EndTime)
	for _, a := range f.AssertionResults {
		x := Execution{Suite: join(f.Name, a.AncestorTitles), Name: a.Title, File: f.Name, At: at}
		if a.Location != nil {
			x.Line = a.Location.Line
		}
		outcome, ok := jestOutcomes[a.Status]
		if !ok {
			s.c.lost["unknown_status"]++
			continue
		}
		// What was tried before the last time is told by its reasons, where it is told at all.
		for i := range max(min(a.Invocations, s.c.limits.MaxExecutions)-1, len(a.RetryReasons)) {
			r := x
			r.Outcome = Fail
			if i < len(a.RetryReasons) {
				r.Message, r.Stack = firstLine(a.RetryReasons[i]), a.RetryReasons[i]
			}
			s.c.add(r)
		}
		x.Outcome = outcome
		if a.Duration != nil {
			x.Duration = duration(strconv.FormatFloat(*a.Duration, 'f', -1, 64), time.Millisecond)
		}
		if len(a.FailureMessages) > 0 {
			x.Message, x.Stack = firstLine(a.FailureMessages[0]), a.FailureMessages[0]
		}
		s.c.add(x)
	}
	if len(f.AssertionResults) == 0 && f.Status == "failed" {
		// The file couldn't be loaded: its tests never ran.
		s.c.add(Execution{Suite: f.Name, Name: "(file)", File: f.Name, Outcome: Error, Type: "load", Message: firstLine(f.Message), Stack: f.Message, At: at})
	}
}

// join makes a suite's name of its file and the blocks around the test.
func join(file string, titles []string) string {
	return strings.Join(append([]string{file}, titles...), " › ")
}

func millis(ms float64) time.Time {
	if ms <= 0 || ms > 1e14 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// playwrightFile is a suite of playwright's JSON: a file, or a block within one.
type playwrightFile struct {
	Title  string           `json:"title"`
	File   string           `json:"file"`
	Suites []playwrightFile `json:"suites"`
	Specs  []struct {
		Title string `json:"title"`
		File  string `json:"file"`
		Line  int    `json:"line"`
		Tests []struct {
			ProjectName    string `json:"projectName"`
			ExpectedStatus string `json:"expectedStatus"`
			Results        []struct {
				Status    string    `json:"status"`
				Duration  float64   `json:"duration"`
				StartTime time.Time `json:"startTime"`
				Error     *struct {
					Message string `json:"message"`
					Stack   string `json:"stack"`
				} `json:"error"`
			} `json:"results"`
		} `json:"tests"`
	} `json:"specs"`
}

func (s *stream) playwrightFile(f *playwrightFile) { s.playwright(f, nil) }

func (s *stream) playwright(f *playwrightFile, titles []string) {
	if f.Title != f.File {
		titles = append(titles[:len(titles):len(titles)], f.Title)
	}
	if len(titles) > s.c.limits.MaxDepth {
		s.c.lost["too_deep"]++
		return
	}
	for _, spec := range f.Specs {
		for _, t := range spec.Tests {
			suite := join(f.File, titles)
			if t.ProjectName != "" {
				suite = "[" + t.ProjectName + "] " + suite // the same test in two browsers is two
			}
			for _, r := range t.Results {
				x := Execution{
					Suite: suite, Name: spec.Title, File: spec.File, Line: spec.Line, Outcome: playwrightOutcome(r.Status, t.ExpectedStatus),
					Duration: duration(strconv.FormatFloat(r.Duration, 'f', -1, 64), time.Millisecond), At: r.StartTime,
				}
				if r.Error != nil {
					x.Message, x.Stack = firstLine(r.Error.Message), r.Error.Stack
				}
				s.c.add(x)
			}
		}
	}
	for i := range f.Suites {
		s.playwright(&f.Suites[i], titles)
	}
}

// playwrightOutcome: a test that is expected to fail and does is as it should be.
func playwrightOutcome(status, expected string) Outcome {
	switch {
	case status == "skipped":
		return Skip
	case status == expected || expected == "" && status == "passed":
		return Pass
	case status == "timedOut":
		return Timeout
	case status == "interrupted":
		return Error
	default:
		return Fail
	}
}

// mochaTest is an element of tests in mocha's JSON.
type mochaTest struct {
	Title        string   `json:"title"`
	FullTitle    string   `json:"fullTitle"`
	File         string   `json:"file"`
	Duration     *float64 `json:"duration"`
	CurrentRetry int      `json:"currentRetry"`
	Pending      bool     `json:"pending"`
	Err          struct {
		Message string `json:"message"`
		Stack   string `json:"stack"`
		Name    string `json:"name"`
		Code    string `json:"code"`
	} `json:"err"`
}

func (s *stream) mochaTest(t *mochaTest) {
	x := Execution{Suite: strings.TrimSpace(strings.TrimSuffix(t.FullTitle, t.Title)), Name: t.Title, File: t.File, Outcome: Pass}
	if x.Suite == "" {
		x.Suite = t.File
	}
	for range min(t.CurrentRetry, s.c.limits.MaxExecutions) {
		r := x
		r.Outcome = Fail
		s.c.add(r)
	}
	switch {
	case t.Err.Message != "" || t.Err.Stack != "":
		x.Outcome, x.Type, x.Message, x.Stack = Fail, t.Err.Name, t.Err.Message, t.Err.Stack
		if t.Err.Code == "ERR_MOCHA_TIMEOUT" {
			x.Outcome = Timeout
		}
	case t.Duration == nil:
		x.Outcome = Skip
	}
	if t.Duration != nil {
		x.Duration = duration(strconv.FormatFloat(*t.Duration, 'f', -1, 64), time.Millisecond)
	}
	s.c.add(x)
}

// parseSummit reads cases that another part of Summit has read already.
func parseSummit(r *bufio.Reader, c *collector) error {
	return lines(r, c, func(line []byte) {
		var one Case
		if json.Unmarshal(line, &one) != nil || one.Name == "" || len(one.Outcomes) == 0 {
			c.lost["malformed"]++
			return
		}
		if one.Framework != "" {
			c.framework = one.Framework
		}
		for i, o := range one.Outcomes {
			x := Execution{Suite: one.Suite, Name: one.Name, File: one.File, Line: one.Line, Outcome: o, Duration: one.Duration, At: one.At}
			switch o {
			case Pass, Skip:
			case Fail, Error, Timeout:
				if i == 0 || one.Outcomes[i-1] == Pass {
					x.Type, x.Message, x.Stack = one.Type, one.Message, one.Stack
				}
			default:
				c.lost["unknown_status"]++
				continue
			}
			c.add(x)
		}
		if have := c.byKey[caseKey{c.name(one.Suite), c.name(one.Name), c.name(one.File)}]; have != nil {
			have.Owner, have.Framework = c.name(one.Owner), c.framework
		}
	})
}
