package correlation

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

var (
	epoch  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	digA   = "sha256:" + strings.Repeat("a", 64)
	digB   = "sha256:" + strings.Repeat("b", 64)
	commit = strings.Repeat("c", 39) + "1"
	other  = strings.Repeat("d", 39) + "2"
	tn     = tenant.Default
)

func at(min int) time.Time { return epoch.Add(time.Duration(min) * time.Minute) }

func key(run string, attempt uint16) build.RunKey {
	return build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: run, Attempt: attempt}
}

func run(id string, attempt uint16, sha string) *build.Run {
	return &build.Run{RunKey: key(id, attempt), State: build.State{CommitSHA: sha, Status: build.StatusSuccess, Version: 1}}
}

func artifact(run, digest, sha, service, version string) *build.Artifact {
	return &build.Artifact{RunKey: key(run, 1), Digest: digest, CommitSHA: sha, Service: service, ArtifactVersion: version}
}

func deploy(id, env string, min int, edit func(*build.Deployment)) *build.Deployment {
	d := &build.Deployment{
		Provider: "github", Host: "github.com", Repo: "acme/shop", DeploymentID: id, Environment: env,
		Status: build.DeploySuccess, StartedAt: at(min), FinishedAt: at(min + 1), Version: 1,
	}
	edit(d)
	return d
}

const (
	run1, run2 = "github:github.com:acme/shop:1:1", "github:github.com:acme/shop:2:1"
	dep1, dep2 = "github:github.com:acme/shop:d1", "github:github.com:acme/shop:d2"
)

