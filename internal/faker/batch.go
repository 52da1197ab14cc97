package faker

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Batch is the telemetry of a stretch of time.
type Batch struct {
	From, To time.Time
	Traces   ptrace.Traces
	Logs     plog.Logs
	Metrics  pmetric.Metrics
}

// Items are the numbers of spans, log records and data points.
func (b Batch) Items() (spans, logs, points int) {
	return b.Traces.SpanCount(), b.Logs.LogRecordCount(), b.Metrics.DataPointCount()
}

// source is the process that a piece of telemetry comes from.
type source struct {
	service     string
	environment string
	pod         int
	change      *change
}

// collector sorts telemetry by its source, in the order of first appearance, as an exporter would batch it.
type collector struct {
	w      *World
	batch  Batch
	spans  map[source]ptrace.SpanSlice
	logs   map[source]plog.LogRecordSlice
	meters map[source]pmetric.MetricSlice
}

func newCollector(w *World, from, to time.Time) *collector {
	return &collector{
		w:     w,
		batch: Batch{From: from, To: to, Traces: ptrace.NewTraces(), Logs: plog.NewLogs(), Metrics: pmetric.NewMetrics()},
		spans: map[source]ptrace.SpanSlice{}, logs: map[source]plog.LogRecordSlice{}, meters: map[source]pmetric.MetricSlice{},
	}
}

const scopeName = "github.com/acme/telemetry"

func (c *collector) span(src source) ptrace.Span {
	spans, ok := c.spans[src]
	if !ok {
		rs := c.batch.Traces.ResourceSpans().AppendEmpty()
		c.w.resource(src, rs.Resource().Attributes())
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(scopeName)
		ss.Scope().SetVersion("1.2.0")
		spans = ss.Spans()
		c.spans[src] = spans
	}
	return spans.AppendEmpty()
}

func (c *collector) log(src source) plog.LogRecord {
	logs, ok := c.logs[src]
	if !ok {
		rl := c.batch.Logs.ResourceLogs().AppendEmpty()
		c.w.resource(src, rl.Resource().Attributes())
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(scopeName)
		logs = sl.LogRecords()
		c.logs[src] = logs
	}
	return logs.AppendEmpty()
}

func (c *collector) metric(src source, name, unit, description string) pmetric.Metric {
	metrics, ok := c.meters[src]
	if !ok {
		rm := c.batch.Metrics.ResourceMetrics().AppendEmpty()
		c.w.resource(src, rm.Resource().Attributes())
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(scopeName)
		metrics = sm.Metrics()
		c.meters[src] = metrics
	}
	m := metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}

// source is the process of a service that handles something at a time.
func (w *World) source(service, environment string, pod int, at time.Time) source {
	return source{service: service, environment: environment, pod: pod % w.services[service].pods, change: w.running(service, environment, at)}
}

// resource writes the resource attributes of a process. What it says of its own code differs by service, so that all
// kinds of evidence occur.
func (w *World) resource(src source, a pcommon.Map) {
	s := w.services[src.service]
	r := w.random(streamPod, uint64(s.repoID), uint64(src.change.index), uint64(src.pod), uint64(len(src.environment)))
	pod := src.service + "-" + hexOf(r, 4) + "-" + hexOf(r, 3)
	a.EnsureCapacity(20)
	a.PutStr("service.name", s.name)
	a.PutStr("service.namespace", "shop")
	a.PutStr("service.version", src.change.version)
	a.PutStr("service.instance.id", uuidOf(r))
	a.PutStr("deployment.environment.name", src.environment)
	a.PutStr("telemetry.sdk.name", "opentelemetry")
	a.PutStr("telemetry.sdk.language", s.language)
	a.PutStr("telemetry.sdk.version", "1.47.0")
	a.PutStr("process.runtime.version", s.runtime)
	a.PutStr("k8s.cluster.name", "acme-"+src.environment)
	a.PutStr("k8s.namespace.name", "shop")
	a.PutStr("k8s.pod.name", pod)
	a.PutStr("host.name", "node-"+string(rune('a'+r.IntN(6))))
	a.PutStr("cloud.region", "eu-central-1")
	a.PutStr("container.image.name", s.image())
	a.PutStr("vcs.repository.url.full", "https://github.com/"+s.repo())
	switch s.evidence {
	case byDigest:
		a.PutEmptySlice("container.image.repo_digests").AppendEmpty().SetStr(s.image() + "@" + src.change.digest)
	case byRevision:
		a.PutStr("vcs.ref.head.revision", src.change.sha)
	case byVersion:
	}
}
