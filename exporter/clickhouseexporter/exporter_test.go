package clickhouseexporter

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/enginetest"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/clickhouse/writer"
	"github.com/summitobs/summit/internal/telemetry"
)

var storeID = component.MustNewID("summit_store")

// testStore is the real engine with a switch in front of its inserts.
type testStore struct {
	clickhouse.Store
	mu      sync.Mutex
	before  func(ins clickhouse.Insert) error
	inserts []clickhouse.Insert
}

func (s *testStore) Insert(ctx context.Context, ins clickhouse.Insert) error {
	s.mu.Lock()
	before := s.before
	s.inserts = append(s.inserts, ins)
	s.mu.Unlock()
	if before != nil {
		if err := before(ins); err != nil {
			return err
		}
	}
	return s.Store.Insert(ctx, ins)
}

func (s *testStore) set(before func(clickhouse.Insert) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *testStore) sent() []clickhouse.Insert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.inserts)
}

func away(clickhouse.Insert) error { return errors.New("the store is away") }

// testHost has the store's extension and keeps the status events.
type testHost struct {
	component.Host
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []componentstatus.Status
}

func (h *testHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *testHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e.Status())
}

func (h *testHost) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

type storeExtension struct {
	component.StartFunc
	component.ShutdownFunc
	store clickhouse.Store
}

func (e storeExtension) Store() clickhouse.Store { return e.store }

// rig is an exporter of all three signals on the real engine.
type rig struct {
	t         *testing.T
	store     *testStore
	host      *testHost
	factory   exporter.Factory
	cfg       *Config
	telemetry *componenttest.Telemetry
	traces    exporter.Traces
	logs      exporter.Logs
	metrics   exporter.Metrics
}

func newRig(t *testing.T, newCodec codecMaker, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, store: &testStore{Store: enginetest.Open(t)}, factory: newFactory(newCodec), telemetry: componenttest.NewTelemetry()}
	t.Cleanup(func() { require.NoError(t, r.telemetry.Shutdown(context.Background())) })
	r.host = &testHost{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{
		storeID: storeExtension{store: r.store}, component.MustNewID("other"): storeExtension{},
	}}
	r.cfg = r.factory.CreateDefaultConfig().(*Config)
	r.cfg.Store = &storeID
	r.cfg.Queue.Path = t.TempDir()
	r.cfg.Queue.SealAfter, r.cfg.Queue.SealAfterBusy = 5*time.Millisecond, 5*time.Millisecond
	if change != nil {
		change(r.cfg)
	}
	return r
}

func (r *rig) start() *rig {
	r.t.Helper()
	set := exportertest.NewNopSettings(r.factory.Type())
	set.TelemetrySettings = r.telemetry.NewTelemetrySettings()
	var err error
	r.traces, err = r.factory.CreateTraces(r.t.Context(), set, r.cfg)
	require.NoError(r.t, err)
	r.logs, err = r.factory.CreateLogs(r.t.Context(), set, r.cfg)
	require.NoError(r.t, err)
	r.metrics, err = r.factory.CreateMetrics(r.t.Context(), set, r.cfg)
	require.NoError(r.t, err)
	for _, c := range []component.Component{r.traces, r.logs, r.metrics} {
		require.NoError(r.t, c.Start(r.t.Context(), r.host))
	}
	return r
}

// stop shuts down; with an ended context what is queued stays on disk.
func (r *rig) stop(ctx context.Context) {
	r.t.Helper()
	for _, c := range []component.Component{r.traces, r.logs, r.metrics} {
		require.NoError(r.t, c.Shutdown(ctx))
	}
}

func (r *rig) count(query string) int {
	r.t.Helper()
	var n uint64
	require.NoError(r.t, r.store.Conn().QueryRow(r.t.Context(), "SELECT toUInt64("+query+")").Scan(&n))
	return int(n)
}

func (r *rig) eventually(query string, want int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.count(query) == want }, 30*time.Second, 10*time.Millisecond, query)
}

