package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// Child processes are this test binary with these variables set.
const (
	childDir = "SUMMIT_TEST_CHILD_DIR"
	childLib = "SUMMIT_LIBCHDB"
)

func open(t *testing.T, dir string) *embedded.Engine {
	t.Helper()
	e, err := embedded.Open(t.Context(), embedded.Config{Path: dir, Library: enginetest.Library(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func numbers(token string, from, n uint64) clickhouse.Insert {
	return clickhouse.Insert{
		Table: "numbers", Columns: []string{"n"},
		Settings: map[string]string{"insert_deduplication_token": token},
		Body: func(w io.Writer) error {
			var col proto.ColUInt64
			for i := range n {
				col.Append(from + i)
			}
			var buf proto.Buffer
			block := proto.Block{Columns: 1, Rows: int(n)}
			if err := block.EncodeRawBlock(&buf, 0, []proto.InputColumn{{Name: "n", Data: &col}}); err != nil {
				return err
			}
			_, err := w.Write(buf.Buf)
			return err
		},
	}
}

const createNumbers = "CREATE TABLE IF NOT EXISTS numbers (n UInt64) ENGINE = MergeTree PARTITION BY n % 3 ORDER BY n SETTINGS non_replicated_deduplication_window = 10000"

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	e := open(t, dir)
	ctx := t.Context()
	require.Equal(t, clickhouse.KindEmbedded, e.Kind())
	require.Regexp(t, `^26\.7\.`, e.Version())
	require.Equal(t, dir, e.Path())
	require.NoError(t, e.Conn().Exec(ctx, createNumbers))
	require.NoError(t, e.Insert(ctx, numbers("a", 0, 1000)))
	require.NoError(t, e.Insert(ctx, numbers("a", 0, 1000)))
	require.NoError(t, e.Insert(ctx, numbers("b", 1000, 1000)))
	count := func(e *embedded.Engine) (n, sum uint64) {
		require.NoError(t, e.Conn().QueryRow(ctx, "SELECT count(), sum(n) FROM numbers").Scan(&n, &sum))
		return n, sum
	}
	n, sum := count(e)
	require.EqualValues(t, 2000, n)
	require.EqualValues(t, 1999000, sum)

	err := e.Insert(ctx, clickhouse.Insert{Table: "nowhere", Columns: []string{"n"}, Body: func(io.Writer) error { return nil }})
	require.ErrorContains(t, err, "insert into nowhere")
	require.Equal(t, 60, clickhouse.Code(err))
	require.True(t, clickhouse.IsPermanent(err))

	_, err = embedded.Open(ctx, embedded.Config{Path: dir, Library: enginetest.Library(t)})
	var inUse *embedded.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, &embedded.InUseError{Path: dir, PID: os.Getpid()}, inUse)

	require.NoError(t, e.Close())
	require.NoError(t, e.Close(), "closing twice is harmless")
	require.Error(t, e.Insert(ctx, numbers("c", 0, 1)))

	again := open(t, dir)
	require.Zero(t, again.Mended(), "a closed store needs no repair")
	require.NoError(t, again.Insert(ctx, numbers("b", 1000, 1000)), "tokens outlive the engine")
	n, _ = count(again)
	require.EqualValues(t, 2000, n)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.ElementsMatch(t, []string{"backups", "engine", "engine.xml", "summit.json", "summit.lock"}, names)
}

func TestOpenRefuses(t *testing.T) {
	_, err := embedded.Open(t.Context(), embedded.Config{})
	require.ErrorContains(t, err, "path is empty")
	dir := t.TempDir()
	_, err = embedded.Open(t.Context(), embedded.Config{Path: dir, Library: filepath.Join(dir, "gone.so")})
	require.ErrorContains(t, err, "engine library is missing")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summit.json"), []byte("{"), 0o600))
	_, err = embedded.Open(t.Context(), embedded.Config{Path: dir, Library: enginetest.Library(t)})
	require.ErrorContains(t, err, "read the store's state")
}

// TestMain of a child: it inserts numbers and says what is acknowledged, until it is killed.
func TestChildInserts(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("only as a child of TestKillKeepsAcknowledgedRows")
	}
	ctx := context.Background()
	e, err := embedded.Open(ctx, embedded.Config{Path: dir})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(3)
	}
	if err := e.Conn().Exec(ctx, createNumbers); err != nil {
		fmt.Println("error:", err)
		os.Exit(3)
	}
	first, err := strconv.ParseUint(os.Getenv("SUMMIT_TEST_CHILD_FIRST"), 10, 64)
	require.NoError(t, err)
	fmt.Println("ready")
	for batch := first; ; batch++ {
		if err := e.Insert(ctx, numbers("batch-"+strconv.FormatUint(batch, 10), batch*10, 10)); err != nil {
			fmt.Println("error:", err)
			os.Exit(3)
		}
		fmt.Println("ack", batch)
	}
}

func startChild(t *testing.T, dir string, first uint64) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildInserts$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childLib+"="+enginetest.Library(t), "SUMMIT_TEST_CHILD_FIRST="+strconv.FormatUint(first, 10))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the child says something")
	require.Equal(t, "ready", lines.Text())
	return cmd, lines
}

