package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

type httpSender struct {
	base   string
	client *http.Client
}

// NewHTTP makes a sender to a base URL such as http://127.0.0.1:4318.
func NewHTTP(base string) Sender {
	return &httpSender{base: base, client: &http.Client{Timeout: 30 * time.Second}}
}

func (s *httpSender) Traces(ctx context.Context, td ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	return s.send(ctx, "/v1/traces", body, func(answer []byte) error {
		resp := ptraceotlp.NewExportResponse()
		if err := resp.UnmarshalProto(answer); err != nil {
			return err
		}
		return rejected(resp.PartialSuccess().RejectedSpans(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *httpSender) Logs(ctx context.Context, ld plog.Logs) error {
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		return fmt.Errorf("encode log records: %w", err)
	}
	return s.send(ctx, "/v1/logs", body, func(answer []byte) error {
		resp := plogotlp.NewExportResponse()
		if err := resp.UnmarshalProto(answer); err != nil {
			return err
		}
		return rejected(resp.PartialSuccess().RejectedLogRecords(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *httpSender) Metrics(ctx context.Context, md pmetric.Metrics) error {
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		return fmt.Errorf("encode data points: %w", err)
	}
	return s.send(ctx, "/v1/metrics", body, func(answer []byte) error {
		resp := pmetricotlp.NewExportResponse()
		if err := resp.UnmarshalProto(answer); err != nil {
			return err
		}
		return rejected(resp.PartialSuccess().RejectedDataPoints(), resp.PartialSuccess().ErrorMessage())
	})
}

func (s *httpSender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpSender) send(ctx context.Context, path string, body []byte, read func(answer []byte) error) error {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write(body); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(packed.Bytes()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("Content-Encoding", "gzip")
		req.Header.Set("User-Agent", "summitctl")
		resp, err := s.client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if resp.StatusCode == http.StatusOK {
			return read(answer)
		}
		return httpError(resp, answer)
	})
}

// httpError tells the answers that OTLP lets be sent again.
func httpError(resp *http.Response, answer []byte) error {
	text := resp.Status
	var st status.Status
	if proto.Unmarshal(answer, &st) == nil && st.GetMessage() != "" {
		text += ": " + st.GetMessage()
	}
	err := errors.New(text)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own pause
		return &busy{err, time.Duration(seconds) * time.Second}
	}
	return err
}