const (
	countSpans  = "(SELECT count() FROM events_trace_v1)"
	countIndex  = "(SELECT sum(spans) FROM trace_index_v1)"
	countCalls  = "(SELECT sum(calls) FROM red_1m_v1)"
	countHist   = "(SELECT arraySum(mapValues(sumMap(duration_hist))) FROM red_1m_v1)"
	countErrors = "(SELECT count() FROM events_error_v1)"
)

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// spans makes n spans of one trace that is named by its first byte.
func spans(trace byte, n int, names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	ss := rs.ScopeSpans().AppendEmpty()
	now := time.Now()
	for i := range n {
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{trace, 1})
		var id [8]byte
		binary.BigEndian.PutUint64(id[:], uint64(i+1))
		sp.SetSpanID(id)
		sp.SetName("GET /cart")
		if i < len(names) {
			sp.SetName(names[i])
		}
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i) * time.Millisecond)))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Duration(i+1) * time.Millisecond)))
	}
	return td
}

func logRecords(n int) plog.Logs {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for i := range n {
		lr := sl.LogRecords().AppendEmpty()
		lr.Body().SetStr("order placed")
		lr.SetTraceID(pcommon.TraceID{7})
		lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(i) * time.Millisecond)))
	}
	return ld
}

func points(n int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue.length")
	gauge := m.SetEmptyGauge()
	for i := range n {
		dp := gauge.DataPoints().AppendEmpty()
		dp.SetIntValue(int64(i))
		dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(i) * time.Second)))
	}
	return md
}

func TestAcknowledgedSpansAreInTheTableAndTheRollupsOnce(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	for i := range 20 {
		require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(byte(i), 10)))
	}
	r.stop(t.Context())
	require.Equal(t, 200, r.count(countSpans))
	require.Equal(t, 200, r.count(countIndex))
	require.Equal(t, 200, r.count(countCalls))
	require.Equal(t, 200, r.count(countHist))
	require.Equal(t, 200, r.count("(SELECT countIf(abs(dateDiff('second', ingested_at, now64(3))) < 60) FROM events_trace_v1)"))
}

func TestInsertCarriesTheSettingsOfItsSegment(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 3)))
	r.stop(t.Context())
	sent := r.store.sent()
	require.Len(t, sent, 1)
	got := maps.Clone(sent[0].Settings)
	require.Regexp(t, `^[0-9a-f-]{36}-1-events_trace_v1$`, got["insert_deduplication_token"])
	delete(got, "insert_deduplication_token")
	require.Equal(t, map[string]string{
		"async_insert": "0", "deduplicate_blocks_in_dependent_materialized_views": "1", "max_insert_threads": "1", "max_partitions_per_insert_block": "0",
		"min_insert_block_size_rows": "1048449", "min_insert_block_size_bytes": "0",
		"materialize_skip_indexes_on_insert": "0", "optimize_on_insert": "0",
	}, got)
	logs := currentSettings().forTable("logs_v1", "token")
	require.NotContains(t, logs, "optimize_on_insert")
}

func TestReplayedSegmentIsANoOp(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	r.store.set(away)
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 50)))
	r.stop(ended())
	segments, err := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "*.seg"))
	require.NoError(t, err)
	require.Len(t, segments, 1)
	saved, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	r.store.set(nil)
	for range 3 {
		// As after a kill between the engine's commit and the removal of the file.
		require.NoError(t, os.WriteFile(segments[0], saved, 0o600))
		r.start().stop(t.Context())
		require.NoFileExists(t, segments[0])
		require.Equal(t, 50, r.count(countSpans))
		require.Equal(t, 50, r.count(countIndex))
		require.Equal(t, 50, r.count(countCalls))
	}
}

func TestEqualRequestsAreTwo(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) { c.Queue.SealRowsTraces = 1 }).start()
	td := spans(1, 1)
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), td))
	r.stop(t.Context())
	require.Equal(t, 2, r.count(countSpans), "a segment's token is not its content")
}

