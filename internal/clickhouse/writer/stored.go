package writer

import (
	"sync"
	"time"

	"github.com/summitobs/summit/internal/tenant"
)

// storedKey names a row that is written once a day and process: a resource, a series, a pattern. Its table replaces
// equal rows, so writing it once too often costs little, and losing it would leave others pointing to nothing.
type storedKey struct {
	tenant tenant.ID
	kind   storedKind
	// day counts days since 1970: of the arrival, or of the row's own time where the table has a row per day.
	day    int32
	hi, lo uint64
}

// storedKind tells the tables apart.
type storedKind uint8

// The kinds of row.
const (
	storedResource storedKind = iota
	storedBucket
	storedPattern
	storedSeries
	storedMeta
	storedLabel
)

// maxStored bounds the rows that are remembered, in each of two generations: 56 bytes each and the map's own.
const maxStored = 1 << 18

// stored remembers rows in two generations: when the younger is full, the older is forgotten.
type stored struct {
	mu         sync.RWMutex
	young, old map[storedKey]struct{}
}

func (s *stored) init() { s.young = make(map[storedKey]struct{}) }

func (s *stored) has(k storedKey) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.young[k]; ok {
		return true
	}
	_, ok := s.old[k]
	return ok
}

// add remembers rows, and tells of each that wasn't remembered: batches that were made at the same time may share some.
func (s *stored) add(keys map[storedKey]struct{}, fresh func(storedKey)) {
	if len(keys) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range keys {
		_, young := s.young[k]
		if _, old := s.old[k]; !young && !old {
			fresh(k)
		}
		if len(s.young) >= maxStored {
			s.old, s.young = s.young, make(map[storedKey]struct{})
		}
		s.young[k] = struct{}{}
	}
}

// first tells whether the row must be written by this batch: it wasn't stored before, nor by this batch.
func (b *Batch) first(k storedKey) bool {
	if _, ok := b.pending[k]; ok || b.enc.stored.has(k) {
		return false
	}
	b.pending[k] = struct{}{}
	return true
}

// dayOf counts days since 1970.
func dayOf(t time.Time) int32 { return int32(t.Unix() / 86400) }
