package faker

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// kind tells the story's changes from the ordinary ones.
type kind uint8

const (
	ordinary kind = iota
	slowChange
	badChange
	brokenBuild
	flakyBuild
)

// change is a commit with everything that follows from it: attempts of a run, an image, deployments.
type change struct {
	index   int
	service *service
	kind    kind
	at      time.Time
	sha     string
	before  string
	subject string
	author  int
	version string
	digest  string
	runID   int64
	number  int
	// attempts are the runs of the pipeline; all but the last failed.
	attempts []attempt
	deploys  []deploy
}

// attempt is one run of the pipeline.
type attempt struct {
	number     int
	createdAt  time.Time
	startedAt  time.Time
	finishedAt time.Time
	jobs       []jobRun
	success    bool
}

type jobRun struct {
	id         int64
	createdAt  time.Time
	startedAt  time.Time
	finishedAt time.Time
	conclusion string
	steps      []stepRun
	runner     string
}

type stepRun struct {
	name                  string
	number                int
	startedAt, finishedAt time.Time
	conclusion            string
}

type deploy struct {
	id          int64
	environment string
	createdAt   time.Time
	finishedAt  time.Time
}

// release says from when on a service runs a change in an environment.
type release struct {
	service     string
	environment string
	at          time.Time
	change      *change
}

// planned is a change before its details are made up.
type planned struct {
	service *service
	share   float64
	kind    kind
	subject string
}

// Shares of the history at which the story's commits are pushed. Their deployments follow within about half an hour.
const (
	slowShare = 0.62
	badShare  = 0.86
)

func (w *World) writeHistory() {
	var plan []planned
	for i := range shop {
		s := &shop[i]
		// Before the history everything runs a first release, deployed right at the start.
		plan = append(plan, planned{s, 0, ordinary, s.subjects[0]})
		for j := 1; j < len(s.subjects); j++ {
			share := 0.08 + 0.17*float64(j) + 0.021*float64(i)
			plan = append(plan, planned{s, share, ordinary, s.subjects[j]})
		}
	}
	plan = append(plan,
		planned{w.services[slowService], slowShare, slowChange, slowSubject},
		planned{w.services[badService], badShare, badChange, badSubject},
		planned{w.services["storefront"], 0.90, brokenBuild, "Try the new bundler"},
		// The last hour has builds of its own, the youngest still running.
		planned{w.services["storefront"], 0.968, ordinary, "Back to the old bundler"},
		planned{w.services["payments"], 0.984, ordinary, "Log the gateway's request id"},
		planned{w.services["mailer"], 0.9988, ordinary, "Render receipts without the cache"},
	)
	// The slow and the bad release stay the last of their services, so that the present shows them.
	last := map[string]float64{slowService: slowShare, badService: badShare}
	plan = slices.DeleteFunc(plan, func(p planned) bool {
		limit, ok := last[p.service.name]
		return ok && p.kind == ordinary && p.share > limit-0.05
	})
	slices.SortStableFunc(plan, func(a, b planned) int {
		switch {
		case a.share < b.share:
			return -1
		case a.share > b.share:
			return 1
		}
		return 0
	})
	heads, counts := map[string]string{}, map[string]int{}
	for i, p := range plan {
		counts[p.service.name]++
		c := w.makeChange(i, p, counts[p.service.name], heads[p.service.name], w.at(p.share))
		heads[p.service.name] = c.sha
		w.changes = append(w.changes, c)
	}
	for i := range w.changes {
		w.release(&w.changes[i])
	}
	slices.SortStableFunc(w.releases, func(a, b release) int { return a.at.Compare(b.at) })
}

// isFlakyBuild picks the builds of the flaky service that need a second attempt.
func isFlakyBuild(s *service, count int) bool { return s.name == flakyService && count%2 == 0 }

func (w *World) makeChange(index int, p planned, count int, before string, at time.Time) change {
	r := w.random(streamCommit, uint64(index))
	s := p.service
	c := change{
		index: index, service: s, kind: p.kind, at: at, subject: p.subject, author: r.IntN(len(people)),
		sha: hexOf(r, 20), before: before, number: 400 + count,
		version: fmt.Sprintf("%d.%d.%d", s.major, s.minor, s.patch+count),
		digest:  "sha256:" + hexOf(w.random(streamImage, uint64(index)), 32),
		runID:   19_412_000_000 + int64(index)*1_373 + int64(w.settings.Seed%1000)*1_000_000,
	}
	if before == "" {
		c.before = hexOf(r, 20)
	}
	if c.kind == ordinary && isFlakyBuild(s, count) {
		c.kind = flakyBuild
	}
	begin := at.Add(around(r, 8*time.Second))
	first := c.kind != flakyBuild && c.kind != brokenBuild
	c.attempts = append(c.attempts, w.runPipeline(&c, 1, begin, first))
	if c.kind == flakyBuild {
		again := c.attempts[0].finishedAt.Add(around(r, 3*time.Minute))
		c.attempts = append(c.attempts, w.runPipeline(&c, 2, again, true))
	}
	if end := c.attempts[len(c.attempts)-1]; end.success {
		c.deploys = w.deployments(&c, end.finishedAt)
	}
	return c
}

