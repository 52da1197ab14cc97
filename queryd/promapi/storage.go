// Package promapi is the Prometheus face of queryd: the upstream PromQL engine over the metric tables, and thin handlers
// of the /api/v1 routes that Grafana and other clients ask for. A storage.Queryable is made from a caller, so that no
// query reads past the caller's tenant and rows.
package promapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// Bounds of one selector.
const (
	maxSeries  = 200_000
	maxSamples = 20_000_000
	// maxExpand is the most label values that a regular expression is expanded to before the series are filtered here.
	maxExpand = 1000
	// maxScan is the most values of a label that are read to expand a regular expression.
	maxScan = 20_000
	// maxListed is the most series that are named one by one in a statement.
	maxListed = 500
)

// Queryable reads the metric tables for one caller.
type Queryable struct {
	runner *runner.Runner
	caller access.Caller
}

var _ storage.Queryable = (*Queryable)(nil)

// NewQueryable makes a queryable for a caller. A caller that may see nothing gets no series, a zero caller an error.
func NewQueryable(r *runner.Runner, c access.Caller) *Queryable {
	return &Queryable{runner: r, caller: c}
}

// Querier reads between two times in milliseconds, both included.
func (q *Queryable) Querier(mint, maxt int64) (storage.Querier, error) {
	if q.caller.Tenant.IsZero() {
		return nil, access.ErrNoCaller
	}
	return &querier{runner: q.runner, caller: q.caller, mint: mint, maxt: maxt}, nil
}

type querier struct {
	runner     *runner.Runner
	caller     access.Caller
	mint, maxt int64
}

// Close has nothing to release.
func (q *querier) Close() error { return nil }

// scope is the time range, end included. There is nothing before 1970.
func (q *querier) scope(mint, maxt int64) (sb.Scope, bool) {
	mint = max(mint, 0)
	if maxt < mint {
		return sb.Scope{}, false
	}
	return q.caller.Scope(time.UnixMilli(mint), time.UnixMilli(maxt+1)), true
}

// family is a stored metric series, which gives one or several Prometheus series.
type family struct {
	fp         uint64
	promName   string
	metricName string
	kind       string
	delta      bool
	labels     labels.Labels
}

// names are the Prometheus names of a family.
func (f *family) names() []string { return expandedNames(f.promName, f.kind) }

func expandedNames(promName, kind string) []string {
	switch kind {
	case kindHistogram:
		return []string{promName + "_bucket", promName + "_count", promName + "_sum"}
	case kindSummary:
		return []string{promName, promName + "_count", promName + "_sum"}
	}
	return []string{promName}
}

// Values of metric_series_v1.kind.
const (
	kindHistogram    = "histogram"
	kindExpHistogram = "exp_histogram"
	kindSummary      = "summary"
)

// Select finds series by the series table and reads their samples. Conditions in SQL narrow; the matchers decide here,
// on the final labels, so that both always agree with Prometheus.
func (q *querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = hints.Start, hints.End
	}
	scope, ok := q.scope(mint, maxt)
	if !ok {
		return storage.EmptySeriesSet()
	}
	sel, err := q.selection(ctx, scope, matchers)
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	if len(sel.families) == 0 {
		return storage.EmptySeriesSet()
	}
	out := newCollector(matchers)
	if hints != nil && hints.Func == "series" {
		err = q.listSeries(ctx, scope, sel, out)
	} else {
		err = errors.Join(q.readNumbers(ctx, scope, sel, out), q.readHistograms(ctx, scope, sel, out))
	}
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	return out.seriesSet()
}

// selection is the families that may match, and the conditions that found them.
type selection struct {
	families map[uint64]*family
	conds    []sb.Expr
}

func (q *querier) selection(ctx context.Context, scope sb.Scope, matchers []*labels.Matcher) (selection, error) {
	sel := selection{families: map[uint64]*family{}}
	for _, m := range matchers {
		cond, err := q.condition(ctx, scope, m)
		if err != nil {
			return sel, err
		}
		if cond != nil {
			sel.conds = append(sel.conds, *cond)
		}
	}
	stmt := sb.Select(scope, sb.Series, sb.Col("series_fp"), sb.Col("prom_name"), sb.Col("metric_name"), sb.Col("kind"), sb.Col("temporality"), sb.Col("labels")).
		Where(sel.conds...).Where(named()).OrderBy(sb.Asc(sb.Col("series_fp")), sb.Desc(sb.Col("day"))).OnePer(sb.Col("series_fp")).Limit(maxSeries + 1)
	read := 0
	err := q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var f family
		var temporality string
		var lbls map[string]string
		read++
		if err := r.Scan(&f.fp, &f.promName, &f.metricName, &f.kind, &temporality, &lbls); err != nil {
			return err
		}
		f.delta = temporality == "delta"
		f.labels = labels.FromMap(lbls)
		if mayMatch(&f, matchers) {
			sel.families[f.fp] = &f
		}
		return nil
	})
	// Rows count, not matches: those that the limit cut off might have matched.
	if err == nil && read > maxSeries {
		return sel, fmt.Errorf("the selector makes the store read more than %d series; add a label matcher", maxSeries)
	}
	return sel, err
}

