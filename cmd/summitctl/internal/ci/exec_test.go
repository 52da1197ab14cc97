package ci

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
	"github.com/summitobs/summit/internal/envelope"
)

// childVariable makes the test's own program a command that exec runs.
const childVariable = "SUMMIT_TEST_CHILD"

func child(mode string) int {
	switch mode {
	case "echo":
		fmt.Println(os.Getenv("TRACEPARENT"))
		_, _ = io.Copy(os.Stdout, os.Stdin)
		return 0
	case "seven":
		fmt.Fprintln(os.Stderr, "seven")
		return 7
	case "memory":
		held := make([]byte, 96<<20)
		for i := 0; i < len(held); i += 4096 {
			held[i] = byte(i >> 12)
		}
		return int(held[4096]) - 1
	case "term":
		got := make(chan os.Signal, 1)
		signal.Notify(got, syscall.SIGTERM)
		fmt.Println("ready")
		if <-got == syscall.SIGTERM {
			return 9
		}
		return 1
	default: // ends by a signal
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// otlpServer keeps the spans that it is sent.
type otlpServer struct {
	*httptest.Server
	mu    sync.Mutex
	spans []ptrace.Span
	res   []pcommon.Map
}

func startOTLP(t *testing.T) *otlpServer {
	t.Helper()
	s := &otlpServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		in := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			zr, err := gzip.NewReader(req.Body)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			in = zr
		}
		body, err := io.ReadAll(in)
		r := ptraceotlp.NewExportRequest()
		if err == nil && req.Header.Get("Content-Type") == "application/json" {
			err = r.UnmarshalJSON(body)
		} else if err == nil {
			err = r.UnmarshalProto(body)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, rs := range r.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					s.spans, s.res = append(s.spans, sp), append(s.res, rs.Resource().Attributes())
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("SUMMIT_OTLP_HTTP", s.URL)
	return s
}

// one gives the only span.
func (s *otlpServer) one(t *testing.T) (ptrace.Span, map[string]any, map[string]any) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.spans, 1)
	return s.spans[0], s.spans[0].Attributes().AsRaw(), s.res[0].AsRaw()
}

func TestPoint07ACommandIsASpanBelowItsJob(t *testing.T) {
	for name, vars := range recorded {
		t.Run(name, func(t *testing.T) {
			setenv(t, vars)
			t.Setenv(childVariable, "echo")
			s := startOTLP(t)
			out, talk, err := run(t, "exec", "--name", "unit tests", "--", os.Args[0], "--secret", "x")
			require.NoError(t, err)
			require.Empty(t, talk)
			j, err := Detect(getenvOf(vars))
			require.NoError(t, err)
			sp, attrs, res := s.one(t)
			require.EqualValues(t, j.Trace.TraceID(), sp.TraceID())
			require.EqualValues(t, j.Trace.TaskSpanID(j.ID), sp.ParentSpanID())
			require.Equal(t, "00-"+sp.TraceID().String()+"-"+sp.SpanID().String()+"-01\n", out, "the command's own TRACEPARENT")
			require.Equal(t, "unit tests", sp.Name())
			require.Equal(t, ptrace.StatusCodeUnset, sp.Status().Code())
			require.Equal(t, int64(0), attrs["process.exit.code"])
			require.NotContains(t, attrs, "process.command_args")
			require.Equal(t, j.Run.ID(), res[envelope.AttrBuildRunRef])
			require.Equal(t, j.CommitSHA, res["vcs.ref.head.revision"])
		})
	}
}

// A real go test, started by the verb: its span and the verb's are one path to the job's span.
func TestPoint07GoTestLandsUnderItsJob(t *testing.T) {
	setenv(t, recorded["gitlab"])
	s := startOTLP(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	_, talk, err := run(t, "exec", "--", "go", "test", "-count=1", "./testdata/child")
	require.NoError(t, err, talk)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.spans, 2)
	test, command := s.spans[0], s.spans[1]
	require.Equal(t, "TestSendsASpan", test.Name())
	require.Equal(t, "go test", command.Name())
	j, err := Detect(getenvOf(recorded["gitlab"]))
	require.NoError(t, err)
	require.EqualValues(t, j.Trace.TraceID(), test.TraceID())
	require.Equal(t, command.SpanID(), test.ParentSpanID())
	require.EqualValues(t, j.Trace.TaskSpanID("380"), command.ParentSpanID())
	require.False(t, test.StartTimestamp().AsTime().Before(command.StartTimestamp().AsTime()))
	require.False(t, test.EndTimestamp().AsTime().After(command.EndTimestamp().AsTime()))
}

