package dora_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/queryd/dora"
	"github.com/summitobs/summit/queryd/history"
)

var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// day is a time of day, as "10:45", on a day of March.
func day(n int, clock string) time.Time {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	return march.AddDate(0, 0, n-1).Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute)
}

func deployment(repo, id, service, sha string, at time.Time) *build.Deployment {
	return &build.Deployment{
		Provider: "github", Host: "github.com", Repo: repo, DeploymentID: id, Service: service, Environment: "production", CommitSHA: sha,
		Status: build.DeploySuccess, CreatedAt: at.Add(-5 * time.Minute), FinishedAt: at, UpdatedAt: at,
	}
}

func minutes(ns *int64) float64 {
	if ns == nil {
		return -1
	}
	return time.Duration(*ns).Minutes()
}

// thirty is a month of 30 deployments of three services. Every number that the test below expects was worked out with
// pencil and paper from this list:
//
//	shop, s0…s19 of acme/shop, at 10:00 on March 1…19 but s8 (March 8, 10:45), s15 (March 15, 11:30), s19 (March 25).
//	  s_k brings commit c_k, made 10·(k+1) minutes before; s8 goes back to c6, so that s9 brings c7 once more.
//	  Two incidents name s3 and are open until s4 is out; c12 reverts c10; c15 is a hotfix; an alert follows s17.
//	mail, deployed together with s5 and s6 out of the same repository.
//	cart, k0…k7 of acme/cart, every third day from March 2 at 12:00, each with commits of 60 and 180 minutes;
//	  k3 has one more of a robot, 600 minutes old; the second of k7 is dated half an hour after its deployment.
func thirty() dora.Facts {
	const shop, cart = "github:github.com:acme/shop", "github:github.com:acme/cart"
	f := dora.Facts{Commits: map[string][]*history.Commit{}}
	commit := func(repo, sha, message, author string, at time.Time) {
		f.Commits[repo] = append(f.Commits[repo], &history.Commit{SHA: sha, Message: message, Author: author, Branch: "main", At: at})
	}
	commit(shop, "b0", "Begin", "Ada", day(1, "00:00").Add(-48*time.Hour))
	f.Deployments = append(f.Deployments, deployment("acme/shop", "before", "shop", "b0", day(1, "00:00").Add(-24*time.Hour)))
	for k := range 20 {
		at, sha, message := day(k+1, "10:00"), fmt.Sprintf("c%d", k), fmt.Sprintf("Change %d", k)
		switch k {
		case 8:
			f.Deployments = append(f.Deployments, deployment("acme/shop", "s8", "shop", "c6", day(8, "10:45")))
			continue
		case 12:
			message = `Revert "Change 10"`
		case 15:
			at = day(15, "11:30")
		case 19:
			at = day(25, "10:00")
		}
		commit(shop, sha, message, "Ada", at.Add(-time.Duration(10*(k+1))*time.Minute))
		f.Deployments = append(f.Deployments, deployment("acme/shop", fmt.Sprintf("s%d", k), "shop", sha, at))
		if k == 5 || k == 6 {
			f.Deployments = append(f.Deployments, deployment("acme/shop", fmt.Sprintf("s%d", k), "mail", sha, at))
		}
	}
	commit(cart, "k0", "Begin", "Bob", day(2, "11:00"))
	f.Deployments = append(f.Deployments, deployment("acme/cart", "k0", "cart", "k0", day(2, "12:00")))
	for j := 1; j < 8; j++ {
		at := day(2+3*j, "12:00")
		if j == 3 {
			commit(cart, "bot", "Bump x", "dependabot[bot]", at.Add(-600*time.Minute))
		}
		last := -60 * time.Minute
		commit(cart, fmt.Sprintf("k%da", j), "Work", "Bob", at.Add(-map[bool]time.Duration{true: 60, false: 180}[j == 7]*time.Minute))
		if j == 7 {
			last = 30 * time.Minute
		}
		commit(cart, fmt.Sprintf("k%db", j), "Work on", "Bob", at.Add(last))
		f.Deployments = append(f.Deployments, deployment("acme/cart", fmt.Sprintf("k%d", j), "cart", fmt.Sprintf("k%db", j), at))
	}
	staging := deployment("acme/shop", "stage", "shop", "c3", day(3, "09:00"))
	staging.Environment = "staging"
	broken := deployment("acme/shop", "never", "shop", "c9", day(10, "09:55"))
	broken.Status = build.DeployFailure
	f.Deployments = append(f.Deployments, staging, broken)
	f.Changes = []dora.Change{{ID: "pr15", Title: "Mend the till", Labels: []string{"bug", "hotfix"}, MergeSHA: "c15"}, {ID: "pr16", Labels: []string{"feature"}, MergeSHA: "c16"}}
	s3 := "github:github.com:acme/shop:s3"
	f.Troubles = []dora.Trouble{
		{ID: "INC-1", Deployment: s3, OpenedAt: day(4, "11:00"), ResolvedAt: day(5, "10:30")},
		{ID: "INC-2", Deployment: s3, OpenedAt: day(4, "11:20"), ResolvedAt: day(4, "12:00")},
		{ID: "ALERT-1", Alert: true, Service: "shop", Environment: "production", OpenedAt: day(18, "12:00")},
		{ID: "ALERT-2", Alert: true, Service: "shop", Environment: "staging", OpenedAt: day(3, "09:10")},
	}
	return f
}

