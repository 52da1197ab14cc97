// Package impact is the verb that follows a commit or a build to what its services felt.
package impact

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var commit, build, repo string
	cmd := &cobra.Command{
		Use: "impact", Short: "Follow a commit or build to its deployments, services, errors and traces", Args: cobra.NoArgs,
		Example: "  summitctl impact --commit $(git rev-parse HEAD) --repo acme/shop",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			r.Put(q)
			for k, v := range map[string]string{"commit": commit, "build": build, "repo": repo} {
				verb.Put(q, k, v)
			}
			return verb.Show(cmd, s, "/impact", q, "", grids)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().Lookup("from").Usage = "start: RFC 3339, unix nanoseconds or now-30d (default now-30d)"
	cmd.Flags().StringVar(&commit, "commit", "", "whole hash of a commit, 40 or 64 hex digits")
	cmd.Flags().StringVar(&build, "build", "", "id of a build run")
	cmd.Flags().StringVar(&repo, "repo", "", "repository of the commit, where several have it")
	cmd.MarkFlagsOneRequired("commit", "build")
	cmd.MarkFlagsMutuallyExclusive("commit", "build")
	return cmd
}

func rate(share *float64) string {
	if share == nil {
		return "-"
	}
	return strconv.FormatFloat(100**share, 'f', 2, 64) + "%"
}

func grids(raw json.RawMessage) ([]output.Grid, error) {
	var d struct {
		Builds []struct {
			ID        string     `json:"id"`
			Status    string     `json:"status"`
			CreatedAt *time.Time `json:"created_at"`
		} `json:"builds"`
		Deployments []struct {
			ID          string     `json:"id"`
			Service     string     `json:"service"`
			Environment string     `json:"environment"`
			Status      string     `json:"status"`
			FinishedAt  *time.Time `json:"finished_at"`
			Basis       string     `json:"basis"`
		} `json:"deployments"`
		Services []struct {
			Service         string   `json:"service"`
			Environment     string   `json:"environment"`
			Spans           int64    `json:"spans"`
			Errors          int64    `json:"errors"`
			ErrorRate       *float64 `json:"error_rate"`
			BeforeErrorRate *float64 `json:"before_error_rate"`
		} `json:"services"`
		Errors []struct {
			Fingerprint   string `json:"fingerprint"`
			Title         string `json:"title"`
			Service       string `json:"service"`
			Events        int64  `json:"events"`
			FirstSeenHere bool   `json:"first_seen_here"`
		} `json:"errors"`
		Traces []struct {
			TraceID    string     `json:"trace_id"`
			Service    string     `json:"service"`
			Start      *time.Time `json:"start"`
			DurationNS int64      `json:"duration_ns"`
			Errors     int64      `json:"errors"`
		} `json:"traces"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("read the impact: %w", err)
	}
	builds := output.Grid{Header: []string{"BUILD", "STATUS", "CREATED"}}
	for _, b := range d.Builds {
		builds.Add(b.ID, b.Status, output.Time(b.CreatedAt))
	}
	deployments := output.Grid{Header: []string{"DEPLOYMENT", "SERVICE", "ENVIRONMENT", "STATUS", "FINISHED", "BASIS"}}
	for _, x := range d.Deployments {
		deployments.Add(x.ID, x.Service, x.Environment, x.Status, output.Time(x.FinishedAt), x.Basis)
	}
	services := output.Grid{Header: []string{"SERVICE", "ENVIRONMENT", "SPANS", "ERRORS", "ERROR RATE", "BEFORE"}}
	for _, x := range d.Services {
		services.Add(x.Service, x.Environment, output.Count(x.Spans), output.Count(x.Errors), rate(x.ErrorRate), rate(x.BeforeErrorRate))
	}
	errors := output.Grid{Header: []string{"ERROR", "TITLE", "SERVICE", "EVENTS", "NEW"}}
	for _, x := range d.Errors {
		errors.Add(x.Fingerprint, output.Cut(x.Title, 60), x.Service, output.Count(x.Events), strconv.FormatBool(x.FirstSeenHere))
	}
	traces := output.Grid{Header: []string{"TRACE", "SERVICE", "START", "DURATION", "ERRORS"}}
	for _, x := range d.Traces {
		traces.Add(x.TraceID, x.Service, output.Time(x.Start), output.Duration(x.DurationNS), output.Count(x.Errors))
	}
	var out []output.Grid
	for _, g := range []output.Grid{builds, deployments, services, errors, traces} {
		if len(g.Rows) > 0 {
			out = append(out, g)
		}
	}
	return out, nil
}
