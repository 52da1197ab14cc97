package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/ddl"
	"github.com/summitobs/summit/testbed/figure"
	"github.com/summitobs/summit/testbed/process"
)

func some(n int) subjects {
	list := make([]string, n)
	for i := range list {
		list[i] = strings.Repeat("a", i+1)
	}
	return subjects{traces: list, users: list, callers: list, writers: list, references: list, services: list, metric: "shop_metric_01"}
}

func TestEveryQuestionIsAboutSomethingElse(t *testing.T) {
	const n = 4
	for _, table := range []string{spanTable, logTable} {
		for _, q := range append(questions(some(n)), readings(table, table, some(n))...) {
			asked := map[string]bool{}
			for i := range n {
				require.True(t, (q.path == nil) != (q.sql == nil), q.name)
				if q.path != nil {
					asked[q.path(i)] = true
					continue
				}
				require.Contains(t, q.sql(i), timeBound, q.name)
				asked[q.sql(i)] = true
			}
			require.Len(t, asked, n, q.name)
		}
	}
}

func TestVariantsChangeWhatTheSchemaHas(t *testing.T) {
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	schema := map[string]string{}
	for _, st := range statements {
		schema[st.Name] = st.SQL
	}
	names := map[string]bool{}
	for _, v := range variants() {
		require.False(t, names[v.table+v.name], v.name)
		names[v.table+v.name] = true
		for _, a := range v.alter {
			words := strings.Fields(a)
			if words[0] == "DROP" {
				require.Contains(t, schema[v.table], "INDEX "+words[2]+" ", v.name)
			}
			if words[1] == "COLUMN" {
				require.Contains(t, schema[v.table], "\n  "+words[2]+" ", v.name)
			}
		}
	}
}

func TestAnAnswerWithoutAnythingIsAnError(t *testing.T) {
	body := `{"items":[1]}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	defer srv.Close()
	b := &bench{places: process.Places{Listen: srv.Listener.Addr().String(), Store: srv.Listener.Addr().String()}}
	q := question{path: func(int) string { return "/x" }}
	_, err := b.once(t.Context(), q, 0)
	require.NoError(t, err)
	for _, body = range []string{`{"items":[]}`, `{"data":{"result":[]}}`} {
		_, err = b.once(t.Context(), q, 0)
		require.ErrorIs(t, err, errNothing)
	}
	q = question{sql: func(int) string { return "SELECT 1" }}
	body = "1\n"
	_, err = b.once(t.Context(), q, 0)
	require.NoError(t, err)
	q.nothing = true
	_, err = b.once(t.Context(), q, 0)
	require.ErrorIs(t, err, errNothing)
	body = ""
	_, err = b.once(t.Context(), q, 0)
	require.NoError(t, err)
}

func TestAnswersOfAllFaces(t *testing.T) {
	for text, empty := range map[string]bool{`{"spans":[{}]}`: false, `{"data":{"result":[{}]}}`: false, `{"items":[]}`: true} {
		var a answer
		require.NoError(t, json.Unmarshal([]byte(text), &a))
		require.Equal(t, empty, a.empty(), text)
	}
}

func TestARowAVariant(t *testing.T) {
	got := tabled([]figure.Figure{
		{Name: "a.bytes", Unit: "B", Note: "copied"}, {Name: "a.trace.ms", Unit: "ms", Note: "trace 2.0 ms"}, {Name: "b.bytes", Unit: "B", Note: "copied"},
	})
	require.Len(t, got, 2)
	require.Equal(t, "copied; trace 2.0 ms", got[0].Note)
	r := reading{warm: 1500 * time.Microsecond, cold: time.Second, read: amounts{2000, 3_000_000}}
	require.Equal(t, "note; reads 2k rows, 3.0 MB", r.figures("q", "note")[0].Note)
	require.InDelta(t, 1000, r.figures("q", "note")[1].Value, 0)
	require.Equal(t, 2*time.Second, median([]time.Duration{3 * time.Second, time.Second, 2 * time.Second}))
}
