// Package ci holds the verbs that run inside a CI job: they tell the job's trace to what it starts, and tell Summit of
// commands, test reports, artifacts and deployments. Where they are is read from the variables of the CI system alone, so
// that nothing depends on a network but the sending itself.
package ci

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/build"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use: "ci", Short: "Tell Summit what a CI job does, from inside the job", Args: cobra.NoArgs, RunE: verb.Help,
		Long: "The run is found by the variables of GitHub Actions, GitLab CI, Buildkite and CircleCI; --run names it elsewhere.\n" +
			"SUMMIT_DOOR and SUMMIT_OTLP_HTTP say where Summit listens, SUMMIT_CI_TOKEN is the token of its door.",
	}
	fl := cmd.PersistentFlags()
	fl.StringVar(&p.run, "run", "", `the run as "provider:host:owner/repo:run:attempt", where it can't be found`)
	fl.StringVar(&p.job, "job", "", "the provider's id of the job (GitHub: ${{ job.check_run_id }}; default $"+JobVariable+")")
	fl.StringVar(&p.commit, "commit", "", "the commit that is built, where it can't be found")
	fl.StringVar(&p.branch, "branch", "", "the branch that is built, where it can't be found")
	cmd.AddCommand(envCommand(&p), execCommand(s, &p), reportCommand(s, &p), artifactCommand(s, &p), deployCommand(s, &p))
	return cmd
}

// place is what the flags say of the job.
type place struct{ run, job, commit, branch string }

// job finds the job by the variables of the process and the flags, which go before them.
func (p *place) find() (*Job, error) {
	j, err := Detect(os.Getenv)
	if err != nil && p.run == "" {
		return nil, err
	}
	if p.run != "" {
		key, ok := build.ParseRunID(p.run)
		if !ok {
			return nil, exit.With(exit.Usage, fmt.Errorf(`--run %q: want "provider:host:owner/repo:run:attempt"`, p.run))
		}
		if j == nil || j.Run != key {
			j = &Job{Run: key, Trace: key.TraceKey("")}
		}
	}
	for _, o := range []struct {
		to   *string
		flag string
	}{{&j.ID, p.job}, {&j.CommitSHA, p.commit}, {&j.Branch, p.branch}} {
		if o.flag != "" {
			*o.to = o.flag
		}
	}
	return j, nil
}

// errNoCI is the error outside of the CI systems that are known.
var errNoCI = errors.New("this is no job of GitHub Actions, GitLab CI, Buildkite or CircleCI")

func noCI(missing ...string) error {
	err := errNoCI
	if len(missing) > 0 {
		err = fmt.Errorf("the job's variables are not all there: %s is not set", strings.Join(missing, " and "))
	}
	return &exit.Error{Code: exit.Usage, Err: err, Hint: `name the run with --run "provider:host:owner/repo:run:attempt"`}
}
