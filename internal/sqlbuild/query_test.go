package sqlbuild_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/internal/tenant"
)

var update = flag.Bool("update", false, "write the snapshots in testdata")

var (
	from  = time.Date(2026, 3, 1, 10, 30, 0, 0, time.UTC)
	scope = sqlbuild.Scope{Tenant: tenant.Default, From: from, To: from.Add(time.Hour), Rows: sqlbuild.AllRows()}
)

func TestStatementsLookLikeTheirSnapshots(t *testing.T) {
	filtered := scope
	filtered.Rows = sqlbuild.RowsWhere("environment", "staging", "dev").And(sqlbuild.RowsWhere("service_name", "shop"))
	denied := scope
	denied.Rows = sqlbuild.NoRows()
	for _, tc := range []struct {
		name  string
		query *sqlbuild.Query
	}{
		{name: "spans_by_attribute", query: sqlbuild.Select(scope, sqlbuild.Spans,
			sqlbuild.HexID(sqlbuild.Col("trace_id"), 32).As("trace"), sqlbuild.Fn("max", sqlbuild.Col("timestamp")).As("newest")).
			Where(sqlbuild.Eq(sqlbuild.Col("service_name"), sqlbuild.Val("check'out")),
				sqlbuild.Eq(sqlbuild.MapGet("attrs_str", "user.id"), sqlbuild.Val("a\tb\\c"))).
			GroupBy(sqlbuild.Ref("trace")).
			OrderBy(sqlbuild.Desc(sqlbuild.Ref("newest")), sqlbuild.Desc(sqlbuild.Ref("trace"))).Limit(50)},
		{name: "row_filter", query: sqlbuild.Select(filtered, sqlbuild.Errors, sqlbuild.Col("frames.file"))},
		{name: "deny_all", query: sqlbuild.Select(denied, sqlbuild.Builds, sqlbuild.Col("run_id"))},
		{name: "groups_bounded_after_grouping", query: sqlbuild.Select(scope, sqlbuild.ErrorGroups,
			sqlbuild.Col("error_fp"), sqlbuild.Fn("sum", sqlbuild.Col("events")).As("events")).GroupBy(sqlbuild.Col("error_fp"))},
		{name: "subqueries", query: sqlbuild.SelectFrom(
			sqlbuild.Select(scope, sqlbuild.Samples, sqlbuild.Col("series_fp").As("fp"), sqlbuild.Col("value").As("v")).
				Where(sqlbuild.InQuery(sqlbuild.Col("series_fp"), sqlbuild.Select(scope, sqlbuild.Series, sqlbuild.Col("series_fp")).
					Where(sqlbuild.Fn("has", sqlbuild.Col("label_items"), sqlbuild.Val("job=api"))))),
			sqlbuild.Ref("fp"), sqlbuild.Fn("sum", sqlbuild.Ref("v")).As("total")).GroupBy(sqlbuild.Ref("fp"))},
		{name: "quantile", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Col("span_name").As("name"),
			sqlbuild.Quantile(0.95, sqlbuild.Col("duration_ns")).As("p95")).GroupBy(sqlbuild.Ref("name"))},
		{name: "values_of_every_type", query: sqlbuild.Select(scope, sqlbuild.Deploys, sqlbuild.Col("deployment_id")).
			Where(sqlbuild.In(sqlbuild.Col("build_run_id"), []string{"it's", `back\slash`}),
				sqlbuild.Eq(sqlbuild.Val(int64(-1)), sqlbuild.Val(uint64(1))), sqlbuild.Eq(sqlbuild.Val(true), sqlbuild.Val(1.5)),
				sqlbuild.In(sqlbuild.Val(uint64(1)), []uint64{1, 2}), sqlbuild.In(sqlbuild.Val(int64(1)), []int64{-1, 2}),
				sqlbuild.In(sqlbuild.Val(sqlbuild.ID16{1}), []sqlbuild.ID16{{1}, {2}}), sqlbuild.Or(), sqlbuild.And()).
			OnePer(sqlbuild.Col("deployment_id"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st, err := tc.query.Build()
			require.NoError(t, err)
			require.Equal(t, tc.name == "deny_all", st.Empty)
			golden(t, tc.name+".sql", text(st))
		})
	}
}

func text(st sqlbuild.Statement) string {
	var b strings.Builder
	b.WriteString(st.SQL + "\n")
	for i := range len(st.Params) {
		name := fmt.Sprintf("p%d", i+1)
		fmt.Fprintf(&b, "-- %s = %s\n", name, st.Params[name])
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), got))
}

func TestAnUnboundedScopeIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		scope func(sqlbuild.Scope) sqlbuild.Scope
		want  string
	}{
		{name: "zero", scope: func(sqlbuild.Scope) sqlbuild.Scope { return sqlbuild.Scope{} }, want: "no tenant"},
		{name: "no tenant", scope: func(s sqlbuild.Scope) sqlbuild.Scope { s.Tenant = tenant.ID{}; return s }, want: "no tenant"},
		{name: "no start", scope: func(s sqlbuild.Scope) sqlbuild.Scope { s.From = time.Time{}; return s }, want: "no time window"},
		{name: "no end", scope: func(s sqlbuild.Scope) sqlbuild.Scope { s.To = time.Time{}; return s }, want: "no time window"},
		{name: "backwards", scope: func(s sqlbuild.Scope) sqlbuild.Scope { return s.Window(s.To, s.From) }, want: "not before its end"},
		{name: "no filter", scope: func(s sqlbuild.Scope) sqlbuild.Scope { s.Rows = sqlbuild.RowFilter{}; return s }, want: "no row filter"},
		{name: "unset and all", scope: func(s sqlbuild.Scope) sqlbuild.Scope { s.Rows = s.Rows.And(sqlbuild.RowFilter{}); return s }, want: "no row filter"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := sqlbuild.Select(tc.scope(scope), sqlbuild.Spans, sqlbuild.Col("trace_id")).Build()
			require.ErrorIs(t, err, sqlbuild.ErrScope)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestWrongQueriesAreRefused(t *testing.T) {
	other := scope
	other.Tenant = tenant.ID{1}
	serviceOnly := scope
	serviceOnly.Rows = sqlbuild.RowsWhere("service_name", "shop")
	for _, tc := range []struct {
		name  string
		query *sqlbuild.Query
		want  string
	}{
		{name: "unknown column", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Col("1; DROP TABLE x")), want: "not declared"},
		{name: "unknown function", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Fn("file", sqlbuild.Val("/etc/passwd"))), want: "not declared"},
		{name: "unknown alias", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Ref("x")), want: "not defined"},
		{name: "bad alias", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Col("kind").As("a b")), want: "want lower-case"},
		{name: "unbindable value", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Val(struct{}{})), want: "cannot be bound"},
		{name: "no quantile", query: sqlbuild.Select(scope, sqlbuild.Spans, sqlbuild.Quantile(1.5, sqlbuild.Col("duration_ns"))), want: "want 0 to 1"},
		{name: "nothing selected", query: sqlbuild.Select(scope, sqlbuild.Spans), want: "selects no columns"},
		{name: "no table", query: sqlbuild.Select(scope, nil, sqlbuild.Int(1)), want: "names no table"},
		{name: "groups without grouping", query: sqlbuild.Select(scope, sqlbuild.ErrorGroups, sqlbuild.Col("error_fp")), want: "must group"},
		{name: "another tenant inside", query: sqlbuild.Select(scope, sqlbuild.Samples, sqlbuild.Col("value")).Where(
			sqlbuild.InQuery(sqlbuild.Col("series_fp"), sqlbuild.Select(other, sqlbuild.Series, sqlbuild.Col("series_fp")))), want: "another tenant"},
		{name: "filter column missing", query: sqlbuild.Select(serviceOnly, sqlbuild.Builds, sqlbuild.Col("run_id")), want: `no column "service_name"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.query.Build()
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestFiltersCombineToTheNarrower(t *testing.T) {
	all, none, some := sqlbuild.AllRows(), sqlbuild.NoRows(), sqlbuild.RowsWhere("environment", "dev")
	require.True(t, all.And(all).IsAll())
	require.True(t, all.And(none).IsNone())
	require.True(t, none.And(some).IsNone())
	require.True(t, sqlbuild.RowsWhere("environment").IsNone(), "no allowed values means no rows")
	for _, f := range []sqlbuild.RowFilter{all.And(some), some.And(all)} {
		require.False(t, f.IsAll())
		require.False(t, f.IsNone())
	}
}

// TestEveryTableIsBounded builds random queries, nested in both ways, and counts the tenant predicates.
func TestEveryTableIsBounded(t *testing.T) {
	tables := sqlbuild.All()
	rapid.Check(t, func(t *rapid.T) {
		s := scope
		copy(s.Tenant[:], rapid.SliceOfN(rapid.ByteRange(1, 255), 16, 16).Draw(t, "tenant"))
		st, err := randomQuery(t, s, tables, 3).Build()
		require.NoError(t, err)
		require.NotEmpty(t, st.Tables)
		for _, name := range st.Tables {
			want := strings.Count(st.SQL, "\nFROM "+name)
			preds := regexp.MustCompile(`\(`+name+`\.tenant_id = \{(p\d+):UUID\}\)`).FindAllStringSubmatch(st.SQL, -1)
			require.Len(t, preds, want, "%s in\n%s", name, st.SQL)
			for _, p := range preds {
				require.Equal(t, s.Tenant.String(), st.Params[p[1]])
			}
		}
		used := regexp.MustCompile(`\{(p\d+):`).FindAllStringSubmatch(st.SQL, -1)
		names := map[string]bool{}
		for _, u := range used {
			names[u[1]] = true
		}
		require.Equal(t, slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(st.Params)))
	})
}

func randomQuery(t *rapid.T, s sqlbuild.Scope, tables []*sqlbuild.Table, depth int) *sqlbuild.Query {
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "nest") == 0 {
		return sqlbuild.SelectFrom(randomQuery(t, s, tables, depth-1), sqlbuild.Fn("count").As("n"))
	}
	table := rapid.SampledFrom(tables).Draw(t, "table")
	key := sqlbuild.Col(rapid.SampledFrom(table.Columns).Draw(t, "column"))
	q := sqlbuild.Select(s, table, key, sqlbuild.Fn("count").As("n")).GroupBy(key)
	if depth > 0 && rapid.Bool().Draw(t, "filter") {
		q.Where(sqlbuild.InQuery(key, randomQuery(t, s, tables, depth-1)))
	}
	if rapid.Bool().Draw(t, "value") {
		q.Where(sqlbuild.Eq(key, sqlbuild.Val(rapid.String().Draw(t, "v"))))
	}
	return q
}

// TestDeclaredNamesAreInTheDDL reads the schema's files: a renamed column must not be found out by a user's query.
func TestDeclaredNamesAreInTheDDL(t *testing.T) {
	for _, table := range sqlbuild.All() {
		files, err := filepath.Glob("../clickhouse/ddl/*_" + table.Name + ".sql")
		require.NoError(t, err)
		require.Len(t, files, 1, table.Name)
		ddl, err := os.ReadFile(files[0])
		require.NoError(t, err)
		for _, c := range table.Columns {
			require.Regexp(t, "(?m)^  `?"+regexp.QuoteMeta(c)+"`? ", string(ddl), table.Name)
		}
	}
}
