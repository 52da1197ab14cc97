package envelope

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/tenant"
)

var update = flag.Bool("update", false, "write the golden files anew")

// first is the record of what AppendTo writes.
func first(ld plog.Logs) (plog.ResourceLogs, plog.ScopeLogs, plog.LogRecord) {
	rl := ld.ResourceLogs().At(0)
	sl := rl.ScopeLogs().At(0)
	return rl, sl, sl.LogRecords().At(0)
}

func protobuf(t require.TestingT, ld plog.Logs) []byte {
	b, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	require.NoError(t, err)
	return b
}

var (
	texts   = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", "<b>&\u2028", "\x00", "\uFFFD", "value"}))
	doubles = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{
		math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.Float64frombits(0x7ff8000000000000), math.Float64frombits(0xfff8000000000123),
	}))
	ints = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1<<53 + 1, 0}))
)

func drawValue(t *rapid.T, dst pcommon.Value, depth int) {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0: // empty
	case 1:
		dst.SetStr(texts.Draw(t, "string"))
	case 2:
		dst.SetInt(ints.Draw(t, "int"))
	case 3:
		dst.SetDouble(doubles.Draw(t, "double"))
	case 4:
		dst.SetBool(rapid.Bool().Draw(t, "bool"))
	case 5:
		dst.SetEmptyBytes().FromRaw(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case 6:
		list := dst.SetEmptySlice()
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			drawValue(t, list.AppendEmpty(), depth-1)
		}
	default:
		drawMap(t, dst.SetEmptyMap(), depth-1)
	}
}

// drawMap repeats keys now and then.
func drawMap(t *rapid.T, dst pcommon.Map, depth int) {
	var b xpdata.MapBuilder
	for range rapid.IntRange(0, 4).Draw(t, "pairs") {
		drawValue(t, b.AppendEmpty(texts.Draw(t, "key")), depth)
	}
	b.UnsafeIntoMap(dst)
}

// drawLogs is a record with a resource as the envelope and correlation processors leave it.
func drawLogs(t *rapid.T) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl(texts.Draw(t, "resource schema"))
	rl.Resource().SetDroppedAttributesCount(rapid.Uint32().Draw(t, "resource dropped"))
	attrs := rl.Resource().Attributes()
	drawMap(t, attrs, 3)
	attrs.PutStr("service.name", texts.Draw(t, "service"))
	attrs.PutStr(AttrTenantID, rapid.SampledFrom([]string{tenant.Default.String(), "11111111-2222-4333-8444-55555555555a"}).Draw(t, "tenant"))
	for _, key := range []string{AttrCommitSHA, AttrBuildRunID, AttrDeploymentID} {
		if v := texts.Draw(t, key); v != "" {
			attrs.PutStr(key, v)
		}
	}
	if b := Basis(rapid.IntRange(0, 4).Draw(t, "basis")); b != BasisNone {
		attrs.PutStr(AttrBasis, b.String())
	}
	for range rapid.IntRange(0, 2).Draw(t, "entities") {
		ref := entity.ResourceEntityRefs(rl.Resource()).AppendEmpty()
		ref.SetType(texts.Draw(t, "entity type"))
		ref.SetSchemaUrl(texts.Draw(t, "entity schema"))
		ref.IdKeys().FromRaw(rapid.SliceOfN(texts, 0, 3).Draw(t, "id keys"))
		ref.DescriptionKeys().FromRaw(rapid.SliceOfN(texts, 0, 3).Draw(t, "description keys"))
	}
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl(texts.Draw(t, "scope schema"))
	sl.Scope().SetName(texts.Draw(t, "scope"))
	sl.Scope().SetVersion(texts.Draw(t, "scope version"))
	sl.Scope().SetDroppedAttributesCount(rapid.Uint32().Draw(t, "scope dropped"))
	drawMap(t, sl.Scope().Attributes(), 3)
	drawRecord(t, sl.LogRecords().AppendEmpty())
	return ld
}

func drawRecord(t *rapid.T, lr plog.LogRecord) {
	times := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}))
	lr.SetTimestamp(pcommon.Timestamp(times.Draw(t, "time")))
	lr.SetObservedTimestamp(pcommon.Timestamp(times.Draw(t, "observed")))
	lr.SetSeverityNumber(plog.SeverityNumber(rapid.Int32().Draw(t, "severity")))
	lr.SetSeverityText(texts.Draw(t, "severity text"))
	lr.SetEventName(rapid.OneOf(texts, rapid.Just("summit.build.run")).Draw(t, "name"))
	copy16, copy8 := pcommon.TraceID{}, pcommon.SpanID{}
	copy(copy16[:], rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "trace"))
	copy(copy8[:], rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "span"))
	lr.SetTraceID(copy16)
	lr.SetSpanID(copy8)
	lr.SetFlags(plog.LogRecordFlags(rapid.Uint32().Draw(t, "flags")))
	lr.SetDroppedAttributesCount(rapid.Uint32().Draw(t, "dropped"))
	drawMap(t, lr.Attributes(), 3)
	if rapid.Bool().Draw(t, "stamped") {
		lr.Attributes().PutStr(AttrEventID, rapid.SampledFrom([]string{"x", "12345678-1234-4123-8123-1234567890AB"}).Draw(t, "stamp"))
	}
	drawValue(t, lr.Body(), 3)
}