// synthetic labels are made from a family's points, not stored with the series.
func synthetic(f *family, name string) bool {
	return name == labels.BucketLabel && f.kind == kindHistogram || name == "quantile" && f.kind == kindSummary
}

// mayMatch checks the matchers on what is known before points are read.
func mayMatch(f *family, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		switch {
		case m.Name == labels.MetricName:
			if !slices.ContainsFunc(f.names(), m.Matches) {
				return false
			}
		case synthetic(f, m.Name):
		case !m.Matches(f.labels.Get(m.Name)):
			return false
		}
	}
	return true
}

// condition puts a matcher into SQL, or nil where only the labels themselves can tell.
func (q *querier) condition(ctx context.Context, scope sb.Scope, m *labels.Matcher) (*sb.Expr, error) {
	if m.Name == labels.MetricName {
		return q.nameCondition(ctx, scope, m)
	}
	if m.Name == labels.BucketLabel || m.Name == "quantile" {
		return nil, nil
	}
	item := sb.Fn("has", sb.Col("label_items"), sb.Val(m.Name+"="+m.Value))
	absent := sb.Eq(sb.MapGet("labels", m.Name), sb.Empty())
	var e sb.Expr
	switch {
	case m.Type == labels.MatchEqual && m.Value == "":
		e = absent
	case m.Type == labels.MatchEqual:
		e = item
	case m.Type == labels.MatchNotEqual && m.Value == "":
		e = sb.Not(absent)
	case m.Type == labels.MatchNotEqual:
		e = sb.Not(item)
	case m.Type == labels.MatchRegexp && !m.Matches(""):
		return q.expand(ctx, scope, m)
	default:
		return nil, nil
	}
	return &e, nil
}

// expand finds the values that a regular expression matches, and asks for them by the index.
func (q *querier) expand(ctx context.Context, scope sb.Scope, m *labels.Matcher) (*sb.Expr, error) {
	values := m.SetMatches()
	if len(values) == 0 {
		if !q.caller.Rows.IsAll() { // the label table holds values of other callers' rows
			return nil, nil
		}
		read := 0
		stmt := sb.Select(scope, sb.MetricLabels, sb.Col("value")).Where(sb.Eq(sb.Col("label"), sb.Val(m.Name))).
			GroupBy(sb.Col("value")).Limit(maxScan + 1)
		err := q.runner.Each(ctx, stmt, func(r driver.Rows) error {
			var v string
			err := r.Scan(&v)
			if read++; m.Matches(v) {
				values = append(values, v)
			}
			return err
		})
		if err != nil || read > maxScan {
			return nil, err
		}
	}
	if len(values) > maxExpand {
		return nil, nil
	}
	items := make([]string, len(values))
	for i, v := range values {
		items[i] = m.Name + "=" + v
	}
	e := sb.Fn("hasAny", sb.Col("label_items"), sb.Val(items))
	return &e, nil
}

// nameCondition turns a matcher on the metric name into the stored base names: those of histograms and summaries are
// stored without _bucket, _count and _sum.
func (q *querier) nameCondition(ctx context.Context, scope sb.Scope, m *labels.Matcher) (*sb.Expr, error) {
	var bases []string
	if m.Type == labels.MatchEqual {
		bases = []string{m.Value}
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, ok := strings.CutSuffix(m.Value, suffix); ok {
				bases = append(bases, base)
			}
		}
	} else {
		if m.Matches("") && m.Type == labels.MatchRegexp && m.Value == ".*" {
			return nil, nil
		}
		all, err := q.promNames(ctx, scope, nil)
		if err != nil {
			return nil, err
		}
		bases = []string{}
		for _, n := range all {
			if slices.ContainsFunc(expandedNames(n.name, n.kind), m.Matches) {
				bases = append(bases, n.name)
			}
		}
		if len(bases) > maxExpand {
			return nil, nil
		}
	}
	e := sb.In(sb.Col("prom_name"), bases)
	return &e, nil
}

