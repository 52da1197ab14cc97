package fleet

import (
	"slices"
	"time"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// Result counts spans of a fleet by what the index said of them.
type Result struct {
	// Digests is the number of spans that report a digest that a build has published; DigestsAtOnce and DigestsResolved
	// how many of them got their commit when they came in, and when they were read.
	Digests, DigestsAtOnce, DigestsResolved int
	// Wrong is the number of spans, whatever they report, to which a commit, run or deployment was given that isn't theirs
	// when they were read; WrongAtOnce those with a wrong commit when they came in. A run that was named then may be one of
	// two, of which the other had not been told.
	Wrong, WrongAtOnce int
	// Guesses is the number of spans that only the time speaks for, WrongGuesses those of them that guess wrong. They are
	// marked as guesses and not part of Wrong.
	Guesses, WrongGuesses int
	// DeploymentsRepaired is the number of spans whose deployment was another one, or unknown, before the read.
	DeploymentsRepaired int
}

// Share is the part of the spans with a known digest that were resolved.
func (r Result) Share() float64 { return float64(r.DigestsResolved) / float64(max(r.Digests, 1)) }

// Replay delivers the events in the order in which they come in, resolves each span once as it comes in, when some events
// are late, and once more after all, as a reader does.
func (f *Fleet) Replay() Result {
	index := correlation.New(correlation.Options{})
	at := 0
	deliverUntil := func(t time.Time) {
		for ; at < len(f.deliveries) && !f.deliveries[at].at.After(t); at++ {
			index.Observe(tenant.Default, f.deliveries[at].event)
		}
	}
	stored := make([]envelope.Correlation, len(f.Spans))
	for i, s := range f.Spans {
		deliverUntil(s.At.Add(time.Second))
		stored[i] = index.Resolve(tenant.Default, s.Evidence, s.At)
	}
	deliverUntil(f.deliveries[len(f.deliveries)-1].at)
	var r Result
	for i := range f.Spans {
		r.judge(&f.Spans[i], stored[i], index.Resolve(tenant.Default, f.Spans[i].Evidence, f.Spans[i].At))
	}
	return r
}

func (r *Result) judge(s *Span, stored, now envelope.Correlation) {
	read := correlation.Repair(stored, now)
	if s.KnownDigest {
		r.Digests++
		if stored.CommitSHA == s.Commit && stored.Basis == envelope.BasisDigest {
			r.DigestsAtOnce++
		}
		if read.CommitSHA == s.Commit && read.Basis == envelope.BasisDigest {
			r.DigestsResolved++
		}
	}
	if stored.Basis != envelope.BasisTime && other(stored.CommitSHA, s.Commit) {
		r.WrongAtOnce++
	}
	wrong := other(read.CommitSHA, s.Commit) || other(read.BuildRunID, s.Run) ||
		read.DeploymentID != "" && !slices.Contains(s.Deployments, read.DeploymentID)
	switch {
	case read.Basis == envelope.BasisTime:
		r.Guesses++
		if wrong {
			r.WrongGuesses++
		}
	case wrong:
		r.Wrong++
	}
	if read.DeploymentID != stored.DeploymentID {
		r.DeploymentsRepaired++
	}
}

func other(got, want string) bool { return got != "" && got != want }
