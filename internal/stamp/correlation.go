package stamp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// CorrelationConfig is the configuration of the correlation processor.
type CorrelationConfig struct {
	// BuildIndex is the extension with the index of builds. Default summit_buildindex.
	BuildIndex component.ID `mapstructure:"build_index"`
	// TrustIncoming keeps correlation attributes that the sender set, where they rest on better evidence than our own
	// answer: for a gateway that only our own agents reach. Default false: they are removed.
	TrustIncoming bool `mapstructure:"trust_incoming"`
}

// DefaultCorrelation is the configuration where nothing is set.
func DefaultCorrelation() CorrelationConfig {
	return CorrelationConfig{BuildIndex: component.MustNewID("summit_buildindex")}
}

// Validate checks that there is an index to ask.
func (cfg *CorrelationConfig) Validate() error {
	if cfg.BuildIndex == (component.ID{}) {
		return errors.New("build_index must name an extension, for example summit_buildindex")
	}
	return nil
}

// indexed is what is needed of the build index extension.
type indexed interface{ Index() *correlation.Index }

// Correlator stamps what the build index knows of a resource's code.
type Correlator struct {
	cfg       *CorrelationConfig
	index     *correlation.Index
	resources metric.Int64Counter
	untrusted metric.Int64Counter
}

// NewCorrelator makes a Correlator. It must be started before its first batch.
func NewCorrelator(cfg *CorrelationConfig, set component.TelemetrySettings) (*Correlator, error) {
	meter := set.MeterProvider.Meter("github.com/summitobs/summit/processor/correlationprocessor")
	resources, err := meter.Int64Counter("summit_correlation_resources_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources that were looked up, by the basis of the answer."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of resources: %w", err)
	}
	untrusted, err := meter.Int64Counter("summit_correlation_untrusted_total", metric.WithUnit("{resource}"),
		metric.WithDescription("Resources from which correlation attributes of the sender were removed."))
	if err != nil {
		return nil, fmt.Errorf("make the counter of untrusted attributes: %w", err)
	}
	return &Correlator{cfg: cfg, resources: resources, untrusted: untrusted}, nil
}

// Start finds the index.
func (c *Correlator) Start(_ context.Context, host component.Host) error {
	ext, ok := host.GetExtensions()[c.cfg.BuildIndex]
	if !ok {
		return fmt.Errorf("build_index: there is no extension %q; add it to service::extensions", c.cfg.BuildIndex)
	}
	x, ok := ext.(indexed)
	if !ok {
		return fmt.Errorf("build_index: extension %q is no build index; want one like summit_buildindex", c.cfg.BuildIndex)
	}
	c.index = x.Index()
	return nil
}

// Batch remembers what was resolved in one batch: agents and gateways send many resources that say the same of their code.
type Batch struct {
	*Correlator
	ctx      context.Context
	now      time.Time
	resolved map[string]envelope.Correlation
}

// Batch begins a request.
func (c *Correlator) Batch(ctx context.Context) *Batch {
	return &Batch{Correlator: c, ctx: ctx, now: time.Now(), resolved: make(map[string]envelope.Correlation)}
}

// Resource resolves a resource and writes the answer on it. newest gives the time of its newest item, which is asked for only
// when there is something to look up.
func (b *Batch) Resource(r pcommon.Resource, newest func() pcommon.Timestamp) {
	incoming := b.takeIncoming(r.Attributes())
	found := envelope.Correlation{}
	if ev := correlation.EvidenceOf(r.Attributes()); !ev.Empty() {
		found = b.resolve(tenantOf(r.Attributes()), ev, newest())
	}
	if incoming.Basis != envelope.BasisNone && (found.Basis == envelope.BasisNone || incoming.Basis < found.Basis) {
		found = incoming
	}
	b.resources.Add(b.ctx, 1, basisOptions[found.Basis])
	if found.Basis == envelope.BasisNone {
		return
	}
	put(r.Attributes(), envelope.AttrCommitSHA, found.CommitSHA)
	put(r.Attributes(), envelope.AttrBuildRunID, found.BuildRunID)
	put(r.Attributes(), envelope.AttrDeploymentID, found.DeploymentID)
	put(r.Attributes(), envelope.AttrBasis, found.Basis.String())
}

// resolve asks the index once per batch for the same evidence in the same second.
func (b *Batch) resolve(id tenant.ID, ev correlation.Evidence, newest pcommon.Timestamp) envelope.Correlation {
	at := b.now
	if t := newest.AsTime(); newest != 0 && t.Before(at) {
		at = t
	}
	at = at.Truncate(time.Second)
	key := strings.Join(append(ev.Digests, string(id[:]), ev.BuildRunID, ev.Revision, ev.Service, ev.Version, ev.Environment, at.String()), "\x00")
	c, ok := b.resolved[key]
	if !ok {
		c = b.index.Resolve(id, ev, at)
		b.resolved[key] = c
	}
	return c
}

// takeIncoming removes correlation attributes that the sender set and gives them back if senders are trusted.
func (b *Batch) takeIncoming(attrs pcommon.Map) envelope.Correlation {
	var c envelope.Correlation
	removed := false
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		switch k {
		case envelope.AttrCommitSHA:
			c.CommitSHA = v.AsString()
		case envelope.AttrBuildRunID:
			c.BuildRunID = v.AsString()
		case envelope.AttrDeploymentID:
			c.DeploymentID = v.AsString()
		case envelope.AttrBasis:
			// An unknown basis is none: the attributes go.
			c.Basis, _ = envelope.ParseBasis(v.AsString())
		default:
			return false
		}
		removed = true
		return true
	})
	if b.cfg.TrustIncoming {
		return c
	}
	if removed {
		b.untrusted.Add(b.ctx, 1)
	}
	return envelope.Correlation{}
}

// tenantOf reads the stamp of the envelope processor; without one it is the default tenant.
func tenantOf(attrs pcommon.Map) tenant.ID {
	v, ok := attrs.Get(envelope.AttrTenantID)
	if !ok {
		return tenant.Default
	}
	id, err := tenant.Parse(v.AsString())
	if err != nil {
		// Nobody's index: the zero tenant has no builds.
		return tenant.ID{}
	}
	return id
}

var basisOptions = func() (o [envelope.BasisTime + 1]metric.MeasurementOption) {
	for b := range o {
		o[b] = metric.WithAttributeSet(attribute.NewSet(attribute.String("basis", envelope.Basis(b).String())))
	}
	return o
}()

func put(attrs pcommon.Map, key, value string) {
	if value != "" {
		attrs.PutStr(key, value)
	}
}
