// Package edgerows writes the calls between services as columns of service_edges_1m_v1. The encoder puts them beside the
// rows of the same request.
package edgerows

import (
	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/servicegraph"
)

// Edges is service_edges_1m_v1. Rows with one key are summed by the table, so a minute may come in several.
type Edges struct {
	Tenant      *column.Fixed        `col:"tenant_id"`
	Minute      *column.Num[uint32]  `col:"minute"`
	Src         *column.LowCard      `col:"src"`
	Dst         *column.LowCard      `col:"dst"`
	Connection  *column.Num[int8]    `col:"connection"`
	Environment *column.LowCard      `col:"environment"`
	SrcVersion  *column.LowCard      `col:"src_version"`
	DstVersion  *column.LowCard      `col:"dst_version"`
	DstCommit   *column.LowCard      `col:"dst_commit_sha"`
	DstRun      *column.LowCard      `col:"dst_build_run_id"`
	Calls       *column.Num[float64] `col:"calls"`
	Errors      *column.Num[float64] `col:"errors"`
	Unpaired    *column.Num[float64] `col:"unpaired"`
	Sum         *column.Num[float64] `col:"duration_sum_ns"`
	Max         *column.Num[int64]   `col:"duration_max_ns"`
	Histogram   *column.Hist         `col:"duration_hist"`
	Days        *column.Num[uint16]  `col:"retention_days"`
}

// Add writes an edge of a tenant, to be kept for days.
func (c *Edges) Add(tenant [16]byte, days uint16, e *servicegraph.Edge) {
	c.Tenant.AppendUUID(tenant)
	c.Minute.Append(uint32(e.Minute.Unix()))
	c.Src.Append(e.Src)
	c.Dst.Append(e.Dst)
	c.Connection.Append(int8(e.Connection))
	c.Environment.Append(e.Environment)
	c.SrcVersion.Append(e.SrcVersion)
	c.DstVersion.Append(e.DstVersion)
	c.DstCommit.Append(e.DstCommitSHA)
	c.DstRun.Append(e.DstBuildRunID)
	c.Calls.Append(e.Calls)
	c.Errors.Append(e.Errors)
	c.Unpaired.Append(e.Unpaired)
	c.Sum.Append(e.DurationSum)
	c.Max.Append(e.DurationMax)
	for b := range 256 {
		if n := e.Histogram[uint8(b)]; n > 0 {
			c.Histogram.Buckets.Append(uint8(b))
			c.Histogram.Counts.Append(n)
		}
	}
	c.Histogram.EndRow()
	c.Days.Append(days)
}
