package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// ctl runs summitctl against the system and gives both outputs.
func (s *system) ctl(args ...string) (out, talk string, err error) {
	s.t.Helper()
	path, err := process.Binary("summitctl")
	require.NoError(s.t, err)
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Env = append(s.places.Env(), "SUMMIT_GITHUB_SECRET="+process.Secret, "HOME="+s.dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// The demo's history is there within its time, and each of its three pages exists; the doctor finds nothing wrong; what
// the verbs print is what the demo told.
func TestDemoAndDoctor(t *testing.T) {
	s := standalone(t)
	began := time.Now()
	out, talk, err := s.ctl("demo", "--once")
	require.NoError(t, err, "%s%s", out, talk)
	require.Less(t, time.Since(began), time.Minute)
	links := strings.Fields(out)
	require.Len(t, links, 3)
	for i, kind := range []string{"/errors/", "/traces/", "/builds/"} {
		_, path, ok := strings.Cut(links[i], s.places.Listen)
		require.True(t, ok && strings.HasPrefix(path, kind), links[i])
		require.Equal(t, 200, s.get(path, nil, nil), path)
	}
	_, fingerprint, _ := strings.Cut(links[0], "/errors/")
	fingerprint, _, _ = strings.Cut(fingerprint, "?")
	out, talk, err = s.ctl("lineage", "--error", fingerprint, "--environment", "production", "--from", "now-25h")
	require.NoError(t, err, talk)
	for _, hop := range []string{"commit", "build", "artifact", "deploy", "traces", "errors"} {
		require.Regexp(t, hop+` +known `, out)
	}
	require.Contains(t, out, "digest")

	s.browseDemo(links)

	out, talk, err = s.ctl("doctor", "-o", "json")
	require.NoError(t, err, "%s%s", out, talk)
	var report struct {
		Healthy bool `json:"healthy"`
		Items   []struct {
			Name  string `json:"name"`
			State string `json:"state"`
		} `json:"items"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.True(t, report.Healthy)
	require.Len(t, report.Items, 11)
	for _, c := range report.Items {
		require.Equal(t, "ok", c.State, c.Name)
	}

	out, talk, err = s.ctl("query", `sum(shop_orders_total)`, "--fail-if", "value < 1")
	require.NoError(t, err, "%s%s", out, talk)

	// A second demo finds the history and leaves it alone.
	before := s.number("SELECT count() FROM metrics_build_v1 FINAL")
	_, talk, err = s.ctl("demo", "--duration", "3s")
	require.NoError(t, err, talk)
	require.Contains(t, talk, "is there already")
	require.Equal(t, before, s.number("SELECT count() FROM metrics_build_v1 FINAL"))
}

// With a door shut on purpose the doctor says which and what to do.
func TestDoctorOnASystemThatIsGone(t *testing.T) {
	s := standalone(t)
	s.stop()
	out, talk, err := s.ctl("doctor")
	require.Error(t, err)
	require.Regexp(t, `queryd +fail `, out)
	require.Contains(t, talk, "summitctl up")
}
