// Package enginetest gives tests the real engine: an embedded store with the whole schema. The engine serves one data
// folder per process, so all tests of a package share one store; each Open empties its tables. Tests that use it must not
// run in parallel with each other.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/embedded"
	"github.com/summitobs/summit/internal/clickhouse/migrate"
)

// shared is the process's store; mu guards it.
var (
	mu     sync.Mutex
	shared *embedded.Engine
	dir    string
)

// Open gives the process's store, with the whole schema and no rows. It stays open for the tests that follow; Main closes
// it and removes its folder.
func Open(t testing.TB) clickhouse.Store {
	t.Helper()
	return Engine(t)
}

// Engine is Open for tests that need more than a Store, for example the HTTP handler.
func Engine(t testing.TB) *embedded.Engine {
	t.Helper()
	library := Library(t)
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		if err := truncate(context.WithoutCancel(t.Context()), shared); err != nil {
			t.Fatalf("empty the test store: %v", err)
		}
		return shared
	}
	engine, err := open(t.Context(), library)
	if err != nil {
		t.Fatalf("open the test store: %v", err)
	}
	shared = engine
	return engine
}

// Library gives the path of the engine library, or ends the test.
func Library(t testing.TB) string {
	t.Helper()
	path, err := find()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Main runs a package's tests and closes the store after them. Call it from TestMain, and exit with what it returns:
//
//	func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
func Main(m interface{ Run() int }) int {
	code := m.Run()
	if err := Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the test store:", err)
		return max(code, 1)
	}
	return code
}

// Close closes the store and removes its folder. The next Open makes another.
func Close() error {
	mu.Lock()
	defer mu.Unlock()
	if shared == nil {
		return nil
	}
	err := shared.Close()
	shared = nil
	return errors.Join(err, os.RemoveAll(dir))
}

func open(ctx context.Context, library string) (*embedded.Engine, error) {
	var err error
	if dir, err = os.MkdirTemp("", "summit-enginetest-"); err != nil {
		return nil, err
	}
	engine, err := embedded.Open(ctx, embedded.Config{Path: dir, Library: library, MarkCacheBytes: 32 << 20, MemoryLimitBytes: 2 << 30})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if _, err := migrate.Run(ctx, engine.Conn(), migrate.Options{}); err != nil {
		return nil, errors.Join(err, engine.Close(), os.RemoveAll(dir))
	}
	return engine, nil
}

// truncate empties the tables that have parts. TRUNCATE forgets deduplication tokens as well.
func truncate(ctx context.Context, engine *embedded.Engine) error {
	rows, err := engine.Conn().Query(ctx, "SELECT DISTINCT table FROM system.parts WHERE database = {database:String} AND table != {keep:String} AND active",
		clickhouse.Named("database", clickhouse.Database), clickhouse.Named("keep", migrate.Table))
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		tables = append(tables, table)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, table := range tables {
		if err := engine.Conn().Exec(ctx, "TRUNCATE TABLE `"+table+"`"); err != nil {
			return err
		}
	}
	return nil
}

// find looks where chdb.Find looks, then in bin/ of the module that the test runs in.
func find() (string, error) {
	if env := os.Getenv(chdb.LibraryEnv); env != "" {
		return chdb.Find("")
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if text, err := os.ReadFile(filepath.Join(folder, "go.mod")); err == nil && strings.HasPrefix(string(text), "module github.com/summitobs/summit\n") {
			path := filepath.Join(folder, "bin", chdb.FileName)
			if _, err := os.Stat(path); err != nil {
				return "", fmt.Errorf("the engine library %s is missing: run `make setup`, or set %s", path, chdb.LibraryEnv)
			}
			return path, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", fmt.Errorf("no go.mod of the project above the test: set %s", chdb.LibraryEnv)
		}
		folder = parent
	}
}
