package chdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestQuery(t *testing.T) {
	c := acquire(t)
	tests := []struct {
		name, sql, format string
		params            []chdb.Param
		want              string
	}{
		{name: "number", sql: "SELECT 1 + 1", format: "TSV", want: "2\n"},
		{name: "named format", sql: "SELECT 'a' AS x FORMAT JSONEachRow", format: "TSV", want: `{"x":"a"}` + "\n"},
		{name: "empty statement parameter", sql: "SELECT {v:String}", format: "TSV", params: []chdb.Param{{Name: "v"}}, want: "\n"},
		{name: "parameters", sql: "SELECT {b:UInt8}, {a:String}", format: "TSV", params: []chdb.Param{{Name: "a", Value: "é'"}, {Name: "b", Value: "7"}}, want: "7\té\\'\n"},
		{name: "no rows", sql: "SELECT 1 WHERE 0", format: "TSV"},
		{name: "no answer", sql: "SET max_threads = DEFAULT", format: "TSV"},
		{name: "zero byte in the text", sql: "SELECT length('a\x00b')", format: "TSV", want: "3\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := c.Query(t.Context(), tt.sql, tt.format, tt.params...)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(res.Data))
		})
	}
}

func TestErrorsHaveCodeAndName(t *testing.T) {
	c := acquire(t)
	_, err := c.Query(t.Context(), "SELECT * FROM nowhere", "TSV")
	var e *chdb.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 60, e.Code)
	require.Equal(t, "UNKNOWN_TABLE", e.Name)
	require.True(t, strings.HasPrefix(e.Error(), "Code: 60. DB::Exception: "), e.Error())

	_, err = c.Stream(t.Context(), "SELECT throwIf(number = 100000, 'late') FROM numbers(1000000)", "TSV", nil, func([]byte) error { return nil })
	require.ErrorAs(t, err, &e)
	require.Equal(t, 395, e.Code, "an error in the middle of a stream")
	require.NoError(t, c.Exec(t.Context(), "SELECT 1"), "the connection goes on")
}

