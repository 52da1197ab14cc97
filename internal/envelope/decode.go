package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/tenant"
)

// UnmarshalJSON reads an event and refuses what the schema doesn't know. Only the tenant must be there. EventID, Type and
// Source may be left out; if they are there they must be what follows from the rest, so nobody can name an event another.
func (e *Event) UnmarshalJSON(data []byte) error {
	out, err := decode(data)
	if err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	*e = out
	return nil
}

func decode(data []byte) (Event, error) {
	tree, err := parse(data)
	if err != nil {
		return Event{}, err
	}
	var given Event
	if err := decodeField("", tree, reflect.ValueOf(&given).Elem()); err != nil {
		return Event{}, err
	}
	if given.Tenant.IsZero() {
		return Event{}, &FieldError{Field: "tenant", Detail: "is missing; want the UUID of the tenant"}
	}
	if err := given.checkStamps(); err != nil {
		return Event{}, err
	}
	out := given.derived()
	switch {
	case given.Type != "" && !slices.Contains(Types(), given.Type):
		return Event{}, &FieldError{Field: "type", Detail: fmt.Sprintf("%q is no type of event", given.Type), Allowed: Types()}
	case given.Type != "" && given.Type != out.Type:
		return Event{}, &FieldError{Field: "type", Detail: fmt.Sprintf("doesn't go with the name %q", given.Name), Allowed: []string{out.Type}}
	case given.Source != "" && given.Source != out.Source:
		return Event{}, &FieldError{Field: "source", Detail: fmt.Sprintf("must be the resource's service.name, %q", out.Source)}
	case given.EventID != EventID{} && given.EventID != out.EventID:
		return Event{}, &FieldError{Field: "event_id", Detail: "is not the id of this content, " + uuid.UUID(out.EventID).String()}
	}
	return out, nil
}

// Parsed JSON is nil, bool, json.Number, string, []any or object, which keeps the order.
type (
	object []member
	member struct {
		name  string
		value any
	}
)

// maxNesting bounds the nesting of JSON: a map with a repeated key takes three levels, and it lies in the event.
const maxNesting = 3*MaxDepth + 8

func parse(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, &FieldError{Detail: "is not valid UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	tree, err := parseValue(d, "", 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &FieldError{Detail: "goes on after the event"}
	}
	return tree, nil
}

