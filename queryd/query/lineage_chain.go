package query

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// link ties the subject to something by evidence.
type link struct{ id, basis, evidence string }

// chain is what is known of the path through a subject.
type chain struct {
	kind                                string
	commit, build, deployment, artifact link

	repo   build.RunKey
	run    *BuildRun
	deploy *Deployment

	// of the running process: what it said about itself.
	service, environment string
	proof                correlation.Evidence
	// asked narrow what is counted of an error.
	askedService, askedEnvironment string

	fp    *[16]byte
	print string
	trace *[16]byte

	since    time.Time
	from, to time.Time
	// why says what is missing where a hop is unknown.
	why string
}

// event is a span or an error with its place in the world.
type event struct {
	correlation          Correlation
	resource             uint64
	service, environment string
	version              string
	at                   time.Time
}

func (s *Service) resolve(ctx context.Context, c access.Caller, q LineageQuery) (*chain, error) {
	ch := &chain{
		kind: q.Kind, service: q.Service, environment: q.Environment, askedService: q.Service, askedEnvironment: q.Environment,
	}
	itself := func(what string) link {
		return link{id: q.ID, basis: "none", evidence: "This is the " + what + " that was asked for."}
	}
	switch q.Kind {
	case "error":
		return ch, s.fromError(ctx, c, ch, q)
	case "trace":
		return ch, s.fromTrace(ctx, c, ch, q)
	case "build":
		run, err := s.run(ctx, c, q.ID)
		ch.build, ch.run = itself("build run"), &run
		return ch, err
	case "deployment":
		ch.deployment = itself("deployment")
		if err := s.loadDeployment(ctx, c, ch); err != nil {
			return ch, err
		}
		if ch.deploy == nil {
			return ch, runner.Missing("deployment", q.ID)
		}
		return ch, nil
	case "commit":
		ch.commit = itself("commit")
		return ch, s.fromCommit(ctx, c, ch)
	case "artifact":
		ch.artifact = itself("artifact")
		found, err := s.byDigest(ctx, c, ch, q.ID)
		if err == nil && !found {
			err = runner.Missing("artifact", q.ID)
		}
		return ch, err
	}
	return ch, runner.Wrong("kind", "a lineage starts from exactly one thing", SubjectKinds...)
}

func (s *Service) fromError(ctx context.Context, c access.Caller, ch *chain, q LineageQuery) error {
	_, fp, err := ParseFingerprint(q.ID)
	if err != nil {
		return err
	}
	ch.fp, ch.print = &fp, q.ID
	eq := ErrorQuery{Window: Window{From: q.From, To: q.To}, Service: q.Service, Environment: q.Environment}
	if q.From.IsZero() || q.To.IsZero() {
		if eq.From, eq.To, err = s.life(ctx, c, fp, eq); err != nil {
			return err
		}
		if eq.From.IsZero() {
			return runner.Missing("error", q.ID)
		}
	}
	list, err := s.occurrences(ctx, c.Scope(eq.From, eq.To), append(groupConditions(fp, eq), s.errorSource(c, eq).conds...), 50)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return runner.Missing("error", q.ID)
	}
	best := slices.IndexFunc(list, func(o Occurrence) bool { return o.Correlation.BuildRunID != "" })
	o := list[max(best, 0)]
	return s.fromEvent(ctx, c, ch, event{
		correlation: o.Correlation, resource: o.resource, service: o.Service, environment: o.Environment, version: o.ServiceVersion, at: o.Timestamp,
	})
}

func (s *Service) fromTrace(ctx context.Context, c access.Caller, ch *chain, q LineageQuery) error {
	raw, ok := parseID16(q.ID)
	if !ok {
		return runner.Wrong("trace", "a trace id has 32 hex digits")
	}
	ch.trace = &raw
	from, to := s.anyTime()
	b, err := s.traceBounds(ctx, c.Scope(from, to), []sb.ID16{raw})
	if err != nil {
		return err
	}
	if b.spans == 0 {
		return runner.Missing("trace", q.ID)
	}
	// The span that failed tells most, then one that is tied to a build, then the root.
	rank := sb.Fn("tuple", sb.Ne(sb.Col("status"), sb.Val("error")), sb.Eq(sb.Col("build_run_id"), sb.Empty()), sb.Ne(sb.Col("parent_span_id"), sb.Int(0)))
	sel := sb.Select(c.Scope(b.from, b.to), sb.Spans, cols("commit_sha", "build_run_id", "deployment_id", "correlation_basis", "resource_fp",
		"service_name", "environment", "service_version", "timestamp")...).
		Where(sb.Eq(sb.Col("trace_id"), sb.Val(sb.ID16(raw)))).
		OrderBy(sb.Asc(rank), sb.Asc(sb.Col("timestamp"))).Limit(1)
	if q.Service != "" {
		sel.Where(sb.Eq(sb.Col("service_name"), sb.Val(q.Service)))
	}
	var e event
	found := false
	err = s.Each(ctx, sel, func(r driver.Rows) error {
		found = true
		return r.Scan(&e.correlation.CommitSHA, &e.correlation.BuildRunID, &e.correlation.DeploymentID, &e.correlation.Basis, &e.resource,
			&e.service, &e.environment, &e.version, &e.at)
	})
	if err != nil {
		return err
	}
	if !found {
		return runner.Missing("trace", q.ID)
	}
	return s.fromEvent(ctx, c, ch, e)
}

