// Package column builds ClickHouse columns in memory and writes them as blocks of the Native format. Encoders append
// values in any order of rows; the drain concatenates the blocks of a queue segment, sorts them by the table's key and
// hands one block to the engine. It knows the types that the schema uses and nothing of tables.
//
// Wire format: ClickHouse "Native", revision 0 (no block info, no custom serialisation), all integers little-endian.
package column

import (
	"fmt"
	"strings"
)

// Column is a growing column of one ClickHouse type.
type Column interface {
	// Type is the ClickHouse type, for example "Map(LowCardinality(String), String)".
	Type() string
	// Rows is the number of rows appended since the last Reset.
	Rows() int
	// Reset drops all rows and keeps the memory.
	Reset()
	// Truncate drops the rows from the given number on; a column that hasn't got as many stays as it is.
	Truncate(rows int)
	// AppendDefault appends n rows of the type's default value.
	AppendDefault(n int)
	// Gather appends the rows of src at the given places. src must come from the same constructor.
	Gather(src Column, rows []uint32)
	// Ordinals gives one number per row that sorts as ClickHouse sorts the values. Only sort keys need it; a type
	// that can't be one panics.
	Ordinals(dst []uint64) []uint64

	appendPrefix(dst []byte) []byte
	appendData(dst []byte) []byte
	// writeRows writes the rows at the given places as appendData would write a column that gathered them.
	writeRows(w *rowWriter, rows []uint32)
	readPrefix(r *Reader) error
	// readData appends n rows.
	readData(r *Reader, n int) error
}

// New makes an empty column of a type. It knows the types of the schema; any other is an error that names it.
func New(typ string) (Column, error) {
	switch base, args := splitType(typ); base {
	case "UInt8", "Bool":
		return NewNum[uint8](typ), nil
	case "Int8", "Enum8":
		return NewNum[int8](typ), nil
	case "UInt16", "Date":
		return NewNum[uint16](typ), nil
	case "UInt32", "DateTime":
		return NewNum[uint32](typ), nil
	case "Int32":
		return NewNum[int32](typ), nil
	case "UInt64":
		return NewNum[uint64](typ), nil
	case "Int64", "DateTime64":
		return NewNum[int64](typ), nil
	case "Float32":
		return NewNum[float32](typ), nil
	case "Float64":
		return NewNum[float64](typ), nil
	case "UUID":
		return NewFixed(typ, 16), nil
	case "FixedString":
		var n int
		if _, err := fmt.Sscanf(args, "%d", &n); err != nil || n < 1 {
			return nil, fmt.Errorf("column type %q: want a width of at least 1", typ)
		}
		return NewFixed(typ, n), nil
	case "String":
		return NewStr(), nil
	case "LowCardinality":
		if args != "String" {
			return nil, fmt.Errorf("column type %q: only LowCardinality(String) is known", typ)
		}
		return NewLowCard(), nil
	case "Array":
		elem, err := New(args)
		if err != nil {
			return nil, err
		}
		return NewArray(elem), nil
	case "Map":
		if args == "UInt8, UInt64" {
			return NewHist(), nil
		}
		key, value, ok := strings.Cut(args, ", ")
		if !ok || key != "LowCardinality(String)" {
			return nil, fmt.Errorf("column type %q: only maps with LowCardinality(String) keys and Map(UInt8, UInt64) are known", typ)
		}
		v, err := New(value)
		if err != nil {
			return nil, err
		}
		return NewMap(v), nil
	default:
		return nil, fmt.Errorf("column type %q is not known", typ)
	}
}

// MustNew is New for types written in the program's own table descriptions.
func MustNew(typ string) Column {
	c, err := New(typ)
	if err != nil {
		panic(err)
	}
	return c
}

func splitType(typ string) (base, args string) {
	open := strings.IndexByte(typ, '(')
	if open < 0 || !strings.HasSuffix(typ, ")") {
		return typ, ""
	}
	return typ[:open], typ[open+1 : len(typ)-1]
}
