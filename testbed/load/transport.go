package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// pause is how long a receiver is left alone that didn't say how long.
const pause = 100 * time.Millisecond

func dial(s Settings) (transport, error) {
	if s.Protocol == "http" {
		return &httpTransport{base: "http://" + s.Address, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}, nil
	}
	conn, err := grpc.NewClient(s.Address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", s.Address, err)
	}
	return &grpcTransport{conn}, nil
}

// raw is a codec that passes marshalled messages on.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (raw) Name() string { return "proto" }

var exports = map[Signal]string{
	Spans:  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	Logs:   "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	Points: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}

type grpcTransport struct{ conn *grpc.ClientConn }

func (t *grpcTransport) send(ctx context.Context, signal Signal, body []byte) (again, error) {
	var answer []byte
	err := t.conn.Invoke(ctx, exports[signal], body, &answer)
	if err == nil {
		return again{}, refused(answer)
	}
	st := status.Convert(err)
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok && st.Code() == codes.ResourceExhausted {
			return again{max(pause, info.GetRetryDelay().AsDuration()), true}, err
		}
	}
	switch {
	case st.Code() == codes.ResourceExhausted && !strings.Contains(st.Message(), "larger than max"):
		return again{wait: pause}, err
	case st.Code() == codes.Unavailable && !strings.Contains(st.Message(), "connection") && !strings.Contains(st.Message(), "error reading"):
		return again{wait: pause}, err // the receiver says so itself; a broken connection is another matter
	}
	return again{}, err
}

func (t *grpcTransport) close() error { return t.conn.Close() }

// refused looks into an answer of success: anything in it says that a part wasn't taken.
func refused(answer []byte) error {
	if len(answer) > 2 {
		return fmt.Errorf("the receiver took only a part: %q", answer)
	}
	return nil
}

type httpTransport struct {
	base   string
	client *http.Client
}

var paths = map[Signal]string{Spans: "/v1/traces", Logs: "/v1/logs", Points: "/v1/metrics"}

func (t *httpTransport) send(ctx context.Context, signal Signal, body []byte) (again, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+paths[signal], bytes.NewReader(body))
	if err != nil {
		return again{}, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := t.client.Do(req)
	if err != nil {
		return again{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return again{}, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return again{}, refused(answer)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent: our own pause
		told := resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != ""
		return again{max(pause, time.Duration(seconds)*time.Second), told}, fmt.Errorf("%s: %q", resp.Status, answer)
	}
	return again{}, fmt.Errorf("%s: %q", resp.Status, answer)
}

func (t *httpTransport) close() error {
	t.client.CloseIdleConnections()
	return nil
}
