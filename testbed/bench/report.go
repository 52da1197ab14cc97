package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	begin = "<!-- bench: begin -->"
	end   = "<!-- bench: end -->"
)

const frame = `# Performance

What one machine carries and what it costs. ` + "`make bench`" + ` measures it again and rewrites the table below.

` + begin + `
` + end + `

**Method.** The built collector runs in the standalone role on an empty folder. Load comes from another process over
OTLP/gRPC on loopback: requests of 8,192 items with 10 attributes each and 20 resource attributes, ids and times distinct
in every row, two connections. A figure ` + "`write.*.cpu`" + ` is the user and system time of the collector process, from
the first request until all rows can be asked for and ` + "`system.merges`" + ` has been empty for 10 seconds, per million
items: receiving, decoding, the durable queue, inserting, rollups and merging. ` + "`write.*.bytes`" + ` is what all tables of
the signal hold on disk, per item. Both processes share the machine's cores, so the rates in the notes are no maximum.
`

// writeReport puts the table between the marks of the file, and makes the file if there is none.
func writeReport(path string, figures []figure, o options, now time.Time) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte(frame), nil
	}
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	text, err := replace(old, table(figures, o, machine(), now))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func replace(old []byte, table string) ([]byte, error) {
	before, rest, ok := bytes.Cut(old, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, fmt.Errorf("the marks %s and %s are missing", begin, end)
	}
	return bytes.Join([][]byte{before, []byte(begin + "\n" + table + end), after}, nil), nil
}

func table(figures []figure, o options, machine string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s; %d items a measurement, best of %d.\n\n", now.UTC().Format("2006-01-02"), machine, o.total, o.best)
	b.WriteString("| figure | value | unit | note |\n| --- | ---: | --- | --- |\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "| `%s` | %.4g | %s | %s |\n", f.name, f.value, f.unit, f.note)
	}
	return b.String()
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
