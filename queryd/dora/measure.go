package dora

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// streamKey names what deployments replace each other in.
type streamKey struct{ repo, service, environment string }

// out is a deployment that was out, with what is concluded of it.
type out struct {
	*build.Deployment
	stream streamKey
	at     time.Time
	// before is the commit that was out before.
	before  string
	commits []*history.Commit
	known   bool // all commits of it are known

	// undoes are the deployments that this one took back, by rolling back to older code.
	undoes []*out
	hotfix *Change

	basis    string
	reason   string
	evidence []DeployEvidence
	troubles []Trouble
	rework   string
	mended   *out
}

func (o *out) failed() bool { return o.basis != "" }

// measurement is one run of Measure.
type measurement struct {
	Facts
	o       Options
	outs    []*out
	streams map[streamKey][]*out
	failed  []*build.Deployment // roll-outs that never were out
}

// Measure computes the five measures and the list behind each.
func Measure(f Facts, o Options) Report {
	if o.FailureWindow == 0 {
		o.FailureWindow = 24 * time.Hour
	}
	m := &measurement{Facts: f, o: o, streams: map[streamKey][]*out{}}
	m.collect()
	for _, list := range m.streams {
		m.follow(list)
	}
	m.troubled()
	for _, list := range m.streams {
		m.judge(list)
	}
	return m.report()
}

// collect puts the deployments into streams, each in the order in which they were out.
func (m *measurement) collect() {
	for _, d := range m.Deployments {
		if !m.o.wants(d) {
			continue
		}
		at := history.SucceededAt(d)
		if at.IsZero() {
			if d.Status == build.DeployFailure || d.Status == build.DeployCancelled {
				m.failed = append(m.failed, d)
			}
			continue
		}
		x := &out{Deployment: d, stream: streamKey{repoOf(d), d.Service, d.Environment}, at: at.UTC()}
		m.outs = append(m.outs, x)
		m.streams[x.stream] = append(m.streams[x.stream], x)
	}
	byTime := func(a, b *out) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.ID(), b.ID())) }
	slices.SortFunc(m.outs, byTime)
	for _, list := range m.streams {
		slices.SortFunc(list, byTime)
	}
}

// follow finds for each deployment of a stream what it brought and what it took back.
func (m *measurement) follow(list []*out) {
	byID := map[string]*out{}
	for i, x := range list {
		byID[x.ID()], byID[x.DeploymentID] = x, x
		if x.before = x.PreviousCommit; i > 0 {
			x.before = list[i-1].CommitSHA
		}
		if x.undoes = undone(list[:i], x, byID); len(x.undoes) > 0 {
			continue // its code was out before: it brings nothing
		}
		if x.before != "" && x.before != x.CommitSHA {
			x.commits, x.known = history.Between(m.Commits[x.stream.repo], x.before, x.CommitSHA)
			if !x.known { // without its beginning the list would have all the past
				x.commits = onlyLast(x.commits, x.CommitSHA)
			}
		}
		x.hotfix = m.hotfixOf(x)
	}
}

// onlyLast is the deployed commit alone.
func onlyLast(commits []*history.Commit, sha string) []*history.Commit {
	for _, c := range commits {
		if c.SHA == sha {
			return []*history.Commit{c}
		}
	}
	return nil
}

// undone are the deployments that a roll-back took back: the one it names, or all since its code was out last.
func undone(before []*out, x *out, byID map[string]*out) []*out {
	n := len(before)
	if n == 0 {
		return nil
	}
	if old := byID[x.RollbackOf]; x.RollbackOf != "" && old != nil && old != x {
		return []*out{old}
	}
	if x.CommitSHA == "" || before[n-1].CommitSHA == x.CommitSHA {
		if x.RollbackOf != "" {
			return before[n-1:]
		}
		return nil
	}
	for i := n - 2; i >= 0; i-- {
		if before[i].CommitSHA == x.CommitSHA {
			return before[i+1:]
		}
	}
	if x.RollbackOf != "" {
		return before[n-1:]
	}
	return nil
}

// hotfixOf finds a change of the deployment that somebody called a hotfix.
func (m *measurement) hotfixOf(x *out) *Change {
	has := map[string]bool{x.CommitSHA: x.CommitSHA != ""}
	for _, c := range x.commits {
		has[c.SHA] = true
	}
	for i := range m.Changes {
		c := &m.Changes[i]
		if c.isHotfix() && (has[c.MergeSHA] && c.MergeSHA != "" || has[c.HeadSHA] && c.HeadSHA != "") {
			return c
		}
	}
	for _, c := range x.commits {
		if hotfixBranch(c.Branch) {
			return &Change{ID: c.SHA, Title: c.Message, URL: c.URL, Branch: c.Branch}
		}
	}
	return nil
}

