package history

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/summitobs/summit/internal/build"
	sb "github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/runner"
)

// MaxRuns is the most runs of one answer.
const MaxRuns = 20_000

// RunFilter narrows runs; what is empty is not asked about.
type RunFilter struct {
	Provider, Host, Repo, Pipeline, Branch, CommitSHA string
	// Commits are several commits of which the run built one.
	Commits []string
	// Statuses are the allowed states.
	Statuses []string
}

func (f RunFilter) conditions() []sb.Expr {
	es := append([]sb.Expr{sb.Eq(sb.Col("entity"), sb.Val("run"))}, equal("provider", f.Provider, "host", f.Host, "repo", f.Repo,
		"pipeline", f.Pipeline, "branch", f.Branch, "commit_sha", f.CommitSHA)...)
	if len(f.Commits) > 0 {
		es = append(es, sb.In(sb.Col("commit_sha"), f.Commits))
	}
	if len(f.Statuses) > 0 {
		es = append(es, sb.In(sb.Fn("toString", sb.Col("status")), f.Statuses))
	}
	return es
}

var runColumns = []string{
	"provider", "host", "repo", "run_id", "attempt", "pipeline", "name", "branch", "commit_sha", "trigger", "pr_number", "status", "created_at",
	"started_at", "finished_at", "updated_at", "queued_ms", "approval_ms", "duration_ms", "url", "cost_usd", "stub", "attrs",
}

// Runs lists runs that lived in the scope's window, the newest first. A limit of 0 is MaxRuns.
func (r *Reader) Runs(ctx context.Context, scope sb.Scope, f RunFilter, limit int) ([]*build.Run, error) {
	return r.runs(ctx, scope, limit, f.conditions()...)
}

func (r *Reader) runs(ctx context.Context, scope sb.Scope, limit int, conds ...sb.Expr) ([]*build.Run, error) {
	if limit == 0 {
		limit = MaxRuns
	}
	sel := sb.Select(scope, sb.Builds, cols(runColumns...)...).Where(conds...).OrderBy(sb.Desc(began()), sb.Desc(sb.Col("entity_id"))).Limit(limit)
	out := []*build.Run{}
	err := r.Each(ctx, sel, func(rows driver.Rows) error {
		run := new(build.Run)
		var status string
		var queued, approval, duration uint64
		err := rows.Scan(&run.Provider, &run.Host, &run.Repo, &run.RunID, &run.Attempt, &run.Pipeline, &run.Name, &run.Branch, &run.CommitSHA,
			&run.Trigger, &run.PRNumber, &status, &run.CreatedAt, &run.StartedAt, &run.FinishedAt, &run.UpdatedAt, &queued, &approval, &duration,
			&run.URL, &run.CostUSD, &run.Stub, &run.Attrs)
		if err != nil {
			return err
		}
		finish(&run.State, queued, approval, duration)
		run.Status, err = build.ParseStatus(status)
		out = append(out, run)
		return err
	})
	return out, err
}

// finish puts the times of a row into their form in memory.
func finish(s *build.State, queued, approval, duration uint64) {
	s.CreatedAt, s.StartedAt, s.FinishedAt, s.UpdatedAt = timeOf(s.CreatedAt), timeOf(s.StartedAt), timeOf(s.FinishedAt), timeOf(s.UpdatedAt)
	s.Queued, s.Approval, s.Duration = time.Duration(queued)*ms, time.Duration(approval)*ms, time.Duration(duration)*ms
}

func ofRun(k build.RunKey) []sb.Expr {
	return []sb.Expr{
		sb.Eq(sb.Col("provider"), sb.Val(k.Provider)), sb.Eq(sb.Col("host"), sb.Val(k.Host)), sb.Eq(sb.Col("repo"), sb.Val(k.Repo)),
		sb.Eq(sb.Col("run_id"), sb.Val(k.RunID)),
	}
}

// Attempts lists all attempts of a run, the first one first.
func (r *Reader) Attempts(ctx context.Context, c access.Caller, k build.RunKey) ([]*build.Run, error) {
	runs, err := r.runs(ctx, r.Ever(c), 0, append(ofRun(k), sb.Eq(sb.Col("entity"), sb.Val("run")))...)
	byAttempt := make(map[uint16]*build.Run, len(runs))
	last := uint16(0)
	for _, run := range runs {
		byAttempt[run.Attempt] = run
		last = max(last, run.Attempt)
	}
	ordered := make([]*build.Run, 0, len(runs))
	for a := range last {
		if run := byAttempt[a+1]; run != nil {
			ordered = append(ordered, run)
		}
	}
	return ordered, err
}

// Run reads one run by its id, with its other attempts.
func (r *Reader) Run(ctx context.Context, c access.Caller, id string) (run *build.Run, attempts []*build.Run, err error) {
	k, ok := build.ParseRunID(id)
	if !ok {
		return nil, nil, runner.Wrong("id", "a build id is provider:host:repo:run:attempt, for example github:github.com:acme/shop:4711:1")
	}
	if attempts, err = r.Attempts(ctx, c, k); err != nil {
		return nil, nil, err
	}
	for _, a := range attempts {
		if a.Attempt == k.Attempt {
			return a, attempts, nil
		}
	}
	return nil, nil, runner.Missing("build", id)
}

var taskColumns = []string{
	"entity", "provider", "host", "repo", "run_id", "attempt", "entity_id", "parent_id", "pipeline", "name", "commit_sha", "status", "created_at",
	"started_at", "finished_at", "updated_at", "queued_ms", "approval_ms", "duration_ms", "flaky", "retries", "message", "runner", "runner_class",
	"cost_usd", "span_id", "url", "attrs",
}

