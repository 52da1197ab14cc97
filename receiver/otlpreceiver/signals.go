package otlpreceiver

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/internal/otlpanswer"
	"github.com/summitobs/summit/internal/otlpdepth"
	"github.com/summitobs/summit/internal/otlpwire"
	"github.com/summitobs/summit/internal/stamp"
)

// signal is what the doors need of one.
type signal interface {
	name() string
	service() string
	// used tells whether a pipeline takes the signal from this receiver.
	used() bool
	lane() **lane
	// take answers once the request is safe, or says why it isn't taken.
	take(ctx context.Context, r *otlpReceiver, transport string, body []byte) error
	takeJSON(ctx context.Context, r *otlpReceiver, body []byte) error
}

func (r *otlpReceiver) signals() []signal { return []signal{&r.traces, &r.logs, &r.metrics} }

// malformed says that the sender must not come back with the request.
func malformed(err error) error { return status.Error(codes.InvalidArgument, err.Error()) }

// admit takes the request's bytes into account, until the function that it gives is called.
func (r *otlpReceiver) admit(ctx context.Context, signal string, size int) (done func(), err error) {
	n := int64(size)
	if sum := r.inFlight.Add(n); sum > r.cfg.MaxInFlightBytes && sum > n {
		r.inFlight.Add(-n)
		r.countRefused(ctx, signal, "in_flight")
		return nil, otlpanswer.Throttled("too many requests are being worked on", otlpanswer.MemoryRetry).Err()
	}
	return func() { r.inFlight.Add(-n) }, nil
}

// checkDepth refuses what would end the decoder.
func (r *otlpReceiver) checkDepth(ctx context.Context, s otlpdepth.Signal, signal string, body []byte) error {
	if len(body) < otlpdepth.MinBytes {
		return nil
	}
	if err := otlpdepth.Check(s, body, r.cfg.MaxDepth); err != nil {
		r.countRefused(ctx, signal, "nested_too_deeply")
		return malformed(err)
	}
	return nil
}

// passed counts a refusal of the memory limiter on its way to the sender.
func (r *otlpReceiver) passed(ctx context.Context, signal string, err error) error {
	if err != nil && otlpanswer.IsMemory(err.Error()) {
		r.countRefused(ctx, signal, "memory_limit")
	}
	return err
}

// format is the name of both encodings in the collector's own metrics.
const format = "protobuf"

type traces struct {
	next consumer.Traces
	fast *lane
}

func (s *traces) name() string { return "traces" }
func (s *traces) service() string {
	return "opentelemetry.proto.collector.trace.v1.TraceService"
}
func (s *traces) used() bool   { return s.next != nil }
func (s *traces) lane() **lane { return &s.fast }

func (s *traces) take(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	if s.fast != nil {
		return s.direct(ctx, r, transport, body)
	}
	if err := r.checkDepth(ctx, otlpdepth.Traces, s.name(), body); err != nil {
		return err
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, transport, td)
}

func (s *traces) takeJSON(ctx context.Context, r *otlpReceiver, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalJSON(body); err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, "http", req.Traces())
}

func (s *traces) push(ctx context.Context, r *otlpReceiver, transport string, td ptrace.Traces) error {
	n := td.SpanCount()
	if n == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartTracesOp(ctx)
	err := s.next.ConsumeTraces(ctx, td)
	report.EndTracesOp(ctx, format, n, err)
	return r.passed(ctx, s.name(), err)
}

func (s *traces) direct(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	req, err := otlpwire.ReadTraces(body, r.cfg.MaxDepth)
	if err != nil {
		return malformed(err)
	}
	defer req.Release()
	if req.Count == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartTracesOp(ctx)
	// What stands in the pipeline and refuses, as the memory limiter does, refuses an empty request, too.
	if err = s.next.ConsumeTraces(ctx, ptrace.NewTraces()); err == nil {
		begun := s.fast.begin(ctx)
		for i, rs := range req.Head.ResourceSpans().All() {
			begun.stamp(rs.Resource(), i, req)
		}
		err = s.fast.sink.ConsumeSpans(ctx, req.Count, req.From)
	}
	report.EndTracesOp(ctx, format, req.Count, err)
	return r.passed(ctx, s.name(), err)
}

type logs struct {
	next consumer.Logs
	fast *lane
}