func TestStream(t *testing.T) {
	c := acquire(t)
	chunks, last := 0, ""
	stats, err := c.Stream(t.Context(), "SELECT number FROM numbers(300000)", "TSV", nil, func(chunk []byte) error {
		chunks++
		last = string(chunk[max(0, len(chunk)-7):])
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, chunks, 1)
	require.Equal(t, "299999\n", last)
	require.NotZero(t, stats.RowsRead)
	require.LessOrEqual(t, stats.RowsRead, uint64(300000))

	stop := errors.New("enough")
	_, err = c.Stream(t.Context(), "SELECT number FROM numbers(300000000)", "TSV", nil, func([]byte) error { return stop })
	require.ErrorIs(t, err, stop)
	requireNothingRuns(t, c)
}

func requireNothingRuns(t *testing.T, c *chdb.Conn) {
	t.Helper()
	res, err := c.Query(t.Context(), "SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%'", "TSV")
	require.NoError(t, err)
	require.Empty(t, string(res.Data))
}

func TestCancelStopsTheStatement(t *testing.T) {
	c := acquire(t)
	statements := map[string]func(context.Context) error{
		"query": func(ctx context.Context) error {
			return c.Exec(ctx, "SELECT count() FROM numbers(1000000000000)")
		},
		"sleep": func(ctx context.Context) error {
			return c.Exec(ctx, "SELECT sum(sleepEachRow(0.05)) FROM numbers(100000) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0")
		},
		"stream": func(ctx context.Context) error {
			_, err := c.Stream(ctx, "SELECT count() FROM numbers(1000000000000)", "TSV", nil, func([]byte) error { return nil })
			return err
		},
		"insert select": func(ctx context.Context) error {
			return c.Exec(ctx, "INSERT INTO FUNCTION null('n UInt64') SELECT number FROM numbers(1000000000000)")
		},
	}
	for name, run := range statements {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			require.ErrorIs(t, run(ctx), context.DeadlineExceeded)
			require.Less(t, time.Since(start), 20*time.Second)
			require.NoError(t, c.Exec(t.Context(), "SELECT 1"))
			requireNothingRuns(t, c)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Exec(ctx, "SELECT 1"), context.Canceled)
}

func TestInsert(t *testing.T) {
	c := acquire(t)
	ctx := t.Context()
	require.NoError(t, c.Exec(ctx, "CREATE OR REPLACE TABLE ins (n UInt64, s String) ENGINE = MergeTree ORDER BY n"))
	count := func() string {
		res, err := c.Query(ctx, "SELECT count(), sum(n) FROM ins", "TSV")
		require.NoError(t, err)
		return strings.TrimSpace(string(res.Data))
	}
	stats, err := c.Insert(ctx, "INSERT INTO ins (n, s)", "TSV", func(w io.Writer) error {
		for i := range 1000 {
			if _, err := fmt.Fprintf(w, "%d\tsemicolon;\n", i); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 1000, stats.RowsWritten)
	require.Equal(t, "1000\t499500", count())

	broken := errors.New("the source broke")
	_, err = c.Insert(ctx, "INSERT INTO ins (n, s)", "TSV", func(w io.Writer) error {
		_, _ = io.WriteString(w, "1\tx\n")
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, "1000\t499500", count(), "a broken source leaves no rows")

	_, err = c.Insert(ctx, "INSERT INTO ins (n, s)", "Native", func(w io.Writer) error {
		_, err := w.Write([]byte{2, 1, 1, 'n', 6, 'U', 'I'})
		return err
	})
	require.Error(t, err, "a truncated block is an error")
	require.Equal(t, "1000\t499500", count())

	_, err = c.Insert(ctx, "INSERT INTO missing (n)", "TSV", func(io.Writer) error { t.Error("body ran"); return nil })
	var e *chdb.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 60, e.Code)

	canceled, cancel := context.WithCancel(ctx)
	_, err = c.Insert(canceled, "INSERT INTO ins (n, s)", "TSV", func(w io.Writer) error {
		cancel()
		_, err := io.WriteString(w, strings.Repeat("1\tx\n", 1000))
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "1000\t499500", count())
}

func TestClassify(t *testing.T) {
	c := acquire(t)
	tests := []struct {
		sql  string
		want chdb.Class
		n    int
	}{
		{"SELECT 1", chdb.ClassReadOnly, 1},
		{"WITH 1 AS x INSERT INTO t SELECT x", chdb.ClassMutating, 1},
		{"CREATE USER u", chdb.ClassMutatingGlobal, 1},
		{"SET a = 1", chdb.ClassControl, 1},
		{"CREATE TEMPORARY TABLE t (a Int8)", chdb.ClassControl, 1},
		{"SELECT 1; DROP TABLE t", chdb.ClassMutating, 2},
		{"SELECT FROM FROM (", chdb.ClassUnknown, 0},
	}
	for _, tt := range tests {
		class, n, err := c.Classify(tt.sql)
		require.NoError(t, err)
		require.Equal(t, tt.want, class, tt.sql)
		require.Equal(t, tt.n, n, tt.sql)
	}
}

// TestParallelParameters guards against parameters of one connection reaching another, which an earlier engine did.
func TestParallelParameters(t *testing.T) {
	p := openPool(t)
	var wg sync.WaitGroup
	for worker := range poolSize {
		wg.Go(func() {
			for i := range 150 {
				want := strconv.Itoa(worker*1000 + i)
				err := p.With(t.Context(), func(c *chdb.Conn) error {
					var got bytes.Buffer
					_, err := c.Stream(t.Context(), "SELECT {v:String}", "TSV", []chdb.Param{{Name: "v", Value: want}}, func(b []byte) error {
						got.Write(b)
						return nil
					})
					if err == nil && got.String() != want+"\n" {
						err = fmt.Errorf("want %s, got %s", want, got.String())
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPoolWaitsAndDiscards(t *testing.T) {
	p := openPool(t)
	require.Equal(t, poolSize, p.MaxConns())
	lent := make([]*chdb.Conn, poolSize)
	for i := range lent {
		c, err := p.Acquire(t.Context())
		require.NoError(t, err)
		lent[i] = c
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := p.Acquire(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, lent[0].Exec(t.Context(), "SET max_threads = 1"))
	p.Discard(lent[0])
	require.ErrorIs(t, lent[0].Exec(t.Context(), "SELECT 1"), chdb.ErrClosed)
	c, err := p.Acquire(t.Context())
	require.NoError(t, err)
	res, err := c.Query(t.Context(), "SELECT changed FROM system.settings WHERE name = 'max_threads'", "TSV")
	require.NoError(t, err)
	require.Equal(t, "0\n", string(res.Data), "another connection has a session of its own")
	for _, c := range append(lent[1:], c) {
		p.Release(c)
	}
}

func TestStatementsLeavePlacesForInsertsAndControl(t *testing.T) {
	p := openPool(t)
	var lent []*chdb.Conn
	take := func(purpose chdb.Purpose) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		c, err := p.AcquireFor(ctx, purpose)
		if err == nil {
			lent = append(lent, c)
		}
		return err
	}
	for range poolSize {
		require.NoError(t, take(chdb.ForStatement))
	}
	require.ErrorIs(t, take(chdb.ForStatement), context.DeadlineExceeded)
	require.NoError(t, take(chdb.ForInsert))
	require.NoError(t, take(chdb.ForInsert))
	require.ErrorIs(t, take(chdb.ForInsert), context.DeadlineExceeded, "two inserts and no more")
	require.NoError(t, take(chdb.ForControl))
	require.ErrorIs(t, take(chdb.ForControl), context.DeadlineExceeded)

	p.Release(lent[0])
	lent = lent[1:]
	require.NoError(t, take(chdb.ForInsert), "an insert also takes a place that a statement has left")
	require.ErrorIs(t, take(chdb.ForStatement), context.DeadlineExceeded)
	p.Discard(lent[poolSize-1]) // an insert's own place
	lent = append(lent[:poolSize-1], lent[poolSize:]...)
	require.ErrorIs(t, take(chdb.ForStatement), context.DeadlineExceeded, "which is none for a statement")
	for _, c := range lent {
		p.Release(c)
	}
}

// TestSignalHandlersAreGos checks that a Go panic on a bad address is still recovered: the engine's handlers are off.
func TestSignalHandlersAreGos(t *testing.T) {
	openPool(t)
	var nothing *struct{ a, b int }
	require.Panics(t, func() { nothing.b++ })
	require.NoError(t, exec.CommandContext(t.Context(), "true").Run())
}

func TestLoadTwice(t *testing.T) {
	openPool(t)
	path := enginetest.Library(t)
	lib, err := chdb.Load(path)
	require.NoError(t, err)
	require.Equal(t, path, lib.Path())
	require.Regexp(t, `^\d+\.\d+\.\d+`, lib.Version())
	_, err = chdb.Load(filepath.Join(t.TempDir(), "other.so"))
	require.ErrorContains(t, err, "already loaded")
	_, err = lib.Connect("--path="+t.TempDir(), "--max_threads=many")
	require.ErrorContains(t, err, "refused")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "some.so")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	t.Setenv(chdb.LibraryEnv, "")
	got, err := chdb.Find(file)
	require.NoError(t, err)
	require.Equal(t, file, got)
	_, err = chdb.Find(file + ".gone")
	require.ErrorIs(t, err, chdb.ErrNotFound)
	_, err = chdb.Find("")
	require.ErrorIs(t, err, chdb.ErrNotFound)
	require.ErrorContains(t, err, "make setup")

	t.Setenv(chdb.LibraryEnv, file)
	got, err = chdb.Find("")
	require.NoError(t, err)
	require.Equal(t, file, got)
	t.Setenv(chdb.LibraryEnv, file+".gone")
	_, err = chdb.Find("")
	require.ErrorContains(t, err, chdb.LibraryEnv)
}
