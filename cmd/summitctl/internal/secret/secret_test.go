package secret

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	t.Setenv(Env, "")
	none, err := Find(dir)
	require.NoError(t, err)
	require.Empty(t, none)

	require.NoError(t, Ensure(dir))
	made := os.Getenv(Env)
	require.Len(t, made, 40)
	info, err := os.Stat(filepath.Join(dir, file))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	t.Setenv(Env, "")
	require.NoError(t, Ensure(dir))
	require.Equal(t, made, os.Getenv(Env))
}

func TestEnvironmentGoesFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Env, "mine")
	require.NoError(t, Ensure(dir))
	got, err := Find(dir)
	require.NoError(t, err)
	require.Equal(t, "mine", got)
	require.NoFileExists(t, filepath.Join(dir, file))
}

func TestUnreadableSecretIsAnError(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Env, "")
	require.NoError(t, os.Mkdir(filepath.Join(dir, file), 0o700))
	_, err := Find(dir)
	require.ErrorContains(t, err, "read webhook secret")
}
