package dora

import (
	"context"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/runner"
)

// lookBack is how far before the window deployments are read, so that the first in it has one before.
const lookBack = 90 * 24 * time.Hour

// maxNodes is the most changes and incidents of one answer.
const maxNodes = 20_000

// Service measures the deliveries of one store.
type Service struct{ *history.Reader }

// New makes a service over a reader.
func New(r *history.Reader) *Service { return &Service{Reader: r} }

// Measure reads and measures.
func (s *Service) Measure(ctx context.Context, c access.Caller, o Options) (Report, error) {
	if o.FailureWindow < 0 || o.FailureWindow > 31*24*time.Hour {
		return Report{}, runner.Wrong("failure_window", "failure_window must be from 0 to 31d")
	}
	o.Now = s.Now()
	until := o.Now.Add(time.Hour)
	if until.Before(o.To) {
		until = o.To
	}
	scope := c.Scope(o.From.Add(-lookBack), until) // what came after the window may speak against what is in it
	f := Facts{Commits: map[string][]*history.Commit{}}
	var err error
	if f.Deployments, err = s.Deployments(ctx, scope, history.DeployFilter{Repo: o.Repo, Environment: o.Environment}); err != nil {
		return Report{}, err
	}
	partial := len(f.Deployments) >= history.MaxDeployments
	for _, d := range f.Deployments {
		k := repoOf(d)
		if _, read := f.Commits[k]; read || !o.wants(d) {
			continue
		}
		f.Commits[k], err = s.Commits(ctx, scope.Window(scope.From.Add(-lookBack), until), history.RepoKey{Provider: d.Provider, Host: d.Host, Repo: d.Repo}, 0)
		if err != nil {
			return Report{}, err
		}
		partial = partial || len(f.Commits[k]) >= history.MaxCommits
	}
	if err := s.nodes(ctx, scope, &f); err != nil {
		return Report{}, err
	}
	r := Measure(f, o)
	r.Partial = r.Partial || partial
	return r, nil
}

// nodes reads changes, incidents and alerts from the build graph.
func (s *Service) nodes(ctx context.Context, scope sb.Scope, f *Facts) error {
	sel := sb.Select(scope, sb.GraphNodes, sb.Col("kind"), sb.Col("id"), sb.Col("name"), sb.Col("first_seen"), sb.Col("props")).
		Where(sb.In(sb.Col("kind"), []string{build.NodeChange, nodeIncident, nodeAlert}), sb.Not(sb.Col("stub")), sb.Not(sb.Col("deleted"))).
		OrderBy(sb.Asc(sb.Col("first_seen")), sb.Asc(sb.Col("id"))).Limit(maxNodes)
	return s.Each(ctx, sel, func(rows driver.Rows) error {
		var kind, id, name string
		var first time.Time
		var props map[string]string
		if err := rows.Scan(&kind, &id, &name, &first, &props); err != nil {
			return err
		}
		if kind == build.NodeChange {
			f.Changes = append(f.Changes, Change{
				ID: id, Title: name, URL: props["url"], Branch: props["branch"], Labels: strings.Split(props["labels"], ","),
				MergeSHA: props["merge_sha"], HeadSHA: props["head_sha"],
			})
			return nil
		}
		t := Trouble{
			ID: id, Title: name, URL: props["url"], Alert: kind == nodeAlert, Deployment: props["deployment"], CommitSHA: props["commit_sha"],
			Service: props["service"], Environment: props["environment"], OpenedAt: timeIn(props["opened_at"], first), ResolvedAt: timeIn(props["resolved_at"], time.Time{}),
		}
		f.Troubles = append(f.Troubles, t)
		return nil
	})
}

func timeIn(s string, otherwise time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC()
	}
	return otherwise
}
