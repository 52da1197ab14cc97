package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
)

// Build is a run with all that is known about it.
type Build struct {
	BuildRun
	Tasks       []Task       `json:"tasks" nullable:"false"`
	Tests       Tests        `json:"tests"`
	Artifacts   []Artifact   `json:"artifacts" nullable:"false"`
	Deployments []Deployment `json:"deployments" nullable:"false"`
	Errors      []BuildError `json:"errors" nullable:"false" doc:"Errors seen on this build"`
	Commit      Commit       `json:"commit"`
	Attempts    []string     `json:"attempts" nullable:"false" doc:"Ids of all attempts of the run"`
}

// Task is a job or a step.
type Task struct {
	ID         string     `json:"id"`
	ParentID   string     `json:"parent_id" doc:"Of a step: its job"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind" enum:"job,step"`
	Status     string     `json:"status" enum:"queued,waiting,running,success,failure,cancelled,skipped,timeout,unknown"`
	CreatedAt  *time.Time `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	QueuedNS   int64      `json:"queued_ns"`
	DurationNS int64      `json:"duration_ns"`
	Runner     string     `json:"runner"`
	Flaky      bool       `json:"flaky"`
	Retries    uint16     `json:"retries"`
	URL        string     `json:"url"`
	SpanID     string     `json:"span_id"`
	Message    string     `json:"message"`
}

// Tests counts a run's test cases.
type Tests struct {
	Total  uint64 `json:"total"`
	Failed uint64 `json:"failed"`
	Flaky  uint64 `json:"flaky"`
}

// Artifact is something that a run built.
type Artifact struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Digest    string     `json:"digest"`
	CreatedAt *time.Time `json:"created_at"`
}

// Deployment is a deployment of a run's artifacts.
type Deployment struct {
	ID          string     `json:"id"`
	Environment string     `json:"environment"`
	Status      string     `json:"status"`
	Service     string     `json:"service"`
	StartedAt   *time.Time `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	URL         string     `json:"url"`
	Basis       string     `json:"basis" enum:"none,digest,revision,version,time" doc:"The evidence that ties it to the run"`

	created time.Time
	updated time.Time
	began   *time.Time
	repo    build.RunKey
	commit  string
	run     string
	version string
	digests []string
	attrs   map[string]string
}

