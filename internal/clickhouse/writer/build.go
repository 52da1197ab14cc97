package writer

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/buildrows"
	"github.com/summitobs/summit/internal/clickhouse/edgerows"
	"github.com/summitobs/summit/internal/clickhouse/table"
	"github.com/summitobs/summit/internal/servicegraph"
)

// reasonBuild is the reason of a Drop for a log record that calls itself a build event and is none.
const reasonBuild = "invalid_build_event"

// addBuild writes the rows of a log record that is a build event, and tells whether it was one. Build events are rows of
// the build tables only; one that can't be read goes to quarantine.
func (b *Batch) addBuild(r *resource, lr plog.LogRecord) bool {
	ev, ok, err := build.FromLogRecord(lr)
	if !ok {
		return b.addEdge(r, lr)
	}
	if err != nil {
		b.setAside(r, lr, err)
		return true
	}
	f := &buildrows.Frame{Tenant: r.tenant, Now: b.now, Days: b.enc.opts.Retention.Builds, MaxTextBytes: b.enc.opts.MaxValueBytes}
	if d, ok := ev.(*build.Deployment); ok {
		use[buildrows.Deploys](b, table.Deploys).Add(f, d)
	} else if row, ok := build.RowOf(ev); ok {
		use[buildrows.Builds](b, table.Builds).Add(f, &row)
	}
	nodes, edges := build.Graph(ev)
	use[buildrows.Nodes](b, table.GraphNodes).Add(f, nodes)
	use[buildrows.Edges](b, table.GraphEdges).Add(f, edges)
	return true
}

// addEdge writes the row of a log record that carries calls between services, and tells whether it was one.
func (b *Batch) addEdge(r *resource, lr plog.LogRecord) bool {
	e, ok, err := servicegraph.FromLogRecord(lr)
	if err != nil {
		b.setAside(r, lr, err)
	} else if ok {
		use[edgerows.Edges](b, table.ServiceEdges).Add(r.tenant, b.enc.opts.Retention.rollups(), &e)
	}
	return ok
}

// setAside keeps a record that is named like one of ours and can't be read.
func (b *Batch) setAside(r *resource, lr plog.LogRecord, cause error) {
	ld := plog.NewLogs()
	lr.CopyTo(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	// Marshalling pdata does not fail; were it to, the row without a payload still tells what happened.
	payload, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	b.quarantine(r, SignalBuilds, reasonBuild, cause.Error(), 1, payload)
}
