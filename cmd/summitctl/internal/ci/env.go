package ci

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

func envCommand(p *place) *cobra.Command {
	form := "export"
	cmd := &cobra.Command{
		Use: "env", Short: "Print the job's TRACEPARENT, computed without a network", Args: cobra.NoArgs,
		Example: "  eval \"$(summitctl ci env)\"\n  summitctl ci env --form dotenv >> \"$GITHUB_ENV\"",
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := p.find()
			if err != nil {
				return err
			}
			prefix := map[string]string{"export": "export ", "dotenv": ""}
			start, ok := prefix[form]
			if !ok {
				return exit.With(exit.Usage, fmt.Errorf("--form %q: want export or dotenv", form))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%sTRACEPARENT=%s\n", start, j.Traceparent())
			return err
		},
	}
	cmd.Flags().StringVar(&form, "form", form, "export for a shell, dotenv for a file of variables")
	return cmd
}
