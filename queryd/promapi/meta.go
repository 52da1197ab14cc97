package promapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// querier makes a querier for a metadata request: its caller, start and end. Without times it looks at the last day.
func (a *API) querier(r *http.Request) (storage.Querier, *storage.LabelHints, error) {
	caller, err := access.From(r.Context())
	if err != nil {
		return nil, nil, err
	}
	now := a.now()
	start, err := a.timeParam(r, "start", now.Add(-24*time.Hour))
	if err != nil {
		return nil, nil, err
	}
	end, err := a.timeParam(r, "end", now)
	if err != nil {
		return nil, nil, err
	}
	if end.Before(start) {
		return nil, nil, invalidParam("end", errors.New("end timestamp must not be before start time"))
	}
	limit, err := intParam(r, "limit")
	if err != nil {
		return nil, nil, err
	}
	q, err := NewQueryable(a.runner, caller).Querier(start.UnixMilli(), end.UnixMilli())
	return q, &storage.LabelHints{Limit: limit}, err
}

var errTruncated = errors.New("results truncated due to limit")

func (a *API) labelNames(r *http.Request) (result, error) {
	return a.union(r, func(q storage.Querier, set []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), nil, set...)
	})
}

func (a *API) labelValues(r *http.Request) (result, error) {
	name := r.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		return result{}, badData(fmt.Errorf("invalid label name: %q", name))
	}
	return a.union(r, func(q storage.Querier, set []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, nil, set...)
	})
}

// union asks once for each match[], or once without any, and joins the answers.
func (a *API) union(r *http.Request, ask func(storage.Querier, []*labels.Matcher) ([]string, annotations.Annotations, error)) (result, error) {
	q, hints, err := a.querier(r)
	if err != nil {
		return result{}, err
	}
	sets, err := a.matchers(r)
	if err != nil {
		return result{}, err
	}
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	all := map[string]bool{}
	var notes annotations.Annotations
	for _, set := range sets {
		values, warn, err := ask(q, set)
		if err != nil {
			return result{}, err
		}
		notes.Merge(warn)
		for _, v := range values {
			all[v] = true
		}
	}
	out := sortedSet(all, nil)
	if hints.Limit > 0 && len(out) > hints.Limit {
		out = out[:hints.Limit]
		notes.Add(errTruncated)
	}
	return result{data: out, notes: notes}, nil
}

func (a *API) series(r *http.Request) (result, error) {
	if len(r.Form["match[]"]) == 0 {
		return result{}, badData(errors.New("no match[] parameter provided"))
	}
	q, hints, err := a.querier(r)
	if err != nil {
		return result{}, err
	}
	sets, err := a.matchers(r)
	if err != nil {
		return result{}, err
	}
	now := a.now()
	start, _ := a.timeParam(r, "start", now.Add(-24*time.Hour))
	end, _ := a.timeParam(r, "end", now)
	found := map[string]labels.Labels{}
	var notes annotations.Annotations
	for _, set := range sets {
		series := q.Select(r.Context(), true, &storage.SelectHints{Start: start.UnixMilli(), End: end.UnixMilli(), Func: "series"}, set...)
		for series.Next() {
			l := series.At().Labels()
			found[string(l.Bytes(nil))] = l
		}
		if err := series.Err(); err != nil {
			return result{}, err
		}
		notes.Merge(series.Warnings())
	}
	out := slices.SortedFunc(maps.Values(found), labels.Compare)
	if out == nil {
		out = []labels.Labels{}
	}
	if hints.Limit > 0 && len(out) > hints.Limit {
		out = out[:hints.Limit]
		notes.Add(errTruncated)
	}
	return result{data: out, notes: notes}, nil
}

// meta is one description of a metric.
type meta struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// metadata lists what is known of the metrics of the last week.
func (a *API) metadata(r *http.Request) (result, error) {
	caller, err := access.From(r.Context())
	if err != nil {
		return result{}, err
	}
	limit, err := intParam(r, "limit")
	if err != nil {
		return result{}, err
	}
	perMetric, err := intParam(r, "limit_per_metric")
	if err != nil {
		return result{}, err
	}
	now := a.now()
	stmt := sb.Select(caller.Scope(now.AddDate(0, 0, -7), now.Add(time.Minute)), sb.MetricMeta, sb.Fn("toString", sb.Col("prom_name")).As("name"),
		sb.Fn("toString", sb.Col("kind")).As("kind_name"), sb.Fn("max", sb.Col("monotonic")).As("mono"), sb.Fn("toString", sb.Col("unit")).As("unit_name"),
		sb.Col("description").As("help")).
		Where(named()).GroupBy(sb.Ref("name"), sb.Ref("kind_name"), sb.Ref("unit_name"), sb.Ref("help")).OrderBy(sb.Asc(sb.Ref("name")), sb.Asc(sb.Ref("help")))
	if name := r.FormValue("metric"); name != "" {
		stmt.Where(sb.Eq(sb.Col("prom_name"), sb.Val(name)))
	}
	out := map[string][]meta{}
	err = a.runner.Each(r.Context(), stmt, func(rows driver.Rows) error {
		var name, kind string
		var monotonic bool
		var m meta
		if err := rows.Scan(&name, &kind, &monotonic, &m.Unit, &m.Help); err != nil {
			return err
		}
		m.Type = metricType(kind, monotonic)
		if _, known := out[name]; !known && limit > 0 && len(out) >= limit || perMetric > 0 && len(out[name]) >= perMetric {
			return nil
		}
		out[name] = append(out[name], m)
		return nil
	})
	return result{data: out}, err
}

// metricType is Prometheus' word for a kind of OTLP metric.
func metricType(kind string, monotonic bool) string {
	switch {
	case kind == "sum" && monotonic:
		return "counter"
	case kind == "sum", kind == "gauge":
		return "gauge"
	case kind == kindExpHistogram:
		return "histogram"
	case kind == kindHistogram, kind == kindSummary:
		return kind
	}
	return "unknown"
}

// engineVersion is the Prometheus release whose engine answers: clients switch features by it.
const engineVersion = "3.15.1"

func (a *API) buildInfo(*http.Request) (result, error) {
	return result{data: map[string]string{
		"version": engineVersion, "revision": "", "branch": "", "buildUser": "summit", "buildDate": "", "goVersion": runtime.Version(),
	}}, nil
}
