package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
)

// Analysis is a run taken apart: its jobs in their order, where the time went, and what was done twice.
type Analysis struct {
	Build        history.BuildRef `json:"build"`
	Live         bool             `json:"live" doc:"The run hasn't ended"`
	AsOf         time.Time        `json:"as_of"`
	Phases       PhaseSplit       `json:"phases"`
	Stuck        StuckState       `json:"stuck"`
	Needs        string           `json:"needs" enum:"declared,inferred,none" doc:"Where the edges come from"`
	Stages       []StageNode      `json:"stages" nullable:"false"`
	Nodes        []JobNode        `json:"nodes" nullable:"false"`
	Edges        []JobEdge        `json:"edges" nullable:"false"`
	CriticalPath CriticalPath     `json:"critical_path"`
	Retry        RetryCost        `json:"retry"`
	Partial      bool             `json:"partial"`
}

// PhaseSplit divides the time of a run; the five add up to the total.
type PhaseSplit struct {
	QueueNS      int64 `json:"queue_ns"`
	ApprovalNS   int64 `json:"approval_ns"`
	ExecutionNS  int64 `json:"execution_ns"`
	FinalizingNS int64 `json:"finalizing_ns"`
	BetweenNS    int64 `json:"between_ns"`
	TotalNS      int64 `json:"total_ns"`
}

func splitOf(p build.Phases) PhaseSplit {
	return PhaseSplit{
		QueueNS: int64(p.Queue), ApprovalNS: int64(p.Approval), ExecutionNS: int64(p.Execution), FinalizingNS: int64(p.Finalizing),
		BetweenNS: int64(p.Between), TotalNS: int64(p.Total()),
	}
}

// StuckState tells whether a run has been silent for longer than its pipeline's runs take.
type StuckState struct {
	Stuck       bool       `json:"stuck"`
	Since       *time.Time `json:"since"`
	SilentNS    int64      `json:"silent_ns"`
	LimitNS     int64      `json:"limit_ns" doc:"99th percentile of how long the pipeline's runs took"`
	HistoryRuns int        `json:"history_runs"`
	Reason      string     `json:"reason"`
}

// StageNode is a stage, or the jobs of one name where the provider has no stages.
type StageNode struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Status     string     `json:"status"`
	Jobs       int        `json:"jobs"`
	FailedJobs int        `json:"failed_jobs"`
	Level      int        `json:"level" doc:"Column, from 0"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	QueueNS    int64      `json:"queue_ns"`
	ApprovalNS int64      `json:"approval_ns"`
	RunNS      int64      `json:"run_ns"`
	CriticalNS int64      `json:"critical_ns" doc:"Its part of the critical path"`
}

// JobNode is a job with its waits.
type JobNode struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	StageID     string     `json:"stage_id"`
	Status      string     `json:"status"`
	Level       int        `json:"level"`
	CreatedAt   *time.Time `json:"created_at"`
	StartedAt   *time.Time `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	QueueNS     int64      `json:"queue_ns"`
	ApprovalNS  int64      `json:"approval_ns"`
	RunNS       int64      `json:"run_ns"`
	Runner      string     `json:"runner"`
	Flaky       bool       `json:"flaky"`
	Retries     uint16     `json:"retries"`
	RetryOf     string     `json:"retry_of"`
	RetriedBy   string     `json:"retried_by"`
	Inherited   bool       `json:"inherited" doc:"Ran in an earlier attempt, whose result this one took over"`
	FromAttempt uint16     `json:"from_attempt"`
	Critical    bool       `json:"critical"`
	SlackNS     *int64     `json:"slack_ns" doc:"By how much it could have ended later without the run ending later"`
	URL         string     `json:"url"`
	SpanID      string     `json:"span_id"`
	Message     string     `json:"message"`
}

// JobEdge says that a job waited for another one.
type JobEdge struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Basis    string `json:"basis" enum:"needs,inferred"`
	Critical bool   `json:"critical"`
}

// Analyse takes one run apart.
func (s *Service) Analyse(ctx context.Context, c access.Caller, id string) (Analysis, error) {
	run, attempts, tasks, err := s.load(ctx, c, id)
	if err != nil {
		return Analysis{}, err
	}
	now := s.Now()
	a := analysisOf(run, attempts, tasks, now)
	if a.Stuck, err = s.stuckState(ctx, c, run, now); err != nil {
		return a, err
	}
	return a, nil
}

