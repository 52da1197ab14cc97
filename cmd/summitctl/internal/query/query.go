// Package query is the verb that asks metrics in PromQL, and turns a condition on the answer into an exit code.
package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

type options struct {
	at, from, to string
	step         time.Duration
	failIf       string
}

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "query PROMQL", Short: "Ask metrics in PromQL", Args: cobra.ExactArgs(1),
		Example: `  summitctl query 'sum by (job) (rate(http_server_request_duration_seconds_count[5m]))'
  summitctl query 'shop_orders_total' --from now-1h --step 1m -o json
  summitctl query 'sum(rate(errors_total[5m]))' --fail-if 'value > 0.1'`,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, s, o, args[0]) },
	}
	cmd.Flags().StringVar(&o.at, "at", "", "time of an instant query (default now)")
	cmd.Flags().StringVar(&o.from, "from", "", "start of a range query: RFC 3339, unix seconds or now-1h")
	cmd.Flags().StringVar(&o.to, "to", "", "end of a range query (default now)")
	cmd.Flags().DurationVar(&o.step, "step", time.Minute, "step of a range query")
	cmd.Flags().StringVar(&o.failIf, "fail-if", "", "end with code 8 if this holds: count or value, an operator, a number, as in 'value > 0.1'")
	cmd.MarkFlagsMutuallyExclusive("at", "from")
	return cmd
}

func run(cmd *cobra.Command, s *verb.Shared, o options, expr string) error {
	path, q, err := o.question(expr, time.Now())
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	check, err := parseCondition(o.failIf)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	raw, err := s.Client().PromQL(cmd.Context(), path, q)
	if err != nil {
		return err
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	series, err := a.series()
	if err != nil {
		return err
	}
	err = output.Write(cmd.OutOrStdout(), s.Format(), raw, func(json.RawMessage) ([]output.Grid, error) { return []output.Grid{grid(series)}, nil })
	if err != nil {
		return err
	}
	if check != nil && check.holds(series) {
		return exit.With(exit.Assertion, fmt.Errorf("%s holds", o.failIf))
	}
	return nil
}

func (o options) question(expr string, now time.Time) (string, url.Values, error) {
	q := url.Values{"query": {expr}}
	if o.from == "" {
		if o.to != "" {
			return "", nil, errors.New("--to goes with --from")
		}
		at, err := moment("--at", o.at, now)
		q.Set("time", at)
		return "/query", q, err
	}
	if o.step <= 0 {
		return "", nil, errors.New("--step must be more than 0")
	}
	from, err := moment("--from", o.from, now)
	if err != nil {
		return "", nil, err
	}
	to, err := moment("--to", o.to, now)
	if err != nil {
		return "", nil, err
	}
	q.Set("start", from)
	q.Set("end", to)
	q.Set("step", strconv.FormatFloat(o.step.Seconds(), 'f', -1, 64))
	return "/query_range", q, nil
}

// moment turns what people write into what Prometheus' API takes.
func moment(flag, s string, now time.Time) (string, error) {
	seconds := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	if s == "" || s == "now" {
		return seconds(now), nil
	}
	if back, ok := strings.CutPrefix(s, "now-"); ok {
		d, err := time.ParseDuration(back)
		if err != nil {
			return "", fmt.Errorf("%s %q: want now-1h or the like", flag, s)
		}
		return seconds(now.Add(-d)), nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return "", fmt.Errorf("%s %q: want RFC 3339, unix seconds or now-1h", flag, s)
	}
	return seconds(t), nil
}

type answer struct {
	ResultType string          `json:"resultType"`
	Result     json.RawMessage `json:"result"`
}

// point is a pair of unix seconds and a value in text.
type point [2]any

func (p point) value() string { s, _ := p[1].(string); return s }

func (p point) at() string {
	f, _ := p[0].(float64)
	t := time.UnixMilli(int64(f * 1000))
	return output.Time(&t)
}

type serie struct {
	Metric     map[string]string `json:"metric"`
	Value      *point            `json:"value"`
	Values     []point           `json:"values"`
	Histogram  json.RawMessage   `json:"histogram"`
	Histograms json.RawMessage   `json:"histograms"`
}

func (a answer) series() ([]serie, error) {
	switch a.ResultType {
	case "scalar", "string":
		var p point
		if err := json.Unmarshal(a.Result, &p); err != nil {
			return nil, fmt.Errorf("read the %s: %w", a.ResultType, err)
		}
		return []serie{{Value: &p}}, nil
	}
	var list []serie
	if err := json.Unmarshal(a.Result, &list); err != nil {
		return nil, fmt.Errorf("read the %s: %w", a.ResultType, err)
	}
	return list, nil
}

func grid(series []serie) output.Grid {
	g := output.Grid{Header: []string{"SERIES", "TIME", "VALUE"}}
	for _, s := range series {
		for _, p := range s.points() {
			g.Add(name(s.Metric), p.at(), p.value())
		}
		if s.Histogram != nil || s.Histograms != nil {
			g.Add(name(s.Metric), "", "histogram")
		}
	}
	return g
}

func (s serie) points() []point {
	if s.Value != nil {
		return []point{*s.Value}
	}
	return s.Values
}

func name(metric map[string]string) string {
	var labels []string
	for k, v := range metric {
		if k != "__name__" {
			labels = append(labels, k+"="+strconv.Quote(v))
		}
	}
	slices.Sort(labels)
	if len(labels) == 0 {
		return metric["__name__"]
	}
	return metric["__name__"] + "{" + strings.Join(labels, ", ") + "}"
}

// condition is a comparison of the number of series, or of any value among them.
type condition struct {
	subject, operator string
	limit             float64
}

var operators = []string{">=", "<=", "==", "!=", ">", "<"}

func parseCondition(s string) (*condition, error) {
	if s == "" {
		return nil, nil
	}
	for _, op := range operators {
		left, right, ok := strings.Cut(s, op)
		if !ok {
			continue
		}
		c := condition{subject: strings.TrimSpace(left), operator: op}
		limit, err := strconv.ParseFloat(strings.TrimSpace(right), 64)
		if err != nil || c.subject != "count" && c.subject != "value" {
			break
		}
		c.limit = limit
		return &c, nil
	}
	return nil, fmt.Errorf("--fail-if %q: want count or value, one of %s, and a number", s, strings.Join(operators, " "))
}

func (c *condition) holds(series []serie) bool {
	if c.subject == "count" {
		return c.compare(float64(len(series)))
	}
	for _, s := range series {
		for _, p := range s.points() {
			if v, err := strconv.ParseFloat(p.value(), 64); err == nil && c.compare(v) {
				return true
			}
		}
	}
	return false
}

func (c *condition) compare(v float64) bool {
	switch c.operator {
	case ">=":
		return v >= c.limit
	case "<=":
		return v <= c.limit
	case "==":
		return v == c.limit
	case "!=":
		return v != c.limit
	case ">":
		return v > c.limit
	default:
		return v < c.limit
	}
}
