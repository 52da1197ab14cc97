package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { http.DefaultClient.CloseIdleConnections(); os.Exit(code) }))
}

// town is a system made of handlers: it takes what is sent and shows it, unless a test breaks a part of it.
type town struct {
	mu     sync.Mutex
	shown  map[string]string
	breaks map[string]func(w http.ResponseWriter)
}

func (tn *town) broken(w http.ResponseWriter, part string) bool {
	f, ok := tn.breaks[part]
	if ok {
		f(w)
	}
	return ok
}

func (tn *town) show(key, answer string) {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	tn.shown[key] = answer
}

func (tn *town) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := make([]byte, 0)
	if req.Method == http.MethodPost {
		var err error
		if body, err = readPacked(req); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	if tn.broken(w, req.URL.Path) {
		return
	}
	switch req.URL.Path {
	case "/api/v1/status":
		fmt.Fprint(w, `{"version":"1","ready":true,"store":{"kind":"embedded","version":"26"}}`)
	case "/", "/ping":
		fmt.Fprint(w, "Ok.")
	case "/v1/traces":
		r := ptraceotlp.NewExportRequest()
		if r.UnmarshalProto(body) == nil {
			id := r.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).TraceID().String()
			tn.show("/api/v1/traces/"+id, `{"spans":[{"service":"summit-doctor","name":"doctor"}]}`)
		}
	case "/v1/logs":
		r := plogotlp.NewExportRequest()
		if r.UnmarshalProto(body) == nil {
			id := r.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).TraceID().String()
			tn.show("error", `{"occurrences":[{"trace_id":"`+id+`"}]}`)
		}
	case "/v1/metrics":
		r := pmetricotlp.NewExportRequest()
		if r.UnmarshalProto(body) == nil {
			p := r.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
			tn.show("metric", fmt.Sprintf(`{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"%d"]}]}}`, p.IntValue()))
		}
	case "/v1/ci/events":
		var ev map[string]any
		if json.Unmarshal(body, &ev) == nil {
			tn.show(fmt.Sprintf("/api/v1/builds/generic:local:summit/doctor:%s:1", ev["run_id"]), `{"status":"success"}`)
		}
	default:
		tn.answer(w, req.URL.Path)
	}
}

func (tn *town) answer(w http.ResponseWriter, path string) {
	key := path
	switch {
	case strings.HasPrefix(path, "/api/v1/errors/"):
		key = "error"
	case path == "/prometheus/api/v1/query":
		key = "metric"
	}
	tn.mu.Lock()
	answer, ok := tn.shown[key]
	tn.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		answer = `{"status":404,"detail":"not there"}`
	}
	fmt.Fprint(w, answer)
}

// examine runs the doctor on a town. OTLP over gRPC stays closed, which is no fault while another door is open.
func examine(t *testing.T, tn *town, change func(p *patient)) (report, map[string]Check) {
	t.Helper()
	tn.shown = map[string]string{}
	srv := httptest.NewServer(tn)
	defer srv.Close()
	p := &patient{
		places:  client.Places{URL: srv.URL, OTLPGRPC: "127.0.0.1:1", OTLPHTTP: srv.URL, Door: srv.URL, Store: srv.URL, Health: srv.URL},
		api:     client.New(srv.URL),
		timeout: 400 * time.Millisecond, now: time.Now,
	}
	if change != nil {
		change(p)
	}
	rep := p.examine(t.Context())
	byName := map[string]Check{}
	for _, c := range rep.Items {
		byName[c.Name] = c
	}
	return rep, byName
}

func TestHealthySystem(t *testing.T) {
	rep, checks := examine(t, &town{}, func(p *patient) { p.timeout = 5 * time.Second })
	require.True(t, rep.Healthy, "%+v", rep)
	for name, want := range map[string]State{
		"queryd": OK, "clock": OK, "health": OK, "store": OK, "OTLP gRPC trace": Closed, "OTLP HTTP trace": OK, "OTLP HTTP log": OK, "OTLP HTTP metric": OK, "door build event": OK,
	} {
		require.Equal(t, want, checks[name].State, "%s: %+v", name, checks[name])
	}
}

