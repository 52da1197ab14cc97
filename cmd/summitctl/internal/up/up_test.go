package up

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/datadir"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// lines is what was said, safe to read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// script writes a program that stands for the collector's process; what it does is the shell's.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "summit")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	return path
}

// ready serves the status of a queryd that begins to answer with code after the first question.
func ready(t *testing.T, code int) {
	t.Helper()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(srv.Close)
	t.Setenv("SUMMIT_LISTEN", strings.TrimPrefix(srv.URL, "http://"))
	t.Setenv("SUMMIT_HEALTH", strings.TrimPrefix(srv.URL, "http://"))
}

func TestStopsInOrderAndCleanly(t *testing.T) {
	ready(t, http.StatusOK)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var talk lines
	result := make(chan error, 1)
	binary := script(t, `echo "$@"; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done`)
	go func() { result <- run(ctx, options{binary: binary, dataDir: dir, role: "standalone"}, nil, &talk) }()
	require.Eventually(t, func() bool { return strings.Contains(talk.String(), "web app") }, 10*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-result)
	require.Contains(t, talk.String(), "summit: stopped")
	log, err := os.ReadFile(filepath.Join(dir, "summit.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "--data-dir="+dir+" --config=role:standalone")
	require.Contains(t, string(log), "bye")
}

func TestReportsWhyTheCollectorEnded(t *testing.T) {
	ready(t, http.StatusServiceUnavailable)
	err := run(t.Context(), options{binary: script(t, `echo "store: folder is in use" >&2; exit 3`), dataDir: t.TempDir()}, nil, io.Discard)
	require.ErrorContains(t, err, "ended before it was ready")
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "folder is in use")
}

func TestCrashAfterReadyIsAnError(t *testing.T) {
	ready(t, http.StatusOK)
	err := run(t.Context(), options{binary: script(t, `sleep 0.3; echo panic >&2; exit 2`), dataDir: t.TempDir()}, nil, io.Discard)
	require.ErrorContains(t, err, "summit ended by itself")
	require.ErrorContains(t, err, "panic")
}

func TestRefusesBesideARunningOne(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	t.Setenv("SUMMIT_LISTEN", strings.TrimPrefix(srv.URL, "http://"))
	err := run(t.Context(), options{binary: script(t, "exit 0"), dataDir: t.TempDir()}, nil, io.Discard)
	require.ErrorContains(t, err, "summit already runs at http://127.0.0.1")
}

func TestMissingBinaryIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findBinary("")
	require.ErrorContains(t, err, "make build")
	t.Setenv(datadir.Env, t.TempDir())
	err = run(t.Context(), options{binary: "/does/not/exist"}, nil, io.Discard)
	require.ErrorContains(t, err, "start /does/not/exist")
}

func TestTailKeepsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("0123456789\n", 1000)), 0o600))
	tail := (&child{log: path}).tail()
	require.True(t, strings.HasPrefix(tail, "0123456789\n"))
	require.Less(t, len(tail), 4100)
}
