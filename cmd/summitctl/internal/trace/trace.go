// Package trace is the verb that searches traces and shows one as a tree.
package trace

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

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	cmd := &cobra.Command{Use: "trace", Short: "Search traces and show one", Args: cobra.NoArgs, RunE: verb.Help}
	cmd.AddCommand(search(s), get(s))
	return cmd
}

type filter struct {
	verb.Range
	service, name, status, environment, commit, build, deployment string
	min, max                                                      time.Duration
	attrs                                                         []string
	limit                                                         int
}

func search(s *verb.Shared) *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use: "search", Short: "List traces that match", Args: cobra.NoArgs,
		Example: "  summitctl trace search --service checkout --status error --from now-6h\n  summitctl trace search --min-duration 500ms --attr http.route=/checkout",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			page := "/traces"
			if len(q) > 0 {
				page += "?" + q.Encode()
			}
			return verb.List(cmd, s, "/traces", q, page, grid)
		},
	}
	f.AddTo(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.service, "service", "", "service that takes part")
	fl.StringVar(&f.name, "name", "", "name of a span")
	fl.StringVar(&f.status, "status", "", "ok, error or unset")
	fl.StringVar(&f.environment, "environment", "", "environment")
	fl.StringVar(&f.commit, "commit", "", "commit that the code was built from")
	fl.StringVar(&f.build, "build", "", "build run that made the code")
	fl.StringVar(&f.deployment, "deployment", "", "deployment that runs it")
	fl.DurationVar(&f.min, "min-duration", 0, "shortest duration of a span")
	fl.DurationVar(&f.max, "max-duration", 0, "longest duration of a span")
	fl.StringArrayVar(&f.attrs, "attr", nil, "attribute key=value; may repeat")
	fl.IntVar(&f.limit, "limit", 20, "number of traces, at most 500")
	return cmd
}

func (f *filter) query() (url.Values, error) {
	q := url.Values{}
	f.Put(q)
	for k, v := range map[string]string{
		"service": f.service, "name": f.name, "status": f.status, "environment": f.environment,
		"commit_sha": f.commit, "build_run_id": f.build, "deployment_id": f.deployment,
	} {
		verb.Put(q, k, v)
	}
	for _, a := range f.attrs {
		if k, _, ok := strings.Cut(a, "="); !ok || k == "" {
			return nil, exit.With(exit.Usage, fmt.Errorf("--attr %q: want key=value", a))
		}
		q.Add("attr", a)
	}
	for k, d := range map[string]time.Duration{"min_duration_ns": f.min, "max_duration_ns": f.max} {
		if d > 0 {
			q.Set(k, strconv.FormatInt(d.Nanoseconds(), 10))
		}
	}
	verb.PutLimit(q, f.limit)
	return q, nil
}

type correlation struct {
	CommitSHA    string `json:"commit_sha"`
	BuildRunID   string `json:"build_run_id"`
	DeploymentID string `json:"deployment_id"`
	Basis        string `json:"basis"`
}

type item struct {
	TraceID     string      `json:"trace_id"`
	RootService string      `json:"root_service"`
	RootName    string      `json:"root_name"`
	Start       time.Time   `json:"start"`
	DurationNS  int64       `json:"duration_ns"`
	Spans       int64       `json:"spans"`
	Errors      int64       `json:"errors"`
	Services    []string    `json:"services"`
	Correlation correlation `json:"correlation"`
}

func grid(items []item) output.Grid {
	g := output.Grid{Header: []string{"TRACE", "START", "SERVICE", "NAME", "DURATION", "SPANS", "ERRORS", "COMMIT"}}
	for _, t := range items {
		g.Add(t.TraceID, output.Time(&t.Start), t.RootService, output.Cut(t.RootName, 48), output.Duration(t.DurationNS), output.Count(t.Spans), output.Count(t.Errors), output.Short(t.Correlation.CommitSHA))
	}
	return g
}

func get(s *verb.Shared) *cobra.Command {
	var r verb.Range
	cmd := &cobra.Command{
		Use: "get TRACE_ID", Short: "Show a trace as a tree of spans", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := strings.ToLower(args[0])
			if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
				return exit.With(exit.Usage, errors.New("a trace id has 32 hexadecimal digits"))
			}
			q := url.Values{}
			r.Put(q)
			return verb.Show(cmd, s, "/traces/"+id, q, "/traces/"+id, tree)
		},
	}
	r.AddTo(cmd)
	return cmd
}

type span struct {
	SpanID       string    `json:"span_id"`
	ParentSpanID string    `json:"parent_span_id"`
	Service      string    `json:"service"`
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Start        time.Time `json:"start"`
	DurationNS   int64     `json:"duration_ns"`
	Status       struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
	Correlation correlation `json:"correlation"`
}

// tree prints spans under their parents in the order of their start; a span whose parent is missing stands at the left.
// Each is printed once, also where two have one id or parents go round in a circle.
func tree(raw json.RawMessage) ([]output.Grid, error) {
	var tr struct {
		Spans []span `json:"spans"`
	}
	if err := json.Unmarshal(raw, &tr); err != nil {
		return nil, fmt.Errorf("read the trace: %w", err)
	}
	slices.SortStableFunc(tr.Spans, func(a, b span) int { return a.Start.Compare(b.Start) })
	known, children := map[string]bool{}, map[string][]int{}
	for _, sp := range tr.Spans {
		known[sp.SpanID] = true
	}
	var roots, all []int
	for i, sp := range tr.Spans {
		all = append(all, i)
		if known[sp.ParentSpanID] && sp.ParentSpanID != sp.SpanID {
			children[sp.ParentSpanID] = append(children[sp.ParentSpanID], i)
		} else {
			roots = append(roots, i)
		}
	}
	g := output.Grid{Header: []string{"SPAN", "SERVICE", "KIND", "DURATION", "STATUS", "COMMIT", "BASIS"}}
	printed := make([]bool, len(tr.Spans))
	var walk func(list []int, depth int)
	walk = func(list []int, depth int) {
		for _, i := range list {
			if printed[i] {
				continue
			}
			printed[i] = true
			sp := &tr.Spans[i]
			status := sp.Status.Code
			if sp.Status.Message != "" {
				status += ": " + output.Cut(sp.Status.Message, 48)
			}
			g.Add(strings.Repeat("  ", min(depth, 40))+sp.Name, sp.Service, sp.Kind, output.Duration(sp.DurationNS), status, output.Short(sp.Correlation.CommitSHA), sp.Correlation.Basis)
			walk(children[sp.SpanID], depth+1)
		}
	}
	walk(roots, 0)
	walk(all, 0) // what only a circle leads to
	return []output.Grid{g}, nil
}