// named leaves out metrics that were sent without a data point: they are kept as sent and have no name in Prometheus.
func named() sb.Expr { return sb.Ne(sb.Col("prom_name"), sb.Empty()) }

type nameKind struct{ name, kind string }

func (q *querier) promNames(ctx context.Context, scope sb.Scope, conds []sb.Expr) ([]nameKind, error) {
	var out []nameKind
	stmt := sb.Select(scope, sb.Series, sb.Fn("toString", sb.Col("prom_name")).As("name"), sb.Fn("toString", sb.Col("kind")).As("kind_name")).
		Where(conds...).Where(named()).GroupBy(sb.Ref("name"), sb.Ref("kind_name")).OrderBy(sb.Asc(sb.Ref("name")))
	err := q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var n nameKind
		err := r.Scan(&n.name, &n.kind)
		out = append(out, n)
		return err
	})
	return out, err
}

// LabelValues lists the values of a label, of matching series where there are matchers.
func (q *querier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	scope, ok := q.scope(q.mint, q.maxt)
	if !ok {
		return []string{}, nil, nil
	}
	set := map[string]bool{}
	var err error
	switch {
	case name == labels.MetricName && len(matchers) == 0:
		var all []nameKind
		all, err = q.promNames(ctx, scope, nil)
		for _, n := range all {
			for _, name := range expandedNames(n.name, n.kind) {
				set[name] = true
			}
		}
	case len(matchers) == 0 && q.caller.Rows.IsAll() && name != labels.BucketLabel && name != "quantile":
		err = q.labelTable(ctx, scope, "value", set, sb.Eq(sb.Col("label"), sb.Val(name)))
	default:
		err = q.eachLabels(ctx, matchers, func(l labels.Labels) {
			if v := l.Get(name); v != "" {
				set[v] = true
			}
		})
	}
	return sortedSet(set, hints), nil, err
}

// LabelNames lists the names of labels, of matching series where there are matchers.
func (q *querier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	scope, ok := q.scope(q.mint, q.maxt)
	if !ok {
		return []string{}, nil, nil
	}
	set := map[string]bool{}
	if len(matchers) > 0 || !q.caller.Rows.IsAll() {
		err := q.eachLabels(ctx, matchers, func(l labels.Labels) {
			l.Range(func(l labels.Label) { set[l.Name] = true })
		})
		return sortedSet(set, hints), nil, err
	}
	if err := q.labelTable(ctx, scope, "label", set); err != nil {
		return nil, nil, err
	}
	kinds, err := q.promNames(ctx, scope, []sb.Expr{sb.In(sb.Fn("toString", sb.Col("kind")), []string{kindHistogram, kindSummary})})
	for _, n := range kinds {
		if n.kind == kindHistogram {
			set[labels.BucketLabel] = true
		} else {
			set["quantile"] = true
		}
	}
	if len(set) > 0 {
		set[labels.MetricName] = true
	}
	return sortedSet(set, hints), nil, err
}

func (q *querier) labelTable(ctx context.Context, scope sb.Scope, column string, set map[string]bool, conds ...sb.Expr) error {
	stmt := sb.Select(scope, sb.MetricLabels, sb.Fn("toString", sb.Col(column)).As("v")).Where(conds...).GroupBy(sb.Ref("v"))
	return q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var v string
		err := r.Scan(&v)
		set[v] = true
		return err
	})
}

func (q *querier) eachLabels(ctx context.Context, matchers []*labels.Matcher, f func(labels.Labels)) error {
	set := q.Select(ctx, false, &storage.SelectHints{Start: q.mint, End: q.maxt, Func: "series"}, matchers...)
	for set.Next() {
		f(set.At().Labels())
	}
	return set.Err()
}

func sortedSet(set map[string]bool, hints *storage.LabelHints) []string {
	out := make([]string, 0, len(set))
	for v := range set {
		out = append(out, v)
	}
	slices.Sort(out)
	if hints != nil && hints.Limit > 0 && len(out) > hints.Limit {
		out = out[:hints.Limit]
	}
	return out
}

