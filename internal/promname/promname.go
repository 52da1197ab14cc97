// Package promname gives OTLP metrics the names and labels that they have in PromQL, by Prometheus' OTLP translation
// "underscore escaping with suffixes" with that server's defaults. The column encoder writes both into metric_series_v1;
// the exact OTLP metric is kept beside them, so nothing is lost where two names become one.
package promname

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

var (
	escaped = otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	plain   = otlptranslator.NewMetricNamer("", otlptranslator.NoUTF8EscapingWithSuffixes)
	// Both fields are what a Prometheus server sets unless told otherwise.
	namer = otlptranslator.LabelNamer{UnderscoreLabelSanitization: true, PreserveMultipleUnderscores: true} //nolint:staticcheck // the servers' default
)

// Metric is the name of a metric's family: with suffixes of unit and type, without the _bucket, _sum and _count that a
// histogram's and summary's own series add. A name in which nothing can stay, as one in Chinese, keeps its characters and
// is asked for in quotes; an empty name has none.
func Metric(m pmetric.Metric) string {
	in := otlptranslator.Metric{Name: validText(m.Name()), Unit: validText(m.Unit()), Type: metricType(m)}
	if in.Name == "" {
		return ""
	}
	if name, err := escaped.Build(in); err == nil {
		return name
	}
	name, err := plain.Build(in)
	if err != nil {
		return in.Name
	}
	return name
}

func metricType(m pmetric.Metric) otlptranslator.MetricType {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return otlptranslator.MetricTypeGauge
	case pmetric.MetricTypeSum:
		if m.Sum().IsMonotonic() {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case pmetric.MetricTypeHistogram:
		return otlptranslator.MetricTypeHistogram
	case pmetric.MetricTypeExponentialHistogram:
		return otlptranslator.MetricTypeExponentialHistogram
	case pmetric.MetricTypeSummary:
		return otlptranslator.MetricTypeSummary
	case pmetric.MetricTypeEmpty:
	}
	return otlptranslator.MetricTypeUnknown
}

// Label is one pair of a series.
type Label struct{ Name, Value string }

// Target are the labels that all series of a resource and scope share.
type Target struct{ labels []Label }

// NewTarget takes job and instance from the resource and the otel_scope_ labels from the scope.
func NewTarget(resource pcommon.Resource, scope pcommon.InstrumentationScope, scopeSchemaURL string) *Target {
	t := &Target{}
	attrs := resource.Attributes()
	job := text(attrs, "service.name")
	if namespace := text(attrs, "service.namespace"); job != "" && namespace != "" {
		job = namespace + "/" + job
	}
	t.add("job", job)
	t.add("instance", text(attrs, "service.instance.id"))
	for _, l := range collide(scope.Attributes(), "otel_scope_") {
		t.add(l.Name, l.Value)
	}
	t.add("otel_scope_name", scope.Name())
	t.add("otel_scope_version", scope.Version())
	t.add("otel_scope_schema_url", scopeSchemaURL)
	return t
}

// add sets a label; a later one of the same name wins.
func (t *Target) add(name, value string) {
	if value == "" {
		return
	}
	value = validText(value)
	if i := slices.IndexFunc(t.labels, func(l Label) bool { return l.Name == name }); i >= 0 {
		t.labels[i].Value = value
		return
	}
	t.labels = append(t.labels, Label{name, value})
}

// Labels are the labels of one data point, without the name, sorted by name. Attributes whose names become equal are
// joined by ";" in the order of the original names; a label of the target replaces an attribute; an empty value is no
// label, as in PromQL.
func (t *Target) Labels(attrs pcommon.Map) []Label {
	out := slices.DeleteFunc(collide(attrs, ""), func(l Label) bool {
		return l.Name == "__name__" || slices.ContainsFunc(t.labels, func(o Label) bool { return o.Name == l.Name })
	})
	out = append(out, t.labels...)
	slices.SortFunc(out, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// collide translates attributes and joins those that get one name.
func collide(attrs pcommon.Map, prefix string) []Label {
	sorted := make([]Label, 0, attrs.Len())
	for k, v := range attrs.All() {
		if value := validText(v.AsString()); value != "" && k != "" {
			sorted = append(sorted, Label{prefix + validText(k), value})
		}
	}
	slices.SortStableFunc(sorted, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	out := sorted[:0]
	place := make(map[string]int, len(sorted))
	for _, l := range sorted {
		if name, err := namer.Build(l.Name); err == nil {
			l.Name = name
		}
		if i, ok := place[l.Name]; ok {
			out[i].Value += ";" + l.Value
			continue
		}
		place[l.Name] = len(out)
		out = append(out, l)
	}
	return out
}

func text(attrs pcommon.Map, key string) string {
	v, ok := attrs.Get(key)
	if !ok {
		return ""
	}
	return v.AsString()
}

// validText replaces what isn't UTF-8: names and labels go out as JSON and protobuf, which have nothing for it.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