// CriticalPath finds the critical path of one run.
func (s *Service) CriticalPath(ctx context.Context, c access.Caller, id string) (CriticalPath, error) {
	run, _, tasks, err := s.load(ctx, c, id)
	if err != nil {
		return CriticalPath{}, err
	}
	return CriticalPathOf(run, tasks[run.RunKey.ID()], s.Now()), nil
}

// load reads a run with all its attempts and their tasks.
func (s *Service) load(ctx context.Context, c access.Caller, id string) (*build.Run, []*build.Run, map[string][]*build.Task, error) {
	run, attempts, err := s.Run(ctx, c, id)
	if err != nil {
		return nil, nil, nil, err
	}
	tasks, err := s.Tasks(ctx, s.Ever(c), history.Keys(attempts))
	return run, attempts, tasks, err
}

func analysisOf(run *build.Run, attempts []*build.Run, tasks map[string][]*build.Task, now time.Time) Analysis {
	id := run.RunKey.ID()
	f := flowOf(run, tasks[id], now)
	a := Analysis{
		Build: history.RefOf(run), Live: f.live, AsOf: now.UTC(), Needs: f.needs, CriticalPath: f.criticalPath(),
		Phases: splitOf(build.PhasesOf(run, tasks[id], now)), Nodes: []JobNode{}, Edges: []JobEdge{}, Retry: retryOf(run, attempts, tasks, now),
	}
	f.inherit(attempts, tasks)
	on, slack, retriedBy := f.critical(), f.slack(), map[string]string{}
	for _, j := range f.jobs {
		if old := j.Attrs[build.KeyRetryOf]; old != "" {
			retriedBy[old] = j.ID
		}
	}
	basis := "inferred"
	if f.needs == NeedsDeclared {
		basis = "needs"
	}
	for _, j := range f.jobs {
		n := nodeOf(j, on[j], retriedBy[j.ID])
		if d, ok := slack[j]; ok {
			ns := int64(d)
			n.SlackNS = &ns
		}
		a.Nodes = append(a.Nodes, n)
		for _, need := range j.needs {
			a.Edges = append(a.Edges, JobEdge{From: need.ID, To: j.ID, Basis: basis, Critical: on[j] && j.gate == need})
		}
	}
	a.Stages = stagesOf(f, a.CriticalPath)
	return a
}

func nodeOf(j *job, critical bool, retriedBy string) JobNode {
	n := JobNode{
		ID: j.ID, Name: j.Name, StageID: j.stage, Status: j.Status.String(), Level: j.level, CreatedAt: history.Known(j.CreatedAt),
		StartedAt: history.Known(j.StartedAt), FinishedAt: history.Known(j.FinishedAt), RunNS: int64(j.runTime()), Runner: j.Runner, Flaky: j.Flaky,
		Retries: j.Retries, RetryOf: j.Attrs[build.KeyRetryOf], RetriedBy: retriedBy, Inherited: j.inherited, FromAttempt: j.Attempt,
		Critical: critical, URL: j.URL, Message: j.Message,
	}
	if j.SpanID != [8]byte{} {
		n.SpanID = fmt.Sprintf("%x", j.SpanID)
	}
	if j.Status != build.StatusSkipped {
		queue, approval := j.wait(j.gated(), time.Time{})
		n.QueueNS, n.ApprovalNS = int64(queue), int64(approval)
	}
	return n
}

// inherit adds the jobs of earlier attempts that this attempt did not run again: the newest of each name.
func (f *flow) inherit(attempts []*build.Run, tasks map[string][]*build.Task) {
	have := map[string]bool{}
	for _, j := range f.jobs {
		have[j.Name] = true
	}
	byAge := slices.Clone(attempts)
	slices.SortFunc(byAge, func(a, b *build.Run) int { return cmp.Compare(b.Attempt, a.Attempt) })
	for _, earlier := range byAge {
		if earlier.Attempt >= f.run.Attempt {
			continue
		}
		old := flowOf(earlier, tasks[earlier.RunKey.ID()], f.begin)
		for _, j := range old.jobs {
			if have[j.Name] || j.Status == build.StatusSkipped {
				continue
			}
			have[j.Name] = true
			j.inherited, j.level, j.needs, j.gate = true, 0, nil, nil
			f.jobs = append(f.jobs, j)
		}
	}
}

