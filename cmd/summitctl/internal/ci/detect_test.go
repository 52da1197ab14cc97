package ci

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/build"
)

// recorded are the variables that jobs of the four CI systems have, by the systems' documentation; values are made up.
var recorded = map[string]map[string]string{
	"github": {
		"GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_REPOSITORY_ID": "186853002",
		"GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_RUN_NUMBER": "17", "GITHUB_JOB": "test", "GITHUB_WORKFLOW": "CI", "GITHUB_REF_NAME": "main",
		"GITHUB_HEAD_REF": "", "GITHUB_SHA": "ec26c3e57ca3a959ca5aad62de7213c562f8c821", "GITHUB_WORKSPACE": "/home/runner/work/shop/shop",
		"RUNNER_NAME": "runner 4", JobVariable: "289782451",
	},
	"gitlab": {
		"GITLAB_CI": "true", "CI": "true", "CI_SERVER_URL": "https://gitlab.example.com:8443", "CI_SERVER_HOST": "gitlab.example.com", "CI_SERVER_PORT": "8443",
		"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "group/sub/shop", "CI_PIPELINE_ID": "31", "CI_JOB_ID": "380", "CI_JOB_NAME": "test", "CI_PIPELINE_NAME": "",
		"CI_COMMIT_REF_NAME": "main", "CI_COMMIT_SHA": "bcbb5ec396a2c0f828686f14fac9b80b780504f2", "CI_PROJECT_DIR": "/builds/group/sub/shop",
		"CI_RUNNER_DESCRIPTION": "shared 1",
	},
	"buildkite": {
		"BUILDKITE": "true", "CI": "true", "BUILDKITE_BUILD_ID": "0193903e-ecd9-4c51-9156-0738da987e87", "BUILDKITE_JOB_ID": "0193903f-1f5c-41f9-8ad3-fd2c1d4d8f6a",
		"BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "shop", "BUILDKITE_PIPELINE_NAME": "Shop", "BUILDKITE_LABEL": "test",
		"BUILDKITE_BRANCH": "main", "BUILDKITE_COMMIT": "a65572555600c07c7ee79a2bd909220e1ca5485b", "BUILDKITE_BUILD_CHECKOUT_PATH": "/var/lib/buildkite-agent/builds/a/acme/shop",
		"BUILDKITE_AGENT_NAME": "a-1",
	},
	"circleci": {
		"CIRCLECI": "true", "CI": "true", "CIRCLE_WORKFLOW_ID": "fda08377-fe7e-46b1-8992-3a7aaecac9c3", "CIRCLE_WORKFLOW_JOB_ID": "8b7ae5a4-b84f-4a1e-8c7c-3b8c1d0a0001",
		"CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "shop", "CIRCLE_JOB": "test", "CIRCLE_BRANCH": "main",
		"CIRCLE_SHA1": "1dc6aa69429bff4806ad6afe58d3d8f57e25973e", "CIRCLE_WORKING_DIRECTORY": "~/project", "HOME": "/home/circleci",
	},
}

func getenvOf(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestJobsOfTheFourSystems(t *testing.T) {
	for _, tc := range []struct {
		name string
		want Job
	}{
		{"github", Job{
			Run:   build.RunKey{Provider: "github", Host: "github.com", Repo: "acme/shop", RunID: "9001", Attempt: 2},
			Trace: build.GitHubKey("github.com", "186853002", "9001", 2), ID: "289782451", Name: "test", Pipeline: "CI", Branch: "main",
			CommitSHA: "ec26c3e57ca3a959ca5aad62de7213c562f8c821", Root: "/home/runner/work/shop/shop", Runner: "runner 4",
		}},
		{"gitlab", Job{
			Run:   build.RunKey{Provider: "gitlab", Host: "gitlab.example.com:8443", Repo: "group/sub/shop", RunID: "31", Attempt: 1},
			Trace: build.GitLabKey("gitlab.example.com:8443", "1", "31"), ID: "380", Name: "test", Branch: "main",
			CommitSHA: "bcbb5ec396a2c0f828686f14fac9b80b780504f2", Root: "/builds/group/sub/shop", Runner: "shared 1",
		}},
		{"buildkite", Job{
			Run:   build.RunKey{Provider: "buildkite", Host: "buildkite.com", Repo: "acme/shop", RunID: "0193903e-ecd9-4c51-9156-0738da987e87", Attempt: 1},
			Trace: build.BuildkiteKey("0193903e-ecd9-4c51-9156-0738da987e87"), ID: "0193903f-1f5c-41f9-8ad3-fd2c1d4d8f6a", Name: "test", Pipeline: "Shop",
			Branch: "main", CommitSHA: "a65572555600c07c7ee79a2bd909220e1ca5485b", Root: "/var/lib/buildkite-agent/builds/a/acme/shop", Runner: "a-1",
		}},
		{"circleci", Job{
			Run:   build.RunKey{Provider: "circleci", Host: "circleci.com", Repo: "acme/shop", RunID: "fda08377-fe7e-46b1-8992-3a7aaecac9c3", Attempt: 1},
			Trace: build.CircleCIKey("fda08377-fe7e-46b1-8992-3a7aaecac9c3"), ID: "8b7ae5a4-b84f-4a1e-8c7c-3b8c1d0a0001", Name: "test", Branch: "main",
			CommitSHA: "1dc6aa69429bff4806ad6afe58d3d8f57e25973e", Root: "/home/circleci/project",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, err := Detect(getenvOf(recorded[tc.name]))
			require.NoError(t, err)
			require.Equal(t, tc.want, *j)
			trace, span := tc.want.Trace.TraceID(), tc.want.Trace.TaskSpanID(tc.want.ID)
			require.Equal(t, "00-"+hex.EncodeToString(trace[:])+"-"+hex.EncodeToString(span[:])+"-01", j.Traceparent())
		})
	}
}

func TestAJobWithoutItsIDStandsBelowTheRun(t *testing.T) {
	vars := map[string]string{}
	for k, v := range recorded["github"] {
		vars[k] = v
	}
	delete(vars, JobVariable)
	j, err := Detect(getenvOf(vars))
	require.NoError(t, err)
	root := j.Trace.RootSpanID()
	require.Contains(t, j.Traceparent(), "-"+hex.EncodeToString(root[:])+"-")
}

func TestPullRequestsAreBuiltFromTheirHead(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(event, []byte(`{"pull_request":{"number":7,"head":{"sha":"0123456789abcdef0123456789abcdef01234567"}}}`), 0o600))
	vars := map[string]string{"GITHUB_EVENT_PATH": event, "GITHUB_HEAD_REF": "fix"}
	for k, v := range recorded["github"] {
		if vars[k] == "" {
			vars[k] = v
		}
	}
	j, err := Detect(getenvOf(vars))
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef0123456789abcdef01234567", j.CommitSHA)
	require.Equal(t, "fix", j.Branch)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, err := Detect(getenvOf(nil))
	require.ErrorIs(t, err, errNoCI)
	require.Equal(t, exit.Usage, exit.Code(err))
	_, err = Detect(getenvOf(map[string]string{"GITLAB_CI": "true", "CI_SERVER_HOST": "h", "CI_PROJECT_PATH": "a/b"}))
	require.ErrorContains(t, err, "CI_PROJECT_ID and CI_PIPELINE_ID is not set")
}

