// Package crash holds the test that kills the collector under load and counts afterwards: what was acknowledged is
// there exactly once, in base tables and in rollups. It runs the built binary.
package crash
