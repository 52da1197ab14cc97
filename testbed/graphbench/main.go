// Command graphbench measures the build graph on the embedded engine: a million nodes and three million edges, walks from
// the snapshot in memory, and how long a new row takes until a walk goes over it.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/clickhousegraph"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/testbed/figure"
)

func main() {
	nodes := flag.Int("nodes", 1_000_000, "how many nodes; three times as many edges")
	report := flag.String("report", "docs/performance.md", "file whose table is renewed; empty: none")
	flag.Parse()
	if err := run(context.Background(), *nodes, *report); err != nil {
		fmt.Fprintln(os.Stderr, "graphbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nodes int, report string) error {
	dir, err := os.MkdirTemp("", "graphbench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of our own below the system's
	library, err := filepath.Abs(filepath.Join("bin", chdb.FileName))
	if err != nil {
		return err
	}
	engine, err := embedded.Open(ctx, embedded.Config{Path: dir, Library: library})
	if err != nil {
		return fmt.Errorf("open the engine: %w", err)
	}
	defer func() { _ = engine.Close() }() // the process ends
	if _, err := migrate.Run(ctx, engine.Conn(), migrate.Options{}); err != nil {
		return err
	}
	store := clickhousegraph.New(engine.Conn(), clickhousegraph.Options{Overlap: overlap})
	defer store.Close()
	figures, err := measure(ctx, store, nodes)
	if err != nil {
		return err
	}
	for _, f := range figures {
		fmt.Println(f)
	}
	if report == "" {
		return nil
	}
	return figure.Table{Bench: "bench-graph", How: fmt.Sprintf("%d nodes, %d edges", nodes, 3*nodes), Figures: figures}.Write(report, time.Now())
}

// overlap is shorter than the product's, which would read the whole graph again for two minutes after it was written.
const overlap = 5 * time.Second

var now = time.Now().UTC().Truncate(time.Millisecond)

func ref(kind string, i int) graph.Ref { return graph.Ref{Kind: kind, ID: "sha256:" + strconv.Itoa(i)} }

// fill writes artifacts that depend on three earlier ones each, most of them near: one in a thousand depends on the hub.
func fill(ctx context.Context, s *clickhousegraph.Store, id tenant.ID, nodes int) error {
	g := rand.New(rand.NewPCG(1, 2))
	const part = 50_000
	for from := 0; from < nodes; from += part {
		var ns []graph.Node
		var es []graph.Edge
		for i := from; i < min(from+part, nodes); i++ {
			ns = append(ns, graph.Node{Ref: ref(build.NodeArtifact, i), Name: "artifact " + strconv.Itoa(i), FirstSeen: now, LastSeen: now, Version: 1,
				Props: map[string]string{"repo": "acme/shop", "version": strconv.Itoa(i % 100)}})
			for k := range 3 {
				to := i - 1 - g.IntN(1000)
				if k == 0 && i%10_000 < 10 {
					to = 0
				}
				es = append(es, graph.Edge{From: ref(build.NodeArtifact, i), To: ref(build.NodeArtifact, max(to, 0)), Rel: build.RelDependsOn, Basis: "none", FirstSeen: now, LastSeen: now, Version: 1})
			}
		}
		if err := s.Write(ctx, id, ns, es); err != nil {
			return err
		}
		fmt.Printf("graphbench: %d of %d nodes written\r", min(from+part, nodes), nodes)
	}
	fmt.Println()
	return nil
}

func measure(ctx context.Context, s *clickhousegraph.Store, nodes int) ([]figure.Figure, error) {
	id := tenant.Default
	if err := fill(ctx, s, id, nodes); err != nil {
		return nil, err
	}
	// What was written just now is read again with each poll, as far back as the overlap goes: wait until that is over.
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(2 * overlap):
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	if _, err := s.Node(ctx, id, ref(build.NodeArtifact, 0)); err != nil {
		return nil, err
	}
	load := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	g := rand.New(rand.NewPCG(3, 4))
	ancestry, err := median(101, func() error {
		_, err := s.Walk(ctx, id, ref(build.NodeArtifact, nodes/2+g.IntN(nodes/2)), graph.Walk{Direction: graph.Out, Rels: []string{build.RelDependsOn}, Depth: 6, Limit: 5000})
		return err
	})
	if err != nil {
		return nil, err
	}
	reached := 0
	blast, err := median(21, func() error {
		got, err := s.Walk(ctx, id, ref(build.NodeArtifact, 0), graph.Walk{Direction: graph.In, Depth: 3, Limit: graph.MaxLimit})
		reached = len(got)
		return err
	})
	if err != nil {
		return nil, err
	}
	delta, err := behind(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return []figure.Figure{
		{Name: "graph.ancestry6.ms", Value: ancestry.Seconds() * 1e3, Unit: "ms", Note: "what an artifact is made of, all 6 levels; median of 101"},
		{Name: "graph.blast3.ms", Value: blast.Seconds() * 1e3, Unit: "ms", Note: fmt.Sprintf("what depends on a hub, 3 deep: %d nodes; median of 21", reached)},
		{Name: "graph.snapshot_delta.s", Value: delta.Seconds(), Unit: "s", Note: "from writing a row until a walk goes over it, the longest of 10; polls each second that look 5 s back"},
		{Name: "graph.snapshot_load.s", Value: load.Seconds(), Unit: "s", Note: "the first question reads the tables once"},
		{Name: "graph.snapshot.mb", Value: float64(after.HeapAlloc-before.HeapAlloc) / 1e6, Unit: "MB", Note: "of the heap"},
	}, nil
}

func median(n int, f func() error) (time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/2], nil
}

// behind writes rows and waits until the snapshot has them.
func behind(ctx context.Context, s *clickhousegraph.Store, id tenant.ID) (longest time.Duration, err error) {
	for i := range 10 {
		fresh := ref(build.NodeArtifact, -1-i)
		began := time.Now()
		err := s.Write(ctx, id, nil, []graph.Edge{{From: fresh, To: ref(build.NodeArtifact, i), Rel: build.RelDependsOn, Basis: "none", FirstSeen: now, LastSeen: now, Version: 1}})
		if err != nil {
			return 0, err
		}
		for {
			if got, err := s.Walk(ctx, id, fresh, graph.Walk{Depth: 1, Limit: 1}); err == nil && len(got) == 1 {
				break
			}
			if time.Since(began) > time.Minute {
				return 0, fmt.Errorf("a new edge isn't in the snapshot after a minute")
			}
			time.Sleep(5 * time.Millisecond)
		}
		longest = max(longest, time.Since(began))
	}
	return longest, nil
}
