package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The store stands still under load, without an end of its connections that anyone could notice, and goes on later. Its
// gateway goes on to acknowledge, and nothing is lost or doubled by INSERTs that were given up and repeated.
func TestStoreStandsStill(t *testing.T) {
	s := newSystem(t, true, "exporters::summit_clickhouse::queue::seal_after: 150ms", "exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	s.ledger.Pace = pick(2*time.Millisecond, 50*time.Millisecond)
	random := seeded(t)
	s.startStore()
	s.start()
	stop := s.load(4, false)
	for _, length := range pick([]time.Duration{3 * time.Second}, []time.Duration{time.Second, 45 * time.Second, 5 * time.Minute}) {
		s.standStill(random, length)
	}
	// And once the store is killed where it stands.
	require.NoError(t, s.store.Pause())
	s.acknowledged()
	require.NoError(t, s.store.Kill())
	s.startStore()
	s.acknowledged()
	s.loadWithoutRefusal(stop)
	s.finish()
}

// The store stands still for so long that the queue is full: clients are told to come back, and each of their refused items
// is counted.
func TestQueueIsFull(t *testing.T) {
	s := newSystem(t, true, "exporters::summit_clickhouse::queue::max_bytes: 1048576", "exporters::summit_clickhouse::queue::seal_after: 150ms",
		"exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	s.startStore()
	s.start()
	stop := s.load(8, true)
	s.acknowledged()
	for range pick(1, 5) {
		require.NoError(t, s.store.Pause())
		s.refusals()
		require.NoError(t, s.store.Resume())
		s.drainUnderLoad()
	}
	stop()
	refused := s.ledger.Refused()
	require.Contains(t, refused.Sample, "queue is full")
	require.Zero(t, refused.Untold, "a refusal doesn't say when to come back")
	s.requireCounted("queue_full")
	s.finish()
}

func (s *system) standStill(random *rand.Rand, length time.Duration) {
	s.t.Helper()
	s.acknowledged()
	pause(time.Duration(random.IntN(500)) * time.Millisecond)
	require.NoError(s.t, s.store.Pause())
	for until := time.Now().Add(length); time.Now().Before(until); pause(100 * time.Millisecond) {
		s.acknowledged()
	}
	require.NoError(s.t, s.store.Resume())
	s.drainUnderLoad()
}

// drainUnderLoad waits until the store takes what comes again: a request that was sent after it had resumed is there.
func (s *system) drainUnderLoad() {
	s.t.Helper()
	s.acknowledged()
	before := s.tables().Spans()
	require.Eventually(s.t, func() bool { return s.tables().Spans() > before }, endLimit, 50*time.Millisecond, "the store goes on")
}
