package e2e

import (
	"context"
	"errors"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// screenshots is where the pictures of the documentation are renewed: make screenshots.
var screenshots = flag.String("screenshots", "", "folder for the pictures of the demo's pages; none are kept without it")

// browse drives the pages in headless Chromium, in both themes, and requires that the check finds no problem: the path to
// the customer, accessibility, console errors, keyboard.
func (s *system) browse(pictures string, args ...string) {
	s.t.Helper()
	root, err := process.Root()
	require.NoError(s.t, err)
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"e2e/check.mjs", "--url", s.url(""), "--screenshots", pictures}, args...)...)
	cmd.Dir = filepath.Join(root, "ui")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		s.t.Fatal("node is missing: run make setup")
	}
	require.NoError(s.t, err, "the pages say otherwise:\n%s", out)
	require.Contains(s.t, string(out), "0 problems")
	s.t.Log(strings.TrimSpace(string(out)))
}

// browseDemo opens what the demo names as worth opening, and keeps the pictures where they are asked for.
func (s *system) browseDemo(links []string) {
	s.t.Helper()
	var ids [3]string
	for i, link := range links {
		u, err := url.Parse(link)
		require.NoError(s.t, err)
		ids[i], err = url.PathUnescape(u.EscapedPath()[strings.LastIndexByte(u.EscapedPath(), '/')+1:])
		require.NoError(s.t, err)
	}
	pictures := filepath.Join(s.t.TempDir(), "pages")
	s.browse(pictures, "--fingerprint", ids[0], "--trace", ids[1], "--build", ids[2], "--from", "now-24h",
		"--expect-rows", "errors,traces,builds,pipelines,flaky,dora")
	if *screenshots == "" {
		return
	}
	for from, to := range map[string]string{"error-dark": "error", "trace-span-dark": "trace", "build-light": "build"} {
		b, err := os.ReadFile(filepath.Join(pictures, from+".png"))
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(filepath.Join(*screenshots, to+".png"), b, 0o644))
	}
}
