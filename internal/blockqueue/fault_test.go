package blockqueue

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// faultyFile lets a test decide how writes, fsyncs and truncations end.
type faultyFile struct {
	file
	beforeWrite    func(b []byte) (n int, err error)
	beforeSync     func() error
	beforeTruncate func() error
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if f.beforeWrite != nil {
		if n, err := f.beforeWrite(b); err != nil {
			n, _ = f.file.Write(b[:n])
			return n, err
		}
	}
	return f.file.Write(b)
}

func (f *faultyFile) Sync() error {
	if f.beforeSync != nil {
		if err := f.beforeSync(); err != nil {
			return err
		}
	}
	return f.file.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if f.beforeTruncate != nil {
		if err := f.beforeTruncate(); err != nil {
			return err
		}
	}
	return f.file.Truncate(size)
}

// faults is a disk that fails on command.
type faults struct {
	mu                    sync.Mutex
	write, sync, truncate error
	partial               int
}

func (d *faults) set(write, sync, truncate error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write, d.sync, d.truncate = write, sync, truncate
}

func (d *faults) open(path string) (file, error) {
	f, err := createFile(path)
	if err != nil {
		return nil, err
	}
	get := func(err *error) func() error {
		return func() error {
			d.mu.Lock()
			defer d.mu.Unlock()
			return *err
		}
	}
	return &faultyFile{
		file: f, beforeSync: get(&d.sync), beforeTruncate: get(&d.truncate),
		beforeWrite: func(b []byte) (int, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return min(d.partial, len(b)), d.write
		},
	}, nil
}

func TestFailedWritesAreNeverAcknowledgedNorDelivered(t *testing.T) {
	tests := []struct {
		name                  string
		write, sync, truncate error
	}{
		{name: "disk full in the middle of a record", write: syscall.ENOSPC},
		{name: "fsync fails", sync: syscall.EIO},
		{name: "fsync fails and the file cannot be cut at first", sync: syscall.EIO, truncate: syscall.EIO},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, disk := newSink(), &faults{partial: 40}
				dir := t.TempDir()
				q := open(t, dir, s, func(o *Options) { o.openFile = disk.open })
				appendAll(t, q, "before")
				disk.set(tt.write, tt.sync, tt.truncate)
				err := q.Append(t.Context(), Record{Payload: []byte("refused, and longer than what is written"), Rows: 1})
				require.Error(t, err)
				if tt.write != nil {
					require.ErrorIs(t, err, syscall.ENOSPC)
				}
				require.Error(t, q.Append(t.Context(), Record{Payload: []byte("refused too"), Rows: 1}), "a new segment fails as well")
				disk.set(nil, nil, nil)
				appendAll(t, q, "after")
				time.Sleep(5 * time.Second) // virtual: the cut is tried again
				require.NoError(t, q.Close(t.Context()))
				require.ElementsMatch(t, []string{"before", "after"}, s.records())
				require.Empty(t, s.reports())
				require.Zero(t, q.Stats().Bytes)
				left, err := listSegments(dir)
				require.NoError(t, err)
				require.Empty(t, left)
			})
		})
	}
}

func TestUncleanSegmentIsCutAtTheNextStart(t *testing.T) {
	s, disk := newSink(), &faults{partial: 40}
	dir := t.TempDir()
	q := open(t, dir, s, func(o *Options) { o.openFile = disk.open })
	appendAll(t, q, "before")
	disk.set(syscall.EIO, nil, syscall.EROFS)
	require.Error(t, q.Append(t.Context(), Record{Payload: []byte("refused, and longer than what is written"), Rows: 1}))
	require.NoError(t, q.Close(t.Context()))
	require.Empty(t, s.records(), "nobody reads a segment whose end is unknown")
	q = open(t, dir, s, nil)
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{"before"}, s.records())
	require.Positive(t, q.Stats().TornBytes)
}

func TestCancelledAppendIsWithdrawnOrAnswered(t *testing.T) {
	s := newSink()
	gate := make(chan struct{})
	q := open(t, t.TempDir(), s, func(o *Options) {
		o.openFile = func(path string) (file, error) {
			f, err := createFile(path)
			return &faultyFile{file: f, beforeSync: func() error { <-gate; return nil }}, err
		}
	})
	first := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { first <- q.Append(ctx, Record{Payload: []byte("written"), Rows: 1}) }()
	pending := func(n int) func() bool {
		return func() bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			return q.bytes > 0 && len(q.pending) == n
		}
	}
	require.Eventually(t, pending(0), 10*time.Second, time.Millisecond, "the committer has the first")
	second := make(chan error, 1)
	go func() { second <- q.Append(ctx, Record{Payload: []byte("withdrawn"), Rows: 1}) }()
	require.Eventually(t, pending(1), 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-second, context.Canceled)
	close(gate)
	require.NoError(t, <-first, "it was on its way and is durable")
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{"written"}, s.records())
}

func TestMissingSegmentFileIsReported(t *testing.T) {
	s := newSink()
	dir := t.TempDir()
	q := open(t, dir, s, func(o *Options) { o.Consume = blocked })
	appendAll(t, q, "a")
	require.NoError(t, q.Close(ended()))
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	removed := make(chan struct{})
	q = open(t, dir, s, func(o *Options) {
		o.Consume = func(context.Context, *Segment) error {
			defer close(removed)
			return fmt.Errorf("removed under the queue: %w", os.Remove(segmentPath(dir, numbers[0])))
		}
	})
	<-removed
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.reports(), 1)
	require.True(t, s.reports()[0].Lost)
}
