package promapi_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/promapi"
	"github.com/summitobs/summit/queryd/querytest"
	"github.com/summitobs/summit/queryd/runner"
)

// stock is the series of the tests of matchers: what is stored and, in all, what Prometheus would have.
type stock struct {
	series, labels, samples, points []querytest.Row
	all                             []labels.Labels
}

func (s *stock) add(name, kind string, lbls map[string]string) {
	fp := uint64(len(s.series) + 1)
	s.series = append(s.series, seriesRow(fp, name, kind, lbls))
	for k, v := range lbls {
		s.labels = append(s.labels, labelRow(k, v))
	}
	with := func(name string, kv ...string) {
		b := labels.NewBuilder(labels.FromMap(lbls))
		b.Set(labels.MetricName, name)
		for i := 0; i < len(kv); i += 2 {
			b.Set(kv[i], kv[i+1])
		}
		s.all = append(s.all, b.Labels())
	}
	at := t0.Add(time.Minute)
	switch kind {
	case "histogram":
		s.points = append(s.points, pointRow(fp, name, kind, at, querytest.Row{"count": uint64(3), "bounds": []float64{0.5, 1}, "counts": []uint64{1, 1, 1}}))
		for _, le := range []string{"0.5", "1", "+Inf"} {
			with(name+"_bucket", labels.BucketLabel, le)
		}
		with(name + "_count")
		with(name + "_sum")
	case "summary":
		s.points = append(s.points, pointRow(fp, name, kind, at, querytest.Row{"count": uint64(1), "bounds": []float64{0.5}, "summary_values": []float64{7}}))
		with(name, "quantile", "0.5")
		with(name + "_count")
		with(name + "_sum")
	default:
		s.samples = append(s.samples, sampleRow(fp, name, at, float64(fp)))
		with(name)
	}
}

