package blockqueue

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
)

// keepBufferBytes is the largest write buffer that is kept between commits.
const keepBufferBytes = 8 << 20

// active is the open segment; it belongs to the committer.
type active struct {
	segment
	f    file
	seed uint32
	// durable is the size up to which every byte is fsynced.
	durable  int64
	rows     []int
	rawBytes int64
	records  int
	firstAt  time.Time
	// dirty: a write or fsync failed, so bytes after durable must be cut before anyone reads the file.
	dirty bool
}

// fill is what a segment holds of its limits.
type fill struct {
	rows     []int
	bytes    int64
	rawBytes int64
	records  int
}

// commitLoop writes what is pending, one fsync for all that wait, and seals.
func (q *Queue) commitLoop() {
	defer q.wg.Done()
	defer q.commitDone()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		batch, closed := q.takePending()
		if len(batch) > 0 {
			q.commit(batch)
		}
		q.cleanUnclean()
		wait := q.sealIfDue(time.Now())
		if closed && len(batch) == 0 {
			return
		}
		if closed {
			continue
		}
		timer.Reset(wait)
		select {
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// commitDone seals what is open and tells the workers that nothing more comes.
func (q *Queue) commitDone() {
	if q.active != nil {
		q.seal()
	}
	q.cleanUnclean()
	for _, a := range q.unclean {
		// The next Open cuts what follows the last whole record.
		_ = a.f.Close()
	}
	q.mu.Lock()
	q.committed = true
	q.changed.Broadcast()
	q.mu.Unlock()
}

// commit writes a batch in order, to one segment or several.
func (q *Queue) commit(batch []*appendRequest) {
	for len(batch) > 0 {
		if q.active != nil && q.overflows(q.active.fill(), batch[0]) {
			q.seal()
		}
		if q.active == nil {
			if err := q.openSegment(); err != nil {
				q.settle(batch, err)
				return
			}
		}
		n := q.stage(batch)
		err := q.writeStaged()
		if err != nil {
			q.log.Error("write to the queue", zap.Uint64("segment", q.active.number), zap.Error(err))
			q.active.dirty = true
			q.seal()
		} else {
			q.noteWritten(batch[:n])
		}
		q.settle(batch[:n], err)
		batch = batch[n:]
	}
}

// stage puts the frames of the first requests that fit the open segment into the buffer and returns their number.
func (q *Queue) stage(batch []*appendRequest) int {
	a := q.active
	q.buf = q.buf[:0]
	f := a.fill()
	for i, r := range batch {
		if i > 0 && q.overflows(f, r) {
			return i
		}
		q.buf = appendFrame(q.buf, frame{
			magic: recordMagic, length: uint32(len(r.rec.Payload)), rows: uint32(r.rec.Rows),
			rawBytes: uint64(r.rec.RawBytes), class: r.rec.Class, payloadCRC: r.crc,
		}, a.seed, a.durable+int64(len(q.buf)))
		q.buf = append(q.buf, r.rec.Payload...)
		f.add(r)
	}
	return len(batch)
}

func (q *Queue) writeStaged() error {
	a := q.active
	defer func() {
		if cap(q.buf) > keepBufferBytes {
			q.buf = nil
		}
	}()
	if _, err := a.f.Write(q.buf); err != nil {
		return fmt.Errorf("write segment %d: %w", a.number, err)
	}
	if err := a.f.Sync(); err != nil {
		return fmt.Errorf("sync segment %d: %w", a.number, err)
	}
	return nil
}

func (q *Queue) noteWritten(reqs []*appendRequest) {
	a := q.active
	f := a.fill()
	for _, r := range reqs {
		f.add(r)
	}
	a.rows, a.durable, a.rawBytes, a.records = f.rows, f.bytes, f.rawBytes, f.records
	q.mark.set(a.number, a.durable, q.log)
	q.mu.Lock()
	q.stats.Syncs++
	q.mu.Unlock()
}

func (a *active) fill() fill {
	return fill{rows: append([]int(nil), a.rows...), bytes: a.durable, rawBytes: a.rawBytes, records: a.records}
}

func (f *fill) add(r *appendRequest) {
	f.rows[r.rec.Class] += r.rec.Rows
	f.bytes += r.bytes
	f.rawBytes += int64(r.rec.RawBytes)
	f.records++
}

// overflows tells whether a segment is full for r. A segment takes at least one record.
func (q *Queue) overflows(f fill, r *appendRequest) bool {
	return f.records > 0 &&
		(f.rows[r.rec.Class]+r.rec.Rows > q.opts.SealRows[r.rec.Class] ||
			f.bytes+r.bytes > q.opts.SealBytes ||
			f.rawBytes+int64(r.rec.RawBytes) > q.opts.SealRawBytes)
}

// openSegment makes the next segment's file, durable in its folder.
func (q *Queue) openSegment() error {
	if q.state.NextSegment >= q.reserved {
		if err := q.saveNextNumber(q.state.NextSegment + numberReserve); err != nil {
			return err
		}
	}
	number := q.state.NextSegment
	q.state.NextSegment++
	now := time.Now()
	h := header{queueID: q.id, number: number, openedAt: now, meta: q.opts.Meta}
	path := segmentPath(q.dir, number)
	f, err := q.opts.openFile(path)
	if err != nil {
		return fmt.Errorf("make segment %d: %w", number, err)
	}
	head := appendHeader(nil, h)
	_, err = f.Write(head)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(q.dir)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return fmt.Errorf("start segment %d: %w", number, err)
	}
	q.active = &active{
		segment: segment{number: number, path: path, openedAt: now},
		f:       f, seed: h.seed(), durable: int64(len(head)), rows: make([]int, len(q.opts.SealRows)), firstAt: now,
	}
	q.mu.Lock()
	q.bytes += int64(len(head))
	q.opened++
	q.activeAt = now
	q.mu.Unlock()
	return nil
}

// sealIfDue seals the open segment when its time has come and returns how long the committer may sleep.
func (q *Queue) sealIfDue(now time.Time) time.Duration {
	wait := time.Hour
	if len(q.unclean) > 0 {
		wait = time.Second
	}
	if q.active == nil {
		return wait
	}
	left := q.sealDueAt(q.active).Sub(now)
	if left > 0 {
		return min(wait, left)
	}
	q.seal()
	return wait
}

// sealDueAt is when the open segment is old enough. While no consumer is free a sealed segment would only wait, so the
// open one goes on growing: larger inserts cost the store less per row.
func (q *Queue) sealDueAt(a *active) time.Time {
	if q.consumerFree() {
		return a.firstAt.Add(q.opts.SealAfter)
	}
	return a.firstAt.Add(q.opts.SealAfterBusy)
}

func (q *Queue) consumerFree() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.sealed)+len(q.taken) < q.opts.Consumers
}

