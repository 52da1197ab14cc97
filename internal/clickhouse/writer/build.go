package writer

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse/buildrows"
	"github.com/summitobs/summit/internal/clickhouse/table"
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
