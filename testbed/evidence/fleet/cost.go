package fleet

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/processor/correlationprocessor"
)

// The request that Cost sends again and again: what a gateway gets from agents that gather the spans of many processes.
const (
	resourcesPerRequest = 64
	spansPerResource    = 128
)

// indexed hands the index to the processor as the extension does.
type indexed struct {
	component.StartFunc
	component.ShutdownFunc
	index *correlation.Index
}

func (x indexed) Index() *correlation.Index { return x.index }

type host struct{ indexed }

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("summit_buildindex"): h.indexed}
}

// Cost is the CPU time of the correlation processor in seconds per million spans, by an index that knows the whole fleet.
func (f *Fleet) Cost(ctx context.Context, spans int) (float64, error) {
	index := correlation.New(correlation.Options{})
	for _, d := range f.deliveries {
		index.Observe(tenant.Default, d.event)
	}
	factory := correlationprocessor.NewFactory()
	p, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	if err != nil {
		return 0, fmt.Errorf("make the processor: %w", err)
	}
	if err := p.Start(ctx, host{indexed{index: index}}); err != nil {
		return 0, fmt.Errorf("start the processor: %w", err)
	}
	var requests []ptrace.Traces
	for i := 0; i+resourcesPerRequest <= len(f.Spans) && len(requests) < 64; i += resourcesPerRequest {
		requests = append(requests, request(f.Spans[i:i+resourcesPerRequest]))
	}
	before := cpu()
	sent := 0
	for i := 0; sent < spans; i++ {
		if err := p.ConsumeTraces(ctx, requests[i%len(requests)]); err != nil {
			return 0, fmt.Errorf("process a request: %w", err)
		}
		sent += resourcesPerRequest * spansPerResource
	}
	used := cpu() - before
	return used.Seconds() / float64(sent) * 1e6, p.Shutdown(ctx)
}

// request holds a resource of twenty attributes for each moment, and spans of that second.
func request(moments []Span) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, m := range moments {
		rs := td.ResourceSpans().AppendEmpty()
		attrs := rs.Resource().Attributes()
		put := func(k, v string) {
			if v != "" {
				attrs.PutStr(k, v)
			}
		}
		put("service.name", m.Evidence.Service)
		put("service.version", m.Evidence.Version)
		put("deployment.environment.name", m.Evidence.Environment)
		put("vcs.ref.head.revision", m.Evidence.Revision)
		for _, d := range m.Evidence.Digests {
			attrs.PutEmptySlice("container.image.repo_digests").AppendEmpty().SetStr("registry.example.com/x@" + d)
		}
		for i := attrs.Len(); i < 20; i++ {
			put(fmt.Sprintf("k8s.attribute.%d", i), "a value of usual length")
		}
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		for i := range spansPerResource {
			spans.AppendEmpty().SetStartTimestamp(pcommon.NewTimestampFromTime(m.At.Add(time.Duration(i) * time.Millisecond)))
		}
	}
	return td
}

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
