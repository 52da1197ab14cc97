package servicegraph

import (
	"container/list"
	"sync"
	"time"

	"github.com/summitobs/summit/internal/tenant"
)

// Options bound a Graph.
type Options struct {
	// Wait is how long a span waits for the other side. Default 10s.
	Wait time.Duration
	// MaxPending is the number of spans that wait. When it is reached the oldest is taken for unpaired. Default 100000.
	MaxPending int
	// MaxEdges is the number of different edges between two flushes; calls of further ones are counted as dropped.
	// Default 20000.
	MaxEdges int
}

// DefaultOptions are the bounds without another wish: about 30 MB at most.
var DefaultOptions = Options{Wait: 10 * time.Second, MaxPending: 100_000, MaxEdges: 20_000}

// Counts of what a Graph has seen since it was made, by what became of it.
type Counts struct {
	Paired   uint64
	Unpaired uint64
	// Evicted are spans that were taken for unpaired before their time, for the bound of MaxPending.
	Evicted uint64
	// Dropped are calls that aren't in any edge, for the bound of MaxEdges.
	Dropped uint64
}

// Graph pairs spans and sums their calls. It is safe for concurrent use.
type Graph struct {
	opts Options

	mu      sync.Mutex
	pending map[callKey]*list.Element
	// waiting holds *half from the newest, which waits longest, to the oldest.
	waiting *list.List
	edges   map[edgeKey]*Sums
	counts  Counts
}

// callKey is one call of one tenant.
type callKey struct {
	tenant tenant.ID
	trace  [16]byte
	call   [8]byte
}

// half is a span that waits for the other side.
type half struct {
	key   callKey
	span  Span
	since time.Time
}

type edgeKey struct {
	tenant                 tenant.ID
	minute                 int64
	src, dst               string
	connection             Connection
	environment            string
	srcVersion, dstVersion string
	commit, run            string
}

// New makes an empty graph. Options that are zero take their default.
func New(o Options) *Graph {
	if o.Wait == 0 {
		o.Wait = DefaultOptions.Wait
	}
	if o.MaxPending == 0 {
		o.MaxPending = DefaultOptions.MaxPending
	}
	if o.MaxEdges == 0 {
		o.MaxEdges = DefaultOptions.MaxEdges
	}
	return &Graph{opts: o, pending: make(map[callKey]*list.Element), waiting: list.New(), edges: make(map[edgeKey]*Sums)}
}

// Add takes one end of a call. Its Process must not change afterwards.
func (g *Graph) Add(s Span, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.Side == Client && s.Database != "" {
		// A database sends no spans of its own: there is nothing to wait for.
		g.sum(s.edge(s.Process, nil, Database, s.Database), &s, false)
		g.counts.Paired++
		return
	}
	key := callKey{s.Process.Tenant, s.Trace, s.Call}
	if at, ok := g.pending[key]; ok {
		other := at.Value.(*half)
		if other.span.Side != s.Side {
			g.forget(at)
			g.pair(&other.span, &s)
			return
		}
		if s.Side == Client {
			return // the same span again: a retry of its sender
		}
		// Several servers answer one call, as behind a fan-out proxy: each waits, the newest is found.
		g.unpaired(&other.span)
		g.forget(at)
	}
	if g.waiting.Len() >= g.opts.MaxPending {
		oldest := g.waiting.Back()
		g.unpaired(&oldest.Value.(*half).span)
		g.forget(oldest)
		g.counts.Evicted++
	}
	g.pending[key] = g.waiting.PushFront(&half{key, s, now})
}

func (g *Graph) forget(at *list.Element) {
	delete(g.pending, g.waiting.Remove(at).(*half).key)
}

func (g *Graph) pair(a, b *Span) {
	client, server := a, b
	if a.Side == Server {
		client, server = b, a
	}
	connection := RPC
	measured := client
	if client.Messaging || server.Messaging {
		// What the producer waited for is the broker; the consumer's time is that of the work.
		connection, measured = Messaging, server
	}
	key := measured.edge(client.Process, server.Process, connection, "")
	sum := *measured
	sum.Failed = client.Failed || server.Failed
	g.sum(key, &sum, false)
	g.counts.Paired++
}

// unpaired sums a call of which one side is known. A client's callee is what it calls its peer.
func (g *Graph) unpaired(s *Span) {
	g.counts.Unpaired++
	connection := RPC
	if s.Messaging {
		connection = Messaging
	}
	switch {
	case s.Side == Server:
		g.sum(s.edge(nil, s.Process, connection, ""), s, true)
	case s.Peer != "" && !s.Messaging:
		g.sum(s.edge(s.Process, nil, External, s.Peer), s, true)
	default:
		g.sum(s.edge(s.Process, nil, connection, s.Peer), s, true)
	}
}

// edge is the key of a call that is counted in the minute in which the span began. A side that isn't known is empty; dst
// stands in for a callee without spans.
func (s *Span) edge(client, server *Process, c Connection, dst string) edgeKey {
	k := edgeKey{
		tenant: s.Process.Tenant, minute: s.Start.Truncate(time.Minute).Unix(), connection: c, dst: dst, environment: s.Process.Environment,
	}
	if client != nil {
		k.src, k.srcVersion, k.environment = client.Service, client.Version, client.Environment
	}
	if server != nil {
		k.dst, k.dstVersion, k.commit, k.run = server.Service, server.Version, server.CommitSHA, server.BuildRunID
		if server.Environment != "" {
			k.environment = server.Environment
		}
	}
	return k
}

func (g *Graph) sum(k edgeKey, s *Span, unpaired bool) {
	sums := g.edges[k]
	if sums == nil {
		if len(g.edges) >= g.opts.MaxEdges {
			g.counts.Dropped++
			return
		}
		sums = &Sums{}
		g.edges[k] = sums
	}
	sums.add(s.Duration, s.Weight, s.Failed, unpaired)
}

// Flush gives what was summed since the last time and forgets it; spans that have waited for longer than Wait are taken for
// unpaired first. After the last one, which all is set for, nothing waits any more.
func (g *Graph) Flush(now time.Time, all bool) []Edge {
	g.mu.Lock()
	defer g.mu.Unlock()
	for at := g.waiting.Back(); at != nil; at = g.waiting.Back() {
		h := at.Value.(*half)
		if !all && now.Sub(h.since) < g.opts.Wait {
			break
		}
		g.unpaired(&h.span)
		g.forget(at)
	}
	out := make([]Edge, 0, len(g.edges))
	for k, sums := range g.edges {
		out = append(out, Edge{
			Tenant: k.tenant, Minute: time.Unix(k.minute, 0).UTC(), Src: k.src, Dst: k.dst, Connection: k.connection, Environment: k.environment,
			SrcVersion: k.srcVersion, DstVersion: k.dstVersion, DstCommitSHA: k.commit, DstBuildRunID: k.run, Sums: *sums,
		})
	}
	clear(g.edges)
	return out
}

// Counts tells what became of the spans so far, and how many wait.
func (g *Graph) Counts() (c Counts, pending int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counts, g.waiting.Len()
}
