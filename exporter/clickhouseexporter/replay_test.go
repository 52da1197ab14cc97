package clickhouseexporter

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// mixedLogs makes records whose attributes have several types, days, cut values and more values than a facet has.
func mixedLogs(n int) plog.Logs {
	ld := plog.NewLogs()
	for i := range n {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", fmt.Sprint("service ", i%7))
		lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().AddDate(0, 0, -i%40)))
		lr.Body().SetStr(fmt.Sprintf("order %d of %s placed", i, strings.Repeat("x", i%300)))
		lr.Attributes().PutStr("k", strings.Repeat("k", i%200))
		if i%3 == 0 {
			lr.Attributes().PutInt("k", int64(i))
			lr.Attributes().PutEmptySlice("list").AppendEmpty().SetStr(strings.Repeat("l", i%200))
		}
		lr.Attributes().PutStr("user", fmt.Sprint(i))
		for j := range 5 {
			lr.Attributes().PutBool(fmt.Sprint("flag ", (i+j)%11), j%2 == 0)
		}
	}
	return ld
}

// TestSegmentGivesTheSameBytesEachTime makes a segment's INSERTs again and again, as after restarts: derived rows, orders
// and dictionaries must not depend on the process, or a segment of which a part is in would be completed with other rows.
func TestSegmentGivesTheSameBytesEachTime(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Limits.MaxAttributeValueBytes = 100
	code := newCodec(cfg)
	var records [][]byte
	add := func(b batch, err error) {
		require.NoError(t, err)
		records = append(records, b.AppendRecord(nil))
		b.Committed()
		b.Release()
	}
	for range 3 {
		add(code.encoder.Traces(shop(60)))
		add(code.encoder.Logs(mixedLogs(200)))
		add(code.encoder.Metrics(points(30)))
		add(code.encoder.Metrics(histogram()))
	}
	opened := time.Now()
	gathered := func(records [][]byte) map[string]string {
		set, out := code.newSet(opened), map[string]string{}
		defer set.Release()
		for _, r := range records {
			require.NoError(t, set.Add(r))
		}
		require.NoError(t, set.Each(func(b tableBlock) error {
			var body bytes.Buffer
			require.NoError(t, b.write(&body))
			out[b.table] = strings.Join(b.columns, ",") + body.String()
			return nil
		}))
		return out
	}
	want := gathered(records)
	require.Subset(t, keys(want), []string{"events_trace_v1", "events_error_v1", "logs_v1", "attr_catalog_v1", "facet_15m_v1", "metrics_hist_v1"})
	for i := range 6 {
		gathered(records[i:]) // leaves other rows in the memory that the next set gets
		got := gathered(records)
		require.Equal(t, keys(want), keys(got))
		for table := range want {
			require.True(t, want[table] == got[table], "%s differs", table)
		}
	}
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
