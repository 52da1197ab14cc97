package blockqueue

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// leave makes a queue that holds the payloads in one segment and returns the segment's path.
func leave(t require.TestingT, dir string, payloads []string) string {
	q, err := Open(dir, Options{Consume: blocked, MaxBytes: 1 << 30})
	require.NoError(t, err)
	for _, p := range payloads {
		require.NoError(t, q.Append(context.Background(), Record{Payload: []byte(p), Rows: 1}))
	}
	require.NoError(t, q.Close(ended()))
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	require.Len(t, numbers, 1)
	return segmentPath(dir, numbers[0])
}

func drainAll(t require.TestingT, dir string) *sink {
	s := newSink()
	q, err := Open(dir, Options{Consume: s.consume, OnSetAside: s.setAside})
	require.NoError(t, err)
	require.NoError(t, q.Close(context.Background()))
	require.Zero(t, q.Stats().Bytes)
	return s
}

// TestFlippedByteLosesOneRecordAtMostAndSaysSo flips one byte anywhere in a sealed segment: the other records are
// delivered, and whatever is not delivered is kept in quarantine, byte for byte.
func TestFlippedByteLosesOneRecordAtMostAndSaysSo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "blockqueue")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		n := rapid.IntRange(1, 12).Draw(t, "records")
		var payloads []string
		for i := range n {
			filler := rapid.SampledFrom([]string{"", "x", string(recordMagic[:]), string(sealMagic[:]), segmentMagic}).Draw(t, "filler")
			payloads = append(payloads, fmt.Sprintf("<%d>", i)+string(bytes.Repeat([]byte(filler), rapid.IntRange(0, 40).Draw(t, "times"))))
		}
		path := leave(t, dir, payloads)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		data[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "xor"))
		require.NoError(t, os.WriteFile(path, data, 0o600))

		s := drainAll(t, dir)
		checkNothingVanished(t, s, payloads, data)
		_, start, err := parseHeader(data)
		if err == nil && at >= start {
			require.GreaterOrEqual(t, len(s.records()), n-1, "only the damaged record is lost")
		}
	})
}

// checkNothingVanished: a record is delivered, once, or its bytes as they are on disk lie in quarantine.
func checkNothingVanished(t require.TestingT, s *sink, payloads []string, data []byte) {
	got := s.records()
	var kept [][]byte
	for _, rep := range s.reports() {
		b, err := os.ReadFile(rep.Path)
		require.NoError(t, err)
		require.True(t, bytes.Contains(data, b))
		require.NotEmpty(t, rep.Reason)
		require.Equal(t, CauseDamaged, rep.Cause)
		kept = append(kept, b)
	}
	next := 0
	missing := 0
	for _, p := range payloads {
		if next < len(got) && got[next] == p {
			next++
			continue
		}
		missing++
	}
	require.Equal(t, len(got), next, "delivered records are those appended, in order")
	if missing > 0 {
		require.NotEmpty(t, kept, "%d records are missing without a word", missing)
		sum := 0
		for _, b := range kept {
			sum += len(b)
		}
		require.GreaterOrEqual(t, sum, missing*frameBytes)
	}
}

// TestTruncatedAnywhereDeliversTheWholeRecordsInFront is a crash: the file ends anywhere.
func TestTruncatedAnywhereDeliversTheWholeRecordsInFront(t *testing.T) {
	t.Parallel()
	payloads := []string{"first", "second record", "third"}
	template := t.TempDir()
	whole, err := os.ReadFile(leave(t, template, payloads))
	require.NoError(t, err)
	_, start, err := parseHeader(whole)
	require.NoError(t, err)
	for size := range len(whole) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(segmentPath(dir, 1), whole[:size], 0o600))
		var want []string
		end := start
		for _, p := range payloads {
			if end += frameBytes + len(p); end <= size {
				want = append(want, p)
			}
		}
		s := drainAll(t, dir)
		require.Equal(t, want, s.records(), "cut at %d", size)
		require.Empty(t, s.reports(), "a torn write was never acknowledged")
		if size%5 != 0 {
			continue
		}
		// The same with zeros behind, as a file system may leave them after a power loss.
		dir = t.TempDir()
		require.NoError(t, os.WriteFile(segmentPath(dir, 1), append(bytes.Clone(whole[:size]), make([]byte, 100)...), 0o600))
		require.Subset(t, append(want, drainAll(t, dir).records()...), want)
	}
}

func TestForeignRecordsInsideAPayloadAreNotRecords(t *testing.T) {
	other, err := os.ReadFile(leave(t, t.TempDir(), []string{"foreign"}))
	require.NoError(t, err)
	dir := t.TempDir()
	path := leave(t, dir, []string{"before", string(other), "after"})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	i := bytes.Index(data, other)
	data[i-frameBytes+4] ^= 1 // the length of the frame around it: the parser must look for the next frame
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s := drainAll(t, dir)
	require.Equal(t, []string{"before", "after"}, s.records())
	require.Len(t, s.reports(), 1)
}

func TestUnknownFormatVersionIsSetAsideWhole(t *testing.T) {
	dir := t.TempDir()
	path := leave(t, dir, []string{"a"})
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[8] = 9
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s := drainAll(t, dir)
	require.Empty(t, s.records())
	require.Len(t, s.reports(), 1)
	require.Contains(t, s.reports()[0].Reason, "version 9")
	kept, err := os.ReadFile(s.reports()[0].Path)
	require.NoError(t, err)
	require.Equal(t, data, kept)
}

// FuzzScan feeds the parser anything: it must not fail, and what it returns must cover the input without a gap.
func FuzzScan(f *testing.F) {
	h := header{queueID: uuid.UUID{1}, number: 1, openedAt: time.Unix(0, 5), meta: []byte("m")}
	good := appendHeader(nil, h)
	for _, p := range []string{"", "payload", string(recordMagic[:])} {
		good = appendRecord(good, h.seed(), p)
	}
	f.Add(good)
	f.Add(appendFrame(bytes.Clone(good), frame{magic: sealMagic, rows: 3}, h.seed(), int64(len(good))))
	f.Add(good[:len(good)-3])
	f.Add([]byte(segmentMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, start, err := parseHeader(data)
		if err != nil {
			return
		}
		c := scan(data, h.seed(), start)
		type piece struct{ from, to int }
		pieces := map[int]piece{}
		for _, e := range c.entries {
			pieces[e.offset] = piece{e.offset, e.offset + frameBytes + len(e.record.Payload)}
		}
		for _, b := range c.bad {
			pieces[b.from] = piece{b.from, b.to}
		}
		pos := start
		for pos < len(data) {
			p, ok := pieces[pos]
			if !ok {
				require.True(t, c.sealed, "a gap at %d", pos)
				pos += frameBytes
				continue
			}
			require.Greater(t, p.to, p.from)
			pos = p.to
		}
		require.Equal(t, len(data), pos)
	})
}

func appendRecord(dst []byte, seed uint32, payload string) []byte {
	at := int64(len(dst))
	dst = appendFrame(dst, frame{magic: recordMagic, length: uint32(len(payload)), rows: 1, payloadCRC: crcOf(payload)}, seed, at)
	return append(dst, payload...)
}
