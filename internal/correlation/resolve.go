package correlation

import (
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// Resolve says what a resource came from. The rules are tried from the strongest: digest, revision, version, time; the basis
// is the rule by which the resource was joined, or that of a deployment which alone names run and commit, where it is
// weaker. Where a rule's evidence points to two commits the rule says nothing: a digest that two builds claim, a version
// built twice from different commits. A run is named only when exactly one fits.
// The deployment is the latest successful one of the same digest, commit or version in the resource's environment that
// had begun at the given time; a canary and its stable sibling so get their own, a rolled-back version the later one.
// A zero time sets no bound.
func (ix *Index) Resolve(id tenant.ID, ev Evidence, at time.Time) envelope.Correlation {
	if ev.Empty() {
		return envelope.Correlation{}
	}
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	sh := ix.tenants[id]
	if sh == nil {
		sh = &shard{}
	}
	q := query{shard: sh, ev: ev, at: at}
	if ev.BuildRunID != "" {
		return q.itself()
	}
	partial, done := q.byDigest()
	if done {
		return partial
	}
	if c, ok := q.byRevision(); ok {
		return c
	}
	if c, ok := q.byVersion(); ok {
		return c
	}
	if partial == (envelope.Correlation{}) {
		return q.byTime()
	}
	return partial
}

// Repair prefers what is known now over what was stored when a row came in, unless its evidence is weaker: deployments and
// artifacts are told late and in any order. What is known now may name less, where another run of the same commit has
// turned up since: the run that was named was one of two, and nobody knows which.
func Repair(stored, now envelope.Correlation) envelope.Correlation {
	switch {
	case now.IsZero() || now.Basis == envelope.BasisNone:
		return stored
	case stored.Basis != envelope.BasisNone && stored.Basis < now.Basis:
		return stored
	default:
		return now
	}
}

type query struct {
	shard *shard
	ev    Evidence
	at    time.Time
}

// itself answers for the telemetry of a build run, which no deployment serves. It says its revision like any resource.
func (q *query) itself() envelope.Correlation {
	sha, ok := q.fullCommit(strings.ToLower(q.ev.Revision))
	if !ok {
		sha = q.commitOfRun(q.ev.BuildRunID)
	}
	return envelope.Correlation{CommitSHA: sha, BuildRunID: q.ev.BuildRunID, Basis: envelope.BasisRevision}
}

// byDigest also gives what is certain when the commit isn't: the deployment of a digest that several builds claim.
func (q *query) byDigest() (envelope.Correlation, bool) {
	m := newMatch()
	for _, d := range q.ev.Digests {
		m.addAll(q, q.shard.refs[ref{refDigest, d, ""}])
	}
	if m.empty() {
		return envelope.Correlation{}, false
	}
	c := m.correlation(q, envelope.BasisDigest)
	if c.DeploymentID == "" && c.CommitSHA == "" && c.BuildRunID == "" {
		return envelope.Correlation{}, false
	}
	return c, len(m.commits) < 2
}

// byRevision trusts the resource's word for its commit. It names the run that built an artifact of the service from it,
// or the only run that there is.
func (q *query) byRevision() (envelope.Correlation, bool) {
	sha, ok := q.fullCommit(strings.ToLower(q.ev.Revision))
	if !ok {
		return envelope.Correlation{}, false
	}
	m := newMatch()
	m.commits[sha] = struct{}{}
	m.addAll(q, q.shard.refs[ref{refCommit, sha, ""}])
	return m.correlation(q, envelope.BasisRevision), true
}

func (q *query) byVersion() (envelope.Correlation, bool) {
	if q.ev.Service == "" || q.ev.Version == "" {
		return envelope.Correlation{}, false
	}
	set := q.shard.refs[ref{refVersion, q.ev.Service, q.ev.Version}]
	m := newMatch()
	m.addAll(q, set)
	if len(m.commits) > 1 {
		m = q.deployedHere(set)
	}
	if m.empty() {
		return q.versionIsCommit()
	}
	if len(m.commits) > 1 {
		return envelope.Correlation{}, false
	}
	c := m.correlation(q, envelope.BasisVersion)
	return c, c.CommitSHA != "" || c.BuildRunID != "" || c.DeploymentID != ""
}

// deployedHere narrows a version that was built from several commits to what was deployed in this environment.
func (q *query) deployedHere(set map[*entry]struct{}) match {
	m := newMatch()
	if q.ev.Environment == "" {
		return m
	}
	for e := range set {
		if d, ok := e.event.(*build.Deployment); ok && q.fits(d) {
			m.add(q, e)
		}
	}
	return m
}

// versionIsCommit serves the habit of using the commit as the version. The commit must be known from a build.
func (q *query) versionIsCommit() (envelope.Correlation, bool) {
	sha, ok := q.fullCommit(strings.ToLower(q.ev.Version))
	if !ok {
		return envelope.Correlation{}, false
	}
	set := q.shard.refs[ref{refCommit, sha, ""}]
	if len(set) == 0 {
		return envelope.Correlation{}, false
	}
	m := newMatch()
	m.commits[sha] = struct{}{}
	m.addAll(q, set)
	return m.correlation(q, envelope.BasisVersion), true
}

// byTime guesses from the service's deployments into the resource's environment: the latest one that had begun. While
// a roll-out goes on, two versions serve and the time tells nothing; nor does it where the resource reports something else
// than what was deployed.
func (q *query) byTime() envelope.Correlation {
	if q.ev.Service == "" || q.ev.Environment == "" || q.at.IsZero() {
		return envelope.Correlation{}
	}
	candidates := map[*entry]*build.Deployment{}
	for e := range q.shard.refs[ref{refServing, q.ev.Service, q.ev.Environment}] {
		d := e.event.(*build.Deployment)
		if rollsOut(d, q.at) {
			return envelope.Correlation{}
		}
		candidates[e] = d
	}
	id := q.latest(candidates)
	for e, d := range candidates {
		if d.ID() != id {
			continue
		}
		if q.contradicts(d) {
			return envelope.Correlation{}
		}
		e.used.Store(true)
		return envelope.Correlation{CommitSHA: d.CommitSHA, BuildRunID: d.BuildRunID, DeploymentID: id, Basis: envelope.BasisTime}
	}
	return envelope.Correlation{}
}

// rollsOut tells that a deployment had begun and not ended at a time. One that failed may have served as well.
func rollsOut(d *build.Deployment, at time.Time) bool {
	if d.StartedAt.IsZero() || d.StartedAt.After(at) {
		return false
	}
	end := d.FinishedAt
	if succeeded, err := time.Parse(time.RFC3339, d.Attrs[build.KeySucceededAt]); err == nil {
		end = succeeded // what became of it later, such as inactive, has a finish of its own
	}
	return end.IsZero() && d.Status == build.DeployInProgress || end.After(at)
}

// contradicts tells that the resource reports something that the deployment didn't bring.
func (q *query) contradicts(d *build.Deployment) bool {
	if q.ev.Version != "" && d.ServiceVersion != "" && q.ev.Version != d.ServiceVersion {
		return true
	}
	if len(q.ev.Digests) == 0 || len(d.Digests) == 0 {
		return false
	}
	for _, digest := range d.Digests {
		if slices.Contains(q.ev.Digests, NormalizeDigest(digest)) {
			return false
		}
	}
	return true
}

// fullCommit completes an abbreviated commit when exactly one known commit begins so.
func (q *query) fullCommit(s string) (string, bool) {
	if len(s) < prefixLength || len(s) > 64 || !isHex(s) {
		return "", false
	}
	if len(s) == 40 || len(s) == 64 {
		return s, true
	}
	found := ""
	for e := range q.shard.refs[ref{refPrefix, s[:prefixLength], ""}] {
		sha := commitOf(e.event)
		if !strings.HasPrefix(sha, s) || sha == found {
			continue
		}
		if found != "" {
			return "", false
		}
		found = sha
	}
	return found, found != ""
}

// fits tells a deployment of this resource's service and environment.
func (q *query) fits(d *build.Deployment) bool {
	return (q.ev.Environment == "" || d.Environment == q.ev.Environment) &&
		(q.ev.Service == "" || d.Service == "" || d.Service == q.ev.Service)
}

// match gathers what the evidence points to.
type match struct {
	commits map[string]struct{}
	// built are runs that made an artifact, linked are runs that a deployment names, others are runs of the commit.
	built, linked, others map[string]*entry
	deployments           map[*entry]*build.Deployment
	// named are all deployments that the evidence points to, those of other environments too.
	named []*build.Deployment
	any   bool
}

func newMatch() match {
	return match{
		commits: map[string]struct{}{}, built: map[string]*entry{}, linked: map[string]*entry{}, others: map[string]*entry{},
		deployments: map[*entry]*build.Deployment{},
	}
}

func (m *match) empty() bool { return !m.any }

func (m *match) addAll(q *query, set map[*entry]struct{}) {
	for e := range set {
		m.add(q, e)
	}
}

func (m *match) add(q *query, e *entry) {
	switch v := e.event.(type) {
	case *build.Run:
		m.others[v.ID()] = e
	case *build.Artifact:
		if v.Service != "" && q.ev.Service != "" && v.Service != q.ev.Service {
			return
		}
		if v.RunID != "" {
			m.built[v.RunKey.ID()] = e
		}
	case *build.Deployment:
		m.named = append(m.named, v)
		if v.BuildRunID != "" {
			m.linked[v.BuildRunID] = e
		}
		if q.fits(v) {
			m.deployments[e] = v
		}
	}
	m.any = true
	e.used.Store(true)
	if sha := commitOf(e.event); sha != "" {
		m.commits[sha] = struct{}{}
	}
}

func (m *match) correlation(q *query, basis envelope.Basis) envelope.Correlation {
	c := envelope.Correlation{Basis: basis}
	if len(m.commits) < 2 {
		for sha := range m.commits {
			c.CommitSHA = sha
		}
		c.BuildRunID = m.run()
	}
	if c.CommitSHA == "" && c.BuildRunID != "" {
		c.CommitSHA = q.commitOfRun(c.BuildRunID)
	}
	c.Basis = m.basis(c)
	c.DeploymentID = q.latest(m.deployments)
	if c.DeploymentID == "" && c.CommitSHA != "" && basis != envelope.BasisVersion {
		c.DeploymentID = q.latest(q.deploymentsOf(c.CommitSHA))
	}
	return c
}

// basis is the evidence for the run and commit of an answer. Where only deployments tell them, the resource's own evidence
// reaches the deployment and the deployment's goes on from there: the weaker of the two is that of the whole way.
func (m *match) basis(c envelope.Correlation) envelope.Basis {
	if _, own := m.others[c.BuildRunID]; own || len(m.built) > 0 {
		return c.Basis
	}
	best := envelope.BasisNone
	for _, d := range m.named {
		tells := c.BuildRunID != "" && d.BuildRunID == c.BuildRunID
		if c.BuildRunID == "" && c.Basis != envelope.BasisRevision { // by revision the resource itself says the commit
			tells = c.CommitSHA != "" && d.CommitSHA == c.CommitSHA
		}
		if tells && d.Basis != envelope.BasisNone && (best == envelope.BasisNone || d.Basis < best) {
			best = d.Basis
		}
	}
	return max(c.Basis, best)
}

// run names the run when exactly one fits, by the best kind of link that there is.
func (m *match) run() string {
	for _, kind := range []map[string]*entry{m.built, m.linked, lastAttempts(m.others)} {
		if len(kind) == 1 {
			for id := range kind {
				return id
			}
		}
		if len(kind) > 1 {
			return ""
		}
	}
	return ""
}

// lastAttempts leaves of each run the newest attempt: a re-run replaces what the attempts before it made.
func lastAttempts(runs map[string]*entry) map[string]*entry {
	last := make(map[string]*build.Run)
	for _, e := range runs {
		r := e.event.(*build.Run)
		k := r.RunKey
		k.Attempt = 0
		if have := last[k.ID()]; have == nil || have.Attempt < r.Attempt {
			last[k.ID()] = r
		}
	}
	out := make(map[string]*entry, len(last))
	for _, r := range last {
		out[r.ID()] = runs[r.ID()]
	}
	return out
}

func (q *query) deploymentsOf(sha string) map[*entry]*build.Deployment {
	out := map[*entry]*build.Deployment{}
	for e := range q.shard.refs[ref{refCommit, sha, ""}] {
		if d, ok := e.event.(*build.Deployment); ok && q.fits(d) {
			out[e] = d
		}
	}
	return out
}

func (q *query) commitOfRun(id string) string {
	if e := q.shard.entries[runKey(id)]; e != nil {
		return commitOf(e.event)
	}
	return ""
}

// latest is the newest deployment that had begun by the time asked for and succeeded. Without an environment in the
// evidence, deployments in two environments are no answer.
func (q *query) latest(deployments map[*entry]*build.Deployment) string {
	var best *build.Deployment
	var bestAt time.Time
	environment := ""
	for _, d := range deployments {
		began, ok := liveSince(d)
		if !ok || !q.at.IsZero() && began.After(q.at) {
			continue
		}
		if environment != "" && d.Environment != environment {
			return ""
		}
		environment = d.Environment
		if best == nil || began.After(bestAt) || began.Equal(bestAt) && d.ID() > best.ID() {
			best, bestAt = d, began
		}
	}
	if best == nil {
		return ""
	}
	return best.ID()
}

// liveSince tells from when a deployment that succeeded served: new code runs from the start of its roll-out.
func liveSince(d *build.Deployment) (time.Time, bool) {
	succeeded, err := time.Parse(time.RFC3339, d.Attrs[build.KeySucceededAt])
	if d.Status != build.DeploySuccess && err != nil {
		return time.Time{}, false
	}
	for _, t := range []time.Time{d.StartedAt, succeeded, d.FinishedAt, d.UpdatedAt} {
		if !t.IsZero() {
			return t, true
		}
	}
	return d.CreatedAt, true
}

func commitOf(ev build.Event) string {
	switch e := ev.(type) {
	case *build.Run:
		return e.CommitSHA
	case *build.Artifact:
		return e.CommitSHA
	case *build.Deployment:
		return e.CommitSHA
	default:
		return ""
	}
}