var april = history.Window{From: march, To: march.AddDate(0, 0, 30)}

func TestPoint19DoraEqualsTheHandComputedSet(t *testing.T) {
	r := dora.Measure(thirty(), dora.Options{Window: april, Now: day(25, "12:00")})
	m := r.Metrics
	require.Equal(t, dora.DoraFrequency{PerDay: 1, Deployments: 30}, m.DeploymentFrequency)

	require.Equal(t, 36, m.LeadTime.Commits)
	require.Equal(t, 1, m.LeadTime.Negative)
	require.Equal(t, 110.0, minutes(m.LeadTime.MedianNS))
	require.Equal(t, 186.0, minutes(m.LeadTime.P90NS))

	require.Equal(t, []int{5, 29, 1}, []int{m.ChangeFailRate.Failed, m.ChangeFailRate.Decided, m.ChangeFailRate.Undecided})
	require.InDelta(t, 5.0/29, *m.ChangeFailRate.Rate, 1e-12)
	require.Equal(t, map[string]int{"incident": 1, "rollback": 1, "revert": 1, "hotfix": 1, "alert": 1}, r.Basis)

	require.Equal(t, []int{5, 0}, []int{m.RecoveryTime.Recoveries, m.RecoveryTime.Open})
	require.Equal(t, 1440.0, minutes(m.RecoveryTime.MedianNS))
	require.Equal(t, 1440.0, minutes(m.RecoveryTime.P90NS))

	require.Equal(t, 3, m.ReworkRate.Rework)
	require.InDelta(t, 0.1, *m.ReworkRate.Rate, 1e-12)

	type verdict struct {
		basis, rework string
		recovery      float64
	}
	want := map[string]verdict{
		"s3": {"incident", "", 1440}, "s4": {"", "incident", -1}, "s7": {"rollback", "", 45}, "s8": {"", "rollback", -1}, "s10": {"revert", "", 1440},
		"s14": {"hotfix", "", 90}, "s15": {"", "hotfix", -1}, "s17": {"alert", "", 1440},
	}
	for _, d := range r.Deployments {
		id := d.ID[len(d.ID)-len("s3"):]
		if len(d.ID) > 2 && d.ID[len(d.ID)-3] == 's' {
			id = d.ID[len(d.ID)-3:]
		}
		w, told := want[id]
		if !told || d.Service != "shop" {
			w = verdict{recovery: -1}
		}
		require.Equal(t, w, verdict{d.FailureBasis, d.ReworkBasis, minutes(d.RecoveryNS)}, d.ID)
		require.NotEmpty(t, d.Reason)
		require.Equal(t, d.FailureBasis != "", len(d.Evidence) > 0, "every failure has evidence: %s", d.ID)
	}
	require.Equal(t, []string{"shop", "cart", "mail"}, []string{r.Groups[0].Service, r.Groups[1].Service, r.Groups[2].Service})
	require.Equal(t, []int{20, 8, 2}, []int{r.Groups[0].Deployments, r.Groups[1].Deployments, r.Groups[2].Deployments})
}

// Every number must be the list behind it.
func TestEachNumberIsItsDeployments(t *testing.T) {
	r := dora.Measure(thirty(), dora.Options{Window: april, Now: day(25, "12:00")})
	counts := map[string]int{}
	failed, rework, commits := 0, 0, 0
	for _, d := range r.Deployments {
		for _, c := range d.Counts {
			counts[c]++
		}
		if d.Outcome == "failed" {
			failed++
		}
		if d.Rework {
			rework++
		}
		commits += len(d.LeadTimes)
	}
	m := r.Metrics
	require.Equal(t, map[string]int{
		"deployment_frequency": m.DeploymentFrequency.Deployments, "change_fail_rate": m.ChangeFailRate.Decided,
		"recovery_time": m.RecoveryTime.Recoveries + m.RecoveryTime.Open, "rework_rate": m.ReworkRate.Deployments, "lead_time": 27,
	}, counts)
	require.Equal(t, []int{m.ChangeFailRate.Failed, m.ReworkRate.Rework, m.LeadTime.Commits}, []int{failed, rework, commits})
	trend := 0
	for _, p := range r.Trend {
		trend += p.Deployments
	}
	require.Equal(t, 30, trend)
	require.Len(t, r.Trend, 30)
	last := r.Deployments[len(r.Deployments)-1]
	require.Equal(t, "github:github.com:acme/shop:s0", last.ID, "newest first")
}

