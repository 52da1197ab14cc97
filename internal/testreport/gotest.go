package testreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// goEvent is a line of go test -json (cmd/test2json).
type goEvent struct {
	Time        time.Time
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// goTest follows the tests under way. A test that began and never ended, as in a panic, is an error; so is a package that
// failed without a failed test, as when it doesn't build.
type goTest struct {
	c       *collector
	running map[goKey]*goRun
	failed  map[string]bool
	// said is what packages wrote outside of tests.
	said map[string]*strings.Builder
}

type goKey struct{ pkg, test string }

type goRun struct {
	at     time.Time
	output strings.Builder
}

func parseGoTest(r *bufio.Reader, c *collector) error {
	p := goTest{c: c, running: map[goKey]*goRun{}, failed: map[string]bool{}, said: map[string]*strings.Builder{}}
	err := lines(r, c, func(line []byte) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return
		}
		var e goEvent
		if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
			p.words(string(line))
			return
		}
		p.event(&e)
	})
	p.rest()
	return err
}

// words are what the go command says between events. Older ones tell only there of a package that doesn't build.
func (p *goTest) words(line string) {
	rest, ok := strings.CutPrefix(line, "FAIL\t")
	pkg, why, _ := strings.Cut(rest, " ")
	if ok && strings.HasSuffix(why, "failed]") {
		p.c.add(Execution{Suite: pkg, Name: "(package)", Outcome: Error, Type: "package", Message: strings.Trim(why, "[]")})
		return
	}
	p.c.lost["not_an_event"]++
}

func (p *goTest) event(e *goEvent) {
	key := goKey{e.Package, e.Test}
	switch e.Action {
	case "run":
		if len(p.running) < p.c.limits.MaxCases {
			p.running[key] = &goRun{at: e.Time}
		}
	case "output":
		p.output(key, e.Output)
	case "build-output":
		p.output(goKey{pkg: e.ImportPath}, e.Output)
	case "pass", "fail", "skip":
		if e.Test != "" {
			p.end(key, e)
			return
		}
		if e.Action == "fail" {
			p.packageFailed(e)
		}
		delete(p.said, e.Package)
	}
}

func (p *goTest) output(key goKey, text string) {
	if key.test != "" {
		if run := p.running[key]; run != nil && run.output.Len() < p.c.limits.MaxText {
			run.output.WriteString(text)
		}
		return
	}
	said := p.said[key.pkg]
	if said == nil {
		if len(p.said) >= 10_000 {
			return
		}
		said = &strings.Builder{}
		p.said[key.pkg] = said
	}
	if said.Len() < p.c.limits.MaxText {
		said.WriteString(text)
	}
}

var goOutcomes = map[string]Outcome{"pass": Pass, "fail": Fail, "skip": Skip}

func (p *goTest) end(key goKey, e *goEvent) {
	x := Execution{Suite: e.Package, Name: e.Test, Outcome: goOutcomes[e.Action], Duration: time.Duration(e.Elapsed * float64(time.Second)), At: e.Time}
	if run := p.running[key]; run != nil && x.Outcome != Pass {
		x.Message, x.File, x.Line, x.Stack = goMessage(run.output.String())
	}
	delete(p.running, key)
	if x.Outcome == Fail {
		p.failed[e.Package] = true
	}
	p.c.add(x)
}

// packageFailed ends what was under way, and stands for a package that failed as a whole.
func (p *goTest) packageFailed(e *goEvent) {
	var open []goKey
	for key := range p.running {
		if key.pkg == e.Package {
			open = append(open, key)
		}
	}
	slices.SortFunc(open, func(a, b goKey) int { return strings.Compare(a.test, b.test) })
	said := ""
	for _, name := range []string{e.FailedBuild, e.Package} {
		if b := p.said[name]; said == "" && b != nil {
			said = b.String()
		}
	}
	for _, key := range open {
		p.broken(key, e.Time, said)
	}
	if p.failed[e.Package] || len(open) > 0 {
		return
	}
	p.c.add(Execution{
		Suite: e.Package, Name: "(package)", Outcome: Error, Duration: time.Duration(e.Elapsed * float64(time.Second)), At: e.Time,
		Type: "package", Message: firstLine(said), Stack: said,
	})
}

// broken is a test that began and didn't end.
func (p *goTest) broken(key goKey, at time.Time, said string) {
	run := p.running[key]
	delete(p.running, key)
	x := Execution{Suite: key.pkg, Name: key.test, Outcome: Error, At: at}
	x.Message, x.File, x.Line, x.Stack = goMessage(run.output.String())
	if strings.Contains(run.output.String()+said, "panic: test timed out") {
		x.Outcome = Timeout
	}
	if x.Message == "" {
		x.Message, x.Stack = "the test did not come to its end", said
	}
	if !run.at.IsZero() && at.After(run.at) {
		x.Duration = at.Sub(run.at)
	}
	p.failed[key.pkg] = true
	p.c.add(x)
}

// rest ends what is under way where the stream breaks off.
func (p *goTest) rest() {
	keys := make([]goKey, 0, len(p.running))
	for key := range p.running {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b goKey) int { return strings.Compare(a.pkg+"\x00"+a.test, b.pkg+"\x00"+b.test) })
	for _, key := range keys {
		p.broken(key, p.running[key].at, "")
	}
}

// goMessage finds what a test logged: the first "file.go:12: words", and all of it without the runner's own lines.
func goMessage(output string) (message, file string, line int, stack string) {
	var kept []string
	for _, l := range strings.Split(output, "\n") {
		t := strings.TrimSpace(l)
		if t == "" || strings.HasPrefix(t, "=== ") || strings.HasPrefix(t, "--- ") {
			continue
		}
		kept = append(kept, strings.TrimRight(l, " \r"))
		name, rest, ok := strings.Cut(t, ":")
		if file != "" || !ok || !strings.HasSuffix(name, ".go") || strings.ContainsAny(name, " \t") {
			continue
		}
		number, words, _ := strings.Cut(rest, ":")
		if n, err := parseFloat(number); err == nil && n > 0 && n < 1e7 {
			file, line, message = name, int(n), strings.TrimSpace(words)
		}
	}
	if message == "" && len(kept) > 0 {
		message = strings.TrimSpace(kept[0])
		// testify writes its words under the line of the place.
		for _, l := range kept {
			if _, words, ok := strings.Cut(l, "Error:"); ok {
				message = strings.TrimSpace(words)
				break
			}
		}
	}
	return message, file, line, strings.Join(kept, "\n")
}

func firstLine(s string) string {
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "# ") {
			return l
		}
	}
	return ""
}
