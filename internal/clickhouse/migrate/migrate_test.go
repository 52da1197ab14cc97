package migrate_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/ddl"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// The environment of a child process, which is this test binary.
const (
	childDir  = "SUMMIT_TEST_CHILD_DIR"
	childMode = "SUMMIT_TEST_CHILD_MODE"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func named(name string, value any) driver.NamedValue { return clickhouse.Named(name, value) }

func TestSecondRunIsANoOp(t *testing.T) {
	conn := enginetest.Open(t).Conn()
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	result, err := migrate.Run(t.Context(), conn, migrate.Options{Before: func(p migrate.Progress) { t.Errorf("ran %s", p.Statement.Name) }})
	require.NoError(t, err)
	require.Equal(t, migrate.Result{Present: len(statements)}, result)
	var recorded uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM schema_migrations").Scan(&recorded))
	require.EqualValues(t, len(statements), recorded)
}

func TestChangedAndNewStatements(t *testing.T) {
	conn := enginetest.Open(t).Conn()
	ctx := t.Context()
	t.Cleanup(func() {
		require.NoError(t, conn.Exec(context.Background(), "DROP TABLE IF EXISTS growing SYNC"))
		require.NoError(t, conn.Exec(context.Background(), "DELETE FROM schema_migrations WHERE number >= 9000"))
	})
	files := fstest.MapFS{"9000_growing.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS growing (a UInt8) ENGINE = MergeTree ORDER BY a")}}
	result, err := migrate.Run(ctx, conn, migrate.Options{Files: files})
	require.NoError(t, err)
	require.Equal(t, 1, result.Applied)
	require.NotZero(t, result.Unknown, "the store has statements that these files don't")

	files["9001_growing_b.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE growing ADD COLUMN IF NOT EXISTS b String")}
	var seen []string
	result, err = migrate.Run(ctx, conn, migrate.Options{
		Files: files,
		Before: func(p migrate.Progress) {
			seen = append(seen, fmt.Sprintf("%s %d/%d", p.Statement.Name, p.Index, p.Total))
		},
		After: func(p migrate.Progress) { seen = append(seen, "ran "+p.Statement.Name) },
	})
	require.NoError(t, err)
	require.Equal(t, 1, result.Applied)
	require.Equal(t, []string{"growing_b 1/1", "ran growing_b"}, seen)

	files["9000_growing.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE IF NOT EXISTS growing (a UInt16) ENGINE = MergeTree ORDER BY a")}
	_, err = migrate.Run(ctx, conn, migrate.Options{Files: files})
	var changed *migrate.ChangedError
	require.ErrorAs(t, err, &changed)
	require.Equal(t, 9000, changed.Number)
	require.ErrorContains(t, err, "9000_growing has changed")
	require.ErrorContains(t, err, "new file")

	_, err = migrate.Run(ctx, conn, migrate.Options{Files: fstest.MapFS{"9002_bad.sql": {Data: []byte("CREATE TABLE IF NOT EXISTS bad (a Nonsense) ENGINE = MergeTree ORDER BY a")}}})
	require.ErrorContains(t, err, "statement 9002_bad")
	require.Equal(t, 50, clickhouse.Code(err))
}

// TestChildMigrates is the child of TestKilledAtEveryStatement. It is killed at one statement: by itself after the
// statement and before it is recorded, or by its parent while the statement runs.
func TestChildMigrates(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("only as a child of TestKilledAtEveryStatement")
	}
	ctx := context.Background()
	mode, target, _ := strings.Cut(os.Getenv(childMode), " ")
	e, err := embedded.Open(ctx, embedded.Config{Path: dir})
	require.NoError(t, err)
	result, err := migrate.Run(ctx, e.Conn(), migrate.Options{
		Before: func(p migrate.Progress) {
			if mode == "during" && p.Statement.Name == target {
				fmt.Println("running")
			}
		},
		After: func(p migrate.Progress) {
			switch {
			case p.Statement.Name != target:
			case mode == "after":
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			case mode == "during":
				select {} // the kill comes late
			}
		},
	})
	require.NoError(t, err)
	fmt.Println("applied", result.Applied)
	for _, line := range schema(t, e.Conn()) {
		fmt.Println("schema", line)
	}
	require.NoError(t, e.Close())
}

// schema describes all tables, columns and records of statements, a line each.
func schema(t *testing.T, conn driver.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT line FROM (
		SELECT concat(name, ' ', engine, ' ', toString(cityHash64(create_table_query))) AS line FROM system.tables WHERE database = 'summit'
		UNION ALL
		SELECT concat(table, '.', toString(position), ' ', name, ' ', type, ' ', default_expression, ' ', compression_codec) FROM system.columns WHERE database = 'summit'
		UNION ALL
		SELECT concat('recorded ', toString(number), ' ', name, ' ', toString(sha256)) FROM schema_migrations FINAL
		) ORDER BY line`)
	require.NoError(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, strings.TrimSpace(line))
	}
	require.NoError(t, rows.Err())
	return lines
}

// runChild gives what the child printed and whether it was killed. It kills a child that says that it is running the
// statement.
func runChild(t *testing.T, dir, mode string) (lines []string, killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildMigrates$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childMode+"="+mode, chdb.LibraryEnv+"="+enginetest.Library(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		lines = append(lines, strings.TrimSpace(scanner.Text()))
		if scanner.Text() == "running" {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	err = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed = ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	require.True(t, killed || err == nil, "child: %v: %s", err, strings.Join(lines, "\n"))
	return lines, killed
}

// TestKilledAtEveryStatement builds a schema with two kills at each statement and wants that of an undisturbed run.
func TestKilledAtEveryStatement(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two processes per statement")
	}
	want := schema(t, enginetest.Open(t).Conn())
	require.Greater(t, len(want), 500)
	statements, err := ddl.Load(ddl.FS)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, st := range statements {
		_, killed := runChild(t, dir, "after "+st.Name)
		require.True(t, killed, "%s ran and was not recorded", st.Name)
		_, killed = runChild(t, dir, "during "+st.Name)
		require.True(t, killed, "%s ran a second time", st.Name)
	}
	lines, _ := runChild(t, dir, "undisturbed")
	require.Equal(t, "applied 1", firstWith(lines, "applied "), "only the last statement is missing")
	var got []string
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "schema "); ok {
			got = append(got, rest)
		}
	}
	require.Empty(t, cmp.Diff(want, got))
	lines, _ = runChild(t, dir, "undisturbed")
	require.Equal(t, "applied 0", firstWith(lines, "applied "), "another start is a no-op")
}

func firstWith(lines []string, prefix string) string {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}
