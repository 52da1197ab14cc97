// Package figure is how the benches of testbed print a result and keep the last table in docs/performance.md, each between
// marks of its own.
package figure

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Figure is one result.
type Figure struct {
	Name  string
	Value float64
	Unit  string
	// Note says more in the table.
	Note string
	// Limit is what the figure should keep to, if anything.
	Limit Limit
}

// Limit bounds a figure from one side.
type Limit struct {
	// Sign is ≤ or ≥; empty: no limit.
	Sign  string
	Value float64
}

// AtMost is an upper limit.
func AtMost(v float64) Limit { return Limit{"≤", v} }

// AtLeast is a lower limit.
func AtLeast(v float64) Limit { return Limit{"≥", v} }

// Kept tells whether a value keeps to the limit.
func (l Limit) Kept(v float64) bool {
	switch l.Sign {
	case "≤":
		return v <= l.Value
	case "≥":
		return v >= l.Value
	}
	return true
}

// String is the line that a bench prints.
func (f Figure) String() string { return fmt.Sprintf("figure %s %.4g %s", f.Name, f.Value, f.Unit) }

// Table is the last results of one bench.
type Table struct {
	// Bench names the marks, as in "<!-- bench-write: begin -->".
	Bench string
	// How is what was measured how often, without a full stop.
	How     string
	Figures []Figure
}

// Write puts the table between its marks in the file.
func (t Table) Write(path string, now time.Time) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	text, err := t.replace(old, machine(), now)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (t Table) replace(old []byte, machine string, now time.Time) ([]byte, error) {
	begin, end := "<!-- "+t.Bench+": begin -->", "<!-- "+t.Bench+": end -->"
	before, rest, ok := bytes.Cut(old, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("the marks %s and %s are missing", begin, end)
	}
	return bytes.Join([][]byte{before, []byte(begin + "\n" + t.text(machine, now) + end), after}, nil), nil
}

func (t Table) text(machine string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s; %s.\n\n", now.UTC().Format("2006-01-02"), machine, t.How)
	b.WriteString("| figure | value | limit | unit | note |\n| --- | ---: | --- | --- | --- |\n")
	for _, f := range t.Figures {
		b.WriteString(f.row())
	}
	return b.String()
}

// row is the line of the table; a figure beyond its limit is marked.
func (f Figure) row() string {
	value, limit := fmt.Sprintf("%.4g", f.Value), ""
	if f.Limit.Sign != "" {
		limit = fmt.Sprintf("%s %.4g", f.Limit.Sign, f.Limit.Value)
	}
	if !f.Limit.Kept(f.Value) {
		value, limit = "**"+value+"**", limit+" **not kept**"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", f.Name, value, limit, f.Unit, f.Note)
}

// machine tells what was measured on.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}
