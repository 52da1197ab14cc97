// Package blame narrows down which commit brought an error or broke a build: from the first build or deployment that had
// it and the last that hadn't, over the commits between them, to changed files that are in the stack. Each suspect says why.
package blame

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"
	"github.com/summitobs/summit/queryd/history"
	"github.com/summitobs/summit/queryd/query"
	"github.com/summitobs/summit/queryd/runner"
)

// Report is the answer: the window and those in it.
type Report struct {
	Subject     Subject            `json:"subject"`
	FirstSeenAt *time.Time         `json:"first_seen_at"`
	FirstBuild  *history.BuildRef  `json:"first_build"`
	FirstCommit string             `json:"first_commit"`
	Basis       string             `json:"basis" enum:"none,digest,revision,version,time" doc:"How the first event was tied to its build"`
	Window      Window             `json:"window"`
	Frames      []query.Frame      `json:"frames" nullable:"false" doc:"Of the newest event, our own code first"`
	Tests       []history.TestRef  `json:"tests" nullable:"false" doc:"Those that began to fail"`
	Suspects    []Suspect          `json:"suspects" nullable:"false"`
	BuildRuns   []history.BuildRef `json:"build_runs" nullable:"false" doc:"Runs of the commits in the window"`
	Partial     bool               `json:"partial"`
}

