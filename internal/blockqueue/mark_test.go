package blockqueue

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// killed makes a folder as a process leaves it that is killed with the payloads in its open segment.
func killed(t *testing.T, payloads []string) (dir string, data []byte, start int) {
	t.Helper()
	living := t.TempDir()
	q := open(t, living, newSink(), func(o *Options) { o.SealAfter = 1 << 40 })
	appendAll(t, q, payloads...)
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(living)))
	require.NoError(t, q.Close(t.Context()))
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	require.Len(t, numbers, 1)
	data, err = os.ReadFile(segmentPath(dir, numbers[0]))
	require.NoError(t, err)
	_, start, err = parseHeader(data)
	require.NoError(t, err)
	return dir, data, start
}

// reopen opens a copy of the folder with other bytes in its segment.
func reopen(t *testing.T, dir string, data []byte) *sink {
	t.Helper()
	again := t.TempDir()
	require.NoError(t, os.CopyFS(again, os.DirFS(dir)))
	require.NoError(t, os.WriteFile(segmentPath(again, 1), data, 0o600))
	return drainAll(t, again)
}

func TestAcknowledgedBytesThatAreGoneAreReported(t *testing.T) {
	t.Parallel()
	payloads := []string{"first", "second record", "third"}
	dir, data, start := killed(t, payloads)
	require.Empty(t, reopen(t, dir, data).reports(), "nothing is missing")
	for size := range len(data) {
		s := reopen(t, dir, data[:size])
		var want []string
		whole := start
		for _, p := range payloads {
			if whole+frameBytes+len(p) > size {
				break
			}
			whole += frameBytes + len(p)
			want = append(want, p)
		}
		require.Equal(t, want, s.records(), "size %d", size)
		require.Len(t, s.reports(), 1, "size %d", size)
		rep := s.reports()[0]
		require.Equal(t, CauseDamaged, rep.Cause)
		require.Contains(t, rep.Reason, fmt.Sprintf("ends after %d bytes, %d were acknowledged", size, len(data)))
		kept, err := os.ReadFile(rep.Path)
		require.NoError(t, err)
		require.Equal(t, string(data[rep.Offset:size]), string(kept), "what is left of the record is kept")
		require.FileExists(t, rep.Path+".txt")
	}
}

func TestATornWriteBehindWhatWasAcknowledgedIsNoDamage(t *testing.T) {
	t.Parallel()
	dir, data, _ := killed(t, []string{"first", "second record"})
	h, _, err := parseHeader(data)
	require.NoError(t, err)
	longer := appendRecord(append([]byte(nil), data...), h.seed(), "never acknowledged")
	for size := len(data); size < len(longer); size++ {
		s := reopen(t, dir, longer[:size])
		require.Equal(t, []string{"first", "second record"}, s.records(), "size %d", size)
		require.Empty(t, s.reports(), "size %d", size)
	}
}

func TestASealedSegmentThatLostItsEndIsReported(t *testing.T) {
	t.Parallel()
	for _, latest := range []bool{true, false} {
		dir := t.TempDir()
		path := leave(t, dir, []string{"first", "second record"})
		if !latest {
			q, err := Open(dir, Options{Consume: blocked})
			require.NoError(t, err)
			appendAll(t, q, "of the next segment")
			require.NoError(t, q.Close(ended()))
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()-frameBytes-1))
		s := drainAll(t, dir)
		require.Contains(t, s.records(), "first")
		require.NotContains(t, s.records(), "second record")
		require.Len(t, s.reports(), 1, "latest: %v", latest)
		require.Equal(t, 1, s.reports()[0].Rows)
	}
}

func TestATornMarkSaysNothing(t *testing.T) {
	dir := t.TempDir()
	m, err := openMarker(dir)
	require.NoError(t, err)
	m.set(7, 500, zap.NewNop())
	m.sealed(6, 900, zap.NewNop())
	m.sealed(7, 532, zap.NewNop())
	require.NoError(t, m.f.Close())
	got, err := readMark(dir)
	require.NoError(t, err)
	require.Equal(t, mark{number: 7, bytes: 532}, got)
	for size := range markBytes {
		require.NoError(t, os.Truncate(filepath.Join(dir, markName), int64(markBytes-size-1)))
		got, err = readMark(dir)
		require.NoError(t, err)
		require.Zero(t, got)
	}
}
