// Package impact follows a commit or a build the way to production: what it was built into, where that was deployed, which
// services ran it, and what those services felt that they hadn't before.
package impact

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
)

// Report is what a commit or a build has touched.
type Report struct {
	Subject     Subject            `json:"subject"`
	Builds      []history.BuildRef `json:"builds" nullable:"false"`
	Artifacts   []Artifact         `json:"artifacts" nullable:"false"`
	Deployments []Deployment       `json:"deployments" nullable:"false"`
	Services    []Service          `json:"services" nullable:"false" doc:"Those that sent spans of this code, the busiest first"`
	Errors      []Error            `json:"errors" nullable:"false"`
	Traces      []Trace            `json:"traces" nullable:"false" doc:"At most 20, those with errors first"`
	Partial     bool               `json:"partial"`
}

// Subject is whose impact it is.
type Subject struct {
	Kind string `json:"kind" enum:"commit,build"`
	ID   string `json:"id"`
}

// Artifact is something that was built.
type Artifact struct {
	Digest string `json:"digest"`
	Name   string `json:"name"`
}

// Deployment brought it somewhere.
type Deployment struct {
	ID          string     `json:"id"`
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Status      string     `json:"status"`
	FinishedAt  *time.Time `json:"finished_at"`
	Basis       string     `json:"basis" enum:"none,digest,revision,version,time"`
	URL         string     `json:"url"`
}

// Service ran it.
type Service struct {
	Service         string   `json:"service"`
	Environment     string   `json:"environment"`
	Spans           uint64   `json:"spans" doc:"Weighted by sampling"`
	Errors          uint64   `json:"errors"`
	ErrorRate       *float64 `json:"error_rate"`
	BeforeErrorRate *float64 `json:"before_error_rate" doc:"Of other code in as much time before, at least an hour"`
	P95NS           *int64   `json:"p95_ns" doc:"Of server and consumer spans in the last hour of this code"`
	Href            string   `json:"href"`

	first, last time.Time
}

// Error was seen in it.
type Error struct {
	Fingerprint   string `json:"fingerprint"`
	Title         string `json:"title"`
	Service       string `json:"service"`
	Environment   string `json:"environment"`
	Events        uint64 `json:"events"`
	FirstSeenHere bool   `json:"first_seen_here" doc:"Whether nobody saw it before this code"`
}

// Trace went through it.
type Trace struct {
	TraceID    string    `json:"trace_id"`
	Service    string    `json:"service"`
	Start      time.Time `json:"start"`
	DurationNS int64     `json:"duration_ns"`
	Errors     uint64    `json:"errors"`
}

const (
	maxErrors   = 100
	maxTraces   = 20
	maxServices = 100
)

// Reader follows commits and builds.
type Reader struct {
	history *history.Reader
	query   *query.Service
}

// New makes a Reader over what queryd reads anyway.
func New(h *history.Reader, q *query.Service) *Reader { return &Reader{history: h, query: q} }

// Commit follows a commit, in one repository where it is given.
func (r *Reader) Commit(ctx context.Context, c access.Caller, sha, repo string, w history.Window) (Report, error) {
	if len(sha) != 40 && len(sha) != 64 || strings.Trim(sha, "0123456789abcdef") != "" {
		return Report{}, runner.Wrong("commit", "a commit is its whole hash: 40 or 64 hex digits")
	}
	rep := Report{Subject: Subject{"commit", sha}}
	runs, err := r.history.Runs(ctx, r.history.Ever(c), history.RunFilter{CommitSHA: sha, Repo: repo}, 200)
	if err != nil {
		return rep, err
	}
	deploys, err := r.history.Deployments(ctx, r.history.Ever(c), history.DeployFilter{Commits: []string{sha}, Repo: repo})
	if err != nil {
		return rep, err
	}
	of := sb.Eq(sb.Col("commit_sha"), sb.Val(sha))
	return r.follow(ctx, c, rep, subject{runs, deploys, of, of, query.ErrorQuery{CommitSHA: sha}, query.TraceQuery{CommitSHA: sha}}, w)
}

