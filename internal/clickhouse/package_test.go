package clickhouse_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(mainFunc(func() int { return enginetest.Main(m) }))
}

type mainFunc func() int

func (f mainFunc) Run() int { return f() }
