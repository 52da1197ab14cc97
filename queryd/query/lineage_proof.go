package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// proofOf reads what the event's resource says about the code that ran in it, by the rules that hold at ingestion.
func (s *Service) proofOf(ctx context.Context, scope sb.Scope, e event) (correlation.Evidence, error) {
	attrs := pcommon.NewMap()
	sel := sb.Select(scope, sb.Resources, cols("attrs_str", "attrs_any", "image_digest", "service_version")...).
		Where(sb.Eq(sb.Col("resource_fp"), sb.Val(e.resource))).Limit(1)
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var text, other map[string]string
		var digest, version string
		if err := r.Scan(&text, &other, &digest, &version); err != nil {
			return err
		}
		// The promoted copies first: the attributes themselves come over them.
		attrs.PutStr("container.image.repo_digests", digest)
		attrs.PutStr("service.version", version)
		for k, v := range text {
			attrs.PutStr(k, v)
		}
		for k, v := range other {
			if err := anyvalue.Decode([]byte(v), attrs.PutEmpty(k)); err != nil {
				return fmt.Errorf("decode resource attribute %q: %w", k, err)
			}
		}
		return nil
	})
	ev := correlation.EvidenceOf(attrs)
	ev.Service, ev.Environment, ev.Version = firstOf(ev.Service, e.service), firstOf(ev.Environment, e.environment), firstOf(ev.Version, e.version)
	return ev, err
}

func proofText(p correlation.Evidence) string {
	var parts []string
	for _, d := range p.Digests {
		parts = append(parts, "image digest "+short(d))
	}
	if p.Revision != "" {
		parts = append(parts, "revision "+short(p.Revision))
	}
	if p.Version != "" {
		parts = append(parts, "version "+p.Version)
	}
	return strings.Join(parts, ", ")
}

func firstDigest(p correlation.Evidence) string {
	if len(p.Digests) == 0 {
		return ""
	}
	return p.Digests[0]
}

// words explains a basis with what the process said.
func (ch *chain) words(basis string) string {
	switch basis {
	case "digest":
		return "The process reported the image digest " + firstOf(short(firstDigest(ch.proof)), "of this build") + ", which a build or deployment names."
	case "revision":
		return "The process reported the revision " + firstOf(short(ch.proof.Revision), "of this build") + ", which is the commit of this build."
	case "version":
		return fmt.Sprintf("The process reported version %s of %s, which this build or its deployment carries; two builds may share a version.",
			firstOf(ch.proof.Version, "(unknown)"), firstOf(ch.service, "the service"))
	case "time":
		return "Only the time fits: this was the latest deployment before it. This is a guess."
	}
	return ""
}

// fromProof joins the resource's words with builds and deployments at read time. The rows that could match go into an
// index of their own, and its rules decide: they are those of ingestion, which name no build where several fit.
func (s *Service) fromProof(ctx context.Context, c access.Caller, ch *chain, at time.Time) (none envelope.Correlation, err error) {
	ch.why = firstOf(ch.service, "The process") + " said nothing that a known build can be found by: no image digest, revision or version."
	if ch.proof.Empty() {
		return none, nil
	}
	if said := proofText(ch.proof); said != "" {
		ch.why = fmt.Sprintf("%s said %s; no single build or deployment with that is known.", firstOf(ch.service, "The process"), said)
	}
	index := correlation.New(correlation.DefaultOptions)
	if err := s.observe(ctx, c, index, ch.proof); err != nil {
		return none, err
	}
	return index.Resolve(c.Tenant, ch.proof, at), nil
}

