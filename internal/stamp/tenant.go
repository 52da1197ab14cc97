// Package stamp writes on resources what their senders can't be trusted with: the tenant, and what the build index knows
// of the code that sent them. The processors are its face in a pipeline; a receiver that hands its requests straight to
// the exporter calls the same functions.
package stamp

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// EnvelopeConfig is the configuration of the envelope processor.
type EnvelopeConfig struct {
	// Tenant is the UUID of the tenant that everything in this pipeline belongs to, or "default". Default "default".
	Tenant string `mapstructure:"tenant"`
	// EventID stamps summit.event.id on spans and log records. The store computes the same id of a span when it is asked,
	// so this is for other consumers. Default false.
	EventID bool `mapstructure:"event_id"`
	// TrustBuildEvents takes build events (log records named summit.build.*) that come over the wire: for a gateway that
	// only our own agents reach. Default false: they stay log records, under another name.
	TrustBuildEvents bool `mapstructure:"trust_build_events"`
}

// DefaultEnvelope is the configuration where nothing is set.
func DefaultEnvelope() EnvelopeConfig { return EnvelopeConfig{Tenant: "default"} }

// Validate checks the tenant.
func (cfg *EnvelopeConfig) Validate() error {
	if _, err := tenant.Parse(cfg.Tenant); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	return nil
}

// Untrusted is put before the name of a build event that nobody has checked.
const Untrusted = "untrusted."

// Envelope stamps the tenant.
type Envelope struct {
	// Tenant is who everything belongs to.
	Tenant   tenant.ID
	name     string
	trust    bool
	replaced metric.Int64Counter
	renamed  metric.Int64Counter
}

// NewEnvelope makes an Envelope.
func NewEnvelope(cfg *EnvelopeConfig, set component.TelemetrySettings) (*Envelope, error) {
	id, err := tenant.Parse(cfg.Tenant)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	meter := set.MeterProvider.Meter("github.com/summitobs/summit/processor/envelopeprocessor")
	replaced, err := meter.Int64Counter(
		"summit_envelope_tenant_replaced_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources whose sender named another tenant; the name was replaced."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of replaced tenants: %w", err)
	}
	renamed, err := meter.Int64Counter("summit_envelope_build_events_untrusted_total", metric.WithUnit("{record}"),
		metric.WithDescription("Build events that came over the wire and stay ordinary log records."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of untrusted build events: %w", err)
	}
	return &Envelope{Tenant: id, name: id.String(), trust: cfg.TrustBuildEvents, replaced: replaced, renamed: renamed}, nil
}

// Resource leaves one tenant on the resource. OTLP allows a key twice, and a reader that takes the last one would see the
// sender's tenant behind ours.
func (e *Envelope) Resource(ctx context.Context, r pcommon.Resource) {
	named, foreign := 0, false
	for k, v := range r.Attributes().All() {
		if k == envelope.AttrTenantID {
			named++
			foreign = foreign || v.Type() != pcommon.ValueTypeStr || v.Str() != e.name
		}
	}
	if foreign {
		e.replaced.Add(ctx, 1)
	}
	if foreign || named > 1 {
		r.Attributes().RemoveIf(func(k string, _ pcommon.Value) bool { return k == envelope.AttrTenantID })
		named = 0
	}
	if named == 0 {
		r.Attributes().PutStr(envelope.AttrTenantID, e.name)
	}
}

// Believes tells whether records of this context may tell of builds.
func (e *Envelope) Believes(ctx context.Context) bool { return e.trust || build.Checked(ctx) }

// Disarm makes ordinary log records of build events and of calls between services: the encoder makes rows of whatever is
// named so, and only components of this process have checked who says it.
func (e *Envelope) Disarm(ctx context.Context, ld plog.Logs) {
	n := 0
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if name := lr.EventName(); strings.HasPrefix(name, envelope.OwnEvents) {
					lr.SetEventName(Untrusted + name)
					n++
				}
			}
		}
	}
	e.CountRenamed(ctx, n)
}

// CountRenamed counts records that were made ordinary.
func (e *Envelope) CountRenamed(ctx context.Context, n int) {
	if n > 0 {
		e.renamed.Add(ctx, int64(n))
	}
}
