// Package lineage is the verb that shows the path from a commit to its customers through one of the things on it.
package lineage

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

var subjects = []string{"error", "trace", "build", "deployment", "commit", "artifact"}

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var r verb.Range
	var service, environment string
	values := make([]string, len(subjects))
	cmd := &cobra.Command{
		Use: "lineage", Short: "Show commit, build, artifact, deployment, traces and errors that belong together", Args: cobra.NoArgs,
		Long: `Shows the path from a commit to the customer on which one thing stands, with the evidence for each step. Exactly one of
the flags ` + "--error, --trace, --build, --deployment, --commit, --artifact" + ` names the thing.`,
		Example: "  summitctl lineage --error v1:0c1d… --from now-24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for i, name := range subjects {
				verb.Put(q, name, values[i])
			}
			r.Put(q)
			verb.Put(q, "service", service)
			verb.Put(q, "environment", environment)
			return verb.Show(cmd, s, "/lineage", q, "", grid)
		},
	}
	r.AddTo(cmd)
	for i, name := range subjects {
		cmd.Flags().StringVar(&values[i], name, "", "id of the "+name)
	}
	cmd.Flags().StringVar(&service, "service", "", "service, where the subject is an error of several")
	cmd.Flags().StringVar(&environment, "environment", "", "environment")
	cmd.MarkFlagsOneRequired(subjects...)
	cmd.MarkFlagsMutuallyExclusive(subjects...)
	return cmd
}

func grid(raw json.RawMessage) ([]output.Grid, error) {
	var l struct {
		Hops []struct {
			Kind     string     `json:"kind"`
			State    string     `json:"state"`
			ID       string     `json:"id"`
			Title    string     `json:"title"`
			Status   string     `json:"status"`
			At       *time.Time `json:"at"`
			Basis    string     `json:"basis"`
			Evidence string     `json:"evidence"`
		} `json:"hops"`
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, fmt.Errorf("read the lineage: %w", err)
	}
	g := output.Grid{Header: []string{"HOP", "STATE", "ID", "TITLE", "STATUS", "AT", "BASIS", "EVIDENCE"}}
	for _, h := range l.Hops {
		g.Add(h.Kind, h.State, h.ID, output.Cut(h.Title, 48), h.Status, output.Time(h.At), h.Basis, h.Evidence)
	}
	return []output.Grid{g}, nil
}