// Build follows a build run.
func (r *Reader) Build(ctx context.Context, c access.Caller, id string, w history.Window) (Report, error) {
	rep := Report{Subject: Subject{"build", id}}
	run, _, err := r.history.Run(ctx, c, id)
	if err != nil {
		return rep, err
	}
	deploys, err := r.history.Deployments(ctx, r.history.Ever(c), history.DeployFilter{Builds: []string{id}})
	if err != nil {
		return rep, err
	}
	of := sb.Eq(sb.Col("build_run_id"), sb.Val(id))
	made := sb.And(sb.Eq(sb.Col("provider"), sb.Val(run.Provider)), sb.Eq(sb.Col("host"), sb.Val(run.Host)), sb.Eq(sb.Col("repo"), sb.Val(run.Repo)),
		sb.Eq(sb.Col("run_id"), sb.Val(run.RunID)), sb.Eq(sb.Col("attempt"), sb.Int(int(run.Attempt))))
	return r.follow(ctx, c, rep, subject{[]*build.Run{run}, deploys, of, made, query.ErrorQuery{BuildRunID: id}, query.TraceQuery{BuildRunID: id}}, w)
}

// subject is how the store names the commit or build.
type subject struct {
	runs    []*build.Run
	deploys []*build.Deployment
	// of chooses telemetry, made artifacts.
	of, made sb.Expr
	errors   query.ErrorQuery
	traces   query.TraceQuery
}

func (r *Reader) follow(ctx context.Context, c access.Caller, rep Report, s subject, w history.Window) (Report, error) {
	rep.Builds, rep.Deployments = history.Refs(s.runs), deployments(s.deploys)
	var err error
	if rep.Artifacts, err = r.artifacts(ctx, c, s.made); err != nil {
		return rep, err
	}
	if rep.Services, err = r.services(ctx, c, s.of, w); err != nil {
		return rep, err
	}
	s.errors.Window = query.Window{From: w.From, To: w.To, Limit: maxErrors}
	groups, err := r.query.Errors(ctx, c, s.errors)
	if err != nil {
		return rep, err
	}
	rep.Errors = []Error{}
	commits := map[string]bool{}
	for _, run := range s.runs {
		commits[run.CommitSHA] = true
	}
	for _, g := range groups.Items {
		here := g.FirstCommit != "" && (g.FirstCommit == s.errors.CommitSHA || g.FirstBuild == s.errors.BuildRunID && g.FirstBuild != "" || commits[g.FirstCommit])
		rep.Errors = append(rep.Errors, Error{g.Fingerprint, g.Title, g.Service, g.Environment, g.Events, here})
	}
	partial := false
	if rep.Traces, partial, err = r.traces(ctx, c, s.traces, w); err != nil {
		return rep, err
	}
	rep.Partial = partial || groups.Partial || groups.Next != nil || len(rep.Services) == maxServices
	if len(rep.Builds)+len(rep.Deployments)+len(rep.Services)+len(rep.Artifacts)+len(rep.Errors) == 0 {
		return rep, runner.Missing(rep.Subject.Kind, rep.Subject.ID)
	}
	return rep, nil
}

func deployments(list []*build.Deployment) []Deployment {
	out := make([]Deployment, 0, len(list))
	for _, d := range slices.Backward(list) {
		out = append(out, Deployment{
			ID: d.ID(), Service: d.Service, Environment: d.Environment, Status: d.Status.String(), FinishedAt: history.Known(d.FinishedAt),
			Basis: d.Basis.String(), URL: d.URL,
		})
	}
	return out
}