func TestTheExitCodeIsTheCommands(t *testing.T) {
	for _, tc := range []struct {
		name, mode string
		args       []string
		code       int
		kind       string
	}{
		{"failure", "seven", []string{os.Args[0]}, 7, "exit_code"},
		{"signal", "kill", []string{os.Args[0]}, 128 + 9, "signal"},
		{"not found", "", []string{"no-such-command-here"}, 127, "start"},
		{"not a program", "", []string{"./testdata/child/child_test.go"}, 126, "start"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, recorded["buildkite"])
			t.Setenv(childVariable, tc.mode)
			s := startOTLP(t)
			_, _, err := run(t, append([]string{"exec", "--"}, tc.args...)...)
			require.Error(t, err)
			require.Equal(t, tc.code, exit.Code(err))
			sp, attrs, _ := s.one(t)
			require.Equal(t, ptrace.StatusCodeError, sp.Status().Code())
			require.Equal(t, int64(tc.code), attrs["process.exit.code"])
			require.Equal(t, tc.kind, attrs["error.type"])
		})
	}
}

func TestASpanTellsWhatTheCommandUsed(t *testing.T) {
	setenv(t, recorded["circleci"])
	t.Setenv(childVariable, "memory")
	s := startOTLP(t)
	_, _, err := run(t, "exec", "--with-args", "--", os.Args[0], "--flag")
	require.NoError(t, err)
	_, attrs, _ := s.one(t)
	require.GreaterOrEqual(t, attrs[envelope.AttrExecMemPeak], int64(96<<20))
	require.Less(t, attrs[envelope.AttrExecMemPeak], int64(1<<30))
	require.Positive(t, attrs[envelope.AttrExecCPUUserNS].(int64)+attrs[envelope.AttrExecCPUSystemNS].(int64))
	require.Equal(t, []any{os.Args[0], "--flag"}, attrs["process.command_args"])
}

func TestSignalsReachTheCommand(t *testing.T) {
	setenv(t, recorded["github"])
	t.Setenv(childVariable, "term")
	c := command{args: []string{os.Args[0]}, in: strings.NewReader(""), talk: io.Discard}
	c.begin("")
	ready, out := io.Pipe()
	c.out = out
	go func() {
		_, _ = ready.Read(make([]byte, 16)) // the command is ready for the signal
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, ready)
	}()
	code, err := c.run(t.Context())
	require.NoError(t, out.Close())
	require.Equal(t, 9, code)
	require.Error(t, err)
}

func TestACommandInACommandIsBelowIt(t *testing.T) {
	setenv(t, recorded["github"])
	t.Setenv(childVariable, "echo")
	t.Setenv("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	s := startOTLP(t)
	_, _, err := run(t, "exec", "--", os.Args[0])
	require.NoError(t, err)
	sp, _, _ := s.one(t)
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", sp.TraceID().String())
	require.Equal(t, "00f067aa0ba902b7", sp.ParentSpanID().String())
}

func TestTraceparentsThatAreNone(t *testing.T) {
	for _, s := range []string{
		"", "x", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
	} {
		_, _, ok := parseTraceparent(s)
		require.False(t, ok, s)
	}
	_, _, ok := parseTraceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
	require.True(t, ok, "a later version may say more")
}

func TestTelemetryThatIsNotTakenFailsNoJob(t *testing.T) {
	setenv(t, recorded["github"])
	t.Setenv(childVariable, "echo")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer srv.Close()
	t.Setenv("SUMMIT_OTLP_HTTP", srv.URL)
	_, talk, err := run(t, "exec", "--", os.Args[0])
	require.NoError(t, err)
	require.Contains(t, talk, "was not sent")
}

// request is what a door was sent.
type request struct {
	path   string
	header http.Header
	body   []byte
}

// startDoor answers with one status after the other, the last one from then on.
func startDoor(t *testing.T, answer string, statuses ...int) *[]request {
	t.Helper()
	var got []request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		status := statuses[min(len(got), len(statuses)-1)]
		got = append(got, request{req.URL.RequestURI(), req.Header, body})
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	t.Setenv("SUMMIT_DOOR", srv.URL)
	return &got
}

// eventsOf are the events of a request.
func eventsOf(t *testing.T, r request) []map[string]any {
	t.Helper()
	var body struct{ Events []map[string]any }
	require.NoError(t, json.Unmarshal(r.body, &body))
	for _, e := range body.Events {
		at, err := time.Parse(time.RFC3339Nano, e["updated_at"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
	}
	return body.Events
}
