package writer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

// logRequest makes one resource's request and gives the function that adds records to it.
func logRequest() (plog.Logs, func(body string, at time.Time) plog.LogRecord) {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "checkout")
	rl.Resource().Attributes().PutStr("service.version", "1.4")
	rl.Resource().Attributes().PutStr("deployment.environment.name", "production")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	return ld, func(body string, at time.Time) plog.LogRecord {
		lr := records.AppendEmpty()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(at))
		lr.Body().SetStr(body)
		return lr
	}
}

func encodeLogs(t testing.TB, enc *writer.Encoder, ld plog.Logs) []byte {
	t.Helper()
	b, err := enc.Logs(ld)
	require.NoError(t, err)
	defer b.Release()
	b.Committed()
	return b.AppendRecord(nil)
}

// rowsOf gives the rows of a query as text.
func rowsOf(t testing.TB, s clickhouse.Store, query string) (out []string) {
	t.Helper()
	rows, err := s.Conn().Query(t.Context(), "SELECT toString(tuple(*)) FROM ("+query+")")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		out = append(out, row)
	}
	require.NoError(t, rows.Err())
	return out
}

func TestLogsReachTheirTables(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	minute := start.Truncate(15 * time.Minute)
	first, add := logRequest()
	for i, user := range []string{"17", "18x", "19"} {
		lr := add("user "+user+" logged in", minute.Add(time.Duration(i)*time.Second))
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		lr.Attributes().PutStr("method", "GET")
	}
	lr := add("cart is closed", minute.Add(time.Second))
	lr.SetSeverityNumber(plog.SeverityNumberError)
	lr.Attributes().PutStr("method", "PUT")
	lr.Body().SetEmptyMap().PutInt("cart", 7)
	second, add := logRequest()
	add("user 20 logged in", minute.Add(2*time.Second)).SetSeverityNumber(plog.SeverityNumberInfo)
	store(t, s, encodeLogs(t, enc, first), encodeLogs(t, enc, second))

	require.EqualValues(t, 5, count(t, s, "logs_v1"))
	require.EqualValues(t, 4, count(t, s, "logs_v1 WHERE pattern_id = xxHash64('user <*> logged in') AND body_type = 'string'"))
	require.EqualValues(t, 1, count(t, s, `logs_v1 WHERE pattern_id = 0 AND body = '{"cart":7}' AND body_type = 'kvlist'`))
	require.EqualValues(t, 5, count(t, s, "logs_v1 WHERE ts_slot = intDiv((toUnixTimestamp(timestamp) - toUnixTimestamp(ts_bucket)) * 16, 300) AND ts_slot < 16"))
	require.Equal(t, []string{"('user <*> logged in','user 17 logged in')"}, rowsOf(t, s, "SELECT template, sample FROM log_patterns_v1"),
		"a pattern is written once a day")
	require.Equal(t, []string{"('checkout','production',9,4,69)", "('checkout','production',17,1,10)"},
		rowsOf(t, s, "SELECT service_name, environment, severity, sum(records), sum(body_bytes) FROM logs_1m_v1 GROUP BY ALL ORDER BY severity"))
	require.Equal(t, []string{"(1,'1.4',1)", "(0,'1.4',4)"},
		rowsOf(t, s, "SELECT pattern_id = 0, service_version, sum(records) FROM log_patterns_15m_v1 GROUP BY ALL ORDER BY ALL DESC"))
	require.Equal(t, []string{"('GET',3,0)", "('PUT',1,1)"},
		rowsOf(t, s, "SELECT value, sum(records), sum(errors) FROM facet_15m_v1 WHERE key = 'method' AND signal = 'log' GROUP BY ALL ORDER BY value"))
	require.Equal(t, []string{"('body','cart','int',1)", "('record','method','string',4)", "('resource','service.name','string',1)"},
		rowsOf(t, s, "SELECT toString(level) AS l, key, type, sum(hits) FROM attr_catalog_v1 WHERE key IN ('cart', 'method', 'service.name') GROUP BY ALL ORDER BY l"))
}

func TestSegmentGivesTheSameInsertsAgain(t *testing.T) {
	enc := writer.New(writer.Options{Now: fixed})
	var records [][]byte
	for i := range 100 {
		ld, add := logRequest()
		lr := add("request "+strings.Repeat("x", i%7), start)
		lr.Attributes().PutStr("id", string(rune('a'+i%26))+strings.Repeat("y", i))
		lr.Attributes().PutInt("status", int64(200+i%3))
		records = append(records, encodeLogs(t, enc, ld))
	}
	inserts := func() map[string][]byte {
		out := map[string][]byte{}
		set := writer.NewSet(start)
		defer set.Release()
		for _, r := range records {
			require.NoError(t, set.Add(r))
		}
		require.NoError(t, set.Each(func(ins writer.Insert) error {
			var buf bytes.Buffer
			_, err := ins.WriteTo(&buf)
			out[ins.Table] = buf.Bytes()
			return err
		}))
		return out
	}
	one := inserts()
	require.Contains(t, one, "facet_15m_v1")
	for range 5 {
		require.Equal(t, one, inserts())
	}
}