// TestNothingIsLost compares protobuf bytes: order, repeated keys and the bits of floats included.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ld := drawLogs(t)
		ev, err := FromLogRecord(first(ld))
		require.NoError(t, err)
		raw, err := json.Marshal(ev)
		require.NoError(t, err)
		var read Event
		require.NoError(t, json.Unmarshal(raw, &read))
		again, err := json.Marshal(read)
		require.NoError(t, err)
		require.Equal(t, string(raw), string(again))
		require.Equal(t, ev.EventID, read.EventID)

		out := plog.NewLogs()
		read.AppendTo(out)
		require.Equal(t, protobuf(t, ld), protobuf(t, out))
		require.Empty(t, new(schemaFile).load(t).problems(raw))
	})
}

func TestEventIDIsTheOneThatIsStamped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ld := drawLogs(t)
		rl, sl, lr := first(ld)
		lr.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool { return k == AttrEventID })
		before, err := FromLogRecord(rl, sl, lr)
		require.NoError(t, err)
		id := LogEventID(before.Tenant, ResourceHash(rl.Resource().Attributes()), int64(lr.Timestamp()), int64(lr.ObservedTimestamp()),
			lr.TraceID(), lr.SpanID(), LogContent(lr))
		require.Equal(t, id, before.EventID)

		lr.Attributes().PutStr(AttrEventID, uuid.UUID(id).String())
		require.Equal(t, id, RecordEventID(before.Tenant, ResourceHash(rl.Resource().Attributes()), lr), "a second pass")
		lr.Body().SetStr("redacted later")
		after, err := FromLogRecord(rl, sl, lr)
		require.NoError(t, err)
		require.Equal(t, id, after.EventID, "the stamp stays")
	})
}

func example() Event {
	e := Event{
		Tenant: tenant.Default, Time: 1_770_000_000_123_456_789, ObservedTime: 1_770_000_000_200_000_000,
		Severity: plog.SeverityNumberError, SeverityText: "ERROR", Name: "checkout.failed",
		TraceID: pcommon.TraceID{15: 0x2a}, SpanID: pcommon.SpanID{7: 0x2b}, Flags: 1,
		Correlation: Correlation{CommitSHA: "3f1c2ab", BuildRunID: "github:github.com:acme/shop:4711:1", Basis: BasisDigest},
		Resource: Resource{
			Attributes: Attributes{{"service.name", String("shop")}, {"service.instance.id", String("shop-1")}},
			SchemaURL:  "https://opentelemetry.io/schemas/1.37.0",
			Entities:   []Entity{{Type: "service", IDKeys: []string{"service.name"}, DescriptionKeys: []string{"service.instance.id"}}},
		},
		Scope: Scope{Name: "shop/checkout", Version: "1.4.0"},
		Attributes: Attributes{
			{"order.id", Int(1<<53 + 1)},
			{"order.total", Double(12.5)},
			{"order.discount", Double(math.Inf(-1))},
			{"order.paid", Bool(false)},
			{"payment.token", Bytes{0, 0xff}},
			{"order.items", Array{String("tea"), nil, Int(2)}},
			{"customer", KVList{{"tier", String("gold")}, {"score", Double(math.NaN())}}},
			{"headers", KVList{{"cookie", String("a")}, {"cookie", String("b")}}},
		},
		DroppedAttributes: 1,
		Body:              String("payment refused"),
	}
	return e.derived()
}

func TestGolden(t *testing.T) {
	raw, err := json.MarshalIndent(example(), "", "  ")
	require.NoError(t, err)
	raw = append(raw, '\n')
	path := filepath.Join("testdata", "event.json")
	if *update {
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(raw))
	var e Event
	require.NoError(t, json.Unmarshal(want, &e))
	ld := plog.NewLogs()
	e.AppendTo(ld)
	wantLogs := plog.NewLogs()
	example().AppendTo(wantLogs)
	require.Equal(t, protobuf(t, wantLogs), protobuf(t, ld))
}

func TestDerivedFields(t *testing.T) {
	var e Event
	require.NoError(t, json.Unmarshal([]byte(`{"tenant":"00000000-0000-4000-8000-000000000001","name":"summit.build.run",
		"resource":{"attributes":{"service.name":{"type":"string","value":"ci"}}}}`), &e))
	require.Equal(t, TypeBuild, e.Type)
	require.Equal(t, "ci", e.Source)
	require.NotZero(t, e.EventID)
	require.Zero(t, e.Time)
	require.Nil(t, e.Body)
	e.Name = "untrusted.summit.build.run"
	require.Equal(t, TypeLog, e.derived().Type)
	require.NotEqual(t, e.EventID, e.derived().EventID)
	_, err := json.Marshal(Event{Tenant: tenant.Default})
	require.NoError(t, err, "the zero value is an event")
}

