package reader_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/tenant"
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

// A client that got no answer sends its request again: each copy of a point has its own exemplars.
func TestResentPointsKeepTheirExemplars(t *testing.T) {
	store := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: func() time.Time { return now }})
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("requests")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	for i := range 3 {
		e := p.Exemplars().AppendEmpty()
		e.SetTimestamp(p.Timestamp())
		e.SetIntValue(int64(i))
	}
	for range 2 {
		b, err := enc.Metrics(md)
		require.NoError(t, err)
		insert(t, store, b)
	}
	got, err := reader.Metrics(t.Context(), store.Conn(), reader.Scope{Tenant: tenant.Default, From: now, To: now.Add(time.Hour)})
	require.NoError(t, err)
	one := otlptest.FlattenMetrics(md)
	same(t, append(one, one...), otlptest.FlattenMetrics(got), otlptest.MetricsJSON)
}

func TestPointsWithoutTheirSeriesAreAnError(t *testing.T) {
	store := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: func() time.Time { return now }})
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(now))
	b, err := enc.Metrics(md)
	require.NoError(t, err)
	insert(t, store, b)
	require.NoError(t, store.Conn().Exec(t.Context(), "TRUNCATE TABLE metric_series_v1"))
	_, err = reader.Metrics(t.Context(), store.Conn(), reader.Scope{Tenant: tenant.Default, From: now, To: now.Add(time.Hour)})
	require.ErrorContains(t, err, "which is not there")
}
