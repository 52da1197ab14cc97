package writer_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
)

func count64(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// metricRequest makes one resource's request and gives its metrics.
func metricRequest() (pmetric.Metrics, pmetric.MetricSlice) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	rm.Resource().Attributes().PutStr("service.namespace", "shop")
	rm.Resource().Attributes().PutStr("service.instance.id", "pod-1")
	rm.Resource().Attributes().PutStr(envelope.AttrBuildRunID, "github:github.com:acme/shop:9:1")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("otelhttp")
	return md, sm.Metrics()
}

// requests adds a counter with one point per value.
func requests(to pmetric.MetricSlice, at time.Time, values ...int64) {
	m := to.AppendEmpty()
	m.SetName("http.requests")
	m.SetUnit("{request}")
	m.SetDescription("requests served")
	m.SetEmptySum().SetIsMonotonic(true)
	m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i, v := range values {
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Second)))
		p.SetIntValue(v)
		p.Attributes().PutStr("http.method", "GET")
		p.Attributes().PutInt("status", 200)
	}
}

func encodeMetrics(t testing.TB, enc *writer.Encoder, md pmetric.Metrics, committed bool) []byte {
	t.Helper()
	b, err := enc.Metrics(md)
	require.NoError(t, err)
	defer b.Release()
	if committed {
		b.Committed()
	}
	return b.AppendRecord(nil)
}

func TestMetricsReachTheirTables(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	at := start.Truncate(24 * time.Hour)
	md, metrics := metricRequest()
	requests(metrics, at, 5, 1<<53+1, math.MaxInt64)
	exemplar := metrics.At(0).Sum().DataPoints().At(0).Exemplars().AppendEmpty()
	exemplar.SetTimestamp(pcommon.NewTimestampFromTime(at))
	exemplar.SetDoubleValue(0.5)
	exemplar.SetTraceID([16]byte{15: 1})
	exemplar.FilteredAttributes().PutInt("user", 3)
	latency := metrics.AppendEmpty()
	latency.SetName("latency")
	latency.SetUnit("s")
	p := latency.SetEmptyHistogram().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetCount(3)
	p.ExplicitBounds().FromRaw([]float64{1, 2})
	p.BucketCounts().FromRaw([]uint64{1, 1, 1})
	store(t, s, encodeMetrics(t, enc, md, true))

	require.Equal(t, []string{"(5,'int',0)", "(9007199254740993,'int',1)", "(9223372036854775807,'int',2)"},
		rowsOf(t, s, "SELECT toInt64(value) + int_rest, value_type, toUnixTimestamp(timestamp) - "+count64(at)+" FROM metrics_runtime_v1 ORDER BY timestamp"))
	require.Equal(t, []string{"('histogram',0,3,[1,2],[1,1,1])"}, rowsOf(t, s, "SELECT kind, present, count, bounds, counts FROM metrics_hist_v1"))
	require.Equal(t, []string{
		"('http_requests_total','http.requests','sum',1,'github:github.com:acme/shop:9:1',{'http_method':'GET','instance':'pod-1','job':'shop/checkout','otel_scope_name':'otelhttp','status':'200'})",
		"('latency_seconds','latency','histogram',0,'github:github.com:acme/shop:9:1',{'instance':'pod-1','job':'shop/checkout','otel_scope_name':'otelhttp'})",
	}, rowsOf(t, s, "SELECT prom_name, metric_name, kind, toUInt8(monotonic), build_run_id, labels FROM metric_series_v1 ORDER BY prom_name"))
	require.EqualValues(t, 4, count(t, s, "metrics_runtime_v1 AS m INNER JOIN metric_series_v1 AS s ON m.series_fp = s.series_fp")+
		count(t, s, "metrics_hist_v1 AS m INNER JOIN metric_series_v1 AS s ON m.series_fp = s.series_fp"))
	require.Equal(t, []string{"('http_requests_total','{request}','requests served')"},
		rowsOf(t, s, "SELECT prom_name, unit, description FROM metric_meta_v1 WHERE metric_name = 'http.requests'"))
	require.Equal(t, []string{"('__name__','http_requests_total')", "('__name__','latency_seconds')", "('http_method','GET')", "('instance','pod-1')",
		"('job','shop/checkout')", "('otel_scope_name','otelhttp')", "('status','200')"},
		rowsOf(t, s, "SELECT label, value FROM metric_labels_v1 ORDER BY label, value"))
	require.Equal(t, []string{"(0.5,{'user':'3'},1)"},
		rowsOf(t, s, "SELECT value, attrs, series_fp IN (SELECT series_fp FROM metrics_runtime_v1) FROM metric_exemplars_v1"))
	require.Equal(t, []string{"('http.requests',3)", "('latency',1)"},
		rowsOf(t, s, "SELECT value, sum(records) FROM facet_15m_v1 WHERE key = 'metric_name' AND signal = 'metric' GROUP BY value ORDER BY value"))
	require.Equal(t, []string{"('http.method','string',1)", "('status','int',1)"},
		rowsOf(t, s, "SELECT key, type, sum(hits) FROM attr_catalog_v1 WHERE signal = 'metric' AND level = 'record' GROUP BY ALL ORDER BY key"))
}

