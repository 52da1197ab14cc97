// Package quota bounds what a tenant may add to the store in a day, where rows that all differ would fill a table and help
// no query. The column encoder asks it before it writes such a row and tells it once the row is durable, so that a request
// which is refused and comes again uses up nothing.
package quota

import (
	"sync"

	"github.com/summitobs/summit/internal/tenant"
)

// Key is a tenant and a day, in days since 1970.
type Key struct {
	Tenant tenant.ID
	Day    int32
}

// maxKeys bounds the tenants and days that are counted; beyond it counting begins anew.
const maxKeys = 10_000

// Quota counts rows by tenant and day. It is safe for concurrent use.
type Quota struct {
	limit int
	mu    sync.Mutex
	used  map[Key]int
}

// New makes a Quota of so many rows per tenant and day.
func New(limit int) *Quota { return &Quota{limit: limit, used: map[Key]int{}} }

// Admits tells whether one more row may be written by a batch that has so many new ones already. It counts nothing.
func (q *Quota) Admits(k Key, pending int) bool { return q.Used(k)+pending < q.limit }

// Count counts rows that are durable.
func (q *Quota) Count(k Key, rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, known := q.used[k]; !known && len(q.used) >= maxKeys {
		q.used = map[Key]int{}
	}
	q.used[k] += rows
}

// Used is the number of rows that were counted.
func (q *Quota) Used(k Key) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used[k]
}
