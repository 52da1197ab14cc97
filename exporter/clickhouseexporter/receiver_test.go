package clickhouseexporter

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/internal/blockqueue"
)

// otlpDoor puts the collector's own OTLP receiver in front of the exporter.
func otlpDoor(t *testing.T, r *rig) (grpcAddr, httpURL string) {
	t.Helper()
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	grpcAddr, httpAddr := freeAddr(t), freeAddr(t)
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"protocols::grpc::endpoint": grpcAddr, "protocols::http::endpoint": httpAddr,
	}).Unmarshal(cfg))
	rcv, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), cfg, r.traces)
	require.NoError(t, err)
	require.NoError(t, rcv.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, rcv.Shutdown(t.Context())) })
	return grpcAddr, "http://" + httpAddr + "/v1/traces"
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func post(t *testing.T, url string, td ptrace.Traces) *http.Response {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res
}

func TestSendersAreToldWhenToComeBack(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) { c.Queue.MaxBytes = 1 << 20 })
	r.store.set(away)
	r.start()
	grpcAddr, url := otlpDoor(t, r)
	require.Equal(t, http.StatusOK, post(t, url, spans(1, 1)).StatusCode)
	var res *http.Response
	for n := 0; ; n++ {
		require.Less(t, n, 100, "the queue never fills")
		if res = post(t, url, spans(2, 500)); res.StatusCode != http.StatusOK {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, seconds)

	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	client := ptraceotlp.NewGRPCClient(conn)
	_, err = client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(spans(2, 500)))
	st := status.Convert(err)
	require.Equal(t, codes.ResourceExhausted, st.Code())
	require.Len(t, st.Details(), 1)
	require.Positive(t, st.Details()[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration())

	// The store comes back, and so does the sender.
	r.store.set(nil)
	require.Eventually(t, func() bool {
		_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(spans(3, 500)))
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)
	r.stop(t.Context())
	require.Equal(t, 500, r.count("(SELECT count() FROM events_trace_v1 WHERE trace_id = unhex('03010000000000000000000000000000'))"))
}

func TestRequestThatIsTooLargeIsABadRequest(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) { c.Queue.MaxRequestBytes = 1 << 10 }).start()
	_, url := otlpDoor(t, r)
	require.Equal(t, http.StatusBadRequest, post(t, url, spans(1, 100)).StatusCode)
	require.True(t, consumererror.IsPermanent(r.traces.ConsumeTraces(t.Context(), spans(1, 100))))
	require.Equal(t, http.StatusOK, post(t, url, spans(1, 1)).StatusCode)
	require.Equal(t, map[string]int64{"too_large traces": 200}, r.dropped())
	r.stop(t.Context())
	require.Equal(t, 1, r.count(countSpans), "a request is refused whole")
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name      string
		err       error
		code      codes.Code
		delay     time.Duration
		reason    string
		permanent bool
	}{
		{"full", &blockqueue.FullError{RetryAfter: 2500 * time.Millisecond}, codes.ResourceExhausted, 2 * time.Second, "queue_full", false},
		{"disk full", errors.Join(errors.New("write segment 1"), syscall.ENOSPC), codes.ResourceExhausted, diskFullRetry, "disk_full", false},
		{"too large", blockqueue.ErrTooLarge, codes.InvalidArgument, 0, "too_large", true},
		{"closed", blockqueue.ErrClosed, codes.Unavailable, 0, "shutdown", false},
		{"fsync", syscall.EIO, codes.Unavailable, 0, "queue_error", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := refuse(tt.err)
			require.Equal(t, tt.code, status.Code(got.err))
			require.Equal(t, tt.reason, got.reason)
			require.Equal(t, tt.permanent, got.dropped)
			require.Equal(t, tt.permanent, consumererror.IsPermanent(got.err))
			var delay time.Duration
			for _, d := range status.Convert(got.err).Details() {
				delay = d.(*errdetails.RetryInfo).GetRetryDelay().AsDuration()
			}
			require.Equal(t, tt.delay, delay)
		})
	}
}
