// Package blame is the verb that ranks the commits which may have brought an error or broken a build. With --repo it reads
// the commits of the window, and what they changed, from a clone: providers don't always tell.
package blame

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/queryd/blame"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var fingerprint, build, service, environment, repo string
	cmd := &cobra.Command{
		Use: "blame", Short: "Rank the commits that may have brought an error or broken a build", Args: cobra.NoArgs,
		Long: `Finds the first build or deployment that had the fault and the last that hadn't, and ranks the commits between them by what
they changed: files of the stack, of tests that began to fail, and more. Each suspect says why. --repo reads the commits and
their files from a clone of the repository, for providers that don't tell them.`,
		Example: "  summitctl blame --error v1:0c1d… --repo ~/src/checkout",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"error": fingerprint, "build": build, "service": service, "environment": environment} {
				verb.Put(q, k, v)
			}
			page := "/builds/" + url.PathEscape(build)
			if fingerprint != "" {
				page = "/errors/" + url.PathEscape(fingerprint)
			}
			if repo == "" {
				return verb.Show(cmd, s, "/blame", q, page, grids)
			}
			return local(cmd, s, q, repo)
		},
	}
	cmd.Flags().StringVar(&fingerprint, "error", "", "fingerprint of an error")
	cmd.Flags().StringVar(&build, "build", "", "id of a build run that failed")
	cmd.Flags().StringVar(&service, "service", "", "service, where the error is in several")
	cmd.Flags().StringVar(&environment, "environment", "", "environment")
	cmd.Flags().StringVar(&repo, "repo", "", "folder of a clone of the repository")
	cmd.MarkFlagsOneRequired("error", "build")
	cmd.MarkFlagsMutuallyExclusive("error", "build")
	return cmd
}

// local ranks the commits of a clone in the window that the server found.
func local(cmd *cobra.Command, s *verb.Shared, q url.Values, repo string) error {
	raw, err := s.Client().Get(cmd.Context(), "/blame", q)
	if err != nil {
		return err
	}
	var r blame.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read the suspects: %w", err)
	}
	if err := rerank(cmd.Context(), &r, repo); err != nil {
		return err
	}
	if raw, err = json.Marshal(r); err != nil {
		return fmt.Errorf("write the suspects: %w", err)
	}
	return output.Write(cmd.OutOrStdout(), s.Format(), raw, grids)
}

// rerank replaces the suspects by those of a clone.
func rerank(ctx context.Context, r *blame.Report, repo string) error {
	if r.Window.Bad == nil || r.Window.Good == nil {
		return &exit.Error{
			Code: exit.NotFound, Err: errors.New("the window has no two ends that a clone could be asked for: " + r.Window.Reason),
			Hint: "ask without --repo",
		}
	}
	commits, err := between(ctx, repo, r.Window.Good.CommitSHA, r.Window.Bad.CommitSHA)
	if err != nil {
		return err
	}
	r.Suspects = blame.Rank(blame.Case{Commits: commits, Complete: true, Frames: r.Frames, Title: r.Subject.Title, Tests: r.Tests})
	r.Window.Commits, r.Window.Complete, r.Partial = len(commits), true, false
	return nil
}

func grids(raw json.RawMessage) ([]output.Grid, error) {
	var r blame.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read the suspects: %w", err)
	}
	head := output.Grid{}
	for _, row := range [][]string{
		{r.Subject.Kind, r.Subject.ID}, {"title", output.Cut(r.Subject.Title, 100)}, {"first seen", output.Time(r.FirstSeenAt)},
		{"first commit", r.FirstCommit}, {"basis", r.Basis}, {"good", end(r.Window.Good)}, {"bad", end(r.Window.Bad)},
		{"window", fmt.Sprintf("%d commits. %s", r.Window.Commits, r.Window.Reason)},
	} {
		head.Add(row...)
	}
	g := output.Grid{Header: []string{"RANK", "COMMIT", "SCORE", "CONFIDENCE", "AUTHOR", "COMMITTED", "MESSAGE", "WHY"}}
	for _, x := range r.Suspects {
		var why []string
		for _, reason := range x.Reasons {
			why = append(why, reason.Text)
		}
		g.Add(output.Count(x.Rank), output.Short(x.Commit.SHA), fmt.Sprintf("%.2f", x.Score), x.Confidence, x.Commit.Author,
			output.Time(x.Commit.CommittedAt), output.Cut(x.Commit.Message, 60), strings.Join(why, " "))
	}
	return []output.Grid{head, g}, nil
}

func end(e *blame.End) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%s at %s, %s", output.Short(e.CommitSHA), e.At.UTC().Format(time.DateTime), e.ID)
}
