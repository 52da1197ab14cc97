package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReportIsRewrittenBetweenItsMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	at := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	o := options{best: 3, total: 1000}
	require.NoError(t, writeReport(path, []figure{{"a.b", 1.23456, "s", "first"}}, o, at))
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(first), "| `a.b` | 1.235 | s | first |")
	require.Contains(t, string(first), "Measured 2026-03-14 on ")
	require.Contains(t, string(first), "1000 items a measurement, best of 3")

	require.NoError(t, writeReport(path, []figure{{"c", 7, "B", "second"}}, o, at))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(second), "| `c` | 7 | B | second |")
	require.NotContains(t, string(second), "a.b")
	require.Contains(t, string(second), "**Method.**")
}

func TestReportWithoutMarksIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	require.ErrorContains(t, writeReport(path, nil, options{}, time.Now()), "the marks")
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
}

func TestFigureLine(t *testing.T) {
	require.Equal(t, "figure write.spans.cpu 7.8 cpu-s/M", figure{"write.spans.cpu", 7.8, "cpu-s/M", "x"}.String())
}
