package writer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/tenant"
)

// resource is what rows need of the resource that they came from.
type resource struct {
	tenant      tenant.ID
	fp          uint64
	service     string
	environment string
	version     string
	language    string
	session     string
	correlation envelope.Correlation
}

// attribute is a pair of a resource, to be put in order.
type attribute struct {
	key   string
	value pcommon.Value
}

// resourceColumns is resources_v1.
type resourceColumns struct {
	Tenant     *column.Fixed       `col:"tenant_id"`
	FP         *column.Num[uint64] `col:"resource_fp"`
	LastSeen   *column.Num[uint32] `col:"last_seen"`
	Service    *column.LowCard     `col:"service_name"`
	Namespace  *column.LowCard     `col:"service_namespace"`
	Instance   *column.Str         `col:"service_instance_id"`
	Version    *column.LowCard     `col:"service_version"`
	Env        *column.LowCard     `col:"environment"`
	Host       *column.LowCard     `col:"host_name"`
	Cluster    *column.LowCard     `col:"k8s_cluster"`
	K8sNS      *column.LowCard     `col:"k8s_namespace"`
	Pod        *column.Str         `col:"k8s_pod"`
	Digest     *column.LowCard     `col:"image_digest"`
	Language   *column.LowCard     `col:"sdk_language"`
	Attrs      attrColumns
	SchemaURL  *column.LowCard     `col:"schema_url"`
	Dropped    *column.Num[uint32] `col:"dropped_attributes"`
	EntityRefs *column.Str         `col:"entity_refs"`
	Days       *column.Num[uint16] `col:"retention_days"`
}

// entityRefsField is the number of Resource.entity_refs, under which entity_refs repeats its messages.
const entityRefsField = 3

// resource reads a resource, and writes its row if it is the first of the day. An error names the stamp that is wrong;
// the resource is then the default tenant's.
func (b *Batch) resource(res pcommon.Resource, schemaURL string, signal Signal) (resource, error) {
	r, err := b.origin(res)
	r.fp = b.resourceFP(res, schemaURL)
	if err == nil && b.first(storedKey{tenant: r.tenant, kind: storedResource, day: dayOf(b.now), lo: r.fp}) {
		b.addResource(&r, res, schemaURL, signal)
	}
	return r, err
}

// origin reads the stamps of our processors and the attributes that rows have copies of.
func (b *Batch) origin(res pcommon.Resource) (resource, error) {
	r := resource{tenant: tenant.Default}
	b.pairs = b.pairs[:0]
	var err error
	fallback := ""
	for k, v := range res.Attributes().All() {
		s := ""
		if v.Type() == pcommon.ValueTypeStr {
			s = v.Str()
		}
		switch k {
		case envelope.AttrTenantID:
			if r.tenant, err = tenant.Parse(s); err != nil {
				r.tenant, err = tenant.Default, fmt.Errorf("resource attribute %s: %w", k, err)
			}
			continue
		case envelope.AttrCommitSHA:
			r.correlation.CommitSHA = s
			continue
		case envelope.AttrBuildRunID:
			r.correlation.BuildRunID = s
			continue
		case envelope.AttrDeploymentID:
			r.correlation.DeploymentID = s
			continue
		case envelope.AttrBasis:
			// A basis that this build doesn't know says nothing: no evidence.
			r.correlation.Basis, _ = envelope.ParseBasis(s)
			continue
		case "service.name":
			r.service = s
		case "service.version":
			r.version = s
		case "deployment.environment.name":
			r.environment = s
		case "deployment.environment":
			fallback = s
		case "telemetry.sdk.language":
			r.language = s
		case "session.id":
			r.session = s
		}
		b.pairs = append(b.pairs, attribute{k, v})
	}
	if r.environment == "" {
		r.environment = fallback
	}
	return r, err
}

