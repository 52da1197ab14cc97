package blockqueue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sink is a consumer with a memory: what it was given, by token, and what it is to answer.
type sink struct {
	mu       sync.Mutex
	order    []string
	byToken  map[string][]string
	segments map[string]Segment
	err      func(seg *Segment) error
	asides   []SetAside
}

func newSink() *sink { return &sink{byToken: map[string][]string{}, segments: map[string]Segment{}} }

func (s *sink) consume(_ context.Context, seg *Segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for _, r := range seg.Records {
		got = append(got, string(r.Payload))
	}
	if s.err != nil {
		if err := s.err(seg); err != nil {
			return err
		}
	}
	token := seg.Token("t")
	if old, ok := s.byToken[token]; ok && !slices.Equal(old, got) {
		return Permanent(fmt.Errorf("segment %s changed: %v, before %v", token, got, old))
	} else if !ok {
		s.order = append(s.order, token)
	}
	s.byToken[token] = got
	s.segments[token] = Segment{QueueID: seg.QueueID, Number: seg.Number, OpenedAt: seg.OpenedAt, Meta: seg.Meta, Attempt: seg.Attempt}
	return nil
}

func (s *sink) setAside(rep SetAside) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asides = append(s.asides, rep)
}

func (s *sink) records() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, token := range s.order {
		all = append(all, s.byToken[token]...)
	}
	return all
}

func (s *sink) reports() []SetAside {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asides)
}

func open(t testing.TB, dir string, s *sink, change func(*Options)) *Queue {
	t.Helper()
	opts := Options{Consume: s.consume, OnSetAside: s.setAside, Meta: []byte("meta"), SealRows: []int{1000, 500}}
	if change != nil {
		change(&opts)
	}
	q, err := Open(dir, opts)
	require.NoError(t, err)
	return q
}

func appendAll(t testing.TB, q *Queue, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		require.NoError(t, q.Append(t.Context(), Record{Payload: []byte(p), Rows: 1, RawBytes: len(p)}))
	}
}

// ended is a context that is over, so that Close leaves everything on disk.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func blocked(context.Context, *Segment) error { return errors.New("the store is away") }

func TestAcknowledgedRecordsAreDeliveredInOrder(t *testing.T) {
	s := newSink()
	q := open(t, t.TempDir(), s, nil)
	appendAll(t, q, "a", "b", "c")
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "c"}, s.records())
	require.ErrorIs(t, q.Append(t.Context(), Record{Payload: []byte("d")}), ErrClosed)
	require.ErrorIs(t, q.Close(t.Context()), ErrClosed)
}

func TestLeftSegmentsAreHandedOverAfterRestartAsTheyWere(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	q := open(t, dir, s, func(o *Options) { o.Consume = blocked; o.SealRows = []int{2} })
	id := q.ID()
	before := time.Now()
	appendAll(t, q, "a", "b", "c")
	require.NoError(t, q.Close(ended()))
	require.Empty(t, s.records())

	q = open(t, dir, s, func(o *Options) { o.Meta = []byte("newer") })
	require.NotEqual(t, id, q.ID(), "what this process appends has tokens of its own")
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "c"}, s.records())
	require.Equal(t, []string{id + "-1-t", id + "-2-t"}, s.order)
	for _, seg := range s.segments {
		require.Equal(t, "meta", string(seg.Meta), "the settings of the process that wrote it")
		require.WithinRange(t, seg.OpenedAt, before, time.Now())
	}
}

func TestNumbersAreNeverReused(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	for range 3 {
		q := open(t, dir, s, nil)
		appendAll(t, q, "x")
		require.NoError(t, q.Close(t.Context()))
		left, err := listSegments(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
	require.Len(t, s.order, 3, "one token per segment, though the folder was empty at each start: %v", s.order)
}

func TestNumbersAreNotReusedAfterAKill(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	q := open(t, dir, s, nil)
	appendAll(t, q, "x")
	killed, err := os.ReadFile(filepath.Join(dir, stateName))
	require.NoError(t, err)
	require.NoError(t, q.Close(t.Context()))
	// A kill would have left the state file as it was while the queue ran.
	require.NoError(t, os.WriteFile(filepath.Join(dir, stateName), killed, 0o600))
	q = open(t, dir, s, nil)
	appendAll(t, q, "y")
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.order, 2)
	require.Equal(t, []string{"x", "y"}, s.records())
}

func TestDamagedStateKeepsTheOldTokens(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	q := open(t, dir, s, func(o *Options) { o.Consume = blocked })
	old := q.ID()
	appendAll(t, q, "x")
	require.NoError(t, q.Close(ended()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, stateName), []byte("{"), 0o600))
	q = open(t, dir, s, nil)
	require.NotEqual(t, old, q.ID())
	appendAll(t, q, "y")
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{old + "-1-t", q.ID() + "-2-t"}, s.order)
}

