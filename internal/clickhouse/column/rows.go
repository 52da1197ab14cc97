package column

import (
	"encoding/binary"
	"io"
	"sync"
)

// rowWriter writes the rows of columns in another order. The first error of the underlying writer ends all writing.
type rowWriter struct {
	w   io.Writer
	buf []byte
	err error
	// places are lists of rows that nested columns have borrowed before, one per depth.
	places [][]uint32
	depth  int
	remap  []uint32
	used   []uint32
}

var rowWriters = sync.Pool{New: func() any { return &rowWriter{buf: make([]byte, 0, flushBytes+flushBytes/4)} }}

// flushBytes is when the buffer goes to the writer.
const flushBytes = 1 << 20

func (w *rowWriter) begin(to io.Writer) { w.w, w.buf, w.err, w.depth = to, w.buf[:0], nil, 0 }

// room flushes a full buffer; call it between values.
func (w *rowWriter) room() {
	if len(w.buf) >= flushBytes {
		w.flush()
	}
}

func (w *rowWriter) flush() {
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	if cap(w.buf) > 2*flushBytes { // one huge value grew it
		w.buf = make([]byte, 0, flushBytes+flushBytes/4)
	}
}

func (w *rowWriter) end() error {
	w.flush()
	w.w = nil
	return w.err
}

// elements writes the ends of the rows of an array or map and gives the places of their elements. giveBack must be called
// when they have been written.
func (w *rowWriter) elements(ends []uint64, rows []uint32) []uint32 {
	if w.depth == len(w.places) {
		w.places = append(w.places, nil)
	}
	places := w.places[w.depth][:0]
	total := uint64(0)
	var chunk [512]uint64
	for len(rows) > 0 {
		n := min(len(rows), len(chunk))
		for i, r := range rows[:n] {
			from := uint64(0)
			if r > 0 {
				from = ends[r-1]
			}
			for e := from; e < ends[r]; e++ {
				places = append(places, uint32(e))
			}
			total += ends[r] - from
			chunk[i] = total
		}
		w.room()
		w.buf = append(w.buf, asBytes(chunk[:n])...)
		rows = rows[n:]
	}
	w.places[w.depth] = places
	w.depth++
	return places
}

func (w *rowWriter) giveBack() { w.depth-- }

func (c *Num[T]) writeRows(w *rowWriter, rows []uint32) {
	var chunk [512]T
	for len(rows) > 0 {
		n := min(len(rows), len(chunk))
		for i, r := range rows[:n] {
			chunk[i] = c.Data[r]
		}
		w.room()
		w.buf = append(w.buf, asBytes(chunk[:n])...)
		rows = rows[n:]
	}
}

func (c *Fixed) writeRows(w *rowWriter, rows []uint32) {
	for _, r := range rows {
		w.room()
		w.buf = append(w.buf, c.At(int(r))...)
	}
}

func (c *Str) writeRows(w *rowWriter, rows []uint32) {
	for _, r := range rows {
		w.room()
		v := c.At(int(r))
		w.buf = append(binary.AppendUvarint(w.buf, uint64(len(v))), v...)
	}
}

func (c *Array) writeRows(w *rowWriter, rows []uint32) {
	c.Elem.writeRows(w, w.elements(c.ends, rows))
	w.giveBack()
}

func (c *Map) writeRows(w *rowWriter, rows []uint32) {
	places := w.elements(c.ends, rows)
	c.Keys.writeRows(w, places)
	c.Values.writeRows(w, places)
	w.giveBack()
}

func (c *LowCard) writeRows(w *rowWriter, rows []uint32) {
	if len(rows) == 0 {
		return
	}
	const unused = lowCardMaxDictionary - 1
	w.remap, w.used = grow(w.remap[:0], len(c.dict)), w.used[:0]
	for i := range w.remap {
		w.remap[i] = unused
	}
	for _, r := range rows {
		if k := c.keys[r]; w.remap[k] == unused {
			w.remap[k] = uint32(len(w.used))
			w.used = append(w.used, k)
		}
	}
	width := keyWidth(len(w.used))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(width)|lowCardHasKeys|lowCardUpdateDict)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(len(w.used)))
	for _, k := range w.used {
		w.room()
		w.buf = appendString(w.buf, c.dict[k])
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(len(rows)))
	switch width {
	case 0:
		writeKeys[uint8](w, c.keys, rows)
	case 1:
		writeKeys[uint16](w, c.keys, rows)
	default:
		writeKeys[uint32](w, c.keys, rows)
	}
}

func writeKeys[T uint8 | uint16 | uint32](w *rowWriter, keys, rows []uint32) {
	var chunk [512]T
	for len(rows) > 0 {
		n := min(len(rows), len(chunk))
		for i, r := range rows[:n] {
			chunk[i] = T(w.remap[keys[r]])
		}
		w.room()
		w.buf = append(w.buf, asBytes(chunk[:n])...)
		rows = rows[n:]
	}
}

func appendKey(dst []byte, k uint32, width int) []byte {
	switch width {
	case 0:
		return append(dst, byte(k))
	case 1:
		return binary.LittleEndian.AppendUint16(dst, uint16(k))
	default:
		return binary.LittleEndian.AppendUint32(dst, k)
	}
}
