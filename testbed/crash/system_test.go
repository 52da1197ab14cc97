package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
	"github.com/summitobs/summit/testbed/process/ledger"
)

// endLimit bounds what every wait of the tests waits for, on a machine that does other things too.
const endLimit = 2 * time.Minute

// smallSegments makes the queue close its segments early, so that much is at stake: many INSERTs, many files.
var smallSegments = []string{
	"exporters::summit_clickhouse::queue::seal_rows_traces: 120",
	"exporters::summit_clickhouse::queue::seal_rows_logs: 120",
	"exporters::summit_clickhouse::queue::seal_rows_metrics: 120",
	"exporters::summit_clickhouse::queue::seal_after: 50ms",
	"exporters::summit_clickhouse::queue::seal_after_busy: 50ms",
}

// system is a collector under test with its store, in the same process or in one of its own, and the fates of what was
// sent to it.
type system struct {
	t      *testing.T
	ledger *ledger.Ledger
	// collector is the standalone role, or the gateway where the store is apart; store is nil where it isn't.
	collector, store *process.Process
	spec, storeSpec  process.System
}

// newSystem prepares a system and starts nothing.
func newSystem(t *testing.T, apart bool, set ...string) *system {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the built binary")
	}
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	s := &system{t: t, ledger: ledger.New(time.Now().Add(-30 * time.Minute).Truncate(time.Second))}
	s.spec = process.System{Role: "standalone", Dir: folder(t, "collector"), Places: places, Set: set}
	if apart {
		at, err := process.NewPlaces(t.Context())
		require.NoError(t, err)
		at.Store = places.Store
		s.storeSpec = process.System{Role: "store", Dir: folder(t, "store"), Places: at}
		s.spec.Role, s.spec.Overlays = "gateway", []string{"store-apart"}
	}
	t.Cleanup(s.end)
	return s
}

// folder makes a folder that goes with the test, unless it is to be kept.
func folder(t *testing.T, name string) string {
	t.Helper()
	if *keepDir == "" {
		return filepath.Join(t.TempDir(), name)
	}
	dir := filepath.Join(*keepDir, t.Name(), name)
	require.NoError(t, os.RemoveAll(dir))
	return dir
}

// end kills what a test that failed has left.
func (s *system) end() {
	for _, p := range []*process.Process{s.collector, s.store} {
		if p != nil && p.Alive() {
			_ = p.Resume()
			_ = p.Kill()
		}
	}
}

// launch starts the collector and doesn't wait for it.
func (s *system) launch() {
	s.t.Helper()
	var err error
	s.collector, err = s.spec.Start()
	require.NoError(s.t, err)
}

// start starts the collector and waits until all of it runs.
func (s *system) start() {
	s.t.Helper()
	s.launch()
	require.NoError(s.t, s.collector.WaitHealthy(s.t.Context(), s.spec.Places))
}

func (s *system) startStore() {
	s.t.Helper()
	var err error
	s.store, err = s.storeSpec.Start()
	require.NoError(s.t, err)
	require.NoError(s.t, s.store.WaitHealthy(s.t.Context(), s.storeSpec.Places))
}

// load sends over some connections until the function that it returns is called, which gives how each ended. Load that
// goes on sends over refusals.
func (s *system) load(connections int, goOn bool) (stop func() []error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	send := s.ledger.Send
	if goOn {
		send = s.ledger.SendOn
	}
	var senders sync.WaitGroup
	errs := make([]error, connections)
	for i := range connections {
		senders.Go(func() { errs[i] = send(ctx, s.spec.Places.OTLPGRPC) })
	}
	return func() []error {
		cancel()
		senders.Wait()
		return errs
	}
}

// loadWithoutRefusal ends a load and requires that nothing but its end stopped it.
func (s *system) loadWithoutRefusal(stop func() []error) {
	s.t.Helper()
	for _, err := range stop() {
		require.ErrorContains(s.t, err, "context canceled", "a request was refused")
	}
}

// acknowledged waits until one more request is.
func (s *system) acknowledged() {
	s.t.Helper()
	select {
	case <-s.ledger.Round():
	case <-s.collector.Done():
		require.Fail(s.t, "the collector ended:\n"+s.collector.Tail())
	case <-time.After(endLimit):
		require.Fail(s.t, "nothing was acknowledged:\n"+s.collector.Tail())
	}
}

// pause lets a moment of the test's choice pass.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func (s *system) tables() *ledger.Store { return ledger.NewStore(s.t, s.spec.Places) }

// drain waits until the store has all that is in the queue.
func (s *system) drain() {
	s.t.Helper()
	// What gathers in minutes without a store takes minutes to hand over.
	ctx, cancel := context.WithTimeout(s.t.Context(), pick(endLimit, 20*time.Minute))
	defer cancel()
	require.NoError(s.t, s.collector.WaitDrained(ctx, s.spec.Places))
}

// requireAll requires of a collector that runs, once its queue is drained, that each acknowledged item is in the store
// exactly once, and that the rollups tell what the base tables hold.
func (s *system) requireAll() {
	s.t.Helper()
	s.drain()
	tables := s.tables()
	tables.RequireExactlyOnce(s.ledger)
	tables.RequireRollupsEqual()
}

// finish is requireAll, then a clean stop and one more start: nothing comes of it but the windows of points that a job
// computes, which a gateway begins with when it has something for the store. Everything must end cleanly.
func (s *system) finish() {
	s.t.Helper()
	s.requireAll()
	require.NoError(s.t, s.collector.Stop(time.Minute))
	s.start()
	require.NoError(s.t, s.ledger.SendOne(s.t.Context(), s.spec.Places.OTLPGRPC, ledger.Traces))
	s.tables().RequireWindowsEqual()
	s.requireAll()
	s.stop()
}

func (s *system) stop() {
	s.t.Helper()
	require.NoError(s.t, s.collector.Stop(time.Minute))
	if s.store != nil {
		require.NoError(s.t, s.store.Stop(time.Minute))
	}
}

// refusals waits until some more requests are refused.
func (s *system) refusals() {
	s.t.Helper()
	before := s.ledger.Refused().Requests
	require.Eventually(s.t, func() bool {
		return s.ledger.Refused().Requests >= before+20 || !s.collector.Alive()
	}, endLimit, 20*time.Millisecond, "nothing was refused")
	require.True(s.t, s.collector.Alive(), s.collector.Tail())
}

// requireCounted requires of a collector that has refused all that was refused, and counted nothing else.
func (s *system) requireCounted(reason string) {
	s.t.Helper()
	m, err := process.ReadMetrics(s.t.Context(), s.spec.Places)
	require.NoError(s.t, err)
	counted, _ := m.Sum("summit_refused_total", fmt.Sprintf("reason=%q", reason))
	all, _ := m.Sum("summit_refused_total")
	dropped, _ := m.Sum("summit_dropped_total")
	require.Equal(s.t, float64(s.ledger.Refused().Items), counted, "items refused for %s", reason)
	require.Equal(s.t, all, counted)
	require.Zero(s.t, dropped)
}
