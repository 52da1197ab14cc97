package sqlbuild

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrRowFilter is wrapped where a caller's row filter names a column that a table hasn't got: the query is refused
// rather than answered without the filter.
var ErrRowFilter = errors.New("row filter")

// Table is a table that queries may read: its names, and how a scope bounds it.
type Table struct {
	// Name is the table in the database.
	Name string
	// Columns are the names that queries may use.
	Columns []string
	// Final reads the last version of each key.
	Final bool

	// window gives the time predicates; the second list belongs after grouping.
	window func(from, to time.Time) (where, having []Expr)
	// viaKey tells a table without filterable content: it is read by ids that came from a filtered table.
	viaKey bool
}

const tenantColumn = "tenant_id"

// bounds gives the predicates that the scope demands of the table.
func (t *Table) bounds(s Scope) (where, having []Expr, err error) {
	where, having = t.window(s.From, s.To)
	where = append([]Expr{Eq(Col(tenantColumn), Val(s.Tenant))}, where...)
	switch s.Rows.kind {
	case rowsAll:
	case rowsNone:
		where = append(where, Int(0))
	case rowsWhere:
		if t.viaKey {
			break
		}
		for _, term := range s.Rows.terms {
			if !slices.Contains(t.Columns, term.column) {
				return nil, nil, fmt.Errorf("%w: table %s has no column %q", ErrRowFilter, t.Name, term.column)
			}
			where = append(where, In(Col(term.column), term.values))
		}
	default:
		return nil, nil, fmt.Errorf("%w: no row filter", ErrScope)
	}
	return where, having, nil
}

// bucketed bounds a table by its bucket, which the sort key holds, and by the exact time. A row's bucket starts at
// most width before the row.
func bucketed(bucket, at string, width time.Duration) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, to time.Time) ([]Expr, []Expr) {
		return []Expr{
			Ge(Col(bucket), Val(Seconds(from.Add(-width)))), Le(Col(bucket), Val(Seconds(to))),
			Ge(Col(at), Val(from)), Lt(Col(at), Val(to)),
		}, nil
	}
}

// stamped bounds a table by one time column. A row stands for the time from its stamp on, width long.
func stamped(at string, width time.Duration) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, to time.Time) ([]Expr, []Expr) {
		from = from.Truncate(width)
		return []Expr{Ge(Col(at), Val(Seconds(from))), Lt(Col(at), Val(Seconds(ceilSecond(to))))}, nil
	}
}

func ceilSecond(t time.Time) time.Time {
	if t.Nanosecond() == 0 {
		return t
	}
	return t.Truncate(time.Second).Add(time.Second)
}

// daily bounds a table with a row per day; slack days are read before the window, for rows that a long-lived writer
// repeats once a day.
func daily(day string, slack int) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, to time.Time) ([]Expr, []Expr) {
		return []Expr{Ge(Col(day), Val(Day(from.AddDate(0, 0, -slack)))), Le(Col(day), Val(Day(to)))}, nil
	}
}

// alive bounds a table of things that have a beginning and a last change: those that lived in the window.
func alive(first, last string) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, to time.Time) ([]Expr, []Expr) {
		return []Expr{Ge(Col(last), Val(from)), Lt(Col(first), Val(to))}, nil
	}
}

// aliveGroup is alive for a table of partial states, whose times are known after grouping only.
func aliveGroup(first, last string) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, to time.Time) ([]Expr, []Expr) {
		return nil, []Expr{Ge(Fn("max", Col(last)), Val(from)), Lt(Fn("min", Col(first)), Val(to))}
	}
}

// since bounds a table whose rows are replaced by newer ones: an upper bound would hide rows seen again later.
func since(last string, slack time.Duration) func(time.Time, time.Time) ([]Expr, []Expr) {
	return func(from, _ time.Time) ([]Expr, []Expr) {
		return []Expr{Ge(Col(last), Val(from.Add(-slack)))}, nil
	}
}