func TestStoreThatIsAwayDelaysAndIsReported(t *testing.T) {
	r := newRig(t, plainCodec, nil)
	r.store.set(away)
	r.start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 5)), "durable is enough for the answer")
	require.Eventually(t, func() bool { return slices.Contains(r.host.statuses(), componentstatus.StatusRecoverableError) },
		30*time.Second, time.Millisecond)
	r.store.set(nil)
	r.eventually(countSpans, 5)
	require.Eventually(t, func() bool { return slices.Contains(r.host.statuses(), componentstatus.StatusOK) },
		30*time.Second, time.Millisecond)
	r.stop(t.Context())
	require.Equal(t, 5, r.count(countSpans))
}

func TestMissingColumnOrTableWaitsForTheSchema(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 1, nameWrongColumn)))
	require.Eventually(t, func() bool { return slices.Contains(r.host.statuses(), componentstatus.StatusRecoverableError) },
		30*time.Second, time.Millisecond)
	r.stop(ended())
	segments, err := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "*.seg"))
	require.NoError(t, err)
	require.Len(t, segments, 1, "the segment waits")
}

func TestRefusedBlockIsSetAsideAndTheRestGoesOn(t *testing.T) {
	for _, name := range []string{nameWrongType, nameBrokenBlock} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, plainCodec, nil).start()
			require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 4, name)))
			r.eventually(countSpans, 4) // the other table of the same segment
			require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(2, 2)))
			r.stop(t.Context())
			require.Equal(t, 6, r.count(countSpans))
			require.Zero(t, r.count(countErrors))
			kept, err := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "quarantine", "*.seg"))
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.Equal(t, map[string]int64{"store_refused traces": 1}, r.dropped())
		})
	}
}

func TestSegmentThatPanicsIsSetAside(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 4, nameSetPanic)))
	require.Eventually(t, func() bool {
		kept, _ := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "quarantine", "*.seg"))
		return len(kept) == 1
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(2, 2)))
	r.stop(t.Context())
	require.Equal(t, 2, r.count(countSpans))
	require.Equal(t, map[string]int64{"segment_refused traces": 4}, r.dropped())
}

// A segment whose catalog can't be made has all of its own rows stored.
func TestRowsAreStoredWithoutWhatIsComputedFromThem(t *testing.T) {
	faults := map[string]func() error{
		"error": func() error { return errors.New("no catalog") },
		"panic": func() error { panic("no catalog") },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			faulty := func(cfg *Config) codec {
				c := newCodec(cfg)
				c.newSet = func(at time.Time) rowSet {
					return tableSet{&writer.Set{Set: segment.NewSet(at, []segment.Deriver{{Name: "catalog", Run: fault}})}}
				}
				return c
			}
			r := newRig(t, faulty, nil).start()
			require.NoError(t, r.traces.ConsumeTraces(t.Context(), shop(4)))
			r.stop(t.Context())
			require.Equal(t, 8, r.count(countSpans))
			require.Equal(t, 2, r.count(countErrors))
			require.Empty(t, r.dropped())
			m, err := r.telemetry.GetMetric("summit_underived_segments_total")
			require.NoError(t, err)
			require.EqualValues(t, 1, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
			kept, err := filepath.Glob(filepath.Join(r.cfg.Queue.Path, "quarantine", "*"))
			require.NoError(t, err)
			require.Empty(t, kept)
		})
	}
}

func TestUnreadableRecordIsSetAsideAlone(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) { c.Queue.SealAfter, c.Queue.SealAfterBusy = time.Hour, time.Hour }).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 2)))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(2, 3, nameBadRecord)))
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(3, 4)))
	r.stop(t.Context())
	require.Equal(t, 6, r.count(countSpans))
	require.Equal(t, map[string]int64{"segment_refused traces": 3}, r.dropped())
}

func TestRequestThatCannotBeEncodedIsRefusedForGood(t *testing.T) {
	for _, name := range []string{nameEncodeError, nameEncodePanic} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, plainCodec, nil).start()
			err := r.traces.ConsumeTraces(t.Context(), spans(1, 3, name))
			require.True(t, consumererror.IsPermanent(err), "%v", err)
			require.Equal(t, codes.InvalidArgument, status.Code(err))
			require.NoError(t, r.traces.ConsumeTraces(t.Context(), ptrace.NewTraces()), "an empty request is nothing to store")
			r.stop(t.Context())
			require.Zero(t, r.count(countSpans))
			require.Equal(t, map[string]int64{"encode_error traces": 3}, r.dropped())
		})
	}
}