func TestTwoIncidentsOfOneDeploymentCountOnce(t *testing.T) {
	r := dora.Measure(thirty(), dora.Options{Window: april, Now: day(25, "12:00"), Service: "shop"})
	for _, d := range r.Deployments {
		if d.ID == "github:github.com:acme/shop:s3" {
			require.Equal(t, []string{"INC-1", "INC-2"}, d.Incidents)
			require.Len(t, d.Evidence, 2)
		}
	}
	require.Equal(t, 1, r.Basis["incident"])
}

func TestWhatIsCounted(t *testing.T) {
	base := dora.Options{Window: april, Now: day(25, "12:00")}
	for _, tc := range []struct {
		name   string
		change func(*dora.Options, *dora.Facts)
		check  func(*testing.T, dora.Report)
	}{
		{"without bots and reverts", func(o *dora.Options, _ *dora.Facts) { o.WithoutBots, o.WithoutReverts = true, true }, func(t *testing.T, r dora.Report) {
			require.Equal(t, 34, r.Metrics.LeadTime.Commits)
		}},
		{"another environment", func(o *dora.Options, _ *dora.Facts) { o.Environment = "staging" }, func(t *testing.T, r dora.Report) {
			require.Equal(t, 1, r.Metrics.DeploymentFrequency.Deployments)
			require.Equal(t, 1, r.Basis["alert"])
		}},
		{"a roll-out that failed is listed and not counted", func(o *dora.Options, _ *dora.Facts) { o.Service = "shop" }, func(t *testing.T, r dora.Report) {
			require.Equal(t, 20, r.Metrics.DeploymentFrequency.Deployments)
			require.Len(t, r.Deployments, 21)
		}},
		{"the incident is the stronger basis", func(_ *dora.Options, f *dora.Facts) {
			f.Troubles = append(f.Troubles, dora.Trouble{ID: "INC-3", CommitSHA: "c7", OpenedAt: day(8, "10:20")})
		}, func(t *testing.T, r dora.Report) {
			require.Equal(t, []int{2, 0}, []int{r.Basis["incident"], r.Basis["rollback"]})
			require.Equal(t, 5, r.Metrics.ChangeFailRate.Failed)
		}},
		{"an incident linked by the deployment itself", func(_ *dora.Options, f *dora.Facts) {
			f.Deployments[3].Attrs = map[string]string{dora.KeyIncident: "INC-9"}
		}, func(t *testing.T, r dora.Report) { require.Equal(t, 2, r.Basis["incident"]) }},
		{"a longer failure window leaves more undecided", func(o *dora.Options, _ *dora.Facts) { o.FailureWindow = 72 * time.Hour }, func(t *testing.T, r dora.Report) {
			require.Equal(t, 2, r.Metrics.ChangeFailRate.Undecided)
		}},
		{"nothing deployed", func(_ *dora.Options, f *dora.Facts) { *f = dora.Facts{} }, func(t *testing.T, r dora.Report) {
			require.Nil(t, r.Metrics.ChangeFailRate.Rate)
			require.Nil(t, r.Metrics.LeadTime.MedianNS)
			require.Zero(t, r.Metrics.DeploymentFrequency.PerDay)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, f := base, thirty()
			tc.change(&o, &f)
			tc.check(t, dora.Measure(f, o))
		})
	}
}

func TestProductionTier(t *testing.T) {
	for _, tc := range []struct {
		environment string
		attrs       map[string]string
		want        bool
	}{
		{"production", nil, true}, {"prod-eu", nil, true}, {"eu/prod", nil, true}, {"live", nil, true}, {"staging", nil, false}, {"pre-prod", nil, false},
		{"preprod", nil, false}, {"review/prod-fix-test", nil, false}, {"customers", map[string]string{"deployment_tier": "production"}, true},
		{"production", map[string]string{"deployment_tier": "testing"}, false}, {"eu", map[string]string{"production": "true"}, true}, {"reproduction", nil, false},
	} {
		require.Equal(t, tc.want, dora.IsProduction(&build.Deployment{Environment: tc.environment, Attrs: tc.attrs}), "%s %v", tc.environment, tc.attrs)
	}
}
