// Package sqlbuild makes every SELECT that the product sends to its store. A query starts from a Scope, which holds
// the tenant, the time window and the caller's row filter, and the builder writes their predicates for each table that
// the query names, in subqueries too: there is no way to leave one out. Values travel as server-side parameters,
// names come from the declared tables only. Queries are planned in queryd/query and queryd/promapi and run there.
package sqlbuild

import (
	"errors"
	"fmt"
	"time"

	"github.com/summitobs/summit/internal/tenant"
)

// ErrScope is wrapped by every refusal of a scope that would leave a query unbounded.
var ErrScope = errors.New("query scope")

// Scope bounds a query: one tenant, one time window [From, To), the rows that the caller may see.
// The zero value is refused.
type Scope struct {
	Tenant tenant.ID
	From   time.Time
	To     time.Time
	Rows   RowFilter
}

// Validate tells what the scope lacks.
func (s Scope) Validate() error {
	switch {
	case s.Tenant.IsZero():
		return fmt.Errorf("%w: no tenant", ErrScope)
	case s.From.IsZero() || s.To.IsZero():
		return fmt.Errorf("%w: no time window", ErrScope)
	case !s.From.Before(s.To):
		return fmt.Errorf("%w: window starts at %s, not before its end %s", ErrScope,
			s.From.UTC().Format(time.RFC3339Nano), s.To.UTC().Format(time.RFC3339Nano))
	case s.Rows.kind == rowsUnset:
		return fmt.Errorf("%w: no row filter; want all, none or a predicate", ErrScope)
	}
	return nil
}

// Window is the same scope over another time window.
func (s Scope) Window(from, to time.Time) Scope {
	s.From, s.To = from, to
	return s
}

type rowsKind uint8

const (
	rowsUnset rowsKind = iota
	rowsAll
	rowsNone
	rowsWhere
)

// RowFilter says which rows of a tenant a caller may see. It has three values, and deny-all is one of its own, so that
// "no filter" is never mistaken for "no rows" or the reverse; the zero value is neither and is refused.
type RowFilter struct {
	kind  rowsKind
	terms []rowTerm
}

type rowTerm struct {
	column string
	values []string
}

// AllRows shows every row of the tenant.
func AllRows() RowFilter { return RowFilter{kind: rowsAll} }

// NoRows shows none: a query under it returns nothing and isn't sent.
func NoRows() RowFilter { return RowFilter{kind: rowsNone} }

// RowsWhere shows the rows whose column has one of the values. No values means no rows.
func RowsWhere(column string, values ...string) RowFilter {
	if len(values) == 0 {
		return NoRows()
	}
	return RowFilter{kind: rowsWhere, terms: []rowTerm{{column: column, values: values}}}
}

// And shows the rows that both filters show. An unset side makes the result unset.
func (f RowFilter) And(g RowFilter) RowFilter {
	switch {
	case f.kind == rowsUnset || g.kind == rowsUnset:
		return RowFilter{}
	case f.kind == rowsNone || g.kind == rowsNone:
		return NoRows()
	case f.kind == rowsAll:
		return g
	case g.kind == rowsAll:
		return f
	}
	terms := append(append([]rowTerm{}, f.terms...), g.terms...)
	return RowFilter{kind: rowsWhere, terms: terms}
}

// IsAll tells a filter that shows everything.
func (f RowFilter) IsAll() bool { return f.kind == rowsAll }

// IsNone tells a filter that shows nothing.
func (f RowFilter) IsNone() bool { return f.kind == rowsNone }
