// Package dora computes the five measures of software delivery from deployments, commits, changes and incidents: how
// often, how fast, how well, how quickly mended, and how much of it was rework. Every number is a list of deployments,
// and each of them says on what its verdict stands. It reads with queryd/history and is served by queryd/api; Measure is
// a pure function.
//
// Definitions. A deployment counts once for each service and environment, at the time it was out. Lead time is from a
// commit to the first deployment of its stream that has it: of the commits after the one deployed before, up to the one
// deployed. A deployment failed when, in this order of strength, an incident names it, the next one rolled it back, a
// later one reverted one of its commits, the next one is a hotfix, or an alert fired within the failure window. One that
// is younger than the failure window and shows none of these is undecided and in no denominator. It is mended by the
// next deployment that did not fail. Rework are deployments made because of an incident: roll-backs, hotfixes, and the
// first after an incident opened.
package dora

import (
	"slices"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// The strength of what says that a deployment failed, strongest first.
const (
	BasisIncident = "incident"
	BasisRollback = "rollback"
	BasisRevert   = "revert"
	BasisHotfix   = "hotfix"
	BasisAlert    = "alert"
)

// The outcomes of a deployment that was out.
const (
	OutcomeGood      = "good"
	OutcomeFailed    = "failed"
	OutcomeUndecided = "undecided"
)

// KeyIncident is the attribute of a deployment that lists the incidents it caused, comma separated.
const KeyIncident = "incident"

// Kinds of node in the build graph that tell of trouble in production.
const (
	nodeIncident = "Incident"
	nodeAlert    = "Alert"
)

// Trouble is an incident or an alert.
type Trouble struct {
	ID, Title, URL string
	// Alert tells an alert from an incident.
	Alert bool
	// Deployment and CommitSHA are what somebody named as its cause.
	Deployment, CommitSHA string
	Service, Environment  string
	OpenedAt, ResolvedAt  time.Time
}

// Change is a pull or merge request that went in.
type Change struct {
	ID, Title, URL, Branch string
	Labels                 []string
	MergeSHA, HeadSHA      string
}

// Facts are what the measures are made of. Deployments and commits are in the order of time and reach back before the
// window, so that the first deployment in it has one before.
type Facts struct {
	Deployments []*build.Deployment
	// Commits are by repository, "provider:host:repo".
	Commits  map[string][]*history.Commit
	Changes  []Change
	Troubles []Trouble
}

// Options say what to count.
type Options struct {
	history.Window
	Now time.Time
	// Environment is one environment; empty: the production tier.
	Environment, Service, Repo string
	// FailureWindow is how long after a deployment it can still turn out to have failed by an alert, and how old it must
	// be to count as good. Default 24h.
	FailureWindow time.Duration
	// WithoutBots and WithoutReverts leave their commits out of the lead time.
	WithoutBots, WithoutReverts bool
}

// productionNames are the names of environments that users are served from.
var productionNames = []string{"production", "prod", "prd", "live"}

// IsProduction tells deployments to the tier that users are served from: what the provider says of the environment, else
// its name, also with a region before or behind it.
func IsProduction(d *build.Deployment) bool {
	if tier := d.Attrs["deployment_tier"]; tier != "" {
		return tier == "production"
	}
	if said := d.Attrs["production"]; said != "" {
		return said == "true"
	}
	words := strings.FieldsFunc(strings.ToLower(d.Environment), func(r rune) bool { return r == '-' || r == '_' || r == '/' || r == '.' || r == ' ' || r == ':' })
	if slices.ContainsFunc(words, func(w string) bool {
		return w == "pre" || w == "preprod" || w == "non" || w == "staging" || w == "test" || w == "dev"
	}) {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(productionNames, w) })
}

func (o Options) wants(d *build.Deployment) bool {
	return (o.Service == "" || d.Service == o.Service) && (o.Repo == "" || d.Repo == o.Repo) &&
		(o.Environment != "" && d.Environment == o.Environment || o.Environment == "" && IsProduction(d))
}

func repoOf(d *build.Deployment) string {
	return strings.Join([]string{d.Provider, d.Host, d.Repo}, ":")
}

// isBot tells automatic authors, as the providers mark them.
func isBot(author string) bool {
	lower := strings.ToLower(author)
	return strings.HasSuffix(lower, "[bot]") || strings.HasPrefix(lower, "dependabot") || strings.HasPrefix(lower, "renovate") || strings.HasSuffix(lower, "-bot")
}

// isHotfix tells changes that somebody marked as a repair of production.
func (c Change) isHotfix() bool {
	return slices.ContainsFunc(c.Labels, hotfixWord) || hotfixBranch(c.Branch)
}

func hotfixWord(label string) bool {
	l := strings.ToLower(strings.TrimSpace(label))
	return l == "hotfix" || l == "hot-fix" || strings.HasSuffix(l, ":hotfix") || strings.HasSuffix(l, "/hotfix")
}

func hotfixBranch(branch string) bool {
	return strings.HasPrefix(branch, "hotfix/") || strings.HasPrefix(branch, "hotfix-")
}
