package promapi_test

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/queryd/querytest"
)

// write stores metrics as the exporter does.
func write(t *testing.T, s clickhouse.Store, md pmetric.Metrics) {
	t.Helper()
	batch, err := writer.New(writer.Options{}).Metrics(md)
	require.NoError(t, err)
	defer batch.Release()
	set := writer.NewSet(time.Now())
	require.NoError(t, set.Add(batch.AppendRecord(nil)))
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		return s.Insert(t.Context(), clickhouse.Insert{Table: ins.Table, Columns: ins.Columns, Body: func(w io.Writer) error {
			_, err := ins.WriteTo(w)
			return err
		}})
	}))
}

// TestWhatTheWriterWritesIsQueried follows each kind of metric from OTLP to PromQL.
func TestWhatTheWriterWritesIsQueried(t *testing.T) {
	s, c := open(t)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	res := rm.Resource().Attributes()
	res.PutStr(envelope.AttrTenantID, querytest.Caller.Tenant.String())
	res.PutStr("service.name", "api")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	at := pcommon.NewTimestampFromTime(t0)

	sum := metrics.AppendEmpty()
	sum.SetName("http.requests")
	sum.SetUnit("1")
	sum.SetEmptySum().SetIsMonotonic(true)
	sum.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := sum.Sum().DataPoints().AppendEmpty()
	point.SetTimestamp(at)
	point.SetIntValue(42)
	point.Attributes().PutStr("http.route", "/cart")

	hist := metrics.AppendEmpty()
	hist.SetName("latency")
	hist.SetUnit("s")
	hist.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	hp := hist.Histogram().DataPoints().AppendEmpty()
	hp.SetTimestamp(at)
	hp.SetCount(3)
	hp.SetSum(1.5)
	hp.ExplicitBounds().FromRaw([]float64{0.5})
	hp.BucketCounts().FromRaw([]uint64{1, 2})

	exp := metrics.AppendEmpty()
	exp.SetName("size")
	exp.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	ep := exp.ExponentialHistogram().DataPoints().AppendEmpty()
	ep.SetTimestamp(at)
	ep.SetCount(4)
	ep.SetSum(10)
	ep.Positive().BucketCounts().FromRaw([]uint64{4})

	summary := metrics.AppendEmpty()
	summary.SetName("quantiles")
	sp := summary.SetEmptySummary().DataPoints().AppendEmpty()
	sp.SetTimestamp(at)
	sp.SetCount(2)
	sp.SetSum(3)
	q := sp.QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(1.25)
	write(t, s, md)

	require.Equal(t, map[string]string{`{"__name__":"http_requests_total","http_route":"/cart","job":"api"}`: "42"}, c.instant(`http_requests_total{http_route=~"/c.*"}`, t0))
	require.Equal(t, map[string]string{
		`{"__name__":"latency_seconds_bucket","job":"api","le":"0.5"}`: "1", `{"__name__":"latency_seconds_bucket","job":"api","le":"+Inf"}`: "3",
	}, c.instant(`latency_seconds_bucket`, t0))
	require.Equal(t, map[string]string{`{"job":"api"}`: "4"}, c.instant(`histogram_count(size)`, t0))
	require.Equal(t, map[string]string{`{"__name__":"quantiles","job":"api","quantile":"0.5"}`: "1.25"}, c.instant(`quantiles`, t0))
	_, body := c.get("label/__name__/values")
	require.JSONEq(t, `{"status":"success","data":["http_requests_total","latency_seconds_bucket","latency_seconds_count","latency_seconds_sum","quantiles","quantiles_count","quantiles_sum","size"]}`, body)
	_, body = c.get("label/job/values")
	require.JSONEq(t, `{"status":"success","data":["api"]}`, body)
	_, body = c.get("metadata", "metric", "http_requests_total")
	require.JSONEq(t, `{"status":"success","data":{"http_requests_total":[{"type":"counter","help":"","unit":"1"}]}}`, body)
}
