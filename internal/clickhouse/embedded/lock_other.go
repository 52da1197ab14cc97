//go:build !darwin && !linux

package embedded

import (
	"errors"
	"os"
	"runtime"
)

func tryLock(*os.File) (bool, error) {
	return false, errors.New("the embedded engine does not exist for " + runtime.GOOS + "; use a ClickHouse server")
}

func unlock(*os.File) error { return nil }