// BuildError is an error group seen on a build.
type BuildError struct {
	Fingerprint string `json:"fingerprint"`
	Title       string `json:"title"`
	Events      uint64 `json:"events"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
}

// Commit is what a push told about a commit; empty strings where none did.
type Commit struct {
	SHA     string `json:"sha"`
	Repo    string `json:"repo"`
	Message string `json:"message"`
	Author  string `json:"author"`
	URL     string `json:"url"`

	at time.Time
}

// Build reads one run.
func (s *Service) Build(ctx context.Context, c access.Caller, id string) (Build, error) {
	run, err := s.run(ctx, c, id)
	if err != nil {
		return Build{}, err
	}
	b := Build{BuildRun: run}
	k := run.key()
	from, to := s.anyTime()
	scope := c.Scope(from, to)
	if b.Tasks, err = s.tasks(ctx, scope, k); err != nil {
		return b, err
	}
	if b.Tests, err = s.tests(ctx, scope, k); err != nil {
		return b, err
	}
	if b.Artifacts, err = s.artifacts(ctx, scope, append(ofRun(k), attemptOf(k))); err != nil {
		return b, err
	}
	if b.Deployments, err = s.deployments(ctx, scope, sb.Eq(sb.Col("build_run_id"), sb.Val(run.ID))); err != nil {
		return b, err
	}
	if b.Errors, err = s.errorsOfBuild(ctx, scope, run.ID); err != nil {
		return b, err
	}
	if b.Commit, err = s.commit(ctx, scope, k, run.CommitSHA); err != nil {
		return b, err
	}
	b.Attempts, err = s.attempts(ctx, scope, k)
	return b, err
}

func (s *Service) tasks(ctx context.Context, scope sb.Scope, k build.RunKey) ([]Task, error) {
	sel := sb.Select(scope, sb.Builds, cols("entity_id", "parent_id", "name", "status", "created_at", "started_at", "finished_at", "queued_ms",
		"duration_ms", "runner", "flaky", "retries", "url", "span_id", "message")...).
		Where(sb.Eq(sb.Col("entity"), sb.Val("task"))).Where(ofRun(k)...).Where(attemptOf(k)).
		OrderBy(sb.Asc(sb.Col("created_at")), sb.Asc(sb.Fn("length", sb.Col("entity_id"))), sb.Asc(sb.Col("entity_id")))
	out := []Task{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		t := Task{Kind: "job"}
		var created, started, finished time.Time
		var queued, duration, span uint64
		err := r.Scan(&t.ID, &t.ParentID, &t.Name, &t.Status, &created, &started, &finished, &queued,
			&duration, &t.Runner, &t.Flaky, &t.Retries, &t.URL, &span, &t.Message)
		t.CreatedAt, t.StartedAt, t.FinishedAt = known(created), known(started), known(finished)
		t.QueuedNS, t.DurationNS, t.SpanID = int64(queued)*msToNS, int64(duration)*msToNS, spanID(span)
		if strings.Contains(t.ID, "/") {
			t.Kind = "step"
		}
		out = append(out, t)
		return err
	})
	return out, err
}

func (s *Service) tests(ctx context.Context, scope sb.Scope, k build.RunKey) (Tests, error) {
	var t Tests
	sel := sb.Select(scope, sb.Builds, sb.Fn("count"), sb.Fn("countIf", sb.Eq(sb.Col("status"), sb.Val("failure"))), sb.Fn("countIf", sb.Col("flaky"))).
		Where(sb.Eq(sb.Col("entity"), sb.Val("test_case"))).Where(ofRun(k)...).Where(attemptOf(k))
	err := s.Each(ctx, sel, func(r driver.Rows) error { return r.Scan(&t.Total, &t.Failed, &t.Flaky) })
	return t, err
}

// artifacts lists what matches, oldest first.
func (s *Service) artifacts(ctx context.Context, scope sb.Scope, conds []sb.Expr) ([]Artifact, error) {
	sel := sb.Select(scope, sb.Builds, cols("entity_id", "name", "digest", "created_at")...).
		Where(sb.Eq(sb.Col("entity"), sb.Val("artifact"))).Where(conds...).
		OrderBy(sb.Asc(sb.Col("created_at")), sb.Asc(sb.Col("entity_id"))).Limit(MaxLimit)
	out := []Artifact{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var a Artifact
		var created time.Time
		err := r.Scan(&a.ID, &a.Name, &a.Digest, &created)
		a.CreatedAt = known(created)
		out = append(out, a)
		return err
	})
	return out, err
}

// deployments lists what matches, newest first.
func (s *Service) deployments(ctx context.Context, scope sb.Scope, conds ...sb.Expr) ([]Deployment, error) {
	sel := sb.Select(scope, sb.Deploys, cols("provider", "host", "repo", "deployment_id", "environment", "status", "service_name", "created_at",
		"started_at", "finished_at", "url", "correlation_basis", "commit_sha", "build_run_id", "service_version", "image_digests", "updated_at", "attrs")...).
		Where(conds...).OrderBy(sb.Desc(began()), sb.Asc(sb.Col("deployment_id")), sb.Asc(sb.Col("service_name"))).Limit(MaxLimit)
	out := []Deployment{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var d Deployment
		var started, finished time.Time
		err := r.Scan(&d.repo.Provider, &d.repo.Host, &d.repo.Repo, &d.ID, &d.Environment, &d.Status, &d.Service, &d.created,
			&started, &finished, &d.URL, &d.Basis, &d.commit, &d.run, &d.version, &d.digests, &d.updated, &d.attrs)
		d.ID = globalDeploymentID(d.repo, d.ID)
		d.StartedAt, d.FinishedAt = known(started), known(finished)
		if d.began = firstTime(known(d.created), d.StartedAt, known(d.updated)); known(d.created) == nil {
			d.created = time.Time{}
		}
		out = append(out, d)
		return err
	})
	return perService(out), err
}

// perService leaves out the row of a whole deployment where rows of its services are there: they say more.
func perService(list []Deployment) []Deployment {
	split := map[string]bool{}
	for _, d := range list {
		split[d.ID] = split[d.ID] || d.Service != ""
	}
	return slices.DeleteFunc(list, func(d Deployment) bool { return d.Service == "" && split[d.ID] })
}

func (s *Service) errorsOfBuild(ctx context.Context, scope sb.Scope, id string) ([]BuildError, error) {
	sel := sb.Select(scope, sb.ErrorHours, keyColumns()...).Columns(sb.Fn("max", sb.Col("error_fp_version")), sb.Fn("sum", sb.Col("events")).As("n")).
		Where(sb.Eq(sb.Col("build_run_id"), sb.Val(id))).GroupBy(keyRefs()...).
		OrderBy(sb.Desc(sb.Ref("n")), sb.Asc(sb.Ref("fp"))).Limit(100)
	out := []BuildError{}
	byKey := map[groupKey]*ErrorItem{}
	var keys []groupKey
	var fps []sb.ID16
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var e BuildError
		var k groupKey
		var version uint8
		err := r.Scan(&k.fp, &e.Service, &e.Environment, &version, &e.Events)
		k.service, k.environment = e.Service, e.Environment
		e.Fingerprint = versioned(version, k.fp)
		raw, _ := parseID16(k.fp)
		out, fps, keys = append(out, e), append(fps, raw), append(keys, k)
		byKey[k] = &ErrorItem{}
		return err
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	if err := s.lives(ctx, scope, fps, byKey); err != nil {
		return nil, err
	}
	for i, k := range keys {
		out[i].Title = byKey[k].Title
	}
	return out, nil
}

// commit reads a commit's node. A commit that no push described is known by its hash alone.
func (s *Service) commit(ctx context.Context, scope sb.Scope, k build.RunKey, sha string) (Commit, error) {
	cm := Commit{SHA: sha, Repo: k.Repo}
	if sha == "" {
		return cm, nil
	}
	sel := sb.Select(scope, sb.GraphNodes, cols("name", "props", "stub", "first_seen")...).
		Where(sb.Eq(sb.Col("kind"), sb.Val(build.NodeCommit)), sb.Eq(sb.Col("id"), sb.Val(build.CommitID(k.Provider, k.Host, k.Repo, sha))))
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var name string
		var props map[string]string
		var stub bool
		var at time.Time
		err := r.Scan(&name, &props, &stub, &at)
		if !stub { // a stub's name is the hash
			cm.Message, cm.Author, cm.URL, cm.at = name, props["author"], props["url"], at
		}
		return err
	})
	return cm, err
}

func (s *Service) attempts(ctx context.Context, scope sb.Scope, k build.RunKey) ([]string, error) {
	sel := sb.Select(scope, sb.Builds, cols("attempt")...).Where(sb.Eq(sb.Col("entity"), sb.Val("run"))).Where(ofRun(k)...).
		OrderBy(sb.Asc(sb.Col("attempt")))
	out := []string{}
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		a := k
		err := r.Scan(&a.Attempt)
		out = append(out, a.ID())
		return err
	})
	return out, err
}
