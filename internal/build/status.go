package build

import (
	"fmt"
	"strings"
	"time"
)

// Status is the state or result of a run or task; the numbers are those of metrics_build_v1.status.
type Status uint8

// The statuses.
const (
	StatusUnknown Status = iota
	StatusSuccess
	StatusFailure
	StatusCancelled
	StatusSkipped
	StatusTimeout
	StatusRunning
	StatusQueued
	StatusWaiting
)

var statusNames = []string{"unknown", "success", "failure", "cancelled", "skipped", "timeout", "running", "queued", "waiting"}

// StatusNames are all statuses by their number.
func StatusNames() []string { return append([]string(nil), statusNames...) }

// String gives the name used in the store and on the wire.
func (s Status) String() string { return nameOf(statusNames, int(s)) }

// ParseStatus reads a name; the empty string is StatusUnknown.
func ParseStatus(s string) (Status, error) {
	i, err := indexOf(statusNames, s)
	return Status(i), err
}

// Finished tells a final state.
func (s Status) Finished() bool { return s >= StatusSuccess && s <= StatusTimeout }

// Rank orders the states of a run or task; a higher one is never taken back by a lower one.
func (s Status) Rank() uint8 {
	switch {
	case s.Finished():
		return 30
	case s == StatusRunning:
		return 20
	default:
		return 10
	}
}

// DeployStatus is the state of a deployment; the numbers are those of deploys_v1.status.
type DeployStatus uint8

// The states of a deployment.
const (
	DeployUnknown DeployStatus = iota
	DeployPending
	DeployInProgress
	DeploySuccess
	DeployFailure
	DeployCancelled
	DeployInactive
	DeployRolledBack
)

var deployNames = []string{"unknown", "pending", "in_progress", "success", "failure", "cancelled", "inactive", "rolled_back"}

// DeployStatusNames are all states by their number.
func DeployStatusNames() []string { return append([]string(nil), deployNames...) }

// String gives the name used in the store and on the wire.
func (s DeployStatus) String() string { return nameOf(deployNames, int(s)) }

// ParseDeployStatus reads a name; the empty string is DeployUnknown.
func ParseDeployStatus(s string) (DeployStatus, error) {
	i, err := indexOf(deployNames, s)
	return DeployStatus(i), err
}

// Finished tells a state after the roll-out.
func (s DeployStatus) Finished() bool { return s >= DeploySuccess }

// Rank orders the states of a deployment: what replaces a deployment comes after its result.
func (s DeployStatus) Rank() uint8 {
	switch s {
	case DeployInProgress:
		return 20
	case DeploySuccess, DeployFailure, DeployCancelled:
		return 30
	case DeployInactive, DeployRolledBack:
		return 40
	default:
		return 10
	}
}

// CacheHit tells whether a task's work came from a cache; the numbers are those of metrics_build_v1.cache_hit.
type CacheHit uint8

// The answers of a build cache.
const (
	CacheUnknown CacheHit = iota
	CacheMiss
	CacheHitYes
)

var cacheNames = []string{"unknown", "miss", "hit"}

// String gives the name used in the store.
func (c CacheHit) String() string { return nameOf(cacheNames, int(c)) }

// ParseCacheHit reads a name; the empty string is CacheUnknown.
func ParseCacheHit(s string) (CacheHit, error) {
	i, err := indexOf(cacheNames, s)
	return CacheHit(i), err
}

// VersionOf puts the rank into the top byte and the provider's time in ms below it, so that the highest number is the
// latest state in any order of delivery.
func VersionOf(rank uint8, at time.Time) uint64 {
	var ms uint64
	if !at.IsZero() && at.UnixMilli() > 0 {
		ms = min(uint64(at.UnixMilli()), 1<<56-1)
	}
	return uint64(rank)<<56 | ms
}

// The results of the CI/CD conventions.
const (
	ResultSuccess      = "success"
	ResultFailure      = "failure"
	ResultError        = "error"
	ResultTimeout      = "timeout"
	ResultCancellation = "cancellation"
	ResultSkip         = "skip"
)

// Result is the value of cicd.pipeline.result and cicd.pipeline.task.run.result: empty while it runs. A failure of the
// CI system itself, which the provider's conclusion tells, is "error".
func Result(s Status, conclusion string) string {
	switch s {
	case StatusSuccess:
		return ResultSuccess
	case StatusFailure:
		if conclusion == "startup_failure" || conclusion == "error" {
			return ResultError
		}
		return ResultFailure
	case StatusCancelled:
		return ResultCancellation
	case StatusSkipped:
		return ResultSkip
	case StatusTimeout:
		return ResultTimeout
	default:
		return ""
	}
}

func nameOf(names []string, i int) string {
	if i >= len(names) {
		return names[0]
	}
	return names[i]
}

func indexOf(names []string, s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q: want one of %s", s, strings.Join(names, ", "))
}
