//go:build !unix

package blockqueue

import (
	"errors"
	"os"
)

// lockDir refuses: without a lock that the kernel frees, two processes could write one queue.
func lockDir(string) (*os.File, error) {
	return nil, errors.New("the durable queue needs flock, which this platform lacks")
}

func unlockDir(f *os.File) error { return f.Close() }
