// Package query answers what people ask about traces, errors, builds and how they hang together. It is the one service
// layer under every face of queryd: it plans bounded queries with internal/sqlbuild, runs them with queryd/runner and
// gives back plain Go values. It knows nothing of HTTP.
package query

import (
	"time"

	"github.com/summitobs/summit/queryd/runner"
)

// traceSpans is the most spans of one trace that are read.
const traceSpans = 100_000

// Service answers questions from one store.
type Service struct {
	*runner.Runner
	version    string
	now        func() time.Time
	traceSpans int
}

// New makes a service over a runner; version is the product's own.
func New(r *runner.Runner, version string) *Service {
	return &Service{Runner: r, version: version, now: time.Now, traceSpans: traceSpans}
}