// resourceFP is the first 8 bytes of SHA-256 over schema URL, dropped count, entity references and the attributes that
// origin left in b.pairs, in the order of their keys. It puts them in that order.
func (b *Batch) resourceFP(res pcommon.Resource, schemaURL string) uint64 {
	slices.SortStableFunc(b.pairs, func(x, y attribute) int { return strings.Compare(x.key, y.key) })
	dst := append(b.canon[:0], "summit.resource.v1"...)
	dst = appendPart(dst, schemaURL)
	dst = binary.BigEndian.AppendUint32(dst, res.DroppedAttributesCount())
	b.value = anyvalue.AppendEntityRefs(b.value[:0], entityRefsField, res)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b.value)))
	dst = append(dst, b.value...)
	for _, p := range b.pairs {
		dst = envelope.AppendValue(appendPart(dst, p.key), p.value)
	}
	b.canon = dst
	h := sha256.Sum256(dst)
	return binary.BigEndian.Uint64(h[:8])
}

func appendPart(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

func (b *Batch) addResource(r *resource, res pcommon.Resource, schemaURL string, signal Signal) {
	c := use[resourceColumns](b, table.Resources)
	promoted := map[string]string{}
	for _, p := range b.pairs {
		if p.value.Type() == pcommon.ValueTypeStr {
			promoted[p.key] = p.value.Str()
		}
		v := otlpitem.ValueOf(p.value)
		c.Attrs.put(b, p.key, &v)
	}
	c.Attrs.endRow(b, signal)
	c.Tenant.AppendUUID(r.tenant)
	c.FP.Append(r.fp)
	c.LastSeen.Append(uint32(b.now.Unix()))
	c.Service.Append(r.service)
	c.Namespace.Append(promoted["service.namespace"])
	c.Instance.Append(promoted["service.instance.id"])
	c.Version.Append(r.version)
	c.Env.Append(r.environment)
	c.Host.Append(promoted["host.name"])
	c.Cluster.Append(promoted["k8s.cluster.name"])
	c.K8sNS.Append(promoted["k8s.namespace.name"])
	c.Pod.Append(promoted["k8s.pod.name"])
	digest := ""
	if d := correlation.EvidenceOf(res.Attributes()).Digests; len(d) > 0 {
		digest = d[0]
	}
	c.Digest.Append(digest)
	c.Language.Append(r.language)
	c.SchemaURL.Append(schemaURL)
	c.Dropped.Append(res.DroppedAttributesCount())
	b.value = anyvalue.AppendEntityRefs(b.value[:0], entityRefsField, res)
	c.EntityRefs.AppendBytes(b.value)
	c.Days.Append(b.enc.opts.Retention.rollups())
}

// originColumns are what spans, log records and errors have of their resource.
type originColumns struct {
	Tenant     *column.Fixed       `col:"tenant_id"`
	Service    *column.LowCard     `col:"service_name"`
	Env        *column.LowCard     `col:"environment"`
	Version    *column.LowCard     `col:"service_version"`
	Commit     *column.LowCard     `col:"commit_sha"`
	Build      *column.LowCard     `col:"build_run_id"`
	Deployment *column.LowCard     `col:"deployment_id"`
	Basis      *column.Num[int8]   `col:"correlation_basis"`
	FP         *column.Num[uint64] `col:"resource_fp"`
	Days       *column.Num[uint16] `col:"retention_days"`
}

// appendN adds n rows of a resource.
func (c *originColumns) appendN(r *resource, days uint16, n int) {
	c.Tenant.AppendUUIDN(r.tenant, n)
	c.Service.AppendN(r.service, n)
	c.Env.AppendN(r.environment, n)
	c.Version.AppendN(r.version, n)
	c.Commit.AppendN(r.correlation.CommitSHA, n)
	c.Build.AppendN(r.correlation.BuildRunID, n)
	c.Deployment.AppendN(r.correlation.DeploymentID, n)
	c.Basis.AppendN(int8(r.correlation.Basis), n)
	c.FP.AppendN(r.fp, n)
	c.Days.AppendN(days, n)
}