func TestWideKeysHaveNoFacetInSmallSegments(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	request := func(i int) []byte {
		ld, add := logRequest()
		lr := add("x", start)
		lr.Attributes().PutStr("id", strings.Repeat("z", i))
		lr.Attributes().PutStr("method", "GET")
		return encodeLogs(t, enc, ld)
	}
	for i := range 100 {
		request(i)
	}
	store(t, s, request(100), request(101))
	require.Equal(t, []string{"('method',2)"}, rowsOf(t, s, "SELECT key, sum(records) FROM facet_15m_v1 WHERE key IN ('id', 'method') GROUP BY key"))
	require.Equal(t, []string{"('id',2)"}, rowsOf(t, s, "SELECT key, sum(hits) FROM attr_catalog_v1 WHERE key = 'id' GROUP BY key"))
}

func TestExceptionsInLogRecords(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	ld, add := logRequest()
	lr := add("payment failed", start)
	lr.SetSeverityNumber(plog.SeverityNumberWarn)
	lr.SetTraceID([16]byte{1, 15: 9})
	lr.SetSpanID([8]byte{7: 3})
	lr.Attributes().PutStr("exception.type", "PaymentError")
	lr.Attributes().PutStr("exception.message", "card 4711 declined")
	lr.Attributes().PutStr("session.id", "s-1")
	add("nothing happened", start)
	record := encodeLogs(t, enc, ld)
	store(t, s, record)

	res := ld.ResourceLogs().At(0).Resource().Attributes()
	source := envelope.LogEventID(tenant.Default, envelope.ResourceHash(res), start.UnixNano(), 0, lr.TraceID(), lr.SpanID(), envelope.LogContent(lr))
	id := tenant.ID(envelope.ErrorEventID(source, 0)).String()
	require.Equal(t, []string{"('" + id + "','log','warning','PaymentError','card 4711 declined','checkout','s-1',1)"},
		rowsOf(t, s, `SELECT event_id, source, level, exception_type, exception_message, service_name, session_id,
			trace_id = unhex('01000000000000000000000000000009') AND span_id = 3 AND error_fp != toFixedString('', 16) FROM events_error_v1`))
	require.EqualValues(t, 2, count(t, s, "logs_v1"), "the log stays a log")
}

func TestLogTimes(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	ld, add := logRequest()
	add("none", time.Unix(0, 0))
	observed := add("observed only", time.Unix(0, 0))
	observed.SetObservedTimestamp(pcommon.NewTimestampFromTime(start.Add(-time.Minute)))
	add("future", start.Add(1000*time.Hour))
	add("ancient", start.Add(-10000*time.Hour))
	b, err := enc.Logs(ld)
	require.NoError(t, err)
	require.Equal(t, []writer.Drop{{Reason: "time_out_of_range", Signal: writer.SignalLogs, Items: 2}}, b.Dropped())
	store(t, s, b.AppendRecord(nil))
	b.Release()
	require.Equal(t, []string{"('ancient',6,0)", "('future',6,0)", "('none',3,0)", "('observed only',1,-60)"},
		rowsOf(t, s, "SELECT body, time_flags, toUnixTimestamp(timestamp) - "+count64(start)+" FROM logs_v1 ORDER BY body"))
	require.EqualValues(t, 2, count(t, s, "logs_v1 WHERE mapContains(attrs_int, 'summit.otlp.time_unix_nano')"))
}

func TestLogsOfAnInvalidTenantGoToQuarantine(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed})
	ld, add := logRequest()
	add("kept aside", start)
	ld.ResourceLogs().At(0).Resource().Attributes().PutStr(envelope.AttrTenantID, "nobody")
	b, err := enc.Logs(ld)
	require.NoError(t, err)
	require.Equal(t, 1, b.Dropped()[0].Items)
	store(t, s, b.AppendRecord(nil))
	b.Release()
	require.Zero(t, count(t, s, "logs_v1"))
	require.Equal(t, []string{"('logs','invalid_tenant',1,1)"},
		rowsOf(t, s, "SELECT signal, reason, items, position(payload, 'kept aside') > 0 FROM quarantine_v1"))
}

func TestLongBodiesAreCutAndCounted(t *testing.T) {
	s := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: fixed, MaxValueBytes: 100})
	ld, add := logRequest()
	add(strings.Repeat("long ", 100), start)
	b, err := enc.Logs(ld)
	require.NoError(t, err)
	require.Equal(t, []writer.Drop{{Reason: "attribute_value_cut", Signal: writer.SignalLogs, Items: 1}}, b.Dropped())
	store(t, s, b.AppendRecord(nil))
	b.Release()
	require.EqualValues(t, 1, count(t, s, "logs_v1 WHERE length(body) < 150 AND endsWith(body, '[cut, was 500 bytes]') AND attrs_str['summit.cut.keys'] = 'body'"))
}