// observe puts the builds and deployments into the index that the evidence may point to.
func (s *Service) observe(ctx context.Context, c access.Caller, index *correlation.Index, p correlation.Evidence) error {
	var builds, deploys []sb.Expr
	for _, d := range p.Digests {
		builds = append(builds, sb.Eq(sb.Col("digest"), sb.Val(d)))
		deploys = append(deploys, sb.Fn("has", sb.Col("image_digests"), sb.Val(d)))
	}
	for _, sha := range []string{strings.ToLower(p.Revision), strings.ToLower(p.Version)} { // a version may be a commit
		if len(sha) >= 7 {
			begins := sb.Fn("startsWith", sb.Col("commit_sha"), sb.Val(sha))
			builds, deploys = append(builds, begins), append(deploys, begins)
		}
	}
	if p.Version != "" && p.Service != "" {
		builds = append(builds, sb.And(sb.Eq(sb.Col("entity"), sb.Val("artifact")), sb.Fn("has", sb.Fn("mapValues", sb.Col("attrs")), sb.Val(p.Version))))
		deploys = append(deploys, sb.Eq(sb.Col("service_version"), sb.Val(p.Version)))
	}
	if p.Service != "" && p.Environment != "" {
		deploys = append(deploys, sb.And(sb.Eq(sb.Col("service_name"), sb.Val(p.Service)), sb.Eq(sb.Col("environment"), sb.Val(p.Environment))))
	}
	commits := map[string]bool{}
	if err := s.observeBuilds(ctx, c, index, sb.Or(builds...), commits); err != nil {
		return err
	}
	for sha := range commits { // what was built may have been deployed by its commit
		deploys = append(deploys, sb.Eq(sb.Col("commit_sha"), sb.Val(sha)))
	}
	from, to := s.anyTime()
	list, err := s.deployments(ctx, c.Scope(from, to), sb.Or(deploys...))
	for i := range list {
		index.Observe(c.Tenant, list[i].event())
	}
	return err
}

const maxObserved = 1000

func (s *Service) observeBuilds(ctx context.Context, c access.Caller, index *correlation.Index, cond sb.Expr, commits map[string]bool) error {
	from, to := s.anyTime()
	sel := sb.Select(c.Scope(from, to), sb.Builds, cols("entity", "entity_id", "parent_id", "provider", "host", "repo", "run_id", "attempt", "name", "branch",
		"commit_sha", "status", "digest", "created_at", "updated_at", "stub", "attrs", "version")...).
		Where(sb.In(sb.Fn("toString", sb.Col("entity")), []string{"run", "artifact"}), cond).
		OrderBy(sb.Desc(sb.Col("updated_at"))).Limit(maxObserved)
	return s.Each(ctx, sel, func(r driver.Rows) error {
		var row build.Row
		var status string
		err := r.Scan(&row.Entity, &row.EntityID, &row.ParentID, &row.Provider, &row.Host, &row.Repo, &row.RunID, &row.Attempt, &row.Name, &row.Branch,
			&row.CommitSHA, &status, &row.Digest, &row.CreatedAt, &row.UpdatedAt, &row.Stub, &row.Attrs, &row.Version)
		if err != nil {
			return err
		}
		if row.Status, err = build.ParseStatus(status); err != nil {
			return err
		}
		ev, err := row.Event()
		if err != nil {
			return err
		}
		index.Observe(c.Tenant, ev)
		if row.CommitSHA != "" && len(commits) < 100 {
			commits[row.CommitSHA] = true
		}
		return nil
	})
}

// globalDeploymentID names a deployment across providers, whichever of its two forms the row has.
func globalDeploymentID(repo build.RunKey, id string) string {
	prefix := strings.Join([]string{repo.Provider, repo.Host, repo.Repo, ""}, ":")
	if strings.HasPrefix(id, prefix) {
		return id
	}
	return prefix + id
}

// deploymentsByID reads the rows of one deployment, one for each service.
func (s *Service) deploymentsByID(ctx context.Context, c access.Caller, id string) ([]Deployment, error) {
	names := []string{id}
	for rest := id; ; {
		_, after, ok := strings.Cut(rest, ":")
		if !ok {
			break
		}
		names, rest = append(names, after), after
	}
	from, to := s.anyTime()
	list, err := s.deployments(ctx, c.Scope(from, to), sb.In(sb.Col("deployment_id"), names))
	return slices.DeleteFunc(list, func(d Deployment) bool { return d.ID != id }), err
}

// event is the deployment as the index knows it.
func (d *Deployment) event() *build.Deployment {
	status, err := build.ParseDeployStatus(d.Status)
	if err != nil {
		status = 0
	}
	basis, err := envelope.ParseBasis(d.Basis)
	if err != nil {
		basis = envelope.BasisTime
	}
	prefix := strings.Join([]string{d.repo.Provider, d.repo.Host, d.repo.Repo, ""}, ":")
	return &build.Deployment{
		Provider: d.repo.Provider, Host: d.repo.Host, Repo: d.repo.Repo, DeploymentID: strings.TrimPrefix(d.ID, prefix), Service: d.Service,
		Environment: d.Environment, ServiceVersion: d.version, CommitSHA: d.commit, BuildRunID: d.run, Digests: d.digests, Basis: basis, Status: status,
		CreatedAt: d.created, StartedAt: orZero(d.StartedAt), FinishedAt: orZero(d.FinishedAt), UpdatedAt: d.updated, Attrs: d.attrs,
	}
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
