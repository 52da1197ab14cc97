package dora

import (
	"cmp"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/history"
)

// The measures' names in a deployment's counts.
const (
	inFrequency = "deployment_frequency"
	inLeadTime  = "lead_time"
	inFailRate  = "change_fail_rate"
	inRecovery  = "recovery_time"
	inRework    = "rework_rate"
)

// MaxListed is the most deployments of a report.
const MaxListed = 2000

// maxLeads is the most commits that a listed deployment shows.
const maxLeads = 200

// Report is the five measures with the list behind each.
type Report struct {
	From        time.Time      `json:"from"`
	To          time.Time      `json:"to"`
	Service     string         `json:"service"`
	Environment string         `json:"environment" doc:"Empty: the production tier"`
	Repo        string         `json:"repo"`
	Metrics     DoraMetrics    `json:"metrics"`
	Basis       map[string]int `json:"basis" doc:"How many failures stand on each: incident, rollback, revert, hotfix, alert"`
	Trend       []DoraPoint    `json:"trend" nullable:"false"`
	Groups      []DoraGroup    `json:"groups" nullable:"false"`
	Deployments []DoraDeploy   `json:"deployments" nullable:"false" doc:"Newest first"`
	Partial     bool           `json:"partial"`
}

// DoraMetrics are the five.
type DoraMetrics struct {
	DeploymentFrequency DoraFrequency `json:"deployment_frequency"`
	LeadTime            DoraLead      `json:"lead_time"`
	ChangeFailRate      DoraFailRate  `json:"change_fail_rate"`
	RecoveryTime        DoraRecovery  `json:"recovery_time"`
	ReworkRate          DoraRework    `json:"rework_rate"`
}

// DoraFrequency is how often something was deployed.
type DoraFrequency struct {
	PerDay      float64 `json:"per_day"`
	Deployments int     `json:"deployments"`
}

// DoraLead is the time from commit to deployment. Commits that are younger than their deployment are counted apart.
type DoraLead struct {
	MedianNS *int64 `json:"median_ns"`
	P90NS    *int64 `json:"p90_ns"`
	Commits  int    `json:"commits"`
	Negative int    `json:"negative" doc:"Commits dated after their deployment, in no quantile"`
}

// DoraFailRate is the share of deployments that failed, of those that are decided.
type DoraFailRate struct {
	Rate      *float64 `json:"rate"`
	Failed    int      `json:"failed"`
	Decided   int      `json:"decided"`
	Undecided int      `json:"undecided"`
}

// DoraRecovery is the time from a failed deployment to the next good one.
type DoraRecovery struct {
	MedianNS   *int64 `json:"median_ns"`
	P90NS      *int64 `json:"p90_ns"`
	Recoveries int    `json:"recoveries"`
	Open       int    `json:"open" doc:"Failed deployments that nothing has mended yet"`
}

// DoraRework is the share of deployments that were made because of trouble.
type DoraRework struct {
	Rate        *float64 `json:"rate"`
	Rework      int      `json:"rework"`
	Deployments int      `json:"deployments"`
}

// DoraPoint is a bucket of the trend.
type DoraPoint struct {
	Time             time.Time `json:"time"`
	Deployments      int       `json:"deployments"`
	Failed           int       `json:"failed"`
	Decided          int       `json:"decided"`
	Undecided        int       `json:"undecided"`
	LeadMedianNS     *int64    `json:"lead_median_ns"`
	RecoveryMedianNS *int64    `json:"recovery_median_ns"`
	Rework           int       `json:"rework"`
}

// DoraGroup is one service in one environment.
type DoraGroup struct {
	Service          string `json:"service"`
	Environment      string `json:"environment"`
	Deployments      int    `json:"deployments"`
	Failed           int    `json:"failed"`
	Decided          int    `json:"decided"`
	Rework           int    `json:"rework"`
	LeadMedianNS     *int64 `json:"lead_median_ns"`
	RecoveryMedianNS *int64 `json:"recovery_median_ns"`
}

