package clickhousegraph

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/graphtest"
	"github.com/summitobs/summit/internal/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// open makes a store that polls only when a test says so.
func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.PollInterval == 0 {
		o.PollInterval = time.Hour
	}
	s := New(enginetest.Open(t).Conn(), o)
	t.Cleanup(s.Close)
	return s
}

func subject(t *testing.T) graphtest.Subject {
	s := open(t, Options{})
	return graphtest.Subject{Store: s, Settle: func(t testing.TB, id tenant.ID) { require.NoError(t, s.refresh(t.Context(), id)) }}
}

func TestClickHouse(t *testing.T) {
	graphtest.Run(t, subject)
	graphtest.Random(t, subject, 200)
}

// After the first read nobody scans the tables: what came before the overlap isn't looked at again.
func TestRequestsAreAnsweredFromMemory(t *testing.T) {
	s := open(t, Options{Overlap: time.Millisecond})
	id := tenant.ID(uuid.New())
	a, b := graph.Ref{Kind: "Artifact", ID: "a"}, graph.Ref{Kind: "Artifact", ID: "b"}
	write := func(n int) {
		require.NoError(t, s.Write(t.Context(), id, nil, []graph.Edge{{From: a, To: graph.Ref{Kind: "Artifact", ID: strconv.Itoa(n)}, Rel: "R", Basis: "none", FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: 1}}))
	}
	write(1)
	walk := func() int {
		got, err := s.Walk(t.Context(), id, a, graph.Walk{Depth: 1, Limit: 10})
		require.NoError(t, err)
		return len(got)
	}
	require.Equal(t, 1, walk())
	write(2)
	require.Equal(t, 1, walk(), "what is new comes with the next poll")
	require.NoError(t, s.Refresh(t.Context()))
	require.Equal(t, 2, walk())
	require.NoError(t, enginetest.Open(t).Conn().Exec(t.Context(), "TRUNCATE TABLE graph_edges_v1"))
	require.NoError(t, s.Refresh(t.Context()))
	require.Equal(t, 2, walk())
	_, err := s.Node(t.Context(), id, b)
	require.ErrorIs(t, err, graph.ErrNotFound)
}

func TestPollingFollowsTheTables(t *testing.T) {
	s := open(t, Options{PollInterval: 20 * time.Millisecond})
	id := tenant.ID(uuid.New())
	node := graph.Node{Ref: graph.Ref{Kind: "Commit", ID: "1"}, FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: 1}
	_, err := s.Node(t.Context(), id, node.Ref)
	require.ErrorIs(t, err, graph.ErrNotFound)
	require.NoError(t, s.Write(t.Context(), id, []graph.Node{node}, nil))
	require.Eventually(t, func() bool {
		_, err := s.Node(t.Context(), id, node.Ref)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Less(t, s.Stats().Behind, 10*time.Second)
}

// broken is a connection that reads nothing while it is down.
type broken struct {
	driver.Conn
	down atomic.Bool
}

func (c *broken) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if c.down.Load() {
		return nil, errors.New("the server is away")
	}
	return c.Conn.Query(ctx, query, args...)
}

func TestFailedPollsAreCounted(t *testing.T) {
	conn := &broken{Conn: enginetest.Open(t).Conn()}
	s := New(conn, Options{PollInterval: 10 * time.Millisecond})
	t.Cleanup(s.Close)
	id := tenant.ID(uuid.New())
	node := graph.Node{Ref: graph.Ref{Kind: "Commit", ID: "1"}, FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: 1}
	require.NoError(t, s.Write(t.Context(), id, []graph.Node{node}, nil))
	ask := func() error {
		_, err := s.Node(t.Context(), id, node.Ref)
		return err
	}
	require.NoError(t, ask())
	require.Zero(t, s.Stats().Failures)
	conn.down.Store(true)
	require.Eventually(t, func() bool { return s.Stats().Failures > 1 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, ask(), "what is in memory is still there")
	conn.down.Store(false)
	node.ID = "2"
	require.NoError(t, s.Write(t.Context(), id, []graph.Node{node}, nil))
	require.Eventually(t, func() bool { return ask() == nil }, 10*time.Second, 10*time.Millisecond, "reading goes on")
}

func TestBounds(t *testing.T) {
	s := open(t, Options{MaxEdges: 3})
	edges := func(n int) (out []graph.Edge) {
		for i := range n {
			out = append(out, graph.Edge{From: graph.Ref{Kind: "A", ID: "0"}, To: graph.Ref{Kind: "A", ID: strconv.Itoa(i + 1)}, Rel: "R", Basis: "none", FirstSeen: graphtest.Start, LastSeen: graphtest.Start})
		}
		return out
	}
	ask := func(id tenant.ID) error {
		_, err := s.Node(t.Context(), id, graph.Ref{Kind: "A", ID: "0"})
		return err
	}
	big, one, two := tenant.ID(uuid.New()), tenant.ID(uuid.New()), tenant.ID(uuid.New())
	require.NoError(t, s.Write(t.Context(), big, nil, edges(4)))
	require.ErrorIs(t, ask(big), ErrTooLarge)
	require.NoError(t, s.Write(t.Context(), one, nil, edges(2)))
	require.NoError(t, s.Write(t.Context(), two, nil, edges(2)))
	require.NoError(t, ask(one))
	require.NoError(t, ask(two))
	require.EqualValues(t, 1, s.Stats().Evicted, "the tenant not asked about for longest")
	require.NoError(t, ask(one), "it is read again when it is asked about")
}

func TestSnapshotsAreMadeAnew(t *testing.T) {
	now := time.Now()
	s := open(t, Options{RebuildAfter: time.Hour, Now: func() time.Time { return now }})
	id := tenant.ID(uuid.New())
	node := graph.Node{Ref: graph.Ref{Kind: "Commit", ID: "1"}, FirstSeen: graphtest.Start, LastSeen: graphtest.Start, Version: 1}
	require.NoError(t, s.Write(t.Context(), id, []graph.Node{node}, nil))
	_, err := s.Node(t.Context(), id, node.Ref)
	require.NoError(t, err)
	require.NoError(t, enginetest.Open(t).Conn().Exec(t.Context(), "TRUNCATE TABLE graph_nodes_v1"))
	now = now.Add(2 * time.Hour)
	require.NoError(t, s.Refresh(t.Context()))
	_, err = s.Node(t.Context(), id, node.Ref)
	require.ErrorIs(t, err, graph.ErrNotFound, "rows whose time was over leave with the next reading")
}

func TestClosed(t *testing.T) {
	s := open(t, Options{})
	s.Close()
	_, err := s.Node(t.Context(), tenant.Default, graph.Ref{Kind: "A", ID: "0"})
	require.ErrorContains(t, err, "closed")
}