// TestKillKeepsAcknowledgedRows kills a process that inserts, several times, repeats what wasn't acknowledged as a queue
// would, and wants every row once.
func TestKillKeepsAcknowledgedRows(t *testing.T) {
	dir := t.TempDir()
	next := uint64(0)
	for round := range 4 {
		cmd, lines := startChild(t, dir, next)
		if round == 0 {
			_, err := embedded.Open(t.Context(), embedded.Config{Path: dir, Library: enginetest.Library(t)})
			var inUse *embedded.InUseError
			require.ErrorAs(t, err, &inUse, "a second process is refused")
			require.Equal(t, cmd.Process.Pid, inUse.PID)
			require.ErrorContains(t, err, dir)
		}
		for range 20 + 7*round {
			require.True(t, lines.Scan())
			acked, ok := strings.CutPrefix(lines.Text(), "ack ")
			require.True(t, ok, lines.Text())
			batch, err := strconv.ParseUint(acked, 10, 64)
			require.NoError(t, err)
			next = batch + 1
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		for lines.Scan() { // acknowledged before the kill
			if acked, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
				batch, err := strconv.ParseUint(acked, 10, 64)
				require.NoError(t, err)
				next = batch + 1
			}
		}
		var exit *exec.ExitError
		require.True(t, errors.As(cmd.Wait(), &exit))
	}
	e := open(t, dir)
	require.NotZero(t, e.Mended().Files, "a killed store is looked at")
	require.NoError(t, e.Insert(t.Context(), numbers("batch-"+strconv.FormatUint(next, 10), next*10, 10)), "the insert in flight is repeated")
	var rows, distinct, last uint64
	require.NoError(t, e.Conn().QueryRow(t.Context(), "SELECT count(), uniqExact(n), max(n) FROM numbers").Scan(&rows, &distinct, &last))
	require.Equal(t, (next+1)*10, rows)
	require.Equal(t, rows, distinct)
	require.Equal(t, rows-1, last)
}

// TestMendedLineIsNotSwallowed puts a line into the log as a kill between log and part leaves it.
func TestMendedLineIsNotSwallowed(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	require.NoError(t, e.Conn().Exec(t.Context(), createNumbers))
	require.NoError(t, e.Insert(t.Context(), numbers("kept", 0, 3)))
	require.NoError(t, e.Insert(t.Context(), numbers("lost", 3, 3)))
	require.NoError(t, e.Close())

	// Take the second insert's parts away and open the folder as if it had been killed.
	parts, err := filepath.Glob(filepath.Join(dir, "engine", "store", "*", "*", "[0-2]_2_2_0"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(dir, "engine", "store", "*", "*", "[0-2]_[4-9]_[4-9]_0"))
	require.NoError(t, err)
	for _, part := range append(parts, more...) {
		require.NoError(t, os.RemoveAll(part))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "summit.json"), []byte(`{"library":"26.7.3","clean":false}`), 0o600))

	again := open(t, dir)
	require.NotEmpty(t, again.Mended().Removed)
	require.NoError(t, again.Insert(t.Context(), numbers("kept", 0, 3)))
	require.NoError(t, again.Insert(t.Context(), numbers("lost", 3, 3)))
	var rows, distinct uint64
	require.NoError(t, again.Conn().QueryRow(t.Context(), "SELECT count(), uniqExact(n) FROM numbers").Scan(&rows, &distinct))
	require.EqualValues(t, 6, rows)
	require.EqualValues(t, 6, distinct)
}

