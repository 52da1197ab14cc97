package blockqueue

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func crcOf(payload string) uint32 { return crc32.Checksum([]byte(payload), castagnoli) }

// TestAnyHistoryDeliversWhatWasAcknowledged runs random histories (appends of any class and size, a store that comes
// and goes, restarts with and without draining, lost removals) against the simplest model: a list. Whatever the limits
// are, the deliveries put together by token are that list.
func TestAnyHistoryDeliversWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "blockqueue")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		s := newSink()
		var mu sync.Mutex
		away := false
		s.err = func(*Segment) error {
			mu.Lock()
			defer mu.Unlock()
			if away {
				return errors.New("away")
			}
			return nil
		}
		opts := Options{
			Consume: s.consume, OnSetAside: s.setAside,
			MaxBytes:  rapid.Int64Range(500, 5000).Draw(t, "max bytes"),
			SealRows:  []int{rapid.IntRange(1, 20).Draw(t, "rows 0"), rapid.IntRange(1, 20).Draw(t, "rows 1")},
			SealBytes: rapid.Int64Range(1, 3000).Draw(t, "seal bytes"),
			SealAfter: time.Duration(rapid.IntRange(1, 20).Draw(t, "seal after")) * time.Millisecond,
			RetryMin:  time.Millisecond, RetryMax: time.Millisecond,
		}
		q, err := Open(dir, opts)
		require.NoError(t, err)
		var acked []string
		restart := func(ctx context.Context) {
			require.NoError(t, q.Close(ctx))
			q, err = Open(dir, opts)
			require.NoError(t, err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				size := rapid.IntRange(0, 600).Draw(t, "size")
				rec := Record{
					Payload: fmt.Appendf(nil, "%d:%0*d", len(acked), size, 0), Rows: rapid.IntRange(0, 30).Draw(t, "rows"),
					Class: uint8(rapid.IntRange(0, 1).Draw(t, "class")),
				}
				err := q.Append(context.Background(), rec)
				if errors.Is(err, ErrFull) || errors.Is(err, ErrTooLarge) {
					return
				}
				require.NoError(t, err)
				acked = append(acked, string(rec.Payload))
			},
			"store": func(t *rapid.T) {
				mu.Lock()
				defer mu.Unlock()
				away = rapid.Bool().Draw(t, "away")
			},
			"restart": func(*rapid.T) { restart(ended()) },
			"replay": func(t *rapid.T) {
				// A kill between the store's commit and the file's removal: the segment comes again.
				mu.Lock()
				away = true
				mu.Unlock()
				require.NoError(t, q.Close(ended()))
				saved := readSegments(t, dir)
				mu.Lock()
				away = false
				mu.Unlock()
				q, err = Open(dir, opts)
				require.NoError(t, err)
				require.NoError(t, q.Close(context.Background()))
				for path, data := range saved {
					require.NoError(t, os.WriteFile(path, data, 0o600))
				}
				q, err = Open(dir, opts)
				require.NoError(t, err)
			},
			"": func(t *rapid.T) {
				require.LessOrEqual(t, q.Stats().Bytes, opts.MaxBytes+int64(q.Stats().Segments)*200)
			},
		})
		mu.Lock()
		away = false
		mu.Unlock()
		require.NoError(t, q.Close(context.Background()))
		require.Equal(t, acked, s.records())
		require.Empty(t, s.reports())
		require.Zero(t, q.Stats().Bytes)
		require.Empty(t, readSegments(t, dir))
	})
}

func readSegments(t require.TestingT, dir string) map[string][]byte {
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, n := range numbers {
		data, err := os.ReadFile(segmentPath(dir, n))
		require.NoError(t, err)
		files[segmentPath(dir, n)] = data
	}
	return files
}
