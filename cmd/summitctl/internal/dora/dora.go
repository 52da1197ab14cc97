// Package dora is the verb that shows the five measures of delivery and the deployments behind each.
package dora

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var service, environment, repo, window, of string
	var noBots, noReverts bool
	cmd := &cobra.Command{
		Use: "dora", Short: "Show the five measures of delivery with the deployments behind them", Args: cobra.NoArgs,
		Long: `Shows deployment frequency, lead time, change fail rate, recovery time and rework rate of the production tier, or of one environment,
and the deployments they were computed from. --of leaves those of one measure.`,
		Example: "  summitctl dora --service checkout --from now-90d --of change_fail_rate",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			r.Put(q)
			for k, v := range map[string]string{"service": service, "environment": environment, "repo": repo, "failure_window": window} {
				verb.Put(q, k, v)
			}
			if noBots {
				q.Set("bots", "exclude")
			}
			if noReverts {
				q.Set("reverts", "exclude")
			}
			return verb.Show(cmd, s, "/dora", q, "/dora", func(raw json.RawMessage) ([]output.Grid, error) { return grids(raw, of) })
		},
	}
	r.AddTo(cmd)
	cmd.Flags().Lookup("from").Usage = "start: RFC 3339, unix nanoseconds or now-30d (default now-30d)"
	cmd.Flags().StringVar(&service, "service", "", "service")
	cmd.Flags().StringVar(&environment, "environment", "", "one environment (default the production tier)")
	cmd.Flags().StringVar(&repo, "repo", "", "repository, for example acme/shop")
	cmd.Flags().StringVar(&window, "failure-window", "", "how long after a deployment an alert speaks against it (default 24h)")
	cmd.Flags().BoolVar(&noBots, "without-bots", false, "leave commits of robots out of the lead time")
	cmd.Flags().BoolVar(&noReverts, "without-reverts", false, "leave reverts out of the lead time")
	cmd.Flags().StringVar(&of, "of", "", "in the table, the deployments of one measure: deployment_frequency, lead_time, change_fail_rate, recovery_time or rework_rate")
	return cmd
}

func duration(ns *int64) string {
	if ns == nil {
		return "-"
	}
	return output.Duration(*ns)
}

func percent(share *float64) string {
	if share == nil {
		return "-"
	}
	return strconv.FormatFloat(100**share, 'f', 1, 64) + "%"
}

type report struct {
	Metrics struct {
		DeploymentFrequency struct {
			PerDay      float64 `json:"per_day"`
			Deployments int     `json:"deployments"`
		} `json:"deployment_frequency"`
		LeadTime struct {
			MedianNS *int64 `json:"median_ns"`
			P90NS    *int64 `json:"p90_ns"`
			Commits  int    `json:"commits"`
		} `json:"lead_time"`
		ChangeFailRate struct {
			Rate      *float64 `json:"rate"`
			Failed    int      `json:"failed"`
			Decided   int      `json:"decided"`
			Undecided int      `json:"undecided"`
		} `json:"change_fail_rate"`
		RecoveryTime struct {
			MedianNS   *int64 `json:"median_ns"`
			P90NS      *int64 `json:"p90_ns"`
			Recoveries int    `json:"recoveries"`
			Open       int    `json:"open"`
		} `json:"recovery_time"`
		ReworkRate struct {
			Rate        *float64 `json:"rate"`
			Rework      int      `json:"rework"`
			Deployments int      `json:"deployments"`
		} `json:"rework_rate"`
	} `json:"metrics"`
	Deployments []struct {
		ID           string     `json:"id"`
		Service      string     `json:"service"`
		Environment  string     `json:"environment"`
		CommitSHA    string     `json:"commit_sha"`
		FinishedAt   *time.Time `json:"finished_at"`
		Outcome      string     `json:"outcome"`
		FailureBasis string     `json:"failure_basis"`
		Reason       string     `json:"reason"`
		ReworkBasis  string     `json:"rework_basis"`
		LeadMedianNS *int64     `json:"lead_median_ns"`
		RecoveryNS   *int64     `json:"recovery_ns"`
		Counts       []string   `json:"counts"`
	} `json:"deployments"`
}

func grids(raw json.RawMessage, of string) ([]output.Grid, error) {
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read the measures: %w", err)
	}
	m := r.Metrics
	five := output.Grid{Header: []string{"MEASURE", "VALUE", "P90", "OF"}}
	five.Add("deployment frequency", strconv.FormatFloat(m.DeploymentFrequency.PerDay, 'f', 2, 64)+" a day", "", fmt.Sprintf("%d deployments", m.DeploymentFrequency.Deployments))
	five.Add("lead time", duration(m.LeadTime.MedianNS), duration(m.LeadTime.P90NS), fmt.Sprintf("%d commits", m.LeadTime.Commits))
	five.Add("change fail rate", percent(m.ChangeFailRate.Rate), "", fmt.Sprintf("%d failed of %d decided, %d undecided", m.ChangeFailRate.Failed, m.ChangeFailRate.Decided, m.ChangeFailRate.Undecided))
	five.Add("recovery time", duration(m.RecoveryTime.MedianNS), duration(m.RecoveryTime.P90NS), fmt.Sprintf("%d recovered, %d open", m.RecoveryTime.Recoveries, m.RecoveryTime.Open))
	five.Add("rework rate", percent(m.ReworkRate.Rate), "", fmt.Sprintf("%d of %d deployments", m.ReworkRate.Rework, m.ReworkRate.Deployments))
	list := output.Grid{Header: []string{"FINISHED", "DEPLOYMENT", "SERVICE", "ENVIRONMENT", "COMMIT", "OUTCOME", "BASIS", "LEAD", "RECOVERY", "REWORK", "REASON"}}
	for _, d := range r.Deployments {
		if of != "" && !slices.Contains(d.Counts, of) {
			continue
		}
		list.Add(output.Time(d.FinishedAt), d.ID, d.Service, d.Environment, output.Short(d.CommitSHA), d.Outcome, d.FailureBasis, duration(d.LeadMedianNS),
			duration(d.RecoveryNS), d.ReworkBasis, d.Reason)
	}
	return []output.Grid{five, list}, nil
}
