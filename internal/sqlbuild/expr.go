package sqlbuild

import (
	"fmt"
	"regexp"
	"strings"
)

// Expr is a piece of a statement: a column, a value, or a function of them.
type Expr struct {
	write func(*writer)
	alias string
}

// Col is a column of the query's table.
func Col(name string) Expr {
	return Expr{write: func(w *writer) { w.column(name) }}
}

// Ref is an alias that the query, or the subquery it reads from, has defined.
func Ref(alias string) Expr {
	return Expr{write: func(w *writer) { w.ref(alias) }}
}

// Val is a value, bound as a server-side parameter. The type follows the Go type; see bind.
func Val(v any) Expr {
	return Expr{write: func(w *writer) { w.bind(v) }}
}

// Int is a literal number that the program chose, not the caller.
func Int(n int) Expr {
	return Expr{write: func(w *writer) { fmt.Fprintf(&w.sql, "%d", n) }}
}

// Empty is the empty string as a literal, for comparisons with absent text.
func Empty() Expr {
	return Expr{write: func(w *writer) { w.sql.WriteString("''") }}
}

// As names the expression in the result.
func (e Expr) As(alias string) Expr {
	e.alias = alias
	return e
}

// Fn calls one of the functions that the builder knows.
func Fn(name string, args ...Expr) Expr {
	return Expr{write: func(w *writer) {
		if !functions[name] {
			w.fail(fmt.Errorf("function %q is not declared", name))
		}
		w.sql.WriteString(name)
		w.list("(", args, ")")
	}}
}

// functions are what queries may call.
var functions = setOf("count", "countIf", "sum", "sumIf", "min", "max", "maxIf", "minIf", "any", "anyIf", "anyLast", "argMin", "argMax", "argMaxIf",
	"argMinMerge", "argMaxMerge", "uniqCombined64Merge", "uniqExact", "uniqExactIf", "uniqIf", "groupUniqArray", "groupUniqArrayArray", "hex", "lower", "leftPad", "has", "hasAny",
	"mapContains", "mapKeys", "mapValues", "match", "toString", "toInt64", "toUInt64", "toFloat64", "toUnixTimestamp", "toUnixTimestamp64Nano", "toUnixTimestamp64Milli",
	"bitAnd", "intDiv", "length", "arrayJoin", "position", "startsWith", "greatest", "least", "addNanoseconds", "tuple", "if", "not", "reinterpretAsUInt64")

// Param is an aggregate function with a constant in a first pair of parentheses, as in groupUniqArray(20)(x).
func Param(name string, n int, args ...Expr) Expr {
	return Expr{write: func(w *writer) {
		if !functions[name] {
			w.fail(fmt.Errorf("function %q is not declared", name))
		}
		fmt.Fprintf(&w.sql, "%s(%d)", name, n)
		w.list("(", args, ")")
	}}
}

// Quantile is the level, from 0 to 1, of the exact distribution of the values.
func Quantile(level float64, e Expr) Expr {
	return Expr{write: func(w *writer) {
		if !(level >= 0 && level <= 1) {
			w.fail(fmt.Errorf("quantile %v: want 0 to 1", level))
		}
		fmt.Fprintf(&w.sql, "quantileExact(%g)", level)
		w.list("(", []Expr{e}, ")")
	}}
}

// HexID is a FixedString or UInt64 id in lower-case hex of the given width.
func HexID(e Expr, width int) Expr {
	return Expr{write: func(w *writer) {
		w.sql.WriteString("lower(leftPad(hex(")
		e.write(w)
		fmt.Fprintf(&w.sql, "), %d, '0'))", width)
	}}
}

// MapGet reads a key of a map column; the key is bound as a value.
func MapGet(column, key string) Expr {
	return Expr{write: func(w *writer) {
		w.column(column)
		w.sql.WriteByte('[')
		w.bind(key)
		w.sql.WriteByte(']')
	}}
}

// Eq and its likes compare two expressions.
func Eq(a, b Expr) Expr { return infix(a, " = ", b) }

// Ne is a <> b.
func Ne(a, b Expr) Expr { return infix(a, " <> ", b) }

// Lt is a < b.
func Lt(a, b Expr) Expr { return infix(a, " < ", b) }

// Le is a <= b.
func Le(a, b Expr) Expr { return infix(a, " <= ", b) }

// Gt is a > b.
func Gt(a, b Expr) Expr { return infix(a, " > ", b) }

// Ge is a >= b.
func Ge(a, b Expr) Expr { return infix(a, " >= ", b) }

// Minus is a - b.
func Minus(a, b Expr) Expr { return infix(a, " - ", b) }

// In tells whether a is one of the values, a Go slice bound as one parameter.
func In(a Expr, values any) Expr { return infix(a, " IN ", Val(values)) }

// InQuery tells whether a is in the result of another query.
func InQuery(a Expr, q *Query) Expr {
	return Expr{write: func(w *writer) {
		a.write(w)
		w.sql.WriteString(" IN (")
		w.query(q)
		w.sql.WriteByte(')')
	}}
}

// And is true where all are; without any it is true.
func And(es ...Expr) Expr { return joined(" AND ", "1", es) }

// Or is true where one is; without any it is false.
func Or(es ...Expr) Expr { return joined(" OR ", "0", es) }

// Not negates.
func Not(e Expr) Expr { return Fn("not", e) }

func infix(a Expr, op string, b Expr) Expr {
	return Expr{write: func(w *writer) {
		a.write(w)
		w.sql.WriteString(op)
		b.write(w)
	}}
}

func joined(op, none string, es []Expr) Expr {
	return Expr{write: func(w *writer) {
		if len(es) == 0 {
			w.sql.WriteString(none)
			return
		}
		for i, e := range es {
			if i > 0 {
				w.sql.WriteString(op)
			}
			w.sql.WriteByte('(')
			e.write(w)
			w.sql.WriteByte(')')
		}
	}}
}

// Order is one term of ORDER BY.
type Order struct {
	expr Expr
	desc bool
}

// Asc sorts from the smallest.
func Asc(e Expr) Order { return Order{expr: e} }

// Desc sorts from the largest.
func Desc(e Expr) Order { return Order{expr: e, desc: true} }

var aliasPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

func setOf(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

func quote(name string) string {
	if strings.Contains(name, ".") {
		return "`" + name + "`"
	}
	return name
}
