package blockqueue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// Queue is a durable queue in one folder. Its methods are safe for concurrent use.
type Queue struct {
	opts Options
	dir  string
	log  *zap.Logger
	lock *os.File
	// id is in the tokens of the segments that this process opens. It is a new one at every Open: a folder that was
	// restored from a backup, or copied with the machine it was on, would otherwise give out tokens that the store has
	// seen with other rows, and these would be swallowed. Segments of earlier processes keep theirs.
	id uuid.UUID

	// The committer's own: no other goroutine reads them while it runs.
	state    state
	reserved uint64
	active   *active
	mark     *marker
	// left is the mark as the earlier process left it.
	left mark
	// unclean are segments whose last write failed and could not be cut off yet; nobody may read them before.
	unclean []*active
	buf     []byte

	wake     chan struct{}
	draining context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup

	// mu guards what follows; it is never held across I/O.
	mu      sync.Mutex
	changed *sync.Cond // sealed, committed or draining.Err() changed
	pending []*appendRequest
	// bytes are those of all files and of requests that wait to be written.
	bytes  int64
	sealed []*segment
	// taken are the segments that a worker has; opened the segments the committer has.
	taken      map[*segment]struct{}
	opened     int
	activeAt   time.Time
	closed     bool
	committed  bool // the committer has returned
	retryAfter time.Duration
	stats      Stats
}

// segment is a sealed segment that waits for the consumer.
type segment struct {
	number   uint64
	path     string
	size     int64
	openedAt time.Time
	// reported: its damage was set aside. consumed: the consumer took it and only the file remains. Both belong to the
	// worker that has the segment.
	reported bool
	consumed bool
}

// Open takes the folder dir, makes it when it is missing, seals what an earlier process left and starts handing
// segments to the consumer.
func Open(dir string, opts Options) (*Queue, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("queue options: %w", err)
	}
	if len(opts.Meta) > maxMetaBytes {
		return nil, fmt.Errorf("queue options: meta must be at most %d bytes, got %d", maxMetaBytes, len(opts.Meta))
	}
	if err := makeDir(dir, syncDir); err != nil {
		return nil, fmt.Errorf("make the queue folder: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		opts: opts, dir: dir, log: opts.Logger, lock: lock,
		wake: make(chan struct{}, 1), taken: map[*segment]struct{}{}, retryAfter: time.Second,
	}
	q.changed = sync.NewCond(&q.mu)
	q.draining, q.stop = context.WithCancel(context.Background())
	err = q.restore()
	if err == nil {
		q.mark, err = openMarker(dir)
	}
	if err != nil {
		q.stop()
		return nil, errors.Join(err, unlockDir(lock))
	}
	q.wg.Add(1 + opts.Consumers)
	go q.commitLoop()
	for range opts.Consumers {
		go q.drainLoop()
	}
	return q, nil
}

// Close stops taking records, seals what is open and lets the consumer take segments until ctx ends; what is left then
// stays on disk for the next Open.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	again := q.closed
	q.closed = true
	q.mu.Unlock()
	if again {
		return ErrClosed
	}
	q.signal()
	done := make(chan struct{})
	go func() {
		q.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		q.stop()
		q.mu.Lock()
		q.changed.Broadcast()
		q.mu.Unlock()
		<-done
	}
	q.stop()
	err := q.saveNextNumber(q.state.NextSegment)
	return errors.Join(err, q.mark.f.Close(), unlockDir(q.lock))
}

// Stats returns the state of the queue at this moment.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Bytes, s.MaxBytes = q.bytes, q.opts.MaxBytes
	s.Segments = len(q.sealed) + len(q.taken) + q.opened
	oldest := q.activeAt
	for seg := range q.taken {
		oldest = earlier(oldest, seg.openedAt)
	}
	for _, seg := range q.sealed {
		oldest = earlier(oldest, seg.openedAt)
	}
	if !oldest.IsZero() {
		s.OldestAge = max(0, time.Since(oldest))
	}
	return s
}

// ID stands in the tokens of the segments that this queue opens; no other Open ever has it.
func (q *Queue) ID() string { return q.id.String() }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// signal wakes the committer.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