// Subject is what somebody is looked for.
type Subject struct {
	Kind        string `json:"kind" enum:"error,build"`
	ID          string `json:"id"`
	Title       string `json:"title"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
}

// Reader finds suspects.
type Reader struct {
	history *history.Reader
	errors  *query.Service
}

// New makes a Reader over what queryd reads anyway.
func New(h *history.Reader, s *query.Service) *Reader { return &Reader{history: h, errors: s} }

const (
	// maxCommits of a repository are looked through for a window.
	maxCommits = 5000
	// maxSuspects are listed.
	maxSuspects = 20
	// timeWindow is looked at where neither a deployment nor a build before is known.
	timeWindow = 72 * time.Hour
)

// Error finds suspects of an error group, in one service and environment where they are given.
func (r *Reader) Error(ctx context.Context, c access.Caller, print, service, environment string) (Report, error) {
	now := r.history.Now()
	q := query.ErrorQuery{Window: query.Window{From: now.Add(-history.Retained), To: now}, Service: service, Environment: environment}
	group, err := r.errors.Error(ctx, c, print, q)
	if err != nil {
		return Report{}, err
	}
	rep := Report{
		Subject:     Subject{"error", group.Fingerprint, group.Title, group.Service, group.Environment},
		FirstSeenAt: group.FirstSeen, FirstCommit: group.FirstCommit, Basis: "none",
	}
	known := Case{Title: group.Type + " " + group.Title}
	for _, o := range group.Occurrences {
		if len(known.Frames) == 0 {
			known.Frames = o.Frames
		}
		if o.Correlation.CommitSHA == group.FirstCommit && group.FirstCommit != "" {
			rep.Basis = o.Correlation.Basis
		}
	}
	if rep.Basis == "none" && len(group.Occurrences) > 0 && group.FirstCommit != "" {
		rep.Basis = group.Occurrences[0].Correlation.Basis
	}
	return r.report(ctx, c, rep, known, group.FirstBuild)
}

// report finds the window of an error and ranks the commits in it.
func (r *Reader) report(ctx context.Context, c access.Caller, rep Report, known Case, firstBuild string) (Report, error) {
	seen := r.history.Now()
	if rep.FirstSeenAt != nil {
		seen = *rep.FirstSeenAt
	}
	first, err := r.firstRun(ctx, c, firstBuild, rep.FirstCommit, seen)
	if err != nil {
		return rep, err
	}
	deploys, err := r.history.Deployments(ctx, c.Scope(seen.Add(-180*24*time.Hour), seen.Add(time.Hour)),
		history.DeployFilter{Service: rep.Subject.Service, Environment: rep.Subject.Environment})
	if err != nil {
		return rep, err
	}
	w := byDeployments(deploys, seen, rep.FirstCommit)
	switch {
	case w.bad.commit == "" && first == nil:
		return rep, runner.Missing("build", "the one in which "+rep.Subject.ID+" was first seen")
	case w.good.commit == "" && first != nil:
		if w, err = r.byRuns(ctx, c, first, w); err != nil {
			return rep, err
		}
	}
	repo := w.repo
	if first != nil {
		ref := history.RefOf(first)
		rep.FirstBuild, repo = &ref, history.RepoOf(first.RunKey)
	}
	return r.rank(ctx, c, rep, known, w, repo, seen)
}

// rank reads the commits of the window and orders them.
func (r *Reader) rank(ctx context.Context, c access.Caller, rep Report, known Case, w window, repo history.RepoKey, seen time.Time) (Report, error) {
	commits, err := r.history.Commits(ctx, c.Scope(seen.Add(-history.Retained), seen.Add(time.Hour)), repo, maxCommits)
	if err != nil {
		return rep, err
	}
	between, complete := history.Between(commits, w.good.commit, w.bad.commit)
	if w.good.commit == "" {
		between, complete = since(between, seen.Add(-timeWindow)), false
	}
	known.Commits, known.Complete = between, complete
	rep.Window = w.describe(len(between), complete)
	rep.Partial = len(commits) == maxCommits
	rep.Tests = known.Tests
	if rep.Tests == nil {
		rep.Tests = []history.TestRef{}
	}
	rep.Frames = ownFirst(known.Frames)
	rep.Suspects = Rank(known)
	rep.Suspects = rep.Suspects[:min(len(rep.Suspects), maxSuspects)]
	rep.BuildRuns, err = r.runsOf(ctx, c, repo, between, seen)
	return rep, err
}

// firstRun is the run that the first event was tied to, or the newest of its commit.
func (r *Reader) firstRun(ctx context.Context, c access.Caller, id, commit string, seen time.Time) (*build.Run, error) {
	if id != "" {
		run, _, err := r.history.Run(ctx, c, id)
		var problem *runner.Problem
		if err == nil || !errors.As(err, &problem) || problem.Kind != runner.NotFound {
			return run, err
		}
	}
	if commit == "" {
		return nil, nil
	}
	runs, err := r.history.Runs(ctx, c.Scope(seen.Add(-history.Retained), seen.Add(time.Hour)), history.RunFilter{CommitSHA: commit}, 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return runs[0], nil
}

// byRuns takes the last green run of the same pipeline and branch for good.
func (r *Reader) byRuns(ctx context.Context, c access.Caller, bad *build.Run, w window) (window, error) {
	began := history.Began(bad)
	f := history.RunFilter{
		Provider: bad.Provider, Host: bad.Host, Repo: bad.Repo, Pipeline: bad.Pipeline, Branch: bad.Branch, Statuses: []string{build.StatusSuccess.String()},
	}
	runs, err := r.history.Runs(ctx, c.Scope(began.Add(-180*24*time.Hour), began), f, 50)
	if err != nil {
		return w, err
	}
	out := window{kind: "time", repo: history.RepoOf(bad.RunKey), bad: end{bad.RunKey.ID(), bad.CommitSHA, began}}
	for _, run := range runs {
		if history.Began(run).Before(began) && run.CommitSHA != bad.CommitSHA && run.CommitSHA != "" {
			out.kind, out.good = "build", end{run.RunKey.ID(), run.CommitSHA, history.Began(run)}
			return out, nil
		}
	}
	return out, nil
}

func (r *Reader) runsOf(ctx context.Context, c access.Caller, repo history.RepoKey, commits []*history.Commit, seen time.Time) ([]history.BuildRef, error) {
	if len(commits) == 0 {
		return []history.BuildRef{}, nil
	}
	shas := make([]string, 0, maxSuspects)
	for _, commit := range commits[max(0, len(commits)-maxSuspects):] {
		shas = append(shas, commit.SHA)
	}
	runs, err := r.history.Runs(ctx, c.Scope(seen.Add(-history.Retained), r.history.Now()), history.RunFilter{Repo: repo.Repo, Commits: shas}, 50)
	return history.Refs(runs), err
}

// Build finds suspects of a run that failed: its jobs' messages and the tests that passed in the run before.
func (r *Reader) Build(ctx context.Context, c access.Caller, id string) (Report, error) {
	run, _, err := r.history.Run(ctx, c, id)
	if err != nil {
		return Report{}, err
	}
	began := history.Began(run)
	ref := history.RefOf(run)
	rep := Report{
		Subject: Subject{Kind: "build", ID: id, Title: run.Pipeline + " " + run.Status.String()}, FirstSeenAt: history.Known(began),
		FirstBuild: &ref, FirstCommit: run.CommitSHA, Basis: "revision",
	}
	w, err := r.byRuns(ctx, c, run, window{})
	if err != nil {
		return rep, err
	}
	known := Case{}
	if known.Title, err = r.messages(ctx, c, run); err != nil {
		return rep, err
	}
	if known.Tests, err = r.began(ctx, c, run.RunKey, w.good.id); err != nil {
		return rep, err
	}
	return r.rank(ctx, c, rep, known, w, history.RepoOf(run.RunKey), began)
}

// messages are what the failed jobs say.
func (r *Reader) messages(ctx context.Context, c access.Caller, run *build.Run) (string, error) {
	tasks, err := r.history.Tasks(ctx, r.history.Ever(c), []build.RunKey{run.RunKey})
	var said []string
	for _, t := range tasks[run.RunKey.ID()] {
		if t.Status == build.StatusFailure || t.Status == build.StatusTimeout {
			said = append(said, t.Name, t.Message)
		}
	}
	return strings.Join(said, " "), err
}

// began are the tests that fail in a run and didn't in the other; all that fail where there is no other.
func (r *Reader) began(ctx context.Context, c access.Caller, run build.RunKey, good string) ([]history.TestRef, error) {
	keys := []build.RunKey{run}
	before, ok := build.ParseRunID(good)
	if ok {
		keys = append(keys, before)
	}
	results, _, err := r.history.Tests(ctx, r.history.Ever(c), history.TestFilter{Repo: run.Repo, Runs: keys})
	if err != nil {
		return nil, err
	}
	failedBefore := map[string]bool{}
	for _, t := range results {
		if ok && t.RunKey == before && t.Failed() {
			failedBefore[t.TestID] = true
		}
	}
	out := []history.TestRef{}
	for _, t := range results {
		if t.RunKey == run && (t.Outcome == history.Fail || t.Outcome == history.Error) && !failedBefore[t.TestID] {
			out = append(out, t.Ref())
		}
	}
	slices.SortFunc(out, func(a, b history.TestRef) int { return strings.Compare(a.Suite+a.Name, b.Suite+b.Name) })
	return out[:min(len(out), 200)], nil
}

func ownFirst(frames []query.Frame) []query.Frame {
	out := append([]query.Frame{}, frames...)
	slices.SortStableFunc(out, func(a, b query.Frame) int {
		switch {
		case a.InApp == b.InApp:
			return 0
		case a.InApp:
			return -1
		default:
			return 1
		}
	})
	return out
}

func since(commits []*history.Commit, at time.Time) []*history.Commit {
	for i, c := range commits {
		if !c.At.Before(at) {
			return commits[i:]
		}
	}
	return nil
}
