package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/datadir"
)

func TestTakeDataDir(t *testing.T) {
	home := t.TempDir()
	for _, tc := range []struct {
		name     string
		args     []string
		env, xdg string
		rest     []string
		dir, err string
	}{
		{name: "default", dir: filepath.Join(home, ".local/share/summit")},
		{name: "XDG", xdg: "/x", dir: "/x/summit"},
		{name: "environment", env: "/e", dir: "/e"},
		{name: "flag with equals wins", env: "/e", args: []string{"--data-dir=/f", "validate"}, rest: []string{"validate"}, dir: "/f"},
		{name: "flag and word", args: []string{"validate", "--data-dir", "/f"}, rest: []string{"validate"}, dir: "/f"},
		{name: "no word", args: []string{"--data-dir"}, err: "--data-dir: want a folder"},
		{name: "empty", args: []string{"--data-dir="}, err: "empty name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("HOME", home)
			t.Setenv("XDG_DATA_HOME", tc.xdg)
			t.Setenv(datadir.Env, tc.env)
			rest, err := takeDataDir(tc.args)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.ElementsMatch(t, tc.rest, rest)
			require.Equal(t, tc.dir, os.Getenv(datadir.Env))
		})
	}
}

func TestWithDefaultRole(t *testing.T) {
	require.Empty(t, withDefaultRole(nil))
	require.Equal(t, []string{"--config=a.yaml", "--set=x=1"}, withDefaultRole([]string{"--config=a.yaml", "--set=x=1"}))
	require.Equal(t, []string{"--set", "x=1", "--config=role:standalone"}, withDefaultRole([]string{"--set", "x=1"}))
}

func TestOnlyTheStoreNeedsNoPipelines(t *testing.T) {
	require.Equal(t, []string{"--config=role:store", noPipelines}, withoutPipelines([]string{"--config=role:store"}))
	require.Equal(t, []string{"validate", "--config", "role:store", noPipelines}, withoutPipelines([]string{"validate", "--config", "role:store"}))
	for _, args := range [][]string{nil, {"--config=role:gateway"}, {"--config=store.yaml"}, {"--config"}, {"role:store"}} {
		require.Equal(t, args, withoutPipelines(args))
	}
}