// fromEvent ties what ran to a build, by what is known now of what its resource says and by the correlation that was stored
// with it. The better evidence holds; where both are equal, what is known now does, since deployments are told late.
func (s *Service) fromEvent(ctx context.Context, c access.Caller, ch *chain, e event) error {
	ch.service, ch.environment, ch.since = e.service, e.environment, e.at
	var err error
	if ch.proof, err = s.proofOf(ctx, c.Scope(e.at.Add(-time.Hour), e.at.Add(time.Hour)), e); err != nil {
		return err
	}
	found, err := s.fromProof(ctx, c, ch, e.at)
	if err != nil {
		return err
	}
	stored := envelope.Correlation{CommitSHA: e.correlation.CommitSHA, BuildRunID: e.correlation.BuildRunID, DeploymentID: e.correlation.DeploymentID}
	stored.Basis, _ = envelope.ParseBasis(e.correlation.Basis) // the column holds no other names
	cor := correlation.Repair(stored, found)
	if cor.IsZero() {
		return nil
	}
	basis := cor.Basis.String()
	words := ch.words(basis)
	ch.build, ch.deployment, ch.commit = link{cor.BuildRunID, basis, words}, link{cor.DeploymentID, basis, words}, link{cor.CommitSHA, basis, words}
	if d := firstDigest(ch.proof); basis == "digest" && d != "" {
		ch.artifact = link{d, "digest", "The process reported this image digest."}
	}
	return nil
}

// byDigest finds the run that made an artifact, by its digest or id. Where several runs or commits claim it, none is named;
// attempts of one run are one, of which the newest counts.
func (s *Service) byDigest(ctx context.Context, c access.Caller, ch *chain, digest string) (bool, error) {
	from, to := s.anyTime()
	sel := sb.Select(c.Scope(from, to), sb.Builds, cols("provider", "host", "repo", "run_id", "attempt", "commit_sha", "digest", "created_at")...).
		Where(sb.Eq(sb.Col("entity"), sb.Val("artifact")),
			sb.Or(sb.Eq(sb.Col("digest"), sb.Val(digest)), sb.Eq(sb.Col("entity_id"), sb.Val(digest)))).
		OrderBy(sb.Desc(sb.Col("created_at")), sb.Desc(sb.Col("attempt"))).Limit(maxObserved)
	found := false
	runs, commits := map[string]bool{}, map[string]bool{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var k build.RunKey
		var commit, d string
		var created time.Time
		if err := r.Scan(&k.Provider, &k.Host, &k.Repo, &k.RunID, &k.Attempt, &commit, &d, &created); err != nil {
			return err
		}
		words := "A build run reported that it made the artifact " + short(d) + "."
		if !found {
			found, ch.repo = true, k
			ch.artifact = link{firstOf(d, digest), "digest", words}
			if ch.since.IsZero() {
				ch.since = created
			}
		}
		if k.RunID != "" && len(runs) == 0 {
			ch.build = link{k.ID(), "digest", words}
		}
		if commit != "" && len(commits) == 0 {
			ch.commit = link{commit, "digest", words}
		}
		if k.Attempt = 0; k.RunID != "" {
			runs[k.ID()] = true
		}
		if commit != "" {
			commits[commit] = true
		}
		return nil
	})
	if len(runs) > 1 || len(commits) > 1 {
		ch.build = link{}
		ch.why = fmt.Sprintf("%s and %s claim this artifact, so no single one can be named.", plural(uint64(len(runs)), "build run"), plural(uint64(len(commits)), "commit"))
	}
	if len(commits) > 1 {
		ch.commit = link{}
	}
	return found, err
}

