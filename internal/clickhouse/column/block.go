package column

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Named is a column with its name in a table.
type Named struct {
	Name   string
	Column Column
}

// Rows is the number of rows of a block. All columns must agree; a disagreement is a programming error.
func Rows(cols []Named) int {
	if len(cols) == 0 {
		return 0
	}
	n := cols[0].Column.Rows()
	for _, c := range cols[1:] {
		if c.Column.Rows() != n {
			panic(fmt.Sprintf("column: %s has %d rows, %s has %d", cols[0].Name, n, c.Name, c.Column.Rows()))
		}
	}
	return n
}

// AppendBlock appends the columns as one Native block.
func AppendBlock(dst []byte, cols []Named) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(cols)))
	dst = binary.AppendUvarint(dst, uint64(Rows(cols)))
	for _, c := range cols {
		dst = appendColumn(dst, c)
	}
	return dst
}

func appendColumn(dst []byte, c Named) []byte {
	dst = appendString(dst, c.Name)
	dst = appendString(dst, c.Column.Type())
	dst = c.Column.appendPrefix(dst)
	return c.Column.appendData(dst)
}

// WriteSorted writes the rows in the order of perm as one Native block. It copies each value once and holds no more of
// the block than a megabyte.
func WriteSorted(w io.Writer, cols []Named, perm []uint32) error {
	rw := rowWriters.Get().(*rowWriter)
	defer rowWriters.Put(rw)
	rw.begin(w)
	rw.buf = binary.AppendUvarint(rw.buf, uint64(len(cols)))
	rw.buf = binary.AppendUvarint(rw.buf, uint64(len(perm)))
	for _, c := range cols {
		rw.buf = appendString(rw.buf, c.Name)
		rw.buf = appendString(rw.buf, c.Column.Type())
		rw.buf = c.Column.appendPrefix(rw.buf)
		c.Column.writeRows(rw, perm)
	}
	return rw.end()
}

// ReadBlock reads one Native block and appends its rows to the columns that pick names. pick may be called for a name
// it doesn't know; it then answers with a new column, or an error.
func ReadBlock(r *Reader, pick func(name, typ string) (Column, error)) (rows int, err error) {
	columns, err := r.uvarint()
	if err != nil {
		return 0, fmt.Errorf("read number of columns: %w", err)
	}
	n, err := r.uvarint()
	if err != nil {
		return 0, fmt.Errorf("read number of rows: %w", err)
	}
	if n > uint64(len(r.buf)) || columns > uint64(len(r.buf)) {
		return 0, fmt.Errorf("block claims %d columns and %d rows in %d bytes", columns, n, len(r.buf))
	}
	for range columns {
		if err := readColumn(r, int(n), pick); err != nil {
			return 0, err
		}
	}
	return int(n), nil
}

func readColumn(r *Reader, rows int, pick func(name, typ string) (Column, error)) error {
	name, err := r.bytes()
	if err != nil {
		return fmt.Errorf("read column name: %w", err)
	}
	typ, err := r.bytes()
	if err != nil {
		return fmt.Errorf("read type of column %q: %w", name, err)
	}
	col, err := pick(string(name), string(typ))
	if err != nil {
		return err
	}
	if err := col.readPrefix(r); err != nil {
		return fmt.Errorf("read column %q: %w", name, err)
	}
	if err := col.readData(r, rows); err != nil {
		return fmt.Errorf("read column %q: %w", name, err)
	}
	return nil
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// Reader walks over the bytes of blocks.
type Reader struct {
	buf []byte
	at  int
}

// NewReader reads from b, which must not change while reading.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Done tells whether all bytes were read.
func (r *Reader) Done() bool { return r.at == len(r.buf) }

func (r *Reader) remaining() int { return len(r.buf) - r.at }

func (r *Reader) uvarint() (uint64, error) {
	v, n := binary.Uvarint(r.buf[r.at:])
	if n <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	r.at += n
	return v, nil
}

func (r *Reader) uint64() (uint64, error) {
	if r.remaining() < 8 {
		return 0, io.ErrUnexpectedEOF
	}
	v := binary.LittleEndian.Uint64(r.buf[r.at:])
	r.at += 8
	return v, nil
}

// take gives n values of the given width.
func (r *Reader) take(n, width int) ([]byte, error) {
	if n < 0 || n > r.remaining()/width {
		return nil, io.ErrUnexpectedEOF
	}
	b := r.buf[r.at : r.at+n*width]
	r.at += n * width
	return b, nil
}

func (r *Reader) bytes() ([]byte, error) {
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	if n > uint64(r.remaining()) {
		return nil, io.ErrUnexpectedEOF
	}
	b := r.buf[r.at : r.at+int(n)]
	r.at += int(n)
	return b, nil
}
