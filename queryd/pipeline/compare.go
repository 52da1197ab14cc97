package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
)

// Comparison is a run beside one that was well.
type Comparison struct {
	Build           history.BuildRef    `json:"build"`
	Base            *history.BuildRef   `json:"base" doc:"Null where no run succeeded before"`
	BaseReason      string              `json:"base_reason"`
	DurationDeltaNS *int64              `json:"duration_delta_ns"`
	Tasks           []TaskChange        `json:"tasks" nullable:"false" doc:"The worst first"`
	Tests           TestChanges         `json:"tests"`
	Commits         []history.CommitRef `json:"commits" nullable:"false" doc:"Commits that the base doesn't have, newest first"`
	Partial         bool                `json:"partial"`
}

// TaskChange is a job beside the one of the same name.
type TaskChange struct {
	Name        string `json:"name"`
	Stage       string `json:"stage"`
	Change      string `json:"change" enum:"broken,fixed,slower,faster,same,new,gone"`
	Status      string `json:"status"`
	BaseStatus  string `json:"base_status"`
	RunNS       *int64 `json:"run_ns"`
	BaseRunNS   *int64 `json:"base_run_ns"`
	DeltaNS     *int64 `json:"delta_ns"`
	QueueNS     *int64 `json:"queue_ns"`
	BaseQueueNS *int64 `json:"base_queue_ns"`
	TaskID      string `json:"task_id"`
	BaseTaskID  string `json:"base_task_id"`
}

// TestChanges are the tests whose result differs.
type TestChanges struct {
	NewlyFailing []history.TestRef `json:"newly_failing" nullable:"false"`
	StillFailing []history.TestRef `json:"still_failing" nullable:"false"`
	Fixed        []history.TestRef `json:"fixed" nullable:"false"`
	New          int               `json:"new" doc:"Tests that the base didn't run"`
	Gone         int               `json:"gone" doc:"Tests that only the base ran"`
}

// Compare puts a run beside another one, or beside the last that succeeded before it.
func (s *Service) Compare(ctx context.Context, c access.Caller, id, with string) (Comparison, error) {
	run, _, tasks, err := s.load(ctx, c, id)
	if err != nil {
		return Comparison{}, err
	}
	out := Comparison{
		Build: history.RefOf(run), Tasks: []TaskChange{}, Commits: []history.CommitRef{},
		Tests: TestChanges{NewlyFailing: []history.TestRef{}, StillFailing: []history.TestRef{}, Fixed: []history.TestRef{}},
	}
	base, reason, err := s.base(ctx, c, run, with)
	if out.BaseReason = reason; err != nil || base == nil {
		return out, err
	}
	ref := history.RefOf(base)
	out.Base = &ref
	if delta := run.Duration - base.Duration; run.Duration > 0 && base.Duration > 0 {
		ns := int64(delta)
		out.DurationDeltaNS = &ns
	}
	baseTasks, err := s.Tasks(ctx, s.Ever(c), []build.RunKey{base.RunKey})
	if err != nil {
		return out, err
	}
	now := s.Now()
	out.Tasks = changesOf(flowOf(run, tasks[run.RunKey.ID()], now), flowOf(base, baseTasks[base.RunKey.ID()], now))
	results, full, err := s.Tests(ctx, s.Ever(c), history.TestFilter{Repo: run.Repo, Runs: []build.RunKey{run.RunKey, base.RunKey}})
	if err != nil {
		return out, err
	}
	out.Tests = testChanges(results, run.RunKey, base.RunKey)
	out.Partial = !full
	commits, err := s.commitsBetween(ctx, c, base, run)
	out.Commits = append(out.Commits, commits...)
	return out, err
}

// base is the run to compare with, and why it is that one.
func (s *Service) base(ctx context.Context, c access.Caller, run *build.Run, with string) (*build.Run, string, error) {
	if with != "" {
		base, _, err := s.Run(ctx, c, with)
		return base, "the run that was asked for", err
	}
	f := history.RunFilter{Provider: run.Provider, Host: run.Host, Repo: run.Repo, Pipeline: run.Pipeline, Branch: run.Branch, Statuses: []string{"success"}}
	begin := history.Began(run)
	for _, branch := range []string{run.Branch, ""} {
		f.Branch = branch
		runs, err := s.Runs(ctx, c.Scope(begin.AddDate(0, 0, -90), begin), f, 50)
		if err != nil {
			return nil, "", err
		}
		for _, r := range runs {
			if history.Began(r).Before(begin) && r.RunKey != run.RunKey {
				where := "on " + r.Branch
				if branch == "" && run.Branch != r.Branch {
					where = "on " + r.Branch + ", for want of one on " + run.Branch
				}
				return r, fmt.Sprintf("the last run of %s that succeeded before, %s", r.Pipeline, where), nil
			}
		}
	}
	return nil, "no run of " + run.Pipeline + " succeeded in the 90 days before", nil
}

