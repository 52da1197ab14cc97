package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/summitobs/summit/distributions"
)

// memoryLimitEnv is the one setting of how much memory the process is to have resident, in MiB. The environment's other
// names are what follows from it, for the roles' configurations to read; each wins where it is set itself.
const (
	memoryLimitEnv   = "SUMMIT_MEMORY_LIMIT_MIB"
	memoryLimiterEnv = "SUMMIT_MEMORY_LIMITER_MIB"
	memorySpikeEnv   = "SUMMIT_MEMORY_SPIKE_MIB"
)

// Bounds of SUMMIT_MEMORY_LIMIT_MIB: with less, the engine can't insert a large segment.
const (
	defaultMemoryMiB      = 1536
	defaultAgentMemoryMiB = 512
	minMemoryMiB          = 1024
	minAgentMemoryMiB     = 192
)

// memoryPlan says what of a limit is the goal of the Go heap, in hundredths. What is left is for the program and the
// engine's library, whose pages count as resident, for the heap above its goal, and for the engine. The engine has no limit
// of its own here: it counts pages that it has freed, and with a tight limit it refuses inserts for good.
type memoryPlan struct {
	limit, least int
	heapPart     int
}

// planMemory knows what a process with these arguments holds.
func planMemory(args []string) memoryPlan {
	roles := map[string]bool{}
	for i, a := range args {
		value, found := strings.CutPrefix(a, "--config=")
		if !found && i > 0 && args[i-1] == "--config" {
			value = a
		}
		if role, ok := strings.CutPrefix(value, distributions.Scheme+":"); ok {
			roles[role] = true
		}
	}
	switch {
	case roles["agent"]:
		return memoryPlan{limit: defaultAgentMemoryMiB, least: minAgentMemoryMiB, heapPart: 50}
	case roles["store"]:
		return memoryPlan{limit: defaultMemoryMiB, least: minMemoryMiB, heapPart: 12}
	case roles["gateway/store-apart"] || roles["standalone/store-apart"]:
		return memoryPlan{limit: defaultMemoryMiB, least: minMemoryMiB, heapPart: 60}
	default:
		return memoryPlan{limit: defaultMemoryMiB, least: minMemoryMiB, heapPart: 33}
	}
}

// tuneMemory trades memory for CPU as the write path was measured: a third less CPU at GOGC=400, as long as the heap is
// below its part of the limit. The soft limit of the roles' memory_limiter lies above that part, or garbage alone would make
// it refuse.
func tuneMemory(args []string) error {
	plan := planMemory(args)
	limit := plan.limit
	if text := os.Getenv(memoryLimitEnv); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < plan.least {
			return fmt.Errorf("%s must be a number of MiB, at least %d, got %q", memoryLimitEnv, plan.least, text)
		}
		limit = n
	}
	heap := limit * plan.heapPart / 100
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(heap) << 20)
	}
	for name, value := range map[string]int{
		memoryLimiterEnv: heap * 13 / 10, memorySpikeEnv: heap * 2 / 10,
	} {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, strconv.Itoa(value)); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}
