// Package root puts summitctl together: the verbs, the flags that all share, and what an error means to the shell.
package root

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/backup"
	"github.com/summitobs/summit/cmd/summitctl/internal/blame"
	"github.com/summitobs/summit/cmd/summitctl/internal/build"
	"github.com/summitobs/summit/cmd/summitctl/internal/ci"
	"github.com/summitobs/summit/cmd/summitctl/internal/demo"
	"github.com/summitobs/summit/cmd/summitctl/internal/doctor"
	"github.com/summitobs/summit/cmd/summitctl/internal/dora"
	"github.com/summitobs/summit/cmd/summitctl/internal/errorgroup"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/flaky"
	"github.com/summitobs/summit/cmd/summitctl/internal/impact"
	"github.com/summitobs/summit/cmd/summitctl/internal/lineage"
	"github.com/summitobs/summit/cmd/summitctl/internal/query"
	"github.com/summitobs/summit/cmd/summitctl/internal/trace"
	"github.com/summitobs/summit/cmd/summitctl/internal/up"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// Run executes the command line and gives the exit code.
func Run(ctx context.Context, version string, args []string, in io.Reader, out, talk io.Writer) int {
	cmd := command(version)
	cmd.SetArgs(args)
	cmd.SetIn(in)
	cmd.SetOut(out)
	cmd.SetErr(talk)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	fmt.Fprintf(talk, "summitctl: %v\n", err)
	if hint := exit.Hint(err); hint != "" {
		fmt.Fprintf(talk, "  %s\n", hint)
	}
	var e *exit.Error
	if !errors.As(err, &e) && isUsage(err) {
		fmt.Fprintln(talk, "  `summitctl --help` lists the commands")
		return exit.Usage
	}
	return exit.Code(err)
}

// isUsage tells cobra's own complaints about the command line, which have no type.
func isUsage(err error) bool {
	for _, start := range []string{"unknown command", "accepts ", "requires ", "required flag", "if any flags in the group", "at least one of the flags", "only one"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

func command(version string) *cobra.Command {
	var shared verb.Shared
	cmd := &cobra.Command{
		Use:           "summitctl",
		Short:         "Start, fill, ask and examine Summit",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	shared.AddTo(cmd)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exit.Error{Code: exit.Usage, Err: err, Hint: fmt.Sprintf("`%s --help` lists the flags", c.CommandPath())}
	})
	cmd.AddCommand(
		up.Command(), demo.Command(&shared), doctor.Command(&shared),
		trace.Command(&shared), errorgroup.Command(&shared), build.Command(&shared), lineage.Command(&shared), query.Command(&shared),
		flaky.Command(&shared), dora.Command(&shared), blame.Command(&shared), impact.Command(&shared),
		backup.Command(&shared), ci.Command(&shared),
	)
	return cmd
}