func parseValue(d *json.Decoder, path string, depth int) (any, error) {
	if depth > maxNesting {
		return nil, tooDeep(path)
	}
	token, err := d.Token()
	if err != nil {
		return nil, noJSON(path, err)
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if open == '{' {
		return parseObject(d, path, depth)
	}
	var list []any
	for d.More() {
		v, err := parseValue(d, at(path, len(list)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := d.Token(); err != nil {
		return nil, noJSON(path, err)
	}
	return list, nil
}

func parseObject(d *json.Decoder, path string, depth int) (any, error) {
	var out object
	seen := map[string]struct{}{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, noJSON(path, err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, &FieldError{Field: path, Detail: "has a name that is no string"}
		}
		if _, twice := seen[name]; twice {
			return nil, &FieldError{Field: join(path, name), Detail: "comes twice; want attributes as a list of [key, value] then"}
		}
		seen[name] = struct{}{}
		v, err := parseValue(d, join(path, name), depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, member{name, v})
	}
	if _, err := d.Token(); err != nil {
		return nil, noJSON(path, err)
	}
	return out, nil
}

func noJSON(path string, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &FieldError{Field: path, Detail: "is no JSON: " + err.Error()}
}

// decodeField reads into a field of an event by its Go type.
func decodeField(path string, tree any, dst reflect.Value) (err error) {
	switch p := dst.Addr().Interface().(type) {
	case *Value:
		*p, err = decodeValue(path, tree, 0)
	case *Attributes:
		*p, err = decodeAttributes(path, tree, 0)
	case *EventID:
		var id uuid.UUID
		id, err = decodeUUID(path, tree)
		*p = EventID(id)
	case *tenant.ID:
		var id uuid.UUID
		id, err = decodeUUID(path, tree)
		*p = tenant.ID(id)
	case *pcommon.TraceID:
		err = decodeID(path, tree, p[:])
	case *pcommon.SpanID:
		err = decodeID(path, tree, p[:])
	case *pcommon.Timestamp:
		*p, err = decodeTime(path, tree)
	case *Basis:
		name, ok := tree.(string)
		if *p, err = ParseBasis(name); err != nil || !ok || name == "" {
			err = &FieldError{Field: path, Detail: "must be the evidence", Allowed: basisNames[:]}
		}
	default:
		return decodePlain(path, tree, dst)
	}
	return err
}

func decodePlain(path string, tree any, dst reflect.Value) error {
	switch dst.Kind() {
	case reflect.String:
		s, ok := tree.(string)
		if !ok {
			return wrong(path, "must be a string")
		}
		dst.SetString(s)
		return nil
	case reflect.Int32:
		n, err := decodeInt(path, tree, math.MinInt32, math.MaxInt32)
		dst.SetInt(n)
		return err
	case reflect.Uint32:
		n, err := decodeInt(path, tree, 0, math.MaxUint32)
		dst.SetUint(uint64(n))
		return err
	case reflect.Slice:
		list, ok := tree.([]any)
		if !ok {
			return wrong(path, "must be an array")
		}
		for i, e := range list {
			dst.Set(reflect.Append(dst, reflect.Zero(dst.Type().Elem())))
			if err := decodeField(at(path, i), e, dst.Index(i)); err != nil {
				return err
			}
		}
		return nil
	default:
		return decodeStruct(path, tree, dst)
	}
}

func decodeStruct(path string, tree any, dst reflect.Value) error {
	fields, ok := tree.(object)
	if !ok {
		return wrong(path, "must be an object")
	}
	places := map[string]int{}
	var names []string
	for i := range dst.NumField() {
		name := jsonName(dst.Type().Field(i))
		places[name] = i
		names = append(names, name)
	}
	for _, f := range fields {
		i, ok := places[f.name]
		if !ok {
			return &FieldError{Field: join(path, f.name), Detail: "is an unknown field", Allowed: names}
		}
		if err := decodeField(join(path, f.name), f.value, dst.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func wrong(path, detail string) error { return &FieldError{Field: path, Detail: detail} }

func decodeUUID(path string, tree any) (uuid.UUID, error) {
	s, _ := tree.(string)
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s || id == uuid.Nil {
		return uuid.Nil, wrong(path, "must be a UUID of 36 characters in lower case, not all zeros")
	}
	return id, nil
}

func decodeID(path string, tree any, dst []byte) error {
	s, ok := tree.(string)
	if ok && s == "" {
		return nil
	}
	id, err := hex.DecodeString(s)
	if err != nil || len(id) != len(dst) || s != strings.ToLower(s) {
		return wrong(path, fmt.Sprintf("must be %d hex digits in lower case, or empty", 2*len(dst)))
	}
	copy(dst, id)
	return nil
}

func decodeTime(path string, tree any) (pcommon.Timestamp, error) {
	if tree == nil {
		return 0, nil
	}
	s, _ := tree.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	ns := new(big.Int).Add(new(big.Int).Mul(big.NewInt(t.Unix()), big.NewInt(1e9)), big.NewInt(int64(t.Nanosecond())))
	if err != nil || ns.Sign() <= 0 || !ns.IsUint64() {
		return 0, wrong(path, "must be a time as RFC 3339 after 1970-01-01T00:00:00Z and before 2554-07-22, or null")
	}
	return pcommon.Timestamp(ns.Uint64()), nil
}

func decodeInt(path string, tree any, least, most int64) (int64, error) {
	n, _ := tree.(json.Number)
	i, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || i < least || i > most {
		return 0, wrong(path, fmt.Sprintf("must be a whole number from %d to %d", least, most))
	}
	return i, nil
}

func decodeAttributes(path string, tree any, depth int) (Attributes, error) {
	var out Attributes
	add := func(key string, tree any) error {
		v, err := decodeValue(join(path, key), tree, depth)
		out = append(out, Attribute{key, v})
		return err
	}
	switch x := tree.(type) {
	case object:
		for _, m := range x {
			if err := add(m.name, m.value); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, e := range x {
			pair, _ := e.([]any)
			if len(pair) != 2 {
				return nil, wrong(at(path, i), "must be [key, value]")
			}
			key, ok := pair[0].(string)
			if !ok {
				return nil, wrong(at(path, i)+"[0]", "must be a string")
			}
			if err := add(key, pair[1]); err != nil {
				return nil, err
			}
		}
	default:
		return nil, wrong(path, "must be an object of typed values, or a list of [key, value]")
	}
	return out, nil
}

func decodeValue(path string, tree any, depth int) (Value, error) {
	if depth > MaxDepth {
		return nil, tooDeep(path)
	}
	fields, ok := tree.(object)
	if !ok {
		return nil, wrong(path, `must be a typed value, for example {"type":"string","value":"x"}`)
	}
	var name string
	var value, bits any
	for _, f := range fields {
		switch f.name {
		case "type":
			name, _ = f.value.(string)
		case "value":
			value = f.value
		case "bits":
			bits = f.value
		default:
			return nil, &FieldError{Field: join(path, f.name), Detail: "is an unknown field", Allowed: []string{"type", "value", "bits"}}
		}
	}
	if bits != nil && (name != "double" || value != "NaN") {
		return nil, wrong(join(path, "bits"), "goes only with the double NaN")
	}
	return decodeTyped(path, name, value, bits, depth)
}

func decodeTyped(path, name string, value, bits any, depth int) (Value, error) {
	text, isText := value.(string)
	switch name {
	case "string":
		if isText {
			return String(text), nil
		}
		return nil, wrong(path, "must have a string as value")
	case "int":
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil && text == strconv.FormatInt(n, 10) {
			return Int(n), nil
		}
		return nil, wrong(path, `must have a decimal string of a 64-bit integer as value, for example "42"`)
	case "double":
		return decodeDouble(path, value, bits)
	case "bool":
		if b, ok := value.(bool); ok {
			return Bool(b), nil
		}
		return nil, wrong(path, "must have true or false as value")
	case "bytes":
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err == nil && isText && !strings.ContainsAny(text, "\r\n") {
			return append(Bytes(nil), b...), nil
		}
		return nil, wrong(path, "must have padded base64 as value")
	case "array":
		return decodeArray(path, value, depth)
	case "kvlist":
		m, err := decodeAttributes(path, value, depth+1)
		return KVList(m), err
	case emptyName:
		if value == nil {
			return nil, nil
		}
		return nil, wrong(path, "must have null as value")
	default:
		return nil, &FieldError{Field: join(path, "type"), Detail: fmt.Sprintf("%q is no type of value", name), Allowed: valueTypes()}
	}
}

func decodeArray(path string, value any, depth int) (Value, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, wrong(path, "must have an array of typed values as value")
	}
	var out Array
	for i, e := range list {
		v, err := decodeValue(at(path, i), e, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func decodeDouble(path string, value, bits any) (Value, error) {
	if n, ok := value.(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return Double(f), nil
		}
		return nil, wrong(path, "must have a number in the range of 64-bit floats as value")
	}
	name, _ := value.(string)
	if f, ok := infinities[name]; ok {
		return Double(f), nil
	}
	if name != "NaN" {
		return nil, &FieldError{Field: path, Detail: "must have a number as value, or a name", Allowed: []string{"NaN", "+Inf", "-Inf"}}
	}
	if bits == nil {
		return Double(math.NaN()), nil
	}
	digits, _ := bits.(string)
	n, err := strconv.ParseUint(digits, 16, 64)
	if f := math.Float64frombits(n); err == nil && len(digits) == 16 && digits == strings.ToLower(digits) && math.IsNaN(f) {
		return Double(f), nil
	}
	return nil, wrong(join(path, "bits"), "must be the 16 hex digits, in lower case, of a NaN")
}