// listSeries gives the labels of the selected series without their samples.
func (q *querier) listSeries(ctx context.Context, scope sb.Scope, sel selection, out *collector) error {
	for _, f := range sel.families {
		switch f.kind {
		case kindHistogram, kindSummary:
			out.touch(f, f.promName+"_count", "", "")
			out.touch(f, f.promName+"_sum", "", "")
		default:
			out.touch(f, f.promName, "", "")
		}
	}
	stmt := sb.Select(scope, sb.Histograms, sb.Col("series_fp"), sb.Fn("groupUniqArrayArray", sb.Col("bounds"))).
		Where(sel.series(scope, kindHistogram, kindSummary)...).GroupBy(sb.Col("series_fp"))
	if !sel.has(kindHistogram, kindSummary) {
		return nil
	}
	return q.runner.Each(ctx, stmt, func(r driver.Rows) error {
		var fp uint64
		var bounds []float64
		if err := r.Scan(&fp, &bounds); err != nil {
			return err
		}
		f := sel.families[fp]
		if f == nil {
			return nil
		}
		for _, b := range bounds {
			if f.kind == kindSummary {
				out.touch(f, f.promName, "quantile", formatBound(b))
			} else {
				out.touch(f, f.promName+"_bucket", labels.BucketLabel, formatBound(b))
			}
		}
		if f.kind == kindHistogram {
			out.touch(f, f.promName+"_bucket", labels.BucketLabel, "+Inf")
		}
		return nil
	})
}

func formatBound(b float64) string { return strconv.FormatFloat(b, 'f', -1, 64) }

func (s *selection) has(kinds ...string) bool {
	for _, f := range s.families {
		if slices.Contains(kinds, f.kind) {
			return true
		}
	}
	return false
}

// series are the conditions that restrict a table of points to the selected families of some kinds.
func (s *selection) series(scope sb.Scope, kinds ...string) []sb.Expr {
	names := map[string]bool{}
	var fps []uint64
	for fp, f := range s.families {
		if slices.Contains(kinds, f.kind) {
			names[f.metricName] = true
			fps = append(fps, fp)
		}
	}
	slices.Sort(fps)
	var conds []sb.Expr
	if len(names) <= maxListed {
		conds = append(conds, sb.In(sb.Col("metric_name"), sortedSet(names, nil)))
	}
	if len(fps) <= maxListed {
		return append(conds, sb.In(sb.Col("series_fp"), fps))
	}
	inner := sb.Select(scope, sb.Series, sb.Col("series_fp")).Where(s.conds...)
	return append(conds, sb.InQuery(sb.Col("series_fp"), inner))
}

// collector gathers samples into Prometheus series. Families with equal labels become one series.
type collector struct {
	matchers []*labels.Matcher
	byLabels map[string]*builtSeries
	samples  int
	notes    annotations.Annotations
}

type builtSeries struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newCollector(matchers []*labels.Matcher) *collector {
	return &collector{matchers: matchers, byLabels: map[string]*builtSeries{}}
}

// touch gives the series with the family's labels, a name and perhaps a synthetic label, or nil when it doesn't match.
func (c *collector) touch(f *family, name, label, value string) *builtSeries {
	b := labels.NewBuilder(f.labels).Set(labels.MetricName, name)
	if label != "" {
		b.Set(label, value)
	}
	lset := b.Labels()
	for _, m := range c.matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return nil
		}
	}
	key := string(lset.Bytes(nil))
	s := c.byLabels[key]
	if s == nil {
		s = &builtSeries{labels: lset}
		c.byLabels[key] = s
	}
	return s
}

func (c *collector) seriesSet() storage.SeriesSet {
	list := make([]storage.Series, 0, len(c.byLabels))
	for _, s := range c.byLabels {
		list = append(list, storage.NewListSeries(s.labels, ordered(s.samples)))
	}
	slices.SortFunc(list, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &seriesList{list: list, notes: c.notes}
}

// ordered sorts by time and keeps one sample of each: a resent point, or the same series from two families.
func ordered(in []chunks.Sample) []chunks.Sample {
	byTime := func(a, b chunks.Sample) int { return int(min(max(a.T()-b.T(), -1), 1)) }
	if !slices.IsSortedFunc(in, byTime) {
		slices.SortStableFunc(in, byTime)
	}
	return slices.CompactFunc(in, func(a, b chunks.Sample) bool { return a.T() == b.T() })
}

// seriesList is a series set over a sorted list.
type seriesList struct {
	list  []storage.Series
	next  int
	notes annotations.Annotations
}

func (s *seriesList) Next() bool                        { s.next++; return s.next <= len(s.list) }
func (s *seriesList) At() storage.Series                { return s.list[s.next-1] }
func (s *seriesList) Err() error                        { return nil }
func (s *seriesList) Warnings() annotations.Annotations { return s.notes }