func TestCloseEndsRunningStatements(t *testing.T) {
	e := open(t, t.TempDir())
	finished := make(chan error, 1)
	go func() { finished <- e.Conn().Exec(context.Background(), "SELECT count() FROM numbers(1000000000000)") }()
	require.Eventually(t, func() bool {
		var n uint64
		err := e.Conn().QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%' AND query NOT LIKE '%processes%'").Scan(&n)
		return err == nil && n == 1
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, e.Close())
	require.Error(t, <-finished)
}

func TestInsertsAndKillsGoBesideBusyStatements(t *testing.T) {
	e, err := embedded.Open(t.Context(), embedded.Config{Path: t.TempDir(), Library: enginetest.Library(t), MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	require.NoError(t, e.Conn().Exec(t.Context(), createNumbers))
	post := func(ctx context.Context, id, statement string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/?query_id="+id, strings.NewReader(statement))
		e.Handler().ServeHTTP(w, r)
		return w
	}
	finished := make(chan int, 2)
	for _, id := range []string{"long-1", "long-2"} {
		go func() { finished <- post(context.Background(), id, "SELECT count() FROM numbers(1000000000000)").Code }()
	}
	require.Eventually(t, func() bool { // until no statement has a place
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return post(ctx, "probe", "SELECT 1").Code != http.StatusOK
	}, 20*time.Second, 5*time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, e.Insert(ctx, numbers("a", 0, 10)))
	over := post(ctx, "insert", "INSERT INTO numbers FORMAT TSV\n10\n11\n")
	require.Equal(t, http.StatusOK, over.Code, over.Body)
	for _, id := range []string{"long-1", "long-2"} {
		killed := post(ctx, "kill", "KILL QUERY WHERE query_id = '"+id+"' ASYNC")
		require.Equal(t, http.StatusOK, killed.Code, killed.Body)
		require.NotEqual(t, http.StatusOK, <-finished)
	}
	var n uint64
	require.NoError(t, e.Conn().QueryRow(ctx, "SELECT count() FROM numbers").Scan(&n))
	require.EqualValues(t, 12, n)
}

// The engine would drop many old parts with a thread for each and keep the threads, each with a stack and three descriptors.
func TestOldPartsAreDroppedByFewThreads(t *testing.T) {
	e := open(t, t.TempDir())
	number := func(query string) (n int64) {
		require.NoError(t, e.Conn().QueryRow(t.Context(), query).Scan(&n))
		return n
	}
	exec := func(statement string) { require.NoError(t, e.Conn().Exec(t.Context(), statement), statement) }
	exec("CREATE TABLE many (n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY n SETTINGS old_parts_lifetime = 1, cleanup_delay_period = 1, max_cleanup_delay_period = 1")
	for range 2 {
		exec("INSERT INTO many SELECT number FROM numbers(90) SETTINGS max_partitions_per_insert_block = 0")
	}
	exec("OPTIMIZE TABLE many FINAL")
	const threads, parts = "SELECT value FROM system.metrics WHERE metric = 'GlobalThread'", "SELECT toInt64(count()) FROM system.parts WHERE table = 'many'"
	before := number(threads) // other engines of this process have left some
	most := before
	require.Eventually(t, func() bool {
		most = max(most, number(threads))
		return number(parts) == 90
	}, 30*time.Second, 20*time.Millisecond, "180 of 270 parts are old")
	require.Less(t, most-before, int64(20))
}
