package blockqueue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

const (
	markName  = "mark"
	markBytes = 8 + 8 + 4
)

// mark says of the latest segment up to where its bytes were acknowledged: number 8 · bytes 8 · crc32c 4. It is written
// after each fsync of records and not fsynced itself. It outlives the process, not a power cut, and never says more than
// what is on disk; so where the segment ends before it, bytes were taken away, and that is no torn write.
type mark struct {
	number uint64
	bytes  int64
}

// marker keeps the mark. It belongs to the committer.
type marker struct {
	f    *os.File
	last mark
	// failed: it could not be written, and nobody needs to hear it again.
	failed bool
}

// readMark gives the mark that an earlier process left, or none.
func readMark(dir string) (m mark, err error) {
	b, err := os.ReadFile(filepath.Join(dir, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read the queue's mark: %w", err)
	}
	le := binary.LittleEndian
	if len(b) != markBytes || crc32.Checksum(b[:16], castagnoli) != le.Uint32(b[16:]) {
		return m, nil // it was being written: what it would have said is not known
	}
	return mark{number: le.Uint64(b), bytes: int64(le.Uint64(b[8:]))}, nil
}

func openMarker(dir string) (*marker, error) {
	f, err := os.OpenFile(filepath.Join(dir, markName), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the queue's mark: %w", err)
	}
	return &marker{f: f}, nil
}

// set writes the mark. Without it a segment that lost its end is taken for one whose last write was torn, so a failure is
// told but stops nothing.
func (m *marker) set(number uint64, bytes int64, log *zap.Logger) {
	m.last = mark{number: number, bytes: bytes}
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, markBytes), number)
	b = le.AppendUint64(b, uint64(bytes))
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	_, err := m.f.WriteAt(b, 0)
	if err != nil && !m.failed {
		log.Warn("write the queue's mark", zap.Error(err))
	}
	m.failed = err != nil
}

// sealed moves the mark behind the seal of its segment.
func (m *marker) sealed(number uint64, size int64, log *zap.Logger) {
	if m.last.number == number {
		m.set(number, size, log)
	}
}

// missing tells what is missing of a segment without a seal that has size bytes, "" if nothing is known to be. torn tells
// that it ends within a record: later segments than it were begun only after its own last write was done or cut off.
func (m mark) missing(number uint64, size int64, torn bool) string {
	switch {
	case number == m.number && size < m.bytes:
		return fmt.Sprintf("the segment ends after %d bytes, %d were acknowledged", size, m.bytes)
	case number < m.number && torn:
		return "the segment ends within a record, and is not the latest"
	default:
		return ""
	}
}
