package crash

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/summitobs/summit/testbed/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { process.CloseIdle(); os.Exit(code) }))
}
