package ci

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/build"
)

type deploy struct {
	id, environment, service, version, status, previous, rollbackOf, url string
	digests                                                              []string
}

func deployCommand(s *verb.Shared, p *place) *cobra.Command {
	var d deploy
	cmd := &cobra.Command{
		Use: "deploy", Short: "Say that this run puts something into an environment, and how that ends", Args: cobra.NoArgs,
		Long: "Call it once before with --status pending and once after with success or failure: both speak of the same\n" +
			"deployment when run, attempt and environment are the same, or when --id is.",
		Example: "  summitctl ci deploy --environment production --service shop --status pending\n" +
			"  ./deploy.sh && summitctl ci deploy --environment production --service shop --status success \\\n" +
			"    || summitctl ci deploy --environment production --service shop --status failure",
		RunE: func(cmd *cobra.Command, _ []string) error {
			job, err := p.find()
			if err != nil {
				return err
			}
			event, err := d.event(job, time.Now())
			if err != nil {
				return err
			}
			answer, err := newDoor(s.Places().Door).sendEvents(cmd.Context(), []map[string]any{event})
			if err != nil {
				return err
			}
			return output.Write(cmd.OutOrStdout(), s.Format(), answer, func(json.RawMessage) ([]output.Grid, error) {
				g := output.Grid{Header: []string{"DEPLOYMENT", "ENVIRONMENT", "SERVICE", "STATUS", "RUN"}}
				g.Add(fmt.Sprint(event["deployment_id"]), d.environment, d.service, d.status, job.Run.ID())
				return []output.Grid{g}, nil
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&d.environment, "environment", "", "where it is put, for example production")
	fl.StringVar(&d.service, "service", "", "service.name of what is put there")
	fl.StringVar(&d.status, "status", "success", "one of "+strings.Join(statuses(), ", "))
	fl.StringVar(&d.version, "version", "", "service.version that is put there")
	fl.StringArrayVar(&d.digests, "digest", nil, "digest of the image that is put there; may repeat")
	fl.StringVar(&d.id, "id", "", "id of the deployment (default made of run, attempt and environment)")
	fl.StringVar(&d.previous, "previous-commit", "", "commit that was there before")
	fl.StringVar(&d.rollbackOf, "rollback-of", "", "id of the deployment that this one takes back")
	fl.StringVar(&d.url, "link", "", "page of the deployment")
	return cmd
}

func statuses() []string {
	return slices.DeleteFunc(build.DeployStatusNames(), func(s string) bool { return s == "unknown" })
}

// noID is what an id must not hold.
var noID = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func (d *deploy) event(job *Job, now time.Time) (map[string]any, error) {
	if d.environment == "" {
		return nil, exit.With(exit.Usage, fmt.Errorf("--environment must say where it is put, for example production"))
	}
	if !slices.Contains(statuses(), d.status) {
		return nil, exit.With(exit.Usage, fmt.Errorf("--status %q: want one of %s", d.status, strings.Join(statuses(), ", ")))
	}
	id := d.id
	if id == "" {
		// Not the service: a deployment of several services is one, told service by service.
		id = noID.ReplaceAllString(fmt.Sprintf("%s-%d-%s", job.Run.RunID, job.Run.Attempt, d.environment), "-")
	}
	at := now.UTC().Format(time.RFC3339Nano)
	e := job.event("deployment")
	e["deployment_id"], e["environment"], e["status"], e["build_run_id"], e["updated_at"] = id, d.environment, d.status, job.Run.ID(), at
	switch d.status {
	case "pending":
		e["created_at"] = at
	case "in_progress":
		e["started_at"] = at
	case "success", "failure", "cancelled":
		e["finished_at"] = at
	}
	set(e, "service", d.service)
	set(e, "service_version", d.version)
	set(e, "previous_commit_sha", d.previous)
	set(e, "rollback_of", d.rollbackOf)
	set(e, "url", d.url)
	if len(d.digests) > 0 {
		e["digests"] = d.digests
	}
	return e, nil
}
