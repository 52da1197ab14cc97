// Package segment is the form that rows have between the column writer and the store: a record per request, which the
// durable queue keeps, and the set of a queue segment's records, from which the drain takes one sorted block per table.
// It knows tables by their descriptions and nothing of what their columns mean.
package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// A record is
//
//	version  1 byte
//	frames   uvarint length of the frame, uvarint length of its content, the content as an S2 block
//
// and the contents, one after the other, are
//
//	for each table: uvarint length and name, 4 bytes length (little-endian) and Native block
//
// Columns are named in the blocks: an older record may lack columns that a newer build fills.
const recordVersion = 1

// frameBytes keeps what is compressed at a time in the processor's cache.
const frameBytes = 1 << 20

// MaxRaw bounds the rows of a record, before they are compressed: a larger one is not read.
const MaxRaw = 1 << 30

// AppendTable appends the rows of a table to what AppendRecord takes.
func AppendTable(raw []byte, t *table.Table, cols []column.Named) []byte {
	raw = binary.AppendUvarint(raw, uint64(len(t.Name)))
	raw = append(raw, t.Name...)
	at := len(raw)
	raw = column.AppendBlock(append(raw, 0, 0, 0, 0), cols)
	binary.LittleEndian.PutUint32(raw[at:], uint32(len(raw)-at-4))
	return raw
}

// AppendRecord appends a record of the tables in raw.
func AppendRecord(dst, raw []byte) []byte {
	dst = append(dst, recordVersion)
	packed := frames.Get().(*[]byte)
	defer frames.Put(packed)
	for len(raw) > 0 {
		n := min(len(raw), frameBytes)
		frame := s2.Encode(*packed, raw[:n])
		dst = binary.AppendUvarint(dst, uint64(len(frame)))
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = append(dst, frame...)
		raw = raw[n:]
	}
	return dst
}

// frames are buffers for one packed frame.
var frames = sync.Pool{New: func() any {
	b := make([]byte, s2.MaxEncodedLen(frameBytes))
	return &b
}}

var errRecord = errors.New("record is damaged")

// unpack gives the contents of a record, in buf if there is room.
func unpack(buf, record []byte) ([]byte, error) {
	if len(record) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errRecord)
	}
	if record[0] != recordVersion {
		return nil, fmt.Errorf("record has version %d, this build reads %d", record[0], recordVersion)
	}
	buf, record = buf[:0], record[1:]
	for len(record) > 0 {
		packed, a := binary.Uvarint(record)
		if a <= 0 {
			return nil, fmt.Errorf("%w: a frame has no length", errRecord)
		}
		size, c := binary.Uvarint(record[a:])
		if c <= 0 || packed > uint64(len(record)-a-c) || size > frameBytes || len(buf)+int(size) > MaxRaw {
			return nil, fmt.Errorf("%w: a frame of %d bytes claims %d in the %d that are left", errRecord, packed, size, len(record))
		}
		frame := record[a+c:][:packed]
		record = record[a+c+int(packed):]
		if n, err := s2.DecodedLen(frame); err != nil || n != int(size) {
			return nil, fmt.Errorf("%w: a frame doesn't hold the %d bytes that it claims", errRecord, size)
		}
		at := len(buf)
		buf = extend(buf, int(size))
		if _, err := s2.Decode(buf[at:], frame); err != nil {
			return nil, fmt.Errorf("%w: %w", errRecord, err)
		}
	}
	return buf, nil
}

// extend lengthens b by n bytes whose contents are undefined.
func extend(b []byte, n int) []byte {
	if need := len(b) + n; need > cap(b) {
		grown := make([]byte, need, max(need, 2*cap(b)))
		copy(grown, b)
		return grown
	}
	return b[:len(b)+n]
}

// cutTable takes one table's name and block from the front of b.
func cutTable(b []byte) (name string, block, rest []byte, err error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) || len(b)-w-int(n) < 4 {
		return "", nil, nil, fmt.Errorf("%w: a table's name claims %d bytes of %d", errRecord, n, len(b))
	}
	name, b = string(b[w:w+int(n)]), b[w+int(n):]
	size := binary.LittleEndian.Uint32(b)
	if b = b[4:]; uint64(size) > uint64(len(b)) {
		return "", nil, nil, fmt.Errorf("%w: the block of %s claims %d bytes of %d", errRecord, name, size, len(b))
	}
	return name, b[:size], b[size:], nil
}
