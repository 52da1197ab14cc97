package cireceiver

import (
	"container/list"
	"sync"
	"time"
)

// Bounds of the memory of deliveries. Three days is how long GitHub can be told to deliver again.
const (
	dedupeWindow  = 72 * time.Hour
	dedupeEntries = 100_000
)

// deliveries remembers ids of deliveries that were stored. It is safe for concurrent use.
type deliveries struct {
	window time.Duration
	limit  int

	mu    sync.Mutex
	seen  map[string]*list.Element
	order *list.List // of delivery, newest first
}

type delivery struct {
	id string
	at time.Time
}

func newDeliveries(window time.Duration, limit int) *deliveries {
	return &deliveries{window: window, limit: limit, seen: make(map[string]*list.Element), order: list.New()}
}

// has tells whether the id was stored within the window. An empty id never was.
func (d *deliveries) has(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.seen[id]
	return ok && time.Since(e.Value.(delivery).at) < d.window
}

// add remembers an id and forgets the oldest beyond the bounds.
func (d *deliveries) add(id string) {
	if id == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.seen[id]; ok {
		d.order.Remove(e)
	}
	d.seen[id] = d.order.PushFront(delivery{id: id, at: time.Now()})
	for e := d.order.Back(); e != nil; e = d.order.Back() {
		oldest := e.Value.(delivery)
		if d.order.Len() <= d.limit && time.Since(oldest.at) < d.window {
			return
		}
		d.order.Remove(e)
		delete(d.seen, oldest.id)
	}
}
