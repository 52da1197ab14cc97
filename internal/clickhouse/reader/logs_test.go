package reader_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/otlptest"
)

func TestLogsRoundTrip(t *testing.T) {
	store := enginetest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrip(rt, store)
		var want []string
		var batches []*writer.Batch
		for range 1 + tr.Count(5) {
			ld := tr.Logs()
			for _, rl := range ld.ResourceLogs().All() {
				tr.stamp(rl.Resource())
			}
			// What a collector forwards comes over the wire once more.
			ld = forwardLogs(rt, ld)
			b, err := tr.enc.Logs(ld)
			require.NoError(rt, err)
			batches = append(batches, b)
			for _, rl := range ld.ResourceLogs().All() {
				unstamp(rl.Resource())
			}
			want = append(want, otlptest.FlattenLogs(ld)...)
		}
		tr.insert(batches...)
		got, err := reader.Logs(context.Background(), store.Conn(), tr.scope())
		require.NoError(rt, err)
		same(rt, sorted(want), otlptest.FlattenLogs(got), otlptest.LogsJSON)
	})
}

func forwardLogs(t require.TestingT, ld plog.Logs) plog.Logs {
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
	require.NoError(t, err)
	return ld
}