// noise is how much a job's time may differ without a word: a tenth, and five seconds.
func noise(base time.Duration) time.Duration { return max(base/10, 5*time.Second) }

var changeOrder = []string{"broken", "slower", "new", "fixed", "faster", "gone", "same"}

func changesOf(now, before *flow) []TaskChange {
	old := map[string]*job{}
	for _, j := range before.jobs { // of jobs that were repeated the last one counts
		old[j.Name] = j
	}
	fresh := map[string]*job{}
	for _, j := range now.jobs {
		fresh[j.Name] = j
	}
	out := []TaskChange{}
	for name, j := range fresh {
		out = append(out, changeOf(j, old[name]))
	}
	for name, j := range old {
		if fresh[name] == nil {
			c := changeOf(nil, j)
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b TaskChange) int {
		return cmp.Or(cmp.Compare(slices.Index(changeOrder, a.Change), slices.Index(changeOrder, b.Change)),
			cmp.Compare(magnitude(b.DeltaNS), magnitude(a.DeltaNS)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func magnitude(ns *int64) int64 {
	if ns == nil {
		return 0
	}
	return max(*ns, -*ns)
}

func changeOf(j, old *job) TaskChange {
	c := TaskChange{Change: "same"}
	measure := func(j *job) (run, queue *int64) {
		if j.StartedAt.IsZero() || j.Status == build.StatusSkipped {
			return nil, nil
		}
		q, _ := j.wait(j.gated(), time.Time{})
		r, n := int64(j.runTime()), int64(q)
		return &r, &n
	}
	if old != nil {
		c.Name, c.Stage, c.BaseStatus, c.BaseTaskID = old.Name, old.stage, old.Status.String(), old.ID
		c.BaseRunNS, c.BaseQueueNS = measure(old)
	}
	if j != nil {
		c.Name, c.Stage, c.Status, c.TaskID = j.Name, j.stage, j.Status.String(), j.ID
		c.RunNS, c.QueueNS = measure(j)
	}
	if c.RunNS != nil && c.BaseRunNS != nil {
		d := *c.RunNS - *c.BaseRunNS
		c.DeltaNS = &d
	}
	bad := func(j *job) bool { return j.Status == build.StatusFailure || j.Status == build.StatusTimeout }
	switch {
	case old == nil:
		c.Change = "new"
	case j == nil:
		c.Change = "gone"
	case bad(j) && !bad(old):
		c.Change = "broken"
	case bad(old) && j.Status == build.StatusSuccess:
		c.Change = "fixed"
	case c.DeltaNS == nil:
	case time.Duration(*c.DeltaNS) > noise(old.runTime()):
		c.Change = "slower"
	case time.Duration(-*c.DeltaNS) > noise(old.runTime()):
		c.Change = "faster"
	}
	return c
}

func testChanges(results []*history.TestResult, run, base build.RunKey) TestChanges {
	out := TestChanges{NewlyFailing: []history.TestRef{}, StillFailing: []history.TestRef{}, Fixed: []history.TestRef{}}
	old, fresh := map[string]*history.TestResult{}, map[string]*history.TestResult{}
	for _, t := range results {
		switch t.RunKey {
		case run:
			fresh[t.TestID] = t
		case base:
			old[t.TestID] = t
		}
	}
	bad := func(t *history.TestResult) bool {
		return t != nil && (t.Outcome == history.Fail || t.Outcome == history.Error)
	}
	for id, t := range fresh {
		switch before := old[id]; {
		case before == nil && !bad(t):
			out.New++
		case before == nil:
			out.New++
			out.NewlyFailing = append(out.NewlyFailing, t.Ref())
		case bad(t) && bad(before):
			out.StillFailing = append(out.StillFailing, t.Ref())
		case bad(t):
			out.NewlyFailing = append(out.NewlyFailing, t.Ref())
		case bad(before):
			out.Fixed = append(out.Fixed, t.Ref())
		}
	}
	for id := range old {
		if fresh[id] == nil {
			out.Gone++
		}
	}
	for _, list := range [][]history.TestRef{out.NewlyFailing, out.StillFailing, out.Fixed} {
		slices.SortFunc(list, func(a, b history.TestRef) int {
			return cmp.Or(cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Name, b.Name))
		})
	}
	return out
}

func (s *Service) commitsBetween(ctx context.Context, c access.Caller, base, run *build.Run) ([]history.CommitRef, error) {
	if run.CommitSHA == "" || base.CommitSHA == run.CommitSHA {
		return nil, nil
	}
	scope := c.Scope(history.Began(base).AddDate(0, 0, -30), history.Began(run).Add(time.Hour))
	commits, err := s.Commits(ctx, scope, history.RepoOf(run.RunKey), 0)
	if err != nil {
		return nil, err
	}
	between, _ := history.Between(commits, base.CommitSHA, run.CommitSHA)
	var refs []history.CommitRef
	for _, cm := range slices.Backward(between) {
		refs = append(refs, cm.Ref())
	}
	return refs[:min(len(refs), 200)], nil
}