func (s *Service) fromCommit(ctx context.Context, c access.Caller, ch *chain) error {
	from, to := s.anyTime()
	conds := []sb.Expr{sb.Eq(sb.Col("entity"), sb.Val("run")), sb.Eq(sb.Col("commit_sha"), sb.Val(ch.commit.id))}
	runs, _, err := s.runs(ctx, c.Scope(from, to), conds, nil, 100)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return s.fromPush(ctx, c, ch)
	}
	i := max(slices.IndexFunc(runs, func(r BuildRun) bool { return r.Status == "success" }), 0)
	ch.run = &runs[i]
	ch.build = link{runs[i].ID, "revision", "The provider reported that this run built the commit."}
	return nil
}

// fromPush finds a commit that was pushed and not built.
func (s *Service) fromPush(ctx context.Context, c access.Caller, ch *chain) error {
	from, to := s.anyTime()
	suffix := ":" + ch.commit.id
	sel := sb.Select(c.Scope(from, to), sb.GraphNodes, cols("id")...).Where(sb.Eq(sb.Col("kind"), sb.Val(build.NodeCommit)),
		sb.Eq(sb.Col("stub"), sb.Val(false)), sb.Fn("match", sb.Col("id"), sb.Val(regexp.QuoteMeta(suffix)+"$"))).OrderBy(sb.Asc(sb.Col("id"))).Limit(1)
	found := false
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var id string
		err := r.Scan(&id)
		if parts := strings.SplitN(strings.TrimSuffix(id, suffix), ":", 3); len(parts) == 3 {
			ch.repo, found = build.RunKey{Provider: parts[0], Host: parts[1], Repo: parts[2]}, true
		}
		return err
	})
	if err == nil && !found {
		err = runner.Missing("commit", ch.commit.id)
	}
	return err
}

func deployEvidence(d Deployment) string {
	switch d.Basis {
	case "digest":
		return "The deployment names an image digest that this build made."
	case "revision":
		return "The deployment names the commit that this build built."
	case "version":
		return "The deployment names a version that this build carries; two builds may share a version."
	case "time":
		return "Only the time fits: the deployment followed this build. This is a guess."
	}
	return "The deployment was recorded with this build run."
}

func (s *Service) loadDeployment(ctx context.Context, c access.Caller, ch *chain) error {
	list, err := s.deploymentsByID(ctx, c, ch.deployment.id)
	if err != nil || len(list) == 0 {
		return err
	}
	i := max(slices.IndexFunc(list, func(d Deployment) bool { return d.Service == ch.service }), 0)
	ch.deploy = &list[i]
	return nil
}

// complete follows the records from what is known: a deployment names its run, a run its commit.
func (s *Service) complete(ctx context.Context, c access.Caller, ch *chain) error {
	if ch.deployment.id != "" && ch.deploy == nil {
		if err := s.loadDeployment(ctx, c, ch); err != nil {
			return err
		}
	}
	if d := ch.deploy; d != nil {
		ch.repo = d.repo
		basis := weakest(ch.deployment.basis, d.Basis)
		if ch.build.id == "" {
			ch.build = link{d.run, basis, deployEvidence(*d)}
		}
		if ch.commit.id == "" {
			ch.commit = link{d.commit, basis, "The deployment was made from this commit."}
		}
		if ch.artifact.id == "" && len(d.digests) > 0 {
			ch.artifact = link{d.digests[0], weakest(ch.deployment.basis, "digest"), "The deployment names this image digest."}
		}
		if ch.since.IsZero() {
			ch.since = orZero(d.began)
		}
		ch.service, ch.environment = firstOf(ch.service, d.Service), firstOf(ch.environment, d.Environment)
	}
	if ch.build.id != "" {
		ch.repo = runKeyOf(ch.build.id, ch.repo)
		if ch.run == nil {
			run, err := s.run(ctx, c, ch.build.id)
			var p *runner.Problem
			switch {
			case err == nil:
				ch.run = &run
			case !errors.As(err, &p) || p.Kind != runner.NotFound && p.Kind != runner.Invalid:
				return err
			}
		}
	}
	if ch.run != nil {
		if ch.commit.id == "" && ch.run.CommitSHA != "" {
			ch.commit = link{ch.run.CommitSHA, weakest(ch.build.basis, "revision"), "The provider reported that the run built this commit."}
		}
		if ch.since.IsZero() && ch.run.CreatedAt != nil {
			ch.since = *ch.run.CreatedAt
		}
	}
	if ch.why == "" {
		ch.why = "Nothing that was received ties this to a build."
	}
	return nil
}