func TestHostsAreThoseOfWebhooks(t *testing.T) {
	for in, want := range map[string]string{
		"https://GitHub.com": "github.com", "https://git.example.com:443/": "git.example.com", "http://git.example.com:80": "git.example.com",
		"http://git.example.com:8080": "git.example.com:8080", "git.example.com": "git.example.com",
	} {
		require.Equal(t, want, hostOf(in), in)
	}
}

// setenv makes the process a job of a CI system, whatever it runs in itself.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, name := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TRACEPARENT", "GITHUB_EVENT_PATH"} {
		t.Setenv(name, "")
	}
	for k, v := range vars {
		t.Setenv(k, v)
	}
}

// run executes the verb as a shell does.
func run(t *testing.T, args ...string) (out, talk string, err error) {
	t.Helper()
	var shared verb.Shared
	root := &cobra.Command{Use: "summitctl", SilenceErrors: true, SilenceUsage: true}
	shared.AddTo(root)
	root.AddCommand(Command(&shared))
	var o, e bytes.Buffer
	root.SetOut(&o)
	root.SetErr(&e)
	root.SetIn(bytes.NewReader(nil))
	root.SetArgs(append([]string{"ci"}, args...))
	err = root.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestPoint07EnvPrintsTheReceiversTraceWithoutANetwork(t *testing.T) {
	for name, vars := range recorded {
		t.Run(name, func(t *testing.T) {
			setenv(t, vars)
			// Nothing listens here: a verb that asked anybody would fail.
			t.Setenv("SUMMIT_DOOR", "127.0.0.1:1")
			t.Setenv("SUMMIT_OTLP_HTTP", "127.0.0.1:1")
			j, err := Detect(getenvOf(vars))
			require.NoError(t, err)
			out, _, err := run(t, "env")
			require.NoError(t, err)
			require.Equal(t, "export TRACEPARENT="+j.Traceparent()+"\n", out)
			out, _, err = run(t, "env", "--form", "dotenv")
			require.NoError(t, err)
			require.Equal(t, "TRACEPARENT="+j.Traceparent()+"\n", out)
			_, _, err = run(t, "env", "--form", "fish")
			require.ErrorContains(t, err, "want export or dotenv")
		})
	}
}

func TestFlagsNameARunThatCannotBeFound(t *testing.T) {
	setenv(t, nil)
	_, _, err := run(t, "env")
	require.ErrorIs(t, err, errNoCI)
	out, _, err := run(t, "env", "--run", "generic:ci.example.com:acme/shop:7:1", "--job", "3")
	require.NoError(t, err)
	key := build.RunKey{Provider: "generic", Host: "ci.example.com", Repo: "acme/shop", RunID: "7", Attempt: 1}
	require.Equal(t, "export TRACEPARENT="+(&Job{Trace: key.TraceKey(""), ID: "3"}).Traceparent()+"\n", out)
	_, _, err = run(t, "env", "--run", "seven")
	require.ErrorContains(t, err, "--run")
	require.Equal(t, exit.Usage, exit.Code(err))
}