func stagesOf(f *flow, path CriticalPath) []StageNode {
	byName := map[string]*StageNode{}
	var order []*StageNode
	for _, j := range f.jobs {
		n := byName[j.stage]
		if n == nil {
			n = &StageNode{ID: j.stage, Name: j.stage, Status: j.Status.String(), Level: j.level}
			byName[j.stage] = n
			order = append(order, n)
		}
		n.add(j)
	}
	for _, s := range path.Segments {
		if n := byName[s.Stage]; n != nil && s.TaskID != "" {
			n.CriticalNS += s.DurationNS
		}
	}
	out := make([]StageNode, len(order))
	for i, n := range order {
		out[i] = *n
	}
	slices.SortStableFunc(out, func(a, b StageNode) int { return cmp.Compare(a.Level, b.Level) })
	return out
}

// statusWeight orders the states of jobs by how much they say of their stage.
var statusWeight = map[string]int{
	"failure": 9, "timeout": 8, "running": 7, "waiting": 6, "queued": 5, "cancelled": 4, "unknown": 3, "success": 2, "skipped": 1,
}

func (n *StageNode) add(j *job) {
	n.Jobs++
	status := j.Status.String()
	if j.Status == build.StatusFailure || j.Status == build.StatusTimeout {
		n.FailedJobs++
	}
	if statusWeight[status] > statusWeight[n.Status] {
		n.Status = status
	}
	n.Level = min(n.Level, j.level)
	if j.inherited || j.Status == build.StatusSkipped {
		return
	}
	queue, approval := j.wait(j.gated(), time.Time{})
	n.QueueNS, n.ApprovalNS, n.RunNS = n.QueueNS+int64(queue), n.ApprovalNS+int64(approval), n.RunNS+int64(j.runTime())
	if at := history.Known(j.StartedAt); at != nil && (n.StartedAt == nil || at.Before(*n.StartedAt)) {
		n.StartedAt = at
	}
	if at := history.Known(j.FinishedAt); at != nil && (n.FinishedAt == nil || at.After(*n.FinishedAt)) {
		n.FinishedAt = at
	}
}

// stuckState compares a run's silence with the pipeline's history.
func (s *Service) stuckState(ctx context.Context, c access.Caller, run *build.Run, now time.Time) (StuckState, error) {
	if run.Status.Finished() {
		return StuckState{Reason: "the run has ended"}, nil
	}
	last, err := s.LastEvents(ctx, s.Ever(c), []build.RunKey{run.RunKey})
	if err != nil {
		return StuckState{}, err
	}
	took, err := s.durations(ctx, c, run)
	return stuckOf(run, last[run.RunKey.ID()], now, took), err
}

func stuckOf(run *build.Run, last, now time.Time, took []time.Duration) StuckState {
	since, stuck := build.Stuck(run.Status, last, now, took)
	st := StuckState{Stuck: stuck, SilentNS: int64(now.Sub(last)), LimitNS: int64(build.StuckAfter(took)), HistoryRuns: len(took)}
	compared := "the 99th percentile of its pipeline's last " + strconv.Itoa(len(took)) + " runs"
	if len(took) < build.StuckHistory {
		compared = "the limit for pipelines with fewer than " + strconv.Itoa(build.StuckHistory) + " ended runs"
	}
	silent, limit := now.Sub(last).Round(time.Second), time.Duration(st.LimitNS).Round(time.Second)
	switch {
	case stuck:
		at := since.UTC()
		st.Since, st.Reason = &at, fmt.Sprintf("no event for %s, longer than %s, %s", silent, limit, compared)
	case run.Status == build.StatusWaiting:
		st.Reason = "it waits for an approval"
	default:
		st.Reason = fmt.Sprintf("the last event is %s old; it counts as stuck after %s, %s", silent, limit, compared)
	}
	return st
}

// durations are how long the last ended runs of the run's pipeline took from creation to end.
func (s *Service) durations(ctx context.Context, c access.Caller, run *build.Run) ([]time.Duration, error) {
	now := s.Now()
	f := history.RunFilter{
		Provider: run.Provider, Host: run.Host, Repo: run.Repo, Pipeline: run.Pipeline, Statuses: []string{"success", "failure", "cancelled", "timeout"},
	}
	runs, err := s.Runs(ctx, c.Scope(now.AddDate(0, 0, -90), now), f, 500)
	return tookOf(runs), err
}

func tookOf(runs []*build.Run) []time.Duration {
	var took []time.Duration
	for _, r := range runs {
		if r.Status.Finished() && !r.FinishedAt.IsZero() && r.FinishedAt.After(history.Began(r)) {
			took = append(took, r.FinishedAt.Sub(history.Began(r)))
		}
	}
	return took
}
