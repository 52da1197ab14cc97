package crash

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
	"github.com/summitobs/summit/testbed/process/ledger"
)

const (
	rounds      = 10
	connections = 4
)

// seedOf takes another seed from CRASH_SEED, so that a failure can be repeated and other points be tried.
func seedOf(t *testing.T) uint64 {
	text := os.Getenv("CRASH_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return seed
}

// Ten times the collector is killed under load, at points that a seed chooses. In the end each acknowledged item is
// there exactly once, each unanswered request as a whole or not at all, and the rollups tell what the base tables hold.
func TestKilledUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("kills the built binary ten times")
	}
	dir := t.TempDir()
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("CRASH_SEED=%d", seed)

	l := ledger.New(time.Now().Add(-time.Minute).Truncate(time.Second))
	for round := range rounds {
		after := time.Duration(50+random.IntN(1500)) * time.Millisecond
		killOnce(t, dir, places, l, after)
		t.Logf("round %d: killed %s after the first acknowledgement; acknowledged so far: %d requests of traces, %d of logs, %d of points",
			round+1, after, l.Acknowledged(ledger.Traces), l.Acknowledged(ledger.Logs), l.Acknowledged(ledger.Points))
	}

	server, err := process.Standalone(dir, places)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop(time.Minute)) }()
	require.NoError(t, server.WaitReady(t.Context(), places))
	store := ledger.NewStore(t, places)
	store.WaitUntilStill(l)
	store.RequireExactlyOnce(l)
	store.RequireRollupsEqual()
}

// killOnce starts the collector, loads it, and kills it.
func killOnce(t *testing.T, dir string, places process.Places, l *ledger.Ledger, after time.Duration) {
	t.Helper()
	server, err := process.Standalone(dir, places)
	require.NoError(t, err)
	first := l.Round()
	if err := server.WaitReady(t.Context(), places); err != nil {
		require.NoError(t, server.Kill())
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, connections)
	for i := range connections {
		wg.Go(func() { errs[i] = l.Send(ctx, places.OTLPGRPC) })
	}
	select {
	case <-first:
	case <-ctx.Done():
	}
	timer := time.NewTimer(after)
	<-timer.C
	require.True(t, server.Alive(), "the collector ended before it was killed:\n%s", server.Tail())
	require.NoError(t, server.Kill())
	wg.Wait()
	for _, err := range errs {
		require.Error(t, err) // each connection ended by the kill
	}
	require.NoError(t, ctx.Err(), "no request was acknowledged within a minute: %v", errs)
}
