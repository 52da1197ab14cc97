package crash

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The parts of a segment file that the tests aim at, as the queue writes them: a header whose length is in it, records of
// a frame and a payload, and at the end of a sealed segment a frame of its own magic.
const (
	frameBytes   = 32
	sealMagic    = "\xE5Sea"
	recordMagic  = "\xE5Rec"
	headerLength = 12
	queueID      = 16
)

// segment is a segment file as a dead process left it.
type segment struct {
	path string
	data []byte
	// head is the length of the header, sealed tells whether the last frame is a seal.
	head   int
	sealed bool
}

// segments are those in a queue's folder, in order.
func segments(t *testing.T, queue string) (all []segment) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(queue, "*.seg"))
	require.NoError(t, err)
	slices.Sort(paths)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Greater(t, len(data), headerLength+4)
		s := segment{path: path, data: data, head: int(binary.LittleEndian.Uint32(data[headerLength:]))}
		if at := len(data) - frameBytes; at > s.head {
			s.sealed = strings.HasPrefix(string(data[at:]), sealMagic)
		}
		all = append(all, s)
	}
	return all
}

func (s segment) write(t *testing.T, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.path, data, 0o600))
}

// records gives where the whole records begin, and in the end where the last one ends.
func (s segment) records() []int {
	at := s.head
	all := []int{at}
	for at+frameBytes <= len(s.data) && strings.HasPrefix(string(s.data[at:]), recordMagic) {
		at += frameBytes + int(binary.LittleEndian.Uint32(s.data[at+4:]))
		if at > len(s.data) {
			break
		}
		all = append(all, at)
	}
	return all
}

// acknowledged gives where the last acknowledged record of the queue's latest segment ends, which the queue notes beside it.
func acknowledged(t *testing.T, queue string, latest segment) int {
	t.Helper()
	mark, err := os.ReadFile(filepath.Join(queue, "mark"))
	require.NoError(t, err)
	require.Len(t, mark, 20)
	require.Equal(t, fmt.Sprintf("%020d.seg", binary.LittleEndian.Uint64(mark)), filepath.Base(latest.path))
	return int(binary.LittleEndian.Uint64(mark[8:]))
}

// unwritten makes the record that would have come next at an offset, with a payload of n bytes.
func (s segment) unwritten(at, n int) []byte {
	le, table := binary.LittleEndian, crc32.MakeTable(crc32.Castagnoli)
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i)
	}
	record := append([]byte(recordMagic), make([]byte, frameBytes-4)...)
	le.PutUint32(record[4:], uint32(n))
	le.PutUint32(record[8:], 50)
	le.PutUint32(record[24:], crc32.Checksum(payload, table))
	// A frame's checksum begins with the queue's id and the segment's number, then comes where the frame is.
	sum := crc32.Checksum(s.data[queueID:queueID+24], table)
	sum = crc32.Update(sum, table, le.AppendUint64(nil, uint64(at)))
	le.PutUint32(record[28:], crc32.Update(sum, table, record[:28]))
	return append(record, payload...)
}
