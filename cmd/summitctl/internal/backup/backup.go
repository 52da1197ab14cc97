// Package backup is the verb `backup`: it makes backups of the store, lists them and restores one, through the store's
// own HTTP interface, because they are statements of the engine.
package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/backup"
)

// The environment's names of user and password of the store.
const (
	userEnv     = "SUMMIT_STORE_USER"
	passwordEnv = "SUMMIT_STORE_PASSWORD"
)

// Command gives the cobra command.
func Command(s *verb.Shared) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup", Aliases: []string{"backups"}, Short: "Back up the store, list backups and restore one", Args: cobra.NoArgs, RunE: verb.Help,
		Long: `Talks to the store's HTTP interface at $SUMMIT_STORE (default 127.0.0.1:8641), as $SUMMIT_STORE_USER with
$SUMMIT_STORE_PASSWORD where the store asks for them. Backups are in the folder "backups" of the store.`,
	}
	cmd.AddCommand(create(s), list(s), restore(s))
	return cmd
}

func create(s *verb.Shared) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "create", Short: "Copy all tables into a new backup while the store works on", Args: cobra.NoArgs,
		Long: `Copies all tables of the store into a new backup. Writers and readers work on meanwhile. Each table is copied as it is
at one moment; rows that are still in a queue of a collector are not in it.`,
		Example: "  summitctl backup create --name before-upgrade",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				name = backup.NameAt(time.Now())
			}
			return ask(cmd, s, "backed up", func(ctx context.Context, store *backup.Store) (any, output.Grid, error) {
				m, err := store.Create(ctx, name)
				if err != nil {
					return nil, output.Grid{}, err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "backup %s: %d rows of %d tables, %s, in %s\n",
					m.Name, m.Rows, len(m.Tables), size(m.Bytes), time.Duration(m.DurationNS).Round(time.Millisecond))
				return m, manifests([]*backup.Manifest{m}), nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the backup (default the time, like 2006-01-02T15-04-05Z)")
	return cmd
}

func list(s *verb.Shared) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the backups, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, s, "", func(ctx context.Context, store *backup.Store) (any, output.Grid, error) {
				found, err := store.List(ctx)
				if err != nil {
					return nil, output.Grid{}, err
				}
				if found == nil {
					found = []*backup.Manifest{}
				}
				return verb.Page[*backup.Manifest]{Items: found}, manifests(found), nil
			})
		},
	}
}

func restore(s *verb.Shared) *cobra.Command {
	var o backup.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore NAME", Short: "Bring a backup's rows back and count them", Args: cobra.ExactArgs(1),
		Long: `Brings the rows of a backup back and compares their number with the backup's. Refuses onto a database that has rows, and
a backup of another or a later schema. Keep writers away meanwhile. With --into the tables go to another database of
the same engine, to look at.`,
		Example: "  summitctl backup restore before-upgrade\n  summitctl backup restore before-upgrade --into look",
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(cmd, s, "restored", func(ctx context.Context, store *backup.Store) (any, output.Grid, error) {
				r, err := store.Restore(ctx, args[0], o)
				if err != nil {
					return nil, output.Grid{}, err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "database %s has the %d rows of backup %s\n", r.Database, r.Rows, r.Name)
				return r, tables(r), nil
			})
		},
	}
	cmd.Flags().StringVar(&o.Into, "into", "", "database that gets the tables (default "+clickhouse.Database+")")
	cmd.Flags().BoolVar(&o.OntoRows, "onto-rows", false, "add the rows to a database that has rows; what is in both is then there twice")
	return cmd
}

// ask connects to the store, has fn done and prints its answer.
func ask(cmd *cobra.Command, s *verb.Shared, done string, fn func(context.Context, *backup.Store) (any, output.Grid, error)) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	endpoint := s.Places().Store
	remote, err := clickhouse.Dial(ctx, endpoint, clickhouse.DialSettings{User: os.Getenv(userEnv), Password: os.Getenv(passwordEnv)})
	if err != nil {
		return explain(err, endpoint)
	}
	defer remote.Close()
	answer, grid, err := fn(ctx, &backup.Store{Conn: remote.Conn(), OnProgress: progress(cmd.ErrOrStderr(), done)})
	if err != nil {
		return explain(err, endpoint)
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return output.Write(cmd.OutOrStdout(), s.Format(), raw, func(json.RawMessage) ([]output.Grid, error) { return []output.Grid{grid}, nil })
}

// progressEvery is the time between two lines of progress.
const progressEvery = 2 * time.Second

// progress tells about statements that take longer.
func progress(w io.Writer, done string) func(backup.Progress) {
	var next = progressEvery
	return func(p backup.Progress) {
		if p.Elapsed < next {
			return
		}
		next = p.Elapsed + progressEvery
		fmt.Fprintf(w, "%s: %s in %d files so far, %s\n", done, size(p.Bytes), p.Files, p.Elapsed.Round(time.Second))
	}
}

// explain gives an error its exit code and says what to do.
func explain(err error, endpoint string) error {
	for _, known := range []struct {
		is   error
		code int
		hint string
	}{
		{backup.ErrName, exit.Usage, ""},
		{backup.ErrNotFound, exit.NotFound, "`summitctl backup list` shows what is there"},
		{backup.ErrExists, exit.Failed, "choose another --name"},
		{backup.ErrNotEmpty, exit.Failed, "--into restores beside it; --onto-rows adds to what is there"},
		{backup.ErrNoDisk, exit.Failed, "an embedded store has it; a ClickHouse server needs a disk of this name and <backups><allowed_disk> in its configuration"},
		{backup.ErrRows, exit.Assertion, "keep writers away during a restore; the rows that were restored are still in the database"},
	} {
		if errors.Is(err, known.is) {
			return &exit.Error{Code: known.code, Err: err, Hint: known.hint}
		}
	}
	if clickhouse.IsAuth(err) {
		return &exit.Error{Code: exit.Denied, Err: err, Hint: "set " + userEnv + " and " + passwordEnv}
	}
	if clickhouse.Code(err) == 0 && !errors.Is(err, context.Canceled) {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "is the store up at " + endpoint + "? SUMMIT_STORE moves the address"}
	}
	return err
}

func manifests(found []*backup.Manifest) output.Grid {
	g := output.Grid{Header: []string{"NAME", "CREATED", "SIZE", "ROWS", "SCHEMA", "PROBLEM"}}
	for _, m := range found {
		if m.Problem != "" {
			g.Add(m.Name, "", "", "", "", m.Problem)
			continue
		}
		g.Add(m.Name, m.CreatedAt.Format(time.RFC3339), size(m.Bytes), strconv.FormatUint(m.Rows, 10), fmt.Sprintf("%04d", m.SchemaVersion), "")
	}
	return g
}

func tables(r *backup.Restored) output.Grid {
	g := output.Grid{Header: []string{"TABLE", "ROWS"}}
	for _, name := range slices.Sorted(maps.Keys(r.Tables)) {
		g.Add(name, strconv.FormatUint(r.Tables[name], 10))
	}
	return g
}

// size writes bytes with a unit of 1024.
func size(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatUint(n, 10) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", v, units[unit])
}
