package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// object is a part of a payload.
type object = map[string]any

func part(o object, key string) object {
	p, _ := o[key].(object)
	return p
}

func str(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

func id(o object) string { return fmt.Sprintf("%.0f", o["id"]) }

// payload is one of GitHub's own examples, moved to the present.
type payload struct {
	event string
	n     int
	body  object
	// main is the part that the event is about.
	main object
}

// readPayloads reads the examples of the five events from GitHub's published collection, which the receiver's tests keep.
func readPayloads(t *testing.T, now time.Time) []payload {
	t.Helper()
	root, err := process.Root()
	require.NoError(t, err)
	var all []payload
	for _, event := range []string{"push", "workflow_run", "workflow_job", "deployment", "deployment_status"} {
		raw, err := os.ReadFile(filepath.Join(root, "receiver", "cireceiver", "testdata", "github", event+".json"))
		require.NoError(t, err)
		var examples []object
		require.NoError(t, json.Unmarshal(raw, &examples))
		require.NotEmpty(t, examples)
		for n, body := range examples {
			main := part(body, event)
			if event == "push" {
				main = part(body, "head_commit")
			}
			// One constant for the whole payload, so that what it is about ends now.
			shift(body, now.Sub(latest(main, body)).Truncate(time.Second))
			all = append(all, payload{event, n, body, main})
		}
	}
	return all
}

// latest is the newest time in the part, or in the whole where the part has none.
func latest(main, whole object) time.Time {
	var newest time.Time
	visit := func(t time.Time) time.Time {
		if t.After(newest) {
			newest = t
		}
		return t
	}
	walk(main, visit)
	if newest.IsZero() {
		walk(whole, visit)
	}
	return newest
}

func shift(body object, by time.Duration) {
	walk(body, func(t time.Time) time.Time { return t.Add(by) })
}

// walk replaces every time in a value: texts of RFC 3339, and numbers of seconds under keys that end in _at.
func walk(v any, f func(time.Time) time.Time) any {
	switch v := v.(type) {
	case object:
		for k, x := range v {
			if n, ok := x.(float64); ok && strings.HasSuffix(k, "_at") && n > 1e9 && n < math.MaxUint32 {
				v[k] = float64(f(time.Unix(int64(n), 0)).Unix())
				continue
			}
			v[k] = walk(x, f)
		}
		return v
	case []any:
		for i := range v {
			v[i] = walk(v[i], f)
		}
		return v
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return f(t).Format(time.RFC3339Nano)
		}
		return v
	}
	return v
}

// rank orders states of one entity as GitHub's life cycle does: what is final is not taken back.
func rank(o object) int {
	switch {
	case str(o, "conclusion") != "" && str(o, "conclusion") != "action_required":
		return 3
	case str(o, "status") == "in_progress":
		return 2
	}
	return 1
}

// status is what a pair of GitHub's status and conclusion is called here.
func status(o object) string {
	switch c := str(o, "conclusion"); c {
	case "":
	case "action_required":
		return "waiting"
	case "neutral":
		return "success"
	case "startup_failure":
		return "failure"
	case "timed_out":
		return "timeout"
	default:
		return c
	}
	return map[string]string{"in_progress": "running", "queued": "queued", "requested": "queued", "pending": "queued", "waiting": "waiting"}[str(o, "status")]
}

func runID(repo object, run string, attempt any) string {
	n, ok := attempt.(float64)
	if !ok || n < 1 {
		n = 1
	}
	host := "github.com"
	if u, err := url.Parse(str(repo, "html_url")); err == nil && u.Host != "" {
		host = u.Host
	}
	return fmt.Sprintf("github:%s:%s:%s:%.0f", host, str(repo, "full_name"), run, n)
}

// All examples that GitHub publishes of the five events are taken when they are signed, and what each tells is found
// through the API. Several tell of one run; the last state of it counts.
func TestGitHubsExamplesAreFoundAgain(t *testing.T) {
	s := standalone(t)
	payloads := readPayloads(t, time.Now())
	finals := map[string][]payload{}
	for _, p := range payloads {
		body, err := json.Marshal(p.body)
		require.NoError(t, err)
		s.github(p.event, body)
		repo := part(p.body, "repository")
		var key string
		switch p.event {
		case "workflow_run":
			key = "run " + runID(repo, id(p.main), p.main["run_attempt"])
		case "workflow_job":
			key = "job " + runID(repo, fmt.Sprintf("%.0f", p.main["run_id"]), p.main["run_attempt"]) + " " + id(p.main)
		case "push":
			key = "push " + str(repo, "full_name") + " " + str(p.main, "id")
		default:
			key = fmt.Sprintf("%s %d", p.event, p.n)
		}
		switch old := finals[key]; {
		case len(old) == 0 || rank(p.main) > rank(old[0].main):
			finals[key] = []payload{p}
		case rank(p.main) == rank(old[0].main):
			// Examples that say different things of one entity in one state, all of now: any of them is right.
			finals[key] = append(old, p)
		}
	}
	for key, candidates := range finals {
		t.Run(strings.ReplaceAll(key, "/", "_"), func(t *testing.T) {
			sub := s.in(t)
			sub.eventually(key, func() error {
				var all error
				for _, p := range candidates {
					err := sub.findPayload(key, p)
					if err == nil {
						return nil
					}
					all = errors.Join(all, err)
				}
				return all
			})
		})
	}
}