// runPipeline makes up one attempt; a failing one breaks in the integration tests.
func (w *World) runPipeline(c *change, number int, at time.Time, success bool) attempt {
	r := w.random(streamRun, uint64(c.index), uint64(number))
	a := attempt{number: number, createdAt: at, startedAt: at.Add(time.Second), finishedAt: at, success: success}
	ends := make([]time.Time, len(pipeline))
	for i, j := range pipeline {
		from := a.startedAt
		if j.after >= 0 {
			from = ends[j.after]
		}
		jr := jobRun{
			id: c.runID*10 + int64(number)*5_000_000_000 + int64(i), createdAt: from,
			startedAt: from.Add(around(r, j.queue)), conclusion: "success", runner: fmt.Sprintf("acme-runner-%d", 1+r.IntN(6)),
		}
		t := jr.startedAt
		for k, s := range j.steps {
			sr := stepRun{name: s.name, number: k + 1, startedAt: t, conclusion: "success"}
			t = t.Add(around(r, s.took))
			sr.finishedAt = t
			if !success && i == integrationJob && k == len(j.steps)-1 {
				sr.conclusion, jr.conclusion = "failure", "failure"
			}
			jr.steps = append(jr.steps, sr)
		}
		jr.finishedAt, ends[i] = t, t
		if t.After(a.finishedAt) {
			a.finishedAt = t
		}
		a.jobs = append(a.jobs, jr)
	}
	a.finishedAt = a.finishedAt.Add(time.Second)
	return a
}

// deployments puts a change into staging and, a look later, into production.
func (w *World) deployments(c *change, built time.Time) []deploy {
	r := w.random(streamRun, uint64(c.index), 99)
	base := 2_280_000_000 + int64(c.index)*211 + int64(w.settings.Seed%1000)*100_000
	look := w.settings.History / 160
	stage := deploy{id: base, environment: staging, createdAt: built.Add(around(r, 5*time.Second))}
	stage.finishedAt = stage.createdAt.Add(around(r, 40*time.Second))
	prod := deploy{id: base + 1, environment: production, createdAt: stage.finishedAt.Add(around(r, look))}
	prod.finishedAt = prod.createdAt.Add(around(r, 70*time.Second))
	return []deploy{stage, prod}
}

func (w *World) release(c *change) {
	for _, d := range c.deploys {
		at := d.finishedAt
		if at.After(w.settings.Base) {
			continue
		}
		w.releases = append(w.releases, release{service: c.service.name, environment: d.environment, at: at, change: c})
	}
}

// running is the change that a service runs in an environment at a time; before its first deployment it runs the oldest.
func (w *World) running(name, environment string, at time.Time) *change {
	var found *change
	for i := range w.releases {
		rel := &w.releases[i]
		if rel.service != name || rel.environment != environment {
			continue
		}
		if found != nil && rel.at.After(at) {
			break
		}
		found = rel.change
	}
	return found
}

// Story names the things worth a look, for those who print or test them.
type Story struct {
	// BadCommit is the commit whose code throws, BadRunID and BadDeploymentID what built and deployed it.
	BadCommit       string
	BadRunID        string
	BadDeploymentID string
	BadDigest       string
	BadDeployedAt   time.Time
	BadService      string
	BadType         string
	// SlowCommit and SlowVersion are the release that got slow.
	SlowCommit     string
	SlowVersion    string
	SlowService    string
	SlowDeployedAt time.Time
	// FlakyRunIDs are the runs that passed at the second attempt.
	FlakyRunIDs []string
}

// Story gives the names of what happens in this world, with ids in the form that the API uses.
func (w *World) Story() Story {
	st := Story{BadService: badService, SlowService: slowService, BadType: taxException.typ}
	for i := range w.changes {
		c := &w.changes[i]
		switch c.kind {
		case badChange:
			st.BadCommit, st.BadDigest = c.sha, c.digest
			st.BadRunID = runName(c, 1)
			st.BadDeploymentID = deploymentName(c, c.deploys[1])
			st.BadDeployedAt = c.deploys[1].finishedAt
		case slowChange:
			st.SlowCommit, st.SlowVersion = c.sha, c.version
			st.SlowDeployedAt = c.deploys[1].finishedAt
		case flakyBuild:
			if end := c.attempts[1]; !end.finishedAt.After(w.settings.Base) {
				st.FlakyRunIDs = append(st.FlakyRunIDs, runName(c, 2))
			}
		}
	}
	return st
}

func runName(c *change, attempt int) string {
	return "github:github.com:" + c.service.repo() + ":" + itoa(c.runID) + ":" + strconv.Itoa(attempt)
}

func deploymentName(c *change, d deploy) string {
	return "github:github.com:" + c.service.repo() + ":" + itoa(d.id)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
