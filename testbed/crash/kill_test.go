package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checkEvery is after how many kills a long form counts, so that a loss is found near its cause.
const checkEvery = 100

// killings is a series of kills of a collector under load.
type killings struct {
	rounds, connections int
	// least and most bound the time from the first acknowledgement of a life to its end.
	least, most time.Duration
	// young is the share of lives that end while they start.
	young float64
}

// The collector is killed under load, at points that a seed chooses, some of them while it starts.
func TestCollectorIsKilledUnderLoad(t *testing.T) {
	s := newSystem(t, false)
	s.killAgainAndAgain(seeded(t), killings{
		rounds: pick(5, 100), connections: 4, least: 20 * time.Millisecond, most: 1500 * time.Millisecond, young: 0.1,
	})
}

// Segments of two or three requests make many INSERTs, and one kill in a hundred comes between the engine's memory of an
// INSERT and its rows.
func TestSmallSegmentsAreKilled(t *testing.T) {
	s := newSystem(t, false, smallSegments...)
	s.ledger.Pace = 10 * time.Millisecond // enough that the store always has something to take
	s.killAgainAndAgain(seeded(t), killings{
		rounds: pick(12, 1000), connections: 3, least: 0, most: 250 * time.Millisecond, young: 0.2,
	})
}

func (s *system) killAgainAndAgain(random *rand.Rand, k killings) {
	s.t.Helper()
	for round := 1; round <= k.rounds; round++ {
		s.liveAndDie(random, k)
		if round%checkEvery == 0 || round == k.rounds {
			s.start()
			s.requireAll()
			require.NoError(s.t, s.collector.Kill())
			s.t.Logf("%d kills: all is there", round)
		}
	}
	s.start()
	s.finish()
}

// liveAndDie starts the collector, loads it, and kills it.
func (s *system) liveAndDie(random *rand.Rand, k killings) {
	s.t.Helper()
	first := s.ledger.Round()
	stop := s.load(k.connections, false)
	s.launch()
	if random.Float64() < k.young {
		pause(time.Duration(random.Int64N(int64(500 * time.Millisecond))))
	} else {
		select {
		case <-first:
		case <-s.collector.Done():
		case <-time.After(endLimit):
			require.Fail(s.t, "nothing was acknowledged:\n"+s.collector.Tail())
		}
		pause(k.least + time.Duration(random.Int64N(int64(k.most-k.least))))
	}
	require.True(s.t, s.collector.Alive(), "the collector ended before it was killed:\n%s", s.collector.Tail())
	require.NoError(s.t, s.collector.Kill())
	for _, err := range stop() {
		require.Error(s.t, err) // each connection ended by the kill
	}
	require.Zero(s.t, s.ledger.Refused())
}

// The engine runs in a process of its own, which is killed again and again under load: the gateway goes on to take what
// it can keep.
func TestStoreIsKilledUnderLoad(t *testing.T) {
	s := newSystem(t, true, "exporters::summit_clickhouse::queue::seal_after: 150ms", "exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	random := seeded(t)
	s.start() // the store isn't there yet, which holds up neither the gateway's start nor its senders
	s.ledger.Pace = pick(time.Millisecond, 10*time.Millisecond)
	stop := s.load(4, false)
	s.acknowledged()
	s.startStore()
	for range pick(4, 100) {
		s.acknowledged()
		pause(time.Duration(20+random.IntN(1000)) * time.Millisecond)
		require.True(t, s.store.Alive(), "the store ended before it was killed:\n%s", s.store.Tail())
		require.NoError(t, s.store.Kill())
		s.acknowledged() // the queue stands in for the store
		require.True(t, s.collector.Alive(), "the gateway ended with the store:\n%s", s.collector.Tail())
		s.startStore()
	}
	s.acknowledged()
	s.loadWithoutRefusal(stop)
	s.finish()
}