// TestFolderOfAnEarlierTimeGivesOutNoTokenTwice goes on with a folder as it was before, as after a restore from a backup,
// and with two copies of one, as on machines that were cloned.
func TestFolderOfAnEarlierTimeGivesOutNoTokenTwice(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	require.NoError(t, open(t, dir, s, nil).Close(t.Context()))
	clones := []string{dir, t.TempDir(), t.TempDir()}
	for _, clone := range clones[1:] {
		require.NoError(t, os.CopyFS(clone, os.DirFS(dir)))
	}
	for i, clone := range clones {
		q := open(t, clone, s, nil)
		appendAll(t, q, fmt.Sprint("rows of ", i))
		require.NoError(t, q.Close(t.Context()))
	}
	require.Equal(t, []string{"rows of 0", "rows of 1", "rows of 2"}, s.records())
}

func TestNumberOfASegmentInQuarantineIsNotGivenAgain(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	s.err = func(*Segment) error { return Permanent(errors.New("never")) }
	q := open(t, dir, s, nil)
	appendAll(t, q, "x")
	require.NoError(t, q.Close(t.Context()))
	require.NoError(t, os.Remove(filepath.Join(dir, stateName)))
	q = open(t, dir, s, nil)
	appendAll(t, q, "y")
	require.NoError(t, q.Close(t.Context()))
	kept, err := filepath.Glob(filepath.Join(dir, quarantineDir, "*"+segmentSuffix))
	require.NoError(t, err)
	require.Len(t, kept, 2, "the second does not overwrite the first")
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	q := open(t, dir, s, nil)
	_, err := Open(dir, Options{Consume: s.consume})
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, q.Close(t.Context()))
	q = open(t, dir, s, nil)
	require.NoError(t, q.Close(t.Context()))
}

func TestFullQueueRefusesUntilDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		var away atomic.Bool
		away.Store(true)
		s.err = func(*Segment) error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		}
		q := open(t, t.TempDir(), s, func(o *Options) { o.MaxBytes = 3000 })
		payload := make([]byte, 1000)
		require.NoError(t, q.Append(t.Context(), Record{Payload: payload, Rows: 1}))
		require.NoError(t, q.Append(t.Context(), Record{Payload: payload, Rows: 1}))
		err := q.Append(t.Context(), Record{Payload: payload, Rows: 1})
		require.ErrorIs(t, err, ErrFull)
		var full *FullError
		require.ErrorAs(t, err, &full)
		require.GreaterOrEqual(t, full.RetryAfter, time.Second)
		require.LessOrEqual(t, full.RetryAfter, 30*time.Second)
		require.ErrorIs(t, q.Append(t.Context(), Record{Payload: make([]byte, 4000)}), ErrTooLarge)

		away.Store(false)
		time.Sleep(time.Minute) // virtual
		require.Zero(t, q.Stats().Bytes)
		require.NoError(t, q.Append(t.Context(), Record{Payload: payload, Rows: 1}))
		require.NoError(t, q.Close(t.Context()))
		require.Len(t, s.records(), 3)
	})
}

func TestWrongRecordsAreRefused(t *testing.T) {
	s := newSink()
	q := open(t, t.TempDir(), s, func(o *Options) { o.MaxRecordBytes = 10; o.MaxRecordRows = 5 })
	require.ErrorIs(t, q.Append(t.Context(), Record{Payload: make([]byte, 11)}), ErrTooLarge)
	require.ErrorIs(t, q.Append(t.Context(), Record{Rows: 6}), ErrTooLarge)
	require.ErrorContains(t, q.Append(t.Context(), Record{Class: 2}), "class 2")
	require.Error(t, q.Append(t.Context(), Record{Rows: -1}))
	require.ErrorIs(t, q.Append(ended(), Record{}), context.Canceled)
	require.Zero(t, q.Stats().Bytes)
	require.NoError(t, q.Close(t.Context()))
}

