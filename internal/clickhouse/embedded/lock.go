package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const lockName = "summit.lock"

// InUseError says that another process, or another part of this one, has the store open.
type InUseError struct {
	Path string
	// PID is the owner's process id, 0 where it isn't known.
	PID int
}

// Error names the folder and the process.
func (e *InUseError) Error() string {
	owner := "another process"
	if e.PID != 0 {
		owner = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("the store in %s is in use by %s: stop it, or choose another folder", e.Path, owner)
}

// folderLock is held as long as the process lives or until release; the kernel lets it go when the process dies.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	name := filepath.Join(dir, lockName)
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock the store: %w", err)
	}
	free, err := tryLock(file)
	if err != nil || !free {
		defer file.Close()
		if err != nil {
			return nil, fmt.Errorf("lock the store in %s: %w", dir, err)
		}
		text, _ := os.ReadFile(name) // the owner may be just writing its number: then it isn't known
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, &InUseError{Path: dir, PID: pid}
	}
	if err := writePID(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the store in %s: %w", dir, err)
	}
	return &folderLock{file: file}, nil
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// release leaves the file: removing it would let two processes lock two files of the same name.
func (l *folderLock) release() error {
	return errors.Join(l.file.Truncate(0), unlock(l.file), l.file.Close())
}
