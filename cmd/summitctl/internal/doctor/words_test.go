package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/cmd/summitctl/internal/verb"
)

// What is read back is compared with what was sent: an answer alone proves nothing.
func TestWhatComesBackChangedIsAFault(t *testing.T) {
	say := func(body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, body) }
	}
	for _, tc := range []struct {
		name, part, answer, check, detail string
	}{
		{"no metric", "/prometheus/api/v1/query", `{"status":"success","data":{"resultType":"vector","result":[]}}`, "OTLP HTTP metric", "it isn't there"},
		{
			"another value", "/prometheus/api/v1/query", `{"status":"success","data":{"result":[{"value":[1,"-7"]}]}}`,
			"OTLP HTTP metric", "the metric came back as -7 instead of ",
		},
		{"no data", "/prometheus/api/v1/query", `{"status":"success","data":7}`, "OTLP HTTP metric", "cannot unmarshal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rep, checks := examine(t, &town{breaks: map[string]func(http.ResponseWriter){tc.part: say(tc.answer)}}, nil)
			require.False(t, rep.Healthy)
			require.Equal(t, Fail, checks[tc.check].State)
			require.Contains(t, checks[tc.check].Detail, "was taken but not shown within 400ms: ")
			require.Contains(t, checks[tc.check].Detail, tc.detail)
			require.Contains(t, checks[tc.check].Advice, "summit_clickhouse")
			require.Equal(t, OK, checks["OTLP HTTP trace"].State, "one fault doesn't hide what works")
		})
	}
}

// mirror answers every path below a prefix with one text and leaves the rest to a town.
type mirror struct {
	*town
	prefix, answer string
}

func (m mirror) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, m.prefix) {
		fmt.Fprint(w, m.answer)
		return
	}
	m.town.ServeHTTP(w, req)
}

func TestOtherContentIsNotTheTestEvent(t *testing.T) {
	for _, tc := range []struct{ name, prefix, answer, check, detail string }{
		{"trace of another", "/api/v1/traces/", `{"spans":[{"service":"shop","name":"doctor"}]}`, "OTLP HTTP trace", "the trace came back with other content: 1 spans"},
		{"trace with more", "/api/v1/traces/", `{"spans":[{},{}]}`, "OTLP HTTP trace", "the trace came back with other content: 2 spans"},
		{"older error", "/api/v1/errors/", `{"occurrences":[{"trace_id":"00"}]}`, "OTLP HTTP log", "it isn't there"},
		{"build that failed", "/api/v1/builds/", `{"status":"failure"}`, "door build event", `the build came back with status "failure" instead of success`},
		{"build of another form", "/api/v1/builds/", `[]`, "door build event", "cannot unmarshal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(mirror{&town{shown: map[string]string{}}, tc.prefix, tc.answer})
			defer srv.Close()
			_, checks := examine(t, &town{}, func(p *patient) {
				p.api = client.New(srv.URL)
				p.places.OTLPHTTP, p.places.Door, p.timeout = srv.URL, srv.URL, 250*time.Millisecond
			})
			require.Equal(t, Fail, checks[tc.check].State)
			require.Contains(t, checks[tc.check].Detail, tc.detail)
		})
	}
}

func TestClosedPortsAreNoFaultWhileADoorIsOpen(t *testing.T) {
	rep, checks := examine(t, &town{}, func(p *patient) {
		p.places.Store, p.places.Health, p.places.Door, p.timeout = "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1", 5*time.Second
	})
	require.True(t, rep.Healthy, "%+v", rep)
	for _, name := range []string{"store", "health", "door build event", "OTLP gRPC log"} {
		require.Equal(t, Closed, checks[name].State)
		require.Equal(t, "nothing listens here", checks[name].Detail)
		require.Empty(t, checks[name].Advice)
	}
	require.NotContains(t, checks, "doors")
}

func TestNothingIsOpen(t *testing.T) {
	p := &patient{
		places: client.Places{URL: "http://127.0.0.1:1", OTLPGRPC: "127.0.0.1:1", OTLPHTTP: "http://127.0.0.1:1", Door: "http://127.0.0.1:1", Store: "http://127.0.0.1:1", Health: "http://127.0.0.1:1"},
		api:    client.New("http://127.0.0.1:1"), timeout: time.Second, now: time.Now,
	}
	rep := p.examine(t.Context())
	require.False(t, rep.Healthy)
	last := rep.Items[len(rep.Items)-1]
	require.Equal(t, "doors", last.Name)
	require.Equal(t, Fail, last.State)
	require.Equal(t, "no door for telemetry or builds is open on this machine", last.Detail)
	require.Contains(t, last.Advice, "summitctl up")
	require.Contains(t, last.Advice, "SUMMIT_OTLP_GRPC, SUMMIT_OTLP_HTTP and SUMMIT_DOOR")
}

