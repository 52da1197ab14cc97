package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/summitobs/summit/testbed/process"
)

// number asks the store for one number: for rows of log records, which no list of the API shows one by one.
func (s *system) number(query string) int64 {
	s.t.Helper()
	rows, err := process.SQL(s.t.Context(), s.places, query)
	require.NoError(s.t, err)
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	require.NoError(s.t, err)
	return n
}

// promql asks for an instant vector and gives its values by the label.
func (s *system) promql(query, label string) map[string]string {
	s.t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	status, err := process.GetJSON(s.t.Context(), s.url("/prometheus/api/v1/query?"+url.Values{"query": {query}}.Encode()), &answer)
	require.NoError(s.t, err)
	require.Equal(s.t, 200, status)
	values := map[string]string{}
	for _, r := range answer.Data.Result {
		values[r.Metric[label]] = fmt.Sprint(r.Value[1])
	}
	return values
}

// telemetrygen, the collector project's own load tool, sends all signals over both protocols.
func TestTelemetrygenIsFoundAgain(t *testing.T) {
	s := standalone(t)
	root, err := process.Root()
	require.NoError(t, err)
	for _, protocol := range []string{"grpc", "http"} {
		service := "telemetrygen-" + protocol
		for signal, count := range map[string]string{"traces": "--traces=5", "logs": "--logs=5", "metrics": "--metrics=5"} {
			args := []string{"tool", "telemetrygen", signal, "--otlp-insecure", count, "--service=" + service, "--workers=1"}
			if protocol == "http" {
				args = append(args, "--otlp-http", "--otlp-endpoint="+s.entry.OTLPHTTP)
			} else {
				args = append(args, "--otlp-endpoint="+s.entry.OTLPGRPC)
			}
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = root
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		s.eventually(service+" traces", func() error {
			var list struct {
				Items []struct {
					Spans int `json:"spans"`
				} `json:"items"`
			}
			if status := s.get("/traces", url.Values{"service": {service}}, &list); status != 200 || len(list.Items) != 5 {
				return fmt.Errorf("status %d, %d traces of 5", status, len(list.Items))
			}
			return nil
		})
		s.eventually(service+" logs", func() error {
			if n := s.number("SELECT count() FROM logs_v1 WHERE service_name = '" + service + "'"); n != 5 {
				return fmt.Errorf("%d log records of 5", n)
			}
			return nil
		})
		s.eventually(service+" metrics", func() error {
			if got := s.promql(`{__name__=~".+", job=~".*`+service+`"}`, "__name__"); len(got) == 0 {
				return fmt.Errorf("no series of %s", service)
			}
			return nil
		})
	}
}

// sdk is the OpenTelemetry SDK set up as an application does.
type sdk struct {
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider
	metrics *sdkmetric.MeterProvider
}

func newSDK(t *testing.T, s *system, protocol, service string) sdk {
	t.Helper()
	ctx := t.Context()
	var (
		spans   sdktrace.SpanExporter
		records sdklog.Exporter
		points  sdkmetric.Exporter
		errs    [3]error
	)
	if protocol == "http" {
		spans, errs[0] = otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(s.entry.OTLPHTTP))
		records, errs[1] = otlploghttp.New(ctx, otlploghttp.WithInsecure(), otlploghttp.WithEndpoint(s.entry.OTLPHTTP))
		points, errs[2] = otlpmetrichttp.New(ctx, otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithEndpoint(s.entry.OTLPHTTP))
	} else {
		spans, errs[0] = otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(s.entry.OTLPGRPC))
		records, errs[1] = otlploggrpc.New(ctx, otlploggrpc.WithInsecure(), otlploggrpc.WithEndpoint(s.entry.OTLPGRPC))
		points, errs[2] = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithEndpoint(s.entry.OTLPGRPC))
	}
	for _, err := range errs {
		require.NoError(t, err)
	}
	res := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", "3.1.4"))
	return sdk{
		traces:  sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(res)),
		logs:    sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(records)), sdklog.WithResource(res)),
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points)), sdkmetric.WithResource(res)),
	}
}

