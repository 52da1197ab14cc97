package clickhouseexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/blockqueue"
	"github.com/summitobs/summit/internal/clickhouse/segment"
	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/telemetry"
)

// The classes of records in the queue: one per signal, each with its own limit of rows.
const (
	classTraces uint8 = iota
	classLogs
	classMetrics
)

var classSignals = []telemetry.Signal{telemetry.Traces, telemetry.Logs, telemetry.Metrics}

// sink is what the exporters of one component id share: one codec, one queue, one way to the store.
type sink struct {
	id    component.ID
	cfg   *Config
	log   *zap.Logger
	tel   *instruments
	codec codec
	store *storeLink
	// rollups are computed from what this sink has inserted.
	rollups rollups

	// mu guards opening and closing.
	mu      sync.Mutex
	started int
	queue   *blockqueue.Queue
	gauges  metric.Registration

	// healthMu guards what is told to the collector; drain workers take it while mu may be held.
	healthMu sync.Mutex
	hosts    []component.Host
	failure  error

	buffers sync.Pool
	// forget removes the sink from the factory's table when its last exporter has shut down.
	forget func()
}

func newSink(set exporter.Settings, cfg *Config, newCodec codecMaker) (*sink, error) {
	tel, err := newInstruments(set)
	if err != nil {
		return nil, err
	}
	s := &sink{
		id: set.ID, cfg: cfg, log: set.Logger, tel: tel, codec: newCodec(cfg),
		store: newStoreLink(cfg, set.Logger), forget: func() {},
		rollups: rollups{log: set.Logger},
	}
	s.buffers.New = func() any { return new([]byte) }
	return s, nil
}

// Start opens the queue when the first of the exporters starts.
func (s *sink) Start(_ context.Context, host component.Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started == 0 {
		if err := s.open(host); err != nil {
			return err
		}
	}
	s.started++
	s.join(host)
	return nil
}

func (s *sink) open(host component.Host) error {
	if err := s.store.start(host); err != nil {
		return err
	}
	path, err := s.cfg.queuePath(s.id)
	if err != nil {
		return err
	}
	meta, err := currentSettings().encode()
	if err != nil {
		return err
	}
	q := s.cfg.Queue
	drain := &drainer{sink: s, done: map[uint64]map[string]error{}, read: map[uint64]bool{}}
	s.queue, err = blockqueue.Open(path, blockqueue.Options{
		MaxBytes: q.MaxBytes, MaxRecordBytes: q.MaxRequestBytes, MaxRecordRows: maxRowsPerInsert,
		SealRows:     []int{classTraces: q.SealRowsTraces, classLogs: q.SealRowsLogs, classMetrics: q.SealRowsMetrics},
		SealRawBytes: q.SealRawBytes, SealAfter: q.SealAfter, SealAfterBusy: q.SealAfterBusy,
		Consumers: q.ParallelSegments, MaxQuarantineBytes: q.MaxQuarantineBytes,
		Meta: meta, Consume: drain.consume, OnSetAside: s.countSetAside, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("open the queue in %s: %w", path, err)
	}
	if store := s.store.present(); store != nil {
		s.rollups.start(store)
	}
	if s.gauges, err = s.tel.watch(s.queue.Stats); err != nil {
		return errors.Join(err, s.abandon())
	}
	return nil
}

// abandon undoes open without waiting for the store to take what is queued: the next start will.
func (s *sink) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.queue.Close(ctx)
	s.rollups.stop()
	return errors.Join(err, s.store.close())
}

// Shutdown closes the queue when the last of the exporters shuts down: what is queued goes to the store until
// shutdown_timeout or ctx ends, the rest stays for the next start.
func (s *sink) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.started == 0 {
		s.mu.Unlock()
		s.forget()
		return nil
	}
	s.started--
	last := s.started == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	s.forget()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ShutdownTimeout)
	defer cancel()
	err := s.queue.Close(ctx)
	if left := s.queue.Stats(); left.Segments > 0 {
		s.log.Info("the store did not take everything before the shutdown; it will after the next start",
			zap.Int("segments", left.Segments), zap.Int64("bytes", left.Bytes))
	}
	s.rollups.stop()
	return errors.Join(err, s.gauges.Unregister(), s.store.close())
}

