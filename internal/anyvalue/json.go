package anyvalue

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxJSONDepth is how deep AppendJSON writes a value; below it stands null.
const maxJSONDepth = 32

// AppendJSON writes a value as JSON for search and display, always valid: keys in their order, bytes as base64, numbers that
// JSON lacks as text, replacement characters for what isn't UTF-8. Arrays and objects end where they get longer than limit.
func AppendJSON(dst []byte, v pcommon.Value, limit int) []byte {
	return jsonWriter{limit: len(dst) + limit}.value(dst, v, 0)
}

type jsonWriter struct{ limit int }

func (w jsonWriter) value(dst []byte, v pcommon.Value, depth int) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendJSONString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendJSONDouble(dst, v.Double())
	case pcommon.ValueTypeBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes().AsRaw())
		return append(dst, '"')
	case pcommon.ValueTypeSlice:
		if depth < maxJSONDepth {
			return w.array(dst, v.Slice(), depth+1)
		}
	case pcommon.ValueTypeMap:
		if depth < maxJSONDepth {
			return w.object(dst, v.Map(), depth+1)
		}
	case pcommon.ValueTypeEmpty:
	}
	return append(dst, "null"...)
}

func (w jsonWriter) array(dst []byte, s pcommon.Slice, depth int) []byte {
	dst = append(dst, '[')
	for i, v := range s.All() {
		if len(dst) > w.limit {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.value(dst, v, depth)
	}
	return append(dst, ']')
}

func (w jsonWriter) object(dst []byte, m pcommon.Map, depth int) []byte {
	dst = append(dst, '{')
	first := true
	for k, v := range m.All() {
		if len(dst) > w.limit {
			break
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, k), ':')
		dst = w.value(dst, v, depth)
	}
	return append(dst, '}')
}

func appendJSONDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		dst = append(dst, '"')
		dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
		return append(dst, '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + size
			}
			i += size
			continue
		}
		if b >= ' ' && b != '"' && b != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&0xf])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
