//go:build unix

package blockqueue

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A folder can be taken again at once, whatever children the process starts meanwhile: between fork and exec they hold a
// copy of the lock's descriptor.
func TestLockIsFreeOnceClosed(t *testing.T) {
	dir := t.TempDir()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if err := exec.Command("true").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for range 2000 {
		f, err := lockDir(dir)
		require.NoError(t, err)
		require.NoError(t, unlockDir(f))
	}
	close(stop)
	<-stopped
	f, err := lockDir(dir)
	require.NoError(t, err)
	_, err = lockDir(dir)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, unlockDir(f))
}
