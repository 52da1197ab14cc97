package testreport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/fingerprint"
)

// Place is the run that a report is of.
type Place struct {
	Run build.RunKey
	// TaskID is the job that ran the tests, empty where it isn't known.
	TaskID    string
	Pipeline  string
	Branch    string
	CommitSHA string
	// Shard names the part of the tests. It is kept beside the result and no part of a test's identity.
	Shard string
	// Root is the folder of the checkout, taken off the paths of files.
	Root string
	// Received stands in where a report has no times.
	Received time.Time
}

// Tally counts the tests of a report by how they ended.
type Tally struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errored int `json:"errored"`
	Skipped int `json:"skipped"`
	// Flaky tests failed first and then passed; they are among the passed.
	Flaky int `json:"flaky"`
}

func (t *Tally) add(c *Case) {
	t.Total++
	switch c.Last() {
	case Pass:
		t.Passed++
	case Fail:
		t.Failed++
	case Skip:
		t.Skipped++
	default:
		t.Errored++
	}
	if c.Flaky() {
		t.Flaky++
	}
}

// Tally counts all cases.
func (r *Report) Tally() Tally {
	var t Tally
	for _, c := range r.Cases {
		t.add(c)
	}
	return t
}

// suite is what is known of a suite so far.
type suite struct {
	Tally
	name     string
	duration time.Duration
	at       time.Time
}

// Events gives a task for each suite and each case: the same for the same report and place, whenever it is sent.
func (r *Report) Events(p Place) []build.Event {
	suites := map[string]*suite{}
	var order []*suite
	out := make([]build.Event, 0, len(r.Cases))
	for _, c := range r.Cases {
		name := stableSuite(c.Suite, c.File, p.Root)
		s := suites[name]
		if s == nil {
			s = &suite{name: name}
			suites[name] = s
			order = append(order, s)
		}
		s.add(c)
		s.duration += c.Duration
		if c.At.After(s.at) {
			s.at = c.At
		}
		out = append(out, p.caseEvent(r, c, name))
	}
	for _, s := range order {
		out = append(out, p.suiteEvent(r, s))
	}
	return out
}

// variant keeps results of the same test in two jobs apart.
func (p *Place) variant(id string) string {
	if p.TaskID != "" {
		return id + "@" + p.TaskID
	}
	if p.Shard != "" {
		return id + "#" + p.Shard
	}
	return id
}

func (p *Place) state(name string, at time.Time, d time.Duration, status build.Status) build.State {
	if at.IsZero() {
		at = p.Received
	}
	s := build.State{
		Pipeline: p.Pipeline, Name: name, Branch: p.Branch, CommitSHA: p.CommitSHA, CreatedAt: at.Add(-d), StartedAt: at.Add(-d), FinishedAt: at, UpdatedAt: at,
		Duration: d, Status: status, Attrs: map[string]string{},
	}
	s.Version = build.VersionOf(0, at)
	return s
}

func (p *Place) put(attrs map[string]string, key, value string) {
	if value != "" {
		attrs[key] = value
	}
}

var caseStatus = map[Outcome]build.Status{
	Pass: build.StatusSuccess, Fail: build.StatusFailure, Error: build.StatusFailure, Skip: build.StatusSkipped, Timeout: build.StatusTimeout,
}

func (p *Place) caseEvent(r *Report, c *Case, suite string) *build.Task {
	id := Identity(p.Run.Repo, suite, c.Name)
	t := &build.Task{
		RunKey: p.Run, ID: p.variant(id), ParentID: p.variant(build.SuiteID(p.Run, suite)), Kind: build.KindTestCase,
		State: p.state(c.Name, c.At, c.Duration, caseStatus[c.Last()]), Flaky: c.Flaky(), Retries: uint16(len(c.Outcomes) - 1),
	}
	t.Message = c.Message
	if c.Last() == Error {
		t.Attrs[build.KeyConclusion] = "error"
	}
	file := ""
	if c.File != "" {
		file = relative(c.File, p.Root)
	}
	outcomes := make([]string, len(c.Outcomes))
	for i, o := range c.Outcomes {
		outcomes[i] = string(o)
	}
	framework := c.Framework
	if framework == "" {
		framework = r.Framework
	}
	for key, value := range map[string]string{
		build.KeySuite: suite, envelope.AttrTestID: id, envelope.AttrTestSuite: suite, envelope.AttrTestFramework: framework, envelope.AttrTestOwner: c.Owner,
		envelope.AttrTestOutcomes: strings.Join(outcomes, ","), envelope.AttrTestShard: p.Shard, "code.file.path": file,
	} {
		p.put(t.Attrs, key, value)
	}
	if c.Line > 0 {
		t.Attrs["code.line.number"] = strconv.Itoa(c.Line)
	}
	if slices.ContainsFunc(c.Outcomes, func(o Outcome) bool { return o == Fail || o == Error || o == Timeout }) && c.Stack+c.Message != "" {
		kind := c.Type
		if kind == "" {
			kind = "TestFailure"
		}
		t.ErrorFP = fingerprint.Exception("", kind, c.Message, c.Stack).FP
	}
	return t
}

