package telemetry_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/summitobs/summit/internal/telemetry"
)

func TestDropsAreCountedByReasonAndLoggedOncePerMinute(t *testing.T) {
	reader := componenttest.NewTelemetry()
	defer func() { require.NoError(t, reader.Shutdown(t.Context())) }()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		set := reader.NewTelemetrySettings()
		set.Logger = zap.New(core)
		drops, err := telemetry.NewDrops(set, "scope", component.MustNewID("summit_test"))
		require.NoError(t, err)

		drops.Add(t.Context(), 2, "too_old", telemetry.Traces)
		drops.Add(t.Context(), 3, "too_old", telemetry.Traces)
		drops.Add(t.Context(), 1, "too_old", telemetry.Logs)
		drops.Add(t.Context(), 0, "nothing", telemetry.Logs)
		require.Equal(t, 2, logs.Len(), "one line per reason and signal")

		time.Sleep(time.Minute) // virtual
		drops.Add(t.Context(), 1, "too_old", telemetry.Traces, zap.String("why", "clock"))
		require.Equal(t, 3, logs.Len())
		last := logs.All()[2].ContextMap()
		require.EqualValues(t, 1, last["not_logged_before"])
		require.Equal(t, "clock", last["why"])
	})
	got, err := reader.GetMetric(telemetry.DroppedName)
	require.NoError(t, err)
	point := func(signal string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(
			attribute.String("component", "summit_test"), attribute.String("reason", "too_old"), attribute.String("signal", signal))}
	}
	metricdatatest.AssertAggregationsEqual(t, metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{point("traces", 6), point("logs", 1)},
	}, got.Data, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

func TestThrottleIsBoundedAndSafe(t *testing.T) {
	throttle := telemetry.NewThrottle(time.Hour)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 2000 {
				throttle.Allow(strconv.Itoa(i*2000 + j))
			}
		})
	}
	wg.Wait()
	_, ok := throttle.Allow("new")
	require.True(t, ok)
	_, ok = throttle.Allow("new")
	require.False(t, ok)
}
