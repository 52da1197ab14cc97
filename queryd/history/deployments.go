package history

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	sb "github.com/summitobs/summit/internal/sqlbuild"
)

// MaxDeployments is the most deployments of one answer.
const MaxDeployments = 20_000

// DeployFilter narrows deployments; what is empty is not asked about.
type DeployFilter struct {
	Repo, Service, Environment, BuildRunID string
	Commits                                []string
	Builds                                 []string
}

// Deployments lists deployments that lived in the scope's window, one for each service, the oldest first.
func (r *Reader) Deployments(ctx context.Context, scope sb.Scope, f DeployFilter) ([]*build.Deployment, error) {
	conds := equal("repo", f.Repo, "service_name", f.Service, "environment", f.Environment, "build_run_id", f.BuildRunID)
	switch {
	case len(f.Commits) > 0 && len(f.Builds) > 0:
		conds = append(conds, sb.Or(sb.In(sb.Col("commit_sha"), f.Commits), sb.In(sb.Col("build_run_id"), f.Builds)))
	case len(f.Commits) > 0:
		conds = append(conds, sb.In(sb.Col("commit_sha"), f.Commits))
	case len(f.Builds) > 0:
		conds = append(conds, sb.In(sb.Col("build_run_id"), f.Builds))
	}
	sel := sb.Select(scope, sb.Deploys, cols("provider", "host", "repo", "deployment_id", "service_name", "environment", "service_version",
		"commit_sha", "previous_commit_sha", "build_run_id", "image_digests", "correlation_basis", "status", "created_at", "started_at", "finished_at",
		"updated_at", "url", "creator", "rollback_of", "attrs")...).
		Where(conds...).OrderBy(sb.Desc(began()), sb.Desc(sb.Col("deployment_id")), sb.Desc(sb.Col("service_name"))).Limit(MaxDeployments)
	var out []*build.Deployment
	err := r.Each(ctx, sel, func(rows driver.Rows) error {
		d := new(build.Deployment)
		var basis, status string
		err := rows.Scan(&d.Provider, &d.Host, &d.Repo, &d.DeploymentID, &d.Service, &d.Environment, &d.ServiceVersion, &d.CommitSHA,
			&d.PreviousCommit, &d.BuildRunID, &d.Digests, &basis, &status, &d.CreatedAt, &d.StartedAt, &d.FinishedAt, &d.UpdatedAt, &d.URL,
			&d.Creator, &d.RollbackOf, &d.Attrs)
		if err != nil {
			return err
		}
		d.CreatedAt, d.StartedAt, d.FinishedAt, d.UpdatedAt = timeOf(d.CreatedAt), timeOf(d.StartedAt), timeOf(d.FinishedAt), timeOf(d.UpdatedAt)
		if d.Status, err = build.ParseDeployStatus(status); err != nil {
			return err
		}
		d.Basis = basisOf(basis)
		out = append(out, d)
		return nil
	})
	slices.Reverse(out)
	return perService(out), err
}

func basisOf(name string) envelope.Basis {
	b, _ := envelope.ParseBasis(name) // the column's enumeration has no other names
	return b
}

// perService leaves out the row of a whole deployment where rows of its services are there: they say more.
func perService(list []*build.Deployment) []*build.Deployment {
	split := map[string]bool{}
	for _, d := range list {
		split[d.ID()] = split[d.ID()] || d.Service != ""
	}
	return slices.DeleteFunc(list, func(d *build.Deployment) bool { return d.Service == "" && split[d.ID()] })
}

// SucceededAt is when a deployment was out, also of one that has been replaced since; zero when it never was.
func SucceededAt(d *build.Deployment) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, d.Attrs[build.KeySucceededAt]); err == nil {
		return t
	}
	switch d.Status {
	case build.DeploySuccess, build.DeployInactive, build.DeployRolledBack:
		for _, t := range []time.Time{d.FinishedAt, d.UpdatedAt} {
			if !t.IsZero() {
				return t
			}
		}
	}
	return time.Time{}
}
