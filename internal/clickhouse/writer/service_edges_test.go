package writer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/servicegraph"
	"github.com/summitobs/summit/internal/tenant"
)

func edgeLogs(edges ...servicegraph.Edge) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(envelope.AttrTenantID, tenant.Default.String())
	lrs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range edges {
		edges[i].AppendTo(lrs.AppendEmpty())
	}
	return ld
}

func TestCallsBetweenServicesBecomeRows(t *testing.T) {
	s := enginetest.Open(t)
	edge := servicegraph.Edge{
		Minute: start.Truncate(time.Minute), Src: "shop", Dst: "pay", Connection: servicegraph.Messaging, Environment: "production",
		SrcVersion: "1", DstVersion: "2", DstCommitSHA: "c0ffee", DstBuildRunID: "run",
		Sums: servicegraph.Sums{Calls: 2.5, Errors: 1, Unpaired: 0.5, DurationSum: 3e6, DurationMax: 2e6, Histogram: map[uint8]uint64{0: 1, 41: 3}},
	}
	// A minute that comes in two parts is one row in the end.
	more := edge
	more.Sums = servicegraph.Sums{Calls: 1, DurationSum: 1e6, DurationMax: 9e6, Histogram: map[uint8]uint64{41: 1, 255: 1}}
	require.Empty(t, putLogs(t, s, edgeLogs(edge)))
	require.Empty(t, putLogs(t, s, edgeLogs(more)))
	require.Equal(t, []string{
		"shop", "pay", "messaging", "production", "1", "2", "c0ffee", "run", "3.5", "1", "0.5", "4000000", "9000000", "{0:1,41:4,255:1}", "730",
	}, get[[]string](t, s, `arrayMap(x -> toString(x), [src, dst, toString(connection), environment, src_version, dst_version, dst_commit_sha, dst_build_run_id,
		toString(calls), toString(errors), toString(unpaired), toString(duration_sum_ns), toString(duration_max_ns), toString(duration_hist), toString(retention_days)])
		FROM service_edges_1m_v1 FINAL`))
	require.Zero(t, count(t, s, "logs_v1"))
}

func TestBadCallsGoToQuarantine(t *testing.T) {
	s := enginetest.Open(t)
	ld := edgeLogs(servicegraph.Edge{Minute: start, Src: "shop"}) // no connection
	require.Equal(t, []writer.Drop{{Reason: "invalid_build_event", Signal: writer.SignalBuilds, Items: 1}}, putLogs(t, s, ld))
	require.EqualValues(t, 1, count(t, s, "quarantine_v1 WHERE position(detail, 'summit.edge.connection') > 0"))
	require.Zero(t, count(t, s, "service_edges_1m_v1"))
}
