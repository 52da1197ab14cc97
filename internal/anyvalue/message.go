package anyvalue

import (
	"encoding/binary"
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of InstrumentationScope and EntityRef.
const (
	scopeName       = 1
	scopeVersion    = 2
	scopeAttributes = 3
	scopeDropped    = 4

	refSchemaURL       = 1
	refType            = 2
	refIDKeys          = 3
	refDescriptionKeys = 4
)

// AppendText appends a string or bytes field; an empty one is left out, as protobuf has it.
func AppendText(dst []byte, number int, s string) []byte {
	if s == "" {
		return dst
	}
	return appendText(binary.AppendUvarint(dst, uint64(number)<<3|wireBytes), s)
}

// AppendMessage appends a message field that fill writes.
func AppendMessage(dst []byte, number int, fill func([]byte) []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|wireBytes)
	start := len(dst)
	return insertLength(fill(dst), start)
}

// AppendScope appends an InstrumentationScope message. Values beyond limit are cut; cut counts them.
func AppendScope(dst []byte, s pcommon.InstrumentationScope, limit int) (out []byte, cut int) {
	dst = AppendText(dst, scopeName, s.Name())
	dst = AppendText(dst, scopeVersion, s.Version())
	return AppendScopeExtra(dst, s, limit)
}

// AppendScopeExtra appends what an InstrumentationScope has besides name and version, nothing for most.
func AppendScopeExtra(dst []byte, s pcommon.InstrumentationScope, limit int) (out []byte, cut int) {
	for k, v := range s.Attributes().All() {
		var c bool
		if dst, c = AppendKeyValue(dst, scopeAttributes, k, v, limit); c {
			cut++
		}
	}
	if n := s.DroppedAttributesCount(); n > 0 {
		dst = binary.AppendUvarint(append(dst, scopeDropped<<3|wireVarint), uint64(n))
	}
	return dst, cut
}

// DecodeScope reads an InstrumentationScope message into s; fields that are not in it stay as they are.
func DecodeScope(b []byte, s pcommon.InstrumentationScope) error {
	d := decoder{left: maxElements}
	var mb xpdata.MapBuilder
	err := fields(b, func(number protowire.Number, f field) error {
		switch {
		case number == scopeName && f.typ == protowire.BytesType:
			s.SetName(string(f.bytes))
		case number == scopeVersion && f.typ == protowire.BytesType:
			s.SetVersion(string(f.bytes))
		case number == scopeAttributes && f.typ == protowire.BytesType:
			return d.pair(f.bytes, &mb, 0)
		case number == scopeDropped && f.typ == protowire.VarintType:
			s.SetDroppedAttributesCount(uint32(f.number))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("decode scope: %w", err)
	}
	mb.UnsafeIntoMap(s.Attributes())
	return nil
}

// AppendEntityRefs appends the resource's entity references as field number, repeated.
func AppendEntityRefs(dst []byte, number int, res pcommon.Resource) []byte {
	for _, ref := range entity.ResourceEntityRefs(res).All() {
		dst = AppendMessage(dst, number, func(dst []byte) []byte {
			dst = AppendText(dst, refSchemaURL, ref.SchemaUrl())
			dst = AppendText(dst, refType, ref.Type())
			for _, k := range ref.IdKeys().All() {
				dst = appendText(append(dst, refIDKeys<<3|wireBytes), k)
			}
			for _, k := range ref.DescriptionKeys().All() {
				dst = appendText(append(dst, refDescriptionKeys<<3|wireBytes), k)
			}
			return dst
		})
	}
	return dst
}

// DecodeEntityRefs reads field number of a message as entity references and appends them to the resource's.
func DecodeEntityRefs(b []byte, number int, res pcommon.Resource) error {
	refs := entity.ResourceEntityRefs(res)
	err := fields(b, func(n protowire.Number, f field) error {
		if int(n) != number || f.typ != protowire.BytesType {
			return nil
		}
		ref := refs.AppendEmpty()
		return fields(f.bytes, func(n protowire.Number, f field) error {
			if f.typ != protowire.BytesType {
				return nil
			}
			switch n {
			case refSchemaURL:
				ref.SetSchemaUrl(string(f.bytes))
			case refType:
				ref.SetType(string(f.bytes))
			case refIDKeys:
				ref.IdKeys().Append(string(f.bytes))
			case refDescriptionKeys:
				ref.DescriptionKeys().Append(string(f.bytes))
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("decode entity references: %w", err)
	}
	return nil
}

// Field gives the last bytes field of that number, nil where there is none.
func Field(b []byte, number int) ([]byte, error) {
	var out []byte
	err := fields(b, func(n protowire.Number, f field) error {
		if int(n) == number && f.typ == protowire.BytesType {
			out = f.bytes
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find field %d: %w", number, err)
	}
	return out, nil
}