func (r *Reader) artifacts(ctx context.Context, c access.Caller, made sb.Expr) ([]Artifact, error) {
	out := []Artifact{}
	sel := sb.Select(r.history.Ever(c), sb.Builds, sb.Col("digest"), sb.Fn("toString", sb.Col("name")), sb.Col("provider"), sb.Col("host"), sb.Col("repo"),
		sb.Col("run_id"), sb.Col("attempt")).
		Where(sb.Eq(sb.Col("entity"), sb.Val("artifact")), made).OrderBy(sb.Asc(sb.Col("digest"))).Limit(200)
	err := r.history.Each(ctx, sel, func(row driver.Rows) error {
		var a Artifact
		var k build.RunKey
		if err := row.Scan(&a.Digest, &a.Name, &k.Provider, &k.Host, &k.Repo, &k.RunID, &k.Attempt); err != nil {
			return err
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

// services counts spans of this code by minute rows, and what other code did in as much time before it came.
func (r *Reader) services(ctx context.Context, c access.Caller, of sb.Expr, w history.Window) ([]Service, error) {
	out := []Service{}
	sel := sb.Select(c.Scope(w.From, w.To), sb.REDMinutes, sb.Fn("toString", sb.Col("service_name")).As("service"), sb.Fn("toString", sb.Col("environment")).As("env"),
		sb.Fn("sum", sb.Col("calls")).As("n"), sb.Fn("sum", sb.Col("errors")), sb.Fn("min", sb.Col("minute")), sb.Fn("max", sb.Col("minute"))).
		Where(of).GroupBy(sb.Ref("service"), sb.Ref("env")).OrderBy(sb.Desc(sb.Ref("n")), sb.Asc(sb.Ref("service"))).Limit(maxServices)
	err := r.history.Each(ctx, sel, func(row driver.Rows) error {
		var s Service
		var spans, failed float64
		err := row.Scan(&s.Service, &s.Environment, &spans, &failed, &s.first, &s.last)
		s.Spans, s.Errors, s.ErrorRate = uint64(spans), uint64(failed), rate(failed, spans)
		s.Href = "/traces?" + url.Values{"service": {s.Service}, "environment": {s.Environment}}.Encode()
		out = append(out, s)
		return err
	})
	if err != nil {
		return out, err
	}
	for i := range out {
		if err := r.before(ctx, c, of, &out[i]); err != nil {
			return out, err
		}
		if err := r.latency(ctx, c, of, &out[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (r *Reader) before(ctx context.Context, c access.Caller, of sb.Expr, s *Service) error {
	span := max(s.last.Sub(s.first)+time.Minute, time.Hour)
	sel := sb.Select(c.Scope(s.first.Add(-span), s.first.Add(-time.Second)), sb.REDMinutes, sb.Fn("sum", sb.Col("calls")), sb.Fn("sum", sb.Col("errors"))).
		Where(sb.Eq(sb.Col("service_name"), sb.Val(s.Service)), sb.Eq(sb.Col("environment"), sb.Val(s.Environment)), sb.Not(of)).Limit(1)
	return r.history.Each(ctx, sel, func(row driver.Rows) error {
		var spans, failed float64
		err := row.Scan(&spans, &failed)
		s.BeforeErrorRate = rate(failed, spans)
		return err
	})
}

// latency reads spans of at most the last hour of this code: a percentile needs the spans themselves.
func (r *Reader) latency(ctx context.Context, c access.Caller, of sb.Expr, s *Service) error {
	from := s.first
	if hour := s.last.Add(-time.Hour); from.Before(hour) {
		from = hour
	}
	sel := sb.Select(c.Scope(from, s.last.Add(time.Minute)), sb.Spans, sb.Fn("count"), sb.Quantile(0.95, sb.Col("duration_ns"))).
		Where(of, sb.Eq(sb.Col("service_name"), sb.Val(s.Service)), sb.Eq(sb.Col("environment"), sb.Val(s.Environment)),
			sb.In(sb.Fn("toString", sb.Col("kind")), []string{"server", "consumer"})).Limit(1)
	return r.history.Each(ctx, sel, func(row driver.Rows) error {
		var n uint64
		var p95 int64
		err := row.Scan(&n, &p95)
		if n > 0 {
			s.P95NS = &p95
		}
		return err
	})
}

func (r *Reader) traces(ctx context.Context, c access.Caller, q query.TraceQuery, w history.Window) ([]Trace, bool, error) {
	out := []Trace{}
	partial := false
	for _, status := range []string{"error", ""} {
		q.Window, q.Status = query.Window{From: w.From, To: w.To, Limit: maxTraces}, status
		page, err := r.query.SearchTraces(ctx, c, q)
		if err != nil {
			return out, partial, err
		}
		partial = partial || page.Partial
		for _, t := range page.Items {
			known := slices.ContainsFunc(out, func(have Trace) bool { return have.TraceID == t.TraceID })
			if !known && len(out) < maxTraces {
				out = append(out, Trace{t.TraceID, t.RootService, t.Start, t.DurationNS, t.Errors})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Trace) int {
		return cmp.Or(cmp.Compare(min(b.Errors, 1), min(a.Errors, 1)), b.Start.Compare(a.Start))
	})
	return out, partial, nil
}

func rate(part, whole float64) *float64 {
	if whole <= 0 {
		return nil
	}
	v := part / whole
	return &v
}
