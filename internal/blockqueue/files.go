package blockqueue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// file is what the committer needs of a segment file; tests put faults behind it.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
	Close() error
}

const (
	stateName     = "queue.json"
	lockName      = "lock"
	quarantineDir = "quarantine"
	segmentSuffix = ".seg"
	// numberReserve is how many segment numbers one write of the state file covers.
	numberReserve = 64
)

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", number, segmentSuffix))
}

// listSegments returns the numbers of the segment files in ascending order.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the queue folder: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok || e.IsDir() {
			continue
		}
		if n, err := strconv.ParseUint(base, 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// state is what outlives all segments: the first number that was never given out. Numbers name files, here and in
// quarantine; that no token comes twice doesn't depend on this file, see Queue.id.
type state struct {
	NextSegment uint64 `json:"next_segment"`
}

// loadState reads the state file. Where it is missing or damaged, numbers begin behind those of the files that are there.
func loadState(dir string) (st state, damaged bool, err error) {
	path := filepath.Join(dir, stateName)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return st, false, fmt.Errorf("read the queue's state: %w", err)
	default:
		if json.Unmarshal(b, &st) == nil && st.NextSegment > 0 {
			return st, false, nil
		}
		damaged = true
		if err := os.Rename(path, path+".damaged"); err != nil {
			return st, true, fmt.Errorf("set the damaged state file aside: %w", err)
		}
	}
	return state{NextSegment: 1}, damaged, nil
}

func saveState(dir string, st state) error {
	b, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encode the queue's state: %w", err)
	}
	path := filepath.Join(dir, stateName)
	if err := writeDurably(path+".tmp", b); err != nil {
		return fmt.Errorf("write the queue's state: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("replace the queue's state: %w", err)
	}
	return syncDir(dir)
}

func writeDurably(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDir makes a folder and those above it that are missing, and syncs each that got one: a folder whose entry is lost
// in a power cut takes everything along that was synced in it.
func makeDir(dir string, sync func(dir string) error) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var got []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		got = append(got, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, at := range got {
		if err := sync(at); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes creations, renames and removals in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder to sync it: %w", err)
	}
	err = d.Sync()
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
