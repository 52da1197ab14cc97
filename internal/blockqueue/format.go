package blockqueue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/google/uuid"
)

// A segment file is a header, then frames. A frame is 32 bytes, followed by a record's payload; the last frame of a
// sealed segment has the seal's magic and no payload. All numbers are little-endian.
//
//	header  magic 8 · version 2 · zero 2 · header length 4 · queue id 16 · number 8 · opened at 8 · meta length 4 · meta · crc32c 4
//	frame   magic 4 · payload length 4 · rows 4 · raw bytes 8 · class 1 · zero 3 · payload crc32c 4 · frame crc32c 4
//
// The frame's checksum also covers the queue id, the segment's number and the frame's offset, so bytes of another
// segment, or a payload that looks like frames, are never taken for a record when the parser looks for the next one.
const (
	segmentMagic  = "SMTQSEG\x01"
	formatVersion = 1
	headerFixed   = 8 + 2 + 2 + 4 + 16 + 8 + 8 + 4
	maxMetaBytes  = 1 << 20
	frameBytes    = 32
)

var (
	recordMagic = [4]byte{0xE5, 'R', 'e', 'c'}
	sealMagic   = [4]byte{0xE5, 'S', 'e', 'a'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// errTornHeader says that the file ends before its header does: nothing in it was ever acknowledged.
var errTornHeader = errors.New("segment header is incomplete")

type header struct {
	queueID  uuid.UUID
	number   uint64
	openedAt time.Time
	meta     []byte
}

func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = append(dst, segmentMagic...)
	dst = le.AppendUint16(dst, formatVersion)
	dst = le.AppendUint16(dst, 0)
	dst = le.AppendUint32(dst, uint32(headerFixed+len(h.meta)+4))
	dst = append(dst, h.queueID[:]...)
	dst = le.AppendUint64(dst, h.number)
	dst = le.AppendUint64(dst, uint64(h.openedAt.UnixNano()))
	dst = le.AppendUint32(dst, uint32(len(h.meta)))
	dst = append(dst, h.meta...)
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// parseHeader returns the header and its length.
func parseHeader(data []byte) (header, int, error) {
	le := binary.LittleEndian
	if len(data) < headerFixed {
		if allZero(data) || bytes.HasPrefix([]byte(segmentMagic), data[:min(len(data), 8)]) || bytes.HasPrefix(data, []byte(segmentMagic)) {
			return header{}, 0, errTornHeader
		}
		return header{}, 0, errors.New("segment has no header")
	}
	if allZero(data) {
		return header{}, 0, errTornHeader
	}
	if string(data[:8]) != segmentMagic {
		return header{}, 0, errors.New("segment magic is wrong")
	}
	if v := le.Uint16(data[8:]); v != formatVersion {
		return header{}, 0, fmt.Errorf("segment has format version %d, this build reads %d", v, formatVersion)
	}
	metaLen := int(le.Uint32(data[48:]))
	total := int(le.Uint32(data[12:]))
	if metaLen > maxMetaBytes || total != headerFixed+metaLen+4 {
		return header{}, 0, errors.New("segment header has impossible lengths")
	}
	if len(data) < total {
		return header{}, 0, errTornHeader
	}
	if crc32.Checksum(data[:total-4], castagnoli) != le.Uint32(data[total-4:]) {
		return header{}, 0, errors.New("segment header checksum is wrong")
	}
	h := header{number: le.Uint64(data[32:]), openedAt: time.Unix(0, int64(le.Uint64(data[40:])))}
	copy(h.queueID[:], data[16:32])
	h.meta = bytes.Clone(data[headerFixed : headerFixed+metaLen])
	return h, total, nil
}

// seed starts the checksum of every frame of a segment.
func (h header) seed() uint32 {
	var b [24]byte
	copy(b[:], h.queueID[:])
	binary.LittleEndian.PutUint64(b[16:], h.number)
	return crc32.Checksum(b[:], castagnoli)
}

type frame struct {
	magic      [4]byte
	length     uint32
	rows       uint32
	rawBytes   uint64
	class      uint8
	payloadCRC uint32
}

func appendFrame(dst []byte, f frame, seed uint32, offset int64) []byte {
	start := len(dst)
	le := binary.LittleEndian
	dst = append(dst, f.magic[:]...)
	dst = le.AppendUint32(dst, f.length)
	dst = le.AppendUint32(dst, f.rows)
	dst = le.AppendUint64(dst, f.rawBytes)
	dst = append(dst, f.class, 0, 0, 0)
	dst = le.AppendUint32(dst, f.payloadCRC)
	return le.AppendUint32(dst, frameCRC(dst[start:], seed, offset))
}

func frameCRC(b []byte, seed uint32, offset int64) uint32 {
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], uint64(offset))
	return crc32.Update(crc32.Update(seed, castagnoli, at[:]), castagnoli, b)
}

