package envelope

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

const inTenant = `{"tenant":"00000000-0000-4000-8000-000000000001",`

func TestUnmarshalNamesTheField(t *testing.T) {
	for _, tc := range []struct{ name, in, err string }{
		{"no object", `[]`, "decode event: must be an object"},
		{"null", `null`, "must be an object"},
		{"no tenant", `{}`, "tenant: is missing"},
		{"tenant", `{"tenant":"default"}`, "tenant: must be a UUID of 36 characters in lower case"},
		{"zero tenant", `{"tenant":"00000000-0000-0000-0000-000000000000"}`, "tenant: must be a UUID"},
		{"unknown field", inTenant + `"Body":{}}`, "Body: is an unknown field; want one of event_id, tenant, type, source, time"},
		{"unknown field below", inTenant + `"scope":{"x":1}}`, "scope.x: is an unknown field; want one of name, version, attributes"},
		{"twice", inTenant + `"name":"a","name":"b"}`, "name: comes twice"},
		{"key twice", inTenant + `"attributes":{"k":{"type":"empty"},"k":{"type":"empty"}}}`, "attributes.k: comes twice; want attributes as a list"},
		{"type", inTenant + `"type":"summit.v1.span"}`, `type: "summit.v1.span" is no type of event; want one of summit.v1.build, summit.v1.log`},
		{"type of another name", inTenant + `"type":"summit.v1.build"}`, `type: doesn't go with the name ""; want one of summit.v1.log`},
		{"source", inTenant + `"source":"shop"}`, `source: must be the resource's service.name, ""`},
		{"foreign id", inTenant + `"event_id":"11111111-2222-4333-8444-555555555555"}`, "event_id: is not the id of this content, "},
		{"id", inTenant + `"event_id":"x"}`, "event_id: must be a UUID"},
		{"time", inTenant + `"time":"yesterday"}`, "time: must be a time as RFC 3339"},
		{"time as number", inTenant + `"time":1}`, "time: must be a time"},
		{"early", inTenant + `"observed_time":"1969-12-31T23:59:59Z"}`, "observed_time: must be a time as RFC 3339 after 1970"},
		{"late", inTenant + `"time":"2600-01-01T00:00:00Z"}`, "before 2554"},
		{"severity", inTenant + `"severity":"ERROR"}`, "severity: must be a whole number from -2147483648 to 2147483647"},
		{"fraction", inTenant + `"severity":1.5}`, "severity: must be a whole number"},
		{"flags", inTenant + `"flags":-1}`, "flags: must be a whole number from 0 to 4294967295"},
		{"name", inTenant + `"name":1}`, "name: must be a string"},
		{"trace", inTenant + `"trace_id":"AB"}`, "trace_id: must be 32 hex digits in lower case, or empty"},
		{"upper case", inTenant + `"span_id":"00000000000000AB"}`, "span_id: must be 16 hex digits in lower case"},
		{"no id", inTenant + `"span_id":null}`, "span_id: must be 16 hex digits"},
		{"basis", inTenant + `"correlation":{"basis":"hash"}}`, "correlation.basis: must be the evidence; want one of none, digest, revision, version, time"},
		{"stamp", inTenant + `"resource":{"attributes":{"summit.tenant.id":{"type":"empty"}}}}`, "resource.attributes.summit.tenant.id: stands in tenant or correlation"},
		{"entities", inTenant + `"resource":{"entities":{}}}`, "resource.entities: must be an array"},
		{"entity key", inTenant + `"resource":{"entities":[{"id_keys":["a",1]}]}}`, "resource.entities[0].id_keys[1]: must be a string"},
		{"attributes", inTenant + `"attributes":"x"}`, "attributes: must be an object of typed values, or a list of [key, value]"},
		{"pair", inTenant + `"attributes":[["k"]]}`, "attributes[0]: must be [key, value]"},
		{"pair's key", inTenant + `"attributes":[[1,{"type":"empty"}]]}`, "attributes[0][0]: must be a string"},
		{"untyped", inTenant + `"attributes":{"k":"v"}}`, "attributes.k: must be a typed value"},
		{"value's type", inTenant + `"body":{"type":"text","value":"x"}}`, `body.type: "text" is no type of value; want one of array, bool, bytes, double, empty, int, kvlist, string`},
		{"value's field", inTenant + `"body":{"type":"int","val":"1"}}`, "body.val: is an unknown field; want one of type, value, bits"},
		{"string", inTenant + `"body":{"type":"string"}}`, "body: must have a string"},
		{"int", inTenant + `"body":{"type":"int","value":1}}`, "body: must have a decimal string of a 64-bit integer"},
		{"int with zeros", inTenant + `"body":{"type":"int","value":"01"}}`, "body: must have a decimal string"},
		{"large int", inTenant + `"body":{"type":"int","value":"9223372036854775808"}}`, "body: must have a decimal string"},
		{"double", inTenant + `"body":{"type":"double","value":"Infinity"}}`, "body: must have a number as value, or a name; want one of NaN, +Inf, -Inf"},
		{"large double", inTenant + `"body":{"type":"double","value":1e999}}`, "body: must have a number in the range"},
		{"bits", inTenant + `"body":{"type":"double","value":"NaN","bits":"7ff0000000000000"}}`, "body.bits: must be the 16 hex digits"},
		{"bits of a number", inTenant + `"body":{"type":"double","value":1,"bits":"7ff8000000000000"}}`, "body.bits: goes only with the double NaN"},
		{"bool", inTenant + `"body":{"type":"bool","value":"true"}}`, "body: must have true or false"},
		{"bytes", inTenant + `"body":{"type":"bytes","value":"AA"}}`, "body: must have padded base64"},
		{"bytes with a line", inTenant + `"body":{"type":"bytes","value":"AA==\n"}}`, "body: must have padded base64"},
		{"array", inTenant + `"body":{"type":"array","value":{}}}`, "body: must have an array"},
		{"element", inTenant + `"body":{"type":"array","value":[{"type":"empty"},1]}}`, "body[1]: must be a typed value"},
		{"empty", inTenant + `"body":{"type":"empty","value":0}}`, "body: must have null"},
		{"not UTF-8", inTenant + "\"name\":\"\xff\"}", "is not valid UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := Event{Name: "untouched"}
			err := json.Unmarshal([]byte(tc.in), &e)
			require.ErrorContains(t, err, tc.err)
			require.Equal(t, Event{Name: "untouched"}, e)
			var field *FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}

func TestUnmarshalOfWhatIsNoJSON(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	require.NoError(t, err)
	whole := strings.TrimSpace(string(raw))
	for n := range len(whole) {
		require.Error(t, new(Event).UnmarshalJSON([]byte(whole[:n])))
	}
	require.ErrorContains(t, new(Event).UnmarshalJSON([]byte(whole+"{}")), "goes on after the event")
}

// FuzzUnmarshal: what is read is written, read again and mapped to a record and back as the same event.
func FuzzUnmarshal(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(inTenant + `"time":null,"attributes":[["k",{"type":"double","value":"NaN","bits":"fff8000000000000"}],["k",{"type":"empty"}]]}`))
	f.Add([]byte(inTenant + `"body":{"type":"array","value":[{"type":"kvlist","value":{"":{"type":"bytes","value":"AA=="}}}]}}`))
	f.Add([]byte(inTenant + `"correlation":{"basis":"time"},"time":"2554-07-21T23:34:33.709551615Z","body":{"type":"string","value":"\ud800"}}`))
	schema := new(schemaFile).load(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Event
		if e.UnmarshalJSON(data) != nil {
			return
		}
		written, err := json.Marshal(e)
		require.NoError(t, err)
		require.Empty(t, schema.problems(written))
		var again Event
		require.NoError(t, json.Unmarshal(written, &again))
		ld := plog.NewLogs()
		again.AppendTo(ld)
		mapped, err := FromLogRecord(first(ld))
		require.NoError(t, err)
		back, err := json.Marshal(mapped)
		require.NoError(t, err)
		require.Equal(t, string(written), string(back))
	})
}
