package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// Ctrl-C stops cleanly; a second start is quick and has the earlier data.
func TestSecondStartHasTheEarlierData(t *testing.T) {
	s := standalone(t)
	now := time.Now()
	s.release(now)
	s.sendFailure(now)
	// Stopped before it could be shown: what was acknowledged is kept.
	s.stop()
	began := time.Now()
	s.start()
	require.Less(t, time.Since(began), 20*time.Second)
	s.eventually("the earlier trace", func() error {
		if status := s.get("/traces/"+traceHex, nil, nil); status != 200 {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	s.eventually("the earlier build", func() error {
		if status := s.get("/builds/"+strings.ReplaceAll(buildID, "/", "%2F"), nil, nil); status != 200 {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
}

// A second process on the same data folder refuses and says why; the first goes on.
func TestSecondProcessOnTheSameFolderRefuses(t *testing.T) {
	s := standalone(t)
	others, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	second, err := process.Start(process.Spec{
		Binary: "summit", Args: []string{"--data-dir=" + filepath.Join(s.dir, "data")}, Env: append(others.Env(), "SUMMIT_GITHUB_SECRET=x"), Log: filepath.Join(t.TempDir(), "second.log"),
	})
	require.NoError(t, err)
	select {
	case <-second.Done():
	case <-time.After(time.Minute):
		require.NoError(t, second.Kill())
		t.Fatal("the second process runs")
	}
	err = second.Stop(time.Second)
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "want an exit code, got %v", err)
	require.NotZero(t, exit.ExitCode())
	require.Contains(t, second.Tail(), "is in use by")
	require.Equal(t, 200, s.get("/status", nil, nil))
}

// Ctrl-C in the midst of a start, at whatever step, ends cleanly too, and the next start goes through.
func TestInterruptedStart(t *testing.T) {
	needBinaries(t)
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	s := &system{t: t, dir: t.TempDir(), places: places, entry: places}
	for _, wait := range []time.Duration{20, 80, 160, 320, 640} {
		server, err := process.Standalone(s.dir, places)
		require.NoError(t, err)
		select {
		case <-time.After(wait * time.Millisecond):
		case <-server.Done():
		}
		err = server.Stop(time.Minute)
		if err != nil && strings.Contains(err.Error(), "signal: interrupt") && server.Tail() == "" {
			continue // the program itself hadn't begun: nothing was there to end
		}
		require.NoError(t, err, "interrupted after %d ms", wait)
	}
	s.start()
	s.stop()
}
