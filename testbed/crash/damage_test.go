package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// waiting prepares a gateway whose store is away, so that all that it acknowledges is in segments of a few requests, the
// last of which is open.
func waiting(t *testing.T) *system {
	t.Helper()
	return newSystem(t, true,
		"exporters::summit_clickhouse::queue::seal_rows_traces: 250",
		"exporters::summit_clickhouse::queue::seal_after: 10m",
		"exporters::summit_clickhouse::queue::seal_after_busy: 10m",
	)
}

// fill has the gateway acknowledge some more and kills it.
func (s *system) fill() []segment {
	s.t.Helper()
	s.start()
	stop := s.load(2, false)
	for range 24 {
		s.acknowledged()
	}
	require.NoError(s.t, s.collector.Kill())
	stop()
	return segments(s.t, s.queue())
}

// startAll starts the store and the gateway, which hands over what comes without waiting for more.
func (s *system) startAll() {
	s.t.Helper()
	s.spec.Set = nil
	s.startStore()
	s.start()
}

func (s *system) queue() string { return filepath.Join(s.spec.DataDir(), "queue") }

// open is the last segment, which must not have been sealed.
func (s *system) open(all []segment) segment {
	s.t.Helper()
	require.NotEmpty(s.t, all)
	last := all[len(all)-1]
	require.False(s.t, last.sealed, last.path)
	return last
}

// setAside are the files in quarantine, each with the reason beside it.
func (s *system) setAside() map[string]string {
	s.t.Helper()
	dir := filepath.Join(s.queue(), "quarantine")
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(s.t, err)
	reasons := map[string]string{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".txt") {
			continue
		}
		reason, err := os.ReadFile(filepath.Join(dir, e.Name()+".txt"))
		require.NoError(s.t, err, "%s has no reason beside it", e.Name())
		reasons[e.Name()] = strings.TrimSpace(string(reason))
	}
	return reasons
}

// dropped is what the running collector has counted as damaged.
func (s *system) dropped() float64 {
	s.t.Helper()
	m, err := process.ReadMetrics(s.t.Context(), s.spec.Places)
	require.NoError(s.t, err)
	n, _ := m.Sum("summit_dropped_total", `reason="segment_damaged"`)
	return n
}

// A kill in the midst of a write leaves a part of a record behind those that were acknowledged. It is cut off; nothing is
// missing, and nothing is called damage.
func TestTornWriteAtTheEndOfTheQueue(t *testing.T) {
	s, random := waiting(t), seeded(t)
	for range pick(3, 30) {
		last := s.open(s.fill())
		records := last.records()
		end := records[len(records)-1] // the kill itself may have torn a write
		torn := last.unwritten(end, 1+random.IntN(5000))
		last.write(t, append(last.data[:end], torn[:1+random.IntN(len(torn)-1)]...))
	}
	s.startAll()
	require.Zero(t, s.dropped())
	s.finish()
	require.Empty(t, s.setAside())
	log, err := s.collector.Log()
	require.NoError(t, err)
	require.Contains(t, log, "cut an interrupted write from a segment")
}

// Acknowledged bytes at the end of the queue's last segment are gone. That looks like a torn write and isn't one: it is
// counted and reported, and what is left of the record is kept.
func TestAcknowledgedEndOfTheQueueIsGone(t *testing.T) {
	s, random := waiting(t), seeded(t)
	reports, lost := 0, 0
	for range pick(3, 30) {
		last := s.open(s.fill())
		end := acknowledged(t, s.queue(), last)
		cut := last.head + random.IntN(end-last.head)
		last.write(t, last.data[:cut])
		for _, at := range last.records()[1:] {
			if at > cut {
				lost++
			}
		}
		s.start()
		require.Positive(t, s.dropped(), "the %d bytes behind %d are gone without a word", end-cut, cut)
		require.NoError(t, s.collector.Kill())
		reports++
	}
	s.startAll()
	s.drain()
	tables := s.tables()
	missing := tables.RequireAtMostOnce(s.ledger)
	require.LessOrEqual(t, len(missing), lost)
	require.NotEmpty(t, missing)
	tables.RequireRollupsEqual()
	aside := s.setAside()
	require.Len(t, aside, reports)
	for name, reason := range aside {
		require.Contains(t, reason, "were acknowledged", name)
	}
	s.stop()
}

// One byte is flipped in each of some sealed segments and in the open one: what it hits is set aside, counted and
// reported, and all else goes on.
func TestFlippedBytes(t *testing.T) {
	s, random := waiting(t), seeded(t)
	hit := map[string]bool{}
	may := 0
	for range pick(1, 10) {
		all := s.fill()
		s.open(all)
		for i, seg := range all {
			if hit[seg.path] || i < len(all)-1 && random.IntN(3) == 0 {
				continue
			}
			at := random.IntN(len(seg.data))
			seg.data[at] ^= 1 << random.IntN(8)
			seg.write(t, seg.data)
			hit[seg.path] = true
			if at < seg.head {
				may += len(seg.records()) - 1 // without its header a segment is set aside as a whole
			} else {
				may++
			}
		}
	}
	require.NotEmpty(t, hit)
	s.startAll()
	s.drain()
	tables := s.tables()
	missing := tables.RequireAtMostOnce(s.ledger)
	tables.RequireRollupsEqual()
	aside := s.setAside()
	t.Logf("%d segments have a flipped byte, %d requests are missing, set aside: %v", len(hit), len(missing), aside)
	require.LessOrEqual(t, len(missing), may)
	require.Len(t, aside, len(hit), "each flipped byte is noticed once")
	require.GreaterOrEqual(t, s.dropped(), float64(len(hit)))
	log, err := s.collector.Log()
	require.NoError(t, err)
	for path := range hit {
		number := strings.TrimSuffix(filepath.Base(path), ".seg")
		// The collector's log is sampled: of more than ten like lines in ten seconds some are left out.
		kept := 0
		for name := range aside {
			if strings.HasPrefix(name, number) {
				kept++
				if len(hit) <= 10 {
					require.Contains(t, log, fmt.Sprintf("%q", filepath.Join(s.queue(), "quarantine", name)), "the report names the file")
				}
			}
		}
		require.Equal(t, 1, kept, "of segment %s", number)
	}
	require.NoError(t, s.collector.Stop(time.Minute))
	s.start()
	require.Equal(t, missing, s.tables().RequireAtMostOnce(s.ledger))
	require.Equal(t, aside, s.setAside(), "a restart finds nothing new")
	s.stop()
}
