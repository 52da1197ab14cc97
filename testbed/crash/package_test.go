package crash

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/testbed/process"
)

var (
	long    = flag.Bool("crash.long", false, "run the long forms: a hundred kills of each process, a thousand of small segments, minutes of standing still")
	keepDir = flag.String("crash.dir", "", "`folder` that keeps what the processes wrote")
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { process.CloseIdle(); os.Exit(code) }))
}

// pick gives the value of the form that runs.
func pick[T any](short, longer T) T {
	if *long {
		return longer
	}
	return short
}

// seeded gives a source of points. CRASH_SEED takes another seed, so that a failure can be repeated and other points be
// tried.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(1)
	if text := os.Getenv("CRASH_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CRASH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
