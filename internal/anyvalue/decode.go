package anyvalue

import (
	"errors"
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxElements bounds the elements of one message: what one can store, with room to spare.
const maxElements = 1 << 20

var (
	errDepth    = fmt.Errorf("nested deeper than %d", MaxDepth)
	errElements = fmt.Errorf("more than %d elements", maxElements)
)

// Decode reads an AnyValue message into v. Of a field that comes twice the last counts, as protobuf has it.
func Decode(b []byte, v pcommon.Value) error {
	d := decoder{left: maxElements}
	if err := d.value(b, v, 0); err != nil {
		return fmt.Errorf("decode attribute value: %w", err)
	}
	return nil
}

// DecodeMap reads a KeyValueList message into m, in its order; equal keys stay apart. What was in m is gone.
func DecodeMap(b []byte, m pcommon.Map) error {
	d := decoder{left: maxElements}
	if err := d.pairs(b, m, 0); err != nil {
		return fmt.Errorf("decode attributes: %w", err)
	}
	return nil
}

// DecodePairs reads a KeyValueList message and appends its pairs to those of a builder.
func DecodePairs(b []byte, mb *xpdata.MapBuilder) error {
	d := decoder{left: maxElements}
	err := fields(b, func(number protowire.Number, f field) error {
		if number != 1 || f.typ != protowire.BytesType {
			return nil
		}
		return d.pair(f.bytes, mb, 0)
	})
	if err != nil {
		return fmt.Errorf("decode attributes: %w", err)
	}
	return nil
}

// decoder counts down the elements that a message may still hold.
type decoder struct{ left int }

// field is a field's content: number holds varints and fixed widths.
type field struct {
	typ    protowire.Type
	bytes  []byte
	number uint64
}

// fields calls visit for each field of a message.
func fields(b []byte, visit func(protowire.Number, field) error) error {
	for len(b) > 0 {
		number, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{typ: typ}
		switch typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(number, f); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) value(b []byte, v pcommon.Value, depth int) error {
	return fields(b, func(number protowire.Number, f field) error {
		if want, known := valueTypes[number]; !known {
			return nil
		} else if f.typ != want {
			return fmt.Errorf("field %d has wire type %d, want %d", number, f.typ, want)
		}
		switch number {
		case 1:
			v.SetStr(string(f.bytes))
		case 2:
			v.SetBool(f.number != 0)
		case 3:
			v.SetInt(int64(f.number))
		case 4:
			v.SetDouble(math.Float64frombits(f.number))
		case 5:
			return d.array(f.bytes, v.SetEmptySlice(), depth)
		case 6:
			return d.pairs(f.bytes, v.SetEmptyMap(), depth)
		case 7:
			v.SetEmptyBytes().FromRaw(f.bytes)
		}
		return nil
	})
}

var valueTypes = map[protowire.Number]protowire.Type{
	1: protowire.BytesType, 2: protowire.VarintType, 3: protowire.VarintType, 4: protowire.Fixed64Type,
	5: protowire.BytesType, 6: protowire.BytesType, 7: protowire.BytesType,
}

func (d *decoder) array(b []byte, s pcommon.Slice, depth int) error {
	if depth == MaxDepth {
		return errDepth
	}
	return fields(b, func(number protowire.Number, f field) error {
		if number != 1 || f.typ != protowire.BytesType {
			return nil
		}
		if err := d.element(); err != nil {
			return err
		}
		return d.value(f.bytes, s.AppendEmpty(), depth+1)
	})
}

func (d *decoder) pairs(b []byte, m pcommon.Map, depth int) error {
	if depth == MaxDepth {
		return errDepth
	}
	var mb xpdata.MapBuilder
	err := fields(b, func(number protowire.Number, f field) error {
		if number != 1 || f.typ != protowire.BytesType {
			return nil
		}
		return d.pair(f.bytes, &mb, depth)
	})
	mb.UnsafeIntoMap(m)
	return err
}

func (d *decoder) pair(b []byte, mb *xpdata.MapBuilder, depth int) error {
	if err := d.element(); err != nil {
		return err
	}
	var key string
	var value []byte
	err := fields(b, func(number protowire.Number, f field) error {
		switch {
		case number > 2:
			return nil
		case f.typ != protowire.BytesType:
			return errors.New("key and value want a length")
		case number == 1:
			key = string(f.bytes)
		default:
			value = f.bytes
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.value(value, mb.AppendEmpty(key), depth+1)
}

func (d *decoder) element() error {
	if d.left--; d.left < 0 {
		return errElements
	}
	return nil
}
