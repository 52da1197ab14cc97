package blockqueue

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewFoldersAreSyncedWithTheirParents(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "data", "queue", "traces")
	var synced []string
	record := func(dir string) error {
		require.DirExists(t, deep, "synced once it is there")
		synced = append(synced, dir)
		return nil
	}
	require.NoError(t, makeDir(deep, record))
	require.Equal(t, []string{filepath.Join(root, "data", "queue"), filepath.Join(root, "data"), root}, synced)

	synced = nil
	require.NoError(t, makeDir(deep, record))
	require.Empty(t, synced, "nothing was made")

	t.Chdir(root)
	require.NoError(t, os.MkdirAll("other", 0o700))
	full := errors.New("no space")
	require.ErrorIs(t, makeDir("other/queue", func(dir string) error {
		require.Equal(t, "other", filepath.Base(dir))
		return full
	}), full)
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	require.Error(t, makeDir("file/queue", syncDir))
}