func TestRecordWithoutAStampIsTheDefaultTenants(t *testing.T) {
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("x")
	e, err := FromLogRecord(first(ld))
	require.NoError(t, err)
	require.Equal(t, tenant.Default, e.Tenant)
	require.Equal(t, TypeLog, e.Type)
	out := plog.NewLogs()
	e.AppendTo(out)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr(AttrTenantID, tenant.Default.String())
	require.Equal(t, protobuf(t, ld), protobuf(t, out))
}

func TestFromLogRecordNamesWhatItCannotRead(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(plog.ResourceLogs, plog.LogRecord)
		err  string
	}{
		{"tenant", func(rl plog.ResourceLogs, _ plog.LogRecord) { rl.Resource().Attributes().PutStr(AttrTenantID, "acme") },
			`read log record: resource.attributes.summit.tenant.id: tenant id "acme": want a UUID`},
		{"tenant of another type", func(rl plog.ResourceLogs, _ plog.LogRecord) { rl.Resource().Attributes().PutInt(AttrTenantID, 7) },
			"resource.attributes.summit.tenant.id: must be one string"},
		{"tenant twice", func(rl plog.ResourceLogs, _ plog.LogRecord) {
			setAttributes(rl.Resource().Attributes(), Attributes{{AttrTenantID, String("default")}, {AttrTenantID, String("default")}})
		}, "resource.attributes.summit.tenant.id: must be one string"},
		{"basis", func(rl plog.ResourceLogs, _ plog.LogRecord) { rl.Resource().Attributes().PutStr(AttrBasis, "hash") },
			`resource.attributes.summit.correlation.basis: "hash" is no basis; want one of none, digest, revision, version, time`},
		{"depth", func(_ plog.ResourceLogs, lr plog.LogRecord) {
			v := lr.Body()
			for range MaxDepth + 1 {
				v = v.SetEmptySlice().AppendEmpty()
			}
		}, "is nested deeper than 64 arrays and maps"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ld := plog.NewLogs()
			Event{Tenant: tenant.Default}.AppendTo(ld)
			rl, sl, lr := first(ld)
			tc.edit(rl, lr)
			_, err := FromLogRecord(rl, sl, lr)
			require.ErrorContains(t, err, tc.err)
			var field *FieldError
			require.ErrorAs(t, err, &field)
			require.NotEmpty(t, field.Field)
		})
	}
}

func TestDeepestValueGoesAllTheWay(t *testing.T) {
	for _, wrap := range []func(Value) Value{
		func(v Value) Value { return Array{v} },
		func(v Value) Value { return KVList{{"k", v}} },
		func(v Value) Value { return KVList{{"k", v}, {"k", nil}} },
	} {
		var v Value = Int(1)
		for range MaxDepth {
			v = wrap(v)
		}
		e := Event{Tenant: tenant.Default, Resource: Resource{Attributes: Attributes{{"a", v}, {"a", nil}}}}.derived()
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		var read Event
		require.NoError(t, json.Unmarshal(raw, &read))
		require.Equal(t, e, read)
		e.Resource.Attributes[0].Value = wrap(v)
		_, err = json.Marshal(e)
		require.ErrorContains(t, err, "nested deeper than 64")
		deeper := bytes.Replace(raw, []byte(`{"type":"int","value":"1"}`), []byte(`{"type":"array","value":[{"type":"empty"}]}`), 1)
		require.ErrorContains(t, json.Unmarshal(deeper, &read), "nested deeper than 64")
	}
	require.ErrorContains(t, new(Event).UnmarshalJSON(slices.Repeat([]byte("["), 1<<20)), "nested deeper")
}

func TestMarshalNamesWhatJSONCannotHold(t *testing.T) {
	for field, e := range map[string]Event{
		"severity_text":                        {SeverityText: "\xff"},
		"attributes.k":                         {Attributes: Attributes{{"k", String("\xff")}}},
		"attributes.\uFFFD":                    {Attributes: Attributes{{"\xff", nil}}},
		"body[1].k":                            {Body: Array{nil, KVList{{"k", String("\xc3")}}}},
		"resource.schema_url":                  {Resource: Resource{SchemaURL: "\xff"}},
		"resource.entities[0].id_keys[0]":      {Resource: Resource{Entities: []Entity{{IDKeys: []string{"\xff"}}}}},
		"resource.attributes.summit.tenant.id": {Resource: Resource{Attributes: Attributes{{AttrTenantID, String("x")}}}},
		"correlation.commit_sha":               {Correlation: Correlation{CommitSHA: "\xff"}},
		"scope.attributes.k":                   {Scope: Scope{Attributes: Attributes{{"k", String("\xff")}}}},
	} {
		_, err := json.Marshal(e)
		var problem *FieldError
		require.ErrorAs(t, err, &problem, field)
		require.Equal(t, field, problem.Field)
	}
}
