package reader_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/reader"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/tenant"
)

// whole is what the rows of these tests lie in.
var whole = reader.Scope{Tenant: tenant.Default, From: now.Add(-time.Hour), To: now.Add(time.Hour)}

// seed stores one span, log record and metric of each kind.
func seed(t *testing.T) clickhouse.Store {
	t.Helper()
	store := enginetest.Open(t)
	enc := writer.New(writer.Options{Now: func() time.Time { return now }})
	at := pcommon.NewTimestampFromTime(now)

	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte([]byte("0123456789abcdef")))
	sp.SetSpanID([8]byte{2})
	sp.SetStartTimestamp(at)
	sp.SetEndTimestamp(at)
	sp.Events().AppendEmpty().SetName("e")
	sp.Links().AppendEmpty().SetTraceID([16]byte{3})
	spans, err := enc.Traces(td)
	require.NoError(t, err)

	ld := plog.NewLogs()
	lr := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(at)
	lr.Body().SetEmptyBytes().FromRaw([]byte{1})
	records, err := enc.Logs(ld)
	require.NoError(t, err)

	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	gauge := ms.AppendEmpty()
	gauge.SetName("g")
	p := gauge.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(at)
	e := p.Exemplars().AppendEmpty()
	e.SetTimestamp(at)
	e.FilteredAttributes().PutInt("typed", 1)
	histogram := ms.AppendEmpty()
	histogram.SetName("h")
	histogram.SetEmptyHistogram().DataPoints().AppendEmpty().SetTimestamp(at)
	points, err := enc.Metrics(md)
	require.NoError(t, err)

	insert(t, store, spans, records, points)
	return store
}

// signals are the readers by what they read.
var signals = map[string]func(store clickhouse.Store, s reader.Scope) error{
	"spans": func(store clickhouse.Store, s reader.Scope) error {
		_, err := reader.Spans(context.Background(), store.Conn(), s)
		return err
	},
	"logs": func(store clickhouse.Store, s reader.Scope) error {
		_, err := reader.Logs(context.Background(), store.Conn(), s)
		return err
	},
	"metrics": func(store clickhouse.Store, s reader.Scope) error {
		_, err := reader.Metrics(context.Background(), store.Conn(), s)
		return err
	},
}

// read gives the error of each signal.
func read(store clickhouse.Store, scope reader.Scope) map[string]error {
	out := map[string]error{}
	for signal, read := range signals {
		out[signal] = read(store, scope)
	}
	return out
}

// A row whose bytes say nothing is an error that names what can't be read, never half an answer and never a crash; the other
// signals are read on.
func TestDamagedRowsAreErrors(t *testing.T) {
	const torn = `'\x0a\xff'`
	store := seed(t)
	for signal, err := range read(store, whole) {
		require.NoError(t, err, signal)
	}
	window := reader.Scope{Tenant: tenant.Default, From: now}
	for _, tc := range []struct {
		name, table, replace, signal, want string
	}{
		{"attribute of a span", "events_trace_v1", "map('k', " + torn + ") AS attrs_any", "spans", `span 0200000000000000 of trace 30313233343536373839616263646566: attribute "k": `},
		{"event of a span", "events_trace_v1", "[" + torn + "] AS `events.attrs_any`", "spans", "event 0: "},
		{"link of a span", "events_trace_v1", "[" + torn + "] AS `links.attrs_any`", "spans", "link 0: "},
		{"scope of a span", "events_trace_v1", torn + " AS scope_extra", "spans", ""},
		{"kind that isn't there", "events_trace_v1", "8 AS time_flags", "spans", "the flags promise an attribute summit.otlp.kind, which is not there"},
		{"status that isn't there", "events_trace_v1", "16 AS time_flags", "spans", "summit.otlp.status_code"},
		{"time that isn't there", "events_trace_v1", "4 AS time_flags", "spans", "summit.otlp.end_time_unix_nano"},
		{"another attribute first", "events_trace_v1", "8 AS time_flags, map('other', 1) AS attrs_int", "spans", "summit.otlp.kind"},
		{"resource of a span", "events_trace_v1", "77 AS resource_fp", "spans", "read resources: 000000000000004d is not in the store"},
		{"attribute of a log record", "logs_v1", "map('k', " + torn + ") AS attrs_any", "logs", `log record: attribute "k": `},
		{"body", "logs_v1", torn + " AS body_any", "logs", "log record: "},
		{"scope of a log record", "logs_v1", torn + " AS scope_extra", "logs", ""},
		{"severity that isn't there", "logs_v1", "8 AS time_flags", "logs", "summit.otlp.severity_number"},
		{"log time that isn't there", "logs_v1", "4 AS time_flags", "logs", "summit.otlp.time_unix_nano"},
		{"resource of a log record", "logs_v1", "77 AS resource_fp", "logs", "000000000000004d is not in the store"},
		{"point without a series", "metrics_runtime_v1", "77 AS series_fp", "metrics", "a point refers to series 77, which is not there"},
		{"histogram without a series", "metrics_hist_v1", "78 AS series_fp", "metrics", "a point refers to series 78, which is not there"},
		{"exemplar", "metric_exemplars_v1", torn + " AS attrs_typed", "metrics", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Each case has a minute of its own, in which the damaged copy lies.
			window.From = window.From.Add(time.Minute)
			window.To = window.From.Add(time.Second)
			damage(t, store, tc.table, tc.replace, window.From)
			require.ErrorContains(t, signals[tc.signal](store, window), tc.want)
		})
	}
	for signal, err := range read(store, whole) {
		require.Error(t, err, signal)
	}
	for signal, err := range read(store, reader.Scope{Tenant: whole.Tenant, From: now, To: now.Add(time.Second)}) {
		require.NoError(t, err, "%s of another time", signal)
	}
}

