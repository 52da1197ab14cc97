package otlpreceiver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/stamp"
)

// lane is a signal's direct way: what the pipeline's processors do to resources, and the exporter. Stamps that the
// pipeline doesn't have are nil.
type lane struct {
	envelope    *stamp.Envelope
	correlation *stamp.Correlator
	sink        otlpitem.Sink
}

// newest tells the time of a resource's newest item.
type newest interface {
	Newest(resource int) pcommon.Timestamp
}

// begun is one request's way through a lane.
type begun struct {
	*lane
	ctx   context.Context
	batch *stamp.Batch
}

func (l *lane) begin(ctx context.Context) begun {
	b := begun{lane: l, ctx: ctx}
	if l.correlation != nil {
		b.batch = l.correlation.Batch(ctx)
	}
	return b
}

// stamp does to a resource what the processors do, in their order.
func (b *begun) stamp(r pcommon.Resource, i int, of newest) {
	if b.envelope != nil {
		b.envelope.Resource(b.ctx, r)
	}
	if b.batch != nil {
		b.batch.Resource(r, func() pcommon.Timestamp { return of.Newest(i) })
	}
}

// service is an extension that knows the configuration of the whole collector.
type service interface{ ServiceConfig() *confmap.Conf }

// exporters is what the collector's host gives of its exporters.
type exporters interface {
	GetExporters() map[pipeline.Signal]map[component.ID]component.Component
}

// planLanes decides for each signal which way its requests go, and says once why it isn't the direct one.
func (r *otlpReceiver) planLanes(ctx context.Context, host component.Host) error {
	if r.cfg.DirectTo == nil {
		return nil
	}
	for _, s := range r.signals() {
		if !s.used() {
			continue
		}
		l, obstacle, err := r.plan(ctx, host, s.name())
		if err != nil {
			return err
		}
		if obstacle != "" {
			r.set.Logger.Info("requests go through the pipeline and not directly to the exporter", zap.String("signal", s.name()),
				zap.String("direct_to", r.cfg.DirectTo.String()), zap.String("because", obstacle))
			continue
		}
		*s.lane() = l
	}
	return nil
}

// plan makes a signal's lane, or tells what stands in its way.
func (r *otlpReceiver) plan(ctx context.Context, host component.Host, signal string) (l *lane, obstacle string, err error) {
	var conf *confmap.Conf
	for _, ext := range host.GetExtensions() {
		if x, ok := ext.(service); ok {
			conf = x.ServiceConfig()
		}
	}
	if conf == nil {
		return nil, "no extension knows the pipelines; add summit_otlpguard to service::extensions", nil
	}
	l = &lane{}
	if l.sink, obstacle = sinkOf(host, signal, *r.cfg.DirectTo); obstacle != "" {
		return nil, obstacle, nil
	}
	p, obstacle, err := pipelineOf(conf, signal, r.set.ID, *r.cfg.DirectTo)
	if err != nil || obstacle != "" {
		return nil, obstacle, err
	}
	for _, id := range p.Processors {
		if obstacle, err = r.add(ctx, host, l, conf, id); err != nil || obstacle != "" {
			return nil, obstacle, err
		}
	}
	return l, "", nil
}

func sinkOf(host component.Host, signal string, id component.ID) (sink otlpitem.Sink, obstacle string) {
	all, ok := host.(exporters)
	if !ok {
		return nil, "this collector doesn't show its exporters"
	}
	for of, byID := range all.GetExporters() {
		if exp, found := byID[id]; found && of.String() == signal {
			if sink, ok = exp.(otlpitem.Sink); ok {
				return sink, ""
			}
			return nil, fmt.Sprintf("exporter %q takes no requests directly", id)
		}
	}
	return nil, fmt.Sprintf("exporter %q is in no pipeline of %s", id, signal)
}

// pipelineConfig is the part of a pipeline that matters here.
type pipelineConfig struct {
	Receivers  []component.ID `mapstructure:"receivers"`
	Processors []component.ID `mapstructure:"processors"`
	Exporters  []component.ID `mapstructure:"exporters"`
}

// pipelineOf finds the only pipeline of a signal that has the receiver.
func pipelineOf(conf *confmap.Conf, signal string, receiver, exporter component.ID) (found pipelineConfig, obstacle string, err error) {
	all, err := conf.Sub("service::pipelines")
	if err != nil {
		return found, "", fmt.Errorf("read the pipelines: %w", err)
	}
	n := 0
	for name := range all.ToStringMap() {
		if of, _, _ := strings.Cut(name, "/"); of != signal {
			continue
		}
		sub, err := all.Sub(name)
		if err != nil {
			return found, "", fmt.Errorf("read the pipeline %s: %w", name, err)
		}
		var p pipelineConfig
		if err := sub.Unmarshal(&p); err != nil {
			return found, "", fmt.Errorf("read the pipeline %s: %w", name, err)
		}
		if slices.Contains(p.Receivers, receiver) {
			found, n = p, n+1
		}
	}
	switch {
	case n != 1:
		return found, fmt.Sprintf("%d pipelines of %s take from receiver %q", n, signal, receiver), nil
	case len(found.Exporters) != 1 || found.Exporters[0] != exporter:
		for _, e := range found.Exporters {
			if e != exporter {
				return found, fmt.Sprintf("exporter or connector %q is in the pipeline, too", e), nil
			}
		}
		return found, fmt.Sprintf("exporter %q is not the pipeline's only one", exporter), nil
	}
	return found, "", nil
}

// add takes a processor of the pipeline into the lane.
func (r *otlpReceiver) add(ctx context.Context, host component.Host, l *lane, conf *confmap.Conf, id component.ID) (obstacle string, err error) {
	settings, err := processorConf(conf, id)
	if err != nil {
		return "", err
	}
	switch id.Type().String() {
	case "memory_limiter": // each request asks the pipeline with an empty one
		return "", nil
	case "summit_envelope":
		cfg := stamp.DefaultEnvelope()
		if err := settings.Unmarshal(&cfg); err != nil {
			return "", fmt.Errorf("read the settings of processor %q: %w", id, err)
		}
		if cfg.EventID || l.envelope != nil || l.correlation != nil {
			return fmt.Sprintf("processor %q stamps event ids, or doesn't stand first", id), nil
		}
		l.envelope, err = stamp.NewEnvelope(&cfg, r.set.TelemetrySettings)
		return "", err
	case "summit_correlation":
		cfg := stamp.DefaultCorrelation()
		if err := settings.Unmarshal(&cfg); err != nil {
			return "", fmt.Errorf("read the settings of processor %q: %w", id, err)
		}
		if l.correlation != nil {
			return fmt.Sprintf("processor %q is the second of its kind", id), nil
		}
		if l.correlation, err = stamp.NewCorrelator(&cfg, r.set.TelemetrySettings); err != nil {
			return "", err
		}
		return "", l.correlation.Start(ctx, host)
	}
	return fmt.Sprintf("processor %q is in the pipeline", id), nil
}

// processorConf gives a processor's settings; none at all are the defaults.
func processorConf(conf *confmap.Conf, id component.ID) (*confmap.Conf, error) {
	key := "processors::" + id.String()
	if conf.Get(key) == nil {
		return confmap.New(), nil
	}
	sub, err := conf.Sub(key)
	if err != nil {
		return nil, fmt.Errorf("read the settings of processor %q: %w", id, err)
	}
	return sub, nil
}
