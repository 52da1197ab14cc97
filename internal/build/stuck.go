package build

import (
	"slices"
	"time"
)

// Bounds of the silence after which a run counts as stuck.
const (
	// StuckFloor is how long any run may be silent: providers deliver late.
	StuckFloor = 5 * time.Minute
	// StuckUnknown is how long a run may be silent whose pipeline has fewer than StuckHistory runs to compare with.
	StuckUnknown = 6 * time.Hour
	// StuckHistory is the number of runs that make a history.
	StuckHistory = 10
)

// StuckAfter is the longest silence that a pipeline's history makes likely: the 99th percentile of how long its ended
// runs took from creation to end. history needs no order and is not changed.
func StuckAfter(history []time.Duration) time.Duration {
	if len(history) < StuckHistory {
		return StuckUnknown
	}
	sorted := slices.Sorted(slices.Values(history))
	rank := (len(sorted)*99 + 99) / 100
	return max(StuckFloor, sorted[rank-1])
}

// Stuck tells whether a run that hasn't ended has been silent for too long, and since when. lastEvent is the time of the
// newest event of the run or any of its tasks. A run that waits for an approval waits for a person and isn't stuck.
func Stuck(status Status, lastEvent, now time.Time, history []time.Duration) (since time.Time, stuck bool) {
	if status.Finished() || status == StatusWaiting || lastEvent.IsZero() {
		return time.Time{}, false
	}
	since = lastEvent.Add(StuckAfter(history))
	return since, now.After(since)
}
