package sqlbuild

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Query is a SELECT under construction. Methods change it and return it; Build gives the statement or the first error.
type Query struct {
	scope   Scope
	table   *Table
	from    *Query
	columns []Expr
	where   []Expr
	groupBy []Expr
	having  []Expr
	orderBy []Order
	limitBy []Expr
	limit   int
	err     error
}

// Statement is a finished query.
type Statement struct {
	// SQL holds only declared names and {pN:Type} parameters.
	SQL string
	// Params are the parameters' values in ClickHouse's escaped text form.
	Params map[string]string
	// Tables are the tables read, in the order of their appearance.
	Tables []string
	// Empty tells that the scope shows no rows: the statement needn't be sent.
	Empty bool
}

// Select starts a query of a table under a scope.
func Select(scope Scope, table *Table, columns ...Expr) *Query {
	q := &Query{scope: scope, table: table, columns: columns, err: scope.Validate()}
	if table == nil {
		q.err = errors.Join(q.err, errors.New("query names no table"))
	}
	return q
}

// SelectFrom starts a query over the result of another one, whose scope it keeps.
func SelectFrom(sub *Query, columns ...Expr) *Query {
	if sub == nil {
		return &Query{err: errors.New("query names no subquery")}
	}
	return &Query{scope: sub.scope, from: sub, columns: columns, err: sub.err}
}

// Columns adds columns to the result.
func (q *Query) Columns(es ...Expr) *Query {
	q.columns = append(q.columns, es...)
	return q
}

// Where adds conditions, all of which must hold.
func (q *Query) Where(es ...Expr) *Query {
	q.where = append(q.where, es...)
	return q
}

// GroupBy adds grouping keys.
func (q *Query) GroupBy(es ...Expr) *Query {
	q.groupBy = append(q.groupBy, es...)
	return q
}

// Having adds conditions on groups.
func (q *Query) Having(es ...Expr) *Query {
	q.having = append(q.having, es...)
	return q
}

// OrderBy adds sort terms.
func (q *Query) OrderBy(os ...Order) *Query {
	q.orderBy = append(q.orderBy, os...)
	return q
}

// OnePer keeps one row per combination of the keys.
func (q *Query) OnePer(es ...Expr) *Query {
	q.limitBy = append(q.limitBy, es...)
	return q
}

// Limit cuts the result. Zero means no limit.
func (q *Query) Limit(n int) *Query {
	q.limit = n
	return q
}

// Build writes the statement.
func (q *Query) Build() (Statement, error) {
	w := &writer{params: map[string]string{}}
	w.query(q)
	if w.err != nil {
		return Statement{}, fmt.Errorf("build query: %w", w.err)
	}
	return Statement{SQL: w.sql.String(), Params: w.params, Tables: w.tables, Empty: q.scope.Rows.IsNone()}, nil
}

// writer renders a query and its subqueries into one statement with one set of parameters.
type writer struct {
	sql    strings.Builder
	params map[string]string
	tables []string
	err    error

	// table, sub and aliases are what names may stand for at this place.
	table   *Table
	sub     *Query
	aliases map[string]bool
	tenant  string
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) query(q *Query) {
	if q.err != nil {
		w.fail(q.err)
		return
	}
	if w.tenant != "" && w.tenant != q.scope.Tenant.String() {
		w.fail(fmt.Errorf("%w: a subquery reads another tenant", ErrScope))
		return
	}
	w.tenant = q.scope.Tenant.String()
	if len(q.columns) == 0 {
		w.fail(errors.New("query selects no columns"))
		return
	}
	table, sub, aliases := w.table, w.sub, w.aliases
	w.table, w.sub, w.aliases = q.table, q.from, q.outputs()
	w.sql.WriteString("SELECT ")
	for i, c := range q.columns {
		w.output(c, i)
	}
	w.source(q)
	w.clauses(q)
	w.table, w.sub, w.aliases = table, sub, aliases
}

func (w *writer) output(c Expr, i int) {
	if i > 0 {
		w.sql.WriteString(", ")
	}
	c.write(w)
	if c.alias == "" {
		return
	}
	if !aliasPattern.MatchString(c.alias) {
		w.fail(fmt.Errorf("alias %q: want lower-case letters, digits and underscores", c.alias))
	}
	w.sql.WriteString(" AS " + c.alias)
}

func (w *writer) source(q *Query) {
	w.sql.WriteString("\nFROM ")
	if q.from != nil {
		w.sql.WriteByte('(')
		w.query(q.from)
		w.sql.WriteByte(')')
		return
	}
	w.sql.WriteString(q.table.Name)
	if q.table.Final {
		w.sql.WriteString(" FINAL")
	}
	w.tables = append(w.tables, q.table.Name)
}

func (w *writer) clauses(q *Query) {
	where, having := q.where, q.having
	if q.table != nil {
		scopeWhere, scopeHaving, err := q.table.bounds(q.scope)
		if err != nil {
			w.fail(err)
			return
		}
		if len(scopeHaving) > 0 && len(q.groupBy) == 0 {
			w.fail(fmt.Errorf("table %s is bounded in time by its groups: the query must group", q.table.Name))
			return
		}
		where = append(scopeWhere, where...)
		having = append(scopeHaving, having...)
	}
	w.conditions("\nWHERE ", where)
	if len(q.groupBy) > 0 {
		w.list("\nGROUP BY ", q.groupBy, "")
	}
	w.conditions("\nHAVING ", having)
	for i, o := range q.orderBy {
		w.sql.WriteString(orderSeparator(i))
		o.expr.write(w)
		if o.desc {
			w.sql.WriteString(" DESC")
		}
	}
	if len(q.limitBy) > 0 {
		w.list("\nLIMIT 1 BY ", q.limitBy, "")
	}
	if q.limit > 0 {
		fmt.Fprintf(&w.sql, "\nLIMIT %d", q.limit)
	}
}

func orderSeparator(i int) string {
	if i == 0 {
		return "\nORDER BY "
	}
	return ", "
}

func (w *writer) conditions(keyword string, es []Expr) {
	for i, e := range es {
		if i == 0 {
			w.sql.WriteString(keyword)
		} else {
			w.sql.WriteString(" AND ")
		}
		w.sql.WriteByte('(')
		e.write(w)
		w.sql.WriteByte(')')
	}
}

func (w *writer) list(before string, es []Expr, after string) {
	w.sql.WriteString(before)
	for i, e := range es {
		if i > 0 {
			w.sql.WriteString(", ")
		}
		e.write(w)
	}
	w.sql.WriteString(after)
}

func (w *writer) column(name string) {
	if w.table == nil || !slices.Contains(w.table.Columns, name) {
		source := "a subquery"
		if w.table != nil {
			source = w.table.Name
		}
		w.fail(fmt.Errorf("column %q is not declared in %s", name, source))
		return
	}
	w.sql.WriteString(w.table.Name + "." + quote(name))
}

func (w *writer) ref(alias string) {
	if !w.aliases[alias] && (w.sub == nil || !w.sub.outputs()[alias]) {
		w.fail(fmt.Errorf("alias %q is not defined", alias))
		return
	}
	w.sql.WriteString(alias)
}

func (q *Query) outputs() map[string]bool {
	m := make(map[string]bool, len(q.columns))
	for _, c := range q.columns {
		if c.alias != "" {
			m[c.alias] = true
		}
	}
	return m
}