func TestSignalsShareOneQueue(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) { c.Queue.SealAfter, c.Queue.SealAfterBusy = time.Hour, time.Hour }).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 2)))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), logRecords(3)))
	require.NoError(t, r.metrics.ConsumeMetrics(t.Context(), points(4)))
	require.NoError(t, r.traces.Shutdown(t.Context()))
	require.NoError(t, r.logs.ConsumeLogs(t.Context(), logRecords(1)), "the queue is open until the last has shut down")
	require.NoError(t, r.logs.Shutdown(t.Context()))
	require.NoError(t, r.metrics.Shutdown(t.Context()))
	require.Len(t, r.store.sent(), 1, "one segment, one INSERT")
	require.Equal(t, 10, r.count(countSpans))
	require.Equal(t, codes.Unavailable, status.Code(r.logs.ConsumeLogs(t.Context(), logRecords(1))))
}

func TestOwnMetrics(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 6)))
	r.eventually(countSpans, 6)
	limit, err := r.telemetry.GetMetric("summit_queue_limit_bytes")
	require.NoError(t, err)
	require.Equal(t, r.cfg.Queue.MaxBytes, limit.Data.(metricdata.Gauge[int64]).DataPoints[0].Value)
	r.stop(t.Context())
	rows, err := r.telemetry.GetMetric("summit_rows_total")
	require.NoError(t, err)
	require.EqualValues(t, 6, rows.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
	for _, name := range []string{"summit_append_duration_seconds", "summit_insert_duration_seconds"} {
		m, err := r.telemetry.GetMetric(name)
		require.NoError(t, err)
		require.EqualValues(t, 1, m.Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
	}
}

// dropped gives summit_dropped_total by "reason signal".
func (r *rig) dropped() map[string]int64 {
	r.t.Helper()
	got := map[string]int64{}
	m, err := r.telemetry.GetMetric(telemetry.DroppedName)
	if err != nil {
		return got // nothing was ever counted
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		reason, _ := p.Attributes.Value("reason")
		signal, _ := p.Attributes.Value("signal")
		got[reason.AsString()+" "+signal.AsString()] += p.Value
	}
	return got
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	missing, wrong := component.MustNewID("missing"), component.MustNewID("other")
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no such extension", func(c *Config) { c.Store = &missing }, `no extension "missing"`},
		{"not started", func(c *Config) { c.Store = &wrong }, `extension "other" has not started`},
		{"no folder", func(c *Config) { c.Queue.Path = "" }, "queue.path must be set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(dataDirEnv, "")
			r := newRig(t, plainCodec, tt.change)
			e, err := r.factory.CreateTraces(t.Context(), exportertest.NewNopSettings(r.factory.Type()), r.cfg)
			require.NoError(t, err)
			require.ErrorContains(t, e.Start(t.Context(), r.host), tt.want)
			require.NoError(t, e.Shutdown(t.Context()))
		})
	}
}

// meters gives a meter that makes instruments and refuses callbacks.
type meters struct{ noop.MeterProvider }

func (meters) Meter(string, ...metric.MeterOption) metric.Meter { return deafMeter{} }

type deafMeter struct{ noop.Meter }

func (deafMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return nil, errors.New("no callbacks")
}

func TestFailedStartLeavesNothingRunning(t *testing.T) {
	r := newRig(t, newCodec, nil)
	set := exportertest.NewNopSettings(r.factory.Type())
	deaf := set
	deaf.MeterProvider = meters{}
	s, err := newSink(deaf, r.cfg, newCodec)
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(t.Context(), r.host), "no callbacks")
	require.Nil(t, s.rollups.job, "the job would go on after the store is closed")
	require.Nil(t, s.store.present())
	require.NoError(t, s.Shutdown(t.Context()))

	again, err := newSink(set, r.cfg, newCodec)
	require.NoError(t, err)
	require.NoError(t, again.Start(t.Context(), r.host), "the queue's folder is free")
	require.NotNil(t, again.rollups.job)
	require.NoError(t, again.Shutdown(t.Context()))
}
