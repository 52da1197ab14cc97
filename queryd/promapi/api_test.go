package promapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/promapi"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

var t0 = time.Now().UTC().Add(-30 * time.Minute).Truncate(time.Minute)

type client struct {
	t      *testing.T
	mux    *http.ServeMux
	caller access.Caller
}

func open(t *testing.T) (clickhouse.Store, client) {
	t.Helper()
	s := enginetest.Open(t)
	mux := http.NewServeMux()
	a := promapi.New(runner.New(s, runner.DefaultLimits()), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	a.Register(mux, "/prometheus")
	return s, client{t, mux, querytest.Caller}
}

func (c client) do(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), c.caller)))
	require.Equal(c.t, "application/json", w.Header().Get("Content-Type"))
	return w.Code, w.Body.String()
}

func (c client) get(path string, kv ...string) (int, string) {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return c.do(httptest.NewRequest(http.MethodGet, "/prometheus/api/v1/"+path+"?"+v.Encode(), nil))
}

// instant gives the values of an instant query by their labels.
func (c client) instant(expr string, at time.Time) map[string]string {
	c.t.Helper()
	code, body := c.get("query", "query", expr, "time", seconds(at))
	require.Equal(c.t, http.StatusOK, code, body)
	var res struct {
		Data struct {
			Result []struct {
				Metric    map[string]string
				Value     []any
				Histogram []any
			}
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(body), &res))
	out := map[string]string{}
	for _, r := range res.Data.Result {
		key, err := json.Marshal(r.Metric)
		require.NoError(c.t, err)
		if r.Value != nil {
			out[string(key)] = r.Value[1].(string)
		} else {
			h, err := json.Marshal(r.Histogram[1])
			require.NoError(c.t, err)
			out[string(key)] = string(h)
		}
	}
	return out
}

func seconds(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) }

func seriesRow(fp uint64, name, kind string, labels map[string]string) querytest.Row {
	return querytest.Row{
		"day": t0.Truncate(24 * time.Hour), "prom_name": name, "series_fp": fp, "metric_name": "otlp." + name, "kind": kind, "temporality": "cumulative",
		"labels": labels, "service_name": labels["job"], "environment": "production",
	}
}

func sampleRow(fp uint64, name string, at time.Time, v float64) querytest.Row {
	return querytest.Row{
		"metric_name": "otlp." + name, "ts_bucket": at.Truncate(time.Hour), "series_fp": fp, "timestamp": at, "value": v, "value_type": "double",
		"flags": uint32(0), "start_ts": time.Unix(0, 0),
	}
}

func pointRow(fp uint64, name, kind string, at time.Time, change querytest.Row) querytest.Row {
	return querytest.Row{
		"metric_name": "otlp." + name, "ts_bucket": at.Truncate(time.Hour), "series_fp": fp, "timestamp": at, "kind": kind, "present": uint8(1),
		"flags": uint32(0), "count": uint64(0), "sum": 0.0, "bounds": []float64{}, "counts": []uint64{}, "summary_values": []float64{}, "scale": int8(0),
		"zero_count": uint64(0), "zero_threshold": 0.0, "pos_offset": int32(0), "pos_counts": []uint64{}, "neg_offset": int32(0), "neg_counts": []uint64{},
	}.With(change)
}

func labelRow(label, value string) querytest.Row {
	return querytest.Row{"day": t0.Truncate(24 * time.Hour), "label": label, "value": value}
}

// requests is a counter of two jobs.
func requests(t *testing.T, s clickhouse.Store) {
	t.Helper()
	querytest.Insert(t, s, "metric_series_v1",
		seriesRow(1, "requests_total", "sum", map[string]string{"job": "api", "code": "200"}),
		seriesRow(2, "requests_total", "sum", map[string]string{"job": "web", "code": "500"}),
	)
	querytest.Insert(t, s, "metric_labels_v1", labelRow("job", "api"), labelRow("job", "web"), labelRow("code", "200"), labelRow("code", "500"))
	var rows []querytest.Row
	for i := range 11 {
		at := t0.Add(time.Duration(i) * 15 * time.Second)
		rows = append(rows, sampleRow(1, "requests_total", at, float64(i*30)), sampleRow(2, "requests_total", at, float64(i)))
	}
	querytest.Insert(t, s, "metrics_runtime_v1", rows...)
}

