package bind

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// group is told when its field is there.
type group struct {
	Name  *column.LowCard `col:"span_name"`
	ready bool
}

func (g *group) Bound() { g.ready = g.Name != nil }

func TestColumnsAreInTheOrderOfTheTable(t *testing.T) {
	var cols struct {
		Group group
		Kind  *column.Num[int8]  `col:"kind"`
		At    *column.Num[int64] `col:"timestamp"`
	}
	named := Columns(table.Spans, &cols)
	require.True(t, cols.Group.ready)
	require.Len(t, named, 3)
	at := map[string]int{}
	for i, c := range table.Spans.Columns {
		at[c.Name] = i
	}
	for i := 1; i < len(named); i++ {
		require.Less(t, at[named[i-1].Name], at[named[i].Name])
	}
	for _, c := range named {
		if c.Name == "kind" {
			require.Same(t, cols.Kind, c.Column)
		}
	}
}

func TestStructsThatDoNotFitAreRefused(t *testing.T) {
	require.PanicsWithValue(t, `bind: events_trace_v1 has no column "nope"`, func() {
		Columns(table.Spans, &struct {
			X *column.Str `col:"nope"`
		}{})
	})
	require.PanicsWithValue(t, "bind: events_trace_v1.span_name is a *column.LowCard, its field is a *column.Str", func() {
		Columns(table.Spans, &struct {
			X *column.Str `col:"span_name"`
		}{})
	})
}
