package clickhouseexporter

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/clickhouse/segment"
)

// rawBatch is a batch that says how large it is.
type rawBatch struct {
	plainBatch
	raw int
}

func (b *rawBatch) RawBytes() int { return b.raw }

func TestRequestThatNoSegmentCanHoldIsRefusedForGood(t *testing.T) {
	r := newRig(t, plainCodec, nil).start()
	s := r.logs.(signalExporter)
	err := s.push(t.Context(), classLogs, maxRowsPerInsert+1, func(encoder) (batch, error) {
		require.Fail(t, "so many records are not even encoded")
		return nil, nil
	})
	require.True(t, consumererror.IsPermanent(err), "%v", err)
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	huge := &rawBatch{plainBatch{[]plainRow{{Name: "x", Start: time.Now().UnixNano()}}}, segment.MaxRaw + 1}
	err = s.push(t.Context(), classTraces, 1, func(encoder) (batch, error) { return huge, nil })
	require.True(t, consumererror.IsPermanent(err), "an answer of success for what can't be read again: %v", err)
	r.stop(t.Context())
	require.Zero(t, r.count(countSpans))
	require.Equal(t, map[string]int64{"too_large logs": maxRowsPerInsert + 1, "too_large traces": 1}, r.dropped())
}

// brokenOff is a store that calls a block bad which was broken off by a shutdown.
type brokenOff struct {
	clickhouse.Store
	once    sync.Once
	entered chan struct{}
}

func (s *brokenOff) Insert(ctx context.Context, _ clickhouse.Insert) error {
	s.once.Do(func() { close(s.entered) })
	<-ctx.Done()
	return &clickhouse.Exception{Code: 33, Message: "Code: 33. DB::Exception: Cannot read all data."}
}

func TestBlockBrokenOffByAShutdownIsNotRefused(t *testing.T) {
	r := newRig(t, plainCodec, nil)
	store := &brokenOff{Store: r.store, entered: make(chan struct{})}
	r.host.extensions[storeID] = storeExtension{store: store}
	r.start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(1, 3)))
	<-store.entered
	r.stop(ended())
	require.NoDirExists(t, filepath.Join(r.cfg.Queue.Path, "quarantine"))
	r.host.extensions[storeID] = storeExtension{store: r.store}
	r.start().stop(t.Context())
	require.Equal(t, 3, r.count(countSpans))
	require.Empty(t, r.dropped())
}

func TestUnreadableRecordIsSetAsideWhenTheStoreWasAwayBefore(t *testing.T) {
	r := newRig(t, plainCodec, func(c *Config) {
		c.Store, c.Endpoint = nil, "127.0.0.1:1"
		c.Queue.SealAfter, c.Queue.SealAfterBusy = 50*time.Millisecond, 50*time.Millisecond
	}).start()
	require.NoError(t, r.traces.ConsumeTraces(t.Context(), spans(2, 3, nameBadRecord)))
	require.Eventually(t, func() bool { return slices.Contains(r.host.statuses(), componentstatus.StatusRecoverableError) },
		30*time.Second, time.Millisecond)
	link := r.traces.(signalExporter).sink.store
	link.mu.Lock()
	link.store = r.store // the server is there now
	link.mu.Unlock()
	dir := filepath.Join(r.cfg.Queue.Path, "quarantine")
	require.Eventually(t, func() bool { _, err := os.Stat(dir); return err == nil }, 30*time.Second, 10*time.Millisecond)
	r.stop(t.Context())
	require.Equal(t, map[string]int64{"segment_refused traces": 3}, r.dropped())
}