// seal ends the open segment and queues it for the consumer.
func (q *Queue) seal() {
	a := q.active
	q.active = nil
	q.mu.Lock()
	q.activeAt = time.Time{}
	q.mu.Unlock()
	if a.dirty {
		q.unclean = append(q.unclean, a)
		q.cleanUnclean()
		return
	}
	q.finish(a)
}

// cleanUnclean cuts failed writes off their segments, which are then as good as any.
func (q *Queue) cleanUnclean() {
	kept := q.unclean[:0]
	for _, a := range q.unclean {
		if err := a.cut(); err != nil {
			q.log.Warn("cut a failed write from a segment", zap.Uint64("segment", a.number), zap.Error(err))
			kept = append(kept, a)
			continue
		}
		q.finish(a)
	}
	q.unclean = kept
}

func (a *active) cut() error {
	if err := a.f.Truncate(a.durable); err != nil {
		return err
	}
	if _, err := a.f.Seek(a.durable, io.SeekStart); err != nil {
		return err
	}
	return a.f.Sync()
}

// finish writes the seal, which only spares the next Open the search for a torn tail: without it the records are as
// durable. A segment without records is removed.
func (q *Queue) finish(a *active) {
	size := a.durable
	if a.records > 0 {
		seal := appendFrame(nil, frame{magic: sealMagic, rows: uint32(a.records)}, a.seed, a.durable)
		_, err := a.f.Write(seal)
		if err == nil {
			err = a.f.Sync()
		}
		if err != nil {
			q.log.Warn("seal a segment", zap.Uint64("segment", a.number), zap.Error(err))
		} else {
			size += frameBytes
			q.mark.sealed(a.number, size, q.log)
		}
	}
	_ = a.f.Close()
	if a.records == 0 {
		// Should it stay, the next Open finds it empty.
		_ = os.Remove(a.path)
	}
	seg := a.segment
	seg.size = size
	q.mu.Lock()
	defer q.mu.Unlock()
	q.opened--
	if a.records == 0 {
		q.bytes -= size
		return
	}
	q.bytes += size - a.durable
	q.sealed = append(q.sealed, &seg)
	q.changed.Broadcast()
}
