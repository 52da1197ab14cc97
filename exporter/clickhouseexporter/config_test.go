package clickhouseexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func TestConfigStruct(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
}

func TestLoadConfig(t *testing.T) {
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	withStore := createDefaultConfig().(*Config)
	withStore.Store = &storeID
	for id, want := range map[string]*Config{
		"summit_clickhouse": withStore,
		"summit_clickhouse/server": {
			Endpoint: "https://clickhouse.example.com:8443", Username: "summit", Password: "secret", ShutdownTimeout: 30 * time.Second,
			Queue: QueueConfig{
				Path: "/var/lib/summit/queue", MaxBytes: 8 << 30, MaxRequestBytes: 32 << 20,
				SealRowsTraces: 400_000, SealRowsLogs: 100_000, SealRowsMetrics: 300_000, SealRawBytes: 100_000_000,
				SealAfter: 2 * time.Second, SealAfterBusy: 10 * time.Second, ParallelSegments: 2, MaxQuarantineBytes: 1 << 20,
			},
			Limits:    LimitsConfig{MaxAttributeValueBytes: 1024, MaxFuture: time.Hour, MaxPast: 48 * time.Hour},
			Retention: RetentionConfig{TracesDays: 7, LogsDays: 8, MetricsDays: 9, ErrorsDays: 10, BuildsDays: 11},
		},
	} {
		t.Run(id, func(t *testing.T) {
			cfg := createDefaultConfig()
			sub, err := file.Sub(id)
			require.NoError(t, err)
			require.NoError(t, sub.Unmarshal(cfg))
			require.NoError(t, confmap.Validate(cfg))
			require.Empty(t, cmp.Diff(want, cfg.(*Config), cmp.Comparer(func(a, b component.ID) bool { return a == b })))
		})
	}
}

func TestWrongConfigNamesTheKey(t *testing.T) {
	tests := []struct {
		name, want string
		set        map[string]any
	}{
		{"nothing", "one of store", nil},
		{"both", "must not both be set", map[string]any{"store": "a", "endpoint": "b:1"}},
		{"user without endpoint", "username and password are for endpoint", map[string]any{"store": "a", "username": "u"}},
		{"shutdown", "shutdown_timeout", map[string]any{"store": "a", "shutdown_timeout": "-1s"}},
		{"queue size", "queue: max_bytes must be at least 1048576", map[string]any{"store": "a", "queue::max_bytes": 5}},
		{"request size", "max_request_bytes must be at most", map[string]any{"store": "a", "queue::max_request_bytes": 2 << 30}},
		{"rows", "seal_rows_* must be at most 1048448", map[string]any{"store": "a", "queue::seal_rows_logs": 2_000_000}},
		{"no rows", "seal_rows_metrics must be at least 1", map[string]any{"store": "a", "queue::seal_rows_metrics": 0}},
		{"ages", "seal_after must be above 0", map[string]any{"store": "a", "queue::seal_after": "10s"}},
		{"value size", "max_attribute_value_bytes", map[string]any{"store": "a", "limits::max_attribute_value_bytes": 1}},
		{"future", "max_future", map[string]any{"store": "a", "limits::max_future": "0s"}},
		{"past", "max_past", map[string]any{"store": "a", "limits::max_past": "-1s"}},
		{"retention", "errors_days must be from 1 to 36500", map[string]any{"store": "a", "retention::errors_days": 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := createDefaultConfig()
			require.NoError(t, confmap.NewFromStringMap(tt.set).Unmarshal(cfg))
			require.ErrorContains(t, confmap.Validate(cfg), tt.want)
		})
	}
}

func TestQueuePath(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	id := component.MustNewIDWithName("summit_clickhouse", "eu")
	t.Setenv(dataDirEnv, "/data")
	path, err := cfg.queuePath(id)
	require.NoError(t, err)
	require.Equal(t, "/data/queue/summit_clickhouse_eu", path)
	cfg.Queue.Path = "/elsewhere"
	path, err = cfg.queuePath(id)
	require.NoError(t, err)
	require.Equal(t, "/elsewhere", path)
}
