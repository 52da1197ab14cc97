package wallclock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/testbed/process"
	"github.com/summitobs/summit/testbed/process/wallclock"
)

// tellTime makes the test's program one that tells the time until it is killed.
const tellTime = "SUMMIT_TEST_TELL_TIME"

func TestMain(m *testing.M) {
	if os.Getenv(tellTime) != "" {
		began := time.Now()
		for range time.NewTicker(10 * time.Millisecond).C {
			fmt.Println(time.Now().Unix(), time.Since(began))
		}
	}
	goleak.VerifyTestMain(m)
}

// start starts the program that tells the time under a clock.
func start(t *testing.T, c *wallclock.Clock) *process.Process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p, err := process.Start(process.Spec{
		Path: self, Env: []string{tellTime + "=1"}, Log: filepath.Join(t.TempDir(), "log"), Prepare: c.Install,
	})
	if errors.Is(err, wallclock.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Kill()) })
	return p
}

// last is what the program has told last.
func last(p *process.Process) (at time.Time, monotonic time.Duration, err error) {
	text, err := p.Log()
	if err != nil {
		return at, 0, err
	}
	lines := strings.Split(strings.TrimSuffix(text[:strings.LastIndexByte(text, '\n')+1], "\n"), "\n")
	var seconds int64
	var since string
	if _, err := fmt.Sscan(lines[len(lines)-1], &seconds, &since); err != nil {
		return at, 0, err
	}
	monotonic, err = time.ParseDuration(since)
	return time.Unix(seconds, 0), monotonic, err
}

func TestTheClockJumpsAndTimersGoOn(t *testing.T) {
	var c wallclock.Clock
	p := start(t, &c)
	for _, jump := range []time.Duration{0, 5 * time.Hour, -7 * time.Hour, 0} {
		require.NoError(t, c.Set(jump))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, p.WaitFor(ctx, "the time", func(context.Context) (bool, error) {
			at, monotonic, err := last(p)
			off := time.Until(at) - jump
			return err == nil && off.Abs() < time.Minute && monotonic < time.Minute, fmt.Errorf("%s, %s off the clock after %s: %w", at, off, monotonic, err)
		}))
		cancel()
	}
}

func TestAProcessThatIsGoneHasNoClock(t *testing.T) {
	var c wallclock.Clock
	p := start(t, &c)
	require.NoError(t, p.Kill())
	require.Error(t, c.Set(time.Hour))
	require.Error(t, new(wallclock.Clock).Install(p.PID()))
}

func TestWhatCannotBePreparedIsEnded(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	_, err = process.Start(process.Spec{
		Path: self, Env: []string{tellTime + "=1"}, Log: filepath.Join(t.TempDir(), "log"),
		Prepare: func(int) error { return errors.New("no way") },
	})
	require.ErrorContains(t, err, "no way")
}