// DoraDeploy is a deployment with its verdict.
type DoraDeploy struct {
	ID                string           `json:"id"`
	Service           string           `json:"service"`
	Environment       string           `json:"environment"`
	Status            string           `json:"status"`
	CommitSHA         string           `json:"commit_sha"`
	PreviousCommitSHA string           `json:"previous_commit_sha"`
	BuildRunID        string           `json:"build_run_id"`
	FinishedAt        *time.Time       `json:"finished_at"`
	URL               string           `json:"url"`
	Outcome           string           `json:"outcome" enum:"good,failed,undecided"`
	FailureBasis      string           `json:"failure_basis" enum:",incident,rollback,revert,hotfix,alert"`
	Reason            string           `json:"reason"`
	Evidence          []DeployEvidence `json:"evidence" nullable:"false"`
	Incidents         []string         `json:"incidents" nullable:"false"`
	Rework            bool             `json:"rework"`
	ReworkBasis       string           `json:"rework_basis"`
	LeadTimes         []CommitLead     `json:"lead_times" nullable:"false"`
	LeadMedianNS      *int64           `json:"lead_median_ns"`
	RecoveredAt       *time.Time       `json:"recovered_at"`
	RecoveredBy       string           `json:"recovered_by"`
	RecoveryNS        *int64           `json:"recovery_ns"`
	Counts            []string         `json:"counts" nullable:"false" doc:"The measures that this deployment is in"`

	at    time.Time
	leads []int64
}

// DeployEvidence is something that says a deployment failed.
type DeployEvidence struct {
	Kind  string     `json:"kind" enum:"incident,rollback,revert,hotfix,alert"`
	ID    string     `json:"id"`
	Title string     `json:"title"`
	At    *time.Time `json:"at"`
	URL   string     `json:"url"`
}

// CommitLead is a commit's way to production.
type CommitLead struct {
	SHA         string     `json:"sha"`
	Message     string     `json:"message"`
	Author      string     `json:"author"`
	CommittedAt *time.Time `json:"committed_at"`
	LeadNS      int64      `json:"lead_ns"`
	Revert      bool       `json:"revert"`
	Bot         bool       `json:"bot"`
}

func (m *measurement) report() Report {
	r := Report{
		From: m.o.From.UTC(), To: m.o.To.UTC(), Service: m.o.Service, Environment: m.o.Environment, Repo: m.o.Repo, Basis: map[string]int{},
		Trend: []DoraPoint{}, Groups: []DoraGroup{}, Deployments: []DoraDeploy{},
	}
	for _, b := range strength {
		r.Basis[b] = 0
	}
	var rows []DoraDeploy
	for _, x := range m.outs {
		if !x.at.Before(m.o.From) && x.at.Before(m.o.To) {
			rows = append(rows, m.row(x))
		}
	}
	total := sumOf(rows)
	days := m.o.To.Sub(m.o.From).Hours() / 24
	r.Metrics = total.metrics(days)
	for _, d := range rows {
		if d.FailureBasis != "" {
			r.Basis[d.FailureBasis]++
		}
	}
	r.Trend, r.Groups = m.trend(rows), groupsOf(rows)
	for _, d := range m.failed {
		if at := lastOf(d.FinishedAt, d.UpdatedAt); !at.Before(m.o.From) && at.Before(m.o.To) {
			rows = append(rows, neverOut(d, at))
		}
	}
	slices.SortStableFunc(rows, func(a, b DoraDeploy) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Service, b.Service))
	})
	r.Partial = len(rows) > MaxListed
	r.Deployments = append(r.Deployments, rows[:min(len(rows), MaxListed)]...)
	return r
}

