package envelope

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/tenant"
)

// FieldError says what is wrong with a field of an event.
type FieldError struct {
	// Field is the path, for example "resource.attributes.service.name".
	Field string
	// Detail says what is wrong.
	Detail string
	// Allowed are the values or names that would do, if they can be listed.
	Allowed []string
}

// Error names the field, the problem and what is allowed.
func (e *FieldError) Error() string {
	text := e.Detail
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if len(e.Allowed) > 0 {
		text += "; want one of " + strings.Join(e.Allowed, ", ")
	}
	return text
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// MarshalJSON writes all fields, in the order of the struct. A text that isn't UTF-8 is an error: JSON can't hold it.
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.checkStamps(); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	var enc encoder
	enc.field("", reflect.ValueOf(e.derived()))
	if enc.err != nil {
		return nil, fmt.Errorf("encode event: %w", enc.err)
	}
	return enc.buf, nil
}

// checkStamps refuses a second place for what has one.
func (e *Event) checkStamps() error {
	for _, a := range e.Resource.Attributes {
		if IsStamp(a.Key) {
			return &FieldError{Field: join("resource.attributes", a.Key), Detail: "stands in tenant or correlation"}
		}
	}
	return nil
}

// encoder appends JSON; the first problem stays in err.
type encoder struct {
	buf []byte
	err error
}

func (c *encoder) fail(path, detail string) {
	if c.err == nil {
		c.err = &FieldError{Field: path, Detail: detail}
	}
}

var valueInterface = reflect.TypeFor[Value]()

// field writes a field of an event by its Go type.
func (c *encoder) field(path string, v reflect.Value) {
	if v.Type() == valueInterface {
		value, _ := v.Interface().(Value)
		c.value(path, value, 0)
		return
	}
	switch x := v.Interface().(type) {
	case EventID:
		c.text(path, uuid.UUID(x).String())
	case tenant.ID:
		c.text(path, x.String())
	case pcommon.TraceID:
		c.id(path, x[:], x.IsEmpty())
	case pcommon.SpanID:
		c.id(path, x[:], x.IsEmpty())
	case pcommon.Timestamp:
		c.time(x)
	case Basis:
		c.text(path, x.String())
	case Attributes:
		c.attributes(path, x, 0)
	default:
		c.plain(path, v)
	}
}

func (c *encoder) plain(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		c.text(path, v.String())
	case reflect.Int32:
		c.buf = strconv.AppendInt(c.buf, v.Int(), 10)
	case reflect.Uint32:
		c.buf = strconv.AppendUint(c.buf, v.Uint(), 10)
	case reflect.Slice:
		c.list('[', ']', v.Len(), func(i int) { c.field(at(path, i), v.Index(i)) })
	case reflect.Struct:
		c.list('{', '}', v.NumField(), func(i int) {
			name := jsonName(v.Type().Field(i))
			c.key(path, name)
			c.field(join(path, name), v.Field(i))
		})
	default:
		c.fail(path, "has no form in JSON")
	}
}

func jsonName(f reflect.StructField) string { return f.Tag.Get("json") }

func (c *encoder) list(open, end byte, n int, element func(i int)) {
	c.buf = append(c.buf, open)
	for i := range n {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		element(i)
	}
	c.buf = append(c.buf, end)
}

func (c *encoder) key(path, name string) {
	c.text(join(path, name), name)
	c.buf = append(c.buf, ':')
}

func (c *encoder) text(path, s string) {
	if !utf8.ValidString(s) {
		c.fail(strings.ToValidUTF8(path, "\uFFFD"), "is not valid UTF-8")
		return
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		c.fail(path, err.Error())
	}
	c.buf = append(c.buf, quoted...)
}

func (c *encoder) id(path string, id []byte, empty bool) {
	if empty {
		id = nil
	}
	c.text(path, hex.EncodeToString(id))
}

func (c *encoder) time(t pcommon.Timestamp) {
	if t == 0 {
		c.buf = append(c.buf, "null"...)
		return
	}
	// Not AsTime, which takes the second half of the range for times before 1970.
	at := time.Unix(int64(t/1e9), int64(t%1e9)).UTC()
	c.buf = at.AppendFormat(c.buf, `"`+time.RFC3339Nano+`"`)
}

// value writes {"type":…,"value":…}.
func (c *encoder) value(path string, v Value, depth int) {
	if depth > MaxDepth {
		if c.err == nil {
			c.err = tooDeep(path)
		}
		return
	}
	name := emptyName
	if v != nil {
		name = v.typeName()
	}
	c.buf = append(c.buf, `{"type":"`+name+`","value":`...)
	switch x := v.(type) {
	case String:
		c.text(path, string(x))
	case Int:
		c.text(path, strconv.FormatInt(int64(x), 10))
	case Double:
		c.double(float64(x))
	case Bool:
		c.buf = strconv.AppendBool(c.buf, bool(x))
	case Bytes:
		c.text(path, base64.StdEncoding.EncodeToString(x))
	case Array:
		c.list('[', ']', len(x), func(i int) { c.value(at(path, i), x[i], depth+1) })
	case KVList:
		c.attributes(path, Attributes(x), depth+1)
	default:
		c.buf = append(c.buf, "null"...)
	}
	c.buf = append(c.buf, '}')
}

var (
	infinities = map[string]float64{"+Inf": math.Inf(1), "-Inf": math.Inf(-1)}
	goNaN      = math.Float64bits(math.NaN())
)

// double writes a number, or the name of what JSON has no number for. There are many NaNs, and the bits are part of an
// event's id: those of one that isn't Go's own follow in "bits".
func (c *encoder) double(f float64) {
	switch bits := math.Float64bits(f); {
	case math.IsInf(f, 1):
		c.buf = append(c.buf, `"+Inf"`...)
	case math.IsInf(f, -1):
		c.buf = append(c.buf, `"-Inf"`...)
	case bits == goNaN:
		c.buf = append(c.buf, `"NaN"`...)
	case math.IsNaN(f):
		c.buf = fmt.Appendf(c.buf, `"NaN","bits":"%016x"`, bits)
	default:
		c.buf = strconv.AppendFloat(c.buf, f, 'g', -1, 64)
	}
}

// attributes writes an object, or a list of pairs where a key comes twice, which no object holds.
func (c *encoder) attributes(path string, attrs Attributes, depth int) {
	if !repeats(attrs) {
		c.list('{', '}', len(attrs), func(i int) {
			c.key(path, attrs[i].Key)
			c.value(join(path, attrs[i].Key), attrs[i].Value, depth)
		})
		return
	}
	c.list('[', ']', len(attrs), func(i int) {
		c.buf = append(c.buf, '[')
		c.text(join(path, attrs[i].Key), attrs[i].Key)
		c.buf = append(c.buf, ',')
		c.value(join(path, attrs[i].Key), attrs[i].Value, depth)
		c.buf = append(c.buf, ']')
	})
}

func repeats(attrs Attributes) bool {
	seen := make(map[string]struct{}, len(attrs))
	for _, a := range attrs {
		seen[a.Key] = struct{}{}
	}
	return len(seen) < len(attrs)
}