func TestQueryAnswersAsPrometheusDoes(t *testing.T) {
	s, c := open(t)
	requests(t, s)
	end := t0.Add(150 * time.Second)
	code, body := c.get("query", "query", `requests_total{job="api"}`, "time", seconds(end))
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[
		{"metric":{"__name__":"requests_total","code":"200","job":"api"},"value":[%d,"300"]}]}}`, end.Unix()), body)

	form := url.Values{"query": {`round(sum by (job) (rate(requests_total[1m])), 0.001)`}, "start": {seconds(t0.Add(2 * time.Minute))}, "end": {seconds(end)}, "step": {"30"}}
	r := httptest.NewRequest(http.MethodPost, "/prometheus/api/v1/query_range", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	code, body = c.do(r)
	require.Equal(t, http.StatusOK, code, body)
	a, b := end.Add(-30*time.Second).Unix(), end.Unix()
	require.JSONEq(t, fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[
		{"metric":{"job":"api"},"values":[[%d,"2"],[%d,"2"]]},
		{"metric":{"job":"web"},"values":[[%d,"0.067"],[%d,"0.067"]]}]}}`, a, b, a, b), body)

	_, body = c.get("query", "query", `"text"`, "time", "1")
	require.JSONEq(t, `{"status":"success","data":{"resultType":"string","result":[1,"text"]}}`, body)
	_, body = c.get("query", "query", `label_replace(vector(1e30), "é", "<\"\n", "", "")`, "time", "1.5")
	require.JSONEq(t, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"é":"<\"\n"},"value":[1.5,"1e+30"]}]}}`, body)
	_, body = c.get("query", "query", "nothing")
	require.JSONEq(t, `{"status":"success","data":{"resultType":"vector","result":[]}}`, body)
	_, body = c.get("query", "query", "requests_total", "time", seconds(end), "limit", "1")
	require.Contains(t, body, `"warnings":["results truncated due to limit"]`)
	_, body = c.get("query", "query", "rate(requests_total{job=\"api\"}[1m]) + on() group_left() vector(1)", "time", end.Format(time.RFC3339Nano))
	require.Contains(t, body, `"3"`)
}

func TestMatchersNarrowAsInPrometheus(t *testing.T) {
	s, c := open(t)
	requests(t, s)
	at := t0.Add(150 * time.Second)
	for expr, jobs := range map[string][]string{
		`requests_total{job="api"}`: {"api"}, `requests_total{job!="api"}`: {"web"}, `requests_total{job=~"a.*"}`: {"api"},
		`requests_total{job=~"api|web"}`: {"api", "web"}, `requests_total{job!~"a.*"}`: {"web"}, `requests_total{absent=""}`: {"api", "web"},
		`requests_total{absent!=""}`: nil, `requests_total{job=""}`: nil, `requests_total{absent=~".*"}`: {"api", "web"}, `requests_total{absent=~".+"}`: nil,
		`{__name__=~"requests_.*",code="500"}`: {"web"}, `{job="web"}`: {"web"}, `{__name__!="requests_total",job=~".+"}`: nil,
		`requests_total{job="it's \\ \n"}`: nil, `requests_total{le="1"}`: nil,
	} {
		var got []string
		for labels := range c.instant(expr, at) {
			for _, job := range []string{"api", "web"} {
				if strings.Contains(labels, `"`+job+`"`) {
					got = append(got, job)
				}
			}
		}
		require.ElementsMatch(t, jobs, got, expr)
	}
}

func TestHistogramsAndSummariesBecomeTheirSeries(t *testing.T) {
	s, c := open(t)
	job := map[string]string{"job": "api"}
	querytest.Insert(t, s, "metric_series_v1", seriesRow(1, "latency_seconds", "histogram", job), seriesRow(2, "size_bytes", "summary", job),
		seriesRow(3, "native_seconds", "exp_histogram", job))
	at := t0.Add(time.Minute)
	querytest.Insert(t, s, "metrics_hist_v1",
		pointRow(1, "latency_seconds", "histogram", at, querytest.Row{"count": uint64(6), "sum": 4.5, "bounds": []float64{0.1, 1}, "counts": []uint64{1, 2, 3}}),
		pointRow(2, "size_bytes", "summary", at, querytest.Row{"count": uint64(9), "sum": 90.0, "bounds": []float64{0.5, 0.99}, "summary_values": []float64{7, 8}}),
		pointRow(3, "native_seconds", "exp_histogram", at, querytest.Row{
			"count": uint64(7), "sum": 12.0, "zero_count": uint64(1), "pos_offset": int32(-1), "pos_counts": []uint64{1, 2, 3},
		}),
		pointRow(3, "native_seconds", "exp_histogram", at.Add(time.Second), querytest.Row{"count": uint64(1), "sum": 1.0, "scale": int8(10), "pos_offset": int32(3), "pos_counts": []uint64{1, 1, 2}}),
	)
	require.Equal(t, map[string]string{
		`{"__name__":"latency_seconds_bucket","job":"api","le":"0.1"}`:  "1",
		`{"__name__":"latency_seconds_bucket","job":"api","le":"1"}`:    "3",
		`{"__name__":"latency_seconds_bucket","job":"api","le":"+Inf"}`: "6",
		`{"__name__":"latency_seconds_count","job":"api"}`:              "6",
		`{"__name__":"latency_seconds_sum","job":"api"}`:                "4.5",
	}, c.instant(`{__name__=~"latency.*"}`, at))
	require.Equal(t, map[string]string{`{"__name__":"latency_seconds_bucket","job":"api","le":"1"}`: "3"}, c.instant(`latency_seconds_bucket{le="1"}`, at))
	require.Equal(t, map[string]string{`{"job":"api"}`: "0.87"}, c.instant(`round(histogram_quantile(0.45, latency_seconds_bucket), 0.01)`, at))
	require.Equal(t, map[string]string{
		`{"__name__":"size_bytes","job":"api","quantile":"0.5"}`:  "7",
		`{"__name__":"size_bytes","job":"api","quantile":"0.99"}`: "8",
		`{"__name__":"size_bytes_count","job":"api"}`:             "9",
		`{"__name__":"size_bytes_sum","job":"api"}`:               "90",
	}, c.instant(`{__name__=~"size_bytes.*"}`, at))
	require.Equal(t, map[string]string{
		`{"__name__":"native_seconds","job":"api"}`: `{"buckets":[[3,"-1e-128","1e-128","1"],[0,"0.5","1","1"],[0,"1","2","2"],[0,"2","4","3"]],"count":"7","sum":"12"}`,
	}, c.instant(`native_seconds`, at), "OTLP's bucket -1 is (0.5, 1]")
	for _, h := range c.instant(`native_seconds`, at.Add(time.Second)) {
		require.Equal(t, 2, strings.Count(h, "[0,"), "scale 10 is merged down to schema 8: %s", h)
	}
	require.Empty(t, c.instant(`latency_seconds`, at))
}

func TestEndedSeriesAreStale(t *testing.T) {
	s, c := open(t)
	querytest.Insert(t, s, "metric_series_v1", seriesRow(1, "up", "gauge", map[string]string{"job": "api"}))
	querytest.Insert(t, s, "metrics_runtime_v1", sampleRow(1, "up", t0, 1), sampleRow(1, "up", t0.Add(15*time.Second), 0).With(querytest.Row{"flags": uint32(1)}),
		sampleRow(1, "up", t0.Add(time.Minute), 2), sampleRow(1, "up", t0.Add(75*time.Second), math.Float64frombits(value.StaleNaN)))
	require.Len(t, c.instant("up", t0.Add(14*time.Second)), 1)
	require.Empty(t, c.instant("up", t0.Add(20*time.Second)), "no recorded value")
	require.Len(t, c.instant("up", t0.Add(70*time.Second)), 1)
	require.Empty(t, c.instant("up", t0.Add(80*time.Second)), "a stale marker that a scrape sent")
}

func TestDeltaSumsAreAddedUp(t *testing.T) {
	s, c := open(t)
	delta := querytest.Row{"temporality": "delta"}
	querytest.Insert(t, s, "metric_series_v1", seriesRow(1, "hits_total", "sum", map[string]string{"job": "api"}).With(delta),
		seriesRow(2, "took_seconds", "histogram", map[string]string{"job": "api"}).With(delta), seriesRow(3, "exp_seconds", "exp_histogram", map[string]string{"job": "api"}).With(delta))
	var rows, points []querytest.Row
	for i := 1; i <= 8; i++ {
		at := t0.Add(time.Duration(i) * 15 * time.Second)
		row := sampleRow(1, "hits_total", at, 5).With(querytest.Row{"start_ts": at.Add(-15 * time.Second)})
		rows = append(rows, row, row.With(nil)) // each came twice
		points = append(points,
			pointRow(2, "took_seconds", "histogram", at, querytest.Row{"count": uint64(3), "sum": 1.0, "bounds": []float64{1}, "counts": []uint64{2, 1}}),
			pointRow(3, "exp_seconds", "exp_histogram", at, querytest.Row{"count": uint64(2), "sum": 1.0, "pos_counts": []uint64{2}}))
	}
	querytest.Insert(t, s, "metrics_runtime_v1", rows...)
	querytest.Insert(t, s, "metrics_hist_v1", points...)
	end := t0.Add(2 * time.Minute)
	require.Equal(t, map[string]string{`{"job":"api"}`: "40"}, c.instant("round(increase(hits_total[2m1s]))", end))
	require.Equal(t, map[string]string{`{"__name__":"took_seconds_bucket","job":"api","le":"1"}`: "16"}, c.instant(`took_seconds_bucket{le="1"}`, end))
	require.Equal(t, map[string]string{`{"__name__":"took_seconds_count","job":"api"}`: "24"}, c.instant(`took_seconds_count`, end))
	require.Equal(t, map[string]string{`{"job":"api"}`: "16"}, c.instant(`histogram_count(exp_seconds)`, end))
}

func TestLabelsSeriesAndMetadata(t *testing.T) {
	s, c := open(t)
	requests(t, s)
	querytest.Insert(t, s, "metric_series_v1", seriesRow(9, "latency_seconds", "histogram", map[string]string{"job": "db"}))
	querytest.Insert(t, s, "metrics_hist_v1", pointRow(9, "latency_seconds", "histogram", t0, querytest.Row{"count": uint64(1), "bounds": []float64{2.5}, "counts": []uint64{1, 0}}))
	querytest.Insert(t, s, "metric_meta_v1", querytest.Row{
		"day": t0.Truncate(24 * time.Hour), "prom_name": "requests_total", "meta_fp": uint64(1), "kind": "sum", "monotonic": true, "unit": "1", "description": "Requests.",
	})
	for _, tc := range []struct {
		path string
		args []string
		want string
	}{
		{path: "labels", want: `["__name__","code","job","le"]`},
		{path: "labels", args: []string{"match[]", "latency_seconds_sum"}, want: `["__name__","job"]`},
		{path: "labels", args: []string{"match[]", "latency_seconds_bucket"}, want: `["__name__","job","le"]`},
		{path: "label/job/values", want: `["api","web"]`},
		{path: "label/job/values", args: []string{"match[]", `{code="500"}`, "match[]", "latency_seconds_sum"}, want: `["db","web"]`},
		{path: "label/le/values", want: `["+Inf","2.5"]`},
		{path: "label/__name__/values", want: `["latency_seconds_bucket","latency_seconds_count","latency_seconds_sum","requests_total"]`},
		{path: "label/nothing/values", want: `[]`},
		{path: "series", args: []string{"match[]", `requests_total{job="web"}`}, want: `[{"__name__":"requests_total","code":"500","job":"web"}]`},
		{path: "series", args: []string{"match[]", `{job="nobody"}`}, want: `[]`},
		{path: "metadata", want: `{"requests_total":[{"type":"counter","help":"Requests.","unit":"1"}]}`},
		{path: "metadata", args: []string{"metric", "x"}, want: `{}`},
	} {
		code, body := c.get(tc.path, tc.args...)
		require.Equal(t, http.StatusOK, code, body)
		require.JSONEq(t, `{"status":"success","data":`+tc.want+`}`, body, "%s %v", tc.path, tc.args)
	}
	_, body := c.get("status/buildinfo")
	require.Contains(t, body, `"version":"3.`)
}