// push puts one request's rows into the queue as one record: it is taken whole or refused whole. It returns nil once the
// record is fsynced.
func (s *sink) push(ctx context.Context, class uint8, items int, encode func(encoder) (batch, error)) error {
	signal := classSignals[class]
	if items > maxRowsPerInsert {
		// Before they are encoded: items can be as small as two bytes, their rows are hundreds.
		return s.refuse(ctx, items, signal, fmt.Errorf("%w: %d items, at most %d", blockqueue.ErrTooLarge, items, maxRowsPerInsert))
	}
	b, err := guarded(func() (batch, error) { return encode(s.codec.encoder) })
	if malformed := new(otlpitem.MalformedError); errors.As(err, &malformed) {
		return invalid(err) // as a request that no decoder takes
	}
	if err != nil {
		s.tel.drops.Add(ctx, items, "encode_error", signal, zap.Error(err))
		return invalid(fmt.Errorf("encode %s: %w", signal, err))
	}
	defer b.Release()
	if b.Rows() == 0 {
		s.countDropped(ctx, b)
		return nil
	}
	if raw := b.RawBytes(); raw > segment.MaxRaw {
		return s.refuse(ctx, items, signal, fmt.Errorf("%w: %d bytes as rows, at most %d", blockqueue.ErrTooLarge, raw, segment.MaxRaw))
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	*buf = b.AppendRecord((*buf)[:0])
	began := time.Now()
	err = s.queue.Append(ctx, blockqueue.Record{Payload: *buf, Rows: b.Rows(), RawBytes: b.RawBytes(), Class: class})
	if err == nil {
		s.tel.appended(ctx, signal, time.Since(began))
		b.Committed()
		s.countDropped(ctx, b)
		return nil
	}
	return s.refuse(ctx, items, signal, err)
}

// refuse counts a request that isn't taken and gives the sender's answer.
func (s *sink) refuse(ctx context.Context, items int, signal telemetry.Signal, err error) error {
	answer := refuse(err)
	if answer.dropped {
		s.tel.drops.Add(ctx, items, answer.reason, signal, zap.Error(err))
	} else {
		s.tel.refuse(ctx, items, answer.reason, signal)
	}
	return answer.err
}

// countDropped counts what the encoder left out or changed, once it can't come again with a resend.
func (s *sink) countDropped(ctx context.Context, b batch) {
	for _, d := range b.Dropped() {
		s.tel.drops.Add(ctx, d.Items, d.Reason, telemetry.Signal(d.Signal))
	}
}

// guarded turns a panic into an error: one malformed request must not end the process, nor a segment end it again at
// every start.
func guarded[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return f()
}

// countSetAside counts acknowledged rows that will not reach the store by themselves. Rows that the store refused were
// counted per table where that happened.
func (s *sink) countSetAside(rep blockqueue.SetAside) {
	if rep.Cause == blockqueue.CauseRefused && rep.Class < 0 && !rep.Lost {
		return
	}
	signal := telemetry.Unknown
	if rep.Class >= 0 {
		signal = classSignals[rep.Class]
	}
	reason := "segment_" + rep.Cause
	if rep.Lost {
		reason = "quarantine_full"
	}
	s.tel.drops.Add(context.Background(), max(1, rep.Rows), reason, signal, zap.String("path", rep.Path))
}

// join adds a host to those that are told, and tells it if something is wrong already.
func (s *sink) join(host component.Host) {
	s.healthMu.Lock()
	s.hosts = append(s.hosts, host)
	failure := s.failure
	s.healthMu.Unlock()
	if failure != nil {
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(failure))
	}
}

// health tells the collector when the store stops or begins to take rows.
func (s *sink) health(err error) {
	s.healthMu.Lock()
	changed := (err != nil) != (s.failure != nil)
	s.failure = err
	hosts := append([]component.Host(nil), s.hosts...)
	s.healthMu.Unlock()
	if !changed {
		return
	}
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if err != nil {
		event = componentstatus.NewRecoverableErrorEvent(err)
	}
	for _, h := range hosts {
		componentstatus.ReportStatus(h, event)
	}
}
