package query

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/access"

	sb "github.com/summitobs/summit/internal/sqlbuild"
)

// SubjectKinds are what a lineage can start from.
var SubjectKinds = []string{"error", "trace", "build", "deployment", "commit", "artifact"}

// longestLineage is how far back traces and errors of a build are counted.
const longestLineage = 7 * 24 * time.Hour

// LineageQuery asks how one thing came to be and what came of it.
type LineageQuery struct {
	Kind, ID string
	// From and To may be zero: then the subject's own time decides.
	From, To             time.Time
	Service, Environment string
}

// Lineage is the path from a commit to the people who felt it, through one subject.
type Lineage struct {
	Subject Subject `json:"subject"`
	Hops    []Hop   `json:"hops" nullable:"false" doc:"Always eight, from commit to sessions"`
	Partial bool    `json:"partial" doc:"Counts reach back seven days only"`
}

// Subject is what the lineage was asked for.
type Subject struct {
	Kind string `json:"kind" enum:"error,trace,build,deployment,commit,artifact"`
	ID   string `json:"id"`
}

// Hop is one station of the path. Its basis is the weakest evidence on the way from the subject to it.
type Hop struct {
	Kind     string     `json:"kind" enum:"commit,build,tests,artifact,deploy,traces,errors,sessions"`
	State    string     `json:"state" enum:"known,unknown,none" doc:"none: known that there is nothing; unknown: the evidence does not reach this far"`
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Detail   string     `json:"detail"`
	Status   string     `json:"status" enum:"ok,failed,running,unknown"`
	At       *time.Time `json:"at"`
	Href     string     `json:"href" doc:"Path in the user interface, empty where there is no page"`
	Basis    string     `json:"basis" enum:"none,digest,revision,version,time"`
	Evidence string     `json:"evidence" doc:"Why this hop belongs here, in words"`
	Count    uint64     `json:"count"`
}

// Lineage resolves the subject to a build and tells every station on the path.
func (s *Service) Lineage(ctx context.Context, c access.Caller, q LineageQuery) (Lineage, error) {
	l := Lineage{Subject: Subject{Kind: q.Kind, ID: q.ID}}
	ch, err := s.resolve(ctx, c, q)
	if err != nil {
		return l, err
	}
	if err := s.complete(ctx, c, ch); err != nil {
		return l, err
	}
	l.Partial = ch.window(q, s.now())
	for _, hop := range []func(context.Context, access.Caller, *chain) (Hop, error){
		s.commitHop, s.buildHop, s.testsHop, s.artifactHop, s.deployHop, s.tracesHop, s.errorsHop, s.sessionsHop,
	} {
		h, err := hop(ctx, c, ch)
		if err != nil {
			return l, err
		}
		if h.Status == "" {
			h.Status = "unknown"
		}
		if h.Basis == "" {
			h.Basis = "none"
		}
		l.Hops = append(l.Hops, h)
	}
	return l, nil
}

// window sets the time in which traces, errors and sessions are counted, and tells whether it had to be cut.
func (ch *chain) window(q LineageQuery, now time.Time) (cut bool) {
	ch.from, ch.to = q.From, q.To
	if !ch.from.IsZero() && !ch.to.IsZero() {
		return false
	}
	ch.from, ch.to = ch.since.Add(-time.Hour), now.UTC().Add(time.Minute)
	if ch.since.IsZero() || ch.to.Sub(ch.from) > longestLineage {
		ch.from = ch.to.Add(-longestLineage)
		return true
	}
	return false
}

func (s *Service) commitHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "commit", State: "unknown", Evidence: ch.why}
	if ch.commit.id == "" {
		if ch.run != nil {
			h.Evidence = "The build run does not say which commit it built."
		}
		return h, nil
	}
	from, to := s.anyTime()
	cm, err := s.commit(ctx, c.Scope(from, to), ch.repo, ch.commit.id)
	if err != nil {
		return h, err
	}
	h.known(ch.commit)
	h.Status, h.Title, h.At = "ok", short(ch.commit.id), known(cm.at)
	if cm.Message != "" {
		h.Title = cm.Message
	}
	h.Detail = joinText(cm.Author, ch.repo.Repo)
	h.Href = "/builds?commit_sha=" + url.QueryEscape(ch.commit.id)
	return h, nil
}

func (s *Service) buildHop(_ context.Context, _ access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "build", State: "unknown", Evidence: ch.why}
	if ch.build.id == "" {
		if ch.commit.id != "" {
			h.Evidence = "No build run of this commit has been received."
		}
		return h, nil
	}
	h.known(ch.build)
	h.Title, h.Href = ch.build.id, "/builds/"+url.PathEscape(ch.build.id)
	if r := ch.run; r != nil {
		h.Title = fmt.Sprintf("%s #%s", firstOf(r.Pipeline, r.Name, "build"), r.RunID)
		if r.Attempt > 1 {
			h.Title += fmt.Sprintf(" (attempt %d)", r.Attempt)
		}
		h.Detail, h.Status, h.At = joinText(r.Repo, r.Branch), hopStatus(r.Status), firstTime(r.FinishedAt, r.StartedAt, r.CreatedAt)
		h.Count = r.Tasks
	} else {
		h.Evidence += " The run itself has not been received."
	}
	return h, nil
}