func TestRowFiltersBindEveryRoute(t *testing.T) {
	s, c := open(t)
	requests(t, s)
	at := t0.Add(150 * time.Second)
	c.caller.Rows = sqlbuild.RowsWhere("service_name", "web")
	require.Len(t, c.instant("requests_total", at), 1)
	_, body := c.get("label/job/values")
	require.JSONEq(t, `{"status":"success","data":["web"]}`, body)
	_, body = c.get("labels")
	require.JSONEq(t, `{"status":"success","data":["__name__","code","job"]}`, body)
	require.Empty(t, c.instant(`requests_total{job=~"a.*"}`, at))
	code, body := c.get("metadata")
	require.Equal(t, http.StatusForbidden, code, body)

	c.caller.Rows = sqlbuild.NoRows()
	require.Empty(t, c.instant("requests_total", at))
	_, body = c.get("label/job/values")
	require.JSONEq(t, `{"status":"success","data":[]}`, body)
	_, err := promapi.NewQueryable(nil, access.Caller{}).Querier(0, 1)
	require.ErrorIs(t, err, access.ErrNoCaller)
}

func TestErrorsAreInPrometheusForm(t *testing.T) {
	_, c := open(t)
	for _, tc := range []struct {
		path   string
		args   []string
		status int
		kind   string
		text   string
	}{
		{path: "query", args: []string{"query", "sum("}, status: 400, kind: "bad_data", text: `invalid parameter \"query\"`},
		{path: "query", args: []string{"query", "1", "time", "x"}, status: 400, kind: "bad_data", text: `cannot parse \"x\" to a valid timestamp`},
		{path: "query", args: []string{"query", "1", "timeout", "x"}, status: 400, kind: "bad_data", text: "valid duration"},
		{path: "query", args: []string{"query", "1", "limit", "-1"}, status: 400, kind: "bad_data", text: "non-negative"},
		{path: "query", args: []string{"query", "up", "timeout", "0.000000001"}, status: 503, kind: "timeout"},
		{path: "query", args: []string{"query", "vector(1) + on() group_left() (label_replace(vector(1),\"a\",\"b\",\"\",\"\") or vector(2))"}, status: 422, kind: "execution"},
		{path: "query_range", args: []string{"query", "1", "start", "2", "end", "1", "step", "1"}, status: 400, kind: "bad_data", text: "end timestamp must not be before start time"},
		{path: "query_range", args: []string{"query", "1", "start", "1", "end", "2", "step", "0"}, status: 400, kind: "bad_data", text: "zero or negative"},
		{path: "query_range", args: []string{"query", "up", "start", "1", "end", "1", "step", "0.0000001"}, status: 400, kind: "bad_data", text: "at least 1ms"},
		{path: "query_range", args: []string{"query", "1", "start", "1", "end", "20000", "step", "1"}, status: 400, kind: "bad_data", text: "exceeded maximum resolution"},
		{path: "query_range", args: []string{"query", "1", "end", "2", "step", "1"}, status: 400, kind: "bad_data", text: `invalid parameter \"start\"`},
		{path: "series", status: 400, kind: "bad_data", text: "no match[] parameter provided"},
		{path: "series", args: []string{"match[]", `{a=""}`}, status: 400, kind: "bad_data", text: "match[]"},
		{path: "rules", status: 404, kind: "not_found"},
	} {
		code, body := c.get(tc.path, tc.args...)
		require.Equal(t, tc.status, code, "%s %v: %s", tc.path, tc.args, body)
		require.Contains(t, body, `"status":"error","errorType":"`+tc.kind+`"`)
		require.Contains(t, body, tc.text)
	}
}

