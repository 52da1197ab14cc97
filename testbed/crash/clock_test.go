package crash

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process/ledger"
	"github.com/summitobs/summit/testbed/process/wallclock"
)

// The wall clock of the whole process, engine included, jumps by hours in both directions, while it runs and from one life
// to the next.
func TestClockJumps(t *testing.T) {
	s := newSystem(t, false, smallSegments...)
	s.ledger.Pace = 10 * time.Millisecond
	var clock wallclock.Clock
	var ahead time.Duration
	s.spec.Prepare = func(pid int) error { return errors.Join(clock.Install(pid), clock.Set(ahead)) }
	var err error
	if s.collector, err = s.spec.Start(); errors.Is(err, wallclock.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	}
	require.NoError(t, err)
	stop := s.load(2, false)
	jumps := pick([]time.Duration{3 * time.Hour, -4 * time.Hour, 0},
		[]time.Duration{3 * time.Hour, 0, -4 * time.Hour, 20 * time.Hour, -20 * time.Hour, time.Minute, -time.Minute, time.Second, -time.Second, 0})
	for _, ahead = range jumps {
		s.acknowledged()
		require.NoError(t, clock.Set(ahead))
		for range 20 {
			s.acknowledged()
		}
	}
	s.loadWithoutRefusal(stop)
	s.requireAll()
	require.NoError(t, s.collector.Kill())

	// The windows of points are computed by a clock that is ahead, and again, when more points come, by one that is right.
	for _, ahead = range []time.Duration{5 * time.Hour, 0} {
		s.start()
		require.NoError(t, s.ledger.SendOne(t.Context(), s.spec.Places.OTLPGRPC, ledger.Points))
		s.requireAll()
		require.NoError(t, s.collector.Kill())
		s.start()
		s.tables().RequireWindowsEqual()
		require.NoError(t, s.collector.Kill())
	}
	s.start()
	s.finish()
}
