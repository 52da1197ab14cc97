package blame

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/queryd/blame"
	"github.com/summitobs/summit/queryd/query"
)

// clone makes a repository with one commit for each set of files, and gives their hashes.
func clone(t *testing.T, commits ...map[string]string) (folder string, shas []string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	folder = t.TempDir()
	do := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", folder}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@example.com",
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	do("init", "-q", "-b", "main")
	for i, files := range commits {
		for name, text := range files {
			path := filepath.Join(folder, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		do("add", "-A")
		do("commit", "-q", "-m", fmt.Sprintf("Change %d\n\nand why", i))
		shas = append(shas, do("rev-parse", "HEAD"))
	}
	return folder, shas
}

func TestCommitsOfAClone(t *testing.T) {
	folder, shas := clone(t, map[string]string{"a": "1"}, map[string]string{"b/x y.go": "1", "ä.go": "1"}, map[string]string{"a": "2"})
	commits, err := between(t.Context(), folder, shas[0], shas[2])
	require.NoError(t, err)
	require.Len(t, commits, 2)
	require.Equal(t, shas[1:], []string{commits[0].SHA, commits[1].SHA}, "the oldest first")
	require.Equal(t, []string{"b/x y.go", "ä.go"}, commits[0].Files)
	require.Equal(t, []string{"a"}, commits[1].Files)
	require.Equal(t, "Change 1", commits[0].Message)
	require.Equal(t, "Ada", commits[0].Author)
	require.WithinDuration(t, time.Now(), commits[0].At, time.Hour)
	require.True(t, commits[0].FilesKnown)
}

func TestACloneWithoutTheCommitSaysSo(t *testing.T) {
	folder, shas := clone(t, map[string]string{"a": "1"})
	_, err := between(t.Context(), folder, strings.Repeat("ab", 20), shas[0])
	require.ErrorContains(t, err, "find commit abab")
	_, err = between(t.Context(), folder, "--output=x", shas[0])
	require.ErrorContains(t, err, "no hash")
	_, err = between(t.Context(), t.TempDir(), shas[0], shas[0])
	require.ErrorContains(t, err, "repository")
}

// The clone knows the files that the provider didn't tell: the commit that changed the stack's file comes first.
func TestTheCloneDecides(t *testing.T) {
	folder, shas := clone(t, map[string]string{"README.md": "1"}, map[string]string{"pay/charge.go": "1"}, map[string]string{"search/index.go": "1"},
		map[string]string{"README.md": "2"})
	r := blame.Report{
		Window: blame.Window{Kind: "deployment", Good: &blame.End{CommitSHA: shas[0]}, Bad: &blame.End{CommitSHA: shas[3]}},
		Frames: []query.Frame{{File: "/app/pay/charge.go", Function: "Charge", InApp: true}},
	}
	require.NoError(t, rerank(t.Context(), &r, folder))
	require.Equal(t, 3, r.Window.Commits)
	require.True(t, r.Window.Complete)
	require.Equal(t, shas[1], r.Suspects[0].Commit.SHA)
	require.Equal(t, "high", r.Suspects[0].Confidence)

	r.Window.Good = nil
	require.ErrorContains(t, rerank(t.Context(), &r, folder), "no two ends")
}

func TestStrangeAnswersOfGit(t *testing.T) {
	for _, text := range []string{"\x01abc", "\x01a\x02yesterday\x02b\x02c\x02"} {
		_, err := parse([]byte(text))
		require.ErrorContains(t, err, "git's answer")
	}
	commits, err := parse(nil)
	require.NoError(t, err)
	require.Empty(t, commits)
}