func TestSeriesAreWrittenOncePerDayButNeverLost(t *testing.T) {
	enc := writer.New(writer.Options{Now: fixed})
	series := func(at time.Time, build string, committed bool) int {
		md, metrics := metricRequest()
		md.ResourceMetrics().At(0).Resource().Attributes().PutStr(envelope.AttrBuildRunID, build)
		requests(metrics, at, 1, 2)
		return tableRows(t, encodeMetrics(t, enc, md, committed), "metric_series_v1")
	}
	noon := start.Truncate(24 * time.Hour)
	require.Equal(t, 1, series(noon, "a", false), "two points of one series")
	require.Equal(t, 1, series(noon, "a", true), "the first request was not acknowledged")
	require.Equal(t, 0, series(noon.Add(time.Second), "a", true))
	require.Equal(t, 1, series(noon.Add(-time.Hour), "a", true), "the day before")
	require.Equal(t, 1, series(noon, "b", true), "another build")
}

// tableRows is the number of rows that a record has for a table.
func tableRows(t testing.TB, record []byte, table string) (n int) {
	set := writer.NewSet(start)
	defer set.Release()
	require.NoError(t, set.Add(record))
	require.NoError(t, set.Each(func(ins writer.Insert) error {
		if ins.Table == table {
			n = ins.Rows
		}
		return nil
	}))
	return n
}

func TestPointsWithoutAUsableTimeGoToQuarantine(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	md, metrics := metricRequest()
	requests(metrics, start, 1, 2)
	metrics.At(0).Sum().DataPoints().At(0).SetTimestamp(0)
	wide := metrics.AppendEmpty()
	wide.SetName("wide")
	p := wide.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(start))
	p.SetScale(1000)
	b, err := enc.Metrics(md)
	require.NoError(t, err)
	require.Equal(t, []writer.Drop{{Reason: "time_out_of_range", Signal: writer.SignalMetrics, Items: 1}, {Reason: "scale_out_of_range", Signal: writer.SignalMetrics, Items: 1}},
		b.Dropped())
	store(t, s, b.AppendRecord(nil))
	b.Release()
	require.EqualValues(t, 1, count(t, s, "metrics_runtime_v1"))
	require.Zero(t, count(t, s, "metrics_hist_v1"))
	var payload string
	require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT payload FROM quarantine_v1 WHERE reason = 'time_out_of_range'").Scan(&payload))
	back, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics([]byte(payload))
	require.NoError(t, err)
	require.Equal(t, 1, back.DataPointCount())
	require.EqualValues(t, 1, back.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).IntValue())
}

func TestSampleWindows(t *testing.T) {
	enc := writer.New(writer.Options{Now: fixed})
	at := start.Truncate(time.Hour)
	md, metrics := metricRequest()
	requests(metrics, at.Add(299*time.Second), 1, 2)
	requests(metrics, at.Add(-time.Second), 3)
	set := writer.NewSet(start)
	defer set.Release()
	require.Empty(t, set.SampleWindows())
	require.NoError(t, set.Add(encodeMetrics(t, enc, md, true)))
	require.Equal(t, []int64{at.Unix() - 300, at.Unix(), at.Unix() + 300}, set.SampleWindows())
}
