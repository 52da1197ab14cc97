package rollup

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

// The store is closed before the look for goroutines, and the engine's connections are what is left of it.
func TestMain(m *testing.M) {
	code := enginetest.Main(m)
	if err := goleak.Find(goleak.IgnoreTopFunction("github.com/ClickHouse/clickhouse-go/v2.(*clickhouse).startAutoCloseIdleConnections")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
