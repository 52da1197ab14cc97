// Package build is the verb that lists build runs and shows one with its jobs, artifacts and deployments.
package build

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
	cmd := &cobra.Command{Use: "build", Aliases: []string{"builds"}, Short: "List build runs and show one", Args: cobra.NoArgs, RunE: verb.Help}
	cmd.AddCommand(list(s), show(s), criticalPath(s))
	return cmd
}

func list(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var repo, pipeline, branch, status, commit string
	limit := 20
	cmd := &cobra.Command{
		Use: "list", Short: "List build runs, the newest first", Args: cobra.NoArgs,
		Example: "  summitctl build list --repo acme/checkout --status failure --from now-24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			r.Put(q)
			for k, v := range map[string]string{"repo": repo, "pipeline": pipeline, "branch": branch, "status": status, "commit_sha": commit} {
				verb.Put(q, k, v)
			}
			verb.PutLimit(q, limit)
			return verb.List(cmd, s, "/builds", q, "/builds", grid)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().StringVar(&repo, "repo", "", "repository, for example acme/shop")
	cmd.Flags().StringVar(&pipeline, "pipeline", "", "pipeline or workflow")
	cmd.Flags().StringVar(&branch, "branch", "", "branch")
	cmd.Flags().StringVar(&status, "status", "", "queued, waiting, running, success, failure, cancelled, skipped, timeout or unknown")
	cmd.Flags().StringVar(&commit, "commit", "", "commit")
	cmd.Flags().IntVar(&limit, "limit", limit, "number of runs, at most 500")
	return cmd
}

type run struct {
	ID         string     `json:"id"`
	Repo       string     `json:"repo"`
	Pipeline   string     `json:"pipeline"`
	Name       string     `json:"name"`
	Branch     string     `json:"branch"`
	CommitSHA  string     `json:"commit_sha"`
	Status     string     `json:"status"`
	CreatedAt  *time.Time `json:"created_at"`
	QueuedNS   int64      `json:"queued_ns"`
	DurationNS int64      `json:"duration_ns"`
	URL        string     `json:"url"`
	TraceID    string     `json:"trace_id"`
}

func grid(items []run) output.Grid {
	g := output.Grid{Header: []string{"BUILD", "PIPELINE", "BRANCH", "COMMIT", "STATUS", "CREATED", "DURATION", "NAME"}}
	for _, b := range items {
		g.Add(b.ID, b.Pipeline, b.Branch, output.Short(b.CommitSHA), b.Status, output.Time(b.CreatedAt), output.Duration(b.DurationNS), output.Cut(b.Name, 48))
	}
	return g
}

func show(s *verb.Shared) *cobra.Command {
	return &cobra.Command{
		Use: "show BUILD_ID", Short: "Show a build run with its jobs, tests, artifacts and deployments", Args: cobra.ExactArgs(1),
		Example: "  summitctl build show github:github.com:acme/shop:4711:1",
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/builds/" + url.PathEscape(args[0])
			return verb.Show(cmd, s, path, nil, path, detail)
		},
	}
}

type task struct {
	ID         string `json:"id"`
	ParentID   string `json:"parent_id"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Status     string `json:"status"`
	QueuedNS   int64  `json:"queued_ns"`
	DurationNS int64  `json:"duration_ns"`
	Runner     string `json:"runner"`
	Flaky      bool   `json:"flaky"`
	Message    string `json:"message"`
}

// nest puts each task under its parent, which the server's order leaves open; the names are indented. Each comes once, also
// where parents go round in a circle.
func nest(tasks []task) []task {
	known, children := map[string]bool{}, map[string][]int{}
	for _, t := range tasks {
		known[t.ID] = t.ID != ""
	}
	var roots, all []int
	for i, t := range tasks {
		all = append(all, i)
		if known[t.ParentID] && t.ParentID != t.ID {
			children[t.ParentID] = append(children[t.ParentID], i)
		} else {
			roots = append(roots, i)
		}
	}
	out, done := make([]task, 0, len(tasks)), make([]bool, len(tasks))
	var walk func(list []int, depth int)
	walk = func(list []int, depth int) {
		for _, i := range list {
			if done[i] {
				continue
			}
			done[i] = true
			t := tasks[i]
			t.Name = strings.Repeat("  ", depth) + t.Name
			out = append(out, t)
			walk(children[t.ID], depth+1)
		}
	}
	walk(roots, 0)
	walk(all, 0) // what only a circle leads to
	return out
}

func detail(raw json.RawMessage) ([]output.Grid, error) {
	var b struct {
		run
		Tasks []task `json:"tasks"`
		Tests struct {
			Total  int64 `json:"total"`
			Failed int64 `json:"failed"`
			Flaky  int64 `json:"flaky"`
		} `json:"tests"`
		Artifacts []struct {
			Name   string `json:"name"`
			Digest string `json:"digest"`
		} `json:"artifacts"`
		Deployments []struct {
			ID          string `json:"id"`
			Environment string `json:"environment"`
			Status      string `json:"status"`
			Basis       string `json:"basis"`
		} `json:"deployments"`
		Errors []struct {
			Fingerprint string `json:"fingerprint"`
			Title       string `json:"title"`
			Events      int64  `json:"events"`
			Service     string `json:"service"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("read the build: %w", err)
	}
	head := output.Grid{}
	for _, row := range [][]string{
		{"build", b.ID}, {"name", b.Name}, {"pipeline", b.Pipeline}, {"branch", b.Branch}, {"commit", b.CommitSHA}, {"status", b.Status},
		{"created", output.Time(b.CreatedAt)}, {"queued", output.Duration(b.QueuedNS)}, {"duration", output.Duration(b.DurationNS)},
		{"tests", fmt.Sprintf("%d, %d failed, %d flaky", b.Tests.Total, b.Tests.Failed, b.Tests.Flaky)}, {"trace", b.TraceID}, {"url", b.URL},
	} {
		head.Add(row...)
	}
	tasks := output.Grid{Header: []string{"TASK", "KIND", "STATUS", "QUEUED", "DURATION", "RUNNER", "FLAKY", "MESSAGE"}}
	for _, t := range nest(b.Tasks) {
		tasks.Add(t.Name, t.Kind, t.Status, output.Duration(t.QueuedNS), output.Duration(t.DurationNS), t.Runner, strconv.FormatBool(t.Flaky), output.Cut(t.Message, 60))
	}
	artifacts := output.Grid{Header: []string{"ARTIFACT", "DIGEST"}}
	for _, a := range b.Artifacts {
		artifacts.Add(a.Name, a.Digest)
	}
	deployments := output.Grid{Header: []string{"DEPLOYMENT", "ENVIRONMENT", "STATUS", "BASIS"}}
	for _, d := range b.Deployments {
		deployments.Add(d.ID, d.Environment, d.Status, d.Basis)
	}
	errors := output.Grid{Header: []string{"ERROR", "TITLE", "EVENTS", "SERVICE"}}
	for _, e := range b.Errors {
		errors.Add(e.Fingerprint, output.Cut(e.Title, 60), output.Count(e.Events), e.Service)
	}
	grids := []output.Grid{head}
	for _, g := range []output.Grid{tasks, artifacts, deployments, errors} {
		if len(g.Rows) > 0 {
			grids = append(grids, g)
		}
	}
	return grids, nil
}
