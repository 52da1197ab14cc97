package cireceiver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/receiver/cireceiver/internal/github"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

const secret = "it's a secret"

// testDoor is a mux with the door's one method.
type testDoor struct {
	component.StartFunc
	component.ShutdownFunc
	*http.ServeMux
	taken error
}

func (d *testDoor) Handle(pattern string, h http.Handler) error {
	if d.taken != nil {
		return d.taken
	}
	d.ServeMux.Handle(pattern, h)
	return nil
}

type testIndex struct {
	component.StartFunc
	component.ShutdownFunc
	index *correlation.Index
}

func (x *testIndex) Index() *correlation.Index { return x.index }

type testHost struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h testHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

// sink keeps what it is given in the order it comes; err is what it answers.
type sink struct {
	err  error
	logs []plog.Logs
	td   []ptrace.Traces
	// mu and calls are shared by the sinks of one receiver.
	mu    *sync.Mutex
	calls *[]string
}

func (s *sink) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *sink) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	if !build.Checked(ctx) {
		return errors.New("build events without the mark of a checked sender")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.calls = append(*s.calls, "logs")
	if s.err == nil {
		s.logs = append(s.logs, ld)
	}
	return s.err
}

func (s *sink) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.calls = append(*s.calls, "traces")
	if s.err == nil {
		s.td = append(s.td, td)
	}
	return s.err
}

type harness struct {
	t      testing.TB
	door   *testDoor
	index  *correlation.Index
	logs   *sink
	traces *sink
	mu     sync.Mutex
	calls  []string
	tel    *componenttest.Telemetry
	parts  []component.Component
	remote string
}

func testConfig() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.BuildIndex = component.MustNewID("summit_buildindex")
	s := configopaque.String(secret)
	for _, w := range []**WebhookConfig{
		&cfg.Webhooks.GitHub, &cfg.Webhooks.GitLab, &cfg.Webhooks.Buildkite, &cfg.Webhooks.CircleCI, &cfg.Webhooks.Azure, &cfg.Webhooks.Bitbucket,
		&cfg.Webhooks.CDEvents, &cfg.Webhooks.Jenkins,
	} {
		*w = &WebhookConfig{Secrets: []SecretConfig{{Secret: &s}}}
	}
	return cfg
}

// start runs the receiver in a logs and a traces pipeline behind a door.
func start(t testing.TB, cfg *Config) *harness {
	t.Helper()
	h := &harness{t: t, door: &testDoor{ServeMux: http.NewServeMux()}, index: correlation.New(correlation.Options{}), remote: "127.0.0.1:5000"}
	h.logs, h.traces = &sink{mu: &h.mu, calls: &h.calls}, &sink{mu: &h.mu, calls: &h.calls}
	h.tel = componenttest.NewTelemetry()
	set := receivertest.NewNopSettings(Type)
	set.TelemetrySettings = h.tel.NewTelemetrySettings()
	f := NewFactory()
	l, err := f.CreateLogs(context.Background(), set, cfg, h.logs)
	require.NoError(t, err)
	tr, err := f.CreateTraces(context.Background(), set, cfg, h.traces)
	require.NoError(t, err)
	require.Same(t, l, tr)
	h.parts = []component.Component{l, tr}
	for _, p := range h.parts {
		require.NoError(t, p.Start(context.Background(), h.host()))
	}
	t.Cleanup(func() {
		for _, p := range h.parts {
			require.NoError(t, p.Shutdown(context.Background()))
		}
		require.NoError(t, h.tel.Shutdown(context.Background()))
	})
	return h
}

func (h *harness) host() testHost {
	return testHost{componenttest.NewNopHost(), map[component.ID]component.Component{
		component.MustNewID("summit_door"):       h.door,
		component.MustNewID("summit_buildindex"): &testIndex{index: h.index},
	}}
}

func (h *harness) post(path, body string, headers map[string]string) (int, map[string]any, http.Header) {
	h.t.Helper()
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
	req.RemoteAddr = h.remote
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.door.ServeHTTP(w, req)
	var got map[string]any
	raw, err := io.ReadAll(w.Result().Body)
	require.NoError(h.t, err)
	require.NoError(h.t, json.Unmarshal(raw, &got), string(raw))
	return w.Code, got, w.Result().Header
}

func sign(body, with string) string {
	mac := hmac.New(sha256.New, []byte(with))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (h *harness) github(event, delivery, body string) (int, map[string]any) {
	h.t.Helper()
	code, got, _ := h.post("/v1/ci/github", body, map[string]string{
		"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": sign(body, secret),
	})
	return code, got
}

// parseGitHub reads a payload without a door.
func parseGitHub(event string, body []byte) ([]build.Event, *wire.Problem) {
	parsed, p := github.Provider{}.Parse(wire.Head{Event: event, Payload: body}, time.Time{})
	return parsed.Events, p
}

func signedDelivery(event, body string) *wire.Delivery {
	return &wire.Delivery{Body: []byte(body), Header: http.Header{
		"X-Github-Event": {event}, "X-Hub-Signature-256": {sign(body, secret)},
	}}
}

func (h *harness) events(body string) (int, map[string]any) {
	h.t.Helper()
	code, got, _ := h.post("/v1/ci/events", body, nil)
	return code, got
}

// emitted reads all build events that went into the logs pipeline.
func (h *harness) emitted() []build.Event {
	h.t.Helper()
	var out []build.Event
	for _, ld := range h.logs.logs {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					ev, ok, err := build.FromLogRecord(lr)
					require.NoError(h.t, err)
					require.True(h.t, ok)
					out = append(out, ev)
				}
			}
		}
	}
	return out
}

// stored is what a ReplacingMergeTree keeps of the events: of each key the highest version, the last of equal ones.
func (h *harness) stored() map[string]build.Event {
	h.t.Helper()
	out := map[string]build.Event{}
	version := map[string]uint64{}
	for _, ev := range h.emitted() {
		key, v := "", uint64(0)
		switch e := ev.(type) {
		case *build.Run:
			key, v = "run "+e.ID(), e.Version
		case *build.Task:
			key, v = "task "+e.GlobalID(), e.Version
		case *build.Artifact:
			key, v = "artifact "+e.RunKey.ID()+" "+e.Digest, e.Version
		case *build.Deployment:
			key, v = "deployment "+e.ID()+" "+e.Service, e.Version
		case *build.Commit:
			key, v = "commit "+e.ID(), e.Version
		}
		if v >= version[key] {
			out[key], version[key] = ev, v
		}
	}
	return out
}

func (h *harness) spans() []ptrace.Span {
	var out []ptrace.Span
	for _, td := range h.traces.td {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					out = append(out, sp)
				}
			}
		}
	}
	return out
}

// counted gives the deliveries by "source event outcome reason".
func (h *harness) counted() map[string]int64 {
	h.t.Helper()
	m, err := h.tel.GetMetric("summit_ci_deliveries_total")
	require.NoError(h.t, err)
	out := map[string]int64{}
	for _, dp := range m.Data.(metricdata.Sum[int64]).DataPoints {
		var parts []string
		for _, k := range []string{"source", "event", "outcome", "reason"} {
			if v, ok := dp.Attributes.Value(attribute.Key(k)); ok {
				parts = append(parts, v.AsString())
			}
		}
		out[strings.Join(parts, " ")] = dp.Value
	}
	return out
}

// examples reads the payloads of an event.
func examples(t testing.TB, event string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "github", event+".json"))
	require.NoError(t, err)
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &list))
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}

func date(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(fmt.Sprintf("test time %q: %v", s, err))
	}
	return t
}

var _ receiver.Logs = (*ciReceiver)(nil)