// Tasks lists the jobs and stages of runs, by the id of the run, each in the order of creation. Steps are left out.
func (r *Reader) Tasks(ctx context.Context, scope sb.Scope, keys []build.RunKey) (map[string][]*build.Task, error) {
	out := make(map[string][]*build.Task, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), 2000)
		if err := r.tasks(ctx, scope, keys[:n], out); err != nil {
			return nil, err
		}
		keys = keys[n:]
	}
	return out, nil
}

func (r *Reader) tasks(ctx context.Context, scope sb.Scope, keys []build.RunKey, out map[string][]*build.Task) error {
	wanted, ids := make(map[string]bool, len(keys)), make([]string, 0, len(keys))
	for _, k := range keys {
		wanted[k.ID()] = true
		ids = append(ids, k.RunID)
	}
	sel := sb.Select(scope, sb.Builds, cols(taskColumns...)...).
		Where(sb.In(sb.Fn("toString", sb.Col("entity")), []string{"task", "stage"}), sb.In(sb.Col("run_id"), ids),
			sb.Eq(sb.Fn("position", sb.Col("entity_id"), sb.Val("/")), sb.Int(0))).
		Where(oneRepo(keys)...).
		OrderBy(sb.Asc(sb.Col("created_at")), sb.Asc(sb.Fn("length", sb.Col("entity_id"))), sb.Asc(sb.Col("entity_id")))
	return r.Each(ctx, sel, func(rows driver.Rows) error {
		t := new(build.Task)
		var entity, status string
		var queued, approval, duration, span uint64
		err := rows.Scan(&entity, &t.Provider, &t.Host, &t.Repo, &t.RunID, &t.Attempt, &t.ID, &t.ParentID, &t.Pipeline, &t.Name, &t.CommitSHA,
			&status, &t.CreatedAt, &t.StartedAt, &t.FinishedAt, &t.UpdatedAt, &queued, &approval, &duration, &t.Flaky, &t.Retries, &t.Message,
			&t.Runner, &t.RunnerClass, &t.CostUSD, &span, &t.URL, &t.Attrs)
		if err != nil || !wanted[t.RunKey.ID()] {
			return err
		}
		finish(&t.State, queued, approval, duration)
		for i := range t.SpanID {
			t.SpanID[i] = byte(span >> (56 - 8*i))
		}
		if t.Kind = build.KindJob; entity == "stage" {
			t.Kind = build.KindStage
		}
		t.Status, err = build.ParseStatus(status)
		out[t.RunKey.ID()] = append(out[t.RunKey.ID()], t)
		return err
	})
}

// oneRepo narrows by the repository where all keys have the same, which the sort key begins with.
func oneRepo(keys []build.RunKey) []sb.Expr {
	for _, k := range keys {
		if k.Provider != keys[0].Provider || k.Host != keys[0].Host || k.Repo != keys[0].Repo {
			return nil
		}
	}
	return equal("provider", keys[0].Provider, "host", keys[0].Host, "repo", keys[0].Repo)
}

// Keys are the keys of runs.
func Keys(runs []*build.Run) []build.RunKey {
	keys := make([]build.RunKey, len(runs))
	for i, r := range runs {
		keys[i] = r.RunKey
	}
	return keys
}

// LastEvents tells when anything was heard last of runs or their tasks, by the id of the run.
func (r *Reader) LastEvents(ctx context.Context, scope sb.Scope, keys []build.RunKey) (map[string]time.Time, error) {
	out := make(map[string]time.Time, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.RunID
	}
	by := cols("provider", "host", "repo", "run_id", "attempt")
	sel := sb.Select(scope, sb.Builds, by...).Columns(sb.Fn("max", sb.Col("updated_at"))).
		Where(sb.In(sb.Fn("toString", sb.Col("entity")), []string{"run", "stage", "task"}), sb.In(sb.Col("run_id"), ids)).Where(oneRepo(keys)...).GroupBy(by...)
	err := r.Each(ctx, sel, func(rows driver.Rows) error {
		var k build.RunKey
		var at time.Time
		err := rows.Scan(&k.Provider, &k.Host, &k.Repo, &k.RunID, &k.Attempt, &at)
		out[k.ID()] = timeOf(at)
		return err
	})
	return out, err
}

// StageName is what a job is counted under: its stage where the provider has stages, else its name without what a
// matrix adds in parentheses and without what a reusable workflow adds behind a slash.
func StageName(t *build.Task, stages map[string]string) string {
	if t.ParentID != "" {
		if name := stages[t.ParentID]; name != "" {
			return name
		}
		return t.ParentID
	}
	name, _, _ := strings.Cut(t.Name, " / ")
	if i := strings.LastIndex(name, " ("); i > 0 && strings.HasSuffix(name, ")") {
		name = name[:i]
	}
	return name
}

// Infrastructure tells that a run or task ended by the CI system's doing and not by what it ran.
func Infrastructure(s *build.State) bool {
	switch s.Attrs[build.KeyConclusion] {
	case "startup_failure", "error", "runner_system_failure", "stuck_or_timeout_failure", "infra_fail", "infrastructure_fail":
		return true
	}
	return s.Status == build.StatusTimeout || s.Status == build.StatusCancelled
}

// Number reads a number that an attribute holds as text; 0 where it holds none.
func Number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// MovesWithBase tells triggers whose runs build a merge with another branch: two of them with one head commit can be of
// different code, the attempts of one can't.
func MovesWithBase(trigger string) bool {
	return strings.Contains(trigger, "pull_request") || strings.Contains(trigger, "merge_request") || strings.Contains(trigger, "merge_group") || strings.Contains(trigger, "merge_train")
}
