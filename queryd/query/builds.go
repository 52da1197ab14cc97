package query

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// RunStatuses are the values of a run's status.
var RunStatuses = []string{"queued", "waiting", "running", "success", "failure", "cancelled", "skipped", "timeout", "unknown"}

// BuildQuery asks for build runs that lived in the window.
type BuildQuery struct {
	Window
	Repo, Pipeline, Branch, Status, CommitSHA string
}

// BuildRun is one attempt of a pipeline run.
type BuildRun struct {
	ID          string     `json:"id" doc:"provider:host:repo:run:attempt"`
	Provider    string     `json:"provider"`
	Host        string     `json:"host"`
	Repo        string     `json:"repo"`
	RunID       string     `json:"run_id"`
	Attempt     uint16     `json:"attempt"`
	Pipeline    string     `json:"pipeline"`
	Name        string     `json:"name"`
	Branch      string     `json:"branch"`
	CommitSHA   string     `json:"commit_sha"`
	Trigger     string     `json:"trigger"`
	Status      string     `json:"status" enum:"queued,waiting,running,success,failure,cancelled,skipped,timeout,unknown"`
	CreatedAt   *time.Time `json:"created_at"`
	StartedAt   *time.Time `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	QueuedNS    int64      `json:"queued_ns"`
	ApprovalNS  int64      `json:"approval_ns"`
	DurationNS  int64      `json:"duration_ns"`
	URL         string     `json:"url"`
	TraceID     string     `json:"trace_id"`
	Tasks       uint64     `json:"tasks" doc:"Jobs of the run"`
	FailedTasks uint64     `json:"failed_tasks"`
}

func (b *BuildRun) key() build.RunKey {
	return build.RunKey{Provider: b.Provider, Host: b.Host, Repo: b.Repo, RunID: b.RunID, Attempt: b.Attempt}
}

const msToNS = int64(time.Millisecond)

var runColumns = []string{
	"provider", "host", "repo", "run_id", "attempt", "pipeline", "name", "branch", "commit_sha", "trigger", "status",
	"created_at", "started_at", "finished_at", "queued_ms", "approval_ms", "duration_ms", "url", "trace_id",
}

// scan reads the columns, and behind them when the run began.
func (b *BuildRun) scan(r driver.Rows) (began int64, err error) {
	var created, started, finished time.Time
	var queued, approval, duration uint64
	var trace string
	err = r.Scan(&b.Provider, &b.Host, &b.Repo, &b.RunID, &b.Attempt, &b.Pipeline, &b.Name, &b.Branch, &b.CommitSHA, &b.Trigger, &b.Status,
		&created, &started, &finished, &queued, &approval, &duration, &b.URL, &trace, &began)
	b.ID = b.key().ID()
	b.CreatedAt, b.StartedAt, b.FinishedAt = known(created), known(started), known(finished)
	b.QueuedNS, b.ApprovalNS, b.DurationNS = int64(queued)*msToNS, int64(approval)*msToNS, int64(duration)*msToNS
	b.TraceID = traceID(trace)
	return began, err
}

// began is the time that lists of runs and deployments are in the order of: senders that tell only of an end know no
// creation, which the store writes as the epoch.
func began() sb.Expr {
	epoch := sb.Val(time.Unix(0, 0))
	known := func(column string, otherwise sb.Expr) sb.Expr {
		return sb.Fn("if", sb.Gt(sb.Col(column), epoch), sb.Col(column), otherwise)
	}
	return known("created_at", known("started_at", sb.Col("updated_at")))
}

// Builds lists runs, the newest first.
func (s *Service) Builds(ctx context.Context, c access.Caller, q BuildQuery) (Page[BuildRun], error) {
	page := Page[BuildRun]{Items: []BuildRun{}}
	at, err := q.resume("builds", 1)
	if err != nil {
		return page, err
	}
	if q.Status != "" && !slices.Contains(RunStatuses, q.Status) {
		return page, runner.Wrong("status", "unknown status", RunStatuses...)
	}
	runs, times, err := s.runs(ctx, c.Scope(q.From, q.To), runConditions(q), at, q.Limit+1)
	if err != nil {
		return page, err
	}
	if len(runs) > q.Limit {
		runs = runs[:q.Limit]
		page.Next = q.next(times[q.Limit-1], runs[q.Limit-1].ID)
	}
	page.Items = append(page.Items, runs...)
	return page, s.countTasks(ctx, c, page.Items)
}

func runConditions(q BuildQuery) []sb.Expr {
	conds := []sb.Expr{sb.Eq(sb.Col("entity"), sb.Val("run"))}
	for _, f := range []struct{ column, value string }{
		{"repo", q.Repo}, {"pipeline", q.Pipeline}, {"branch", q.Branch}, {"status", q.Status}, {"commit_sha", q.CommitSHA},
	} {
		if f.value != "" {
			conds = append(conds, sb.Eq(sb.Col(f.column), sb.Val(f.value)))
		}
	}
	return conds
}

func (s *Service) runs(ctx context.Context, scope sb.Scope, conds []sb.Expr, at *cursor, limit int) ([]BuildRun, []int64, error) {
	began := sb.Fn("toUnixTimestamp64Milli", began())
	sel := sb.Select(scope, sb.Builds, cols(runColumns...)...).Columns(began.As("began")).Where(conds...).
		OrderBy(sb.Desc(sb.Ref("began")), sb.Desc(sb.Col("entity_id"))).Limit(limit)
	if at != nil {
		sel.Where(sb.Lt(sb.Fn("tuple", began, sb.Col("entity_id")), sb.Fn("tuple", sb.Val(at.At), sb.Val(at.Keys[0]))))
	}
	var runs []BuildRun
	var times []int64
	err := s.Each(ctx, sel, func(r driver.Rows) error {
		var b BuildRun
		at, err := b.scan(r)
		runs, times = append(runs, b), append(times, at)
		return err
	})
	return runs, times, err
}

// countTasks fills in how many jobs the runs have.
func (s *Service) countTasks(ctx context.Context, c access.Caller, runs []BuildRun) error {
	if len(runs) == 0 {
		return nil
	}
	byID := make(map[string]*BuildRun, len(runs))
	runIDs := make([]string, len(runs))
	for i := range runs {
		byID[runs[i].ID] = &runs[i]
		runIDs[i] = runs[i].RunID
	}
	from, to := s.anyTime()
	keys := cols("provider", "host", "repo", "run_id", "attempt")
	sel := sb.Select(c.Scope(from, to), sb.Builds, keys...).
		Columns(sb.Fn("count"), sb.Fn("countIf", sb.In(sb.Fn("toString", sb.Col("status")), []string{"failure", "timeout"}))).
		Where(sb.Eq(sb.Col("entity"), sb.Val("task")), sb.In(sb.Col("run_id"), runIDs), isJob()).GroupBy(keys...)
	return s.Each(ctx, sel, func(r driver.Rows) error {
		var k build.RunKey
		var tasks, failed uint64
		err := r.Scan(&k.Provider, &k.Host, &k.Repo, &k.RunID, &k.Attempt, &tasks, &failed)
		if b := byID[k.ID()]; b != nil {
			b.Tasks, b.FailedTasks = tasks, failed
		}
		return err
	})
}

// isJob tells a job from its steps, whose ids are the job's with a number behind a slash.
func isJob() sb.Expr {
	return sb.Eq(sb.Fn("position", sb.Col("entity_id"), sb.Val("/")), sb.Int(0))
}

// ofRun are the predicates for everything that belongs to a run. The key's order makes them a short range.
func ofRun(k build.RunKey) []sb.Expr {
	return []sb.Expr{
		sb.Eq(sb.Col("provider"), sb.Val(k.Provider)), sb.Eq(sb.Col("host"), sb.Val(k.Host)), sb.Eq(sb.Col("repo"), sb.Val(k.Repo)),
		sb.Eq(sb.Col("run_id"), sb.Val(k.RunID)),
	}
}

func attemptOf(k build.RunKey) sb.Expr {
	return sb.Eq(sb.Col("attempt"), sb.Val(int64(k.Attempt)))
}

func (s *Service) run(ctx context.Context, c access.Caller, id string) (BuildRun, error) {
	k, ok := build.ParseRunID(id)
	if !ok {
		return BuildRun{}, runner.Wrong("id", "a build id is provider:host:repo:run:attempt, for example github:github.com:acme/shop:4711:1")
	}
	from, to := s.anyTime()
	conds := append(ofRun(k), attemptOf(k), sb.Eq(sb.Col("entity"), sb.Val("run")))
	runs, _, err := s.runs(ctx, c.Scope(from, to), conds, nil, 1)
	if err != nil {
		return BuildRun{}, err
	}
	if len(runs) == 0 {
		return BuildRun{}, runner.Missing("build", id)
	}
	return runs[0], s.countTasks(ctx, c, runs[:1])
}
