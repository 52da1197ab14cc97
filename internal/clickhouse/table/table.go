// Package table describes the tables that the column writer fills: columns with their exact types, sort key, time. The
// descriptions are read from the statements of package ddl, so there is one place where a table is written down; a test
// compares them with what the engine says of itself.
package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
)

// Column is a column that an INSERT may name.
type Column struct {
	Name string
	// Type is the type of the column's values: what a SimpleAggregateFunction wraps, otherwise the type itself.
	Type string
	// Default is the expression for rows without a value, empty for the type's own default.
	Default string
}

// Table is one table of the store.
type Table struct {
	Name string
	// Columns are in the table's order, without aliases.
	Columns []Column
	// SortKey is the ORDER BY of the table.
	SortKey []string
	// RowOrder is the order that rows of an INSERT have: SortKey, then the time where the key lacks it. Sorts and merges
	// are stable, so the order lasts.
	RowOrder []string
	// Index counts the tables from 0.
	Index int
}

// Column finds a column by its name.
func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// The tables, in the order in which a segment's INSERTs go out: what others point to comes first.
var (
	Resources     = load("resources_v1")
	BucketHistory = load("bucket_history_v1")
	Spans         = load("events_trace_v1")
	Errors        = load("events_error_v1")
	Logs          = load("logs_v1")
	LogPatterns   = load("log_patterns_v1")
	LogMinutes    = load("logs_1m_v1")
	PatternSlots  = load("log_patterns_15m_v1")
	Series        = load("metric_series_v1")
	MetricMeta    = load("metric_meta_v1")
	MetricLabels  = load("metric_labels_v1")
	Samples       = load("metrics_runtime_v1")
	Histograms    = load("metrics_hist_v1")
	Exemplars     = load("metric_exemplars_v1")
	Builds        = load("metrics_build_v1")
	Deploys       = load("deploys_v1")
	GraphNodes    = load("graph_nodes_v1")
	GraphEdges    = load("graph_edges_v1")
	ServiceEdges  = load("service_edges_1m_v1")
	Catalog       = load("attr_catalog_v1")
	Facets        = load("facet_15m_v1")
	Quarantine    = load("quarantine_v1")
)

// all and statements are filled by load while the variables above are made.
var (
	all        []*Table
	statements map[string]string
)

// All gives the tables in their order.
func All() []*Table { return slices.Clone(all) }

// Of finds a table by its name.
func Of(name string) (*Table, bool) {
	for _, t := range all {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// load reads a table's statement; what is wrong with an embedded file is a programming error.
func load(name string) *Table {
	if statements == nil {
		list, err := ddl.Load(ddl.FS)
		if err != nil {
			panic(err)
		}
		statements = make(map[string]string, len(list))
		for _, s := range list {
			statements[s.Name] += s.SQL + "\n"
		}
	}
	t, err := parse(name, statements[name])
	if err != nil {
		panic(fmt.Sprintf("table: %s: %v", name, err))
	}
	t.Index = len(all)
	all = append(all, t)
	return t
}

// timeColumns are the names of the time that rows are ordered by at last.
var timeColumns = []string{"timestamp", "ts", "minute"}

func (t *Table) setRowOrder() {
	t.RowOrder = slices.Clone(t.SortKey)
	for _, name := range timeColumns {
		if _, ok := t.Column(name); ok {
			if !slices.Contains(t.RowOrder, name) {
				t.RowOrder = append(t.RowOrder, name)
			}
			return
		}
	}
}

// parse reads CREATE TABLE as our files write it: one column per line.
func parse(name, sql string) (*Table, error) {
	t := &Table{Name: name}
	_, body, ok := strings.Cut(sql, "(\n")
	columns, rest, closed := strings.Cut(body, "\n)\n")
	if !ok || !closed {
		return nil, fmt.Errorf("no CREATE TABLE statement with one column per line")
	}
	for line := range strings.Lines(columns) {
		if err := t.addColumn(strings.TrimSuffix(strings.TrimSpace(line), ",")); err != nil {
			return nil, err
		}
	}
	for line := range strings.Lines(rest) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "ORDER BY "); ok {
			for _, c := range strings.Split(strings.Trim(key, "()"), ",") {
				t.SortKey = append(t.SortKey, strings.TrimSpace(c))
			}
		}
	}
	for _, key := range t.SortKey {
		if _, ok := t.Column(key); !ok {
			return nil, fmt.Errorf("sort key column %q is not among the columns", key)
		}
	}
	t.setRowOrder()
	return t, nil
}

func (t *Table) addColumn(def string) error {
	if def == "" || strings.HasPrefix(def, "INDEX ") || strings.HasPrefix(def, "PROJECTION ") {
		return nil
	}
	name, rest, ok := strings.Cut(def, " ")
	if !ok {
		return fmt.Errorf("column definition %q has no type", def)
	}
	typ, rest := cutType(rest)
	if strings.HasPrefix(rest, "ALIAS ") {
		return nil
	}
	c := Column{Name: strings.Trim(name, "`"), Type: typ}
	if inner, ok := strings.CutPrefix(typ, "SimpleAggregateFunction("); ok {
		_, value, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
		c.Type = value
	}
	if d, ok := strings.CutPrefix(rest, "DEFAULT "); ok {
		c.Default, _, _ = strings.Cut(d, " ")
	}
	t.Columns = append(t.Columns, c)
	return nil
}

// cutType parts the type, which may hold blanks in parentheses and quotes, from what follows.
func cutType(s string) (typ, rest string) {
	depth, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ' ' && depth == 0:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