// TestSenderOfAbsurdBucketsBreaksNoQuery: the offset is any int32, and merging down calculates with it.
func TestSenderOfAbsurdBucketsBreaksNoQuery(t *testing.T) {
	s, c := open(t)
	querytest.Insert(t, s, "metric_series_v1", seriesRow(1, "far", "exp_histogram", map[string]string{"job": "api"}),
		seriesRow(2, "far", "exp_histogram", map[string]string{"job": "web"}), seriesRow(3, "far", "exp_histogram", map[string]string{"job": "cron"}))
	far := querytest.Row{"count": uint64(3), "sum": 1.0, "pos_offset": int32(math.MaxInt32), "pos_counts": []uint64{1, 2}}
	querytest.Insert(t, s, "metrics_hist_v1", pointRow(1, "far", "exp_histogram", t0, far), pointRow(2, "far", "exp_histogram", t0, far.With(querytest.Row{"scale": int8(20)})),
		pointRow(3, "far", "exp_histogram", t0, far.With(querytest.Row{"scale": int8(20), "pos_offset": int32(math.MinInt32)})))
	got := c.instant("histogram_count(far)", t0)
	require.Equal(t, "3", got[`{"job":"web"}`], "merged down, the buckets have indexes")
	require.Equal(t, "3", got[`{"job":"cron"}`])
	require.NotContains(t, got, `{"job":"api"}`)
	_, body := c.get("query", "query", "far", "time", seconds(t0))
	require.Contains(t, body, "buckets beyond any number")
}

