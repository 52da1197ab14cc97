// Package fleet makes the history of services that are built, deployed, rolled back and tried on a few hosts first, and
// measures how much of their telemetry the build index joins to the right commit, build run and deployment. It knows what
// really ran from its own timeline and nothing of the index's rules.
package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
)

// Options of a fleet.
type Options struct {
	Seed uint64
	// Services times Releases is the number of builds. Defaults 20 and 30.
	Services, Releases int
	// Spans is how many moments are looked at. Default 20000.
	Spans int
}

func (o Options) withDefaults() Options {
	if o.Services == 0 {
		o.Services = 20
	}
	if o.Releases == 0 {
		o.Releases = 30
	}
	if o.Spans == 0 {
		o.Spans = 20000
	}
	return o
}

// release is one build of a service.
type release struct {
	service, version, commit, digest string
	run                              build.RunKey
	at                               time.Time
}

// rollout is one deployment of a release: hosts change over between begin and end, and serve until gone.
type rollout struct {
	*release
	id          string
	environment string
	canary      bool
	begin, end  time.Time
	gone        time.Time
	supersedes  *rollout
}

func (r *rollout) deployment() string {
	return fmt.Sprintf("%s:%s:%s:%s", r.run.Provider, r.run.Host, r.run.Repo, r.id)
}

// delivery is an event that reaches the index at a time.
type delivery struct {
	at    time.Time
	event build.Event
}

// Span is a moment of a process: what it reports, when, and what is true of it.
type Span struct {
	At       time.Time
	Evidence correlation.Evidence
	Commit   string
	Run      string
	// Deployments are those that may have put the process there: during the promotion of a canary, two.
	Deployments []string
	// KnownDigest tells that the process reports a digest that a build has published.
	KnownDigest bool
}

// Fleet is a made history.
type Fleet struct {
	deliveries []delivery
	Spans      []Span
	rollouts   []*rollout
	end        time.Time
}

type maker struct {
	*rand.Rand
	Fleet
	deployments int
}

var environments = []string{"production", "staging"}

// New makes a fleet. The same options give the same fleet.
func New(o Options) *Fleet {
	o = o.withDefaults()
	m := &maker{Rand: rand.New(rand.NewPCG(o.Seed, 0x5))}
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range o.Services {
		m.service(fmt.Sprintf("service-%02d", i), start, o.Releases)
	}
	for _, r := range m.rollouts {
		m.deliverDeployment(r)
	}
	slices.SortStableFunc(m.deliveries, func(a, b delivery) int { return a.at.Compare(b.at) })
	for range o.Spans {
		m.span(start)
	}
	slices.SortFunc(m.Spans, func(a, b Span) int { return a.At.Compare(b.At) })
	return &m.Fleet
}

func (m *maker) hash(n int, parts ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(append(parts, m.Uint64())...)))
	return hex.EncodeToString(sum[:])[:n]
}

func (m *maker) minutes(low, high int) time.Duration {
	return time.Duration(low*60+m.IntN((high-low)*60)) * time.Second
}

// service lives through builds: most go to staging and production, some are tried on a few hosts first and promoted or
// withdrawn, some are rolled back to what ran before.
func (m *maker) service(name string, at time.Time, releases int) {
	live := map[string]*rollout{}
	var commits []string
	for n := range releases {
		at = at.Add(m.minutes(40, 300))
		r := m.release(name, n, at, commits)
		commits = append(commits, r.commit)
		shipped := at.Add(m.minutes(5, 20))
		shipped = m.ship(r, "staging", shipped, live)
		if m.Float64() < 0.2 {
			continue // never promoted to production
		}
		shipped = shipped.Add(m.minutes(5, 30))
		if m.Float64() < 0.3 && live["production"] != nil {
			var promoted bool
			if shipped, promoted = m.canary(r, shipped, live); !promoted {
				at = shipped
				continue
			}
		} else {
			shipped = m.ship(r, "production", shipped, live)
		}
		if before := live["production"].supersedes; before != nil && m.Float64() < 0.15 {
			shipped = m.ship(before.release, "production", shipped.Add(m.minutes(5, 60)), live)
		}
		at = shipped
	}
	for _, r := range live {
		r.gone = at.Add(24 * time.Hour)
		if r.gone.After(m.end) {
			m.end = r.gone
		}
	}
}

// release builds. Now and then a commit is built again: another run, another digest, the same commit.
func (m *maker) release(service string, n int, at time.Time, commits []string) *release {
	r := &release{
		service: service, version: fmt.Sprintf("1.%d.0", n), commit: m.hash(40, service, n), digest: "sha256:" + m.hash(64, service, n), at: at,
		run: build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/" + service, RunID: fmt.Sprint(1000 + n), Attempt: 1},
	}
	if len(commits) > 0 && m.Float64() < 0.1 {
		r.commit = commits[len(commits)-1]
	}
	late := m.late()
	m.deliver(at.Add(late), &build.Run{
		RunKey: r.run, State: build.State{Pipeline: "CI", CommitSHA: r.commit, Status: build.StatusSuccess, CreatedAt: at, FinishedAt: at, UpdatedAt: at, Version: 1},
	})
	m.deliver(at.Add(m.late()), &build.Artifact{
		RunKey: r.run, Digest: r.digest, Name: "registry.example.com/" + service, ArtifactVersion: r.version, Service: service, CommitSHA: r.commit,
		CreatedAt: at, UpdatedAt: at, Version: 1,
	})
	return r
}

