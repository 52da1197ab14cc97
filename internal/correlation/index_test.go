package correlation

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/tenant"
)

func TestObserveMergesInAnyOrder(t *testing.T) {
	late := run("1", 1, "")
	late.Version = build.VersionOf(30, at(9))
	early := run("1", 1, commit)
	early.Status, early.Version = build.StatusQueued, build.VersionOf(10, at(1))
	for _, events := range [][]build.Event{{early, late}, {late, early}, {late, early, early, late}} {
		ix := New(Options{})
		for _, e := range events {
			ix.Observe(tn, e)
		}
		got := ix.Run(tn, run1)
		require.Equal(t, build.StatusSuccess, got.Status)
		require.Equal(t, commit, got.CommitSHA)
		require.Equal(t, 1, ix.Len())
		require.Equal(t, run1, ix.Resolve(tn, Evidence{Revision: commit}, at(9)).BuildRunID)
	}
}

func TestLookups(t *testing.T) {
	ix := New(Options{})
	task := &build.Task{RunKey: key("1", 1), ID: "7", Kind: build.KindJob}
	d := deploy("d1", "production", 1, func(d *build.Deployment) { d.Service, d.Digests, d.CommitSHA = "shop", []string{digA}, commit })
	a := artifact("1", digA, commit, "", "")
	for _, e := range []build.Event{task, d, a, &build.Commit{SHA: commit}} {
		ix.Observe(tn, e)
	}
	require.Equal(t, 3, ix.Len(), "commits are no entries")
	require.Same(t, task, ix.Task(tn, run1, "7"))
	require.Same(t, d, ix.Deployment(tn, dep1, "shop"))
	require.Nil(t, ix.Deployment(tn, dep1, ""))
	require.Same(t, a, ix.Artifact(tn, "ghcr.io/x@"+digA, run1))
	require.Nil(t, ix.Run(tn, run1))
	require.Nil(t, ix.Run(tenant.ID{1}, run1))
	require.Equal(t, []*build.Deployment{d}, ix.DeploymentsOf(tn, []string{digA}, commit))
	require.Empty(t, ix.DeploymentsOf(tn, nil, other))
	require.Empty(t, ix.DeploymentsOf(tenant.ID{1}, nil, other))
}

func TestBoundsPerTenantAndTotal(t *testing.T) {
	ix := New(Options{MaxPerTenant: 10, MaxTotal: 25, MaxTasksPerTenant: 3, MaxTasksTotal: 4})
	for tid := range 4 {
		id := tenant.ID{byte(tid + 1)}
		for i := range 20 {
			ix.Observe(id, run(strconv.Itoa(i), 1, fmt.Sprintf("%040x", i)))
			ix.Observe(id, &build.Task{RunKey: key("1", 1), ID: strconv.Itoa(i)})
		}
	}
	require.Equal(t, 25+4, ix.Len())
	require.Equal(t, uint64(4*40-29), ix.Evicted())
	require.Nil(t, ix.Run(tenant.ID{4}, "github:github.com:acme/shop:9:1"))
	require.NotNil(t, ix.Run(tenant.ID{4}, "github:github.com:acme/shop:10:1"))
	require.Len(t, ix.tenants, 3, "a tenant without entries costs nothing")
	for _, sh := range ix.tenants {
		n := 0
		for r := range sh.refs {
			if r.kind == refCommit {
				n++
			}
		}
		require.Equal(t, sh.own[classLasting].Len(), n, "no reference outlives its entry")
	}
}

func TestWhatIsAskedForStays(t *testing.T) {
	ix := New(Options{MaxPerTenant: 3})
	ix.Observe(tn, artifact("1", digA, commit, "", ""))
	for i := range 50 {
		require.Equal(t, commit, ix.Resolve(tn, Evidence{Digests: []string{digA}}, at(0)).CommitSHA, "after %d others", i)
		ix.Observe(tn, run(strconv.Itoa(i), 1, ""))
	}
	require.Equal(t, 3, ix.Len())
}

func TestConcurrentUse(t *testing.T) {
	ix := New(Options{MaxPerTenant: 50, MaxTotal: 80})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			id := tenant.ID{byte(g%3 + 1)}
			for i := range 500 {
				sha := fmt.Sprintf("%040x", i%70)
				ix.Observe(id, run(strconv.Itoa(i%70), 1, sha))
				ix.Observe(id, artifact(strconv.Itoa(i%70), digA, sha, "shop", "1"))
				ix.Resolve(id, Evidence{Revision: sha, Digests: []string{digA}}, at(i))
				ix.DeploymentsOf(id, nil, sha)
				ix.Run(id, run1)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, ix.Len(), 80)
}

func BenchmarkResolve(b *testing.B) {
	ix := New(Options{})
	for i := range 10_000 {
		ix.Observe(tn, run(strconv.Itoa(i), 1, fmt.Sprintf("%040x", i)))
	}
	ix.Observe(tn, artifact("1", digA, fmt.Sprintf("%040x", 1), "", ""))
	ev := Evidence{Digests: []string{digA}, Service: "shop", Environment: "production"}
	for b.Loop() {
		ix.Resolve(tn, ev, at(1))
	}
}
