package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
)

func TestSpansReachTheirTables(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	b, err := enc.Traces(load(1000, 7))
	require.NoError(t, err)
	require.Equal(t, 1000, b.Rows())
	require.Empty(t, b.Dropped())
	record := b.AppendRecord(nil)
	require.Less(t, len(record), b.RawBytes())
	b.Release()
	store(t, s, record)
	require.EqualValues(t, 1000, count(t, s, "events_trace_v1"))
	require.EqualValues(t, 1000, count(t, s, "events_trace_v1 WHERE ingested_at = toDateTime64('"+start.Format("2006-01-02 15:04:05")+"', 3, 'UTC')"))
	require.EqualValues(t, 30, count(t, s, "events_error_v1"))
	require.EqualValues(t, 30, count(t, s, "events_trace_v1 WHERE error_fp_version = 1"))
	require.EqualValues(t, 4, count(t, s, "resources_v1"))
	require.EqualValues(t, 1000, count(t, s, "events_trace_v1 WHERE (tenant_id, resource_fp) IN (SELECT tenant_id, resource_fp FROM resources_v1)"))
	require.EqualValues(t, 100, count(t, s, "trace_index_v1 FINAL"))
	require.EqualValues(t, 1, count(t, s, "bucket_history_v1 WHERE table_name = 'events_trace_v1' AND width_s = 300"))
}
