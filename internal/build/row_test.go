package build

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEvent().Draw(t, "event")
		if task, ok := want.(*Task); ok && task.Kind != KindStep {
			task.StepNumber = 0
		}
		row, ok := RowOf(want)
		switch want.(type) {
		case *Deployment, *Commit, *Change, *Release:
			require.False(t, ok)
			return
		}
		require.True(t, ok)
		got, err := row.Event()
		require.NoError(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRowRefuses(t *testing.T) {
	_, err := Row{Entity: "runner"}.Event()
	require.ErrorContains(t, err, `entity "runner" of metrics_build_v1 is no event`)
	_, err = Row{Entity: "task", EntityID: "7/x", State: State{Attrs: map[string]string{keyKind: "step"}}}.Event()
	require.ErrorContains(t, err, "step_number of task 7/x")
}
