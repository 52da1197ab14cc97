package blockqueue

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// appendRequest is a record on its way to the committer.
type appendRequest struct {
	rec   Record
	crc   uint32
	bytes int64
	done  chan error // capacity 1
}

// Append returns nil once the record is on disk and fsynced. An ErrFull may be retried later, an ErrTooLarge never. When
// ctx ends while the record is being written, Append still waits for the outcome and returns it.
func (q *Queue) Append(ctx context.Context, rec Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append to the queue: %w", err)
	}
	if err := q.checkRecord(rec); err != nil {
		return err
	}
	req := &appendRequest{
		rec: rec, crc: crc32.Checksum(rec.Payload, castagnoli),
		bytes: int64(frameBytes + len(rec.Payload)), done: make(chan error, 1),
	}
	if err := q.enqueue(req); err != nil {
		return err
	}
	q.signal()
	select {
	case err := <-req.done:
		return err
	case <-ctx.Done():
	}
	if q.withdraw(req) {
		return fmt.Errorf("append to the queue: %w", ctx.Err())
	}
	return <-req.done
}

func (q *Queue) checkRecord(rec Record) error {
	switch {
	case len(rec.Payload) > q.opts.MaxRecordBytes:
		return fmt.Errorf("%w: %d bytes encoded, at most %d", ErrTooLarge, len(rec.Payload), q.opts.MaxRecordBytes)
	case rec.Rows > q.opts.MaxRecordRows:
		return fmt.Errorf("%w: %d rows, at most %d", ErrTooLarge, rec.Rows, q.opts.MaxRecordRows)
	case int64(frameBytes+len(rec.Payload)) > q.opts.MaxBytes:
		return fmt.Errorf("%w: %d bytes encoded, the whole queue has %d", ErrTooLarge, len(rec.Payload), q.opts.MaxBytes)
	case int(rec.Class) >= len(q.opts.SealRows):
		return fmt.Errorf("record has class %d, the queue has %d", rec.Class, len(q.opts.SealRows))
	case rec.Rows < 0 || rec.RawBytes < 0:
		return fmt.Errorf("record has %d rows and %d raw bytes", rec.Rows, rec.RawBytes)
	}
	return nil
}

func (q *Queue) enqueue(req *appendRequest) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.bytes+req.bytes > q.opts.MaxBytes {
		return &FullError{Bytes: q.bytes, MaxBytes: q.opts.MaxBytes, RetryAfter: q.retryAfter}
	}
	q.bytes += req.bytes
	q.pending = append(q.pending, req)
	return nil
}

// withdraw takes a request back that the committer has not taken yet.
func (q *Queue) withdraw(req *appendRequest) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.pending, req)
	if i < 0 {
		return false
	}
	q.pending = slices.Delete(q.pending, i, i+1)
	q.bytes -= req.bytes
	return true
}

// takePending hands all waiting requests to the committer.
func (q *Queue) takePending() (batch []*appendRequest, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.pending = q.pending, nil
	return batch, q.closed
}

// settle answers requests and gives their room back when they failed.
func (q *Queue) settle(reqs []*appendRequest, err error) {
	q.mu.Lock()
	if err == nil {
		q.stats.Appended += uint64(len(reqs))
	}
	for _, r := range reqs {
		if err != nil {
			q.bytes -= r.bytes
		}
	}
	q.mu.Unlock()
	for _, r := range reqs {
		r.done <- err
	}
}

// noteDrain keeps the delay that a refused sender is told: what one segment takes at present, 1 s to 30 s.
func (q *Queue) noteDrain(took time.Duration) {
	q.mu.Lock()
	q.retryAfter = min(max(took, time.Second), 30*time.Second)
	q.mu.Unlock()
}
