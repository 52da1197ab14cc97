package envelope

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// schemaFile is the published schema with a validator of the keywords that it uses; any other keyword is a problem.
type schemaFile struct{ root map[string]any }

func (s *schemaFile) load(t require.TestingT) *schemaFile {
	raw, err := os.ReadFile(filepath.Join("..", "..", "api", "json", "summit.v1.event.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &s.root))
	return s
}

func (s *schemaFile) def(name string) map[string]any {
	return s.root["$defs"].(map[string]any)[name].(map[string]any)
}

func (s *schemaFile) problems(raw []byte) []string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return []string{err.Error()}
	}
	return s.check("$", s.root, v)
}

func (s *schemaFile) check(path string, schema map[string]any, v any) (out []string) {
	bad := func(keyword string) { out = append(out, fmt.Sprintf("%s: %s: %v", path, keyword, v)) }
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	properties, _ := schema["properties"].(map[string]any)
	for keyword, arg := range schema {
		ok := true
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "properties", "contentEncoding":
		case "$ref":
			out = append(out, s.check(path, s.def(strings.TrimPrefix(arg.(string), "#/$defs/")), v)...)
		case "type":
			names, several := arg.([]any)
			if !several {
				names = []any{arg}
			}
			ok = slices.ContainsFunc(names, func(n any) bool { return isType(n.(string), v) })
		case "const":
			ok = reflect.DeepEqual(arg, v)
		case "enum":
			ok = slices.ContainsFunc(arg.([]any), func(e any) bool { return reflect.DeepEqual(e, v) })
		case "pattern":
			ok = !isText || regexp.MustCompile(arg.(string)).MatchString(text)
		case "format":
			_, err := time.Parse(time.RFC3339Nano, text)
			ok = arg == "date-time" && (!isText || err == nil)
		case "minimum":
			ok = !isNumber || number >= arg.(float64)
		case "maximum":
			ok = !isNumber || number <= arg.(float64)
		case "minItems":
			ok = list == nil || len(list) >= int(arg.(float64))
		case "maxItems":
			ok = list == nil || len(list) <= int(arg.(float64))
		case "required":
			for _, name := range arg.([]any) {
				_, has := object[name.(string)]
				ok = ok && (has || object == nil)
			}
		case "additionalProperties":
			for name, e := range object {
				if _, known := properties[name]; known {
					continue
				}
				if sub, is := arg.(map[string]any); is {
					out = append(out, s.check(path+"."+name, sub, e)...)
				} else {
					ok = false
				}
			}
		case "items":
			for i, e := range list {
				out = append(out, s.check(at(path, i), arg.(map[string]any), e)...)
			}
		case "prefixItems":
			for i, sub := range arg.([]any) {
				if i < len(list) {
					out = append(out, s.check(at(path, i), sub.(map[string]any), list[i])...)
				}
			}
		case "oneOf", "anyOf":
			n := 0
			for _, sub := range arg.([]any) {
				if len(s.check(path, sub.(map[string]any), v)) == 0 {
					n++
				}
			}
			ok = n == 1 || n > 1 && keyword == "anyOf"
		default:
			ok = false
		}
		if !ok {
			bad(keyword)
		}
	}
	for name, sub := range properties {
		if e, has := object[name]; has {
			out = append(out, s.check(path+"."+name, sub.(map[string]any), e)...)
		}
	}
	return out
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}

func words(list any) []string {
	var out []string
	for _, w := range list.([]any) {
		out = append(out, w.(string))
	}
	slices.Sort(out)
	return out
}

// The published schema and the Go type say the same: fields, their types, and every closed list.
func TestSchemaMatchesTheType(t *testing.T) {
	s := new(schemaFile).load(t)
	for name, typ := range map[string]reflect.Type{
		"event": reflect.TypeFor[Event](), "correlation": reflect.TypeFor[Correlation](), "resource": reflect.TypeFor[Resource](),
		"entity": reflect.TypeFor[Entity](), "scope": reflect.TypeFor[Scope](),
	} {
		def := s.def(name)
		require.Equal(t, false, def["additionalProperties"], name)
		properties := def["properties"].(map[string]any)
		want := map[string]bool{}
		for f := range typ.Fields() {
			field := jsonName(f)
			want[field] = true
			require.Contains(t, properties, field, name)
			require.Equal(t, formOf(f.Type), formIn(properties[field].(map[string]any)), name+"."+field)
		}
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(properties)), name)
	}
	enum := func(def, field string) []string {
		return words(s.def(def)["properties"].(map[string]any)[field].(map[string]any)["enum"])
	}
	require.Equal(t, Types(), enum("event", "type"))
	bases := slices.Clone(basisNames[:])
	slices.Sort(bases)
	require.Equal(t, bases, enum("correlation", "basis"))
	require.Equal(t, []string{"tenant"}, words(s.def("event")["required"]))
	var types []string
	for _, v := range s.def("value")["oneOf"].([]any) {
		types = append(types, v.(map[string]any)["properties"].(map[string]any)["type"].(map[string]any)["const"].(string))
	}
	require.Equal(t, valueTypes(), types)
	require.Contains(t, s.def("value")["description"], fmt.Sprintf("%d arrays", MaxDepth))
}

// formOf is the JSON form of a Go type: what the encoder writes for its zero value, or the definition it has.
func formOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Correlation](), reflect.TypeFor[Resource](), reflect.TypeFor[Scope](), reflect.TypeFor[Attributes](), valueInterface:
		return "#/$defs/" + strings.ToLower(t.Name())
	}
	var c encoder
	c.field("", reflect.Zero(t))
	switch {
	case c.buf[0] == '"':
		return "string"
	case c.buf[0] == '[':
		return "array"
	case string(c.buf) == "null":
		return "string or null"
	default:
		return "integer"
	}
}

func formIn(property map[string]any) string {
	if ref, ok := property["$ref"].(string); ok {
		return ref
	}
	if list, ok := property["type"].([]any); ok {
		return list[0].(string) + " or " + list[1].(string)
	}
	return property["type"].(string)
}

// TestSchemaRefuses what the decoder refuses, where a schema can say it.
func TestSchemaRefuses(t *testing.T) {
	s := new(schemaFile).load(t)
	raw, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	require.NoError(t, err)
	require.Empty(t, s.problems(raw))
	require.Empty(t, s.problems([]byte(inTenant+`"time":null}`)))
	for _, in := range []string{
		`{}`, `[]`, inTenant + `"x":1}`, inTenant + `"trace_id":"AB"}`, inTenant + `"flags":-1}`, inTenant + `"type":"summit.v1.span"}`,
		inTenant + `"severity":1.5}`, inTenant + `"time":1}`, inTenant + `"time":"yesterday"}`, inTenant + `"attributes":{"k":"v"}}`,
		inTenant + `"attributes":[["k"]]}`, inTenant + `"correlation":{"basis":"hash"}}`, inTenant + `"scope":{"x":1}}`,
		inTenant + `"body":{"type":"int","value":1}}`, inTenant + `"body":{"type":"int","value":"01"}}`, inTenant + `"body":{"type":"text","value":"x"}}`,
		inTenant + `"body":{"type":"double","value":"Infinity"}}`, inTenant + `"body":{"type":"bytes","value":"AA"}}`,
		inTenant + `"body":{"type":"empty","value":0}}`, inTenant + `"body":{"type":"array","value":[1]}}`, inTenant + `"resource":{"entities":[{"id_keys":[1]}]}}`,
	} {
		require.NotEmpty(t, s.problems([]byte(in)), in)
		require.Error(t, new(Event).UnmarshalJSON([]byte(in)), in)
	}
}