// TestCutSelectionIsNoAnswer: the series that the store's limit left out might be those that match.
func TestCutSelectionIsNoAnswer(t *testing.T) {
	s, c := open(t)
	require.NoError(t, s.Conn().Exec(t.Context(), `INSERT INTO metric_series_v1 (tenant_id, day, prom_name, series_fp, metric_name, kind, temporality, labels)
SELECT toUUID('`+querytest.Caller.Tenant.String()+`'), toDate('`+t0.Format(time.DateOnly)+`'), 'many', number + 1, 'many', 'gauge', 'cumulative',
map('job', 'api', 'n', toString(number)) FROM numbers(200001)`))
	code, body := c.get("query", "query", `many{n=~"7|"}`, "time", seconds(t0))
	require.Equal(t, http.StatusUnprocessableEntity, code, body)
	require.Contains(t, body, "more than 200000 series")
}

func TestStoreThatIsGoneIsToldWithoutItsAddress(t *testing.T) {
	s := enginetest.Open(t)
	front := httptest.NewServer(enginetest.Engine(t).Handler())
	remote, err := clickhouse.Dial(t.Context(), front.URL, clickhouse.DialSettings{})
	require.NoError(t, err)
	front.CloseClientConnections()
	front.Close()
	defer func() { require.NoError(t, remote.Close()) }()
	require.NotNil(t, s)
	mux := http.NewServeMux()
	a := promapi.New(runner.New(remote, runner.DefaultLimits()), slog.New(slog.DiscardHandler))
	defer func() { require.NoError(t, a.Close()) }()
	a.Register(mux, "/prometheus")
	code, body := client{t, mux, querytest.Caller}.get("query", "query", "up")
	require.Equal(t, http.StatusServiceUnavailable, code, body)
	require.JSONEq(t, `{"status":"error","errorType":"unavailable","error":"the store did not answer"}`, body)
}
