// Package correlation is the bounded in-memory index of builds, artifacts and deployments. CI receivers and the poller
// of the store put build events in; the correlation processor asks which commit, build run and deployment a resource
// came from; receivers ask for the last known state of an entity before they emit the next one.
package correlation

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/tenant"
)

// Options bound the index. An entry takes about 1 kB.
type Options struct {
	// MaxPerTenant is the number of runs, artifacts and deployments kept of one tenant. Default 100000.
	MaxPerTenant int
	// MaxTotal is the same over all tenants. Default 400000.
	MaxTotal int
	// MaxTasksPerTenant is the number of tasks kept of one tenant; they are asked for only while their run goes on.
	// Default 50000.
	MaxTasksPerTenant int
	// MaxTasksTotal is the same over all tenants. Default 200000.
	MaxTasksTotal int
}

// DefaultOptions are the bounds of an index with no other wish.
var DefaultOptions = Options{MaxPerTenant: 100_000, MaxTotal: 400_000, MaxTasksPerTenant: 50_000, MaxTasksTotal: 200_000}

// class divides the entries into those that answer Resolve and tasks, which would push the former out.
type class int

const (
	classLasting class = iota
	classTask
	classes
)

// Index is safe for concurrent use. Events in it are never changed; Observe replaces them by merged ones.
type Index struct {
	limits [classes]struct{ tenant, total int }

	// mu guards all below; it is never held across a call out of this package.
	mu      sync.RWMutex
	tenants map[tenant.ID]*shard
	all     [classes]*list.List
	evicted atomic.Uint64
}

// shard is the part of one tenant.
type shard struct {
	id      tenant.ID
	entries map[string]*entry
	refs    map[ref]map[*entry]struct{}
	own     [classes]*list.List
}

type entry struct {
	key   string
	class class
	shard *shard
	event build.Event
	// used gives the entry another round when it would be evicted: set by lookups, which hold the lock for reading only.
	used     atomic.Bool
	inAll    *list.Element
	inTenant *list.Element
}

// ref is a secondary key: kind and up to two strings.
type ref struct {
	kind byte
	a, b string
}

const (
	refDigest     = 'g'
	refCommit     = 'c'
	refDeployment = 'd'
	refPrefix     = 'p'
	refVersion    = 'v'
	refServing    = 's'
)

// New makes an empty index. Options that are zero take their default.
func New(o Options) *Index {
	ix := &Index{tenants: make(map[tenant.ID]*shard)}
	ix.limits[classLasting].tenant = orDefault(o.MaxPerTenant, DefaultOptions.MaxPerTenant)
	ix.limits[classLasting].total = orDefault(o.MaxTotal, DefaultOptions.MaxTotal)
	ix.limits[classTask].tenant = orDefault(o.MaxTasksPerTenant, DefaultOptions.MaxTasksPerTenant)
	ix.limits[classTask].total = orDefault(o.MaxTasksTotal, DefaultOptions.MaxTasksTotal)
	for c := range ix.all {
		ix.all[c] = list.New()
	}
	return ix
}