// troubled hangs incidents and alerts on the deployments they belong to.
func (m *measurement) troubled() {
	for _, t := range m.Troubles {
		var linked []*out
		for _, x := range m.outs {
			if t.Deployment != "" && (t.Deployment == x.ID() || t.Deployment == x.DeploymentID) && (t.Service == "" || x.Service == "" || t.Service == x.Service) {
				linked = append(linked, x)
			}
		}
		if len(linked) == 0 && t.CommitSHA != "" && !t.Alert {
			for _, x := range m.outs {
				if x.CommitSHA == t.CommitSHA && len(x.undoes) == 0 && t.suits(x) {
					linked = append(linked, x)
					break
				}
			}
		}
		for _, x := range linked {
			x.troubles = append(x.troubles, t)
			x.blame(basisOf(t), fmt.Sprintf("%s %s names it as its cause", kindOf(t), t.ID), evidenceOf(t))
		}
		if len(linked) == 0 {
			m.byTime(t)
		}
	}
	for _, x := range m.outs {
		for _, id := range strings.FieldsFunc(x.Attrs[KeyIncident], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !slices.ContainsFunc(x.troubles, func(t Trouble) bool { return t.ID == id }) {
				t := Trouble{ID: id, Deployment: x.ID(), OpenedAt: x.at}
				x.troubles = append(x.troubles, t)
				x.blame(BasisIncident, "incident "+id+" is linked to it", evidenceOf(t))
			}
		}
	}
}

// byTime hangs what names no cause on the last deployment before it, if it is within the failure window.
func (m *measurement) byTime(t Trouble) {
	last := map[streamKey]*out{}
	for _, x := range m.outs {
		if t.suits(x) && !x.at.After(t.OpenedAt) {
			last[x.stream] = x
		}
	}
	for _, x := range last {
		if t.OpenedAt.Sub(x.at) <= m.o.FailureWindow && t.Service != "" {
			x.troubles = append(x.troubles, t)
			x.blame(BasisAlert, fmt.Sprintf("%s %s opened %s after it", kindOf(t), t.ID, t.OpenedAt.Sub(x.at).Round(time.Minute)), evidenceOf(t))
		}
	}
}

func (t Trouble) suits(x *out) bool {
	return (t.Service == "" || x.Service == "" || t.Service == x.Service) && (t.Environment == "" || t.Environment == x.Environment)
}

func basisOf(t Trouble) string {
	if t.Alert {
		return BasisAlert
	}
	return BasisIncident
}

func kindOf(t Trouble) string {
	if t.Alert {
		return "alert"
	}
	return "incident"
}

func evidenceOf(t Trouble) DeployEvidence {
	return DeployEvidence{Kind: kindOf(t), ID: t.ID, Title: t.Title, At: history.Known(t.OpenedAt), URL: t.URL}
}

var strength = []string{BasisIncident, BasisRollback, BasisRevert, BasisHotfix, BasisAlert}

// blame says that a deployment failed; of several reasons the strongest gives the basis, and all are evidence.
func (o *out) blame(basis, reason string, e DeployEvidence) {
	if o.basis == "" || slices.Index(strength, basis) < slices.Index(strength, o.basis) {
		o.basis, o.reason = basis, reason
	}
	o.evidence = append(o.evidence, e)
}

// judge finds what later deployments of a stream say of earlier ones, what is rework, and what mended what.
func (m *measurement) judge(list []*out) {
	for i, x := range list {
		here := func(kind, title string) DeployEvidence {
			return DeployEvidence{Kind: kind, ID: x.ID(), Title: title, At: history.Known(x.at), URL: x.URL}
		}
		for _, old := range x.undoes {
			old.blame(BasisRollback, "deployment "+x.DeploymentID+" went back to older code", here(BasisRollback, short(x.CommitSHA)+" again"))
		}
		for _, c := range x.commits {
			for _, old := range list[:i] {
				for _, was := range old.commits {
					if history.Reverts(c, was) {
						e := here(BasisRevert, c.Message)
						e.ID = c.SHA
						old.blame(BasisRevert, short(c.SHA)+" reverted its commit "+short(was.SHA), e)
					}
				}
			}
		}
		if x.hotfix != nil && i > 0 {
			e := here(BasisHotfix, x.hotfix.Title)
			e.ID = x.hotfix.ID
			list[i-1].blame(BasisHotfix, "deployment "+x.DeploymentID+" after it is a hotfix", e)
		}
	}
	for i, x := range list {
		x.rework = m.reworkOf(list[:i], x)
		if !x.failed() {
			continue
		}
		for _, next := range list[i+1:] {
			if !next.failed() {
				x.mended = next
				break
			}
		}
	}
}

// reworkOf tells why a deployment was made because of trouble in production, or "".
func (m *measurement) reworkOf(before []*out, x *out) string {
	switch {
	case len(x.undoes) > 0:
		return BasisRollback
	case x.hotfix != nil:
		return BasisHotfix
	case len(before) == 0:
		return ""
	}
	for _, t := range before[len(before)-1].troubles {
		if !t.Alert && t.OpenedAt.Before(x.at) && (t.ResolvedAt.IsZero() || !t.ResolvedAt.Before(x.at)) {
			return BasisIncident
		}
	}
	return ""
}

func short(sha string) string { return sha[:min(len(sha), 8)] }