// texts are values of labels: some are each other's prefix, some hold what a pattern or a statement might read as its own.
var texts = []string{"a", "ab", "b", "B", "a.b", "a|b", "it's", `\`, "é", "x=y", "200", "500", "0.5", "1", "+Inf"}

func newStock(t *testing.T) (*stock, *runner.Runner) {
	t.Helper()
	s := &stock{}
	names := []struct{ name, kind string }{
		{"requests_total", "sum"}, {"requests", "gauge"}, {"up", "gauge"}, {"latency_seconds", "histogram"}, {"size_bytes", "summary"},
		{"latency_seconds_count", "gauge"}, // a name that the histogram's own series has, too
	}
	for i, text := range texts {
		n := names[i%len(names)]
		s.add(n.name, n.kind, map[string]string{"job": text})
		lbls := map[string]string{"job": "api", "code": text}
		if i%3 == 0 {
			lbls["zone"] = texts[(i*7)%len(texts)]
		}
		if n.kind == "gauge" {
			lbls["le"] = text // a label of the sender, not of a bucket
		}
		s.add(names[(i+2)%len(names)].name, names[(i+2)%len(names)].kind, lbls)
	}
	store := enginetest.Open(t)
	querytest.Insert(t, store, "metric_series_v1", s.series...)
	querytest.Insert(t, store, "metric_labels_v1", s.labels...)
	querytest.Insert(t, store, "metrics_runtime_v1", s.samples...)
	querytest.Insert(t, store, "metrics_hist_v1", s.points...)
	return s, runner.New(store, runner.DefaultLimits())
}

// matching is what Prometheus would select.
func (s *stock) matching(matchers []*labels.Matcher) []string {
	out := []string{}
	for _, l := range s.all {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) }) {
			out = append(out, l.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func drawMatchers(t *rapid.T) []*labels.Matcher {
	patterns := []string{".*", ".+", "", "a|b", "a|", "a.*", ".*b", "[ab]+", "(?i)b", "(?i:AB|api)", `a\.b`, `a\|b`, "^a$", "a?", "2..|5..", "[^a]*", "é", `\\`, "x=.", "0.5|1", `\+Inf`, "nothing", "api"}
	names := []string{"requests_total", "requests", "up", "latency_seconds", "latency_seconds_bucket", "latency_seconds_count", "latency_seconds_sum", "size_bytes", "size_bytes_sum", "nothing", ""}
	namePatterns := []string{".*", ".+", "requests.*", "latency_seconds_.*", ".*_(count|sum)", "up|requests", ".*bucket", "size_bytes", "n.*", "", "(?i)UP"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *labels.Matcher {
		typ := labels.MatchType(rapid.IntRange(int(labels.MatchEqual), int(labels.MatchNotRegexp)).Draw(t, "type"))
		name := rapid.SampledFrom([]string{labels.MetricName, "job", "job", "code", "zone", "le", "quantile", "absent"}).Draw(t, "label")
		regex := typ == labels.MatchRegexp || typ == labels.MatchNotRegexp
		var value string
		switch {
		case name == labels.MetricName && regex:
			value = rapid.SampledFrom(namePatterns).Draw(t, "pattern")
		case name == labels.MetricName:
			value = rapid.SampledFrom(names).Draw(t, "name")
		case regex:
			value = rapid.SampledFrom(patterns).Draw(t, "pattern")
		default:
			value = rapid.SampledFrom(append([]string{"", "api", "nothing"}, texts...)).Draw(t, "value")
		}
		m, err := labels.NewMatcher(typ, name, value)
		require.NoError(t, err)
		return m
	}), 0, 4).Draw(t, "matchers")
}

func selected(t require.TestingT, q storage.Querier, hints *storage.SelectHints, matchers []*labels.Matcher) []string {
	set := q.Select(context.Background(), true, hints, matchers...)
	out := []string{}
	for set.Next() {
		out = append(out, set.At().Labels().String())
	}
	require.NoError(t, set.Err())
	slices.Sort(out)
	return out
}

// checkMatchers runs a property as often as a test of this package can bear.
func checkMatchers(t *testing.T, times int, property func(t *rapid.T)) {
	t.Helper()
	const name = "rapid.checks"
	before := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, fmt.Sprint(times)))
	defer func() { require.NoError(t, flag.Set(name, before)) }()
	rapid.Check(t, property)
}

// Whatever the matchers are, equal or not, patterns, of labels that are absent or made from points, the series are those
// that Prometheus' own matchers choose. Callers whose rows are filtered take another way to the values of labels.
func TestMatchersChooseWhatPrometheusChooses(t *testing.T) {
	s, run := newStock(t)
	all := querytest.Caller
	filtered := access.Caller{Tenant: all.Tenant, Rows: sqlbuild.RowsWhere("environment", "production")}
	checkMatchers(t, 40, func(rt *rapid.T) {
		matchers := drawMatchers(rt)
		caller := rapid.SampledFrom([]access.Caller{all, filtered}).Draw(rt, "caller")
		q, err := promapi.NewQueryable(run, caller).Querier(t0.UnixMilli(), t0.Add(2*time.Minute).UnixMilli())
		require.NoError(rt, err)
		require.Equal(rt, s.matching(matchers), selected(rt, q, nil, matchers))
		series := &storage.SelectHints{Start: t0.UnixMilli(), End: t0.Add(2 * time.Minute).UnixMilli(), Func: "series"}
		require.Equal(rt, s.matching(matchers), selected(rt, q, series, matchers), "a list of series without their samples")
		require.NoError(rt, q.Close())
	})
}

// Names and values of labels are those of the series that match.
func TestLabelsAreThoseOfTheMatchingSeries(t *testing.T) {
	s, run := newStock(t)
	checkMatchers(t, 40, func(rt *rapid.T) {
		matchers := drawMatchers(rt)
		name := rapid.SampledFrom([]string{labels.MetricName, "job", "code", "zone", "le", "quantile", "absent"}).Draw(rt, "name")
		names, values := map[string]bool{}, map[string]bool{}
		for _, l := range s.all {
			if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) }) {
				continue
			}
			l.Range(func(l labels.Label) { names[l.Name] = true })
			if v := l.Get(name); v != "" {
				values[v] = true
			}
		}
		q, err := promapi.NewQueryable(run, querytest.Caller).Querier(t0.UnixMilli(), t0.Add(2*time.Minute).UnixMilli())
		require.NoError(rt, err)
		got, _, err := q.LabelNames(context.Background(), nil, matchers...)
		require.NoError(rt, err)
		require.Equal(rt, sortedKeys(names), got)
		got, _, err = q.LabelValues(context.Background(), name, nil, matchers...)
		require.NoError(rt, err)
		require.Equal(rt, sortedKeys(values), got)
		limit := rapid.IntRange(1, 3).Draw(rt, "limit")
		few, _, err := q.LabelValues(context.Background(), name, &storage.LabelHints{Limit: limit}, matchers...)
		require.NoError(rt, err)
		require.Equal(rt, got[:min(limit, len(got))], few)
	})
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestQuerierOfNobodyAndOfNoTime(t *testing.T) {
	_, run := newStock(t)
	_, err := promapi.NewQueryable(run, access.Caller{}).Querier(0, 1)
	require.ErrorIs(t, err, access.ErrNoCaller)
	up := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "up")}
	for _, tc := range []struct {
		name   string
		caller access.Caller
		from   time.Time
		to     time.Time
		found  bool
	}{
		{"the time of the sample", querytest.Caller, t0.Add(time.Minute), t0.Add(time.Minute), true},
		{"before it", querytest.Caller, t0, t0.Add(time.Minute - time.Millisecond), false},
		{"after it", querytest.Caller, t0.Add(time.Minute + time.Millisecond), t0.Add(2 * time.Minute), false},
		{"the end before the start", querytest.Caller, t0.Add(2 * time.Minute), t0, false},
		{"before 1970", querytest.Caller, time.Unix(-100, 0), time.Unix(-1, 0), false},
		{"from before 1970 on", querytest.Caller, time.Unix(-100, 0), t0.Add(time.Hour), true},
		{"another tenant", access.Caller{Tenant: [16]byte{9}, Rows: sqlbuild.AllRows()}, t0, t0.Add(time.Hour), false},
		{"no rows", access.Caller{Tenant: querytest.Caller.Tenant, Rows: sqlbuild.NoRows()}, t0, t0.Add(time.Hour), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q, err := promapi.NewQueryable(run, tc.caller).Querier(tc.from.UnixMilli(), tc.to.UnixMilli())
			require.NoError(t, err)
			require.Equal(t, tc.found, len(selected(t, q, nil, up)) > 0)
		})
	}
}
