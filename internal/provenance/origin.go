package provenance

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
)

// facts is what both versions of SLSA say of a build.
type facts struct {
	// invocation is the builder's own id of the run: a URL on GitHub, a job id on GitLab.
	invocation string
	builder    string
	source     string
	ref        string
	vars       map[string]string
	materials  []resource
	at         time.Time
}

// actionsRun is the invocation of a workflow run as GitHub's attestations and npm write it.
var actionsRun = regexp.MustCompile(`^/([^/]+/[^/]+)/actions/runs/([0-9]+)(?:/attempts/([0-9]+))?$`)

// origin names the run by the same key as the CI receiver does, so that both are one node of the graph.
func (f *facts) origin() Origin {
	o := Origin{Builder: f.builder, FinishedAt: f.at}
	host, repo, ref := sourceOf(f.source)
	o.Source, o.CommitSHA = f.source, f.commit(host, repo)
	if f.ref != "" {
		ref = f.ref
	}
	o.Branch = strings.TrimPrefix(ref, "refs/heads/")
	if strings.HasPrefix(o.Branch, "refs/") {
		o.Branch = ""
	}
	o.Run = build.RunKey{Host: host, Repo: repo}
	switch {
	case f.github(&o):
	case f.gitlab(&o):
	default:
		// The builder is none of those that are known; the commit still says where the content is from.
		o.Run.Provider = providerOf(host)
	}
	return o
}

func (f *facts) github(o *Origin) bool {
	if u, err := url.Parse(f.invocation); err == nil && u.Host != "" {
		if m := actionsRun.FindStringSubmatch(u.Path); m != nil {
			o.Run = build.RunKey{Provider: "github", Host: u.Host, Repo: m[1], RunID: m[2], Attempt: attempt(m[3])}
			o.URL = f.invocation
			return true
		}
	}
	run := f.vars["GITHUB_RUN_ID"]
	if run == "" || o.Run.Repo == "" {
		return false
	}
	o.Run.Provider, o.Run.RunID, o.Run.Attempt = "github", run, attempt(f.vars["GITHUB_RUN_ATTEMPT"])
	o.URL = "https://" + o.Run.Host + "/" + o.Run.Repo + "/actions/runs/" + run
	if o.CommitSHA == "" {
		o.CommitSHA = commitSHA(f.vars["GITHUB_SHA"])
	}
	return true
}

func (f *facts) gitlab(o *Origin) bool {
	pipeline := f.vars["CI_PIPELINE_ID"]
	if pipeline == "" {
		return false
	}
	if host := f.vars["CI_SERVER_HOST"]; host != "" {
		o.Run.Host = host
	}
	if repo := f.vars["CI_PROJECT_PATH"]; repo != "" {
		o.Run.Repo = repo
	}
	if o.Run.Host == "" || o.Run.Repo == "" {
		return false
	}
	// A retried job stays in its pipeline: there is one attempt.
	o.Run.Provider, o.Run.RunID, o.Run.Attempt = "gitlab", pipeline, 1
	o.URL = f.vars["CI_PIPELINE_URL"]
	if o.CommitSHA == "" {
		o.CommitSHA = commitSHA(f.vars["CI_COMMIT_SHA"])
	}
	return true
}

// commit takes the commit of the repository that was built; materials from elsewhere are dependencies.
func (f *facts) commit(host, repo string) string {
	for _, m := range f.materials {
		h, r, _ := sourceOf(m.URI)
		if repo != "" && (h != host || r != repo) {
			continue
		}
		for _, algorithm := range []string{"gitCommit", "sha1"} {
			if sha := commitSHA(m.Digest[algorithm]); sha != "" {
				return sha
			}
		}
	}
	return ""
}

func commitSHA(s string) string {
	s = strings.ToLower(s)
	if len(s) != 40 && len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// sourceOf splits "git+https://host/owner/repo(.git)@ref".
func sourceOf(uri string) (host, repo, ref string) {
	u, err := url.Parse(strings.TrimPrefix(uri, "git+"))
	if err != nil || u.Host == "" {
		return "", "", ""
	}
	path, ref, _ := strings.Cut(strings.Trim(u.Path, "/"), "@")
	return u.Host, strings.TrimSuffix(path, ".git"), ref
}

func providerOf(host string) string {
	for _, name := range []string{"github", "gitlab", "bitbucket"} {
		if strings.Contains(host, name) {
			return name
		}
	}
	return "unknown"
}

func attempt(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 1
	}
	return uint16(n)
}