// flush sends what is left and ends; each returns an error when its data wasn't taken.
func (k sdk) flush(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	require.NoError(t, k.traces.Shutdown(ctx))
	require.NoError(t, k.logs.Shutdown(ctx))
	require.NoError(t, k.metrics.Shutdown(ctx))
}

// The OpenTelemetry Go SDK sends spans, log records and metrics over both protocols; values come back as they were.
func TestGoSDKIsFoundAgain(t *testing.T) {
	s := standalone(t)
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := s.in(t)
			service := "sdk-" + protocol
			k := newSDK(t, s, protocol, service)
			ctx, span := k.traces.Tracer("till").Start(t.Context(), "GET /receipts")
			span.SetAttributes(attribute.Int64("big", 9007199254740993), attribute.Float64("half", 0.5), attribute.Bool("yes", true),
				attribute.StringSlice("list", []string{"a", "b"}), attribute.String("word", "grüß"))
			span.RecordError(fmt.Errorf("receipt %d is gone", 17))
			span.SetStatus(codes.Error, "gone")
			var record otellog.Record
			record.SetTimestamp(time.Now())
			record.SetSeverity(otellog.SeverityWarn)
			record.SetBody(attribute.StringValue("receipt is gone"))
			k.logs.Logger("till").Emit(ctx, record)
			counter, err := k.metrics.Meter("till").Int64Counter("till.receipts", metric.WithUnit("{receipt}"))
			require.NoError(t, err)
			counter.Add(ctx, 41, metric.WithAttributes(attribute.String("kind", "paper")))
			counter.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", "paper")))
			trace := span.SpanContext().TraceID().String()
			span.End()
			k.flush(t)

			s.eventually("the span of the SDK", func() error { return s.sdkSpan(trace, service) })
			s.eventually("the record of the SDK", func() error {
				n := s.number("SELECT count() FROM logs_v1 WHERE service_name = '" + service + "' AND body = 'receipt is gone' AND severity_text = '' AND severity = 13 AND hex(trace_id) = upper('" + trace + "')")
				if n != 1 {
					return fmt.Errorf("%d records", n)
				}
				return nil
			})
			s.eventually("the counter of the SDK", func() error {
				if got := s.promql(`till_receipts_total{job="`+service+`"}`, "kind"); got["paper"] != "42" {
					return fmt.Errorf("got %v", got)
				}
				return nil
			})
			s.eventually("the error of the SDK", func() error {
				var list struct {
					Items []struct {
						Title string `json:"title"`
						Trace string `json:"sample_trace_id"`
					} `json:"items"`
				}
				if s.get("/errors", url.Values{"service": {service}}, &list); len(list.Items) != 1 || list.Items[0].Trace != trace {
					return fmt.Errorf("got %+v", list)
				}
				return nil
			})
		})
	}
}

// sdkSpan compares the span's values, type by type.
func (s *system) sdkSpan(trace, service string) error {
	var tr struct {
		Spans []struct {
			Service string `json:"service"`
			Name    string `json:"name"`
			Status  struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"status"`
			Attributes map[string]json.RawMessage `json:"attributes"`
			Resource   map[string]json.RawMessage `json:"resource"`
		} `json:"spans"`
	}
	if status := s.get("/traces/"+trace, nil, &tr); status != 200 || len(tr.Spans) != 1 {
		return fmt.Errorf("status %d, %d spans", status, len(tr.Spans))
	}
	sp := tr.Spans[0]
	require.Equal(s.t, service, sp.Service)
	require.Equal(s.t, "GET /receipts", sp.Name)
	require.Equal(s.t, "error", sp.Status.Code)
	require.Equal(s.t, "gone", sp.Status.Message)
	require.JSONEq(s.t, `{"type":"string","value":"3.1.4"}`, string(sp.Resource["service.version"]))
	for key, want := range map[string]string{
		"big":  `{"type":"int","value":"9007199254740993"}`,
		"half": `{"type":"double","value":0.5}`,
		"yes":  `{"type":"bool","value":true}`,
		"word": `{"type":"string","value":"grüß"}`,
	} {
		require.JSONEq(s.t, want, string(sp.Attributes[key]), key)
	}
	require.Contains(s.t, string(sp.Attributes["list"]), `"array"`)
	return nil
}
