package testreport

import (
	"strings"
	"time"
	"unicode/utf8"
)

// collector merges executions into cases and keeps to the limits.
type collector struct {
	limits    Limits
	format    Format
	framework string
	cases     []*Case
	byKey     map[caseKey]*Case
	texts     int
	cut       int
	lost      map[string]int
}

type caseKey struct{ suite, name, file string }

func newCollector(f Format, l Limits) *collector {
	return &collector{limits: l, format: f, framework: string(f), byKey: map[caseKey]*Case{}, lost: map[string]int{}}
}

func (c *collector) report() *Report {
	return &Report{Format: c.format, Framework: c.framework, Cases: c.cases, Cut: c.cut, Lost: c.lost}
}

// add takes an execution. Two of the same test are executions one after the other.
func (c *collector) add(e Execution) {
	if e.Name == "" && e.Suite == "" {
		c.lost["nameless"]++
		return
	}
	e.Suite, e.Name, e.File = c.name(e.Suite), c.name(e.Name), c.name(e.File)
	key := caseKey{e.Suite, e.Name, e.File}
	have := c.byKey[key]
	if have == nil {
		if len(c.cases) >= c.limits.MaxCases {
			c.lost["too_many_cases"]++
			return
		}
		have = &Case{Suite: e.Suite, Name: e.Name, File: e.File, Line: e.Line, Framework: c.framework}
		c.byKey[key] = have
		c.cases = append(c.cases, have)
	}
	if len(have.Outcomes) >= c.limits.MaxExecutions {
		// The last one counts, how often it went before is told no more.
		c.lost["too_many_executions"]++
		have.Outcomes[len(have.Outcomes)-1] = e.Outcome
	} else {
		have.Outcomes = append(have.Outcomes, e.Outcome)
	}
	have.Duration = max(e.Duration, 0)
	if e.At.After(have.At) {
		have.At = e.At
	}
	if e.Outcome != Pass && have.Message == "" && have.Stack == "" {
		have.Type, have.Message, have.Stack = c.name(e.Type), c.text(e.Message), c.text(e.Stack)
	}
}

// maxName is the longest name of a suite, test or file in bytes.
const maxName = 1024

func (c *collector) name(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxName {
		c.cut++
		s = cutText(s, maxName)
	}
	// A copy: what a parser hands over may point into a buffer much larger than the name.
	return strings.Clone(s)
}

func (c *collector) text(s string) string {
	s = strings.TrimSpace(s)
	room := min(c.limits.MaxText, c.limits.MaxTexts-c.texts)
	if room <= 0 {
		if s != "" {
			c.cut++
		}
		return ""
	}
	if len(s) > room {
		c.cut++
		s = cutText(s, room)
	}
	s = strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
	c.texts += len(s)
	return s
}

// cutText cuts at the end of a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// seconds reads a duration in seconds as reports write it; thousands may be set off by commas.
func seconds(s string) time.Duration {
	return duration(s, time.Second)
}

func duration(s string, unit time.Duration) time.Duration {
	f, err := parseFloat(strings.ReplaceAll(strings.TrimSpace(s), ",", ""))
	// A year is more than any test takes, and far from where the number of nanoseconds overflows.
	if err != nil || f < 0 || f > 365*24*3600 {
		return 0
	}
	return time.Duration(f * float64(unit))
}
