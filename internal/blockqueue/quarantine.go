package blockqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// Causes of setting data aside.
const (
	// CauseDamaged: the bytes on disk are not those that were written, or cannot be read.
	CauseDamaged = "damaged"
	// CauseRefused: the consumer said that no retry helps.
	CauseRefused = "refused"
	// CauseMissing: the file was removed by somebody else.
	CauseMissing = "missing"
)

// SetAside tells of acknowledged data that did not reach the consumer and where its bytes are kept.
type SetAside struct {
	// Segment is the number of the segment, Offset where the bytes began in it (0 for a whole segment).
	Segment uint64
	Offset  int64
	// Bytes is their length, Rows the number of rows as far as it is known.
	Bytes int64
	Rows  int
	// Class is the class of the record, -1 where it isn't known or several.
	Class int
	// Cause is one of the Cause constants; Reason says why, in words.
	Cause  string
	Reason string
	// Path is where they are kept, "" when Lost.
	Path string
	// Lost says that the quarantine is full or cannot be written, so the bytes are gone.
	Lost bool
}

// quarantined adds up what lies in quarantine and gives the highest number of a segment that something there is named by:
// a segment that got the number again would overwrite it.
func quarantined(dir string) (bytes int64, last uint64, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, quarantineDir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("list the quarantine: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		digits := strings.IndexFunc(e.Name(), func(r rune) bool { return r < '0' || r > '9' })
		if n, err := strconv.ParseUint(e.Name()[:max(digits, 0)], 10, 63); err == nil {
			last = max(last, n)
		}
	}
	return bytes, last, nil
}

// setAsideBytes keeps a stretch of a segment. Its file name is made of segment and offset, so a second attempt at the
// same segment writes the same file.
func (q *Queue) setAsideBytes(rep SetAside, data []byte) {
	rep.Bytes = int64(len(data))
	name := fmt.Sprintf("%020d-%012d.bin", rep.Segment, rep.Offset)
	rep.Path = filepath.Join(q.dir, quarantineDir, name)
	if info, err := os.Stat(rep.Path); err == nil && info.Size() == rep.Bytes {
		q.report(rep)
		return
	}
	err := q.reserveQuarantine(rep.Bytes)
	if err == nil {
		if err = q.writeQuarantine(rep, data); err != nil {
			_ = q.reserveQuarantine(-rep.Bytes)
		}
	}
	if err != nil {
		rep.Lost, rep.Path = true, ""
		q.log.Error("set aside damaged data", zap.Error(err))
	}
	q.report(rep)
}

func (q *Queue) writeQuarantine(rep SetAside, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(rep.Path), 0o700); err != nil {
		return fmt.Errorf("make the quarantine: %w", err)
	}
	if err := writeDurably(rep.Path, data); err != nil {
		return fmt.Errorf("write %s: %w", rep.Path, err)
	}
	if err := writeDurably(rep.Path+".txt", []byte(rep.Reason+"\n")); err != nil {
		return fmt.Errorf("write the reason beside %s: %w", rep.Path, err)
	}
	return syncDir(filepath.Dir(rep.Path))
}

// setAsideSegment moves a whole segment file to quarantine. An error means that it is still where it was.
func (q *Queue) setAsideSegment(seg *segment, rows int, cause, reason string) error {
	rep := SetAside{Segment: seg.number, Bytes: seg.size, Rows: rows, Class: -1, Cause: cause, Reason: reason}
	dir := filepath.Join(q.dir, quarantineDir)
	if err := q.reserveQuarantine(rep.Bytes); err != nil {
		rep.Lost = true
		q.log.Error("set aside a segment", zap.Uint64("segment", seg.number), zap.Error(err))
		if err := os.Remove(seg.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove segment %d: %w", seg.number, err)
		}
		q.report(rep)
		return syncDir(q.dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the quarantine: %w", err)
	}
	rep.Path = filepath.Join(dir, filepath.Base(seg.path))
	if err := os.Rename(seg.path, rep.Path); err != nil {
		_ = q.reserveQuarantine(-rep.Bytes)
		return fmt.Errorf("move segment %d to quarantine: %w", seg.number, err)
	}
	if err := writeDurably(rep.Path+".txt", []byte(reason+"\n")); err != nil {
		q.log.Warn("write the reason beside a segment set aside", zap.Error(err))
	}
	if err := errors.Join(syncDir(dir), syncDir(q.dir)); err != nil {
		q.log.Warn("make a segment's move to quarantine durable", zap.Error(err))
	}
	q.report(rep)
	return nil
}

func (q *Queue) reserveQuarantine(n int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stats.QuarantineBytes+n > q.opts.MaxQuarantineBytes {
		return fmt.Errorf("quarantine is full: %d of %d bytes", q.stats.QuarantineBytes, q.opts.MaxQuarantineBytes)
	}
	q.stats.QuarantineBytes += n
	return nil
}

func (q *Queue) report(rep SetAside) {
	q.mu.Lock()
	q.stats.SetAside++
	q.mu.Unlock()
	q.log.Error("data set aside", zap.Uint64("segment", rep.Segment), zap.Int64("offset", rep.Offset),
		zap.Int64("bytes", rep.Bytes), zap.Int("rows", rep.Rows), zap.String("reason", rep.Reason),
		zap.String("path", rep.Path), zap.Bool("lost", rep.Lost))
	q.opts.OnSetAside(rep)
}