func TestEachFaultIsSaidInWords(t *testing.T) {
	status := func(code int) func(w http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	swallow := func(http.ResponseWriter) {}
	for _, tc := range []struct {
		name, part     string
		breaks         func(w http.ResponseWriter)
		check          string
		detail, advice string
	}{
		{"queue is full", "/v1/traces", status(http.StatusBadRequest), "OTLP HTTP trace", "was not taken: 400", "collector's log"},
		{"authentication", "/v1/logs", status(http.StatusUnauthorized), "OTLP HTTP log", "401", "wants authentication"},
		{"another program", "/v1/metrics", status(http.StatusNotFound), "OTLP HTTP metric", "404", "another program listens here"},
		{"door refuses", "/v1/ci/events", status(http.StatusForbidden), "door build event", "403", "wants authentication"},
		{"swallowed", "/v1/traces", swallow, "OTLP HTTP trace", "taken but not shown within 400ms: it isn't there", "blocked"},
		{"store is down", "/ping", status(http.StatusInternalServerError), "store", "500", "engine doesn't answer"},
		{"pipeline is down", "/", status(http.StatusServiceUnavailable), "health", "503", "pipeline is down"},
		{"queryd without store", "/api/v1/status", func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"version":"1","ready":false,"store":{"kind":"server","detail":"no route"}}`)
		}, "queryd", "its server store doesn't: no route", "runs the store"},
		{"no queryd", "/api/v1/status", func(w http.ResponseWriter) { fmt.Fprint(w, `{}`) }, "queryd", "it is no queryd", "SUMMIT_URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep, checks := examine(t, &town{breaks: map[string]func(http.ResponseWriter){tc.part: tc.breaks}}, nil)
			require.False(t, rep.Healthy)
			require.Equal(t, Fail, checks[tc.check].State)
			require.Contains(t, checks[tc.check].Detail, tc.detail)
			require.Contains(t, checks[tc.check].Advice, tc.advice)
		})
	}
}

func TestWithoutQuerydNothingIsReadBack(t *testing.T) {
	rep, checks := examine(t, &town{}, func(p *patient) { p.api = client.New("http://127.0.0.1:1") })
	require.False(t, rep.Healthy)
	require.Equal(t, Warn, checks["OTLP HTTP trace"].State)
	require.Contains(t, checks["OTLP HTTP trace"].Detail, "can't be read back")
	require.NotContains(t, checks, "clock")
}

func TestClockSkew(t *testing.T) {
	for _, tc := range []struct {
		off  time.Duration
		want State
	}{{0, OK}, {5 * time.Second, Warn}, {-5 * time.Second, Warn}, {time.Hour, Fail}} {
		_, checks := examine(t, &town{}, func(p *patient) { p.now = func() time.Time { return time.Now().Add(tc.off) } })
		require.Equal(t, tc.want, checks["clock"].State, "%s: %s", tc.off, checks["clock"].Detail)
	}
}

func TestSilentPortIsFound(t *testing.T) {
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer lis.Close()
	_, checks := examine(t, &town{}, func(p *patient) { p.places.Health = "http://" + lis.Addr().String() })
	require.Equal(t, Fail, checks["health"].State)
}

func TestAdviceKnowsWhatReceiversSay(t *testing.T) {
	for text, want := range map[string]string{
		"rpc error: code = Unauthenticated": "authentication", "code = ResourceExhausted desc = queue": "queue is full",
		"code = Unimplemented": "no pipeline takes this signal", context.DeadlineExceeded.Error(): "doesn't answer", "odd": "log",
	} {
		require.Contains(t, adviceOnSending(errors.New(text)), want)
	}
}