func (p *Place) suiteEvent(r *Report, s *suite) *build.Task {
	status := build.StatusSuccess
	switch {
	case s.Failed+s.Errored > 0:
		status = build.StatusFailure
	case s.Skipped == s.Total:
		status = build.StatusSkipped
	}
	t := &build.Task{
		RunKey: p.Run, ID: p.variant(build.SuiteID(p.Run, s.name)), ParentID: p.TaskID, Kind: build.KindTestSuite,
		State: p.state(s.name, s.at, s.duration, status), Flaky: s.Flaky > 0,
	}
	for key, n := range map[string]int{
		"total": s.Total, "passed": s.Passed, "failed": s.Failed, "errored": s.Errored, "skipped": s.Skipped, "flaky": s.Flaky,
	} {
		t.Attrs[envelope.AttrTestCounts+key] = strconv.Itoa(n)
	}
	p.put(t.Attrs, envelope.AttrTestFramework, r.Framework)
	p.put(t.Attrs, envelope.AttrTestShard, p.Shard)
	return t
}

// Prefer leaves out reports that say less of tests which another report of the same run tells in its runner's own format:
// JUnit XML hides retries. A report goes when most of its cases are in a native one.
func Prefer(reports []*Report) (kept []*Report, left int) {
	native := map[string]bool{}
	for _, r := range reports {
		if r.Format.Native() {
			for _, c := range r.Cases {
				native[lastName(c.Name)] = true
			}
		}
	}
	for _, r := range reports {
		if r.Format.Native() || len(native) == 0 || len(r.Cases) == 0 {
			kept = append(kept, r)
			continue
		}
		in := 0
		for _, c := range r.Cases {
			if native[lastName(c.Name)] || inside(native, c) {
				in++
			}
		}
		if in*5 >= len(r.Cases)*4 {
			left++
			continue
		}
		kept = append(kept, r)
	}
	return kept, left
}

// Merge makes one report of several of the same job. Executions of the same test follow one another in the order of the
// reports: a retry that a runner writes into a file of its own is one.
func Merge(reports []*Report) *Report {
	if len(reports) == 1 {
		return reports[0]
	}
	out := &Report{Lost: map[string]int{}}
	seen := map[caseKey]*Case{}
	for _, r := range reports {
		if out.Format == Auto {
			out.Format, out.Framework = r.Format, r.Framework
		}
		out.Cut += r.Cut
		for reason, n := range r.Lost {
			out.Lost[reason] += n
		}
		for _, c := range r.Cases {
			key := caseKey{c.Suite, c.Name, c.File}
			have := seen[key]
			if have == nil {
				seen[key] = c
				out.Cases = append(out.Cases, c)
				continue
			}
			have.Outcomes = append(have.Outcomes, c.Outcomes...)
			have.Duration = c.Duration
			if c.At.After(have.At) {
				have.At = c.At
			}
			if have.Message == "" && have.Stack == "" {
				have.Type, have.Message, have.Stack = c.Type, c.Message, c.Stack
			}
		}
	}
	return out
}

// lastName is a case's name without the blocks around it, which the formats write differently.
func lastName(name string) string {
	if i := strings.LastIndex(name, " › "); i >= 0 {
		return name[i+len(" › "):]
	}
	return name
}

// inside finds a case whose name is one of the native ones with its blocks before it, as jest-junit joins them.
func inside(native map[string]bool, c *Case) bool {
	words := strings.Fields(c.Name)
	for i := 1; i < len(words); i++ {
		if native[strings.Join(words[i:], " ")] {
			return true
		}
	}
	return false
}

// Validate names the part of the place that is missing.
func (p *Place) Validate() error {
	for _, f := range []struct{ name, value string }{
		{"provider", p.Run.Provider}, {"host", p.Run.Host}, {"repo", p.Run.Repo}, {"run_id", p.Run.RunID},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
	}
	return nil
}
