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

// trx reads the results of .NET's test runner. What a test belongs to is told after its result, so results wait for the
// definitions; both are bounded by MaxCases.
type trx struct {
	c       *collector
	results []trxResult
	classes map[string]string
	id      string
	in      string
	text    strings.Builder
}

type trxResult struct {
	id string
	Execution
}

func parseTRX(r *bufio.Reader, c *collector) error {
	d := newXML(r, c.limits)
	p := trx{c: c, classes: map[string]string{}}
	root := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root {
			break
		}
		if err != nil {
			return unexpected(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
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
	for _, r := range p.results {
		r.Suite = p.classes[r.id]
		r.Name = strings.TrimPrefix(r.Name, r.Suite+".")
		c.add(r.Execution)
	}
	return nil
}

var trxOutcomes = map[string]Outcome{
	"Passed": Pass, "PassedButRunAborted": Pass, "Warning": Pass, "Failed": Fail, "Error": Error, "Aborted": Error, "Disconnected": Error, "Timeout": Timeout,
}

func (p *trx) start(e xml.StartElement) {
	switch e.Name.Local {
	case "UnitTestResult":
		if len(p.results) >= 2*p.c.limits.MaxCases {
			p.c.lost["too_many_cases"]++
			return
		}
		outcome, ok := trxOutcomes[attr(e, "outcome")]
		if !ok {
			outcome = Skip
		}
		p.results = append(p.results, trxResult{attr(e, "testId"), Execution{
			Name: attr(e, "testName"), Outcome: outcome, Duration: clock(attr(e, "duration")), At: timeOf(attr(e, "endTime")),
		}})
	case "Message", "StackTrace":
		if len(p.results) > 0 {
			p.in = e.Name.Local
			p.text.Reset()
		}
	case "UnitTest":
		p.id = attr(e, "id")
	case "TestMethod":
		if len(p.classes) < p.c.limits.MaxCases {
			class, _, _ := strings.Cut(attr(e, "className"), ",")
			p.classes[p.id] = class
		}
	}
}

func (p *trx) end(name string) {
	if name != p.in || p.in == "" {
		return
	}
	r := &p.results[len(p.results)-1]
	if name == "Message" {
		r.Message = p.text.String()
	} else {
		r.Stack = p.text.String()
	}
	p.in = ""
}

// clock reads "hh:mm:ss.fffffff".
func clock(s string) time.Duration {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0
	}
	h, err1 := strconv.Atoi(parts[0])
	m, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil || h < 0 || m < 0 || h > 8760 || m > 59 {
		return 0
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + seconds(parts[2])
}
