package build

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

func criticalPath(s *verb.Shared) *cobra.Command {
	return &cobra.Command{
		Use: "critical-path BUILD_ID", Short: "Show the chain of jobs that decided how long a build took", Args: cobra.ExactArgs(1),
		Example: "  summitctl build critical-path github:github.com:acme/shop:4711:1",
		RunE: func(cmd *cobra.Command, args []string) error {
			page := "/builds/" + url.PathEscape(args[0])
			return verb.Show(cmd, s, page+"/critical-path", nil, page, pathGrids)
		},
	}
}

func pathGrids(raw json.RawMessage) ([]output.Grid, error) {
	var p struct {
		BuildID       string `json:"build_id"`
		Needs         string `json:"needs"`
		RunDurationNS int64  `json:"run_duration_ns"`
		QueueNS       int64  `json:"queue_ns"`
		ApprovalNS    int64  `json:"approval_ns"`
		RunNS         int64  `json:"run_ns"`
		GapNS         int64  `json:"gap_ns"`
		Segments      []struct {
			Kind       string     `json:"kind"`
			Task       string     `json:"task"`
			Stage      string     `json:"stage"`
			From       *time.Time `json:"from"`
			DurationNS int64      `json:"duration_ns"`
			Reason     string     `json:"reason"`
		} `json:"segments"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("read the critical path: %w", err)
	}
	head := output.Grid{}
	for _, row := range [][]string{
		{"build", p.BuildID}, {"duration", output.Duration(p.RunDurationNS)}, {"queue", output.Duration(p.QueueNS)},
		{"approval", output.Duration(p.ApprovalNS)}, {"run", output.Duration(p.RunNS)}, {"gaps", output.Duration(p.GapNS)}, {"needs", p.Needs},
	} {
		head.Add(row...)
	}
	g := output.Grid{Header: []string{"FROM", "KIND", "DURATION", "TASK", "STAGE", "REASON"}}
	for _, x := range p.Segments {
		g.Add(output.Time(x.From), x.Kind, output.Duration(x.DurationNS), x.Task, x.Stage, x.Reason)
	}
	return []output.Grid{head, g}, nil
}
