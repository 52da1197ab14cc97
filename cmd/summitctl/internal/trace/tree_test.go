package trace

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// names gives the tree's first column.
func names(t require.TestingT, spans []map[string]any) []string {
	raw, err := json.Marshal(map[string]any{"spans": spans})
	require.NoError(t, err)
	grids, err := tree(raw)
	require.NoError(t, err)
	require.Len(t, grids, 1)
	var out []string
	for _, row := range grids[0].Rows {
		require.Len(t, row, len(grids[0].Header))
		out = append(out, row[0])
	}
	return out
}

func at(second int) string { return time.Unix(int64(second), 0).UTC().Format(time.RFC3339) }

func TestTree(t *testing.T) {
	sp := func(id, parent string, start int) map[string]any {
		return map[string]any{"span_id": id, "parent_span_id": parent, "name": id, "start": at(start)}
	}
	for _, tc := range []struct {
		name  string
		spans []map[string]any
		want  []string
	}{
		{"none", nil, nil},
		{"in the order of their starts", []map[string]any{sp("c", "a", 3), sp("b", "a", 2), sp("a", "", 1), sp("d", "b", 4)}, []string{"a", "  b", "    d", "  c"}},
		{"parent starts after its child", []map[string]any{sp("a", "", 5), sp("b", "a", 1)}, []string{"a", "  b"}},
		{"two roots", []map[string]any{sp("b", "", 2), sp("a", "", 1)}, []string{"a", "b"}},
		{"missing parent", []map[string]any{sp("a", "", 1), sp("b", "x", 2), sp("c", "b", 3)}, []string{"a", "b", "  c"}},
		{"own parent", []map[string]any{sp("a", "a", 1)}, []string{"a"}},
		{"parents in a circle", []map[string]any{sp("r", "", 1), sp("b", "a", 3), sp("a", "b", 2)}, []string{"r", "a", "  b"}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, names(t, tc.spans)) })
	}
}

// Whatever senders say of parents, each span is shown, once, and none is lost in depth.
func TestEverySpanIsShownOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "spans")
		var spans []map[string]any
		var want []string
		for i := range n {
			spans = append(spans, map[string]any{
				"span_id": fmt.Sprint(i), "parent_span_id": fmt.Sprint(rapid.IntRange(-1, n).Draw(t, "parent")), "name": fmt.Sprint("n", i),
				"start": at(rapid.IntRange(0, 3).Draw(t, "start")),
			})
			want = append(want, fmt.Sprint("n", i))
		}
		var got []string
		for _, name := range names(t, spans) {
			got = append(got, strings.TrimLeft(name, " "))
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}

func TestSpansOfEqualIdsAreAllShown(t *testing.T) {
	twin := func(service string) map[string]any {
		return map[string]any{"span_id": "a", "name": service, "service": service, "start": at(1)}
	}
	require.Equal(t, []string{"client", "server"}, names(t, []map[string]any{twin("client"), twin("server")}))
}

func TestDeepTreesStayOnTheScreen(t *testing.T) {
	var spans []map[string]any
	for i := range 200 {
		spans = append(spans, map[string]any{"span_id": fmt.Sprint(i), "parent_span_id": fmt.Sprint(i - 1), "name": "x", "start": at(i)})
	}
	got := names(t, spans)
	require.Len(t, got, 200)
	require.Len(t, got[199], 81)
}

func TestStatusHasItsMessage(t *testing.T) {
	grids, err := tree(json.RawMessage(`{"spans":[{"span_id":"a","name":"n","service":"s","kind":"client","duration_ns":1500000,
		"status":{"code":"error","message":"` + strings.Repeat("m", 60) + `"},"correlation":{"commit_sha":"0123456789abcdef","basis":"time"}}]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"n", "s", "client", "1.5ms", "error: " + strings.Repeat("m", 47) + "…", "0123456789ab", "time"}, grids[0].Rows[0])
	_, err = tree(json.RawMessage(`{"spans":1}`))
	require.ErrorContains(t, err, "read the trace: ")
}
