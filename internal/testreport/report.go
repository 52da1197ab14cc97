// Package testreport reads what test runners write: JUnit XML in its dialects, go test -json, the JSON of jest, vitest,
// playwright and mocha, TRX and TAP. It reads streams of any length in bounded memory, keeps all executions of a test in
// their order, so that a retry isn't lost, and gives build events.
//
// Counts come from the cases: what reports say of themselves in totals is often wrong.
package testreport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Format is the form of a report.
type Format string

// The formats. Auto tells them apart by their first bytes.
const (
	Auto       Format = ""
	JUnit      Format = "junit"
	GoTest     Format = "gotest"
	Jest       Format = "jest"
	Vitest     Format = "vitest"
	Playwright Format = "playwright"
	Mocha      Format = "mocha"
	TRX        Format = "trx"
	TAP        Format = "tap"
	// Summit is one JSON object per case, as `summitctl ci report` sends what it has read.
	Summit Format = "summit"
)

// Formats are all of them, for messages.
var Formats = []Format{JUnit, GoTest, Jest, Vitest, Playwright, Mocha, TRX, TAP, Summit}

// ParseFormat reads the name of a format; the empty name is Auto.
func ParseFormat(s string) (Format, error) {
	if f := Format(s); f == Auto || slices.Contains(Formats, f) {
		return f, nil
	}
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return Auto, fmt.Errorf("format is %q, want one of %s", s, strings.Join(names, ", "))
}

// Native tells formats of a runner's own, which show retries that JUnit hides.
func (f Format) Native() bool { return f != JUnit && f != TRX }

// Outcome is how one execution of a test ended.
type Outcome string

// The outcomes. Error is a test that broke rather than failed, or never came to its end.
const (
	Pass    Outcome = "pass"
	Fail    Outcome = "fail"
	Error   Outcome = "error"
	Skip    Outcome = "skip"
	Timeout Outcome = "timeout"
)

// Execution is one execution of a test, as a parser finds it.
type Execution struct {
	Suite, Name string
	File        string
	Line        int
	Outcome     Outcome
	Duration    time.Duration
	// Type, Message and Stack are of the failure.
	Type, Message, Stack string
	At                   time.Time
}

// Case is a test with all its executions in one report.
type Case struct {
	Suite     string    `json:"suite"`
	Name      string    `json:"name"`
	File      string    `json:"file,omitempty"`
	Line      int       `json:"line,omitempty"`
	Framework string    `json:"framework,omitempty"`
	Outcomes  []Outcome `json:"outcomes"`
	// Duration is of the last execution, in nanoseconds.
	Duration time.Duration `json:"duration_ns"`
	// Type, Message and Stack are of the first failure.
	Type    string    `json:"type,omitempty"`
	Message string    `json:"message,omitempty"`
	Stack   string    `json:"stack,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Owner   string    `json:"owner,omitempty"`
}

// Last is how the test ended in the end.
func (c *Case) Last() Outcome { return c.Outcomes[len(c.Outcomes)-1] }

// Flaky tells a test that failed and then passed.
func (c *Case) Flaky() bool {
	return c.Last() == Pass && slices.ContainsFunc(c.Outcomes, func(o Outcome) bool { return o != Pass && o != Skip })
}

// Report is what was read.
type Report struct {
	Format    Format
	Framework string
	Cases     []*Case
	// Cut counts texts that were shortened, Lost executions and lines that could not be kept or read, by the reason.
	Cut  int
	Lost map[string]int
}

// Limits bound what a report may hold. Zero values take the defaults.
type Limits struct {
	// MaxCases is the number of different tests. Default 200000.
	MaxCases int
	// MaxText is the longest message or stack of a test in bytes. Default 4096.
	MaxText int
	// MaxTexts is what all of them may hold together; further ones are left out. Default 24 MiB.
	MaxTexts int
	// MaxNode is the longest text, line or element that is looked at in whole. Default 1 MiB.
	MaxNode int
	// MaxDepth is how deep elements and objects may be nested. Default 200.
	MaxDepth int
	// MaxExecutions is the number of executions kept of one test. Default 100.
	MaxExecutions int
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		v   *int
		def int
	}{
		{&l.MaxCases, 200_000}, {&l.MaxText, 4096}, {&l.MaxTexts, 24 << 20}, {&l.MaxNode, 1 << 20}, {&l.MaxDepth, 200}, {&l.MaxExecutions, 100},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return l
}

// ErrTooLarge is the error of a report with a part that is larger than the limits allow.
var ErrTooLarge = errors.New("a part of the report is too large")

// ErrUnknown is the error of a report in no form that is known.
var ErrUnknown = errors.New("the report is in no known format")

// Parse reads a report to its end. What can't be read as a whole is an error; single lines that can't are counted.
func Parse(r io.Reader, f Format, l Limits) (*Report, error) {
	l = l.withDefaults()
	br := bufio.NewReaderSize(r, 64<<10)
	if f == Auto {
		var err error
		if f, err = sniff(br); err != nil {
			return nil, err
		}
	}
	c := newCollector(f, l)
	var err error
	switch f {
	case JUnit:
		err = parseJUnit(br, c)
	case TRX:
		err = parseTRX(br, c)
	case GoTest:
		err = parseGoTest(br, c)
	case TAP:
		err = parseTAP(br, c)
	case Summit:
		err = parseSummit(br, c)
	default:
		err = parseJSON(br, c)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f, err)
	}
	return c.report(), nil
}

// sniffLength is how much of a report is looked at to tell its format.
const sniffLength = 16 << 10

func sniff(br *bufio.Reader) (Format, error) {
	head, err := br.Peek(sniffLength)
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return Auto, fmt.Errorf("read the report: %w", err)
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("<")) || bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		if bytes.Contains(head, []byte("<TestRun")) {
			return TRX, nil
		}
		return JUnit, nil
	case bytes.HasPrefix(text, []byte("{")):
		return sniffJSON(text), nil
	case bytes.HasPrefix(text, []byte("TAP version")), bytes.HasPrefix(text, []byte("ok ")), bytes.HasPrefix(text, []byte("not ok ")),
		bytes.HasPrefix(text, []byte("1..")), bytes.HasPrefix(text, []byte("# Subtest")):
		return TAP, nil
	case bytes.Contains(text, []byte(`"Action":"`)), bytes.HasPrefix(text, []byte("# ")) && bytes.Contains(text, []byte("\nFAIL\t")):
		return GoTest, nil // lines of the build before the first event
	default:
		return Auto, fmt.Errorf("%w: it begins with %.40q", ErrUnknown, text)
	}
}

func sniffJSON(text []byte) Format {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	has := func(key string) bool { return bytes.Contains(text, []byte(`"`+key+`"`)) }
	switch {
	case bytes.Contains(line, []byte(`"Action":`)) && (bytes.Contains(line, []byte(`"Package":`)) || bytes.Contains(line, []byte(`"ImportPath":`)) || bytes.Contains(line, []byte(`"Test":`))):
		return GoTest
	case bytes.Contains(line, []byte(`"outcomes":`)) && bytes.Contains(line, []byte(`"suite":`)):
		return Summit
	case has("rootDir") && has("configFile") || has("config") && has("suites") && has("specs"):
		return Playwright
	case has("stats") && has("suites") && has("passes"):
		return Mocha
	case has("numRuntimeErrorTestSuites") || has("openHandles"):
		return Jest
	default:
		return Vitest // its JSON is jest's with less in it; so is what nobody tells apart
	}
}
