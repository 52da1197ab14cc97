// Package runner sends bounded queries to the store and puts what goes wrong into words. The services of queryd plan
// with internal/sqlbuild and run here, under the time and memory limits of one query; it ends with the request's context.
package runner

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/sqlbuild"

	store "github.com/summitobs/summit/internal/clickhouse"
)

// Limits bound one query of the store.
type Limits struct {
	// Timeout is the longest a query may run. Default 30s.
	Timeout time.Duration
	// MemoryBytes is the most a query may hold. Default 2 GiB.
	MemoryBytes int64
}

// DefaultLimits are those of a small machine.
func DefaultLimits() Limits {
	return Limits{Timeout: 30 * time.Second, MemoryBytes: 2 << 30}
}

// Runner runs queries on one store.
type Runner struct {
	store  store.Store
	limits Limits
}

// New makes a runner over a store.
func New(s store.Store, limits Limits) *Runner {
	return &Runner{store: s, limits: limits}
}

// Limits are the bounds of one query.
func (r *Runner) Limits() Limits { return r.limits }

// Store is where the queries go.
func (r *Runner) Store() store.Store { return r.store }

// Each runs a query and calls scan for every row. It ends with the context.
func (r *Runner) Each(ctx context.Context, q *sqlbuild.Query, scan func(driver.Rows) error) error {
	st, err := q.Build()
	if err != nil {
		return scopeProblem(err)
	}
	if st.Empty {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.limits.Timeout+2*time.Second)
	defer cancel()
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(st.Params), clickhouse.WithSettings(r.settings()))
	rows, err := r.store.Conn().Query(ctx, st.SQL)
	if err != nil {
		return storeProblem(ctx, st, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below has the error that counts
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("scan a row of %v: %w", st.Tables, err)
		}
	}
	if err := rows.Err(); err != nil {
		return storeProblem(ctx, st, err)
	}
	return nil
}

func (r *Runner) settings() clickhouse.Settings {
	return clickhouse.Settings{
		"max_execution_time": max(int(r.limits.Timeout.Seconds()), 1),
		"max_memory_usage":   r.limits.MemoryBytes,
	}
}

// Kind sorts problems by what the caller can do about them.
type Kind int

// The kinds of problem.
const (
	// Invalid: the question is wrong; Field says where.
	Invalid Kind = iota + 1
	// NotFound: nothing has that id.
	NotFound
	// Forbidden: the caller's row filter can't be applied to what was asked.
	Forbidden
	// TooExpensive: the query hit its time or memory limit.
	TooExpensive
	// Unavailable: the store didn't answer.
	Unavailable
)

// Problem is an error with words for the person who asked.
type Problem struct {
	Kind    Kind
	Detail  string
	Field   string
	Allowed []string
	Err     error
}

// Error gives the detail and, where there is one, the cause.
func (p *Problem) Error() string {
	if p.Err != nil {
		return p.Detail + ": " + p.Err.Error()
	}
	return p.Detail
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Wrong says which field of the question is wrong.
func Wrong(field, detail string, allowed ...string) error {
	return &Problem{Kind: Invalid, Field: field, Detail: detail, Allowed: allowed}
}

// Missing says that nothing has that id.
func Missing(what, id string) error {
	return &Problem{Kind: NotFound, Detail: fmt.Sprintf("no %s has the id %q in this time range", what, id)}
}

func scopeProblem(err error) error {
	switch {
	case errors.Is(err, sqlbuild.ErrRowFilter):
		return &Problem{Kind: Forbidden, Detail: "your access is limited to rows that this view can't tell apart", Err: err}
	case errors.Is(err, sqlbuild.ErrScope):
		return &Problem{Kind: Invalid, Field: "from", Detail: "the time range is empty or unbounded", Err: err}
	}
	return err
}

var serverCode = regexp.MustCompile(`[Cc]ode: ?(\d+)`)

// storeProblem puts the server's code into words. Over HTTP the code may be in the text only.
func storeProblem(ctx context.Context, st sqlbuild.Statement, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return fmt.Errorf("query %v: %w", st.Tables, cause)
	}
	code := store.Code(err)
	if m := serverCode.FindStringSubmatch(err.Error()); m != nil && code == 0 {
		code, _ = strconv.Atoi(m[1])
	}
	wrapped := fmt.Errorf("query %v: %w", st.Tables, err)
	switch {
	case code == 159 || code == 160 || errors.Is(err, context.DeadlineExceeded):
		return &Problem{Kind: TooExpensive, Detail: "the query ran into its time limit; ask for a shorter time range or add a filter", Err: wrapped}
	case code == 241:
		return &Problem{Kind: TooExpensive, Detail: "the query ran into its memory limit; ask for a shorter time range or add a filter", Err: wrapped}
	case code == 0:
		return &Problem{Kind: Unavailable, Detail: "the store did not answer", Err: wrapped}
	}
	return wrapped
}
