package clickhouseexporter

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// shop makes n traces of two spans, of which every second one throws.
func shop(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range n {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", []string{"cart", "checkout"}[i%2])
		ss := rs.ScopeSpans().AppendEmpty()
		start := time.Now().Add(time.Duration(i) * time.Millisecond)
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], uint64(i+1))
		for j := range 2 {
			sp := ss.Spans().AppendEmpty()
			sp.SetTraceID(trace)
			sp.SetSpanID(pcommon.SpanID{byte(j + 1)})
			if j == 1 {
				sp.SetParentSpanID(pcommon.SpanID{1})
			}
			sp.SetKind(ptrace.SpanKindServer)
			sp.SetName("POST /orders")
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
			sp.Attributes().PutInt("order.items", int64(i))
			if i%2 == 0 && j == 1 {
				ev := sp.Events().AppendEmpty()
				ev.SetName("exception")
				ev.SetTimestamp(sp.EndTimestamp())
				ev.Attributes().PutStr("exception.type", "ValueError")
				ev.Attributes().PutStr("exception.message", "no such order")
				sp.Status().SetCode(ptrace.StatusCodeError)
			}
		}
	}
	return td
}

// tableCounts counts the rows of every table; replacing and summing tables are counted as they read, merged.
func (r *rig) tableCounts() map[string]uint64 {
	r.t.Helper()
	rows, err := r.store.Conn().Query(r.t.Context(),
		"SELECT name, engine FROM system.tables WHERE database = 'summit' AND engine LIKE '%MergeTree' AND name != 'schema_migrations'")
	require.NoError(r.t, err)
	defer rows.Close()
	counts := map[string]uint64{}
	for rows.Next() {
		var name, engine string
		require.NoError(r.t, rows.Scan(&name, &engine))
		final := ""
		if engine != "MergeTree" {
			final = " FINAL"
		}
		var n uint64
		require.NoError(r.t, r.store.Conn().QueryRow(r.t.Context(), fmt.Sprintf("SELECT count() FROM %s%s", name, final)).Scan(&n))
		if n > 0 {
			counts[name] = n
		}
	}
	require.NoError(r.t, rows.Err())
	return counts
}

func TestTelemetryReachesItsTablesOnceHoweverOftenItIsReplayed(t *testing.T) {
	r := newRig(t, newCodec, nil)
	r.store.set(away)
	r.start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), shop(40)))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), logRecords(30)))
	require.NoError(t, r.metrics.ConsumeMetrics(t.Context(), points(20)))
	r.stop(ended())
	saved := map[string][]byte{}
	segments, err := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "*.seg"))
	require.NoError(t, err)
	for _, path := range segments {
		saved[path], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	require.NotEmpty(t, saved)

	r.store.set(nil)
	r.start().stop(t.Context())
	require.NoDirExists(t, filepath.Join(r.cfg.Queue.Path, "quarantine"))
	first := r.tableCounts()
	require.EqualValues(t, 80, first["events_trace_v1"])
	require.EqualValues(t, 20, first["events_error_v1"])
	require.EqualValues(t, 30, first["logs_v1"])
	require.EqualValues(t, 20, first["metrics_runtime_v1"])
	require.NotZero(t, first["resources_v1"])
	require.NotZero(t, first["metric_series_v1"])
	sums := func() []int {
		return []int{r.count(countIndex), r.count(countCalls), r.count("(SELECT sum(events) FROM error_groups_1h_v1)")}
	}
	require.Equal(t, []int{80, 80, 20}, sums())

	for path, data := range saved {
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	inserts := len(r.store.sent())
	r.start().stop(t.Context())
	require.Greater(t, len(r.store.sent()), inserts, "the segments were sent again")
	require.Equal(t, first, r.tableCounts())
	require.Equal(t, []int{80, 80, 20}, sums())
}

func TestBlocksAreMadeOfColumnsThatTheTablesHave(t *testing.T) {
	r := newRig(t, newCodec, nil).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), shop(2)))
	require.NoError(t, r.metrics.ConsumeMetrics(t.Context(), histogram()))
	r.stop(t.Context())
	var tables []string
	for _, ins := range r.store.sent() {
		tables = append(tables, ins.Table)
		require.NotContains(t, strings.Join(ins.Columns, ","), ",,")
	}
	require.Subset(t, tables, []string{"events_trace_v1", "events_error_v1", "resources_v1", "metrics_hist_v1"})
	require.Empty(t, slices.Collect(maps.Keys(r.dropped())))
}

func histogram() pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("request.duration")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	dp := h.DataPoints().AppendEmpty()
	dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	dp.SetCount(3)
	dp.SetSum(1.5)
	dp.ExplicitBounds().FromRaw([]float64{1})
	dp.BucketCounts().FromRaw([]uint64{2, 1})
	return md
}

func TestWhatTheEncoderChangesIsCounted(t *testing.T) {
	r := newRig(t, newCodec, func(c *Config) { c.Limits.MaxAttributeValueBytes = 100 }).start()
	td := shop(1)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("sql", strings.Repeat("x", 1000))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	r.stop(t.Context())
	require.Equal(t, 2, r.count(countSpans))
	total := int64(0)
	for key, n := range r.dropped() {
		require.Contains(t, key, "traces")
		total += n
	}
	require.EqualValues(t, 1, total)
	require.Equal(t, 1, r.count("(SELECT countIf(length(attrs_str['sql']) <= 200 AND startsWith(attrs_str['sql'], 'xxx')) FROM events_trace_v1 WHERE mapContains(attrs_str, 'sql'))"))
}

func TestWindowsOfSamplesAreComputed(t *testing.T) {
	const samples = "(SELECT sum(samples) FROM metrics_runtime_5m_v1 FINAL)"
	r := newRig(t, newCodec, nil)
	md := points(20)
	dps := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	for i := range dps.Len() {
		dps.At(i).SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-20*time.Minute + time.Duration(i)*time.Second)))
	}
	r.start()
	require.NoError(t, r.metrics.ConsumeMetrics(t.Context(), md))
	r.stop(t.Context())
	require.Equal(t, 20, r.count("(SELECT count() FROM metrics_runtime_v1)"))
	require.Zero(t, r.count(samples), "a window that was touched just now waits for more samples")

	r.start()
	r.eventually(samples, 20)
	r.stop(t.Context())
}