// Observe takes an event in. It merges with what is known of the entity, so that events may come in any order and twice.
// The event must not be changed afterwards.
func (ix *Index) Observe(id tenant.ID, ev build.Event) {
	key, cl, ok := keyOf(ev)
	if !ok {
		return
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	sh := ix.tenants[id]
	if sh == nil {
		sh = &shard{id: id, entries: make(map[string]*entry), refs: make(map[ref]map[*entry]struct{})}
		for c := range sh.own {
			sh.own[c] = list.New()
		}
		ix.tenants[id] = sh
	}
	e := sh.entries[key]
	if e == nil {
		e = &entry{key: key, class: cl, shard: sh, event: ev}
		sh.entries[key] = e
		e.inAll, e.inTenant = ix.all[cl].PushFront(e), sh.own[cl].PushFront(e)
		sh.link(e)
		ix.shrink(sh, cl)
		return
	}
	sh.unlink(e)
	e.event = merge(e.event, ev)
	sh.link(e)
	ix.all[cl].MoveToFront(e.inAll)
	sh.own[cl].MoveToFront(e.inTenant)
}

// shrink evicts until tenant and total are in their bounds.
func (ix *Index) shrink(sh *shard, c class) {
	for sh.own[c].Len() > ix.limits[c].tenant {
		ix.evict(sh.own[c], func(e *entry) *list.Element { return e.inTenant })
	}
	for ix.all[c].Len() > ix.limits[c].total {
		ix.evict(ix.all[c], func(e *entry) *list.Element { return e.inAll })
	}
}

// evict drops the entry that has gone unused for longest. One that was looked up since it came to the back goes to the
// front once; the loop ends because each round clears a mark.
func (ix *Index) evict(l *list.List, in func(*entry) *list.Element) {
	for {
		e := l.Back().Value.(*entry)
		if e.used.Swap(false) {
			l.MoveToFront(in(e))
			continue
		}
		ix.drop(e)
		return
	}
}

func (ix *Index) drop(e *entry) {
	sh := e.shard
	sh.unlink(e)
	delete(sh.entries, e.key)
	sh.own[e.class].Remove(e.inTenant)
	ix.all[e.class].Remove(e.inAll)
	ix.evicted.Add(1)
	if len(sh.entries) == 0 {
		delete(ix.tenants, sh.id)
	}
}

// Len is the number of entries.
func (ix *Index) Len() int {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	n := 0
	for _, l := range ix.all {
		n += l.Len()
	}
	return n
}

// Evicted counts the entries that were dropped for the bounds.
func (ix *Index) Evicted() uint64 { return ix.evicted.Load() }

// Run gives the last known state of a run by its id, or nil. Callers must not change it; the same holds for all lookups.
func (ix *Index) Run(id tenant.ID, runID string) *build.Run {
	r, _ := ix.get(id, runKey(runID)).(*build.Run)
	return r
}

// Task gives the last known state of a task, or nil.
func (ix *Index) Task(id tenant.ID, runID, taskID string) *build.Task {
	t, _ := ix.get(id, taskKey(runID, taskID)).(*build.Task)
	return t
}

// Artifact gives what is known of a digest as built by a run, or nil.
func (ix *Index) Artifact(id tenant.ID, digest, runID string) *build.Artifact {
	a, _ := ix.get(id, artifactKey(digest, runID)).(*build.Artifact)
	return a
}

// Deployment gives the last known state of a deployment of a service, or nil.
func (ix *Index) Deployment(id tenant.ID, deploymentID, service string) *build.Deployment {
	d, _ := ix.get(id, deploymentKey(deploymentID, service)).(*build.Deployment)
	return d
}

// DeploymentsOf gives the deployments that name one of the digests or the commit.
func (ix *Index) DeploymentsOf(id tenant.ID, digests []string, commit string) []*build.Deployment {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	sh := ix.tenants[id]
	if sh == nil {
		return nil
	}
	seen := make(map[*entry]struct{})
	var out []*build.Deployment
	collect := func(r ref) {
		for e := range sh.refs[r] {
			if _, twice := seen[e]; twice {
				continue
			}
			seen[e] = struct{}{}
			if d, ok := e.event.(*build.Deployment); ok {
				out = append(out, d)
			}
		}
	}
	for _, d := range digests {
		collect(ref{refDigest, NormalizeDigest(d), ""})
	}
	if commit != "" {
		collect(ref{refCommit, commit, ""})
	}
	return out
}

// Services gives the states of a deployment that name a service; the state without one is Deployment's.
func (ix *Index) Services(id tenant.ID, deploymentID string) []*build.Deployment {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	sh := ix.tenants[id]
	if sh == nil {
		return nil
	}
	var out []*build.Deployment
	for e := range sh.refs[ref{refDeployment, deploymentID, ""}] {
		if d, ok := e.event.(*build.Deployment); ok && d.Service != "" {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *build.Deployment) int { return strings.Compare(a.Service, b.Service) })
	return out
}

func (ix *Index) get(id tenant.ID, key string) build.Event {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	sh := ix.tenants[id]
	if sh == nil {
		return nil
	}
	e := sh.entries[key]
	if e == nil {
		return nil
	}
	e.used.Store(true)
	return e.event
}

func (sh *shard) link(e *entry) {
	for _, r := range refsOf(e.event) {
		set := sh.refs[r]
		if set == nil {
			set = make(map[*entry]struct{}, 1)
			sh.refs[r] = set
		}
		set[e] = struct{}{}
	}
}

func (sh *shard) unlink(e *entry) {
	for _, r := range refsOf(e.event) {
		set := sh.refs[r]
		delete(set, e)
		if len(set) == 0 {
			delete(sh.refs, r)
		}
	}
}

func runKey(id string) string                 { return "r\x00" + id }
func taskKey(run, id string) string           { return "t\x00" + run + "\x00" + id }
func artifactKey(digest, run string) string   { return "a\x00" + NormalizeDigest(digest) + "\x00" + run }
func deploymentKey(id, service string) string { return "d\x00" + id + "\x00" + service }
func keyOf(ev build.Event) (string, class, bool) {
	switch e := ev.(type) {
	case *build.Run:
		return runKey(e.ID()), classLasting, true
	case *build.Task:
		return taskKey(e.RunKey.ID(), e.ID), classTask, true
	case *build.Artifact:
		return artifactKey(e.Digest, e.RunKey.ID()), classLasting, true
	case *build.Deployment:
		return deploymentKey(e.ID(), e.Service), classLasting, true
	default:
		return "", 0, false
	}
}

func merge(old, ev build.Event) build.Event {
	switch e := ev.(type) {
	case *build.Run:
		return old.(*build.Run).Merge(e)
	case *build.Task:
		return old.(*build.Task).Merge(e)
	case *build.Artifact:
		return old.(*build.Artifact).Merge(e)
	case *build.Deployment:
		return old.(*build.Deployment).Merge(e)
	default:
		return ev
	}
}

func refsOf(ev build.Event) []ref {
	switch e := ev.(type) {
	case *build.Run:
		return commitRefs(nil, e.CommitSHA)
	case *build.Task:
		return jobRefs(e)
	case *build.Artifact:
		refs := commitRefs([]ref{{refDigest, NormalizeDigest(e.Digest), ""}}, e.CommitSHA)
		if e.ArtifactVersion != "" {
			if e.Service != "" {
				refs = append(refs, ref{refVersion, e.Service, e.ArtifactVersion})
			} else if name := imageName(e.Name); name != "" {
				refs = append(refs, ref{refVersion, name, e.ArtifactVersion})
			}
		}
		return refs
	case *build.Deployment:
		refs := []ref{{refDeployment, e.ID(), ""}}
		for _, d := range e.Digests {
			refs = append(refs, ref{refDigest, NormalizeDigest(d), ""})
		}
		if e.Service != "" && e.ServiceVersion != "" {
			refs = append(refs, ref{refVersion, e.Service, e.ServiceVersion})
		}
		if e.Service != "" && e.Environment != "" {
			refs = append(refs, ref{refServing, e.Service, e.Environment})
		}
		return commitRefs(refs, e.CommitSHA)
	default:
		return nil
	}
}

func commitRefs(refs []ref, sha string) []ref {
	if sha == "" {
		return refs
	}
	refs = append(refs, ref{refCommit, sha, ""})
	if len(sha) >= prefixLength {
		refs = append(refs, ref{refPrefix, sha[:prefixLength], ""})
	}
	return refs
}

func orDefault(v, def int) int {
	if v > 0 {
		return v
	}
	return def
}
