package otlpguardextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/internal/otlptest"
)

type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// listener is upstream's OTLP receiver behind the guard.
type listener struct {
	grpc, http string
	sink       *consumertest.TracesSink
	telemetry  *componenttest.Telemetry
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func listen(t *testing.T, maxDepth int) *listener {
	t.Helper()
	l := &listener{grpc: freeAddress(t), http: freeAddress(t), sink: new(consumertest.TracesSink), telemetry: componenttest.NewTelemetry()}
	t.Cleanup(func() { require.NoError(t, l.telemetry.Shutdown(context.Background())) })
	cfg := createDefaultConfig().(*Config)
	cfg.MaxDepth = maxDepth
	set := extensiontest.NewNopSettings(Type)
	set.TelemetrySettings = l.telemetry.NewTelemetrySettings()
	guard, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	id := component.NewID(Type)

	factory := otlpreceiver.NewFactory()
	conf := factory.CreateDefaultConfig()
	middlewares := []any{map[string]any{"id": id.String()}}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"endpoint": l.grpc, "max_recv_msg_size_mib": 32, "middlewares": middlewares},
		"http": map[string]any{"endpoint": l.http, "max_request_body_size": 32 << 20, "middlewares": middlewares},
	}}).Unmarshal(conf))
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), conf, l.sink)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host{componenttest.NewNopHost(), map[component.ID]component.Component{id: guard}}))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	return l
}

func (l *listener) post(t *testing.T, body []byte, compressed bool) (code int, answer string) {
	t.Helper()
	if compressed {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, err := z.Write(body)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		body = buf.Bytes()
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.http+"/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	if compressed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(resp.Body)
	require.NoError(t, err)
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode, out.String()
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

var _ encoding.CodecV2 = raw{}

func (l *listener) export(t *testing.T, body []byte) error {
	t.Helper()
	conn, err := grpc.NewClient(l.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	return conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, new([]byte), grpc.ForceCodecV2(raw{}))
}

// ordinary is a request of that many spans.
func ordinary(t *testing.T, spans int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range spans {
		sp := list.AppendEmpty()
		sp.SetName("GET /products/{id}")
		sp.Attributes().PutEmptySlice("tags").AppendEmpty().SetEmptyMap().PutStr("k", "some value of ordinary length")
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	return b
}

func TestHostileDepthIsRefusedAndTheListenerGoesOn(t *testing.T) {
	l := listen(t, 1000)
	deep := otlptest.Nested(1_300_000)
	require.Greater(t, len(deep), 12_000_000, "deep enough to end a process that decodes it")

	code, answer := l.post(t, deep, false)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, answer, "nested more than 1000 levels deep")
	code, _ = l.post(t, deep, true)
	require.Equal(t, http.StatusBadRequest, code)
	err := l.export(t, deep)
	require.Equal(t, codes.Internal, status.Code(err), err)
	require.ErrorContains(t, err, "nested more than 1000 levels deep")

	body := ordinary(t, 20_000)
	require.Greater(t, len(body), 1<<20)
	code, answer = l.post(t, body, false)
	require.Equal(t, http.StatusOK, code, answer)
	code, answer = l.post(t, body, true)
	require.Equal(t, http.StatusOK, code, answer)
	require.NoError(t, l.export(t, body))
	require.NoError(t, l.export(t, ordinary(t, 10)))
	require.Equal(t, 60_010, l.sink.SpanCount())

	m, err := l.telemetry.GetMetric("summit_otlpguard_refused_total")
	require.NoError(t, err)
	require.Equal(t, "summit_otlpguard_refused_total", m.Name)
}

func TestDepthIsTheConfiguredOne(t *testing.T) {
	l := listen(t, 3)
	code, answer := l.post(t, ordinary(t, 20_000), false)
	require.Equal(t, http.StatusOK, code, answer)
	l = listen(t, 2)
	code, answer = l.post(t, ordinary(t, 20_000), false)
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, answer, "more than 2 levels")
}

func TestTooLargeStaysTooLarge(t *testing.T) {
	code, _ := listen(t, 1000).post(t, make([]byte, 33<<20), true)
	require.Equal(t, http.StatusRequestEntityTooLarge, code)
}

func TestConfig(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
	for _, depth := range []int{0, -1, 100_001} {
		require.ErrorContains(t, (&Config{MaxDepth: depth}).Validate(), "max_depth must be from 1 to 100000")
	}
}