// ship rolls a release out over all hosts of an environment.
func (m *maker) ship(r *release, environment string, at time.Time, live map[string]*rollout) time.Time {
	ro := m.rollout(r, environment, at)
	if old := live[environment]; old != nil {
		old.gone = ro.end
		ro.supersedes = old
	}
	live[environment] = ro
	return ro.end
}

// canary tries a release on a few hosts beside what runs, then promotes or withdraws it.
func (m *maker) canary(r *release, at time.Time, live map[string]*rollout) (time.Time, bool) {
	trial := m.rollout(r, "production", at)
	trial.canary = true
	decided := trial.end.Add(m.minutes(10, 90))
	if m.Float64() < 0.3 {
		trial.gone = decided
		// What is withdrawn is replaced by the release that ran on, deployed anew over those hosts.
		return m.ship(live["production"].release, "production", decided, live), false
	}
	end := m.ship(r, "production", decided, live)
	trial.gone = end
	return end, true
}

func (m *maker) rollout(r *release, environment string, at time.Time) *rollout {
	m.deployments++
	ro := &rollout{release: r, id: fmt.Sprint(m.deployments), environment: environment, begin: at, end: at.Add(m.minutes(2, 10))}
	m.rollouts = append(m.rollouts, ro)
	return ro
}

// late is how long an event takes: mostly seconds, sometimes until somebody repeats it.
func (m *maker) late() time.Duration {
	if m.Float64() < 0.1 {
		return m.minutes(5, 90)
	}
	return time.Duration(m.IntN(3000)) * time.Millisecond
}

// deliver sends an event, one time in five twice.
func (m *maker) deliver(at time.Time, ev build.Event) {
	m.deliveries = append(m.deliveries, delivery{at, ev})
	if m.Float64() < 0.2 {
		m.deliveries = append(m.deliveries, delivery{at.Add(m.late()), ev})
	}
}

// deliverDeployment tells the states of a deployment, each late by its own, so that they come in any order.
func (m *maker) deliverDeployment(r *rollout) {
	state := func(status build.DeployStatus, at time.Time, rank uint8, edit func(*build.Deployment)) {
		d := &build.Deployment{
			Provider: r.run.Provider, Host: r.run.Host, Repo: r.run.Repo, DeploymentID: r.id, Service: r.service, Environment: r.environment,
			ServiceVersion: r.version, CommitSHA: r.commit, BuildRunID: r.run.ID(), Digests: []string{r.digest},
			Status: status, CreatedAt: r.begin, UpdatedAt: at, Version: build.VersionOf(rank, at),
		}
		edit(d)
		m.deliver(at.Add(m.late()), d)
	}
	state(build.DeployInProgress, r.begin, 1, func(d *build.Deployment) { d.StartedAt = r.begin })
	state(build.DeploySuccess, r.end, 2, func(d *build.Deployment) {
		d.StartedAt, d.FinishedAt = r.begin, r.end
		d.Attrs = map[string]string{build.KeySucceededAt: build.FormatTime(r.end)}
	})
}

// span looks at a process at a random moment of the fleet.
func (m *maker) span(start time.Time) {
	var serving []*rollout
	var at time.Time
	for len(serving) == 0 {
		// A moment of one roll-out: its own life is where canaries and change-overs are.
		r := m.rollouts[m.IntN(len(m.rollouts))]
		at = r.begin.Add(time.Duration(m.Float64() * float64(r.gone.Sub(r.begin))))
		if m.Float64() < 0.3 {
			at = r.begin.Add(time.Duration(m.Float64() * float64(r.end.Sub(r.begin))))
		}
		if at.After(start) && at.Before(r.gone) {
			serving = append(serving, r)
		}
	}
	r := serving[0]
	s := Span{At: at, Commit: r.commit, Run: r.run.ID(), Deployments: m.alike(r, at)}
	s.Evidence = correlation.Evidence{Service: r.service, Environment: r.environment}
	switch p := m.Float64(); {
	case p < 0.7:
		s.Evidence.Digests, s.Evidence.Version, s.KnownDigest = []string{r.digest}, r.version, true
	case p < 0.8:
		s.Evidence.Revision = r.commit
	case p < 0.9:
		s.Evidence.Version = r.version
	case p < 0.95:
		s.Evidence.Digests = []string{"sha256:" + m.hash(64, "never published")}
	}
	m.Spans = append(m.Spans, s)
}

// alike are the deployments that a process with this evidence can come from at the time: those of the same release.
func (m *maker) alike(r *rollout, at time.Time) []string {
	var out []string
	for _, o := range m.rollouts {
		if o.service == r.service && o.environment == r.environment && o.commit == r.commit && !at.Before(o.begin) && at.Before(o.gone) {
			out = append(out, o.deployment())
		}
	}
	return out
}
