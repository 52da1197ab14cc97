package cireceiver

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/summitobs/summit/internal/build"
)

// lockKeys are the runs, digests and deployments that the events touch; an artifact touches the deployments of its digest.
func (r *ciReceiver) lockKeys(events []build.Event) []string {
	var keys []string
	for _, ev := range events {
		switch e := ev.(type) {
		case *build.Run:
			keys = append(keys, e.ID())
		case *build.Task:
			keys = append(keys, e.RunKey.ID())
		case *build.Artifact:
			keys = append(keys, e.RunKey.ID(), e.Digest)
			for _, d := range r.index.DeploymentsOf(r.tenant, []string{e.Digest}, "") {
				keys = append(keys, d.ID())
			}
		case *build.Deployment:
			keys = append(append(keys, e.ID()), e.Digests...)
		}
	}
	return keys
}

// keyLocks serialises work on the same keys with a fixed number of locks.
type keyLocks struct{ stripes [256]sync.Mutex }

var lockSeed = maphash.MakeSeed()

// lock takes the locks of all keys, in the order of the stripes so that two callers never wait for each other.
func (l *keyLocks) lock(keys []string) (unlock func()) {
	var held []int
	for _, k := range keys {
		if k != "" {
			held = append(held, int(maphash.String(lockSeed, k)%uint64(len(l.stripes))))
		}
	}
	slices.Sort(held)
	held = slices.Compact(held)
	for _, i := range held {
		l.stripes[i].Lock()
	}
	return func() {
		for _, i := range held {
			l.stripes[i].Unlock()
		}
	}
}
