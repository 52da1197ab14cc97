package reader_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/otlptest"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestMetricsRoundTrip(t *testing.T) {
	store := enginetest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrip(rt, store)
		var want []string
		var batches []*writer.Batch
		for range 1 + tr.Count(5) {
			md := tr.Metrics()
			for _, rm := range md.ResourceMetrics().All() {
				tr.stamp(rm.Resource())
			}
			// What a collector forwards comes over the wire once more.
			md = forwardMetrics(rt, md)
			b, err := tr.enc.Metrics(md)
			require.NoError(rt, err)
			require.Empty(rt, b.Dropped())
			batches = append(batches, b)
			for _, rm := range md.ResourceMetrics().All() {
				unstamp(rm.Resource())
			}
			want = append(want, otlptest.FlattenMetrics(md)...)
		}
		tr.insert(batches...)
		got, err := reader.Metrics(context.Background(), store.Conn(), tr.scope())
		require.NoError(rt, err)
		same(rt, sorted(want), otlptest.FlattenMetrics(got), otlptest.MetricsJSON)
	})
}

func forwardMetrics(t require.TestingT, md pmetric.Metrics) pmetric.Metrics {
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	md, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
	require.NoError(t, err)
	return md
}