func (s *logs) name() string    { return "logs" }
func (s *logs) service() string { return "opentelemetry.proto.collector.logs.v1.LogsService" }
func (s *logs) used() bool      { return s.next != nil }
func (s *logs) lane() **lane    { return &s.fast }

func (s *logs) take(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	if s.fast != nil {
		return s.direct(ctx, r, transport, body)
	}
	if err := r.checkDepth(ctx, otlpdepth.Logs, s.name(), body); err != nil {
		return err
	}
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
	if err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, transport, ld)
}

func (s *logs) takeJSON(ctx context.Context, r *otlpReceiver, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	req := plogotlp.NewExportRequest()
	if err := req.UnmarshalJSON(body); err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, "http", req.Logs())
}

func (s *logs) push(ctx context.Context, r *otlpReceiver, transport string, ld plog.Logs) error {
	n := ld.LogRecordCount()
	if n == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartLogsOp(ctx)
	err := s.next.ConsumeLogs(ctx, ld)
	report.EndLogsOp(ctx, format, n, err)
	return r.passed(ctx, s.name(), err)
}

func (s *logs) direct(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	req, err := otlpwire.ReadLogs(body, r.cfg.MaxDepth)
	if err != nil {
		return malformed(err)
	}
	defer req.Release()
	if req.Count == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartLogsOp(ctx)
	if err = s.next.ConsumeLogs(ctx, plog.NewLogs()); err == nil {
		begun := s.fast.begin(ctx)
		if e := s.fast.envelope; e != nil && !e.Believes(ctx) {
			req.Untrusted = stamp.Untrusted
			e.Disarm(ctx, req.Head)
			defer func() { e.CountRenamed(ctx, req.Renamed) }()
		}
		for i, rl := range req.Head.ResourceLogs().All() {
			begun.stamp(rl.Resource(), i, req)
		}
		err = s.fast.sink.ConsumeRecords(ctx, req.Count, req.From)
	}
	report.EndLogsOp(ctx, format, req.Count, err)
	return r.passed(ctx, s.name(), err)
}

type metrics struct {
	next consumer.Metrics
	fast *lane
}

func (s *metrics) name() string { return "metrics" }
func (s *metrics) service() string {
	return "opentelemetry.proto.collector.metrics.v1.MetricsService"
}
func (s *metrics) used() bool   { return s.next != nil }
func (s *metrics) lane() **lane { return &s.fast }

func (s *metrics) take(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	if s.fast != nil {
		return s.direct(ctx, r, transport, body)
	}
	if err := r.checkDepth(ctx, otlpdepth.Metrics, s.name(), body); err != nil {
		return err
	}
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
	if err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, transport, md)
}

func (s *metrics) takeJSON(ctx context.Context, r *otlpReceiver, body []byte) error {
	done, err := r.admit(ctx, s.name(), len(body))
	if err != nil {
		return err
	}
	defer done()
	req := pmetricotlp.NewExportRequest()
	if err := req.UnmarshalJSON(body); err != nil {
		return malformed(err)
	}
	return s.push(ctx, r, "http", req.Metrics())
}

func (s *metrics) push(ctx context.Context, r *otlpReceiver, transport string, md pmetric.Metrics) error {
	n := md.DataPointCount()
	if n == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartMetricsOp(ctx)
	err := s.next.ConsumeMetrics(ctx, md)
	report.EndMetricsOp(ctx, format, n, err)
	return r.passed(ctx, s.name(), err)
}

func (s *metrics) direct(ctx context.Context, r *otlpReceiver, transport string, body []byte) error {
	req, err := otlpwire.ReadMetrics(body, r.cfg.MaxDepth)
	if err != nil {
		return malformed(err)
	}
	defer req.Release()
	if req.Count == 0 {
		return nil
	}
	report := r.reports[transport]
	ctx = report.StartMetricsOp(ctx)
	if err = s.next.ConsumeMetrics(ctx, pmetric.NewMetrics()); err == nil {
		begun := s.fast.begin(ctx)
		for i, rm := range req.Head.ResourceMetrics().All() {
			begun.stamp(rm.Resource(), i, req)
		}
		err = s.fast.sink.ConsumePoints(ctx, req.Count, req.From)
	}
	report.EndMetricsOp(ctx, format, req.Count, err)
	return r.passed(ctx, s.name(), err)
}
