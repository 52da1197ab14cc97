package crash

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// Backups are made while requests come in, and the collector is killed in the midst of one. What a backup brings back is
// what it says it holds: each request whole and once, all of those among them that were stored before it began.
func TestBackupsUnderLoad(t *testing.T) {
	s := newSystem(t, false, "exporters::summit_clickhouse::queue::seal_after: 150ms", "exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	s.ledger.Pace = 5 * time.Millisecond
	random := seeded(t)
	s.start()
	stop := s.load(2, false)
	for range 20 {
		s.acknowledged()
	}
	s.loadWithoutRefusal(stop)
	s.drain()
	stop = s.load(2, false)
	for n := range pick(1, 10) {
		name, copied := fmt.Sprintf("busy%d", n), fmt.Sprintf("look%d", n)
		s.drainUnderLoad()
		before := s.tables().Spans()
		var made struct{ Tables map[string]int64 }
		require.NoError(t, json.Unmarshal([]byte(s.summitctl("backup", "create", "--name", name, "-o", "json")), &made))
		require.Contains(t, s.summitctl("backup", "list"), name)
		s.acknowledged()
		s.summitctl("backup", "restore", name, "--into", copied)
		restored := s.tables().In(copied)
		require.GreaterOrEqual(t, restored.Spans(), before)
		require.Equal(t, made.Tables["events_trace_v1"], restored.Spans())
		restored.RequireAtMostOnce(s.ledger)
	}

	cut := make(chan error, 1)
	go func() {
		_, err := process.Run(t.Context(), "summitctl", []string{"SUMMIT_STORE=" + s.spec.Places.Store}, "backup", "create", "--name", "cut")
		cut <- err
	}()
	pause(time.Duration(random.IntN(150)) * time.Millisecond)
	require.NoError(t, s.collector.Kill())
	t.Logf("the backup that the kill came into: %v", <-cut)
	stop()
	s.start()
	s.summitctl("backup", "create", "--name", "after")
	s.summitctl("backup", "restore", "after", "--into", "look")
	s.tables().In("look").RequireAtMostOnce(s.ledger)
	s.finish()
}

// summitctl runs a command on the store.
func (s *system) summitctl(args ...string) string {
	s.t.Helper()
	out, err := process.Run(s.t.Context(), "summitctl", []string{"SUMMIT_STORE=" + s.spec.Places.Store}, args...)
	require.NoError(s.t, err)
	return out
}
