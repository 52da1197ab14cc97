package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/internal/faker"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { http.DefaultClient.CloseIdleConnections(); os.Exit(code) }))
}

func TestOptionsAreChecked(t *testing.T) {
	good := options{history: 24 * time.Hour, traces: 10, rate: 1}
	require.NoError(t, good.validate())
	for want, change := range map[string]func(o *options){
		"--history":  func(o *options) { o.history = time.Hour },
		"--traces":   func(o *options) { o.traces = 0 },
		"--rate":     func(o *options) { o.rate = 1e6 },
		"--duration": func(o *options) { o.duration = -1 },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.validate(), want)
	}
}

// hooks counts what is delivered and answers as told.
type hooks struct {
	mu     sync.Mutex
	bodies map[string]int
	answer func(n int, w http.ResponseWriter)
	n      int
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body) // a broken body is an uncounted one
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	if req.Header.Get("X-Hub-Signature-256") != faker.Sign([]byte("key"), body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if h.answer != nil {
		h.answer(h.n, w)
	}
	h.bodies[string(body)]++
}

func deliveries(n int) []faker.Delivery {
	out := make([]faker.Delivery, n)
	for i := range out {
		out[i] = faker.Delivery{Path: faker.PathGitHub, Event: "push", ID: fmt.Sprint(i), Body: fmt.Appendf(nil, `{"n":%d}`, i)}
	}
	return out
}

func deliverTo(t *testing.T, h *hooks, key string, n int) (int, error) {
	t.Helper()
	h.bodies = map[string]int{}
	srv := httptest.NewServer(h)
	defer srv.Close()
	d := newDoor(srv.URL, key)
	defer func() { require.NoError(t, d.close()) }()
	last := 0
	err := d.deliverAll(t.Context(), deliveries(n), func(n int) { last = n })
	return last, err
}

func TestAllIsDeliveredOnce(t *testing.T) {
	h := &hooks{}
	last, err := deliverTo(t, h, "key", 100)
	require.NoError(t, err)
	require.Equal(t, 100, last)
	require.Len(t, h.bodies, 100)
	require.Equal(t, 100, h.n)
}

func TestWrongSecretIsDeniedWithAdvice(t *testing.T) {
	_, err := deliverTo(t, &hooks{}, "other", 20)
	require.Equal(t, exit.Denied, exit.Code(err))
	require.Contains(t, exit.Hint(err), "SUMMIT_GITHUB_SECRET")
}

func TestFirstRefusalEndsTheDelivery(t *testing.T) {
	h := &hooks{answer: func(n int, w http.ResponseWriter) {
		if n == 3 {
			w.WriteHeader(http.StatusBadRequest)
		}
	}}
	_, err := deliverTo(t, h, "key", 5000)
	require.ErrorContains(t, err, "deliver push: 400")
	require.Less(t, h.n, 5000)
}

func TestBusyDoorNamesItsPause(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	d := newDoor(srv.URL, "key")
	pause, err := d.try(t.Context(), deliveries(1)[0])
	require.Error(t, err)
	require.Equal(t, 7*time.Second, pause)
	require.NoError(t, d.close())
}

func TestServerIsReadyWhenItsRoutesAre(t *testing.T) {
	var mu sync.Mutex
	missing := 3
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case req.URL.Path == "/api/v1/status":
			fmt.Fprint(w, `{}`)
		case missing > 0:
			missing--
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	defer srv.Close()
	s := &session{api: client.New(srv.URL), door: newDoor(srv.URL, ""), places: client.Places{Door: srv.URL, OTLPHTTP: srv.URL}, talk: newProgress(io.Discard)}
	require.NoError(t, s.waitReady(t.Context()))
	require.Zero(t, missing)
	require.NoError(t, s.door.close())
}

func TestProgressIsSparse(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{w: &b, now: func() time.Time { return now }}
	p.last = now
	for n := 1; n <= 10; n++ {
		now = now.Add(300 * time.Millisecond)
		p.step("x", n, 10, "items")
	}
	require.Equal(t, "x 7/10 items\nx 10/10 items\n", b.String())
}

func TestPollTellsWhatWentWrong(t *testing.T) {
	s := &session{talk: newProgress(io.Discard)}
	err := s.poll(t.Context(), 10*time.Millisecond, "spring", func(context.Context) (bool, error) { return false, errors.New("snow") })
	require.ErrorContains(t, err, "spring: snow")
	require.Contains(t, exit.Hint(err), "doctor")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.poll(ctx, time.Hour, "x", func(context.Context) (bool, error) { return false, nil }), context.Canceled)
}

func TestFindReadsTheFirstItem(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Get("service") == "none" {
			fmt.Fprint(w, `{"items":[]}`)
			return
		}
		fmt.Fprint(w, `{"items":[{"trace_id":"a"},{"trace_id":"b"}]}`)
	}))
	defer srv.Close()
	s := &session{api: client.New(srv.URL)}
	got, err := s.find(t.Context(), "/traces", "trace_id", map[string][]string{"service": {"x"}})
	require.NoError(t, err)
	require.Equal(t, "a", got)
	got, err = s.find(t.Context(), "/traces", "trace_id", map[string][]string{"service": {"none"}})
	require.NoError(t, err)
	require.Empty(t, got)
}