func TestResolve(t *testing.T) {
	digests := func(d ...string) func(*build.Deployment) { return func(x *build.Deployment) { x.Digests = d } }
	sha := func(s string) func(*build.Deployment) { return func(x *build.Deployment) { x.CommitSHA = s } }
	version := func(v, s string) func(*build.Deployment) {
		return func(x *build.Deployment) { x.Service, x.ServiceVersion, x.CommitSHA = "shop", v, s }
	}
	for _, tc := range []struct {
		name   string
		events []build.Event
		ev     Evidence
		at     time.Time
		want   envelope.Correlation
	}{
		{name: "nothing known", ev: Evidence{Digests: []string{digA}}},
		{name: "no evidence", events: []build.Event{run("1", 1, commit)}, ev: Evidence{Service: "shop"}},
		{
			name:   "digest gives commit, run and deployment",
			events: []build.Event{artifact("1", digA, commit, "", ""), deploy("d1", "production", 5, digests(digA))},
			ev:     Evidence{Digests: []string{digA}, Service: "shop", Environment: "production"}, at: at(10),
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run1, DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name:   "digest beats a wrong revision and version",
			events: []build.Event{artifact("1", digA, commit, "", ""), run("2", 1, other)},
			ev:     Evidence{Digests: []string{digA}, Revision: other, Service: "shop", Version: "2"},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisDigest},
		},
		{
			name:   "commit of the run when the artifact doesn't tell",
			events: []build.Event{artifact("1", digA, "", "", ""), run("1", 1, commit)},
			ev:     Evidence{Digests: []string{digA}},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisDigest},
		},
		{
			name:   "one digest built by two runs from one commit: no run",
			events: []build.Event{artifact("1", digA, commit, "", ""), artifact("2", digA, commit, "", "")},
			ev:     Evidence{Digests: []string{digA}},
			want:   envelope.Correlation{CommitSHA: commit, Basis: envelope.BasisDigest},
		},
		{
			name:   "one digest from two commits: the revision decides, and says so",
			events: []build.Event{artifact("1", digA, commit, "", ""), artifact("2", digA, other, "", "")},
			ev:     Evidence{Digests: []string{digA}, Revision: other},
			want:   envelope.Correlation{CommitSHA: other, BuildRunID: run2, Basis: envelope.BasisRevision},
		},
		{
			name: "one digest from two commits and nothing else: only the deployment is certain",
			events: []build.Event{
				artifact("1", digA, commit, "", ""), artifact("2", digA, other, "", ""), deploy("d1", "production", 5, digests(digA)),
			},
			ev:   Evidence{Digests: []string{digA}, Environment: "production"},
			want: envelope.Correlation{DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name:   "digest without a build, deployed by commit",
			events: []build.Event{artifact("1", digA, commit, "", ""), deploy("d1", "production", 5, sha(commit))},
			ev:     Evidence{Digests: []string{digA}, Environment: "production"},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name:   "unknown digest falls to the revision",
			events: []build.Event{run("1", 1, commit)},
			ev:     Evidence{Digests: []string{digB}, Revision: commit},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisRevision},
		},
		{
			name: "a revision is its own evidence without any build",
			ev:   Evidence{Revision: strings.ToUpper(commit)},
			want: envelope.Correlation{CommitSHA: commit, Basis: envelope.BasisRevision},
		},
		{
			name:   "abbreviated revision",
			events: []build.Event{run("1", 1, commit)},
			ev:     Evidence{Revision: commit[:8]},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisRevision},
		},
		{
			name:   "abbreviation of two commits",
			events: []build.Event{run("1", 1, commit), run("2", 1, commit[:39]+"9")},
			ev:     Evidence{Revision: commit[:8]},
		},
		{name: "revision that is no hash", events: []build.Event{run("1", 1, commit)}, ev: Evidence{Revision: "main"}},
		{
			name:   "two pipelines of a commit: the one that built the service's artifact",
			events: []build.Event{run("1", 1, commit), run("2", 1, commit), artifact("2", digA, commit, "shop", "")},
			ev:     Evidence{Revision: commit, Service: "shop"},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run2, Basis: envelope.BasisRevision},
		},
		{
			name:   "two pipelines of a commit and no artifact: no run",
			events: []build.Event{run("1", 1, commit), run("2", 1, commit)},
			ev:     Evidence{Revision: commit},
			want:   envelope.Correlation{CommitSHA: commit, Basis: envelope.BasisRevision},
		},
		{
			name:   "a re-run replaces the attempt before",
			events: []build.Event{run("1", 1, commit), run("1", 2, commit)},
			ev:     Evidence{Revision: commit},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: "github:github.com:acme/shop:1:2", Basis: envelope.BasisRevision},
		},
		{
			name:   "version of the service",
			events: []build.Event{artifact("1", digA, commit, "shop", "1.2"), artifact("2", digB, other, "cart", "1.2")},
			ev:     Evidence{Service: "shop", Version: "1.2"},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisVersion},
		},
		{
			name:   "version without service",
			events: []build.Event{artifact("1", digA, commit, "shop", "1.2")},
			ev:     Evidence{Version: "1.2"},
		},
		{
			name:   "one version built twice from different commits",
			events: []build.Event{artifact("1", digA, commit, "shop", "1.2"), artifact("2", digB, other, "shop", "1.2")},
			ev:     Evidence{Service: "shop", Version: "1.2", Environment: "production"},
		},
		{
			name: "… of which one was deployed here",
			events: []build.Event{
				artifact("1", digA, commit, "shop", "1.2"), artifact("2", digB, other, "shop", "1.2"),
				deploy("d1", "production", 1, version("1.2", other)), deploy("d2", "test", 2, version("1.2", commit)),
			},
			ev:   Evidence{Service: "shop", Version: "1.2", Environment: "production"},
			want: envelope.Correlation{CommitSHA: other, DeploymentID: dep1, Basis: envelope.BasisVersion},
		},
		{
			name:   "version that is the commit",
			events: []build.Event{run("1", 1, commit)},
			ev:     Evidence{Service: "shop", Version: commit},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisVersion},
		},
		{
			name: "canary and stable each get their own",
			events: []build.Event{
				deploy("d1", "production", 1, digests(digA)), deploy("d2", "production", 9, digests(digB)),
			},
			ev: Evidence{Digests: []string{digA}, Environment: "production"}, at: at(20),
			want: envelope.Correlation{DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name: "rolled back: the later deployment of the same digest, from its start on",
			events: []build.Event{
				deploy("d1", "production", 1, digests(digA)), deploy("d2", "production", 9, digests(digA)),
			},
			ev: Evidence{Digests: []string{digA}, Environment: "production"}, at: at(9),
			want: envelope.Correlation{DeploymentID: dep2, Basis: envelope.BasisDigest},
		},
		{
			name: "before that, the earlier one",
			events: []build.Event{
				deploy("d1", "production", 1, digests(digA)), deploy("d2", "production", 9, digests(digA)),
			},
			ev: Evidence{Digests: []string{digA}, Environment: "production"}, at: at(8),
			want: envelope.Correlation{DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name: "other environment, other service, failed, later: no deployment",
			events: []build.Event{
				artifact("1", digA, commit, "", ""),
				deploy("d1", "test", 1, digests(digA)),
				deploy("d2", "production", 1, func(d *build.Deployment) { d.Digests, d.Service = []string{digA}, "cart" }),
				deploy("d3", "production", 1, func(d *build.Deployment) { d.Digests, d.Status = []string{digA}, build.DeployFailure }),
				deploy("d4", "production", 50, digests(digA)),
			},
			ev: Evidence{Digests: []string{digA}, Service: "shop", Environment: "production"}, at: at(10),
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisDigest},
		},
		{
			name: "inactive counts when it once succeeded",
			events: []build.Event{
				deploy("d1", "production", 1, func(d *build.Deployment) {
					d.Digests, d.Status = []string{digA}, build.DeployInactive
					d.Attrs = map[string]string{build.KeySucceededAt: build.FormatTime(at(2))}
				}),
				deploy("d2", "production", 3, func(d *build.Deployment) { d.Digests, d.Status = []string{digA}, build.DeployInactive }),
			},
			ev: Evidence{Digests: []string{digA}, Environment: "production"}, at: at(10),
			want: envelope.Correlation{DeploymentID: dep1, Basis: envelope.BasisDigest},
		},
		{
			name:   "a build run is itself, and nothing that was deployed",
			events: []build.Event{run("1", 1, commit), run("2", 1, commit), deploy("d1", "test", 1, sha(commit))},
			ev:     Evidence{BuildRunID: run2, Revision: commit}, at: at(60),
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run2, Basis: envelope.BasisRevision},
		},
		{
			name:   "a build run that doesn't tell its revision",
			events: []build.Event{run("1", 1, commit)},
			ev:     Evidence{BuildRunID: run1},
			want:   envelope.Correlation{CommitSHA: commit, BuildRunID: run1, Basis: envelope.BasisRevision},
		},
		{
			name: "a digest that only a deployment knows, whose run was found by version",
			events: []build.Event{deploy("d1", "production", 1, func(d *build.Deployment) {
				d.Digests, d.BuildRunID, d.CommitSHA, d.Basis = []string{digA}, run1, commit, envelope.BasisVersion
			})},
			ev:   Evidence{Digests: []string{digA}, Environment: "production"},
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run1, DeploymentID: dep1, Basis: envelope.BasisVersion},
		},
		{
			name: "a digest that only a deployment knows, which names its commit",
			events: []build.Event{deploy("d1", "production", 1, func(d *build.Deployment) {
				d.Digests, d.CommitSHA, d.Basis = []string{digA}, commit, envelope.BasisRevision
			})},
			ev:   Evidence{Digests: []string{digA}, Environment: "production"},
			want: envelope.Correlation{CommitSHA: commit, DeploymentID: dep1, Basis: envelope.BasisRevision},
		},
		{
			name: "a revision whose run is known by itself needs no deployment's evidence",
			events: []build.Event{run("1", 1, commit), deploy("d1", "production", 1, func(d *build.Deployment) {
				d.BuildRunID, d.CommitSHA, d.Basis = run1, commit, envelope.BasisTime
			})},
			ev:   Evidence{Revision: commit, Environment: "production"},
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run1, DeploymentID: dep1, Basis: envelope.BasisRevision},
		},
		{
			name: "a revision whose run only a guess of a deployment names",
			events: []build.Event{deploy("d1", "production", 1, func(d *build.Deployment) {
				d.BuildRunID, d.CommitSHA, d.Basis = run1, commit, envelope.BasisTime
			})},
			ev:   Evidence{Revision: commit, Environment: "production"},
			want: envelope.Correlation{CommitSHA: commit, BuildRunID: run1, DeploymentID: dep1, Basis: envelope.BasisTime},
		},
		{
			name:   "no environment in the evidence and two that fit",
			events: []build.Event{deploy("d1", "test", 1, sha(commit)), deploy("d2", "production", 1, sha(commit))},
			ev:     Evidence{Revision: commit},
			want:   envelope.Correlation{CommitSHA: commit, Basis: envelope.BasisRevision},
		},
		{
			name:   "time alone is a guess at the latest deployment of the service",
			events: []build.Event{deploy("d1", "production", 1, version("1", other)), deploy("d2", "production", 5, version("2", commit)), deploy("d2", "test", 6, version("3", other))},
			ev:     Evidence{Service: "shop", Environment: "production"}, at: at(10),
			want: envelope.Correlation{CommitSHA: commit, DeploymentID: dep2, Basis: envelope.BasisTime},
		},
		{
			name:   "time tells nothing while two versions serve",
			events: []build.Event{deploy("d1", "production", 1, version("1", other)), deploy("d2", "production", 9, version("2", commit))},
			ev:     Evidence{Service: "shop", Environment: "production"}, at: at(9),
		},
		{
			name: "time tells nothing while a roll-out goes on",
			events: []build.Event{deploy("d1", "production", 1, version("1", other)), deploy("d2", "production", 5, func(d *build.Deployment) {
				version("2", commit)(d)
				d.Status, d.FinishedAt = build.DeployInProgress, time.Time{}
			})},
			ev: Evidence{Service: "shop", Environment: "production"}, at: at(9),
		},
		{
			name: "a deployment that became inactive later had ended its roll-out",
			events: []build.Event{deploy("d1", "production", 1, func(d *build.Deployment) {
				version("1", commit)(d)
				d.Status, d.FinishedAt = build.DeployInactive, at(60)
				d.Attrs = map[string]string{build.KeySucceededAt: build.FormatTime(at(2))}
			})},
			ev: Evidence{Service: "shop", Environment: "production"}, at: at(9),
			want: envelope.Correlation{CommitSHA: commit, DeploymentID: dep1, Basis: envelope.BasisTime},
		},
		{
			name:   "time doesn't overrule another version",
			events: []build.Event{deploy("d1", "production", 1, version("1", other))},
			ev:     Evidence{Service: "shop", Environment: "production", Version: "2"}, at: at(10),
		},
		{
			name: "time doesn't overrule another digest",
			events: []build.Event{deploy("d1", "production", 1, func(d *build.Deployment) {
				version("1", other)(d)
				d.Digests = []string{digA}
			})},
			ev: Evidence{Service: "shop", Environment: "production", Digests: []string{digB}}, at: at(10),
		},
		{
			name:   "time without an environment says nothing",
			events: []build.Event{deploy("d1", "production", 1, version("1", commit))},
			ev:     Evidence{Service: "shop", Version: "9"}, at: at(10),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ix := New(Options{})
			for _, e := range tc.events {
				ix.Observe(tn, e)
			}
			require.Equal(t, tc.want, ix.Resolve(tn, tc.ev, tc.at))
			require.Empty(t, ix.Resolve(tenant.ID{9}, Evidence{Digests: tc.ev.Digests}, tc.at), "another tenant")
		})
	}
}