// parseFrame reads the frame that b, which stands at offset in the file, starts with; ok is false when there is none or
// its checksum is wrong.
func parseFrame(b []byte, seed uint32, offset int) (f frame, ok bool) {
	if len(b) < frameBytes {
		return frame{}, false
	}
	b = b[:frameBytes]
	if [4]byte(b) != recordMagic && [4]byte(b) != sealMagic {
		return frame{}, false
	}
	le := binary.LittleEndian
	if frameCRC(b[:28], seed, int64(offset)) != le.Uint32(b[28:]) {
		return frame{}, false
	}
	return frame{
		magic: [4]byte(b), length: le.Uint32(b[4:]), rows: le.Uint32(b[8:]), rawBytes: le.Uint64(b[12:]),
		class: b[20], payloadCRC: le.Uint32(b[24:]),
	}, true
}

// entry is a record that was found whole.
type entry struct {
	offset int
	record Record
}

// badRange is a stretch of a segment that is no record. A torn one is the rest of an interrupted write at the end.
type badRange struct {
	from, to int
	rows     int
	torn     bool
	reason   string
}

// contents is what scan finds. The ranges of entries and bad cover [from, len(data)) without a gap, the seal aside.
type contents struct {
	entries []entry
	bad     []badRange
	sealed  bool
	// end is where the last whole record ends.
	end int
}

// scan parses the frames of a segment from offset from on. It never fails: what it cannot read it reports as a range.
func scan(data []byte, seed uint32, from int) contents {
	c := contents{end: from}
	for pos := from; pos < len(data); {
		f, ok := parseFrame(data[pos:], seed, pos)
		if !ok {
			next := findFrame(data, seed, pos+1)
			c.bad = append(c.bad, unreadable(data, pos, next))
			pos = next
			continue
		}
		if f.magic == sealMagic {
			c.sealed = true
			if pos+frameBytes < len(data) {
				c.bad = append(c.bad, badRange{from: pos + frameBytes, to: len(data), reason: "bytes after the seal"})
			}
			return c
		}
		end := pos + frameBytes + int(f.length)
		if end > len(data) {
			c.bad = append(c.bad, badRange{from: pos, to: len(data), rows: int(f.rows), torn: true, reason: "record is incomplete"})
			return c
		}
		payload := data[pos+frameBytes : end : end]
		if crc32.Checksum(payload, castagnoli) != f.payloadCRC {
			c.bad = append(c.bad, badRange{from: pos, to: end, rows: int(f.rows), reason: "record checksum is wrong"})
		} else {
			c.entries = append(c.entries, entry{offset: pos, record: Record{
				Payload: payload, Rows: int(f.rows), RawBytes: int(f.rawBytes), Class: f.class,
			}})
			c.end = end
		}
		pos = end
	}
	return c
}

// unreadable describes the bytes between two frames. At the end of the file fewer bytes than a frame, or zeros that a
// file system leaves behind after a power loss, are a write that was never acknowledged.
func unreadable(data []byte, from, to int) badRange {
	r := badRange{from: from, to: to, reason: "record header is damaged"}
	if to == len(data) && (to-from < frameBytes || allZero(data[from:to])) {
		r.torn, r.reason = true, "record header is incomplete"
	}
	return r
}

// findFrame returns the offset of the next frame at or after pos whose checksum is right, or len(data).
func findFrame(data []byte, seed uint32, pos int) int {
	for pos < len(data) {
		i := bytes.IndexByte(data[pos:], recordMagic[0])
		if i < 0 {
			break
		}
		pos += i
		if _, ok := parseFrame(data[pos:], seed, pos); ok {
			return pos
		}
		pos++
	}
	return len(data)
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}
