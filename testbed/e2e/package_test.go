package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/internal/faker"
	"github.com/summitobs/summit/testbed/process"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { process.CloseIdle(); os.Exit(code) }))
}

// shown is how long something may take from its acknowledgement until it is shown, on a machine that does other things.
const shown = 30 * time.Second

// system is one running set-up. send is where telemetry goes in; places is where the rest is.
type system struct {
	t      *testing.T
	dir    string
	places process.Places
	// entry are the addresses of the process that telemetry is sent to.
	entry process.Places
	// all processes, in the order in which they are stopped.
	all []*process.Process
}

// standalone starts everything in one process.
func standalone(t *testing.T) *system {
	t.Helper()
	needBinaries(t)
	places, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	s := &system{t: t, dir: t.TempDir(), places: places, entry: places}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func needBinaries(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts the built binaries")
	}
}

func (s *system) start() {
	s.t.Helper()
	server, err := process.Standalone(s.dir, s.places)
	require.NoError(s.t, err)
	s.all = []*process.Process{server}
	require.NoError(s.t, server.WaitReady(context.WithoutCancel(s.t.Context()), s.places))
}

// stop ends all processes as Ctrl-C does and requires that they end cleanly.
func (s *system) stop() {
	s.t.Helper()
	for _, p := range s.all {
		require.NoError(s.t, p.Stop(time.Minute))
	}
	s.all = nil
}

// threeProcesses starts an agent, a gateway with the store, and queryd, each on its own.
func threeProcesses(t *testing.T) *system {
	t.Helper()
	needBinaries(t)
	gateway, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	agent, err := process.NewPlaces(t.Context())
	require.NoError(t, err)
	s := &system{t: t, dir: t.TempDir(), places: gateway, entry: agent}
	t.Cleanup(s.stop)

	g, err := process.Role("gateway", t.TempDir(), gateway)
	require.NoError(t, err)
	s.all = append(s.all, g)
	require.NoError(t, g.WaitHealthy(t.Context(), gateway))
	q, err := process.Queryd(s.dir, gateway)
	require.NoError(t, err)
	s.all = append([]*process.Process{q}, s.all...)
	require.NoError(t, q.WaitQueryd(t.Context(), gateway))
	a, err := process.Role("agent", t.TempDir(), agent, "SUMMIT_GATEWAY="+gateway.OTLPGRPC)
	require.NoError(t, err)
	s.all = append([]*process.Process{a}, s.all...)
	require.NoError(t, a.WaitHealthy(t.Context(), agent))
	return s
}

// in is the system as a subtest sees it.
func (s *system) in(t *testing.T) *system {
	sub := *s
	sub.t = t
	return &sub
}

func (s *system) url(path string) string { return "http://" + s.places.Listen + path }

// get asks the API once and gives the status.
func (s *system) get(path string, q url.Values, v any) int {
	s.t.Helper()
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	status, err := process.GetJSON(s.t.Context(), s.url("/api/v1"+path), v)
	require.NoError(s.t, err)
	return status
}

// eventually asks until the condition holds and tells what was missing last.
func (s *system) eventually(what string, holds func() error) {
	s.t.Helper()
	var last error
	ok := assertEventually(s.t.Context(), shown, func() bool {
		last = holds()
		return last == nil
	})
	for _, p := range s.all {
		require.True(s.t, p.Alive(), "a process ended:\n%s", p.Tail())
	}
	require.True(s.t, ok, "waited %s for %s: %v\n%s", shown, what, last, s.all[len(s.all)-1].Tail())
}

func assertEventually(ctx context.Context, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// github delivers a signed webhook and requires that it is taken.
func (s *system) github(event string, body []byte) {
	s.t.Helper()
	d := faker.Delivery{Path: faker.PathGitHub, Event: event, ID: fmt.Sprintf("%s-%d", event, time.Now().UnixNano()), Body: body}
	status, answer, err := process.Post(s.t.Context(), "http://"+s.places.Door+d.Path, d.Header([]byte(process.Secret)), body)
	require.NoError(s.t, err)
	require.Less(s.t, status, 300, "%s: %s", event, answer)
}

// event delivers to the generic door and requires that it is taken.
func (s *system) event(body []byte) {
	s.t.Helper()
	status, answer, err := process.Post(s.t.Context(), "http://"+s.places.Door+faker.PathEvents, http.Header{"Content-Type": {"application/json"}}, body)
	require.NoError(s.t, err)
	require.Less(s.t, status, 300, "%s: %s", body, answer)
}