func (s *Service) testsHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "tests", State: "unknown", Evidence: "The build run is not known, so neither are its tests."}
	if ch.build.id == "" {
		return h, nil
	}
	from, to := s.anyTime()
	t, err := s.tests(ctx, c.Scope(from, to), ch.repo)
	if err != nil {
		return h, err
	}
	if t.Total == 0 {
		h.State, h.Evidence = "none", "No test report has been received for this build run."
		return h, nil
	}
	h.known(link{id: ch.build.id, basis: ch.build.basis, evidence: "The test report was sent for this build run."})
	h.Count, h.Href = t.Total, "/builds/"+url.PathEscape(ch.build.id)
	h.Title = fmt.Sprintf("%d of %d passed", t.Total-t.Failed, t.Total)
	h.Status = "ok"
	if t.Failed > 0 {
		h.Status = "failed"
	}
	if t.Flaky > 0 {
		h.Detail = fmt.Sprintf("%d flaky", t.Flaky)
	}
	return h, nil
}

func (s *Service) artifactHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "artifact", State: "unknown", Evidence: ch.why}
	if ch.build.id == "" && ch.artifact.id == "" {
		return h, nil
	}
	var list []Artifact
	var err error
	if ch.build.id != "" {
		from, to := s.anyTime()
		if list, err = s.artifacts(ctx, c.Scope(from, to), append(ofRun(ch.repo), attemptOf(ch.repo))); err != nil {
			return h, err
		}
	}
	h.Count = uint64(len(list))
	for _, a := range list {
		if ch.artifact.id == "" || a.Digest == ch.artifact.id || a.ID == ch.artifact.id {
			l := ch.artifact
			if l.id == "" {
				l = link{id: firstOf(a.Digest, a.ID), basis: weakest(ch.build.basis, "digest"), evidence: "The build run reported that it made this artifact."}
			}
			h.known(l)
			h.Title, h.Detail, h.Status, h.At = firstOf(a.Name, short(a.Digest)), a.Digest, "ok", a.CreatedAt
			h.Href = "/builds/" + url.PathEscape(ch.build.id)
			return h, nil
		}
	}
	if ch.artifact.id != "" {
		h.known(ch.artifact)
		h.Title, h.Detail = short(ch.artifact.id), ch.artifact.id
		return h, nil
	}
	h.State, h.Evidence = "none", "This build run reported no artifact."
	return h, nil
}

func (s *Service) deployHop(ctx context.Context, c access.Caller, ch *chain) (Hop, error) {
	h := Hop{Kind: "deploy", State: "unknown", Evidence: ch.why}
	if ch.deploy == nil && ch.build.id != "" {
		from, to := s.anyTime()
		list, err := s.deployments(ctx, c.Scope(from, to), sb.Eq(sb.Col("build_run_id"), sb.Val(ch.build.id)))
		if err != nil {
			return h, err
		}
		h.Count = uint64(len(list))
		if len(list) > 0 {
			ch.deploy = &list[0]
			ch.deployment = link{id: list[0].ID, basis: weakest(ch.build.basis, list[0].Basis), evidence: deployEvidence(list[0])}
		}
	}
	switch {
	case ch.deployment.id == "" && ch.build.id == "":
		return h, nil
	case ch.deployment.id == "":
		h.State, h.Evidence = "none", "No deployment of this build run has been received."
		return h, nil
	}
	h.known(ch.deployment)
	h.Title, h.Count = ch.deployment.id, max(h.Count, 1)
	if d := ch.deploy; d != nil {
		h.Title = firstOf(d.Environment, d.ID)
		h.Detail = joinText(d.Service, d.version)
		h.Status, h.At = hopStatus(d.Status), firstTime(d.FinishedAt, d.StartedAt, d.began)
	} else {
		h.Evidence += " The deployment itself has not been received."
	}
	if ch.build.id != "" {
		h.Href = "/builds/" + url.PathEscape(ch.build.id)
	}
	return h, nil
}

func (h *Hop) known(l link) {
	h.State, h.ID, h.Basis, h.Evidence = "known", l.id, l.basis, l.evidence
}

// hopStatus puts the states of runs and deployments into the four that a hop shows.
func hopStatus(s string) string {
	switch s {
	case "success", "inactive":
		return "ok"
	case "failure", "timeout", "cancelled", "rolled_back":
		return "failed"
	case "running", "queued", "waiting", "pending", "in_progress":
		return "running"
	}
	return "unknown"
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

func firstTime(ts ...*time.Time) *time.Time {
	for _, t := range ts {
		if t != nil {
			return t
		}
	}
	return nil
}

func joinText(ss ...string) string { return strings.Join(nonEmpty(ss), " · ") }

// short cuts a hash to the length that people compare.
func short(id string) string {
	name, hex, ok := strings.Cut(id, ":")
	if !ok {
		return id[:min(len(id), 12)]
	}
	return name + ":" + hex[:min(len(hex), 12)]
}

var basisRank = map[string]int{"none": 0, "": 0, "digest": 1, "revision": 2, "version": 3, "time": 4}

// weakest is the weaker of two kinds of evidence. "none" stands for a direct record and weakens nothing.
func weakest(a, b string) string {
	if basisRank[b] > basisRank[a] {
		return b
	}
	return a
}

// runKeyOf reads a run's id; a deployment or commit without one has its repository only.
func runKeyOf(id string, repo build.RunKey) build.RunKey {
	if k, ok := build.ParseRunID(id); ok {
		return k
	}
	return repo
}
