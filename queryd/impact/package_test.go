package impact_test

import (
	"os"
	"testing"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
