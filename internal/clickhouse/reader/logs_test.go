package reader_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/otlptest"
	"github.com/summitobs/summit/internal/tenant"
)

func TestLogsRoundTrip(t *testing.T) {
	store := enginetest.Open(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrip(rt, store)
		var want []string
		var batches []*writer.Batch
		for range 1 + tr.Count(5) {
			ld := tr.Logs()
			for _, rl := range ld.ResourceLogs().All() {
				tr.stamp(rl.Resource())
			}
			// What a collector forwards comes over the wire once more.
			ld = forwardLogs(rt, ld)
			b, err := tr.enc.Logs(ld)
			require.NoError(rt, err)
			batches = append(batches, b)
			for _, rl := range ld.ResourceLogs().All() {
				unstamp(rl.Resource())
			}
			want = append(want, otlptest.FlattenLogs(ld)...)
		}
		tr.insert(batches...)
		got, err := reader.Logs(context.Background(), store.Conn(), tr.scope())
		require.NoError(rt, err)
		same(rt, sorted(want), otlptest.FlattenLogs(got), otlptest.LogsJSON)
	})
}

func forwardLogs(t require.TestingT, ld plog.Logs) plog.Logs {
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
	require.NoError(t, err)
	return ld
}

func TestLogsOfOtherTenantsAndTimesStayAway(t *testing.T) {
	store := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: func() time.Time { return now }})
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, body := range []string{"before", "first", "last", "after"} {
		lr := records.AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Hour)))
		lr.Body().SetStr(body)
	}
	b, err := enc.Logs(ld)
	require.NoError(t, err)
	insert(t, store, b)

	scope := reader.Scope{Tenant: tenant.Default, From: now.Add(time.Hour), To: now.Add(3 * time.Hour)}
	got, err := reader.Logs(t.Context(), store.Conn(), scope)
	require.NoError(t, err)
	require.Equal(t, 2, got.LogRecordCount())
	first := got.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, "first", first.At(0).Body().Str())
	require.Equal(t, "last", first.At(1).Body().Str())

	scope.Tenant = tenant.ID{1}
	got, err = reader.Logs(t.Context(), store.Conn(), scope)
	require.NoError(t, err)
	require.Zero(t, got.LogRecordCount())
	_, err = reader.Logs(t.Context(), store.Conn(), reader.Scope{From: now, To: now.Add(time.Hour)})
	require.ErrorContains(t, err, "no tenant")
	_, err = reader.Logs(t.Context(), store.Conn(), reader.Scope{Tenant: tenant.Default, From: now, To: now})
	require.ErrorContains(t, err, "window")
}
