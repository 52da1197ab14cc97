package datadir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPath(t *testing.T) {
	wd, err := os.Getwd()
	require.NoError(t, err)
	for _, tc := range []struct{ name, env, xdg, home, want, err string }{
		{name: "environment wins", env: "/e", xdg: "/x", home: "/h", want: "/e"},
		{name: "environment is made absolute", env: "data", want: filepath.Join(wd, "data")},
		{name: "XDG", xdg: "/x", home: "/h", want: "/x/summit"},
		{name: "home", home: "/h", want: "/h/.local/share/summit"},
		{name: "nothing", err: "set --data-dir or SUMMIT_DATA_DIR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(Env, tc.env)
			t.Setenv("XDG_DATA_HOME", tc.xdg)
			t.Setenv("HOME", tc.home)
			got, err := Path()
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}
