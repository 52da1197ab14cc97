// Package buildrows writes build events into the columns of their tables: metrics_build_v1, deploys_v1 and the build
// graph. The column writer finds the events among log records and owns the columns.
package buildrows

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/fingerprint"
	"github.com/summitobs/summit/internal/tenant"
)

// Frame is what rows have besides their event.
type Frame struct {
	Tenant tenant.ID
	// Now is the time of arrival, from which rows live whose event has no time.
	Now time.Time
	// Days is the retention.
	Days uint16
	// MaxTextBytes is the longest text that is kept whole.
	MaxTextBytes int
}

// Builds is metrics_build_v1.
type Builds struct {
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

// Add writes the row of a run, task or artifact.
func (c *Builds) Add(f *Frame, row *build.Row) {
	c.Tenant.AppendUUID(f.Tenant)
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
	c.Updated.Append(f.lastChange(row.UpdatedAt, row.FinishedAt, row.StartedAt, row.CreatedAt))
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
	c.Message.Append(f.bounded(row.Message))
	c.Runner.Append(row.Runner)
	c.RunnerClass.Append(row.RunnerClass)
	c.CPU.Append(float32(row.CPUSeconds))
	c.Mem.Append(row.MemPeakBytes)
	c.Cache.Append(int8(row.CacheHit))
	c.Cost.Append(row.CostUSD)
	c.Digest.Append(row.Digest)
	c.TraceID.Append(row.TraceID[:])
	c.SpanID.Append(binary.BigEndian.Uint64(row.SpanID[:]))
	c.URL.Append(row.URL)
	c.Stub.Append(boolByte(row.Stub))
	f.putTexts(c.Attrs, row.Attrs)
	c.Version.Append(row.Version)
	c.Days.Append(f.Days)
}

// nameFP is FNV-1a of the name, by which the history of a job or test case is found; equal test cases of two suites are two.
func nameFP(row *build.Row) uint64 {
	h := fnv.New64a()
	h.Write([]byte(row.Attrs[build.KeySuite]))
	h.Write([]byte{0})
	h.Write([]byte(row.Name))
	return h.Sum64()
}

// Deploys is deploys_v1.
type Deploys struct {
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

// Add writes the row of a deployment.
func (c *Deploys) Add(f *Frame, d *build.Deployment) {
	c.Tenant.AppendUUID(f.Tenant)
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
	c.Updated.Append(f.lastChange(d.UpdatedAt, d.FinishedAt, d.StartedAt, d.CreatedAt))
	c.ApprovedBy.Append(d.ApprovedBy)
	c.Creator.Append(d.Creator)
	c.URL.Append(d.URL)
	c.RollbackOf.Append(d.RollbackOf)
	f.putTexts(c.Attrs, d.Attrs)
	c.Version.Append(d.Version)
	c.Days.Append(f.Days)
}

// Nodes is graph_nodes_v1.
type Nodes struct {
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

// Add writes nodes of the build graph.
func (c *Nodes) Add(f *Frame, nodes []build.Node) {
	for i := range nodes {
		n := &nodes[i]
		c.Tenant.AppendUUID(f.Tenant)
		c.Kind.Append(n.Kind)
		c.ID.Append(n.ID)
		c.Name.Append(n.Name)
		c.First.Append(f.lastChange(n.FirstSeen, n.LastSeen))
		c.Last.Append(f.lastChange(n.LastSeen, n.FirstSeen))
		f.putTexts(c.Props, n.Props)
		c.Stub.Append(boolByte(n.Stub))
		c.Version.Append(n.Version)
		c.Days.Append(f.Days)
	}
}

// Edges is graph_edges_v1.
type Edges struct {
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

// Add writes edges of the build graph.
func (c *Edges) Add(f *Frame, edges []build.Edge) {
	for i := range edges {
		e := &edges[i]
		c.Tenant.AppendUUID(f.Tenant)
		c.SrcKind.Append(e.SrcKind)
		c.SrcID.Append(e.SrcID)
		c.Rel.Append(e.Rel)
		c.DstKind.Append(e.DstKind)
		c.DstID.Append(e.DstID)
		c.Basis.Append(int8(e.Basis))
		c.First.Append(f.lastChange(e.FirstSeen, e.LastSeen))
		c.Last.Append(f.lastChange(e.LastSeen, e.FirstSeen))
		f.putTexts(c.Props, e.Props)
		c.Version.Append(e.Version)
		c.Days.Append(f.Days)
	}
}

// putTexts adds a map as one row, in the order of its keys.
func (f *Frame) putTexts(c *column.Map, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		c.Keys.Append(k)
		c.Values.(*column.Str).Append(f.bounded(m[k]))
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
func (f *Frame) lastChange(times ...time.Time) int64 {
	for _, t := range times {
		if !t.IsZero() {
			return t.UnixMilli()
		}
	}
	return f.Now.UnixMilli()
}

// bounded cuts a text that is longer than a value may be.
func (f *Frame) bounded(s string) string {
	if len(s) <= f.MaxTextBytes {
		return s
	}
	return anyvalue.CutString(s, f.MaxTextBytes)
}

func boolByte(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}
