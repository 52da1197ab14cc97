// Package printcache remembers how the stacks of exceptions were read: one bug gives many equal stacks, and reading one
// costs as much as encoding dozens of spans. The column encoders ask it instead of package fingerprint.
package printcache

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/summitobs/summit/internal/fingerprint"
)

// MaxEntries bounds the exceptions whose reading is remembered, in each of two generations: at worst 64 KiB each.
const MaxEntries = 1 << 10

// Cache remembers how stacks were read: one bug gives many equal ones. Keys are two hashes with seeds of this process,
// so nobody outside can make two stacks meet. It is safe for concurrent use.
type Cache struct {
	a, b       maphash.Seed
	mu         sync.Mutex
	young, old map[[2]uint64]*fingerprint.Result
}

// New makes an empty cache.
func New() *Cache {
	return &Cache{a: maphash.MakeSeed(), b: maphash.MakeSeed(), young: make(map[[2]uint64]*fingerprint.Result)}
}

// Exception is fingerprint.Exception. A parsed stack makes the message irrelevant, so messages are not part of the key
// but where nothing else is known.
func (p *Cache) Exception(language, typ, message, stack string) *fingerprint.Result {
	if stack == "" {
		res := fingerprint.Exception(language, typ, message, stack)
		return &res
	}
	key := [2]uint64{p.hash(p.a, language, typ, stack), p.hash(p.b, language, typ, stack)}
	p.mu.Lock()
	res := p.young[key]
	if res == nil {
		res = p.old[key]
	}
	p.mu.Unlock()
	if res != nil {
		return res
	}
	made := fingerprint.Exception(language, typ, message, stack)
	if !made.Parsed {
		return &made
	}
	for i := range made.Frames { // else they would keep the whole request alive
		f := &made.Frames[i]
		f.Module, f.Function, f.File = strings.Clone(f.Module), strings.Clone(f.Function), strings.Clone(f.File)
	}
	made.Culprit = strings.Clone(made.Culprit)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.young) >= MaxEntries {
		p.old, p.young = p.young, make(map[[2]uint64]*fingerprint.Result)
	}
	p.young[key] = &made
	return &made
}

func (p *Cache) hash(seed maphash.Seed, parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range parts {
		h.WriteString(s)
		h.WriteByte(0)
	}
	return h.Sum64()
}
