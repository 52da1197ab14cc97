package clickhouseexporter

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		os.Exit(crashChild(dir))
	}
	code := enginetest.Main(m)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