func TestServerWithoutATimeIsWorthAWord(t *testing.T) {
	_, checks := examine(t, &town{breaks: map[string]func(http.ResponseWriter){"/api/v1/status": func(w http.ResponseWriter) {
		w.Header()["Date"] = nil
		fmt.Fprint(w, `{"version":"1","ready":true,"store":{"kind":"embedded"}}`)
	}}}, nil)
	require.Equal(t, Warn, checks["clock"].State)
	require.Equal(t, "the server doesn't say what time it is", checks["clock"].Detail)
	require.Contains(t, checks["clock"].Advice, "proxy")
}

func TestClockSaysHowFarItIsOff(t *testing.T) {
	_, checks := examine(t, &town{}, func(p *patient) { p.now = func() time.Time { return time.Now().Add(-2 * time.Hour) } })
	require.Regexp(t, regexp.MustCompile(`^the server's clock is (2h0m\ds|1h59m5\ds) off this machine's$`), checks["clock"].Detail)
	require.Contains(t, checks["clock"].Advice, "chrony")
}

// A listener that takes connections and says nothing holds no one longer than the timeout.
func TestMuteListenerIsToldFromAClosedOne(t *testing.T) {
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer lis.Close()
	started := time.Now()
	_, checks := examine(t, &town{}, func(p *patient) {
		p.timeout = 200 * time.Millisecond
		p.places.Door = "http://" + lis.Addr().String()
		p.places.OTLPGRPC = lis.Addr().String()
	})
	require.Less(t, time.Since(started), 20*time.Second)
	require.Equal(t, Fail, checks["door build event"].State)
	require.Contains(t, checks["door build event"].Detail, "the test build event was not taken: ")
	require.Contains(t, checks["door build event"].Advice, "accepts connections but doesn't answer")
	require.Equal(t, Fail, checks["OTLP gRPC trace"].State)
	require.Contains(t, checks["OTLP gRPC trace"].Advice, "accepts connections but doesn't answer")
}

func TestAdviceFitsTheError(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		err        error
	}{
		{"http 401", "wants authentication", errors.New("401 Unauthorized")},
		{"http 403", "wants authentication", errors.New("403 Forbidden: no")},
		{"grpc permission", "wants authentication", status.Error(codes.PermissionDenied, "no")},
		{"http 429", "queue is full", errors.New("429 Too Many Requests")},
		{"http 503", "queue is full", errors.New("gave up: 503 Service Unavailable: disk")},
		{"grpc full", "queue is full", status.Error(codes.ResourceExhausted, "no room")},
		{"http 404", "another program listens here", errors.New("404 Not Found: 404 page not found")},
		{"grpc unknown", "no pipeline takes this signal", status.Error(codes.Unimplemented, "unknown service")},
		{"timeout", "doesn't answer", fmt.Errorf("send: %w", &net.OpError{Op: "read", Err: errTimeout{}})},
		{"port with 401", "collector's log", errors.New(`Post "http://127.0.0.1:40123/v1/traces": EOF`)},
		{"port with 404", "collector's log", errors.New(`read tcp 127.0.0.1:34404->127.0.0.1:14040: connection reset by peer`)},
		{"port with 503", "collector's log", errors.New(`dial tcp 127.0.0.1:50300: connection refused`)},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Contains(t, adviceOnSending(tc.err), tc.want) })
	}
}

type errTimeout struct{}

func (errTimeout) Error() string { return "i/o timeout" }

// The command prints the checks, says what to do on standard error, and tells the shell.
func TestCommand(t *testing.T) {
	for _, healthy := range []bool{true, false} {
		tn := &town{shown: map[string]string{}}
		if !healthy {
			tn.breaks = map[string]func(http.ResponseWriter){"/ping": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }}
		}
		srv := httptest.NewServer(tn)
		for name, value := range map[string]string{"SUMMIT_OTLP_GRPC": "127.0.0.1:1", "SUMMIT_OTLP_HTTP": srv.URL, "SUMMIT_DOOR": srv.URL, "SUMMIT_STORE": srv.URL, "SUMMIT_HEALTH": srv.URL} {
			t.Setenv(name, value)
		}
		var shared verb.Shared
		root := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true}
		shared.AddTo(root)
		root.AddCommand(Command(&shared))
		var out, talk bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&talk)
		root.SetArgs([]string{"doctor", "--url", srv.URL, "-o", "json"})
		err := root.ExecuteContext(t.Context())
		srv.Close()

		var rep report
		require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
		require.Equal(t, healthy, rep.Healthy)
		require.Len(t, rep.Items, 11)
		if healthy {
			require.NoError(t, err)
			require.Empty(t, talk.String())
		} else {
			require.Equal(t, exit.Failed, exit.Code(err))
			require.Equal(t, "\nstore: 500 Internal Server Error\n  → the engine doesn't answer; look into the log of the process that runs it\n", talk.String())
		}
	}
}
