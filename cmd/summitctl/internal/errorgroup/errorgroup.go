// Package errorgroup is the verb `error`: it lists groups of errors and shows one with its newest occurrences.
package errorgroup

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/fingerprint"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	cmd := &cobra.Command{Use: "error", Aliases: []string{"errors"}, Short: "List groups of errors and show one", Args: cobra.NoArgs, RunE: verb.Help}
	cmd.AddCommand(list(s), show(s))
	return cmd
}

func list(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var service, environment, build, commit string
	limit := 20
	cmd := &cobra.Command{
		Use: "list", Short: "List groups of errors, the most frequent first", Args: cobra.NoArgs,
		Example: "  summitctl error list --service checkout --from now-24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			r.Put(q)
			for k, v := range map[string]string{"service": service, "environment": environment, "build_run_id": build, "commit_sha": commit} {
				verb.Put(q, k, v)
			}
			verb.PutLimit(q, limit)
			return verb.List(cmd, s, "/errors", q, "/errors", grid)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().StringVar(&service, "service", "", "service")
	cmd.Flags().StringVar(&environment, "environment", "", "environment")
	cmd.Flags().StringVar(&build, "build", "", "build run that made the code")
	cmd.Flags().StringVar(&commit, "commit", "", "commit that the code was built from")
	cmd.Flags().IntVar(&limit, "limit", limit, "number of groups, at most 500")
	return cmd
}

type group struct {
	Fingerprint string     `json:"fingerprint"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Culprit     string     `json:"culprit"`
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Events      int64      `json:"events"`
	Users       int64      `json:"users"`
	FirstSeen   *time.Time `json:"first_seen"`
	LastSeen    *time.Time `json:"last_seen"`
	FirstCommit string     `json:"first_commit"`
	FirstBuild  string     `json:"first_build"`
}

func grid(items []group) output.Grid {
	g := output.Grid{Header: []string{"FINGERPRINT", "TITLE", "SERVICE", "ENVIRONMENT", "EVENTS", "USERS", "LAST SEEN", "FIRST COMMIT"}}
	for _, e := range items {
		g.Add(e.Fingerprint, output.Cut(e.Title, 60), e.Service, e.Environment, output.Count(e.Events), output.Count(e.Users), output.Time(e.LastSeen), output.Short(e.FirstCommit))
	}
	return g
}

func show(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var service, environment string
	cmd := &cobra.Command{
		Use: "show FINGERPRINT", Short: "Show a group with its newest occurrences", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := fingerprint.Parse(args[0]); err != nil {
				return exit.With(exit.Usage, err)
			}
			q := url.Values{}
			r.Put(q)
			verb.Put(q, "service", service)
			verb.Put(q, "environment", environment)
			return verb.Show(cmd, s, "/errors/"+args[0], q, "/errors/"+args[0], detail)
		},
	}
	r.AddTo(cmd)
	cmd.Flags().StringVar(&service, "service", "", "service")
	cmd.Flags().StringVar(&environment, "environment", "", "environment")
	return cmd
}

func detail(raw json.RawMessage) ([]output.Grid, error) {
	var e struct {
		group
		Occurrences []struct {
			Timestamp      *time.Time `json:"timestamp"`
			Message        string     `json:"message"`
			ServiceVersion string     `json:"service_version"`
			TraceID        string     `json:"trace_id"`
			Frames         []struct {
				Module   string `json:"module"`
				Function string `json:"function"`
				File     string `json:"file"`
				Line     int64  `json:"line"`
				InApp    bool   `json:"in_app"`
			} `json:"frames"`
		} `json:"occurrences"`
		Builds []struct {
			BuildRunID string `json:"build_run_id"`
			CommitSHA  string `json:"commit_sha"`
			Events     int64  `json:"events"`
		} `json:"builds"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("read the error group: %w", err)
	}
	head := output.Grid{}
	for _, row := range [][]string{
		{"fingerprint", e.Fingerprint}, {"title", e.Title}, {"culprit", e.Culprit}, {"service", e.Service}, {"environment", e.Environment},
		{"events", output.Count(e.Events)}, {"users", output.Count(e.Users)}, {"first seen", output.Time(e.FirstSeen)}, {"last seen", output.Time(e.LastSeen)},
		{"first commit", e.FirstCommit}, {"first build", e.FirstBuild},
	} {
		head.Add(row...)
	}
	builds := output.Grid{Header: []string{"BUILD", "COMMIT", "EVENTS"}}
	for _, b := range e.Builds {
		builds.Add(b.BuildRunID, output.Short(b.CommitSHA), output.Count(b.Events))
	}
	occurrences := output.Grid{Header: []string{"TIME", "VERSION", "TRACE", "MESSAGE"}}
	frames := output.Grid{Header: []string{"FRAME", "AT", "IN APP"}}
	for i, o := range e.Occurrences {
		occurrences.Add(output.Time(o.Timestamp), o.ServiceVersion, o.TraceID, output.Cut(o.Message, 80))
		if i > 0 {
			continue
		}
		for _, f := range o.Frames {
			name := f.Function
			if f.Module != "" {
				name = f.Module + "." + name
			}
			at := f.File
			if f.Line > 0 {
				at += ":" + strconv.FormatInt(f.Line, 10)
			}
			frames.Add(name, at, strconv.FormatBool(f.InApp))
		}
	}
	return []output.Grid{head, builds, occurrences, frames}, nil
}
