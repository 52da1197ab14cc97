// Package history reads what happened in CI: runs, their jobs and stages, test results, commits and deployments, as the
// build events they came from. The analyses of queryd (pipeline, flaky, dora, blame) stand on it; it plans with
// internal/sqlbuild, so that tenant, time bound and row filter are in every statement, and runs with queryd/runner.
package history

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// Reader reads from one store.
type Reader struct {
	*runner.Runner
	// Now is the present.
	Now func() time.Time
}

// New makes a reader over a runner.
func New(r *runner.Runner) *Reader { return &Reader{Runner: r, Now: time.Now} }

// Retained is the time that build rows are kept for; what is asked for by its id is looked for in all of it.
const Retained = 731 * 24 * time.Hour

// Ever is the scope of all that is kept, for what is asked for by its id.
func (r *Reader) Ever(c access.Caller) sb.Scope {
	now := r.Now()
	return c.Scope(now.Add(-Retained), now.Add(24*time.Hour))
}

// Window is the time range that an analysis looks at.
type Window struct{ From, To time.Time }

// Before is the window with more of the past.
func (w Window) Before(d time.Duration) Window { return Window{From: w.From.Add(-d), To: w.To} }

// BuildRef is a run in few words.
type BuildRef struct {
	ID         string     `json:"id" doc:"provider:host:repo:run:attempt"`
	RunID      string     `json:"run_id"`
	Attempt    uint16     `json:"attempt"`
	Pipeline   string     `json:"pipeline"`
	Name       string     `json:"name"`
	Branch     string     `json:"branch"`
	CommitSHA  string     `json:"commit_sha"`
	Status     string     `json:"status" enum:"queued,waiting,running,success,failure,cancelled,skipped,timeout,unknown"`
	CreatedAt  *time.Time `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at"`
	DurationNS int64      `json:"duration_ns"`
	URL        string     `json:"url"`
}

// RefOf makes the short form of a run.
func RefOf(r *build.Run) BuildRef {
	return BuildRef{
		ID: r.RunKey.ID(), RunID: r.RunID, Attempt: r.Attempt, Pipeline: r.Pipeline, Name: r.Name, Branch: r.Branch, CommitSHA: r.CommitSHA,
		Status: r.Status.String(), CreatedAt: Known(Began(r)), FinishedAt: Known(r.FinishedAt), DurationNS: r.Duration.Nanoseconds(), URL: r.URL,
	}
}

// Refs makes the short form of many runs.
func Refs(runs []*build.Run) []BuildRef {
	out := make([]BuildRef, len(runs))
	for i, r := range runs {
		out[i] = RefOf(r)
	}
	return out
}

// Began is when the run was made, or the first thing that is known of it.
func Began(r *build.Run) time.Time {
	switch {
	case !r.CreatedAt.IsZero():
		return r.CreatedAt
	case !r.StartedAt.IsZero():
		return r.StartedAt
	default:
		return r.UpdatedAt
	}
}

// Known is the time, or nil where it isn't known.
func Known(t time.Time) *time.Time {
	if t.IsZero() || t.UnixNano() <= 0 {
		return nil
	}
	u := t.UTC()
	return &u
}

// timeOf is the time of a column, by which the store writes "not known" as the epoch.
func timeOf(t time.Time) time.Time {
	if t.UnixNano() <= 0 {
		return time.Time{}
	}
	return t.UTC()
}

const ms = time.Millisecond

// cols are columns by their names.
func cols(names ...string) []sb.Expr {
	es := make([]sb.Expr, len(names))
	for i, n := range names {
		es[i] = sb.Col(n)
	}
	return es
}

// equal are the conditions that columns have values, where there is a value.
func equal(pairs ...string) []sb.Expr {
	var es []sb.Expr
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			es = append(es, sb.Eq(sb.Col(pairs[i]), sb.Val(pairs[i+1])))
		}
	}
	return es
}

// known is the column, or the other expression where the store has the epoch.
func known(column string, otherwise sb.Expr) sb.Expr {
	return sb.Fn("if", sb.Gt(sb.Col(column), sb.Val(time.Unix(0, 0))), sb.Col(column), otherwise)
}

func began() sb.Expr { return known("created_at", known("started_at", sb.Col("updated_at"))) }

// Paged cuts a list that an analysis has made in memory; the cursor is the list's name and the place in it.
func Paged[T any](list string, items []T, cursor string, limit int) (page []T, next *string, err error) {
	if limit < 1 || limit > 500 {
		return nil, nil, runner.Wrong("limit", "limit must be from 1 to 500")
	}
	at := 0
	if cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(cursor)
		place, ok := strings.CutPrefix(string(b), list+":")
		if err == nil && ok {
			at, err = strconv.Atoi(place)
		}
		if err != nil || !ok || at < 0 {
			return nil, nil, runner.Wrong("cursor", "this is no cursor of this list; take next from the page before")
		}
	}
	at = min(at, len(items))
	end := min(at+limit, len(items))
	if end < len(items) {
		s := base64.RawURLEncoding.EncodeToString([]byte(list + ":" + strconv.Itoa(end)))
		next = &s
	}
	return append([]T{}, items[at:end]...), next, nil
}
