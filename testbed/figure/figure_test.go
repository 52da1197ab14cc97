package figure

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTableIsRewrittenBetweenItsMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	frame := "# top\n<!-- a: begin -->\n<!-- a: end -->\nmiddle\n<!-- b: begin -->\nkept\n<!-- b: end -->\n"
	require.NoError(t, os.WriteFile(path, []byte(frame), 0o600))
	at := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	require.NoError(t, Table{"a", "best of 3", []Figure{{Name: "a.b", Value: 1.23456, Unit: "s", Note: "first"}}}.Write(path, at))
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(first), "| `a.b` | 1.235 |  | s | first |")
	require.Contains(t, string(first), "Measured 2026-03-14 on ")
	require.Contains(t, string(first), "; best of 3.")

	require.NoError(t, Table{"a", "once", []Figure{{Name: "c", Value: 7, Unit: "B", Note: "second", Limit: AtMost(7)}, {Name: "d", Value: 7, Unit: "B", Limit: AtLeast(8)}}}.Write(path, at))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(second), "| `c` | 7 | ≤ 7 | B | second |")
	require.Contains(t, string(second), "| `d` | **7** | ≥ 8 **not kept** | B |  |")
	require.NotContains(t, string(second), "a.b")
	require.Contains(t, string(second), "middle\n<!-- b: begin -->\nkept\n<!-- b: end -->\n")
}

func TestReportWithoutMarksIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	require.ErrorContains(t, Table{Bench: "a"}.Write(path, time.Now()), "the marks <!-- a: begin -->")
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
	require.ErrorContains(t, Table{Bench: "a"}.Write(path+"2", time.Now()), "read the report")
}

func TestFigureLine(t *testing.T) {
	require.Equal(t, "figure write.spans.cpu 7.8 cpu-s/M", Figure{Name: "write.spans.cpu", Value: 7.8, Unit: "cpu-s/M", Note: "x"}.String())
}

func TestLimits(t *testing.T) {
	require.True(t, Limit{}.Kept(1e9))
	require.True(t, AtMost(0).Kept(0))
	require.False(t, AtMost(0).Kept(1))
	require.True(t, AtLeast(0.6).Kept(0.6))
	require.False(t, AtLeast(0.6).Kept(0.59))
}
