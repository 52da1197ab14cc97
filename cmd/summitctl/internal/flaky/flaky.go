// Package flaky is the verb that lists flaky and broken tests and shows on what a verdict stands.
package flaky

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	cmd := &cobra.Command{Use: "flaky", Short: "List flaky tests and show the evidence against one", Args: cobra.NoArgs, RunE: verb.Help}
	cmd.AddCommand(list(s), show(s))
	return cmd
}

func list(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var repo, branch, owner, state, name string
	limit := 20
	cmd := &cobra.Command{
		Use: "list", Short: "List tests, the flakiest first", Args: cobra.NoArgs,
		Example: "  summitctl flaky list --repo acme/checkout --state flaky --from now-14d",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			r.Put(q)
			for k, v := range map[string]string{"repo": repo, "branch": branch, "owner": owner, "state": state, "name": name} {
				verb.Put(q, k, v)
			}
			verb.PutLimit(q, limit)
			return verb.List(cmd, s, "/flaky-tests", q, "/flaky", grid)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().Lookup("from").Usage = "start: RFC 3339, unix nanoseconds or now-30d (default now-30d)"
	cmd.Flags().StringVar(&repo, "repo", "", "repository, for example acme/shop")
	cmd.Flags().StringVar(&branch, "branch", "", "runs of one branch alone")
	cmd.Flags().StringVar(&owner, "owner", "", "owner of the test")
	cmd.Flags().StringVar(&state, "state", "", "flaky, broken or healthy")
	cmd.Flags().StringVar(&name, "name", "", "part of the test's name")
	cmd.Flags().IntVar(&limit, "limit", limit, "number of tests, at most 500")
	return cmd
}

type test struct {
	TestID      string     `json:"test_id"`
	Repo        string     `json:"repo"`
	Name        string     `json:"name"`
	Suite       string     `json:"suite"`
	Owner       string     `json:"owner"`
	State       string     `json:"state"`
	Score       float64    `json:"score"`
	Runs        int        `json:"runs"`
	Failures    int        `json:"failures"`
	Flakes      int        `json:"flakes"`
	LastFlakeAt *time.Time `json:"last_flake_at"`
	LostNS      int64      `json:"lost_ns"`
	Reason      string     `json:"reason"`
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + "%" }

func grid(items []test) output.Grid {
	g := output.Grid{Header: []string{"TEST", "STATE", "SCORE", "FLAKES", "FAILURES", "RUNS", "LAST FLAKE", "OWNER", "NAME", "REASON"}}
	for _, t := range items {
		g.Add(t.TestID, t.State, percent(t.Score), output.Count(t.Flakes), output.Count(t.Failures), output.Count(t.Runs), output.Time(t.LastFlakeAt),
			t.Owner, output.Cut(t.Suite+" › "+t.Name, 60), t.Reason)
	}
	return g
}

func show(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var repo string
	cmd := &cobra.Command{
		Use: "show TEST_ID", Short: "Show a test with the evidence for its verdict", Args: cobra.ExactArgs(1),
		Example: "  summitctl flaky show 0af7651916cd43dd8448eb211c80319c",
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			r.Put(q)
			verb.Put(q, "repo", repo)
			id := url.PathEscape(strings.ToLower(args[0]))
			return verb.Show(cmd, s, "/flaky-tests/"+id, q, "/flaky?test="+id, detail)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().Lookup("from").Usage = "start: RFC 3339, unix nanoseconds or now-30d (default now-30d)"
	cmd.Flags().StringVar(&repo, "repo", "", "repository of the test")
	return cmd
}

func detail(raw json.RawMessage) ([]output.Grid, error) {
	var d struct {
		test
		ScoreLow  float64 `json:"score_low"`
		ScoreHigh float64 `json:"score_high"`
		Evidence  []struct {
			Kind      string     `json:"kind"`
			At        *time.Time `json:"at"`
			CommitSHA string     `json:"commit_sha"`
			Outcomes  []string   `json:"outcomes"`
			Builds    []string   `json:"builds"`
			Counts    bool       `json:"counts"`
			Text      string     `json:"text"`
		} `json:"evidence"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("read the test: %w", err)
	}
	head := output.Grid{}
	for _, row := range [][]string{
		{"test", d.TestID}, {"name", d.Name}, {"suite", d.Suite}, {"repo", d.Repo}, {"owner", d.Owner}, {"state", d.State},
		{"score", fmt.Sprintf("%s (90 %% of the belief from %s to %s)", percent(d.Score), percent(d.ScoreLow), percent(d.ScoreHigh))},
		{"runs", fmt.Sprintf("%d, %d failed", d.Runs, d.Failures)}, {"lost", output.Duration(d.LostNS)}, {"reason", d.Reason},
	} {
		head.Add(row...)
	}
	g := output.Grid{Header: []string{"AT", "EVIDENCE", "COUNTS", "COMMIT", "OUTCOMES", "BUILDS", "WHAT"}}
	for _, e := range d.Evidence {
		g.Add(output.Time(e.At), e.Kind, strconv.FormatBool(e.Counts), output.Short(e.CommitSHA), strings.Join(e.Outcomes, ","), strings.Join(e.Builds, " "), e.Text)
	}
	return []output.Grid{head, g}, nil
}