// damage stores the first row of a table again with some columns replaced, at a time.
func damage(t *testing.T, store clickhouse.Store, into, replace string, at time.Time) {
	t.Helper()
	stamp := "fromUnixTimestamp64Nano(" + strconv.FormatInt(at.UnixNano(), 10) + ", 'UTC')"
	replace += ", " + stamp + " AS timestamp"
	first := strconv.FormatInt(now.UnixNano(), 10)
	where := "toUnixTimestamp64Nano(timestamp) = " + first
	if into == "metric_exemplars_v1" { // read with its point, which is stored again as well
		replace += ", " + stamp + " AS point_ts"
		damage(t, store, "metrics_runtime_v1", "series_fp AS series_fp", at)
	}
	require.NoError(t, store.Conn().Exec(t.Context(), "INSERT INTO "+into+" SELECT * REPLACE ("+replace+") FROM (SELECT * FROM "+into+" WHERE "+where+" LIMIT 1)"))
}

// A series points to the description of its metric.
func TestSeriesWithoutItsDescriptionIsAnError(t *testing.T) {
	store := seed(t)
	require.NoError(t, store.Conn().Exec(t.Context(), "TRUNCATE TABLE metric_meta_v1"))
	errs := read(store, whole)
	require.ErrorContains(t, errs["metrics"], "refers to description")
	require.ErrorContains(t, errs["metrics"], "which is not there")
	require.NoError(t, errs["spans"])
	require.NoError(t, errs["logs"])
}

// A histogram's points under a series that says it is a gauge would be lost in it.
func TestPointsOfAnotherKindAreAnError(t *testing.T) {
	store := seed(t)
	require.NoError(t, store.Conn().Exec(t.Context(), `INSERT INTO metrics_hist_v1 (tenant_id, metric_name, ts_bucket, series_fp, timestamp, kind)
		SELECT tenant_id, metric_name, toStartOfHour(now()), series_fp, fromUnixTimestamp64Nano({at:Int64}, 'UTC'), 'histogram' FROM metric_series_v1 WHERE metric_name = 'g' LIMIT 1`,
		clickhouse.Named("at", strconv.FormatInt(now.UnixNano(), 10))))
	require.ErrorContains(t, read(store, whole)["metrics"], "has points of a histogram, but is a Gauge")
}

// Errors of the store and of the question name what was read.
func TestErrorsNameWhatWasRead(t *testing.T) {
	store := seed(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		read func(ctx context.Context, s reader.Scope) error
	}{
		{"spans", func(ctx context.Context, s reader.Scope) error {
			_, err := reader.Spans(ctx, store.Conn(), s)
			return err
		}},
		{"spans", func(ctx context.Context, s reader.Scope) error {
			_, err := reader.Trace(ctx, store.Conn(), s, [16]byte{1})
			return err
		}},
		{"log records", func(ctx context.Context, s reader.Scope) error {
			_, err := reader.Logs(ctx, store.Conn(), s)
			return err
		}},
		{"series", func(ctx context.Context, s reader.Scope) error {
			_, err := reader.Metrics(ctx, store.Conn(), s)
			return err
		}},
	} {
		require.NoError(t, tc.read(t.Context(), whole))
		require.ErrorIs(t, tc.read(ended, whole), context.Canceled)
		require.ErrorContains(t, tc.read(ended, whole), "read "+tc.name+": ")
		require.ErrorContains(t, tc.read(t.Context(), reader.Scope{From: whole.From, To: whole.To}), "read "+tc.name+": no tenant")
		require.ErrorContains(t, tc.read(t.Context(), reader.Scope{Tenant: whole.Tenant, From: whole.To, To: whole.From}), "not before its end")
	}
}
