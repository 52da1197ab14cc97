package e2e

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
	"github.com/summitobs/summit/testbed/process/ledger"
)

// storeKills is how often the store is killed; testbed/crash does it more often.
const storeKills = 2

// The engine runs in a process of its own, which is killed under load: the gateway goes on to take what it can keep, in
// the end each acknowledged item is in the store exactly once, the rollups tell the same, and queryd has outlived it all.
func TestStoreIsKilledUnderLoad(t *testing.T) {
	needBinaries(t)
	s, gateway, restart := storeApart(t)
	l := ledger.New(time.Now().Add(-time.Minute).Truncate(time.Second))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const connections = 4
	errs := make([]error, connections)
	var senders sync.WaitGroup
	for i := range connections {
		senders.Go(func() { errs[i] = l.Send(ctx, s.entry.OTLPGRPC) })
	}

	random := rand.New(rand.NewPCG(1, 1))
	for round := range storeKills {
		acknowledged(t, l)
		timer := time.NewTimer(time.Duration(50+random.IntN(1500)) * time.Millisecond)
		<-timer.C
		restart(func() {
			acknowledged(t, l) // the queue stands in for the store
			require.True(t, gateway.Alive(), "the gateway ended with the store:\n%s", gateway.Tail())
		})
		t.Logf("round %d: acknowledged so far: %d requests of traces", round+1, l.Acknowledged(ledger.Traces))
	}
	acknowledged(t, l)
	stop()
	senders.Wait()
	for _, err := range errs {
		require.ErrorContains(t, err, "context canceled", "a request was refused")
	}

	require.NoError(t, gateway.WaitDrained(t.Context(), s.entry))
	store := ledger.NewStore(t, s.places)
	store.RequireExactlyOnce(l)
	store.RequireRollupsEqual()
	require.Equal(t, 200, s.get("/status", nil, nil), "queryd has outlived the store")
}

// acknowledged waits until one more request is.
func acknowledged(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	select {
	case <-l.Round():
	case <-time.After(time.Minute):
		require.Fail(t, "nothing was acknowledged within a minute")
	}
}

// storeApart starts the store, a gateway that inserts into it, and queryd that reads from it. restart kills the store,
// calls meanwhile and starts it again.
func storeApart(t *testing.T) (s *system, gateway *process.Process, restart func(meanwhile func())) {
	t.Helper()
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	at, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	at.Store = places.Store
	s = &system{t: t, dir: t.TempDir(), places: places, entry: at}
	t.Cleanup(s.stop)

	folder := t.TempDir()
	start := func() *process.Process {
		store, err := process.Role("store", folder, places)
		require.NoError(t, err)
		return store
	}
	// The gateway first: a store that is away holds up neither its start nor its senders.
	gateway, err = process.StoreApart("gateway", t.TempDir(), at)
	require.NoError(t, err)
	s.all = []*process.Process{gateway}
	require.NoError(t, gateway.WaitHealthy(t.Context(), at))
	store := start()
	s.all = append(s.all, store)
	require.NoError(t, store.WaitHealthy(t.Context(), places))
	q, err := process.Queryd(s.dir, places)
	require.NoError(t, err)
	s.all = append([]*process.Process{q}, s.all...)
	require.NoError(t, q.WaitQueryd(t.Context(), places))

	return s, gateway, func(meanwhile func()) {
		require.True(t, store.Alive(), "the store ended before it was killed:\n%s", store.Tail())
		require.NoError(t, store.Kill())
		meanwhile()
		store = start()
		s.all[len(s.all)-1] = store
		require.NoError(t, store.WaitHealthy(t.Context(), places))
	}
}