func (s *system) findPayload(key string, p payload) error {
	fields := strings.Fields(key)
	switch p.event {
	case "workflow_run":
		return s.findRun(fields[1], p)
	case "workflow_job":
		return s.findJob(fields[1], fields[2], p)
	case "push":
		return s.findPush(p)
	default:
		return s.findDeployment(p)
	}
}

func (s *system) findRun(runID string, p payload) error {
	var b object
	if code := s.get("/builds/"+url.PathEscape(runID), url.Values{"from": {"now-30d"}}, &b); code != 200 {
		return fmt.Errorf("%s: %d", runID, code)
	}
	pipeline := str(part(p.body, "workflow"), "name")
	if pipeline == "" {
		pipeline = str(p.main, "name")
	}
	for field, want := range map[string]string{
		"repo": str(part(p.body, "repository"), "full_name"), "commit_sha": str(p.main, "head_sha"), "branch": str(p.main, "head_branch"),
		"pipeline": pipeline, "trigger": str(p.main, "event"), "status": status(p.main),
	} {
		if got := str(b, field); got != want {
			return fmt.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if !strings.HasPrefix(str(b, "url"), str(p.main, "html_url")) {
		return fmt.Errorf("url is %q", str(b, "url"))
	}
	return nil
}

func (s *system) findJob(runID, job string, p payload) error {
	var b struct {
		Tasks []object `json:"tasks"`
	}
	if code := s.get("/builds/"+url.PathEscape(runID), url.Values{"from": {"now-30d"}}, &b); code != 200 {
		return fmt.Errorf("%s: %d", runID, code)
	}
	for _, task := range b.Tasks {
		if str(task, "kind") != "job" || str(task, "id") != job {
			continue
		}
		for field, want := range map[string]string{"name": str(p.main, "name"), "status": status(p.main), "url": str(p.main, "html_url")} {
			if got := str(task, field); got != want {
				return fmt.Errorf("%s is %q, want %q", field, got, want)
			}
		}
		return nil
	}
	return fmt.Errorf("no job %s among %d tasks", job, len(b.Tasks))
}

// findPush looks for what a push tells of its commit where people read it: on the page of a build of that commit, which
// the test adds, for the examples have none.
func (s *system) findPush(p payload) error {
	if p.main == nil {
		return nil // a deletion carries no commit; that it was taken is all there is
	}
	repo := str(part(p.body, "repository"), "full_name")
	run := fmt.Sprintf("push-%d", p.n)
	s.event(fmt.Appendf(nil, `{"type":"run","provider":"github","host":"github.com","repo":%q,"run_id":%q,"commit_sha":%q,"status":"success"}`, repo, run, str(p.main, "id")))
	var b struct {
		Commit object `json:"commit"`
	}
	if code := s.get("/builds/"+url.PathEscape("github:github.com:"+repo+":"+run+":1"), nil, &b); code != 200 {
		return fmt.Errorf("the build of the commit: %d", code)
	}
	message, _, _ := strings.Cut(str(p.main, "message"), "\n")
	for field, want := range map[string]string{
		"sha": str(p.main, "id"), "repo": repo, "message": message, "author": str(part(p.main, "author"), "name"), "url": str(p.main, "url"),
	} {
		if got := str(b.Commit, field); got != want {
			return fmt.Errorf("the commit's %s is %q, want %q", field, got, want)
		}
	}
	return nil
}

func (s *system) findDeployment(p payload) error {
	d := part(p.body, "deployment")
	repo := part(p.body, "repository")
	name := strings.TrimSuffix(runID(repo, id(d), nil), ":1")
	hops := s.lineage("deployment", name)
	if h := hops["deploy"]; h.State != "known" || h.ID != name {
		return fmt.Errorf("deployment: %+v", h)
	}
	if h := hops["commit"]; h.State != "known" || h.ID != str(d, "sha") {
		return fmt.Errorf("commit: %+v, want %s", h, str(d, "sha"))
	}
	return nil
}
