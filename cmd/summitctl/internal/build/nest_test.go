package build

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNest(t *testing.T) {
	for _, tc := range []struct {
		name  string
		tasks []task
		want  []string
	}{
		{"none", nil, []string{}},
		{"under its parent", []task{{ID: "b", ParentID: "a", Name: "b"}, {ID: "a", Name: "a"}, {ID: "c", ParentID: "b", Name: "c"}}, []string{"a", "  b", "    c"}},
		{"in the server's order", []task{{ID: "b", Name: "b"}, {ID: "a", Name: "a"}}, []string{"b", "a"}},
		{"missing parent", []task{{ID: "a", ParentID: "x", Name: "a"}}, []string{"a"}},
		{"own parent", []task{{ID: "a", ParentID: "a", Name: "a"}}, []string{"a"}},
		{"parents in a circle", []task{{ID: "r", Name: "r"}, {ID: "a", ParentID: "b", Name: "a"}, {ID: "b", ParentID: "a", Name: "b"}}, []string{"r", "a", "  b"}},
		{"without ids", []task{{Name: "a"}, {Name: "b"}}, []string{"a", "b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := []string{}
			for _, n := range nest(tc.tasks) {
				got = append(got, n.Name)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// Whatever a sender says of parents, each task is shown once.
func TestEveryTaskIsShownOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 10).Draw(t, "tasks")
		var tasks []task
		var want, got []string
		for i := range n {
			id := fmt.Sprint(rapid.IntRange(-1, n).Draw(t, "id"))
			tasks = append(tasks, task{ID: strings.TrimPrefix(id, "-1"), ParentID: fmt.Sprint(rapid.IntRange(0, n).Draw(t, "parent")), Name: fmt.Sprint("n", i)})
			want = append(want, fmt.Sprint("n", i))
		}
		for _, nested := range nest(tasks) {
			got = append(got, strings.TrimLeft(nested.Name, " "))
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}

func TestBuildWithNothingBelowItIsOneTable(t *testing.T) {
	grids, err := detail(json.RawMessage(`{"id":"x","tests":{"total":0}}`))
	require.NoError(t, err)
	require.Len(t, grids, 1)
	_, err = detail(json.RawMessage(`[]`))
	require.ErrorContains(t, err, "read the build: ")
}
