package blockqueue

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// restore reads what an earlier process left: numbers, segments, quarantine. Every segment that it keeps is sealed.
func (q *Queue) restore() error {
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("make a queue id: %w", err)
	}
	q.id = id
	st, damaged, err := loadState(q.dir)
	if err != nil {
		return err
	}
	if damaged {
		q.log.Error("the queue's state file was damaged; numbers go on behind the files that are there", zap.String("dir", q.dir))
	}
	kept, last, err := quarantined(q.dir)
	if err != nil {
		return err
	}
	q.stats.QuarantineBytes = kept
	st.NextSegment = max(st.NextSegment, last+1)
	if q.left, err = readMark(q.dir); err != nil {
		return err
	}
	numbers, err := listSegments(q.dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		st.NextSegment = max(st.NextSegment, n+1)
		if err := q.recoverSegment(n); err != nil {
			return err
		}
	}
	q.state = st
	return q.saveNextNumber(st.NextSegment + numberReserve)
}

// saveNextNumber makes durable that no number below next is given out again.
func (q *Queue) saveNextNumber(next uint64) error {
	if err := saveState(q.dir, state{NextSegment: next}); err != nil {
		return err
	}
	q.reserved = next
	return nil
}

// recoverSegment queues a segment. One without a seal was open when the process ended: its torn tail is cut.
func (q *Queue) recoverSegment(number uint64) error {
	path := segmentPath(q.dir, number)
	if seg := peekSealed(path, number); seg != nil {
		q.sealed = append(q.sealed, seg)
		q.bytes += seg.size
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read segment %d: %w", number, err)
	}
	seg := &segment{number: number, path: path, size: int64(len(data))}
	h, start, err := parseHeader(data)
	if err == nil && h.number != number {
		err = fmt.Errorf("segment header has number %d", h.number)
	}
	if errors.Is(err, errTornHeader) {
		if missing := q.left.missing(number, seg.size, true); missing != "" {
			return q.setAsideSegment(seg, 0, CauseDamaged, missing)
		}
		return q.dropEmpty(seg)
	}
	if err != nil {
		return q.setAsideSegment(seg, 0, CauseDamaged, err.Error())
	}
	c := scan(data, h.seed(), start)
	if !c.sealed {
		q.reportMissing(seg, data, c)
	}
	if len(c.entries) == 0 && !anyDamage(c.bad) {
		return q.dropEmpty(seg)
	}
	if !c.sealed {
		if err := q.sealRecovered(seg, data, h.seed(), c); err != nil {
			return err
		}
	}
	seg.openedAt = h.openedAt
	q.sealed = append(q.sealed, seg)
	q.bytes += seg.size
	return nil
}

// reportMissing reports a segment that lost its end, and sets aside what is left of the record that it ends in.
func (q *Queue) reportMissing(seg *segment, data []byte, c contents) {
	end, rows := len(data), 0
	if n := len(c.bad); n > 0 && c.bad[n-1].torn {
		end, rows = c.bad[n-1].from, c.bad[n-1].rows
	}
	if missing := q.left.missing(seg.number, seg.size, end < len(data)); missing != "" {
		q.setAsideBytes(SetAside{
			Segment: seg.number, Offset: int64(end), Rows: rows, Class: -1, Cause: CauseDamaged, Reason: missing,
		}, data[end:])
	}
}

// peekSealed looks at the header and the seal only, so that a long queue is opened without being read. It returns nil
// when the segment must be looked at as a whole.
func peekSealed(path string, number uint64) *segment {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < headerFixed+4+frameBytes {
		return nil
	}
	head := make([]byte, min(info.Size(), headerFixed+maxMetaBytes+4))
	tail := make([]byte, frameBytes)
	at := info.Size() - frameBytes
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil
	}
	if _, err := f.ReadAt(tail, at); err != nil {
		return nil
	}
	h, _, err := parseHeader(head)
	if err != nil || h.number != number {
		return nil
	}
	if last, ok := parseFrame(tail, h.seed(), int(at)); !ok || last.magic != sealMagic {
		return nil
	}
	return &segment{number: number, path: path, size: info.Size(), openedAt: h.openedAt}
}

func anyDamage(bad []badRange) bool {
	for _, b := range bad {
		if !b.torn {
			return true
		}
	}
	return false
}

// dropEmpty removes a segment in which nothing was ever acknowledged.
func (q *Queue) dropEmpty(seg *segment) error {
	if err := os.Remove(seg.path); err != nil {
		return fmt.Errorf("remove the empty segment %d: %w", seg.number, err)
	}
	q.stats.TornBytes += seg.size
	return syncDir(q.dir)
}

// sealRecovered cuts the torn tail of a segment, if it has one, and writes the seal. Damage in front of it, and damage
// at the end that isn't a torn write, stays in the file until the segment is handed over and it is set aside.
func (q *Queue) sealRecovered(seg *segment, data []byte, seed uint32, c contents) error {
	end := len(data)
	if n := len(c.bad); n > 0 && c.bad[n-1].torn {
		end = c.bad[n-1].from
		q.stats.TornBytes += int64(len(data) - end)
		q.log.Info("cut an interrupted write from a segment", zap.Uint64("segment", seg.number),
			zap.Int("bytes", len(data)-end))
	}
	f, err := os.OpenFile(seg.path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open segment %d to seal it: %w", seg.number, err)
	}
	err = f.Truncate(int64(end))
	if err == nil {
		seal := frame{magic: sealMagic, rows: uint32(len(c.entries))}
		_, err = f.WriteAt(appendFrame(nil, seal, seed, int64(end)), int64(end))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("seal segment %d: %w", seg.number, err)
	}
	seg.size = int64(end) + frameBytes
	return nil
}