func TestRepair(t *testing.T) {
	c := func(basis envelope.Basis, sha, run, dep string) envelope.Correlation {
		return envelope.Correlation{Basis: basis, CommitSHA: sha, BuildRunID: run, DeploymentID: dep}
	}
	none := envelope.Correlation{}
	for name, tc := range map[string]struct{ stored, now, want envelope.Correlation }{
		"nothing known":                   {none, none, none},
		"known now":                       {none, c(envelope.BasisVersion, commit, run1, dep1), c(envelope.BasisVersion, commit, run1, dep1)},
		"evicted since":                   {c(envelope.BasisDigest, commit, run1, dep1), none, c(envelope.BasisDigest, commit, run1, dep1)},
		"weaker now":                      {c(envelope.BasisDigest, commit, run1, dep1), c(envelope.BasisTime, other, run2, dep2), c(envelope.BasisDigest, commit, run1, dep1)},
		"better now":                      {c(envelope.BasisTime, other, run2, dep2), c(envelope.BasisDigest, commit, run1, ""), c(envelope.BasisDigest, commit, run1, "")},
		"a deployment told late":          {c(envelope.BasisDigest, commit, run1, dep1), c(envelope.BasisDigest, commit, run1, dep2), c(envelope.BasisDigest, commit, run1, dep2)},
		"a second run of the same commit": {c(envelope.BasisRevision, commit, run1, dep1), c(envelope.BasisRevision, commit, "", dep1), c(envelope.BasisRevision, commit, "", dep1)},
	} {
		require.Equal(t, tc.want, Repair(tc.stored, tc.now), name)
	}
}

