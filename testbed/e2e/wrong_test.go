package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/summitobs/summit/internal/faker"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/testbed/process"
)

func spanAt(at pcommon.Timestamp, service, name string) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID(pcommon.TraceID{0: 9, 15: byte(len(name)), 8: byte(at >> 40)})
	sp.SetSpanID(pcommon.SpanID{7: 1})
	sp.SetName(name)
	sp.SetStartTimestamp(at)
	sp.SetEndTimestamp(at + 1000)
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return b
}

// Wrong input gets a clear answer of 4xx or is counted, and the process goes on.
func TestWrongInput(t *testing.T) {
	s := standalone(t)
	protobuf := http.Header{"Content-Type": {"application/x-protobuf"}}
	good := spanAt(pcommon.NewTimestampFromTime(time.Now()), "wrong", "good")
	push := []byte(`{"ref":"refs/heads/main","after":"` + commit + `","repository":{"id":1,"full_name":"acme/till","html_url":"https://github.com/acme/till"}}`)
	signed := func(body []byte) http.Header {
		return faker.Delivery{Path: faker.PathGitHub, Event: "push", ID: "d-1", Body: body}.Header([]byte(process.Secret))
	}
	forged := signed(push)
	forged.Set("X-Hub-Signature-256", faker.Sign([]byte("guessed"), push))
	unsigned := signed(push)
	unsigned.Del("X-Hub-Signature-256")
	large := bytes.Repeat([]byte("x"), 64<<20)
	broken := bytes.ReplaceAll(push, []byte("main"), []byte("m\xffin"))
	otlp, door := "http://"+s.entry.OTLPHTTP, "http://"+s.places.Door
	for _, tc := range []struct {
		name, url string
		header    http.Header
		body      []byte
		status    []int
	}{
		{"truncated protobuf", otlp + "/v1/traces", protobuf, good[:len(good)-7], []int{400}},
		{"no protobuf", otlp + "/v1/logs", protobuf, []byte("\xff\xff\xff\xff"), []int{400}},
		{"64 MB of OTLP", otlp + "/v1/traces", protobuf, large, []int{400, 413}},
		{"arrays inside arrays that would end a decoder", otlp + "/v1/traces", protobuf, otlptest.Nested(1_300_000), []int{400}},
		{"unknown content type", otlp + "/v1/traces", http.Header{"Content-Type": {"text/plain"}}, good, []int{415}},
		{"forged signature", door + faker.PathGitHub, forged, push, []int{401, 403}},
		{"no signature", door + faker.PathGitHub, unsigned, push, []int{401, 403}},
		{"64 MB webhook", door + faker.PathGitHub, signed(large), large, []int{413}},
		{"invalid UTF-8 in a webhook", door + faker.PathGitHub, signed(broken), broken, []int{400}},
		{"truncated JSON", door + faker.PathGitHub, signed(push[:40]), push[:40], []int{400}},
		{"64 MB event", door + faker.PathEvents, nil, large, []int{413}},
		{"event without a type", door + faker.PathEvents, nil, []byte(`{"status":"success"}`), []int{400, 422}},
		{"unknown status", door + faker.PathEvents, nil, []byte(`{"type":"run","repo":"a/b","run_id":"1","status":"splendid"}`), []int{400, 422}},
		{"unknown route", door + "/v1/ci/nobody", nil, []byte(`{}`), []int{404}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, answer, err := process.Post(t.Context(), tc.url, tc.header, tc.body)
			// A receiver may hang up on a body that it won't read to its end; its answer is then lost with the connection.
			if err != nil && len(tc.body) > 32<<20 {
				return
			}
			require.NoError(t, err)
			require.Contains(t, tc.status, status, "%.300s", answer)
			require.NotEmpty(t, answer)
		})
	}
	for _, path := range []string{"/traces/nonsense", "/traces?limit=0", "/traces?from=yesterday", "/errors/v2:00", "/builds/nothing", "/lineage", "/lineage?error=x&trace=y"} {
		var problem struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		}
		status, err := process.GetJSON(t.Context(), s.url("/api/v1"+path), &problem)
		require.NoError(t, err)
		require.True(t, status >= 400 && status < 500, "%s: %d", path, status)
	}
	s.requireStrangeTimesAreKept(protobuf)
	s.requireInvalidTextIsTaken(protobuf)

	// All that was wrong left no trace: the process runs and takes what is right.
	status, answer, err := process.Post(t.Context(), otlp+"/v1/traces", protobuf, good)
	require.NoError(t, err)
	require.Equal(t, 200, status, "%s", answer)
	s.eventually("a right span after all the wrong ones", func() error {
		if n := s.number("SELECT count() FROM events_trace_v1 WHERE service_name = 'wrong'"); n != 1 {
			return fmt.Errorf("%d spans", n)
		}
		return nil
	})
}

// requireStrangeTimesAreKept sends spans from the far past and future. They are taken, as a span is worth more than
// its clock, but their times are clamped so that they can't scatter over partitions, and the original is kept.
func (s *system) requireStrangeTimesAreKept(header http.Header) {
	s.t.Helper()
	for _, at := range []pcommon.Timestamp{1, pcommon.NewTimestampFromTime(time.Now().AddDate(-20, 0, 0)), pcommon.NewTimestampFromTime(time.Now().AddDate(50, 0, 0)), 1<<64 - 2000} {
		status, answer, err := process.Post(s.t.Context(), "http://"+s.entry.OTLPHTTP+"/v1/traces", header, spanAt(at, "clock", "strange"))
		require.NoError(s.t, err)
		require.Contains(s.t, []int{200, 400}, status, "%s", answer)
	}
	s.eventually("the spans with strange times, stored or counted", func() error {
		stored := s.number("SELECT count() FROM events_trace_v1 WHERE service_name = 'clock'")
		counted := s.number("SELECT count() FROM quarantine_v1")
		if stored+counted < 4 {
			return fmt.Errorf("%d stored, %d counted of 4", stored, counted)
		}
		return nil
	})
	require.LessOrEqual(s.t, s.number("SELECT uniqExact(partition) FROM system.parts WHERE active AND table = 'events_trace_v1'"), int64(4))
}

// requireInvalidTextIsTaken sends a name that is no UTF-8. Whether it is mended or refused, it is no reason to fail, and
// what is stored can be asked for.
func (s *system) requireInvalidTextIsTaken(header http.Header) {
	s.t.Helper()
	body := bytes.ReplaceAll(spanAt(pcommon.NewTimestampFromTime(time.Now()), "texts", "na\u00efve"), []byte("\u00ef"), []byte("\xff\xfe"))
	status, answer, err := process.Post(s.t.Context(), "http://"+s.entry.OTLPHTTP+"/v1/traces", header, body)
	require.NoError(s.t, err)
	require.Contains(s.t, []int{200, 400}, status, "%s", answer)
	if status == 400 {
		return
	}
	s.eventually("the span with invalid text", func() error {
		var list struct {
			Items []map[string]any `json:"items"`
		}
		if status := s.get("/traces", url.Values{"service": {"texts"}}, &list); status != 200 || len(list.Items) != 1 {
			return fmt.Errorf("status %d, %d traces", status, len(list.Items))
		}
		return nil
	})
}
