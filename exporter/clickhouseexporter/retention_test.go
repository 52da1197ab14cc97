package clickhouseexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// TestSegmentOfManyDays stores spans of more days than the engine takes in one INSERT by itself: each day is a partition,
// here and in the rollups, and an INSERT that is refused for ever would hold up all behind it.
func TestSegmentOfManyDays(t *testing.T) {
	const days = 130
	r := newRig(t, newCodec, func(c *Config) { c.Retention.TracesDays = 400 }).start()
	td := spans(1, days)
	for i, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		at := time.Now().AddDate(0, 0, -i)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
	}
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	r.eventually("(SELECT uniqExact(toDate(timestamp)) FROM events_trace_v1)", days)
	r.stop(t.Context())
	require.Equal(t, days, r.count(countSpans))
	require.Equal(t, days, r.count(countIndex))
	require.Equal(t, days, r.count(countCalls))
}
