package process

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { CloseIdle(); os.Exit(code) }))
}

// script makes a program of bin/ out of a shell script.
func script(t *testing.T, text string) Spec {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("SUMMIT_BIN", filepath.Join(dir, "summit"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summit"), []byte("#!/bin/sh\n"+text), 0o700))
	return Spec{Binary: "summit", Log: filepath.Join(dir, "log")}
}

func TestStopIsWhatCtrlCIs(t *testing.T) {
	p, err := Start(script(t, "trap 'echo bye; exit 0' INT; echo up; while :; do sleep 0.01; done"))
	require.NoError(t, err)
	require.NoError(t, p.WaitFor(t.Context(), "the trap", func(context.Context) (bool, error) { return strings.Contains(p.Tail(), "up"), nil }))
	require.True(t, p.Alive())
	require.NoError(t, p.Stop(10*time.Second))
	require.False(t, p.Alive())
	require.Contains(t, p.Tail(), "bye")
}

func TestUncleanEndIsAnErrorWithTheLog(t *testing.T) {
	p, err := Start(script(t, "echo no luck >&2; exit 3"))
	require.NoError(t, err)
	<-p.Done()
	err = p.Stop(time.Second)
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "no luck")
	require.ErrorContains(t, p.WaitFor(t.Context(), "spring", func(context.Context) (bool, error) { return false, nil }), "the process ended")
}

func TestKillAndCost(t *testing.T) {
	p, err := Start(script(t, "while :; do :; done"))
	require.NoError(t, err)
	require.NoError(t, p.WaitFor(t.Context(), "some work", func(context.Context) (bool, error) {
		cpu, err := p.CPU()
		return cpu > 50*time.Millisecond, err
	}))
	rss, err := p.RSS()
	require.NoError(t, err)
	require.Positive(t, rss)
	require.NoError(t, p.Kill())
	require.ErrorContains(t, p.ended(), "killed")
}

func TestParseStat(t *testing.T) {
	cpu, err := parseStat([]byte("42 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 1 0 1 1 1"))
	require.NoError(t, err)
	require.Equal(t, 4*time.Second, cpu)
	for _, bad := range []string{"", "1 (x", "1 (x) S 1", "1 (x) S 1 1 1 0 -1 4194304 100 0 0 0 x 150 0 0"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestPlacesDiffer(t *testing.T) {
	p, err := NewPlaces(t.Context())
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, e := range p.Env() {
		_, v, ok := strings.Cut(e, "=")
		require.True(t, ok)
		require.NotEmpty(t, v)
		require.False(t, seen[v], e)
		seen[v] = true
	}
}

func TestSQLReadsRowsAndErrors(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("database") != "summit" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte("a\t1\nb\t\n"))
	}))
	defer srv.Close()
	rows, err := SQL(t.Context(), Places{Store: strings.TrimPrefix(srv.URL, "http://")}, "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a", "1"}, {"b", ""}}, rows)

	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("Code: 62. DB::Exception\n"))
	}))
	defer broken.Close()
	_, err = SQL(t.Context(), Places{Store: strings.TrimPrefix(broken.URL, "http://")}, "SELECT")
	require.ErrorContains(t, err, "DB::Exception")
}

const (
	endOfPatience = 20 * time.Second
	tick          = 5 * time.Millisecond
)

// state is the letter that Linux has for what a process does.
func state(t *testing.T, p *Process) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	require.NoError(t, err)
	return strings.Fields(string(b[strings.LastIndex(string(b), ")")+1:]))[0]
}
