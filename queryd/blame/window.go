package blame

import (
	"fmt"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// Window is where the fault must have come in: after good, up to and including bad.
type Window struct {
	Kind     string `json:"kind" enum:"deployment,build,time"`
	Good     *End   `json:"good"`
	Bad      *End   `json:"bad"`
	Reason   string `json:"reason"`
	Commits  int    `json:"commits"`
	Complete bool   `json:"complete" doc:"Whether all commits of the window are known"`
}

// End is one end of a window: a deployment or a build run.
type End struct {
	ID        string    `json:"id"`
	CommitSHA string    `json:"commit_sha"`
	At        time.Time `json:"at"`
}

type end struct {
	id, commit string
	at         time.Time
}

func (e end) public() *End {
	if e.commit == "" && e.id == "" {
		return nil
	}
	return &End{e.id, e.commit, e.at.UTC()}
}

type window struct {
	kind      string
	repo      history.RepoKey
	good, bad end
}

func (w window) describe(commits int, complete bool) Window {
	out := Window{Kind: w.kind, Good: w.good.public(), Bad: w.bad.public(), Commits: commits, Complete: complete}
	switch {
	case w.good.commit == "":
		out.Kind = "time"
		out.Reason = fmt.Sprintf("Nothing is known that ran before without it; these are the commits of the %d hours before.", int(timeWindow.Hours()))
	case w.kind == "deployment":
		out.Reason = "It was first seen after this deployment; the one before it ran other code."
	default:
		out.Reason = "It was first seen on this build; the last green one of the same pipeline and branch was built from other code."
	}
	return out
}

// byDeployments takes for bad the deployment that was out when the fault was first seen, the one of the commit where the
// event says its commit, and for good the last one before it with other code. deploys are those of one service and
// environment, the oldest first.
func byDeployments(deploys []*build.Deployment, seen time.Time, commit string) window {
	bad := -1
	for i, d := range deploys {
		if at := outSince(d); at.IsZero() || at.After(seen) || d.CommitSHA == "" {
			continue
		}
		if commit == "" || d.CommitSHA == commit {
			bad = i
		}
		if commit != "" && bad >= 0 {
			break // a later roll-back to the same code didn't bring it
		}
	}
	w := window{kind: "deployment"}
	if bad < 0 {
		return w
	}
	d := deploys[bad]
	w.repo = history.RepoKey{Provider: d.Provider, Host: d.Host, Repo: d.Repo}
	w.bad = end{d.ID(), d.CommitSHA, outSince(d)}
	for i := bad - 1; i >= 0; i-- {
		if g := deploys[i]; g.CommitSHA != "" && g.CommitSHA != d.CommitSHA && !history.SucceededAt(g).IsZero() && g.Repo == d.Repo && sameTarget(g, d) {
			w.good = end{g.ID(), g.CommitSHA, outSince(g)}
			return w
		}
	}
	return w
}

func sameTarget(a, b *build.Deployment) bool {
	return a.Service == b.Service && a.Environment == b.Environment
}

// outSince is when a deployment's code began to run: during a roll-out it already serves.
func outSince(d *build.Deployment) time.Time {
	if !d.StartedAt.IsZero() {
		return d.StartedAt
	}
	return history.SucceededAt(d)
}