func lastOf(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func (m *measurement) row(x *out) DoraDeploy {
	d := DoraDeploy{
		ID: x.ID(), Service: x.Service, Environment: x.Environment, Status: x.Status.String(), CommitSHA: x.CommitSHA, PreviousCommitSHA: x.before,
		BuildRunID: x.BuildRunID, FinishedAt: history.Known(x.at), URL: x.URL, Outcome: OutcomeGood, FailureBasis: x.basis, Reason: x.reason,
		Evidence: append([]DeployEvidence{}, x.evidence...), Incidents: []string{}, Rework: x.rework != "", ReworkBasis: x.rework,
		LeadTimes: []CommitLead{}, Counts: []string{inFrequency}, at: x.at,
	}
	for _, t := range x.troubles {
		if !t.Alert {
			d.Incidents = append(d.Incidents, t.ID)
		}
	}
	switch {
	case x.failed():
		d.Outcome = OutcomeFailed
	case m.o.Now.Sub(x.at) < m.o.FailureWindow:
		d.Outcome, d.Reason = OutcomeUndecided, "it is younger than the failure window, and nothing has gone wrong yet"
	default:
		d.Reason = "nothing spoke against it within the failure window"
	}
	m.leads(x, &d)
	if len(d.leads) > 0 || len(d.LeadTimes) > 0 {
		d.Counts = append(d.Counts, inLeadTime)
	}
	if d.Outcome != OutcomeUndecided {
		d.Counts = append(d.Counts, inFailRate)
	}
	if x.failed() {
		d.Counts = append(d.Counts, inRecovery)
		if x.mended != nil {
			ns := int64(x.mended.at.Sub(x.at))
			d.RecoveredAt, d.RecoveredBy, d.RecoveryNS = history.Known(x.mended.at), x.mended.ID(), &ns
		}
	}
	d.Counts = append(d.Counts, inRework)
	return d
}

// leads fills in the lead time of each commit that the deployment brought.
func (m *measurement) leads(x *out, d *DoraDeploy) {
	for _, c := range x.commits {
		if c.At.IsZero() {
			continue
		}
		_, revert := history.IsRevert(c.Message)
		l := CommitLead{
			SHA: c.SHA, Message: c.Message, Author: c.Author, CommittedAt: history.Known(c.At), LeadNS: int64(x.at.Sub(c.At)), Revert: revert, Bot: isBot(c.Author),
		}
		if l.Bot && m.o.WithoutBots || l.Revert && m.o.WithoutReverts {
			continue
		}
		d.leads = append(d.leads, l.LeadNS)
		if len(d.LeadTimes) < maxLeads {
			d.LeadTimes = append(d.LeadTimes, l)
		}
	}
	d.LeadMedianNS = quantile(positive(d.leads), 0.5)
}

// neverOut is a roll-out that failed before anybody was served by it: it is listed and in no number.
func neverOut(d *build.Deployment, at time.Time) DoraDeploy {
	return DoraDeploy{
		ID: d.ID(), Service: d.Service, Environment: d.Environment, Status: d.Status.String(), CommitSHA: d.CommitSHA, PreviousCommitSHA: d.PreviousCommit,
		BuildRunID: d.BuildRunID, FinishedAt: history.Known(at), URL: d.URL, Outcome: OutcomeUndecided, Reason: "it never was out: the roll-out ended as " + d.Status.String(),
		Evidence: []DeployEvidence{}, Incidents: []string{}, LeadTimes: []CommitLead{}, Counts: []string{}, at: at,
	}
}

// sums are the numbers of some deployments.
type sums struct {
	deployments, failed, decided, undecided, rework, open int
	leads, recoveries                                     []int64
}

func sumOf(rows []DoraDeploy) sums {
	var s sums
	for _, d := range rows {
		s.deployments++
		switch d.Outcome {
		case OutcomeFailed:
			s.failed, s.decided = s.failed+1, s.decided+1
			if d.RecoveryNS != nil {
				s.recoveries = append(s.recoveries, *d.RecoveryNS)
			} else {
				s.open++
			}
		case OutcomeGood:
			s.decided++
		default:
			s.undecided++
		}
		if d.Rework {
			s.rework++
		}
		s.leads = append(s.leads, d.leads...)
	}
	return s
}

func (s sums) metrics(days float64) DoraMetrics {
	good := positive(s.leads)
	m := DoraMetrics{
		DeploymentFrequency: DoraFrequency{Deployments: s.deployments},
		LeadTime:            DoraLead{MedianNS: quantile(good, 0.5), P90NS: quantile(good, 0.9), Commits: len(s.leads), Negative: len(s.leads) - len(good)},
		ChangeFailRate:      DoraFailRate{Failed: s.failed, Decided: s.decided, Undecided: s.undecided, Rate: share(s.failed, s.decided)},
		RecoveryTime:        DoraRecovery{MedianNS: quantile(s.recoveries, 0.5), P90NS: quantile(s.recoveries, 0.9), Recoveries: len(s.recoveries), Open: s.open},
		ReworkRate:          DoraRework{Rework: s.rework, Deployments: s.deployments, Rate: share(s.rework, s.deployments)},
	}
	if days > 0 {
		m.DeploymentFrequency.PerDay = float64(s.deployments) / days
	}
	return m
}

func share(n, of int) *float64 {
	if of == 0 {
		return nil
	}
	f := float64(n) / float64(of)
	return &f
}

func positive(xs []int64) []int64 {
	var out []int64
	for _, x := range xs {
		if x >= 0 {
			out = append(out, x)
		}
	}
	return out
}

// quantile is between the two nearest ranks in proportion, so that the median of an even number is the middle of both;
// nil where there are no values.
func quantile(xs []int64, level float64) *int64 {
	if len(xs) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(xs))
	at := level * float64(len(sorted)-1)
	i := int(at)
	v := sorted[i]
	if i+1 < len(sorted) {
		v += int64((at - float64(i)) * float64(sorted[i+1]-sorted[i]))
	}
	return &v
}

