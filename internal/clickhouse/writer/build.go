package writer

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/fingerprint"
	"github.com/summitobs/summit/internal/tenant"
)

// reasonBuild is the reason of a Drop for a log record that calls itself a build event and is none.
const reasonBuild = "invalid_build_event"

// addBuild writes the rows of a log record that is a build event, and tells whether it was one. Build events are rows of
// the build tables only; one that can't be read goes to quarantine.
func (b *Batch) addBuild(r *resource, lr plog.LogRecord) bool {
	ev, ok, err := build.FromLogRecord(lr)
	if !ok {
		return false
	}
	if err != nil {
		ld := plog.NewLogs()
		lr.CopyTo(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
		payload, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		b.quarantine(r, SignalBuilds, reasonBuild, err.Error(), 1, payload)
		return true
	}
	if d, ok := ev.(*build.Deployment); ok {
		b.addDeployment(r.tenant, d)
	} else if row, ok := build.RowOf(ev); ok {
		b.addBuildRow(r.tenant, &row)
	}
	nodes, edges := build.Graph(ev)
	b.addNodes(r.tenant, nodes)
	b.addEdges(r.tenant, edges)
	return true
}

// buildColumns is metrics_build_v1.
type buildColumns struct {
	Tenant      *column.Fixed        `col:"tenant_id"`
	Entity      *column.Num[int8]    `col:"entity"`
	Provider    *column.LowCard      `col:"provider"`
	Host        *column.LowCard      `col:"host"`
	Repo        *column.LowCard      `col:"repo"`
	RunID       *column.Str          `col:"run_id"`
	Attempt     *column.Num[uint16]  `col:"attempt"`
	EntityID    *column.Str          `col:"entity_id"`
	ParentID    *column.Str          `col:"parent_id"`
	Pipeline    *column.LowCard      `col:"pipeline"`
	Name        *column.LowCard      `col:"name"`
	NameFP      *column.Num[uint64]  `col:"name_fp"`
	Branch      *column.LowCard      `col:"branch"`
	Commit      *column.Str          `col:"commit_sha"`
	Trigger     *column.LowCard      `col:"trigger"`
	Actor       *column.Str          `col:"actor_hash"`
	PR          *column.Num[uint32]  `col:"pr_number"`
	Created     *column.Num[int64]   `col:"created_at"`
	Started     *column.Num[int64]   `col:"started_at"`
	Finished    *column.Num[int64]   `col:"finished_at"`
	Updated     *column.Num[int64]   `col:"updated_at"`
	Queued      *column.Num[uint64]  `col:"queued_ms"`
	Approval    *column.Num[uint64]  `col:"approval_ms"`
	Duration    *column.Num[uint64]  `col:"duration_ms"`
	Status      *column.Num[int8]    `col:"status"`
	Flaky       *column.Num[uint8]   `col:"flaky"`
	Retries     *column.Num[uint16]  `col:"retries"`
	ErrorFP     *column.Fixed        `col:"error_fp"`
	ErrorFPV    *column.Num[uint8]   `col:"error_fp_version"`
	Message     *column.Str          `col:"message"`
	Runner      *column.LowCard      `col:"runner"`
	RunnerClass *column.LowCard      `col:"runner_class"`
	CPU         *column.Num[float32] `col:"cpu_s"`
	Mem         *column.Num[uint64]  `col:"mem_peak_bytes"`
	Cache       *column.Num[int8]    `col:"cache_hit"`
	Cost        *column.Num[float64] `col:"cost_usd"`
	Digest      *column.Str          `col:"digest"`
	TraceID     *column.Fixed        `col:"trace_id"`
	SpanID      *column.Num[uint64]  `col:"span_id"`
	URL         *column.Str          `col:"url"`
	Stub        *column.Num[uint8]   `col:"stub"`
	Attrs       *column.Map          `col:"attrs"`
	Version     *column.Num[uint64]  `col:"version"`
	Days        *column.Num[uint16]  `col:"retention_days"`
}

// entities are the numbers of metrics_build_v1.entity.
var entities = map[string]int8{"run": 1, "stage": 2, "task": 3, "test_suite": 4, "test_case": 5, "artifact": 6}

func (b *Batch) addBuildRow(id tenant.ID, row *build.Row) {
	c := use[buildColumns](b, table.Builds)
	c.Tenant.AppendUUID(id)
	c.Entity.Append(entities[row.Entity])
	c.Provider.Append(row.Provider)
	c.Host.Append(row.Host)
	c.Repo.Append(row.Repo)
	c.RunID.Append(row.RunID)
	c.Attempt.Append(row.Attempt)
	c.EntityID.Append(row.EntityID)
	c.ParentID.Append(row.ParentID)
	c.Pipeline.Append(row.Pipeline)
	c.Name.Append(row.Name)
	c.NameFP.Append(nameFP(row))
	c.Branch.Append(row.Branch)
	c.Commit.Append(row.CommitSHA)
	c.Trigger.Append(row.Trigger)
	c.Actor.Append(row.ActorHash)
	c.PR.Append(row.PRNumber)
	c.Created.Append(millis(row.CreatedAt))
	c.Started.Append(millis(row.StartedAt))
	c.Finished.Append(millis(row.FinishedAt))
	c.Updated.Append(b.lastChange(row.UpdatedAt, row.FinishedAt, row.StartedAt, row.CreatedAt))
	c.Queued.Append(uint64(max(row.Queued, 0).Milliseconds()))
	c.Approval.Append(uint64(max(row.Approval, 0).Milliseconds()))
	c.Duration.Append(uint64(max(row.Duration, 0).Milliseconds()))
	c.Status.Append(int8(row.Status))
	c.Flaky.Append(boolByte(row.Flaky))
	c.Retries.Append(row.Retries)
	c.ErrorFP.Append(row.ErrorFP[:])
	version := uint8(0)
	if row.ErrorFP != [16]byte{} {
		version = fingerprint.Version
	}
	c.ErrorFPV.Append(version)
	c.Message.Append(b.bounded(row.Message))
	c.Runner.Append(row.Runner)
	c.RunnerClass.Append(row.RunnerClass)
	c.CPU.Append(float32(row.CPUSeconds))
	c.Mem.Append(row.MemPeakBytes)
	c.Cache.Append(int8(row.CacheHit))
	c.Cost.Append(row.CostUSD)
	c.Digest.Append(row.Digest)
	c.TraceID.Append(row.TraceID[:])
	c.SpanID.Append(spanNumber(row.SpanID))
	c.URL.Append(row.URL)
	c.Stub.Append(boolByte(row.Stub))
	b.putTexts(c.Attrs, row.Attrs)
	c.Version.Append(row.Version)
	c.Days.Append(b.enc.opts.Retention.Builds)
}

// nameFP is FNV-1a of the name, by which the history of a job or test case is found; equal test cases of two suites are two.
func nameFP(row *build.Row) uint64 {
	h := fnv.New64a()
	h.Write([]byte(row.Attrs[build.KeySuite]))
	h.Write([]byte{0})
	h.Write([]byte(row.Name))
	return h.Sum64()
}

// deployColumns is deploys_v1.
type deployColumns struct {
	Tenant     *column.Fixed       `col:"tenant_id"`
	Provider   *column.LowCard     `col:"provider"`
	Host       *column.LowCard     `col:"host"`
	Repo       *column.LowCard     `col:"repo"`
	ID         *column.Str         `col:"deployment_id"`
	Service    *column.LowCard     `col:"service_name"`
	Env        *column.LowCard     `col:"environment"`
	SvcVersion *column.LowCard     `col:"service_version"`
	Commit     *column.Str         `col:"commit_sha"`
	Previous   *column.Str         `col:"previous_commit_sha"`
	Build      *column.Str         `col:"build_run_id"`
	Digests    *column.Array       `col:"image_digests"`
	Basis      *column.Num[int8]   `col:"correlation_basis"`
	Status     *column.Num[int8]   `col:"status"`
	Created    *column.Num[int64]  `col:"created_at"`
	Started    *column.Num[int64]  `col:"started_at"`
	Finished   *column.Num[int64]  `col:"finished_at"`
	Updated    *column.Num[int64]  `col:"updated_at"`
	ApprovedBy *column.Str         `col:"approved_by"`
	Creator    *column.Str         `col:"creator"`
	URL        *column.Str         `col:"url"`
	RollbackOf *column.Str         `col:"rollback_of"`
	Attrs      *column.Map         `col:"attrs"`
	Version    *column.Num[uint64] `col:"version"`
	Days       *column.Num[uint16] `col:"retention_days"`
}

func (b *Batch) addDeployment(id tenant.ID, d *build.Deployment) {
	c := use[deployColumns](b, table.Deploys)
	c.Tenant.AppendUUID(id)
	c.Provider.Append(d.Provider)
	c.Host.Append(d.Host)
	c.Repo.Append(d.Repo)
	c.ID.Append(d.DeploymentID)
	c.Service.Append(d.Service)
	c.Env.Append(d.Environment)
	c.SvcVersion.Append(d.ServiceVersion)
	c.Commit.Append(d.CommitSHA)
	c.Previous.Append(d.PreviousCommit)
	c.Build.Append(d.BuildRunID)
	for _, digest := range d.Digests {
		c.Digests.Elem.(*column.Str).Append(digest)
	}
	c.Digests.EndRow()
	c.Basis.Append(int8(d.Basis))
	c.Status.Append(int8(d.Status))
	c.Created.Append(millis(d.CreatedAt))
	c.Started.Append(millis(d.StartedAt))
	c.Finished.Append(millis(d.FinishedAt))
	c.Updated.Append(b.lastChange(d.UpdatedAt, d.FinishedAt, d.StartedAt, d.CreatedAt))
	c.ApprovedBy.Append(d.ApprovedBy)
	c.Creator.Append(d.Creator)
	c.URL.Append(d.URL)
	c.RollbackOf.Append(d.RollbackOf)
	b.putTexts(c.Attrs, d.Attrs)
	c.Version.Append(d.Version)
	c.Days.Append(b.enc.opts.Retention.Builds)
}

// nodeColumns is graph_nodes_v1.
type nodeColumns struct {
	Tenant  *column.Fixed       `col:"tenant_id"`
	Kind    *column.LowCard     `col:"kind"`
	ID      *column.Str         `col:"id"`
	Name    *column.Str         `col:"name"`
	First   *column.Num[int64]  `col:"first_seen"`
	Last    *column.Num[int64]  `col:"last_seen"`
	Props   *column.Map         `col:"props"`
	Stub    *column.Num[uint8]  `col:"stub"`
	Version *column.Num[uint64] `col:"version"`
	Days    *column.Num[uint16] `col:"retention_days"`
}

func (b *Batch) addNodes(id tenant.ID, nodes []build.Node) {
	c := use[nodeColumns](b, table.GraphNodes)
	for i := range nodes {
		n := &nodes[i]
		c.Tenant.AppendUUID(id)
		c.Kind.Append(n.Kind)
		c.ID.Append(n.ID)
		c.Name.Append(n.Name)
		c.First.Append(b.lastChange(n.FirstSeen, n.LastSeen))
		c.Last.Append(b.lastChange(n.LastSeen, n.FirstSeen))
		b.putTexts(c.Props, n.Props)
		c.Stub.Append(boolByte(n.Stub))
		c.Version.Append(n.Version)
		c.Days.Append(b.enc.opts.Retention.Builds)
	}
}

// edgeColumns is graph_edges_v1.
type edgeColumns struct {
	Tenant  *column.Fixed       `col:"tenant_id"`
	SrcKind *column.LowCard     `col:"src_kind"`
	SrcID   *column.Str         `col:"src_id"`
	Rel     *column.LowCard     `col:"rel"`
	DstKind *column.LowCard     `col:"dst_kind"`
	DstID   *column.Str         `col:"dst_id"`
	Basis   *column.Num[int8]   `col:"correlation_basis"`
	First   *column.Num[int64]  `col:"first_seen"`
	Last    *column.Num[int64]  `col:"last_seen"`
	Props   *column.Map         `col:"props"`
	Version *column.Num[uint64] `col:"version"`
	Days    *column.Num[uint16] `col:"retention_days"`
}

func (b *Batch) addEdges(id tenant.ID, edges []build.Edge) {
	c := use[edgeColumns](b, table.GraphEdges)
	for i := range edges {
		e := &edges[i]
		c.Tenant.AppendUUID(id)
		c.SrcKind.Append(e.SrcKind)
		c.SrcID.Append(e.SrcID)
		c.Rel.Append(e.Rel)
		c.DstKind.Append(e.DstKind)
		c.DstID.Append(e.DstID)
		c.Basis.Append(int8(e.Basis))
		c.First.Append(b.lastChange(e.FirstSeen, e.LastSeen))
		c.Last.Append(b.lastChange(e.LastSeen, e.FirstSeen))
		b.putTexts(c.Props, e.Props)
		c.Version.Append(e.Version)
		c.Days.Append(b.enc.opts.Retention.Builds)
	}
}

// putTexts adds a map as one row, in the order of its keys.
func (b *Batch) putTexts(c *column.Map, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		c.Keys.Append(k)
		c.Values.(*column.Str).Append(b.bounded(m[k]))
	}
	c.EndRow()
}

// millis is a time in ms; the zero time, which means unknown, is 1970.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// lastChange is the first of the times that is known, else the arrival: rows live from it on.
func (b *Batch) lastChange(times ...time.Time) int64 {
	for _, t := range times {
		if !t.IsZero() {
			return t.UnixMilli()
		}
	}
	return b.now.UnixMilli()
}
