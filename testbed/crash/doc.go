// Package crash holds the crash matrix: tests that run the built binary, do to it what machines and disks do (kills in any
// moment, torn and flipped bytes, full and read-only disks, a store that stands still, a clock that jumps) and count
// afterwards. What was acknowledged is there exactly once, in base tables and in rollups; what was refused was counted and
// reported to the client; what was damaged on disk is set aside and reported. Each test has a short form and, with
// -crash.long, a long one; CRASH_SEED makes it choose other points.
package crash
