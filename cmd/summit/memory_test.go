package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// keepMemorySettings undoes what tuneMemory does to the test's process.
func keepMemorySettings(t *testing.T) {
	t.Helper()
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	})
	for _, name := range []string{memoryLimitEnv, memoryLimiterEnv, memorySpikeEnv, "GOMEMLIMIT", "GOGC"} {
		t.Setenv(name, "") // restores it after the test
		require.NoError(t, os.Unsetenv(name))
	}
}

func TestMemoryFollowsFromOneSetting(t *testing.T) {
	apart := []string{"--config=role:gateway", "--config=role:gateway/store-apart"}
	tests := []struct {
		name  string
		args  []string
		env   map[string]string
		heap  int64
		wants map[string]string
	}{
		{"alone", nil, nil, 506, map[string]string{memoryLimiterEnv: "657", memorySpikeEnv: "101"}},
		{"twice as much", []string{"--config", "role:gateway"}, map[string]string{memoryLimitEnv: "3072"}, 1013,
			map[string]string{memoryLimiterEnv: "1316", memorySpikeEnv: "202"}},
		{"the store alone", []string{"--config=role:store"}, nil, 184, map[string]string{memoryLimiterEnv: "239"}},
		{"without the store", apart, nil, 921, map[string]string{memoryLimiterEnv: "1197", memorySpikeEnv: "184"}},
		{"agent", []string{"--config=role:agent"}, map[string]string{memoryLimitEnv: "256"}, 128, map[string]string{memoryLimiterEnv: "166", memorySpikeEnv: "25"}},
		{"own names win", nil, map[string]string{memorySpikeEnv: "50"}, 506,
			map[string]string{memoryLimiterEnv: "657", memorySpikeEnv: "50"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keepMemorySettings(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			require.NoError(t, tuneMemory(tt.args))
			require.Equal(t, tt.heap<<20, debug.SetMemoryLimit(-1))
			for name, want := range tt.wants {
				require.Equal(t, want, os.Getenv(name), name)
			}
		})
	}
}

func TestGoMemoryLimitOfTheEnvironmentWins(t *testing.T) {
	keepMemorySettings(t)
	t.Setenv("GOMEMLIMIT", "off")
	debug.SetMemoryLimit(math.MaxInt64)
	require.NoError(t, tuneMemory(nil))
	require.Equal(t, int64(math.MaxInt64), debug.SetMemoryLimit(-1))
}

func TestWrongMemoryLimit(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		args        []string
		want        string
	}{
		{"no number", "1GiB", nil, `SUMMIT_MEMORY_LIMIT_MIB must be a number of MiB, at least 1024, got "1GiB"`},
		{"too little", "512", nil, `at least 1024, got "512"`},
		{"too little for an agent", "100", []string{"--config=role:agent"}, `at least 192, got "100"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keepMemorySettings(t)
			t.Setenv(memoryLimitEnv, tt.value)
			require.ErrorContains(t, tuneMemory(tt.args), tt.want)
		})
	}
}
