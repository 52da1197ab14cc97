package chdb_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(mainFunc(func() int { return m.Run() }))
}

// mainFunc stops the package's engine after the tests.
type mainFunc func() int

func (f mainFunc) Run() int {
	code := f()
	if pool != nil {
		pool.Close()
		_ = os.RemoveAll(poolDir)
	}
	return code
}

// pool is the package's engine: one process has one.
var (
	pool    *chdb.Pool
	poolDir string
)

const poolSize = 4

func openPool(t *testing.T) *chdb.Pool {
	t.Helper()
	if pool != nil {
		return pool
	}
	lib, err := chdb.Load(enginetest.Library(t))
	if err != nil {
		t.Fatal(err)
	}
	if poolDir, err = os.MkdirTemp("", "summit-chdb-"); err != nil {
		t.Fatal(err)
	}
	if pool, err = chdb.NewPool(lib, chdb.Settings{Path: poolDir, MaxConns: poolSize}); err != nil {
		t.Fatal(err)
	}
	return pool
}

func acquire(t *testing.T) *chdb.Conn {
	t.Helper()
	p := openPool(t)
	c, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Release(c) })
	return c
}