func TestEvidenceOf(t *testing.T) {
	hex := strings.Repeat("a", 64)
	for _, tc := range []struct {
		name  string
		attrs map[string]any
		want  Evidence
	}{
		{name: "empty"},
		{
			name: "all names",
			attrs: map[string]any{
				envelope.AttrBuildRunRef:       run1,
				"container.image.repo_digests": []any{"ghcr.io/acme/shop@sha256:" + hex, "mirror/shop@SHA256:" + hex, "nonsense"},
				"oci.manifest.digest":          digB, "container.image.id": "sha256:" + strings.Repeat("e", 64), "artifact.hash": strings.Repeat("f", 64),
				"vcs.ref.head.revision": commit, "service.name": "shop", "service.version": "1", "deployment.environment.name": "production",
			},
			want: Evidence{
				BuildRunID: run1,
				Digests:    []string{digA, digB, "sha256:" + strings.Repeat("e", 64), "sha256:" + strings.Repeat("f", 64)},
				Revision:   commit, Service: "shop", Version: "1", Environment: "production",
			},
		},
		{name: "short container id is no digest", attrs: map[string]any{"container.image.id": "19c92d0a00d1"}},
		{name: "old environment name", attrs: map[string]any{"deployment.environment": "test"}, want: Evidence{Environment: "test"}},
		{name: "digests as one string", attrs: map[string]any{"container.image.repo_digests": "r@" + digA}, want: Evidence{Digests: []string{digA}}},
		{name: "wrong types", attrs: map[string]any{"service.version": 7, "vcs.ref.head.revision": true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := pcommon.NewMap()
			require.NoError(t, m.FromRaw(tc.attrs))
			require.Equal(t, tc.want, EvidenceOf(m))
		})
	}
}

func TestImageName(t *testing.T) {
	for in, want := range map[string]string{
		"ghcr.io/acme/shop:1.2": "shop", "shop": "shop", "localhost:5000/shop@" + digA: "shop", "": "",
	} {
		require.Equal(t, want, imageName(in), in)
	}
}
