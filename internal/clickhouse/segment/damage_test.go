package segment_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

// record makes the record of n spans with attributes of all types, events and an error.
func record(t *testing.T, n int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	now := time.Now()
	for i := range n {
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1, byte(i)})
		sp.SetSpanID(pcommon.SpanID{2, byte(i)})
		sp.SetName(fmt.Sprint("span ", i))
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		sp.Attributes().PutStr("s", fmt.Sprint(i))
		sp.Attributes().PutInt("i", int64(i))
		sp.Attributes().PutBool("b", true)
		sp.Attributes().PutEmptySlice("a").AppendEmpty().SetDouble(1)
		ev := sp.Events().AppendEmpty()
		ev.SetName("exception")
		ev.Attributes().PutStr("exception.type", "ValueError")
	}
	b, err := writer.New(writer.Options{}).Traces(td)
	require.NoError(t, err)
	defer b.Release()
	return b.AppendRecord(nil)
}

// blocks gives a set's INSERTs as bytes.
func blocks(t *testing.T, set *segment.Set) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, set.Each(func(ins segment.Insert) error {
		var b bytes.Buffer
		_, err := ins.WriteTo(&b)
		out[ins.Table] = b.String()
		return err
	}))
	return out
}

// TestDamagedRecordLeavesTheSetAsItWas adds records with wrong bytes between good ones: those that are noticed leave no
// trace, and none takes more memory than its size allows.
func TestDamagedRecordLeavesTheSetAsItWas(t *testing.T) {
	at := time.Now()
	first, last := record(t, 5), record(t, 3)
	clean := segment.NewSet(at, nil)
	require.NoError(t, clean.Add(first))
	require.NoError(t, clean.Add(last))
	want := blocks(t, clean)
	random := rand.New(rand.NewPCG(1, 2))
	noticed := 0
	for range 4000 {
		bad := bytes.Clone(first)
		for range 1 + random.IntN(3) {
			switch at := random.IntN(len(bad)); random.IntN(3) {
			case 0:
				bad[at] = byte(random.Uint32())
			case 1:
				bad = bad[:at+1]
			default:
				bad = append(bad[:at], append([]byte{255, 255, 255, 255, 255, 255, 255, 127}, bad[at:]...)...)
			}
		}
		set := segment.NewSet(at, nil)
		require.NoError(t, set.Add(first))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := set.Add(bad)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "%x", bad)
		if err != nil {
			noticed++
			require.NoError(t, set.Add(last))
			got := blocks(t, set)
			require.Len(t, got, len(want))
			for table := range want {
				require.True(t, want[table] == got[table], "%s after %v", table, err)
			}
		}
		set.Release()
	}
	require.Greater(t, noticed, 1000)
}
