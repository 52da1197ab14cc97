package ledger

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/testbed/process"
)

// Store asks what the tables hold.
type Store struct {
	t        testing.TB
	places   process.Places
	database string
}

// NewStore makes a Store of the system whose store is at the places.
func NewStore(t testing.TB, places process.Places) *Store {
	return &Store{t: t, places: places, database: "summit"}
}

// In gives the same of another database.
func (s *Store) In(database string) *Store {
	return &Store{t: s.t, places: s.places, database: database}
}

func (s *Store) rows(query string) [][]string {
	s.t.Helper()
	rows, err := process.SQLIn(s.t.Context(), s.places, s.database, query)
	require.NoError(s.t, err)
	return rows
}

func (s *Store) number(query string) int64 {
	s.t.Helper()
	rows := s.rows(query)
	require.Len(s.t, rows, 1, query)
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	require.NoError(s.t, err, query)
	return n
}

var baseCounts = [signals]string{
	Traces: "SELECT count() FROM events_trace_v1 WHERE service_name = '" + service + "'",
	Logs:   "SELECT count() FROM logs_v1 WHERE service_name = '" + service + "'",
	Points: "SELECT count() FROM metrics_runtime_v1 WHERE metric_name = '" + metricName + "'",
}

// Spans is how many are there.
func (s *Store) Spans() int64 {
	s.t.Helper()
	return s.number(baseCounts[Traces])
}

// RequireExactlyOnce compares every request with its rows: what was acknowledged is there once, what was refused isn't
// there, the rest is there once or not at all.
func (s *Store) RequireExactlyOnce(l *Ledger) {
	s.t.Helper()
	missing := s.RequireAtMostOnce(l)
	require.Empty(s.t, missing, "requests were acknowledged and are lost")
}

// RequireAtMostOnce is RequireExactlyOnce but for acknowledged requests that are missing, which it returns.
func (s *Store) RequireAtMostOnce(l *Ledger) (missing []string) {
	s.t.Helper()
	queries := [signals]string{
		Traces: "SELECT hex(trace_id), count(), uniqExact(span_id) FROM events_trace_v1 WHERE service_name = '" + service + "' GROUP BY trace_id",
		Logs:   "SELECT hex(trace_id), count(), uniqExact(timestamp) FROM logs_v1 WHERE service_name = '" + service + "' GROUP BY trace_id",
		Points: fmt.Sprintf("SELECT intDiv(toUnixTimestamp64Nano(timestamp) - %d, %d) AS n, count(), uniqExact(timestamp) FROM metrics_runtime_v1 WHERE metric_name = '%s' GROUP BY n",
			l.base.UnixNano(), perRequest*time.Microsecond.Nanoseconds(), metricName),
	}
	for sig := range signals {
		found := map[uint64]bool{}
		for _, row := range s.rows(queries[sig]) {
			n := requestOf(s.t, sig, row[0])
			f, known := l.fate[sig][n]
			require.True(s.t, known, "%s request %d was never sent", sig, n)
			require.NotEqual(s.t, refused, f, "%s request %d was refused and is there", sig, n)
			require.Equal(s.t, []string{strconv.Itoa(perRequest), strconv.Itoa(perRequest)}, row[1:], "%s request %d: rows and distinct rows", sig, n)
			found[n] = true
		}
		for n, f := range l.fate[sig] {
			if f == acknowledged && !found[n] {
				missing = append(missing, fmt.Sprintf("%s %d", sig, n))
			}
		}
		s.t.Logf("%s: %d requests acknowledged, %d refused, %d unanswered, %d there", sig,
			l.count(sig, acknowledged), l.count(sig, refused), l.count(sig, unanswered), len(found))
	}
	return missing
}

func requestOf(t testing.TB, sig Signal, key string) uint64 {
	t.Helper()
	if sig == Points {
		n, err := strconv.ParseUint(key, 10, 64)
		require.NoError(t, err)
		return n
	}
	id, err := hex.DecodeString(key)
	require.NoError(t, err)
	require.Len(t, id, 16)
	n, err := strconv.ParseUint(hex.EncodeToString(id[8:]), 16, 64)
	require.NoError(t, err)
	return n
}

// RequireRollupsEqual compares what is summed with what it is the sum of.
func (s *Store) RequireRollupsEqual() {
	s.t.Helper()
	spans, records := s.number(baseCounts[Traces]), s.number(baseCounts[Logs])
	require.Positive(s.t, spans)
	failed := spans / perRequest * errorsPerRequest
	for _, c := range []struct {
		name, query string
		want        int64
	}{
		{"spans by trace", "SELECT sum(spans) FROM trace_index_v1 WHERE startsWith(trace_id, 'crashrun')", spans},
		{"failed spans by trace", "SELECT sum(errors) FROM trace_index_v1 WHERE startsWith(trace_id, 'crashrun')", failed},
		{"calls by minute", "SELECT toInt64(sum(calls)) FROM red_1m_v1 WHERE service_name = '" + service + "'", spans},
		{"failed calls by minute", "SELECT toInt64(sum(errors)) FROM red_1m_v1 WHERE service_name = '" + service + "'", failed},
		{"errors", "SELECT count() FROM events_error_v1 WHERE service_name = '" + service + "'", failed},
		{"errors by group", "SELECT sum(events) FROM error_groups_v1 WHERE service_name = '" + service + "'", failed},
		{"groups of errors", "SELECT uniqExact(error_fp) FROM error_groups_v1 WHERE service_name = '" + service + "'", errorsPerRequest},
		{"records by minute", "SELECT sum(records) FROM logs_1m_v1 WHERE service_name = '" + service + "'", records},
	} {
		require.Equal(s.t, c.want, s.number(c.query), c.name)
	}
}

// windowsLimit is how long the rollup of points may take after a start, which makes it look for what it is behind with.
const windowsLimit = time.Minute

// RequireWindowsEqual waits until the rollup of points over five minutes counts all that are there. It is made by a job,
// which is sure to look at everything after a start only.
func (s *Store) RequireWindowsEqual() {
	s.t.Helper()
	want := s.number(baseCounts[Points])
	query := "SELECT toInt64(sum(samples)) FROM metrics_runtime_5m_v1 FINAL WHERE metric_name = '" + metricName + "'"
	require.Eventually(s.t, func() bool { return s.number(query) == want }, windowsLimit, 200*time.Millisecond,
		"points by five minutes: want %d", want)
}