// trend divides the window into whole days, or weeks where those would be more than 30.
func (m *measurement) trend(rows []DoraDeploy) []DoraPoint {
	width := 24 * time.Hour
	for m.o.To.Sub(m.o.From) > 30*width {
		width += 24 * time.Hour
		if width > 7*24*time.Hour {
			width = (width / (7 * 24 * time.Hour)) * 7 * 24 * time.Hour
			if m.o.To.Sub(m.o.From) > 30*width {
				width += 7 * 24 * time.Hour
			}
		}
	}
	out := []DoraPoint{}
	for at := m.o.From.UTC().Truncate(24 * time.Hour); at.Before(m.o.To); at = at.Add(width) {
		var part []DoraDeploy
		for _, d := range rows {
			if !d.at.Before(at) && d.at.Before(at.Add(width)) {
				part = append(part, d)
			}
		}
		s := sumOf(part)
		out = append(out, DoraPoint{
			Time: at, Deployments: s.deployments, Failed: s.failed, Decided: s.decided, Undecided: s.undecided, Rework: s.rework,
			LeadMedianNS: quantile(positive(s.leads), 0.5), RecoveryMedianNS: quantile(s.recoveries, 0.5),
		})
	}
	return out
}

func groupsOf(rows []DoraDeploy) []DoraGroup {
	type key struct{ service, environment string }
	by := map[key][]DoraDeploy{}
	for _, d := range rows {
		k := key{d.Service, d.Environment}
		by[k] = append(by[k], d)
	}
	out := []DoraGroup{}
	for k, part := range by {
		s := sumOf(part)
		out = append(out, DoraGroup{
			Service: k.service, Environment: k.environment, Deployments: s.deployments, Failed: s.failed, Decided: s.decided, Rework: s.rework,
			LeadMedianNS: quantile(positive(s.leads), 0.5), RecoveryMedianNS: quantile(s.recoveries, 0.5),
		})
	}
	slices.SortFunc(out, func(a, b DoraGroup) int {
		return cmp.Or(cmp.Compare(b.Deployments, a.Deployments), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Environment, b.Environment))
	})
	return out
}