func TestSealing(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		// steps are (pause before, records appended).
		steps [][2]int
		want  []int
	}{
		{"a free consumer: by age", Options{SealRows: []int{1000}}, [][2]int{{0, 1}, {300, 1}, {300, 1}, {300, 1}}, []int{3, 1}},
		{"rows", Options{SealRows: []int{3}}, [][2]int{{0, 7}}, []int{3, 3, 1}},
		{"raw bytes", Options{SealRawBytes: 25}, [][2]int{{0, 5}}, []int{2, 2, 1}},
		{"stored bytes", Options{SealBytes: 150}, [][2]int{{0, 3}}, []int{2, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSink()
				opts := tt.options
				opts.Consume = s.consume
				q, err := Open(t.TempDir(), opts)
				require.NoError(t, err)
				for _, step := range tt.steps {
					time.Sleep(time.Duration(step[0]) * time.Millisecond) // virtual
					for range step[1] {
						require.NoError(t, q.Append(t.Context(), Record{Payload: []byte("0123456789"), Rows: 1, RawBytes: 10}))
					}
				}
				require.NoError(t, q.Close(t.Context()))
				var got []int
				for _, token := range s.order {
					got = append(got, len(s.byToken[token]))
				}
				require.Equal(t, tt.want, got)
			})
		})
	}
}

// While the consumer is busy the open segment goes on growing; it is sealed when the consumer is free again, is full, or
// has the age that bounds this.
func TestSegmentGrowsWhileTheConsumerIsBusy(t *testing.T) {
	tests := []struct {
		name string
		took time.Duration
		want []int
		// at is when each segment is handed over.
		at []time.Duration
	}{
		{"as fast as it comes", 100 * time.Millisecond, []int{7, 7, 7, 7}, []time.Duration{650, 1350, 2050, 2750}},
		{"slower than a segment fills", 1500 * time.Millisecond, []int{7, 15, 6}, []time.Duration{650, 2150, 3650}},
		{"away for long", 9 * time.Second, []int{7, 21}, []time.Duration{650, 9650}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []int
				var at []time.Duration
				q, err := Open(t.TempDir(), Options{SealAfter: 650 * time.Millisecond, Consume: func(_ context.Context, seg *Segment) error {
					got = append(got, len(seg.Records))
					at = append(at, time.Since(began)/time.Millisecond)
					time.Sleep(tt.took) // virtual
					return nil
				}})
				require.NoError(t, err)
				for range 28 {
					require.NoError(t, q.Append(t.Context(), Record{Payload: []byte("0123456789"), Rows: 1, RawBytes: 10}))
					time.Sleep(100 * time.Millisecond) // virtual
				}
				require.NoError(t, q.Close(t.Context()))
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.at, at)
			})
		})
	}
}

func TestBusyConsumerDelaysASealNoLongerThanTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		release := make(chan struct{})
		q, err := Open(t.TempDir(), Options{SealAfter: 650 * time.Millisecond, SealAfterBusy: 1950 * time.Millisecond, Consume: func(_ context.Context, seg *Segment) error {
			got = append(got, len(seg.Records))
			<-release
			return nil
		}})
		require.NoError(t, err)
		for range 60 {
			require.NoError(t, q.Append(t.Context(), Record{Payload: []byte("x"), Rows: 1, RawBytes: 10}))
			time.Sleep(100 * time.Millisecond) // virtual
		}
		require.Equal(t, 4, q.Stats().Segments, "one is taken, two are full of age, one is open")
		close(release)
		require.NoError(t, q.Close(t.Context()))
		require.Equal(t, []int{7, 20, 20, 13}, got)
	})
}

func TestClassesHaveLimitsOfTheirOwn(t *testing.T) {
	s := newSink()
	q := open(t, t.TempDir(), s, func(o *Options) { o.SealRows = []int{4, 2} })
	for i, class := range []uint8{0, 1, 0, 1, 0, 1} {
		require.NoError(t, q.Append(t.Context(), Record{Payload: fmt.Append(nil, i), Rows: 1, Class: class}))
	}
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.order, 2)
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, s.byToken[s.order[0]])
}

func TestVisibleWithinTwoSecondsWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		q := open(t, t.TempDir(), s, nil)
		appendAll(t, q, "a")
		require.Positive(t, q.Stats().Segments)
		time.Sleep(1999 * time.Millisecond) // virtual
		require.Equal(t, []string{"a"}, s.records())
		require.Zero(t, q.Stats().Segments)
		require.Zero(t, q.Stats().OldestAge)
		require.NoError(t, q.Close(t.Context()))
	})
}

func TestRetriesWithGrowingPausesUntilTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		began := time.Now()
		s.err = func(seg *Segment) error {
			if time.Since(began) < 10*time.Minute {
				return errors.New("away")
			}
			return nil
		}
		q := open(t, t.TempDir(), s, nil)
		appendAll(t, q, "a")
		time.Sleep(5 * time.Minute) // virtual
		require.InDelta(t, 300, q.Stats().OldestAge.Seconds(), 1)
		time.Sleep(6 * time.Minute)
		require.Equal(t, []string{"a"}, s.records())
		for _, seg := range s.segments {
			require.InDelta(t, 28, seg.Attempt, 6, "pauses double up to 30 s")
		}
		require.NoError(t, q.Close(t.Context()))
	})
}

func TestPermanentErrorSetsTheSegmentAsideAndGoesOn(t *testing.T) {
	dir, s := t.TempDir(), newSink()
	s.err = func(seg *Segment) error {
		if string(seg.Records[0].Payload) == "bad" {
			return Permanent(errors.New("no such column"))
		}
		return nil
	}
	q := open(t, dir, s, func(o *Options) { o.SealRows = []int{1} })
	appendAll(t, q, "a", "bad", "b")
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, []string{"a", "b"}, s.records())
	require.Len(t, s.reports(), 1)
	rep := s.reports()[0]
	require.Equal(t, 1, rep.Rows)
	require.Equal(t, "no such column", rep.Reason)
	kept, err := os.ReadFile(rep.Path)
	require.NoError(t, err)
	require.Contains(t, string(kept), "bad")
	require.FileExists(t, rep.Path+".txt")
	require.Zero(t, q.Stats().Bytes)
	require.Positive(t, q.Stats().QuarantineBytes)
}

func TestConsumerSetsOneRecordAside(t *testing.T) {
	s := newSink()
	q := open(t, t.TempDir(), s, func(o *Options) {
		o.Consume = func(ctx context.Context, seg *Segment) error {
			seg.SetAside(1, errors.New("unknown version"))
			return s.consume(ctx, seg)
		}
	})
	appendAll(t, q, "a", "odd", "b")
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.reports(), 1)
	kept, err := os.ReadFile(s.reports()[0].Path)
	require.NoError(t, err)
	require.Equal(t, "odd", string(kept))
}

func TestFullQuarantineReportsALoss(t *testing.T) {
	s := newSink()
	s.err = func(*Segment) error { return Permanent(errors.New("no")) }
	q := open(t, t.TempDir(), s, func(o *Options) { o.MaxQuarantineBytes = 1 })
	appendAll(t, q, "a")
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.reports(), 1)
	require.True(t, s.reports()[0].Lost)
	require.Zero(t, q.Stats().Bytes)
}

func TestAppendersShareFsyncs(t *testing.T) {
	s := newSink()
	gate := make(chan struct{})
	q := open(t, t.TempDir(), s, func(o *Options) {
		o.openFile = func(path string) (file, error) {
			f, err := createFile(path)
			return &faultyFile{file: f, beforeSync: func() error { <-gate; return nil }}, err
		}
	})
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := q.Append(context.Background(), Record{Payload: fmt.Append(nil, i), Rows: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	// All but those of the first commit wait while its fsync hangs.
	require.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.bytes >= n*(frameBytes+1)
	}, 10*time.Second, time.Millisecond)
	close(gate)
	wg.Wait()
	require.LessOrEqual(t, q.Stats().Syncs, uint64(3))
	require.NoError(t, q.Close(t.Context()))
	require.Len(t, s.records(), n)
}

func TestParallelConsumers(t *testing.T) {
	s := newSink()
	var inside atomic.Int32
	both := make(chan struct{})
	q := open(t, t.TempDir(), s, func(o *Options) {
		o.Consumers, o.SealRows = 2, []int{1}
		o.Consume = func(ctx context.Context, seg *Segment) error {
			if inside.Add(1) == 2 {
				close(both)
			}
			<-both
			return s.consume(ctx, seg)
		}
	})
	appendAll(t, q, "a", "b")
	require.NoError(t, q.Close(t.Context()))
	require.ElementsMatch(t, []string{"a", "b"}, s.records())
}

func TestWrongOptions(t *testing.T) {
	consume := func(context.Context, *Segment) error { return nil }
	for name, opts := range map[string]Options{
		"no consumer":   {},
		"rows":          {Consume: consume, SealRows: []int{0}},
		"times":         {Consume: consume, SealAfter: time.Second, SealAfterBusy: time.Millisecond},
		"negative size": {Consume: consume, MaxBytes: -1},
		"record size":   {Consume: consume, MaxRecordBytes: 2 << 30},
		"meta":          {Consume: consume, Meta: make([]byte, maxMetaBytes+1)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.TempDir(), opts)
			require.Error(t, err)
		})
	}
}
