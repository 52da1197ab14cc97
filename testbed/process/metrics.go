package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Metrics is what a collector says about itself at one moment.
type Metrics []sample

type sample struct {
	name, labels string
	value        float64
}

// ReadMetrics asks a collector for its own metrics.
func ReadMetrics(ctx context.Context, places Places) (Metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+places.Metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	status, body, err := do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("ask for metrics: status %d", status)
	}
	return parseMetrics(string(body))
}

// parseMetrics reads Prometheus' text format.
func parseMetrics(text string) (Metrics, error) {
	var all Metrics
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		if space < 0 {
			return nil, fmt.Errorf("read metrics: no value in %q", line)
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
		name, labels, _ := strings.Cut(line[:space], "{")
		all = append(all, sample{name: name, labels: "," + strings.TrimSuffix(labels, "}"), value: value})
	}
	return all, nil
}

// Sum adds up the series of a name that have all of the labels, each given as key="value". No series is no sum: the
// second result tells whether there is one.
func (m Metrics) Sum(name string, labels ...string) (sum float64, found bool) {
	for _, s := range m {
		if s.name == name && s.has(labels) {
			sum, found = sum+s.value, true
		}
	}
	return sum, found
}

func (s sample) has(labels []string) bool {
	for _, l := range labels {
		if !strings.Contains(s.labels, ","+l) {
			return false
		}
	}
	return true
}

// WaitDrained waits until nothing is left in a collector's queue: the store has taken all that was acknowledged.
func (p *Process) WaitDrained(ctx context.Context, places Places) error {
	return p.WaitFor(ctx, "the queue to be drained", func(ctx context.Context) (bool, error) {
		m, err := ReadMetrics(ctx, places)
		if err != nil {
			return false, err
		}
		segments, found := m.Sum("summit_queue_segments")
		if !found {
			return false, errors.New("no summit_queue_segments among the metrics")
		}
		return segments == 0, fmt.Errorf("%.0f segments are left", segments)
	})
}

// Goroutines asks a collector's pprof endpoint, host:port, how many goroutines there are.
func Goroutines(ctx context.Context, pprof string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pprof+"/debug/pprof/goroutine?debug=1", nil)
	if err != nil {
		return 0, err
	}
	status, body, err := do(req)
	if err != nil {
		return 0, fmt.Errorf("count goroutines: %w", err)
	}
	first, _, _ := strings.Cut(string(body), "\n")
	var n int
	if _, err := fmt.Sscanf(first, "goroutine profile: total %d", &n); err != nil {
		return 0, fmt.Errorf("count goroutines: status %d: %.100q", status, first)
	}
	return n, nil
}
