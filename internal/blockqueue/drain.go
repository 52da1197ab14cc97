package blockqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// readAttempts is how often a segment that cannot be read is tried before it is set aside.
const readAttempts = 5

// Segment is a sealed segment as the consumer sees it.
type Segment struct {
	// QueueID and Number name the segment; no other segment ever has both.
	QueueID uuid.UUID
	Number  uint64
	// OpenedAt is when the segment was opened; the same at every attempt.
	OpenedAt time.Time
	// Meta is Options.Meta as it was then.
	Meta []byte
	// Attempt counts from 1 in this process.
	Attempt int
	// Records in the order in which they were appended. The same at every attempt.
	Records []Record

	offsets []int64
	q       *Queue
}

// Token names the segment and a part of it: the same at every attempt and after every restart.
func (s *Segment) Token(part string) string {
	return fmt.Sprintf("%s-%d-%s", s.QueueID, s.Number, part)
}

// SetAside keeps record i in quarantine and reports it: for a record that the consumer cannot read.
func (s *Segment) SetAside(i int, reason error) {
	r := s.Records[i]
	s.q.setAsideBytes(SetAside{
		Segment: s.Number, Offset: s.offsets[i], Rows: r.Rows, Class: int(r.Class), Cause: CauseRefused, Reason: reason.Error(),
	}, r.Payload)
}

// drainLoop hands over one segment after the other.
func (q *Queue) drainLoop() {
	defer q.wg.Done()
	for {
		seg := q.nextSealed()
		if seg == nil {
			return
		}
		q.drain(seg)
	}
}

// nextSealed waits for a sealed segment; nil means that the worker is to end.
func (q *Queue) nextSealed() *segment {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.draining.Err() != nil {
			return nil
		}
		if len(q.sealed) > 0 {
			seg := q.sealed[0]
			q.sealed = q.sealed[1:]
			q.taken[seg] = struct{}{}
			return seg
		}
		if q.committed {
			return nil
		}
		q.changed.Wait()
	}
}

// drain tries until the segment is taken, set aside, or the queue stops.
func (q *Queue) drain(seg *segment) {
	pause := q.opts.RetryMin
	for attempt := 1; ; attempt++ {
		began := time.Now()
		err := q.attempt(seg, attempt)
		if err == nil {
			q.noteDrain(time.Since(began))
			q.release(seg)
			return
		}
		if q.draining.Err() != nil {
			return
		}
		q.log.Warn("hand a segment over", zap.Uint64("segment", seg.number), zap.Int("attempt", attempt),
			zap.Duration("retry_in", pause), zap.Error(err))
		q.noteDrain(pause)
		select {
		case <-q.draining.Done():
			return
		case <-time.After(jitter(pause)):
		}
		pause = min(2*pause, q.opts.RetryMax)
	}
}

// attempt hands the segment over and removes its file.
func (q *Queue) attempt(seg *segment, attempt int) error {
	if !seg.consumed {
		gone, err := q.consume(seg, attempt)
		if err != nil || gone {
			return err
		}
		seg.consumed = true
	}
	if err := os.Remove(seg.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove segment %d: %w", seg.number, err)
	}
	return syncDir(q.dir)
}

// consume reads the segment and calls the consumer. gone says that the file has left the queue's folder.
func (q *Queue) consume(seg *segment, attempt int) (gone bool, err error) {
	s, err := q.load(seg)
	if errors.Is(err, fs.ErrNotExist) {
		q.report(SetAside{Segment: seg.number, Bytes: seg.size, Class: -1, Cause: CauseMissing, Reason: "segment file is missing", Lost: true})
		return true, nil
	}
	if err != nil {
		var damaged *damagedError
		if attempt < readAttempts && !errors.As(err, &damaged) {
			return false, err
		}
		return q.moveAside(seg, 0, CauseDamaged, err)
	}
	if len(s.Records) == 0 {
		return false, nil
	}
	s.Attempt = attempt
	err = q.opts.Consume(q.draining, s)
	var permanent *permanentError
	if errors.As(err, &permanent) {
		return q.moveAside(seg, totalRows(s.Records), CauseRefused, err)
	}
	if err != nil {
		return false, err
	}
	q.mu.Lock()
	q.stats.Drained += uint64(len(s.Records))
	q.mu.Unlock()
	return false, nil
}

func (q *Queue) moveAside(seg *segment, rows int, cause string, reason error) (gone bool, err error) {
	if err := q.setAsideSegment(seg, rows, cause, reason.Error()); err != nil {
		return false, err
	}
	return true, nil
}

func totalRows(records []Record) int {
	sum := 0
	for _, r := range records {
		sum += r.Rows
	}
	return sum
}

// damagedError says that a segment's header cannot be read, which no retry cures.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// load reads a segment and sets its damaged parts aside, once.
func (q *Queue) load(seg *segment) (*Segment, error) {
	data, err := os.ReadFile(seg.path)
	if err != nil {
		return nil, fmt.Errorf("read segment %d: %w", seg.number, err)
	}
	data = data[:min(int64(len(data)), seg.size)]
	h, start, err := parseHeader(data)
	if err != nil {
		return nil, &damagedError{fmt.Errorf("read segment %d: %w", seg.number, err)}
	}
	c := scan(data, h.seed(), start)
	if !seg.reported {
		for _, b := range c.bad {
			q.setAsideBytes(SetAside{
				Segment: seg.number, Offset: int64(b.from), Rows: b.rows, Class: -1, Cause: CauseDamaged, Reason: b.reason,
			}, data[b.from:b.to])
		}
		seg.reported = true
	}
	s := &Segment{QueueID: h.queueID, Number: h.number, OpenedAt: h.openedAt, Meta: h.meta, q: q}
	for _, e := range c.entries {
		s.Records = append(s.Records, e.record)
		s.offsets = append(s.offsets, int64(e.offset))
	}
	return s, nil
}

// release forgets a segment whose file is gone, and lets the committer seal the next for the consumer that is free now.
func (q *Queue) release(seg *segment) {
	q.mu.Lock()
	delete(q.taken, seg)
	q.bytes -= seg.size
	q.mu.Unlock()
	q.signal()
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
