// Package otlpwire reads OTLP export requests as they come from the wire, without making pdata of their items. A request
// is parted into its head (resources and scopes, which are decoded to pdata, so that tenant and correlation are stamped
// by the same functions as elsewhere) and the bytes of its items, which are walked when the column encoder asks for them.
// What the walker has no form for (arrays and maps, histograms, items for the quarantine) is decoded to pdata one by one.
// It accepts and refuses what pdata does.
package otlpwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// Wire types.
const (
	varint     = 0
	fixed64    = 1
	bytesType  = 2
	startGroup = 3
	endGroup   = 4
	fixed32    = 5
)

var (
	errOverflow = errors.New("a varint is longer than ten bytes")
	errField    = errors.New("a field has a number out of range")
	errGroup    = errors.New("a group ends that has not begun")
	errID       = errors.New("an id has a wrong length")
)

// field is a field of a message: number holds varints and fixed widths, bytes the rest.
type field struct {
	id     int32
	typ    uint8
	number uint64
	bytes  []byte
}

// next reads the field at pos and gives the place behind it.
func (f *field) next(b []byte, pos int) (int, error) {
	var tag uint64
	if c := b[pos]; c < 0x80 {
		tag, pos = uint64(c), pos+1
	} else {
		var err error
		if tag, pos, err = number(b, pos); err != nil {
			return 0, err
		}
	}
	f.id, f.typ = int32(tag>>3), uint8(tag&7)
	if f.id <= 0 {
		return 0, errField
	}
	switch f.typ {
	case bytesType:
		var n uint64
		if pos < len(b) && b[pos] < 0x80 {
			n, pos = uint64(b[pos]), pos+1
		} else {
			var err error
			if n, pos, err = number(b, pos); err != nil {
				return 0, err
			}
		}
		if n > uint64(len(b)-pos) {
			return 0, io.ErrUnexpectedEOF
		}
		f.bytes = b[pos : pos+int(n) : pos+int(n)]
		return pos + int(n), nil
	case varint:
		var err error
		f.number, pos, err = number(b, pos)
		return pos, err
	case fixed64:
		if len(b)-pos < 8 {
			return 0, io.ErrUnexpectedEOF
		}
		f.number = binary.LittleEndian.Uint64(b[pos:])
		return pos + 8, nil
	case fixed32:
		if len(b)-pos < 4 {
			return 0, io.ErrUnexpectedEOF
		}
		f.number = uint64(binary.LittleEndian.Uint32(b[pos:]))
		return pos + 4, nil
	case startGroup:
		return group(b, pos)
	case endGroup:
		return 0, errGroup
	default:
		return 0, fmt.Errorf("wire type %d is not known", f.typ)
	}
}

// group skips a group, whose start was read. Groups left OTLP before it had a version, so what counts is that pdata, which
// ends a group at its first field, refuses and accepts the same.
func group(b []byte, pos int) (int, error) {
	typ := uint8(startGroup)
	for depth := 0; pos < len(b); {
		switch typ {
		case startGroup:
			depth++
		case endGroup:
			depth--
		default:
			return skip(b, pos, typ)
		}
		if depth == 0 {
			return pos, nil
		}
		tag, at, err := number(b, pos)
		if err != nil {
			return 0, err
		}
		if int32(tag>>3) <= 0 {
			return 0, errField
		}
		typ, pos = uint8(tag&7), at
	}
	return 0, io.ErrUnexpectedEOF
}

// skip gives the place behind a value of a type that is no group's.
func skip(b []byte, pos int, typ uint8) (int, error) {
	switch typ {
	case varint:
		_, pos, err := number(b, pos)
		return pos, err
	case bytesType:
		n, pos, err := number(b, pos)
		if err == nil && n > uint64(len(b)-pos) {
			err = io.ErrUnexpectedEOF
		}
		return pos + int(n), err
	case fixed64:
		pos += 8
	case fixed32:
		pos += 4
	default:
		return 0, fmt.Errorf("wire type %d is not known", typ)
	}
	if pos > len(b) {
		return 0, io.ErrUnexpectedEOF
	}
	return pos, nil
}

// number reads a varint; what it has above 64 bits is lost, as in pdata.
func number(b []byte, pos int) (uint64, int, error) {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		if pos >= len(b) {
			return 0, 0, io.ErrUnexpectedEOF
		}
		c := b[pos]
		pos++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, pos, nil
		}
	}
	return 0, 0, errOverflow
}

// want checks a known field's wire type.
func (f *field) want(typ uint8) error {
	if f.typ != typ {
		return fmt.Errorf("field %d has wire type %d, want %d", f.id, f.typ, typ)
	}
	return nil
}

// text and the others put a field's value where it belongs, if its type is right.
func (f *field) text(to *string) error {
	if f.typ != bytesType {
		return f.want(bytesType)
	}
	*to = str(f.bytes)
	return nil
}

func (f *field) fixed64(to *uint64) error {
	if f.typ != fixed64 {
		return f.want(fixed64)
	}
	*to = f.number
	return nil
}

func (f *field) fixed32(to *uint32) error {
	if f.typ != fixed32 {
		return f.want(fixed32)
	}
	*to = uint32(f.number)
	return nil
}

func (f *field) uint32(to *uint32) error {
	if f.typ != varint {
		return f.want(varint)
	}
	*to = uint32(f.number)
	return nil
}

func (f *field) int32(to *int32) error {
	if f.typ != varint {
		return f.want(varint)
	}
	*to = int32(f.number)
	return nil
}

// setID puts a trace or span id; an empty one is all zeros.
func (f *field) setID(to []byte) error {
	if f.typ != bytesType {
		return f.want(bytesType)
	}
	switch len(f.bytes) {
	case 0:
		clear(to)
	case len(to):
		copy(to, f.bytes)
	default:
		return errID
	}
	return nil
}

// str gives bytes of the request as text without a copy.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
