package writer_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

// What a hostile or broken sender can put into valid OTLP costs it its own data and nothing else.
func TestHostileSpansAreStored(t *testing.T) {
	for name, spoil := range map[string]func(pcommon.Map){
		"deep": func(m pcommon.Map) {
			at := m.PutEmpty("deep")
			for range 5000 {
				at = at.SetEmptyMap().PutEmpty("k")
			}
			at.SetStr("bottom")
		},
		"wide": func(m pcommon.Map) {
			for i := range 20000 {
				m.PutStr("key."+strconv.Itoa(i), "v")
			}
		},
		"long key":          func(m pcommon.Map) { m.PutStr(strings.Repeat("k", 1<<20), "v") },
		"long value":        func(m pcommon.Map) { m.PutStr("v", strings.Repeat("v", 8<<20)) },
		"long list":         func(m pcommon.Map) { long(m.PutEmptySlice("list"), 200_000) },
		"names of ours":     func(m pcommon.Map) { m.PutInt("summit.otlp.kind", 7); m.PutStr("summit.cut.keys", "x") },
		"bytes as a string": func(m pcommon.Map) { m.PutStr("\xff\x00", "\xc3\x28\x00") },
	} {
		t.Run(name, func(t *testing.T) {
			s := enginetest.Open(t)
			td, sp := one()
			spoil(sp.Attributes())
			for _, d := range put(t, s, writer.Options{}, td) {
				require.Equal(t, writer.Drop{Reason: "attribute_value_cut", Signal: writer.SignalTraces, Items: 1}, d)
			}
			require.EqualValues(t, 1, count(t, s, "events_trace_v1 WHERE span_name = 'pay'"))
			require.Less(t, get[uint64](t, s, "sum(length(toString(attrs_any))) FROM events_trace_v1"), uint64(1<<18))
		})
	}
}

func long(s pcommon.Slice, n int) {
	s.EnsureCapacity(n)
	for i := range n {
		s.AppendEmpty().SetInt(int64(i))
	}
}
