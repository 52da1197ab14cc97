package crash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inNamespace tells a test that it runs in namespaces that were made for it.
const inNamespace = "SUMMIT_TEST_IN_NAMESPACE"

// mayMount tells whether the test may mount. If it may not, it is run once more, by a process in a user's and a mount
// namespace of its own, where it may; then nothing is left to do here.
func mayMount(t *testing.T) bool {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the built binary")
	}
	probe := t.TempDir()
	err := unix.Mount("tmpfs", probe, "tmpfs", 0, "size=64k")
	if err == nil {
		require.NoError(t, unix.Unmount(probe, 0))
		return true
	}
	if os.Getenv(inNamespace) != "" {
		t.Skipf("a small file system can't be mounted, not even in a namespace: %v", err)
	}
	args := []string{"-test.v", "-test.run=^" + t.Name() + "$", fmt.Sprintf("-crash.long=%v", *long)}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || strings.Contains(string(out), "--- SKIP") {
		t.Skipf("a small file system can't be mounted, nor a namespace made: %v\n%s", err, out)
	}
	require.NoError(t, err, string(out))
	t.Logf("%s", out)
	return false
}

// mount mounts a small file system for the time of the test.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// ballast takes all the room that is left on a disk.
func ballast(t *testing.T, dir string) (remove func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.Copy(f, endless{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(path)) }
}

// endless gives bytes as long as anyone takes them.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// The disk of queue and store is full for a while. Clients are told to come back, nothing that was acknowledged is lost,
// and when there is room again all goes on. The same again with a kill while it is full.
func TestDiskIsFull(t *testing.T) {
	if !mayMount(t) {
		return
	}
	s := newSystem(t, false, "exporters::summit_clickhouse::queue::seal_after: 150ms", "exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	s.spec.Data = mount(t, "192m")
	s.ledger.Pace = 5 * time.Millisecond
	s.start()
	stop := s.load(4, true)
	for range pick(1, 5) {
		s.acknowledged()
		free := ballast(t, s.spec.Data)
		s.refusals()
		free()
		s.acknowledged()
	}
	stop()
	refused := s.ledger.Refused()
	require.Contains(t, refused.Sample, "no space left on device")
	require.Zero(t, refused.Untold, "a refusal doesn't say when to come back")
	s.requireCounted("disk_full")
	s.requireAll()

	stop = s.load(4, true)
	s.acknowledged()
	free := ballast(t, s.spec.Data)
	s.refusals()
	require.NoError(t, s.collector.Kill())
	stop()
	s.launch() // on a full disk: it may start or not, but it says why not and breaks nothing
	select {
	case <-s.collector.Done():
		tail := s.collector.Tail()
		require.Regexp(t, "(?i)no space left on device", tail[strings.LastIndex(strings.TrimSpace(tail), "\n")+1:])
	case <-time.After(3 * time.Second):
		require.NoError(t, s.collector.Kill())
	}
	free()
	s.start()
	s.finish()
}

// A folder that can't be written is named, with the reason, by a start that refuses.
func TestDataFolderIsReadOnly(t *testing.T) {
	if !mayMount(t) {
		return
	}
	for _, apart := range []bool{false, true} {
		s := newSystem(t, apart)
		s.spec.Data = mount(t, "64m")
		if apart { // the queue's folder alone
			require.NoError(t, os.Mkdir(filepath.Join(s.spec.Data, "queue"), 0o700))
		}
		require.NoError(t, unix.Mount("", s.spec.Data, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		s.launch()
		select {
		case <-s.collector.Done():
		case <-time.After(endLimit):
			require.Fail(t, "it runs:\n"+s.collector.Tail())
		}
		err := s.collector.Stop(time.Minute)
		require.ErrorContains(t, err, "exit status 1")
		require.ErrorContains(t, err, s.spec.Data)
		require.ErrorContains(t, err, "read-only file system")
	}
}

// The queue's folder can't be written any more while the gateway runs: clients are refused and told why, and all goes on
// when it can.
func TestQueueBecomesReadOnly(t *testing.T) {
	s := newSystem(t, true, "exporters::summit_clickhouse::queue::seal_after: 150ms", "exporters::summit_clickhouse::queue::seal_after_busy: 150ms")
	s.ledger.Pace = 5 * time.Millisecond
	s.startStore()
	s.start()
	stop := s.load(2, true)
	s.acknowledged()
	writable := readOnly(t, s.queue())
	s.refusals()
	writable()
	s.acknowledged()
	stop()
	refused := s.ledger.Refused()
	require.Contains(t, refused.Sample, s.queue())
	require.Regexp(t, "operation not permitted|permission denied", refused.Sample)
	s.requireCounted("queue_error")
	s.requireAll()

	stop = s.load(2, true)
	s.acknowledged()
	writable = readOnly(t, s.queue())
	s.refusals()
	require.NoError(t, s.collector.Kill())
	stop()
	writable()
	s.start()
	s.finish()
}

// immutableFlag is FS_IMMUTABLE_FL of linux/fs.h.
const immutableFlag = 0x10

// readOnly keeps everyone from making and removing files in a folder.
func readOnly(t *testing.T, dir string) (undo func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o500))
		return func() { require.NoError(t, os.Chmod(dir, 0o700)) }
	}
	set := func(immutable bool) error { // modes don't hold back the superuser
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return err
		}
		flags &^= immutableFlag
		if immutable {
			flags |= immutableFlag
		}
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
	}
	if err := set(true); err != nil {
		t.Skipf("the folder can't be made immutable: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, set(false)) }) // or it could not be removed
	return func() { require.NoError(t, set(false)) }
}
